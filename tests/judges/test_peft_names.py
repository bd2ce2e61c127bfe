"""What PEFT's files may be called and hold, and what is refused: small files, exact sums."""

import json
import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from make_tiny import hf_state, same
from program import convert, merge, run
from test_peft import near, train

Q = "model.layers.0.self_attn.q_proj"
CONFIG = dict(peft_type="LORA", r=2, lora_alpha=6, target_modules=["q_proj"])


@pytest.fixture(scope="module")
def factors():
    torch.manual_seed(7)
    return torch.randn(2, 32) * 0.1, torch.randn(32, 2) * 0.1  # A, B of llama-mha's q_proj


def write(path, tensors, **config):
    path.mkdir()
    save_file({k: v.contiguous() for k, v in tensors.items()}, path / "adapter_model.safetensors")
    (path / "adapter_config.json").write_text(json.dumps({**CONFIG, **config}))
    return path


def refused(models, adapter, out, *words, base="llama-mha", more=()):
    said = run("merge", *more, models(base), adapter, out, expect=4)
    for word in words:
        assert word in said.stderr, said.stderr
    assert not out.exists()


NAMES = {
    "plain": ("base_model.model.{m}.lora_A.weight", "base_model.model.{m}.lora_B.weight"),
    "no prefix": ("{m}.lora_A.weight", "{m}.lora_B.weight"),
    "half a prefix": ("base_model.{m}.lora_A.weight", "base_model.{m}.lora_B.weight"),
    "doubled": ("base_model.model.base_model.model.{m}.lora_A.weight", "base_model.model.base_model.model.{m}.lora_B.weight"),
    "adapter name": ("base_model.model.{m}.lora_A.default.weight", "base_model.model.{m}.lora_B.default.weight"),
    "name with dots": ("base_model.model.{m}.lora_A.my.run.2.weight", "base_model.model.{m}.lora_B.my.run.2.weight"),
    "without weight": ("base_model.model.{m}.lora_A.mine", "base_model.model.{m}.lora_B.mine"),
    "compiled": ("base_model.model._orig_mod.{m}.lora_A.weight", "base_model.model._orig_mod.{m}.lora_B.weight"),
    "compiled outside": ("_orig_mod.base_model.model.{m}.lora_A.weight", "_orig_mod.base_model.model.{m}.lora_B.weight"),
    "data parallel": ("module.base_model.model.{m}.lora_A.weight", "module.base_model.model.{m}.lora_B.weight"),
    "sharded": ("base_model.model._fsdp_wrapped_module.{m}.lora_A.weight", "base_model.model._fsdp_wrapped_module.{m}.lora_B.weight"),
}


@pytest.mark.parametrize("names", NAMES)
def test_residues(names, factors, models, tmp_path):
    write(tmp_path / "a", {n.format(m=Q): t for n, t in zip(NAMES[names], factors)})
    out = hf_state(merge(models("llama-mha"), tmp_path / "a", tmp_path / "out"))
    before = hf_state(models("llama-mha"))
    near(out[Q + ".weight"], before[Q + ".weight"].double() + 3 * factors[1].double() @ factors[0].double())
    assert all(torch.equal(out[k], before[k]) for k in out if k != Q + ".weight")


@pytest.mark.parametrize("drift", ["layers.0.self_attn.q_proj", "language_model.model.layers.0.self_attn.q_proj"])
def test_other_roots(drift, factors, models, tmp_path):
    """A class of another version has the same modules below another path."""
    write(tmp_path / "a", {f"base_model.model.{drift}.lora_{n}.weight": t for n, t in zip("AB", factors)})
    out = hf_state(merge(models("llama-mha"), tmp_path / "a", tmp_path / "out"))
    before = hf_state(models("llama-mha"))[Q + ".weight"]
    near(out[Q + ".weight"], before.double() + 3 * factors[1].double() @ factors[0].double())


def test_a_stored_copy_must_be_equal(factors, models, tmp_path):
    norm = torch.rand(32)
    pair = {f"base_model.model.{Q}.lora_{n}.weight": t for n, t in zip("AB", factors)}
    both = {"base_model.model.model.norm.weight": norm, "base_model.model.model.norm.modules_to_save.weight": norm.clone(),
            "base_model.model.model.norm.original_module.weight": torch.ones(32)}
    write(tmp_path / "a", {**pair, **both})
    said = run("merge", "--no-sync", models("llama-mha"), tmp_path / "a", tmp_path / "out").stderr
    assert torch.equal(hf_state(tmp_path / "out")["model.norm.weight"], norm)
    assert "1 tensor of the adapter dropped (base_model.model.model.norm.original_module.weight): no part of" in said
    both["base_model.model.model.norm.modules_to_save.weight"][3] += 1
    write(tmp_path / "b", {**pair, **both})
    refused(models, tmp_path / "b", tmp_path / "no", "norm", "differ")


OTHER_NAMES = {
    "adapter name": [(".lora_A.weight", ".lora_A.default.weight"), (".lora_B.weight", ".lora_B.default.weight"),
                     ("lora_embedding_A", "lora_embedding_A.default"), ("lora_embedding_B", "lora_embedding_B.default"),
                     ("lora_magnitude_vector", "lora_magnitude_vector.default"), ("norm.weight", "norm.modules_to_save.default.weight"),
                     ("lora_B.bias", "lora_B.default.bias"), ("trainable_tokens_delta", "trainable_tokens_delta.default")],
    "magnitude with weight": [("lora_magnitude_vector", "lora_magnitude_vector.weight")],
    "magnitude with both": [("lora_magnitude_vector", "lora_magnitude_vector.default.weight")],
    "saved without a name": [("norm.weight", "norm.modules_to_save.weight")],
    "no prefix": [("base_model.model.", "")],
    "compiled": [("base_model.model.", "base_model.model._orig_mod.")],
}
HOW = {
    "dora": dict(target_modules=["q_proj", "embed_tokens"], use_dora=True, modules_to_save=["norm"]),
    "bias": dict(target_modules=["q_proj"], lora_bias=True, trainable_token_indices=[3, 5]),
}


@pytest.mark.parametrize("how", HOW)
def test_residues_of_all_kinds(how, models, tmp_path):
    """Every suffix that peft writes, with what other writers leave in it: the same merge."""
    base = models("llama-biases")
    train(base, tmp_path / "a", **HOW[how])
    want = hf_state(merge(base, tmp_path / "a", tmp_path / "want"))
    tensors = load_file(tmp_path / "a" / "adapter_model.safetensors")
    for i, (kind, names) in enumerate(OTHER_NAMES.items()):
        renamed = {}
        for key, value in tensors.items():
            for old, new in names:
                if key.endswith(old) or old == "base_model.model.":
                    key = key.replace(old, new)
            renamed[key] = value
        if sorted(renamed) == sorted(tensors):
            continue
        (tmp_path / f"a{i}").mkdir()
        save_file(renamed, tmp_path / f"a{i}" / "adapter_model.safetensors")
        (tmp_path / f"a{i}" / "adapter_config.json").write_text((tmp_path / "a" / "adapter_config.json").read_text())
        same(hf_state(merge(base, tmp_path / f"a{i}", tmp_path / f"out{i}")), want)


def test_a_base_layer_that_is_stored_is_replaced_then_updated(models, tmp_path):
    """An embedding that was resized, or trained whole, and targeted as well."""
    base = models("llama-mha")
    train(base, tmp_path / "a", target_modules=["embed_tokens"])
    path = tmp_path / "a" / "adapter_model.safetensors"
    tensors = {k: v for k, v in load_file(path).items() if "base_layer" not in k}
    stored = torch.randn(64, 32)
    save_file({**tensors, "base_model.model.model.embed_tokens.base_layer.weight": stored}, path)
    a, b = (tensors[f"base_model.model.model.embed_tokens.lora_embedding_{n}"].double() for n in "AB")
    out = hf_state(merge(base, tmp_path / "a", tmp_path / "out"))
    near(out["model.embed_tokens.weight"], stored.double() + 7 / 3 * (b @ a).t())


def test_an_adapter_that_was_cut(factors, models, tmp_path):
    write(tmp_path / "a", {f"base_model.model.{Q}.lora_{n}.weight": t for n, t in zip("AB", factors)})
    path = tmp_path / "a" / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-8])
    said = run("merge", models("llama-mha"), tmp_path / "a", tmp_path / "out", expect=5).stderr
    assert "adapter_model.safetensors" in said and not (tmp_path / "out").exists()


def test_a_module_that_one_layer_lacks(models, tmp_path):
    """All others have it: said. So is a layer that was left out as a whole, unless the config says that it was meant to be."""
    config = json.loads((models("llama-mha") / "config.json").read_text())
    model = transformers.LlamaForCausalLM(transformers.LlamaConfig(**{**config, "num_hidden_layers": 4}))
    model.save_pretrained(tmp_path / "base")
    train(tmp_path / "base", tmp_path / "a", target_modules=["q_proj", "v_proj"])
    path = tmp_path / "a" / "adapter_model.safetensors"
    tensors = load_file(path)
    whole = {k: v for k, v in tensors.items() if "layers.2." not in k}
    save_file(whole, path)
    assert "nothing for whole layers" in run("merge", tmp_path / "base", tmp_path / "a", tmp_path / "cut").stderr
    said = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    for meant in (dict(layers_to_transform=[0, 1, 3]), dict(target_modules=r".*layers\.[013]\..*(q|v)_proj"),
                  dict(target_modules=[f"layers.{l}.self_attn.{x}_proj" for l in (0, 1, 3) for x in "qv"])):
        (tmp_path / "a" / "adapter_config.json").write_text(json.dumps({**said, **meant}))
        run("merge", tmp_path / "base", tmp_path / "a", tmp_path / "meant", "--force", "--strict")
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps({**said, "target_modules": ["q_proj", "v_proj", "up_proj"]}))
    assert "names 'up_proj', but the adapter updates no such module" in run(
        "merge", tmp_path / "base", tmp_path / "a", tmp_path / "absent").stderr
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps(said))
    save_file({k: v for k, v in tensors.items() if "layers.2.self_attn.v_proj" not in k}, path)
    said = run("merge", tmp_path / "base", tmp_path / "a", tmp_path / "gap").stderr
    assert "adapter-gap" in said and "= model.layers.2.self_attn.v_proj.weight\n" in said and "3 of the 4" in said
    run("merge", tmp_path / "base", tmp_path / "a", tmp_path / "strict", "--strict", expect=1)


def test_alpha_zero_and_the_nearest_name(factors, models, tmp_path):
    pair = {f"base_model.model.{Q}.lora_{n}.weight": t for n, t in zip("AB", factors)}
    write(tmp_path / "zero", pair, lora_alpha=0)
    assert "adapter-idle" in run("merge", models("llama-mha"), tmp_path / "zero", tmp_path / "out").stderr
    write(tmp_path / "half", pair, lora_alpha=1.5)
    before, after = hf_state(models("llama-mha")), hf_state(merge(models("llama-mha"), tmp_path / "half", tmp_path / "half-out"))
    near(after[Q + ".weight"], before[Q + ".weight"].double() + 0.75 * factors[1].double() @ factors[0].double())
    write(tmp_path / "near", {k.replace("q_proj", "q_prj"): v for k, v in pair.items()})
    refused(models, tmp_path / "near", tmp_path / "no", "adapter-unused", "no model.layers.0.self_attn.q_prj.weight",
            "the nearest is model.layers.0.self_attn.q_proj.weight")


KINDS = {
    "pissa": (dict(init_lora_weights="pissa"), "PiSSA"),
    "pissa_niter": (dict(init_lora_weights="pissa_niter_16"), "PiSSA"),
    "olora": (dict(init_lora_weights="olora"), "OLoRA"),
    "loftq": (dict(init_lora_weights="loftq"), "LoftQ"),
    "alora": (dict(alora_invocation_tokens=[1, 2]), "aLoRA"),
    "arrow": (dict(arrow_config=dict(top_k=3)), "Arrow"),
    "kasa": (dict(kasa_config=dict(beta=1.0)), "KaSA"),
    "qalora": (dict(use_qalora=True), "QALoRA"),
    "bdlora": (dict(use_bdlora=dict(n=2)), "block"),
    "replication": (dict(layer_replication=[[0, 2], [1, 2]]), "layer_replication"),
    "no rank": (dict(r=None), "adapter.r"),
    "no alpha": (dict(lora_alpha=None), "adapter.lora_alpha"),
    "rank 0": (dict(r=0), "rank"),
    "another rank": (dict(r=4), "n = "),
    "a pattern's rank": (dict(rank_pattern={"q_proj": 1}), "n = "),
    "a wrong pattern": (dict(rank_pattern={"(": 1}), "pattern"),
    "dora without magnitudes": (dict(use_dora=True), "lora_magnitude_vector"),
    **{t.lower(): (dict(peft_type=t), "LoRA") for t in ("IA3", "LOHA", "LOKR", "VERA", "ADALORA", "OFT", "BOFT", "HRA", "XLORA")},
}


@pytest.mark.parametrize("kind", KINDS)
def test_refused_configs(kind, factors, models, tmp_path):
    config, word = KINDS[kind]
    write(tmp_path / "a", {f"base_model.model.{Q}.lora_{n}.weight": t for n, t in zip("AB", factors)}, **config)
    refused(models, tmp_path / "a", tmp_path / "out", word)


def test_refused_files(factors, models, tmp_path):
    a, b = factors
    name = "base_model.model." + Q
    cases = [
        ({name + ".lora_A.weight": a}, ["lora_B"]),
        ({name + ".lora_B.weight": b}, ["lora_A"]),
        ({name + ".lora_A.weight": a[:, :16], name + ".lora_B.weight": b}, ["[2, 16]", "q_proj"]),
        ({name + ".lora_A.weight": a, name + ".lora_B.weight": b, name + ".lora_B.bias": torch.ones(32)}, ["bias"]),
        ({name + ".lora_A.weight": a, name + ".lora_B.weight": b, name + ".lora_magnitude_vector": torch.ones(32)}, ["magnitude"]),
        ({name.replace("layers.0", "layers.7") + ".lora_A.weight": a, name.replace("layers.0", "layers.7") + ".lora_B.weight": b},
         ["layers.7"]),
        ({name + ".lora_A.weight": a, name + ".lora_B.weight": b, "base_model.model.model.extra.weight": a.clone()}, ["extra"]),
        ({"base_model.model.model.embed_tokens.weight": torch.zeros(70, 32)}, ["lm_head", "70"]),
    ]
    for i, (tensors, words) in enumerate(cases):
        write(tmp_path / f"a{i}", tensors)
        refused(models, tmp_path / f"a{i}", tmp_path / "out", *words)


PATTERNS = {
    "unused": (dict(rank_pattern={"q_proj": 2, "qproj": 5}, alpha_pattern={r"layers\.1\..*": 3}), ["pattern-unused", "= qproj", "layers\\.1", "1 of the 2"], 3),
    "twice": (dict(alpha_pattern={"layers.0.self_attn.q_proj": 4, "q_proj": 8}), ["pattern-twice", "'layers.0.self_attn.q_proj' and 'q_proj'"], 2),
    "twice-alike": (dict(alpha_pattern={"layers.0.self_attn.q_proj": 4, "q_proj": 4}), [], 2),
    "all-used": (dict(rank_pattern={"^model.layers.0.self_attn.q_proj": 2}, alpha_pattern={"q_.*": 5}), [], 2.5),
}


@pytest.mark.parametrize("kind", PATTERNS)
def test_patterns_that_say_too_little_or_too_much(kind, factors, models, tmp_path):
    """The merge is peft's, the first pattern that fits; what is doubtful is said, and stops --strict."""
    config, words, scale = PATTERNS[kind]
    write(tmp_path / "a", {f"base_model.model.{Q}.lora_{n}.weight": t for n, t in zip("AB", factors)},
          layers_to_transform=0, **config)
    said = run("merge", models("llama-mha"), tmp_path / "a", tmp_path / "out").stderr
    assert all(w in said for w in words) and ("pattern-" in said) == bool(words), said
    before = hf_state(models("llama-mha"))[Q + ".weight"]
    near(hf_state(tmp_path / "out")[Q + ".weight"], before.double() + scale * factors[1].double() @ factors[0].double())
    run("merge", models("llama-mha"), tmp_path / "a", tmp_path / "strict", "--strict", expect=1 if words else 0)


def test_a_module_that_is_no_linear_map(factors, models, tmp_path):
    write(tmp_path / "a", {f"base_model.model.model.norm.lora_{n}.weight": t for n, t in zip("AB", factors)})
    refused(models, tmp_path / "a", tmp_path / "out", "adapter-unused", "the base's model.norm.weight is [32]")


@pytest.mark.parametrize("base_name, trained_on, warned", [
    ("org/one-1.1B", "org/two-1.1B", True), ("org/one-1.1B", "org/one-1.1B", False),
    ("org/one-1.1B", "/home/me/two", False), ("org/one-1.1B", None, False), (None, "org/two", False), ("./one", "org/two", False)])
def test_trained_on_another_model(base_name, trained_on, warned, factors, models, tmp_path):
    """Said where both configs name a repository; a path on somebody's disk tells nothing."""
    shutil.copytree(models("llama-mha"), tmp_path / "base")
    config = json.loads((tmp_path / "base" / "config.json").read_text())
    (tmp_path / "base" / "config.json").write_text(json.dumps({**config, "_name_or_path": base_name}))
    write(tmp_path / "a", {f"base_model.model.{Q}.lora_{n}.weight": t for n, t in zip("AB", factors)},
          layers_to_transform=0, base_model_name_or_path=trained_on)
    for base in (tmp_path / "base", convert(tmp_path / "base", tmp_path / "lit", "lit")):
        said = run("merge", base, tmp_path / "a", tmp_path / "out", "--force").stderr
        assert ("trained on another model" in said) == warned, said
        assert not warned or ("org/one-1.1B" in said and "org/two-1.1B" in said), said
        run("merge", base, tmp_path / "a", tmp_path / "strict", "--strict", "--force", expect=1 if warned else 0)
    run("merge", tmp_path / "base", tmp_path / "a", tmp_path / "alike", "--strict", "--set", "base_model_name_or_path=null")


def test_scale_from_the_command_line(factors, models, tmp_path):
    write(tmp_path / "a", {f"base_model.model.{Q}.lora_{n}.weight": t for n, t in zip("AB", factors)})
    (tmp_path / "a" / "adapter_config.json").unlink()
    refused(models, tmp_path / "a", tmp_path / "no", "--set")
    out = hf_state(merge(models("llama-mha"), tmp_path / "a", tmp_path / "out", "--set", "r=2", "--set", "lora_alpha=0.5"))
    before = hf_state(models("llama-mha"))[Q + ".weight"]
    near(out[Q + ".weight"], before.double() + 0.25 * factors[1].double() @ factors[0].double())


# ---- experts: one parameter with a batch dimension, in a model that no family knows ----

E, OUT, IN, R = 3, 10, 6, 2


def experts(tmp_path, square=False):
    torch.manual_seed(5)
    out = IN if square else OUT
    base = {"layers.0.experts.gate_up": torch.randn(E, out, IN), "layers.0.experts.down": torch.randn(E, IN, 8),
            "layers.0.norm.weight": torch.ones(IN)}
    (tmp_path / "base").mkdir()
    save_file(base, tmp_path / "base" / "model.safetensors")
    (tmp_path / "base" / "config.json").write_text(json.dumps(dict(model_type="unknown_moe")))
    return base


@pytest.mark.parametrize("turned", [False, True], ids=["out_in", "in_out"])
@pytest.mark.parametrize("packing", ["rank_major", "grouped_by_expert"])
def test_experts(packing, turned, tmp_path):
    base = experts(tmp_path)
    tensors, want = {}, {}
    # the parameter that was registered last is outermost
    for name, where in (("layers.0.experts.gate_up", ".base_layer"), ("layers.0.experts.down", "")):
        _, d1, d2 = base[name].shape
        o, i = (d2, d1) if turned else (d1, d2)
        a, b = torch.randn(E, R, i), torch.randn(o, R, E)
        delta = torch.einsum("oke,eki->eoi", b.double(), a.double())
        want[name] = base[name].double() + 3 * (delta.transpose(1, 2) if turned else delta)
        tensors[f"base_model.model.layers.0.experts{where}.lora_A.weight"] = a.reshape(E * R, i)
        tensors[f"base_model.model.layers.0.experts{where}.lora_B.weight"] = (
            b.reshape(o, R * E) if packing == "rank_major" else b.transpose(1, 2).reshape(o, E * R))
    write(tmp_path / "a", tensors, **({} if packing == "rank_major" else {"lora_B_layout": packing}))
    out = hf_state(merge(tmp_path / "base", tmp_path / "a", tmp_path / "out"))
    for name in want:
        near(out[name], want[name])


def test_square_experts_need_a_word(tmp_path):
    base = experts(tmp_path, square=True)["layers.0.experts.gate_up"]
    a, b = torch.randn(E, R, IN), torch.randn(IN, R, E)
    write(tmp_path / "a", {"base_model.model.layers.0.experts.lora_A.weight": a.reshape(E * R, IN),
                           "base_model.model.layers.0.experts.lora_B.weight": b.reshape(IN, R * E)})
    said = run("merge", tmp_path / "base", tmp_path / "a", tmp_path / "out", expect=4)
    assert "two ways" in said.stderr and "orientation" in said.stderr
    delta = 3 * torch.einsum("oke,eki->eoi", b.double(), a.double())
    for word, turn in (("out_in", delta), ("in_out", delta.transpose(1, 2))):
        out = hf_state(merge(tmp_path / "base", tmp_path / "a", tmp_path / word, "--set", f"orientation={word}"))
        near(out["layers.0.experts.gate_up"], base.double() + turn)


def test_mlx(factors, models, tmp_path):
    """mlx-lm's file: factors transposed, a scale that no rank divides."""
    (tmp_path / "a").mkdir()
    save_file({f"{Q}.lora_a": factors[0].t().contiguous(), f"{Q}.lora_b": factors[1].t().contiguous()},
              tmp_path / "a" / "adapters.safetensors")
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps(dict(
        fine_tune_type="lora", num_layers=4, lora_parameters=dict(rank=2, scale=20.0, dropout=0.0), batch_size=4)))
    out = hf_state(merge(models("llama-mha"), tmp_path / "a", tmp_path / "out"))
    before = hf_state(models("llama-mha"))[Q + ".weight"]
    near(out[Q + ".weight"], before.double() + 20 * factors[1].double() @ factors[0].double())


@pytest.mark.parametrize("name,in_pairs", [("llama-gqa", True), ("qwen2", False)])
@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
@pytest.mark.parametrize("recipe", [False, True], ids=["json", "recipe"])
def test_torchtune(name, in_pairs, dora, recipe, models, tmp_path):
    """torchtune's names; its rows of q and k stand by pairs, half a head apart in transformers' order."""
    base, tensors, want = hf_state(models(name)), {}, {}
    shape = json.loads((models(name) / "config.json").read_text())
    heads = {"q_proj": shape["num_attention_heads"], "k_proj": shape["num_key_value_heads"]}
    torch.manual_seed(4)
    for hf, own in (("self_attn.q_proj", "attn.q_proj"), ("self_attn.k_proj", "attn.k_proj"), ("self_attn.v_proj", "attn.v_proj"),
                    ("self_attn.o_proj", "attn.output_proj"), ("mlp.gate_proj", "mlp.w1"), ("mlp.down_proj", "mlp.w2"),
                    ("mlp.up_proj", "mlp.w3")):
        key = f"model.layers.1.{hf}.weight"
        w = base[key].double()
        a, b, m = torch.randn(2, w.shape[1]), torch.randn(w.shape[0], 2), torch.rand(w.shape[0]) + 0.5
        tensors.update({f"layers.1.{own}.lora_a.weight": a, f"layers.1.{own}.lora_b.weight": b})
        if dora:
            tensors[f"layers.1.{own}.magnitude"] = m
        h = heads.get(own.removeprefix("attn."))
        if in_pairs and h:
            b, m = (x.reshape(h, -1, 2, *x.shape[1:]).transpose(1, 2).reshape(x.shape) for x in (b, m))
        want[key] = w + 4 * b.double() @ a.double()
        if dora:
            want[key] *= (m.double() / want[key].norm(dim=1))[:, None]
    (tmp_path / "a").mkdir()
    torch.save(tensors, tmp_path / "a" / "adapter_model.pt")
    if recipe:
        (tmp_path / "a" / "torchtune_config.yaml").write_text(
            f"model:\n  _component_: torchtune.models.lora\n  lora_rank: 2\n  lora_alpha: 8\n  use_dora: {str(dora).lower()}\nseed: 1\n")
    else:
        (tmp_path / "a" / "adapter_config.json").write_text(json.dumps(dict(r=2, lora_alpha=8, use_dora=dora)))
    out = hf_state(merge(models(name), tmp_path / "a", tmp_path / "out", "--dtype", "float32"))
    assert all(torch.equal(out[k], base[k].float()) for k in base if k not in want)
    for key, value in want.items():
        near(out[key], value, 2e-6)


def test_torchtune_of_a_base_whose_rows_are_not_known(factors, models, tmp_path):
    (tmp_path / "a").mkdir()
    torch.save({"layers.0.attn.v_proj.lora_a.weight": factors[0], "layers.0.attn.v_proj.lora_b.weight": factors[1]},
               tmp_path / "a" / "adapter_0.pt")
    said = run("merge", models("gpt_neox"), tmp_path / "a" / "adapter_0.pt", tmp_path / "out", "--set", "r=2", "--set", "lora_alpha=4", expect=4)
    assert "how torchtune orders the rows" in said.stderr
