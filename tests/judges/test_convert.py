"""Conversion against litgpt's own converter and against what both libraries compute."""

import json
import shutil

import pytest
import torch
import transformers
from litgpt.config import Config
from litgpt.model import GPT
from litgpt.scripts.convert_lit_checkpoint import qkv_reassemble
from litgpt.utils import save_config
from safetensors import safe_open
from safetensors.torch import save_file

from make_tiny import CASES, VOCAB, filled, hf_json, hf_state, lit_state, same
from program import convert, run

NAMES = list(CASES)
# fields of a lit Config that say nothing about what is computed
LABELS = {"name", "hf_config", "vocab_size", "padding_multiple"}
# fields that the Config of the tutorials (2024-03-01) has
TUTORIAL = {
    "name", "hf_config", "scale_embeddings", "block_size", "vocab_size", "padding_multiple", "padded_vocab_size",
    "n_layer", "n_head", "head_size", "n_embd", "rotary_percentage", "parallel_residual", "bias", "lm_head_bias",
    "n_query_groups", "shared_attention_norm", "_norm_class", "norm_eps", "_mlp_class", "gelu_approximate",
    "intermediate_size", "rope_condense_ratio", "rope_base", "n_expert", "n_expert_per_token",
}


@pytest.fixture(scope="module")
def lit(models, tmp_path_factory):
    """lit(name): the directory of a case as converted to lit, made once."""
    made = {}

    def get(name):
        if name not in made:
            made[name] = convert(models(name), tmp_path_factory.mktemp("lit") / name, "lit")
        return made[name]

    return get


def hf_logits(path, tokens):
    model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
    with torch.inference_mode():
        return model.eval()(tokens).logits


def lit_logits(path, tokens):
    model = GPT(Config.from_file(path / "model_config.yaml"))
    model.load_state_dict({k: v.float() for k, v in lit_state(path).items()}, strict=True)
    with torch.inference_mode():
        return model.eval()(tokens)


def with_head(state):
    """Tensors of a model by names; a tied head that is not stored counts as a copy."""
    head = "embed_out.weight" if "gpt_neox.embed_in.weight" in state else "lm_head.weight"
    embed = next(k for k in state if k.endswith(("embed_tokens.weight", "embed_in.weight", "word_embeddings.weight")))
    return {**state, head: state.get(head, state[embed])}


# Fields of config.json that a lit config does not say, and no tensor tells. A head that equals the embeddings and does not
# share their storage may be an untied one.
UNSAID = {"bos_token_id", "eos_token_id", "pad_token_id"}
# Fields that one model class of a family has and another has not, where they change nothing.
INERT = {"attention_bias": False, "mlp_bias": False, "rope_scaling": None, "sliding_window": None}
TOKENS = torch.randint(0, VOCAB, (2, 24), generator=torch.Generator().manual_seed(7))


@pytest.mark.parametrize("name", [n for n in NAMES if CASES[n].judged])
def test_to_lit_is_what_litgpt_makes(name, models, lit):
    same(lit_state(lit(name)), CASES[name].to_lit(hf_state(models(name))))


@pytest.mark.parametrize("name", NAMES)
def test_lit_config_is_litgpts(name, lit):
    ours = Config.from_file(lit(name) / "model_config.yaml")
    theirs = CASES[name].lit_config()
    differ = {k: (v, theirs.__dict__[k]) for k, v in ours.__dict__.items() if v != theirs.__dict__[k] and k not in LABELS}
    assert not differ, differ


@pytest.mark.parametrize("name", NAMES)
def test_both_libraries_compute_the_same(name, models, lit):
    torch.testing.assert_close(lit_logits(lit(name), TOKENS), hf_logits(models(name), TOKENS), rtol=3e-5, atol=3e-5)


@pytest.mark.parametrize("name", NAMES)
def test_back_to_hf_is_the_original(name, models, lit, tmp_path):
    back = convert(lit(name), tmp_path / "hf", "hf")
    original, config = hf_state(models(name)), hf_json(models(name))
    same(with_head(hf_state(back)), with_head(original))
    assert hf_json(back) == config
    for file in back.glob("*.safetensors"):
        with safe_open(file, "pt") as f:
            assert f.metadata().get("format") == "pt"
    torch.testing.assert_close(hf_logits(back, TOKENS), hf_logits(models(name), TOKENS), rtol=0, atol=0)


@pytest.mark.parametrize("name", [n for n in NAMES if CASES[n].judged and not CASES[n].drops_head])
def test_to_hf_is_what_litgpt_makes(name, models, lit, tmp_path):
    back = convert(lit(name), tmp_path / "hf", "hf")
    same(with_head(hf_state(back)), with_head(CASES[name].to_hf(lit_state(lit(name)))))


@pytest.mark.parametrize("name", NAMES)
def test_hf_config_is_made_without_a_carried_one(name, models, lit, tmp_path):
    alone = tmp_path / "alone"
    alone.mkdir()
    for file in ("lit_model.pth", "model_config.yaml"):
        shutil.copy(lit(name) / file, alone)
    if CASES[name].family == "phi3":  # LitGPT itself tells it from Llama by the name
        text = (alone / "model_config.yaml").read_text()
        assert "name: Phi" in text
    back = convert(alone, tmp_path / "hf", "hf")
    torch.testing.assert_close(hf_logits(back, TOKENS), hf_logits(models(name), TOKENS), rtol=1e-5, atol=1e-5)
    made, theirs = filled(back), filled(models(name))
    lost = {k for k, v in theirs.items() if made.get(k, "absent") != v}
    assert lost <= UNSAID | ({"tie_word_embeddings"} if name == "llama-tied" else set())
    assert {k: made[k] for k in made.keys() - theirs.keys()}.items() <= INERT.items()


@pytest.mark.parametrize("name", NAMES)
def test_a_model_that_litgpt_made(name, tmp_path):
    config = CASES[name].lit_config()
    if CASES[name].family == "deepseek_v3":  # which litgpt has no name for
        config.name, config.hf_config = "DeepSeek-V3", {}
    torch.manual_seed(3)
    model = GPT(config).eval()
    with torch.inference_mode():
        for value in model.state_dict().values():  # litgpt leaves some of them as zeros
            value.copy_(torch.randn_like(value) * 0.05 + (value.ndim == 1))
        logits = model(TOKENS)
    (tmp_path / "lit").mkdir()
    torch.save(model.state_dict(), tmp_path / "lit" / "lit_model.pth")
    save_config(config, tmp_path / "lit")
    hf = convert(tmp_path / "lit", tmp_path / "hf", "hf")
    torch.testing.assert_close(hf_logits(hf, TOKENS), logits, rtol=3e-5, atol=3e-5)
    again = convert(hf, tmp_path / "again", "lit")
    same(lit_state(again), lit_state(tmp_path / "lit"))
    torch.testing.assert_close(lit_logits(again, TOKENS), logits, rtol=0, atol=0)


def test_longrope_is_left_out_and_comes_back(models, lit, tmp_path):
    source = tmp_path / "hf"
    shutil.copytree(models("phi3"), source)
    scaling = dict(type="longrope", short_factor=[1.1, 1.2], long_factor=[2.0, 4.0])
    (source / "config.json").write_text(json.dumps({**hf_json(source), "original_max_position_embeddings": 48,
                                                    "rope_scaling": scaling}))
    said = run("convert", "--to", "lit", source, tmp_path / "lit").stderr
    assert "lossy in the config" in said and "no LongRoPE" in said
    for file in ("lit_model.pth", "model_config.yaml"):
        assert (tmp_path / "lit" / file).read_bytes() == (lit("phi3") / file).read_bytes()
    assert hf_json(convert(tmp_path / "lit", tmp_path / "back", "hf")) == hf_json(source)


@pytest.mark.parametrize("name", ["llama-gqa", "falcon-7b", "phi3", "qwen3_moe"])
def test_the_same_model_gives_the_same_file(name, models, lit, tmp_path):
    """However the source is ordered and sharded, and whatever layouts lie between."""
    mixed = tmp_path / "hf"
    mixed.mkdir()
    state = hf_state(models(name))
    names = sorted(state, key=lambda k: k[::-1])
    half = len(names) // 2
    save_file({k: state[k].contiguous() for k in names[half:]}, mixed / "model-00001-of-00002.safetensors")
    save_file({k: state[k].contiguous() for k in names[:half]}, mixed / "model-00002-of-00002.safetensors")
    files = [f"model-0000{1 + (i < half)}-of-00002.safetensors" for i in range(len(names))]
    (mixed / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": dict(zip(names, files))}))
    (mixed / "config.json").write_text(json.dumps(hf_json(models(name))))
    straight = convert(mixed, tmp_path / "lit", "lit")
    around = convert(convert(mixed, tmp_path / "legacy", "lit-legacy"), tmp_path / "again", "lit")
    for made in (straight, around):
        assert (made / "lit_model.pth").read_bytes() == (lit(name) / "lit_model.pth").read_bytes()
        assert Config.from_file(made / "model_config.yaml") == Config.from_file(lit(name) / "model_config.yaml")
    assert (straight / "model_config.yaml").read_bytes() == (lit(name) / "model_config.yaml").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_through_the_tutorials_layout(name, models, lit, tmp_path):
    legacy = convert(models(name), tmp_path / "legacy", "lit-legacy")
    state, modern = lit_state(legacy), lit_state(lit(name))
    config = Config.from_file(lit(name) / "model_config.yaml")
    expected = {}
    for key, value in modern.items():
        if ".attn.qkv." in key:
            expected[key.replace(".attn.qkv.", ".attn.attn.")] = qkv_reassemble(value, config)
        else:
            expected[key] = value
    same(state, expected)
    if CASES[name].legacy:
        fields = json.loads((legacy / "lit_config.json").read_text())
        assert set(fields) <= TUTORIAL, set(fields) - TUTORIAL
    else:  # a later Config of the same layout, see test_named.py
        assert (legacy / "model_config.yaml").exists() and not (legacy / "lit_config.json").exists()
    # without a fused projection both layouts have the same names
    told = [] if any(".attn.attn." in k for k in state) else ["--from", "lit-legacy"]
    back = convert(legacy, tmp_path / "hf", "hf", *told)
    same(with_head(hf_state(back)), with_head(hf_state(models(name))))


@pytest.mark.parametrize("name", ["llama-gqa", "gpt_neox"])
def test_lit_to_legacy_and_back(name, lit, tmp_path):
    legacy = convert(lit(name), tmp_path / "legacy", "lit-legacy")
    again = convert(legacy, tmp_path / "lit", "lit")
    same(lit_state(again), lit_state(lit(name)))
    ours, theirs = (Config.from_file(p / "model_config.yaml").__dict__ for p in (again, lit(name)))
    assert ours == theirs


def test_a_tied_head_shares_its_storage(lit):
    state = lit_state(lit("qwen2"))
    assert state["lm_head.weight"].data_ptr() == state["transformer.wte.weight"].data_ptr()


def test_a_trained_head_is_kept(lit, tmp_path):
    changed = tmp_path / "changed"
    shutil.copytree(lit("qwen2"), changed)
    state = {k: v.clone() for k, v in lit_state(changed).items()}
    state["lm_head.weight"] += 1
    torch.save(state, changed / "lit_model.pth")
    back = convert(changed, tmp_path / "hf", "hf")
    assert hf_json(back)["tie_word_embeddings"] is False
    assert torch.equal(hf_state(back)["lm_head.weight"], state["lm_head.weight"])
    model = transformers.AutoModelForCausalLM.from_pretrained(back, dtype=torch.bfloat16)
    assert torch.equal(model.lm_head.weight, state["lm_head.weight"])


def test_a_dtype_is_rounded_as_torch_does(models, tmp_path):
    out = convert(models("llama-gqa"), tmp_path / "lit", "lit", "--dtype", "bfloat16")
    expected = {k: v.bfloat16() for k, v in CASES["llama-gqa"].to_lit(hf_state(models("llama-gqa"))).items()}
    same(lit_state(out), expected)


def test_shards_are_as_the_hub_has_them(lit, tmp_path):
    back = convert(lit("llama-gqa"), tmp_path / "hf", "hf", "--shard-size", "20KB")
    index = json.loads((back / "model.safetensors.index.json").read_text())
    state = hf_state(back)
    assert set(index["weight_map"]) == set(state)
    assert index["metadata"]["total_size"] == sum(v.nbytes for v in state.values())
    assert len(set(index["weight_map"].values())) > 1
    hf_logits(back, TOKENS)


def test_carried_files_follow(models, lit):
    assert (lit("llama-mha") / "tokenizer.json").read_text() == "{}"
    assert hf_json(lit("llama-mha")) == hf_json(models("llama-mha"))


def test_threads_do_not_change_bytes(models, tmp_path):
    one = convert(models("falcon-40b"), tmp_path / "one", "lit", "--threads", "1")
    many = convert(models("falcon-40b"), tmp_path / "many", "lit", "--threads", "7")
    assert (one / "lit_model.pth").read_bytes() == (many / "lit_model.pth").read_bytes()


def test_a_named_model_brings_its_name(models, tmp_path):
    out = tmp_path / "lit"
    run("convert", "--to", "lit", "--set", "name=my-model", models("llama-mha"), out)
    assert Config.from_file(out / "model_config.yaml").name == "my-model"
