"""Merging LoRA adapters that litgpt made, against exact sums and litgpt's own merge."""

import dataclasses
import itertools

import pytest
import torch
import yaml
from litgpt import lora
from litgpt.utils import save_config

import evaluate
from make_tiny import CASES, hf_state, lit_state, same
from program import convert, merge, run

MASKS = list(itertools.product((False, True), repeat=3))
HEADS = {"mha": "llama-mha", "gqa": "llama-gqa", "mqa": "llama-mqa"}


@pytest.fixture(scope="module")
def base(models, tmp_path_factory):
    made = {}

    def get(name, *more):
        key = (name, *more)
        if key not in made:
            made[key] = convert(models(name), tmp_path_factory.mktemp("base") / name, "lit", *more)
        return made[key]

    return get


def make_adapter(path, base_dir, dtype=torch.float32, seed=0, r=3, alpha=7, **flags):
    """An adapter as `litgpt finetune lora` leaves it, with random factors; gives config, tensors."""
    plain = lora.Config.from_file(base_dir / "model_config.yaml")
    config = lora.Config.from_file(base_dir / "model_config.yaml", lora_r=r, lora_alpha=alpha, lora_dropout=0.05, **flags)
    torch.manual_seed(seed)
    model = lora.GPT(config)
    state = {k: (torch.randn_like(v) * 0.1).to(dtype) for k, v in model.state_dict().items() if "lora_" in k}
    path.mkdir()
    torch.save({"model": state}, path / "lit_model.pth.lora")
    save_config(plain, path)
    names = [f.name for f in dataclasses.fields(lora.Config) if f.name.startswith("lora_")]
    hyper = {n: getattr(config, n) for n in names}
    hyper.update(checkpoint_dir=str(base_dir), precision="bf16-true", seed=1337)
    (path / "hyperparameters.yaml").write_text(yaml.dump(hyper))
    return config, state


def litgpt_merge(config, base_state, adapter):
    """litgpt's own arithmetic, in the dtype of the adapter."""
    model = lora.GPT(config)
    model.load_state_dict({**base_state, **adapter}, assign=True)
    model.to(next(iter(adapter.values())).dtype)
    lora.merge_lora_weights(model)
    return {k.replace("linear.", ""): v for k, v in model.state_dict().items() if "lora_" not in k}


@pytest.mark.parametrize("mask", MASKS, ids=lambda m: "".join(c if on else "-" for c, on in zip("qkv", m)))
@pytest.mark.parametrize("heads", HEADS)
def test_all_masks(heads, mask, base, tmp_path):
    flags = dict(zip(("lora_query", "lora_key", "lora_value"), mask), lora_projection=not any(mask))
    config, adapter = make_adapter(tmp_path / "lora", base(HEADS[heads]), **flags)
    out = lit_state(merge(base(HEADS[heads]), tmp_path / "lora", tmp_path / "out"))
    before = lit_state(base(HEADS[heads]))
    exact = evaluate.merged(config, before, adapter, **vars(config))
    assert exact
    for name, value in out.items():
        if name not in exact:
            assert torch.equal(value, before[name]), name
        else:
            assert evaluate.nearly_nearest(value, exact[name]), name
            # rows of parts that were not trained keep their bytes
            untouched = (exact[name][0] == before[name].double()).all(dim=1)
            assert torch.equal(value[untouched], before[name][untouched]), name
    theirs = litgpt_merge(config, before, adapter)
    for name in out:
        torch.testing.assert_close(out[name], theirs[name], rtol=1.3e-6, atol=1e-6)


@pytest.mark.parametrize("flag", ["lora_projection", "lora_mlp", "lora_head"])
@pytest.mark.parametrize("name", ["llama-gqa", "llama-head", "gpt_neox", "mixtral", "falcon-40b", "qwen2"])
def test_other_modules(name, flag, base, tmp_path):
    dtype = CASES[name].dtype
    config, adapter = make_adapter(tmp_path / "lora", base(name), dtype=dtype, **{flag: True})
    out = lit_state(merge(base(name), tmp_path / "lora", tmp_path / "out"))
    before = lit_state(base(name))
    exact = evaluate.merged(config, before, adapter, **vars(config))
    assert exact
    for key, value in out.items():
        assert value.dtype == before[key].dtype
        if key in exact:
            assert evaluate.nearly_nearest(value, exact[key]), key
        else:
            assert torch.equal(value, before[key]), key


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once(dtype, base, tmp_path):
    name = {torch.bfloat16: "llama-tied", torch.float16: "llama-head"}[dtype]
    config, adapter = make_adapter(tmp_path / "lora", base(name), dtype=dtype, lora_query=True, lora_value=True,
                                   lora_mlp=True)
    before = lit_state(base(name))
    out = lit_state(merge(base(name), tmp_path / "lora", tmp_path / "out"))
    for key, exact in evaluate.merged(config, before, adapter, **vars(config)).items():
        assert evaluate.nearly_nearest(out[key], exact), key
    theirs = litgpt_merge(config, before, adapter)
    for key in out:  # litgpt rounds three times
        torch.testing.assert_close(out[key], theirs[key], rtol=1.6e-2 if dtype == torch.bfloat16 else 1e-3, atol=2e-3)


@pytest.mark.parametrize("name", ["llama-gqa", "llama-tied", "phi3", "gpt_neox"])
def test_merge_to_hf_is_merge_then_convert(name, base, tmp_path):
    make_adapter(tmp_path / "lora", base(name), dtype=CASES[name].dtype, lora_query=True, lora_key=True,
                 lora_value=True, lora_projection=True, lora_mlp=True)
    once = merge(base(name), tmp_path / "lora", tmp_path / "once", "--to", "hf")
    merge(base(name), tmp_path / "lora", tmp_path / "merged")
    twice = convert(tmp_path / "merged", tmp_path / "twice", "hf")
    same(hf_state(once), hf_state(twice))
    assert (once / "config.json").read_text() == (twice / "config.json").read_text()
    assert (once / "model.safetensors").read_bytes() == (twice / "model.safetensors").read_bytes()
    shared = merge(base(name), tmp_path / "lora", tmp_path / "shared", "--to", "hf", "--format", "torch")
    same(hf_state(shared), hf_state(twice))


def test_merge_into_an_hf_base(models, base, tmp_path):
    make_adapter(tmp_path / "lora", base("llama-gqa"), lora_query=True, lora_value=True)
    hf = merge(models("llama-gqa"), tmp_path / "lora", tmp_path / "hf")
    lit = merge(base("llama-gqa"), tmp_path / "lora", tmp_path / "lit")
    same(hf_state(hf), hf_state(convert(lit, tmp_path / "back", "hf")))


def test_scale_is_the_users_when_no_file_says_it(base, tmp_path):
    config, adapter = make_adapter(tmp_path / "lora", base("llama-gqa"), lora_query=True, lora_value=True)
    (tmp_path / "lora" / "hyperparameters.yaml").unlink()
    refused = run("merge", base("llama-gqa"), tmp_path / "lora", tmp_path / "out", expect=4)
    assert "lora_alpha" in refused.stderr and not (tmp_path / "out").exists()


def test_an_adapter_that_changes_nothing_is_said(base, tmp_path):
    _, adapter = make_adapter(tmp_path / "lora", base("llama-gqa"), lora_query=True)
    zero = {k: torch.zeros_like(v) if k.endswith("lora_B") else v for k, v in adapter.items()}
    torch.save({"model": zero}, tmp_path / "lora" / "lit_model.pth.lora")
    said = run("merge", base("llama-gqa"), tmp_path / "lora", tmp_path / "out")
    assert "warning" in said.stderr
    same(lit_state(tmp_path / "out"), lit_state(base("llama-gqa")))
