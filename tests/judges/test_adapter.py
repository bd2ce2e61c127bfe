"""Adapters converted without their base: between litgpt's and peft's, by the same outputs."""

import json

import peft
import pytest
import torch
import yaml
from litgpt import lora
from safetensors.torch import load_file, save_file

from make_tiny import hf_state, lit_state
from program import convert, merge, run
from test_merge import make_adapter
from test_peft import TOKENS, loaded, logits, near, train


def lit_logits(config, base_dir, adapter):
    model = lora.GPT(config)
    model.load_state_dict({**lit_state(base_dir), **adapter}, strict=True, assign=True)
    with torch.no_grad():
        return model.float().eval()(TOKENS).double()


@pytest.mark.parametrize("mask", ["q-v", "qkv", "-k-"])
@pytest.mark.parametrize("name", ["llama-gqa", "llama-mha", "gpt_neox", "phi3"])
def test_lit_to_peft(name, mask, models, tmp_path):
    lit = convert(models(name), tmp_path / "lit", "lit", "--dtype", "float32")
    flags = dict(lora_query="q" in mask, lora_key="k" in mask, lora_value="v" in mask, lora_projection=True, lora_mlp=True,
                 lora_head=True)
    config, adapter = make_adapter(tmp_path / "a", lit, **flags)
    run("adapter", "--no-sync", "--to", "peft", "--base", lit, tmp_path / "a", tmp_path / "out")
    adapted = peft.PeftModel.from_pretrained(loaded(models(name)), tmp_path / "out").eval()
    want = lit_logits(config, lit, adapter)
    assert (logits(adapted) - want).abs().max() <= 1e-4 * max(1.0, float(want.abs().max()))
    config = json.loads((tmp_path / "out" / "adapter_config.json").read_text())
    assert config["peft_type"] == "LORA" and config["r"] >= 3
    # merging either gives the same model
    one = hf_state(merge(models(name), tmp_path / "out", tmp_path / "m1", "--dtype", "float32"))
    two = hf_state(merge(models(name), tmp_path / "a", tmp_path / "m2", "--dtype", "float32"))
    for key in one:
        near(one[key], two[key])


@pytest.mark.parametrize("name", ["llama-gqa", "gpt_neox", "phi3"])
def test_peft_to_lit(name, models, tmp_path):
    target = {"gpt_neox": ["query_key_value", "dense"], "phi3": ["qkv_proj", "o_proj", "gate_up_proj", "down_proj"]}.get(
        name, ["q_proj", "v_proj", "o_proj"])
    adapted = train(models(name), tmp_path / "a", target_modules=target)
    run("adapter", "--no-sync", "--to", "lit", "--base", models(name), tmp_path / "a", tmp_path / "out")
    flags = {k: v for k, v in yaml.safe_load((tmp_path / "out" / "hyperparameters.yaml").read_text()).items() if k.startswith("lora_")}
    lit = convert(models(name), tmp_path / "lit", "lit", "--dtype", "float32")
    config = lora.Config.from_file(lit / "model_config.yaml", **flags)
    factors = torch.load(tmp_path / "out" / "lit_model.pth.lora", weights_only=True)
    want = logits(adapted)
    assert (lit_logits(config, lit, factors) - want).abs().max() <= 1e-4 * max(1.0, float(want.abs().max()))


def test_there_and_back_is_the_same(models, tmp_path):
    lit = convert(models("llama-gqa"), tmp_path / "lit", "lit")
    _, adapter = make_adapter(tmp_path / "a", lit, lora_query=True, lora_key=True, lora_value=True, lora_mlp=True)
    run("adapter", "--no-sync", "--to", "lora-peft", "--base", lit, tmp_path / "a", tmp_path / "p")
    run("adapter", "--no-sync", "--to", "lora-lit", "--base", lit, tmp_path / "p", tmp_path / "b")
    back = torch.load(tmp_path / "b" / "lit_model.pth.lora", weights_only=True)
    assert sorted(back) == sorted(adapter)
    assert all(torch.equal(back[k], adapter[k]) for k in adapter)


def test_scales_that_differ_are_folded_and_said(models, tmp_path):
    train(models("llama-gqa"), tmp_path / "a", target_modules=["q_proj", "v_proj"], alpha_pattern={"v_proj": 10})
    said = run("adapter", "--no-sync", "--to", "lit", "--base", models("llama-gqa"), tmp_path / "a", tmp_path / "out")
    assert "folded" in said.stderr
    one = hf_state(merge(models("llama-gqa"), tmp_path / "a", tmp_path / "m1"))
    two = hf_state(merge(models("llama-gqa"), tmp_path / "out", tmp_path / "m2"))
    for key in one:
        near(one[key], two[key])


def test_what_is_no_sum_is_refused(models, tmp_path):
    train(models("llama-gqa"), tmp_path / "a", target_modules=["q_proj"], use_dora=True)
    refused = run("adapter", "--to", "lit", "--base", models("llama-gqa"), tmp_path / "a", tmp_path / "out", expect=4)
    assert "DoRA" in refused.stderr and not (tmp_path / "out").exists()
    refused = run("adapter", "--to", "lit", tmp_path / "a", tmp_path / "out", expect=2)
    assert "--base" in refused.stderr


REPLACED = {
    "saved": ("olmo", dict(modules_to_save=["lm_head"]), ["lm_head.weight"]),
    "norms": ("llama-gqa", dict(modules_to_save=["norm"]), ["model.norm.weight", "layers.{0..1}.input_layernorm.weight"]),
    "both": ("llama-gqa", dict(modules_to_save=["embed_tokens"], target_modules=["embed_tokens", "q_proj"]), ["embed_tokens"]),
    "tokens": ("olmo", dict(trainable_token_indices=[3, 60, 7]), ["trainable_tokens_delta"]),
    "biases": ("llama-biases", dict(bias="all"), ["o_proj.bias", "q_proj.base_layer.bias"]),
    "lora_bias": ("llama-biases", dict(lora_bias=True), [".bias"]),
}


@pytest.mark.parametrize("to", ["lit", "mlx", "torchtune", "peft"])
@pytest.mark.parametrize("kind", REPLACED)
def test_what_a_layout_of_factors_has_no_place_for_is_refused(kind, to, models, tmp_path):
    name, how, lost = REPLACED[kind]
    train(models(name), tmp_path / "a", **{"target_modules": ["q_proj"], **how})
    refused = run("adapter", "--to", to, "--base", models(name), tmp_path / "a", tmp_path / "out", expect=4).stderr
    assert "cannot-carry" in refused and all(text in refused for text in lost) and not (tmp_path / "out").exists()


@pytest.mark.parametrize("dtype", [torch.float32, torch.float16])
def test_a_copy_of_the_base_is_left_out(dtype, models, tmp_path):
    """PEFT stores the weights of a head beside its factors: those of the base, in the type that it was loaded in."""
    train(models("llama-head"), tmp_path / "a", target_modules=["lm_head"], dtype=dtype)
    said = run("adapter", "--to", "lit", "--base", models("llama-head"), tmp_path / "a", tmp_path / "out").stderr
    assert "lm_head.base_layer.weight equals lm_head.weight of the base: left out" in said
    state = load_file(tmp_path / "a" / "adapter_model.safetensors")
    state["base_model.model.lm_head.base_layer.weight"][3, 5] += 1
    save_file(state, tmp_path / "a" / "adapter_model.safetensors")
    refused = run("adapter", "--to", "lit", "--base", models("llama-head"), tmp_path / "a", tmp_path / "no", expect=4).stderr
    assert "lm_head.base_layer.weight" in refused and "cannot-carry" in refused and not (tmp_path / "no").exists()


PARTS = {
    "one-layer": dict(target_modules=["q_proj", "o_proj"], layers_to_transform=[1]),
    "one-of-the-mlp": dict(target_modules=["up_proj"]),
    "head-and-a-part": dict(target_modules=r"lm_head|.*layers\.0\.mlp\.down_proj"),
    "unlike-layers": dict(target_modules=r".*(layers\.0\.self_attn\.q_proj|layers\.1\.self_attn\.v_proj)"),
}


def same_in_litgpt(adapted, base, tmp_path):
    """litgpt loads the adapter that was written to out, strictly, and computes what PEFT's model does."""
    flags = {k: v for k, v in yaml.safe_load((tmp_path / "out" / "hyperparameters.yaml").read_text()).items() if k.startswith("lora_")}
    lit = convert(base, tmp_path / "lit", "lit", "--dtype", "float32")
    config = lora.Config.from_file(lit / "model_config.yaml", **flags)
    factors = torch.load(tmp_path / "out" / "lit_model.pth.lora", weights_only=True)
    want = logits(adapted)
    assert (lit_logits(config, lit, factors) - want).abs().max() <= 1e-4 * max(1.0, float(want.abs().max()))


@pytest.mark.parametrize("part", PARTS)
def test_lit_has_all_layers_or_none(part, models, tmp_path):
    """litgpt's flags speak for all layers and the whole MLP, and its strict load insists."""
    adapted = train(models("llama-gqa"), tmp_path / "a", **PARTS[part])
    said = run("adapter", "--no-sync", "--to", "lit", "--base", models("llama-gqa"), tmp_path / "a", tmp_path / "out")
    assert ("of zeros" in said.stderr) == (part != "unlike-layers")  # there only parts of one pair are zeros
    same_in_litgpt(adapted, models("llama-gqa"), tmp_path)
    # what is made changes nothing, and the merge is the one of what was there
    one = hf_state(merge(models("llama-gqa"), tmp_path / "a", tmp_path / "m1"))
    two = hf_state(merge(models("llama-gqa"), tmp_path / "out", tmp_path / "m2"))
    for key in one:
        near(one[key], two[key])


def test_lit_experts_are_filled(models, tmp_path):
    adapted = train(models("mixtral"), tmp_path / "a", target_modules=r".*experts\.1\.w2")
    run("adapter", "--no-sync", "--to", "lit", "--base", models("mixtral"), tmp_path / "a", tmp_path / "out")
    same_in_litgpt(adapted, models("mixtral"), tmp_path)


@pytest.mark.parametrize("to", ["mlx", "torchtune"])
@pytest.mark.parametrize("name", ["llama-gqa", "qwen2"])
def test_peft_there_and_back(name, to, models, tmp_path):
    train(models(name), tmp_path / "a", target_modules=["q_proj", "k_proj", "o_proj", "up_proj"])
    run("adapter", "--no-sync", "--to", to, "--base", models(name), tmp_path / "a", tmp_path / "out")
    one = hf_state(merge(models(name), tmp_path / "a", tmp_path / "m1"))
    two = hf_state(merge(models(name), tmp_path / "out", tmp_path / "m2"))
    for key in one:
        near(one[key], two[key])
    run("adapter", "--no-sync", "--to", "peft", "--base", models(name), tmp_path / "out", tmp_path / "back")
    before, after = (load_file(tmp_path / d / "adapter_model.safetensors") for d in ("a", "back"))
    assert sorted(before) == sorted(after) and all(torch.equal(before[k], after[k]) for k in before)
