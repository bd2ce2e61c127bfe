"""How a merge rounds: once to the nearest, by chance, or after every operation as litgpt does."""

import dataclasses

import pytest
import torch

import evaluate
from make_tiny import CASES, lit_state, same
from program import convert, merge, run
from test_merge import litgpt_merge, make_adapter

WIDE = dataclasses.replace(
    CASES["llama-tied"], hf=dict(CASES["llama-tied"].hf, hidden_size=512, intermediate_size=1536, num_hidden_layers=1),
    shard="1GB")


@pytest.fixture(scope="module")
def wide(tmp_path_factory):
    """A bfloat16 model of which one tensor takes several tiles, and an adapter of tiny updates."""
    place = tmp_path_factory.mktemp("wide")
    WIDE.save(place / "hf")
    base = convert(place / "hf", place / "lit", "lit")
    config, adapter = make_adapter(place / "lora", base, r=4, alpha=4, lora_query=True, lora_mlp=True)
    adapter = {k: v * 0.01 for k, v in adapter.items()}
    torch.save({"model": adapter}, place / "lora" / "lit_model.pth.lora")
    return base, place / "lora", config, adapter


def gain(after, before, exact):
    update = exact - before.double()
    return float(((after.double() - before.double()) * update).sum() / update.square().sum())


def test_by_chance_keeps_what_the_nearest_loses(wide, tmp_path):
    base, lora, config, adapter = wide
    before = lit_state(base)
    nearest = lit_state(merge(base, lora, tmp_path / "nearest"))
    chance = lit_state(merge(base, lora, tmp_path / "chance", "--round", "stochastic"))
    for name, (exact, bound) in evaluate.merged(config, before, adapter, **vars(config)).items():
        step = evaluate.ulp(chance[name])
        assert bool(((chance[name].double() - exact).abs() < step + bound).all()), name  # one of two neighbours
        assert gain(nearest[name], before[name], exact) < 0.9, name
        assert abs(gain(chance[name], before[name], exact) - 1) < 0.05, name
        untouched = (exact == before[name].double()).all(dim=1)
        assert torch.equal(chance[name][untouched], before[name][untouched]), name


def test_chance_is_a_matter_of_seed_and_element_only(wide, tmp_path, monkeypatch):
    base, lora, _, _ = wide

    def bytes_of(name, *more):
        return (merge(base, lora, tmp_path / name, "--round", "stochastic", *more) / "lit_model.pth").read_bytes()

    first = bytes_of("first", "--seed", 3, "--threads", 1)
    assert first == bytes_of("threads", "--seed", 3, "--threads", 4)
    assert first == bytes_of("memory", "--seed", 3, "--memory", "8M")
    assert first == bytes_of("report", "--seed", 3, "--report")
    assert first != bytes_of("other", "--seed", 4)
    monkeypatch.setenv("RETENSOR_KERNELS", "portable")
    assert first == bytes_of("portable", "--seed", 3)
    monkeypatch.delenv("RETENSOR_KERNELS")
    once = merge(base, lora, tmp_path / "once", "--round", "stochastic", "--seed", 3, "--to", "hf")
    twice = convert(tmp_path / "first", tmp_path / "twice", "hf")
    assert (once / "model.safetensors").read_bytes() == (twice / "model.safetensors").read_bytes()


def test_nearest_is_a_matter_of_no_machine(wide, tmp_path, monkeypatch):
    base, lora, _, _ = wide
    first = (merge(base, lora, tmp_path / "first", "--threads", 1) / "lit_model.pth").read_bytes()
    assert first == (merge(base, lora, tmp_path / "threads", "--threads", 4) / "lit_model.pth").read_bytes()
    assert first == (merge(base, lora, tmp_path / "report", "--report") / "lit_model.pth").read_bytes()
    monkeypatch.setenv("RETENSOR_KERNELS", "portable")
    assert first == (merge(base, lora, tmp_path / "portable") / "lit_model.pth").read_bytes()


@pytest.mark.parametrize("base_dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_stepwise_is_litgpts_arithmetic(dtype, base_dtype, models, tmp_path):
    base = convert(models("llama-gqa"), tmp_path / "base", "lit", "--dtype", str(base_dtype).removeprefix("torch."))
    config, adapter = make_adapter(tmp_path / "lora", base, dtype=dtype, r=8, alpha=12, lora_query=True, lora_value=True,
                                   lora_projection=True, lora_mlp=True)
    out = lit_state(merge(base, tmp_path / "lora", tmp_path / "out", "--round", "stepwise"))
    theirs = litgpt_merge(config, lit_state(base), adapter)
    assert sorted(out) == sorted(theirs)
    n_other = n = 0
    for name, value in out.items():
        assert value.dtype == theirs[name].dtype == dtype, name
        if dtype == torch.float32:  # the order of a sum of f32 is not fixed there
            torch.testing.assert_close(value, theirs[name], rtol=1e-6, atol=1e-6)
            continue
        n += value.numel()
        n_other += int((value != theirs[name]).sum())
        torch.testing.assert_close(value, theirs[name], rtol=1e-2, atol=1e-3)
    assert n_other <= n // 1000


def test_a_cast_by_chance_has_no_bias(models, tmp_path):
    out = lit_state(convert(models("llama-gqa"), tmp_path / "chance", "lit", "--dtype", "bfloat16", "--round", "stochastic"))
    exact = lit_state(convert(models("llama-gqa"), tmp_path / "exact", "lit"))
    error = torch.cat([((out[k].double() - exact[k].double()) / evaluate.ulp(out[k])).flatten() for k in out])
    assert float(error.abs().max()) < 1 and abs(float(error.mean())) < 0.02


def test_dtype_is_the_users(wide, tmp_path):
    base, lora, config, adapter = wide
    out = lit_state(merge(base, lora, tmp_path / "f32", "--dtype", "float32"))
    exact = evaluate.merged(config, lit_state(base), adapter, **vars(config))
    assert all(v.dtype == torch.float32 for v in out.values())
    assert all(evaluate.nearly_nearest(out[k], exact[k]) for k in exact)
    refused = run("merge", "--round", "up", base, lora, tmp_path / "up", expect=2)
    assert "stochastic" in refused.stderr
