"""Several adapters in one sum: each with a weight, of any rank and kind, rounded once."""

import json

import peft
import pytest
import torch
from safetensors.torch import load_file

from make_tiny import hf_state, lit_state, same
from program import convert, merge, run
from test_merge import make_adapter
from test_peft import loaded, near, train


def updates(adapter):
    """{base name: scale * B @ A} in float64, from the files alone."""
    config = json.loads((adapter / "adapter_config.json").read_text())
    factors = load_file(adapter / "adapter_model.safetensors")
    return {k.removeprefix("base_model.model.").replace("lora_A.", ""):
            config["lora_alpha"] / config["r"] * factors[k.replace("lora_A", "lora_B")].double() @ a.double()
            for k, a in factors.items() if "lora_A" in k}


def two(models, tmp_path, name="llama-mha"):
    """Two adapters of unequal ranks and scales that share k_proj."""
    one = train(models(name), tmp_path / "a", target_modules=["q_proj", "k_proj"], r=3, lora_alpha=7)
    train(models(name), tmp_path / "b", seed=2, target_modules=["k_proj", "down_proj"], r=5, lora_alpha=4)
    return one


@pytest.mark.parametrize("weights", [(1, 1), (0.25, -1.5), (1, 0)])
def test_sum(weights, models, tmp_path):
    two(models, tmp_path)
    w, v = weights
    merged = hf_state(merge(models("llama-mha"), tmp_path / "a", tmp_path / "out", "--weight", w, "--also", f"{tmp_path / 'b'}={v}"))
    a, b = updates(tmp_path / "a"), updates(tmp_path / "b")
    assert set(a) & set(b) and set(a) != set(b)
    for name, value in hf_state(models("llama-mha")).items():
        near(merged[name], value.double() + w * a.get(name, 0) + v * b.get(name, 0))


def test_as_peft_merges_both(models, tmp_path):
    two(models, tmp_path)
    model = peft.PeftModel.from_pretrained(loaded(models("llama-mha")).double(), tmp_path / "a", adapter_name="a")
    model.load_adapter(tmp_path / "b", adapter_name="b")
    theirs = model.double().merge_and_unload(adapter_names=["a", "b"]).state_dict()
    merged = hf_state(merge(models("llama-mha"), tmp_path / "a", tmp_path / "out", "--also", tmp_path / "b"))
    for name, value in merged.items():
        near(value, theirs[name])


def test_as_peft_concatenates(models, tmp_path):
    """`cat` is PEFT's exact weighted sum; its `linear` adds cross terms."""
    two(models, tmp_path)
    model = peft.PeftModel.from_pretrained(loaded(models("llama-mha")).double(), tmp_path / "a", adapter_name="a")
    model.load_adapter(tmp_path / "b", adapter_name="b")
    model.double()
    model.add_weighted_adapter(["a", "b"], [0.7, 0.4], "sum", combination_type="cat")
    model.set_adapter("sum")
    theirs = model.double().merge_and_unload(adapter_names=["sum"]).state_dict()
    merged = hf_state(merge(models("llama-mha"), tmp_path / "a", tmp_path / "out", "--weight", "0.7", "--also", f"{tmp_path / 'b'}=0.4"))
    for name, value in merged.items():
        near(value, theirs[name])


def test_half_precision_is_rounded_once(models, tmp_path):
    two(models, tmp_path, "llama-tied")
    merged = hf_state(merge(models("llama-tied"), tmp_path / "a", tmp_path / "out", "--also", f"{tmp_path / 'b'}=0.5"))
    a, b = updates(tmp_path / "a"), updates(tmp_path / "b")
    for name, value in hf_state(models("llama-tied")).items():
        exact = value.double() + a.get(name, torch.zeros(())) + 0.5 * b.get(name, torch.zeros(()))
        assert merged[name].dtype == torch.bfloat16
        assert (merged[name] != exact.to(torch.bfloat16)).float().mean() < 1e-3


@pytest.mark.parametrize("name", ["llama-gqa", "gpt_neox"])
def test_two_of_litgpt(name, models, tmp_path):
    lit = convert(models(name), tmp_path / "lit", "lit", "--dtype", "float32")
    make_adapter(tmp_path / "a", lit, lora_query=True, lora_value=True, lora_mlp=True)
    make_adapter(tmp_path / "b", lit, seed=5, r=2, alpha=3, lora_query=True, lora_key=True, lora_value=True, lora_head=True)
    base = lit_state(lit)
    one, other = (lit_state(merge(lit, tmp_path / x, tmp_path / f"m{x}")) for x in "ab")
    both = lit_state(merge(lit, tmp_path / "a", tmp_path / "out", "--also", f"{tmp_path / 'b'}=-0.5"))
    for key, value in both.items():
        near(value, one[key].double() - 0.5 * (other[key].double() - base[key].double()))


def test_kinds_mix(models, tmp_path):
    """A PEFT adapter and a Lit-GPT one on one base, in either order of layouts."""
    lit = convert(models("llama-gqa"), tmp_path / "lit", "lit", "--dtype", "float32")
    train(models("llama-gqa"), tmp_path / "p", target_modules=["q_proj", "o_proj"])
    make_adapter(tmp_path / "l", lit, lora_query=True, lora_key=True, lora_value=True)
    want = merge(merge(lit, tmp_path / "p", tmp_path / "m1"), tmp_path / "l", tmp_path / "m2")
    one = lit_state(merge(lit, tmp_path / "p", tmp_path / "out", "--also", tmp_path / "l"))
    for key, value in lit_state(want).items():
        near(one[key], value)


def test_order_is_the_given_one(models, tmp_path):
    """A sum of three is the same bytes for any number of threads."""
    two(models, tmp_path)
    train(models("llama-mha"), tmp_path / "c", seed=3, target_modules=["k_proj"], r=1, lora_alpha=1)
    more = ["--also", f"{tmp_path / 'b'}=0.3", "--also", f"{tmp_path / 'c'}=3"]
    one = hf_state(merge(models("llama-mha"), tmp_path / "a", tmp_path / "o1", "--threads", "1", *more))
    same(one, hf_state(merge(models("llama-mha"), tmp_path / "a", tmp_path / "o2", "--threads", "3", "--memory", "64K", *more)))


def test_what_does_not_add_up_is_refused(models, tmp_path):
    base = models("llama-mha")
    train(base, tmp_path / "a", target_modules=["q_proj"], modules_to_save=["gate_proj"])
    train(base, tmp_path / "b", seed=2, target_modules=["k_proj"], modules_to_save=["gate_proj"])
    train(base, tmp_path / "c", seed=3, target_modules=["gate_proj", "v_proj"])
    train(base, tmp_path / "d", seed=4, target_modules=["v_proj"], use_dora=True)
    def refused(slug, *args):
        done = run("merge", base, args[0], tmp_path / "out", *args[1:], expect=4)
        assert f"[{slug}]" in done.stderr and not (tmp_path / "out").exists()
    refused("adapters-meet", tmp_path / "a", "--also", tmp_path / "b")
    refused("adapters-meet", tmp_path / "c", "--also", tmp_path / "a")
    refused("adapters-meet", tmp_path / "c", "--also", tmp_path / "d")
    refused("adapters-meet", tmp_path / "d", "--also", tmp_path / "c")
    refused("weight", tmp_path / "a", "--weight", "0.5")
    refused("weight", tmp_path / "c", "--also", f"{tmp_path / 'd'}=2")
    # an update of what another replaced is a sum
    out = hf_state(merge(base, tmp_path / "a", tmp_path / "fine", "--also", tmp_path / "c"))
    name = "model.layers.1.mlp.gate_proj.weight"
    saved = load_file(tmp_path / "a" / "adapter_model.safetensors")[f"base_model.model.{name}"]
    near(out[name], saved.double() + updates(tmp_path / "c")[name])
