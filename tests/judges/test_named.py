"""Every model that Lit-GPT knows by name, of today's table and of the tutorials'.

Each is converted with sizes of its own for every free axis, and its config at true size. What
comes out is compared with layouts.py, which shares no code with the program, and with litgpt.
"""

import dataclasses
import json
import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
import yaml
from litgpt.config import Config, configs
from safetensors.torch import save_file

import layouts
import litgpt_convert
from make_tiny import hf_state, lit_state, same
from program import convert, run

ROWS = json.loads((Path(__file__).parents[2] / "rules" / "models.json").read_text())
TODAY = {c["name"]: Config(**c) for c in configs}
TUTORIAL = {r["name"]: r["fields"] for r in ROWS if r["layout"] == "lit-legacy"}
# Fields that Config had from July 2024 on and in December, when the fused projection was interleaved for the last time.
LATER = {
    "norm_class_name", "mlp_class_name", "post_attention_norm", "post_mlp_norm", "attn_bias", "rope_adjustments",
    "attention_scores_scalar", "attention_logit_softcapping", "final_logit_softcapping", "sliding_window_size",
    "sliding_window_layer_placing",
}
FIELDS = [f.name for f in dataclasses.fields(Config)]


def of_tutorial(fields):
    """A row of the tutorials as litgpt's Config of today."""
    fields = dict(fields)
    norm, mlp = fields.pop("_norm_class"), fields.pop("_mlp_class")
    return Config(**fields, norm_class_name=norm, mlp_class_name=mlp)


def as_tutorial(c):
    """The other way, for sizes that are not in the table."""
    known = next(iter(TUTORIAL.values()))
    fields = {k: getattr(c, k) for k in known if hasattr(c, k)}
    return {**fields, "_norm_class": c.norm_class_name, "_mlp_class": c.mlp_class_name}


def small(c):
    """The same config with little sizes, each of its own, where the model leaves the choice."""
    groups = 1 if c.n_query_groups == 1 else 6 if c.n_query_groups == c.n_head else 2
    of_heads = layouts.family_of(c) in ("falcon", "gpt_neox", "phi") or c.norm_class_name == "LayerNorm"
    sizes = dict(n_layer=2, n_head=6, n_query_groups=groups, head_size=3, n_embd=18 if of_heads else 17,
                 intermediate_size=13, padded_vocab_size=19, vocab_size=19)
    if c.n_expert:
        sizes.update(n_expert=5, n_expert_per_token=2)
    if c.moe_intermediate_size:
        sizes.update(moe_intermediate_size=11)
    for name in ("sliding_window_indices", "rope_indices"):
        if getattr(c, name):
            sizes[name] = getattr(c, name)[:2]
    return Config(**{**{k: getattr(c, k) for k in FIELDS}, **sizes})


def legacy_config(path):
    """Name and fields of the config of a directory of the old layout; a lit config that was carried along is second."""
    found = next(p for p in (path / "lit_config.json", path / "model_config.yaml") if p.exists())
    return found.name, yaml.safe_load(found.read_text())


def era_of(c):
    """Which Config of the old layout can say it: the tutorials', that of December 2024, none."""
    first = ("llama", "stablelm", "olmo", "gemma", "mixtral", "phi", "phi3", "gpt_neox", "falcon")
    if layouts.family_of(c) in first and not c.rope_adjustments:
        return "tutorials"
    return "later" if layouts.family_of(c) in (*first, "gemma2", "qwen2") else "none"


def ahead(work):
    """A fixture: work(name, directory) of a test's model, done once. Two workers are ahead of the tests, for the program runs
    beside Python."""
    @pytest.fixture(scope="module")
    def result_of(request, tmp_path_factory):
        names = {i.callspec.params["name"]: None for i in request.session.items if request.fixturename in i.fixturenames}
        root = tmp_path_factory.mktemp(request.fixturename)
        with ThreadPoolExecutor(2) as pool:
            jobs = {name: pool.submit(work, name, root / name) for name in names}
            yield lambda name: jobs[name].result()
            pool.shutdown(cancel_futures=True)
    return result_of


def write_hf(path, c, tensors):
    path.mkdir(parents=True)
    save_file({k: v.contiguous() for k, v in tensors.items()}, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps(layouts.hf_config(c)))
    return path


def write_legacy(path, c, tensors):
    path.mkdir(parents=True)
    torch.save(tensors, path / "lit_model.pth")
    (path / "lit_config.json").write_text(json.dumps(as_tutorial(c)))
    return path


def write_lit(path, c, tensors):
    path.mkdir(parents=True)
    torch.save(tensors, path / "lit_model.pth")
    (path / "model_config.yaml").write_text(yaml.dump(dataclasses.asdict(c)))
    return path


def step(src, dst, origin, to, c):
    """Convert a model that must be taken for one of its own layout and, where another library comes in, family."""
    report = json.loads(run("convert", "--json", "--no-sync", "--to", to, src, dst).stdout)
    families = {s["rules"].replace("-", "_") for s in report["steps"]} - {"lit_legacy"}
    assert report["from"] == origin and families == ({layouts.family_of(c)} if "hf" in (origin, to) else set())
    return dst


def all_around(name, path):
    """hf -> lit-legacy -> lit -> hf, and lit -> lit-legacy -> hf -> lit: from each layout to each other one."""
    c = small(TODAY[name])
    tensors = layouts.lit_tensors(c)
    hf = write_hf(path / "hf", c, layouts.to_hf(c, tensors))
    legacy = step(hf, path / "hf-legacy", "hf", "lit-legacy", c)
    lit = step(legacy, path / "legacy-lit", "lit-legacy", "lit", c)
    (lit / "config.json").unlink()  # so that the last step makes it anew
    made = step(lit, path / "lit-hf", "lit", "hf", c)
    own = write_lit(path / "lit", c, tensors)
    legacy2 = step(own, path / "lit-legacy", "lit", "lit-legacy", c)
    made2 = step(legacy2, path / "legacy-hf", "lit-legacy", "hf", c)
    return SimpleNamespace(c=c, tensors=tensors, source=hf, legacy=[legacy, legacy2], hf=[made, made2],
                           lit=[lit, step(made2, path / "hf-lit", "hf", "lit", c)])


around = ahead(all_around)


@pytest.mark.parametrize("name", TODAY)
def test_tensors(name, around):
    made = around(name)
    for found in made.legacy:
        same(lit_state(found), layouts.to_legacy(made.c, made.tensors))
    for found in made.lit:
        same(lit_state(found), made.tensors)
    for found in made.hf:
        same(hf_state(found), layouts.to_hf(made.c, made.tensors))


# Where litgpt's own converters are wrong.
TAKEN_FOR_GEMMA_2 = {"Gemma-2b", "Gemma-2b-it"}  # by how the name begins, both ways
HEADLESS = re.compile("Gemma-(2|3|7b)|CodeGemma|Phi-4-(mini|reasoning)")  # leaves out a head, whatever it holds
ASKS_FOR_NORM_2 = re.compile("OLMo-2-")  # which these models do not have


@pytest.mark.parametrize("name", TODAY)
def test_tensors_are_what_litgpt_makes(name, around):
    made = around(name)
    c, called = made.c, made.c.hf_config["name"]
    if name in TAKEN_FOR_GEMMA_2:
        assert "transformer.h.0.post_attention_norm.weight" in litgpt_convert.to_lit(c, made.source, called)
        c, called = dataclasses.replace(c, name="Gemma-7b"), "gemma-7b"
    ours = lit_state(made.lit[0])
    same(ours, litgpt_convert.to_lit(c, made.source, called))
    same(ours, litgpt_convert.from_legacy(made.c, lit_state(made.legacy[0])))
    if ASKS_FOR_NORM_2.match(name):
        with pytest.raises(KeyError, match="post_attention_norm"):
            litgpt_convert.to_hf(c, ours)
        return
    theirs = litgpt_convert.to_hf(c, ours)
    head = {"lm_head.weight": ours["lm_head.weight"]} if HEADLESS.match(c.name) else {}
    assert not set(head) & set(theirs)
    same(hf_state(made.hf[0]), {**head, **theirs})


@pytest.mark.parametrize("name", TODAY)
def test_config_of_the_older_layout(name, around):
    made = around(name)
    era, known = era_of(made.c), set(next(iter(TUTORIAL.values())))
    assert len([f for f in made.legacy[0].iterdir() if f.name in ("lit_config.json", "model_config.yaml")]) == 1
    for path in made.legacy:
        file, fields = legacy_config(path)
        assert file == ("lit_config.json" if era == "tutorials" else "model_config.yaml")
        assert (set(fields) <= known) == (era == "tutorials")
        assert (set(fields) <= known - {"_norm_class", "_mlp_class"} | LATER) == (era == "later")
        if era == "later":
            assert [fields[k] for k in ("norm_class_name", "mlp_class_name")] == [
                made.c.norm_class_name, made.c.mlp_class_name]


def there_and_back(name, path):
    """lit-legacy -> hf -> lit-legacy, and lit-legacy -> lit -> lit-legacy."""
    c = small(of_tutorial(TUTORIAL[name]))
    tensors = layouts.lit_tensors(c)
    old = write_legacy(path / "old", c, layouts.to_legacy(c, tensors))
    hf, lit = (step(old, path / to, "lit-legacy", to, c) for to in ("hf", "lit"))
    again = [step(hf, path / "hf-back", "hf", "lit-legacy", c), step(lit, path / "lit-back", "lit", "lit-legacy", c)]
    return SimpleNamespace(c=c, tensors=tensors, source=old, hf=hf, lit=lit, legacy=again)


tutorials = ahead(there_and_back)


@pytest.mark.parametrize("name", TUTORIAL)
def test_tensors_of_the_tutorials(name, tutorials):
    made = tutorials(name)
    same(hf_state(made.hf), layouts.to_hf(made.c, made.tensors))
    same(lit_state(made.lit), made.tensors)
    same(lit_state(made.lit), litgpt_convert.from_legacy(made.c, lit_state(made.source)))
    for again in made.legacy:
        same(lit_state(again), lit_state(made.source))
        assert json.loads((again / "lit_config.json").read_text()) == as_tutorial(made.c)


def told(c, to, path, **real):
    """The config that an audit says the conversion of the model at its true size would write.

    `real`: fields that config.json has otherwise.
    """
    path = path / c.hf_config["name"]
    path.mkdir(parents=True)
    shapes = {k: torch.empty(s, device="meta") for k, s in layouts.lit_shapes(c).items()}
    index = {k: "model-00001-of-00001.safetensors" for k in layouts.to_hf(c, shapes)}
    (path / "config.json").write_text(json.dumps({**layouts.hf_config(c), **real}))
    (path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    report = json.loads(run("audit", "--to", to, "--json", path).stdout)
    assert report["steps"][0]["rules"].replace("-", "_") == layouts.family_of(c)
    return {f["field"]: f["value"] for f in report["steps"][-1]["config"]}


def differences(ours, theirs):
    return {k: (ours.get(k), v) for k, v in theirs.items() if ours.get(k) != v}


today_told = ahead(lambda name, path: told(TODAY[name], "lit", path))
tutorial_told = ahead(lambda name, path: told(of_tutorial(TUTORIAL[name]), "lit-legacy", path))


@pytest.mark.parametrize("name", TODAY)
def test_config(name, today_told):
    assert not differences(Config(**today_told(name)).__dict__, TODAY[name].__dict__)


@pytest.mark.parametrize("name", TUTORIAL)
def test_config_of_the_tutorials(name, tutorial_told):
    record, theirs = tutorial_told(name), TUTORIAL[name]
    assert not differences(record, theirs)
    assert set(record) == set(theirs)


# Where Lit-GPT's table and the published config.json say different things: sizes and hard equations hold against the
# table, and a size takes the whole row away; a soft equation, a guess about what Lit-GPT computes, yields to it.
# (name, what config.json says, layout, fields that then differ from the table, a field and where it comes from)
DISAGREE = [
    ("Platypus2-70B", {"num_key_value_heads": 8}, "lit", {"n_query_groups": 8},
     "n_query_groups", "hf.num_key_value_heads = 8"),
    ("Platypus2-70B", {"num_key_value_heads": 8}, "lit-legacy", {"n_query_groups": 8},
     "n_query_groups", "lit.n_query_groups = 8"),
    ("Gemma-2b-it", {"hidden_act": "gelu", "rms_norm_eps": 1e-6, "max_position_embeddings": 8192}, "lit", {},
     "gelu_approximate", 'row Gemma-2b-it; hf.hidden_act = "gelu" would give "none"'),
    ("Gemma-2b-it", {"hidden_act": "gelu", "rms_norm_eps": 1e-6, "max_position_embeddings": 8192}, "lit-legacy", {},
     "gelu_approximate", "row Gemma-2b-it"),
    ("Mistral-7B-Instruct-v0.2", {"rope_theta": 1000000.0, "sliding_window": None}, "lit", {},
     "rope_base", "hf.rope_theta = 1000000.0"),
    ("Mistral-7B-Instruct-v0.2", {"rope_theta": 1000000.0, "sliding_window": None}, "lit-legacy",
     {"rope_base": 1000000}, "rope_base", "lit.rope_base"),
]


@pytest.mark.parametrize("name, real, to, other, field, source", DISAGREE)
def test_where_the_table_and_the_publisher_disagree(name, real, to, other, field, source, tmp_path):
    theirs = TODAY[name].__dict__ if to == "lit" else TUTORIAL[name]
    c = TODAY[name] if to == "lit" else of_tutorial(theirs)
    record = told(c, to, tmp_path, **real)
    path = tmp_path / c.hf_config["name"]
    report = json.loads(run("audit", "--to", to, "--json", path).stdout)
    texts = {f["field"]: f["text"] for f in report["steps"][-1]["config"]}
    assert source in texts[field]
    # where the row does not apply, what only it tells is left to Config
    wrong = {k: x for k, (x, _) in differences(record, theirs).items() if x is not None}
    assert wrong == other
    said = run("audit", "--to", to, path).stderr
    assert ("[row-vetoed]" in said and name in said) == ("n_query_groups" in other)
