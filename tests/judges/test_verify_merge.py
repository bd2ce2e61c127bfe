"""`verify BASE MERGED --adapter`: merges that peft and litgpt made, right ones and those that go wrong in the usual ways."""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from make_tiny import CASES, hf_state, lit_state
from program import convert, merge, run
from test_merge import litgpt_merge, make_adapter
from test_peft import loaded, train

MODULES = ["q_proj", "v_proj", "down_proj"]


def verify(base, merged, adapter, *more, expect=0):
    """The answer, and the updates by the names of the merged tensors and of their modules."""
    done = run("verify", base, merged, "--adapter", adapter, "--json", *more, expect=expect)
    said = json.loads(done.stdout)
    assert said["merged"] == (expect == 0)
    return said, {(u["name"], u["module"]): u for u in said["updates"]}


def states(updates):
    return {name.split("layers.")[-1].removesuffix(".weight"): u["state"] for (name, _), u in updates.items()}


def peft_merge(adapted, out, dtype):
    """peft's own merge in the type of the model."""
    adapted.merge_and_unload().to(dtype).save_pretrained(out)
    return out


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16], ids=["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("how", [{}, dict(use_rslora=True), dict(use_dora=True), dict(alpha_pattern={"v_proj": 11})],
                         ids=["plain", "rslora", "dora", "pattern"])
def test_peft(how, dtype, models, tmp_path):
    base = models("llama-mha")
    adapted = train(base, tmp_path / "a", dtype=dtype, target_modules=MODULES, **how)
    said, updates = verify(base, peft_merge(adapted, tmp_path / "m", dtype), tmp_path / "a")
    assert len(updates) == 6 and set(states(updates).values()) == {"merged"}
    rough = {torch.float32: 1e-5, torch.bfloat16: 1e-2, torch.float16: 1e-3}[dtype]
    assert said["times"] == pytest.approx(1, abs=rough) and said["residual"] < 2
    for (name, _), u in updates.items():
        assert u["fitted"] == pytest.approx(u["scale"], rel=rough)
        alpha, r = 11 if how.get("alpha_pattern") and "v_proj" in name else 7, 3
        assert u["scale"] == pytest.approx(alpha / r**0.5 if how.get("use_rslora") else alpha / r)


def test_wrong_alpha(models, tmp_path):
    """A merge at alpha 14 of an adapter whose config says 7."""
    base = models("llama-mha")
    train(base, tmp_path / "a", target_modules=MODULES)
    double = train(base, tmp_path / "b", target_modules=MODULES, lora_alpha=10.5)
    said, updates = verify(base, peft_merge(double, tmp_path / "m", torch.float32), tmp_path / "a", expect=1)
    assert set(states(updates).values()) == {"other-scale"} and said["times"] == pytest.approx(1.5, rel=1e-5)
    assert said["residual"] < 2 and all(u["fitted"] == pytest.approx(3.5, rel=1e-5) for u in updates.values())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
def test_one_left_out_one_twice_one_changed(dtype, models, tmp_path):
    base = models("llama-mha")
    before = hf_state(base)
    adapted = train(base, tmp_path / "a", dtype=dtype, target_modules=MODULES)
    merged = hf_state(peft_merge(adapted, tmp_path / "m", dtype))
    out, twice, noise = (f"model.layers.{n}.weight" for n in ("0.self_attn.v_proj", "1.self_attn.q_proj", "1.mlp.down_proj"))
    untouched = "model.layers.0.mlp.up_proj.weight"
    merged[out] = before[out].to(dtype)
    merged[twice] = (merged[twice].double() * 2 - before[twice].double()).to(dtype)
    merged[noise] += torch.randn(merged[noise].shape).to(dtype) * 0.05
    merged[untouched] = merged[untouched].clone()
    merged[untouched][3, 5] += 1
    save_file({k: v.contiguous() for k, v in merged.items()}, tmp_path / "m" / "model.safetensors", metadata={"format": "pt"})
    said, updates = verify(base, tmp_path / "m", tmp_path / "a", expect=1)
    found = states(updates)
    assert found.pop("0.self_attn.v_proj") == "missing" and found.pop("1.self_attn.q_proj") == "twice"
    assert found.pop("1.mlp.down_proj") == "other-change" and set(found.values()) == {"merged"} and len(found) == 3
    assert said["different"] == [{"name": untouched, "what": "is changed, and no update reaches it, first at [3, 5]"}]
    table = run("verify", base, tmp_path / "m", "--adapter", tmp_path / "a", expect=1).stdout
    assert "3 of 6 updates merged, 1 not merged, 1 merged twice, 1 changed otherwise" in table


@pytest.mark.parametrize("name", ["llama-gqa", "gpt_neox", "phi3"])
def test_in_another_layout(name, models, tmp_path):
    """A base of transformers, what it became in litgpt; parts of one tensor are told apart."""
    base = models(name)
    target = {"gpt_neox": ["query_key_value"], "phi3": ["qkv_proj", "gate_up_proj"]}.get(name, ["q_proj", "v_proj"])
    adapted = train(base, tmp_path / "a", target_modules=target)
    lit = convert(peft_merge(adapted, tmp_path / "m", torch.float32), tmp_path / "lit", "lit")
    _, updates = verify(base, lit, tmp_path / "a")
    assert {u["state"] for u in updates.values()} == {"merged"} and all("transformer.h" in n for n, _ in updates)
    if name != "llama-gqa":
        return
    state, plain = {k: v.clone() for k, v in lit_state(lit).items()}, lit_state(convert(base, tmp_path / "plain", "lit", "--dtype", "float32"))
    fused = "transformer.h.1.attn.qkv.weight"
    kv = plain[fused].shape[0] - plain["transformer.h.1.attn.proj.weight"].shape[1]  # rows of k and v
    state[fused][-kv // 2:] = plain[fused][-kv // 2:]
    torch.save(state, lit / "lit_model.pth")
    _, updates = verify(base, lit, tmp_path / "a", expect=1)
    assert {m: u["state"] for (n, m), u in updates.items() if n == fused} == {
        "model.layers.1.self_attn.q_proj.weight": "merged", "model.layers.1.self_attn.v_proj.weight": "missing"}
    state[fused][-kv] += 1  # a row of k, which was not trained
    torch.save(state, lit / "lit_model.pth")
    said, _ = verify(base, lit, tmp_path / "a", expect=1)
    assert [d["name"] for d in said["different"]] == [fused] and "no update reaches" in said["different"][0]["what"]


def test_modules_that_are_stored(models, tmp_path):
    base = models("llama-mha")
    adapted = train(base, tmp_path / "a", target_modules=["q_proj"], modules_to_save=["lm_head", "norm"])
    verify(base, peft_merge(adapted, tmp_path / "m", torch.float32), tmp_path / "a")
    merged = load_file(tmp_path / "m" / "model.safetensors")
    merged["lm_head.weight"] = hf_state(base)["lm_head.weight"]
    save_file(merged, tmp_path / "m" / "model.safetensors", metadata={"format": "pt"})
    said, _ = verify(base, tmp_path / "m", tmp_path / "a", expect=1)
    assert [(d["name"], d["what"].split(",")[0]) for d in said["different"]] == [("lm_head.weight", "is not what the adapter stores")]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16], ids=["float32", "bfloat16"])
@pytest.mark.parametrize("name", ["llama-gqa", "llama-tied"])
def test_litgpt(name, dtype, models, tmp_path):
    """litgpt's merge, which rounds three times; at its scale, at another, and with no word of the scale."""
    base = convert(models(name), tmp_path / "base", "lit")
    flags = dict(lora_query=True, lora_value=True, lora_mlp=True, lora_head=name == "llama-gqa")
    config, adapter = make_adapter(tmp_path / "a", base, dtype=dtype, **flags)
    (tmp_path / "m").mkdir()
    (tmp_path / "m" / "model_config.yaml").write_text((base / "model_config.yaml").read_text())
    torch.save(litgpt_merge(config, lit_state(base), adapter), tmp_path / "m" / "lit_model.pth")
    said, updates = verify(base, tmp_path / "m", tmp_path / "a")
    assert {u["state"] for u in updates.values()} == {"merged"}
    assert said["times"] == pytest.approx(1, abs=1e-5 if dtype == torch.float32 else 1e-2)
    # as transformers has it
    hf = convert(tmp_path / "m", tmp_path / "hf", "hf")
    verify(base, hf, tmp_path / "a")
    # the file alone: the scale is found, and a merge without it says how
    bare = tmp_path / "a" / "lit_model.pth.lora"
    (tmp_path / "a" / "hyperparameters.yaml").unlink()
    parts = ["--set", "lora_query=true", "--set", "lora_key=false", "--set", "lora_value=true"]
    said, _ = verify(base, tmp_path / "m", bare, *parts)
    assert said["times"] == pytest.approx(7 / 3, rel=1e-5 if dtype == torch.float32 else 1e-2)
    assert all(u["scale"] is None for u in said["updates"])
    refused = run("merge", base, bare, tmp_path / "no", *parts, expect=4).stderr
    assert "adapter.lora_alpha" in refused and "verify BASE MERGED --adapter ADAPTER" in refused


def test_updates_that_rounding_loses(models, tmp_path):
    """Where bfloat16 keeps a part of the update only, that part is what a right merge has."""
    base = convert(models("llama-tied"), tmp_path / "base", "lit")
    make_adapter(tmp_path / "a", base, lora_mlp=True)
    state = torch.load(tmp_path / "a" / "lit_model.pth.lora", weights_only=True)["model"]
    torch.save({"model": {k: v * 0.04 for k, v in state.items()}}, tmp_path / "a" / "lit_model.pth.lora")
    nearest = merge(base, tmp_path / "a", tmp_path / "m")
    _, updates = verify(base, nearest, tmp_path / "a")
    assert all(u["kept"] < 0.9 for u in updates.values()), updates
    chance = merge(base, tmp_path / "a", tmp_path / "s", "--round", "stochastic")
    verify(base, chance, tmp_path / "a")
    _, updates = verify(base, base, tmp_path / "a", expect=1)
    assert {u["state"] for u in updates.values()} == {"missing"}


def test_any_number_of_threads(models, tmp_path):
    base = models("llama-mha")
    adapted = train(base, tmp_path / "a", target_modules=MODULES)
    out = peft_merge(adapted, tmp_path / "m", torch.float32)
    one, _ = verify(base, out, tmp_path / "a", "--threads", "1")
    assert one == verify(base, out, tmp_path / "a", "--threads", "3", "--memory", "1M")[0]


def test_no_base_of_this_adapter(models, tmp_path):
    train(models("llama-mha"), tmp_path / "a", target_modules=["k_proj"])
    said = run("verify", models("llama-gqa"), models("llama-gqa"), "--adapter", tmp_path / "a", expect=4).stderr
    assert "adapter-" in said
