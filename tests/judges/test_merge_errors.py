"""Lit-GPT adapters that cannot be merged, or not in full, are refused before anything is written;
the message has the names and numbers. What was merged is reported with its numbers."""

import json

import pytest
import torch
import yaml
from litgpt import Config

from make_tiny import lit_state, same
from program import convert, merge, run
from test_merge import make_adapter

FILE = "lit_model.pth.lora"


@pytest.fixture(scope="module")
def base(models, tmp_path_factory):
    return convert(models("llama-gqa"), tmp_path_factory.mktemp("base") / "llama-gqa", "lit")


@pytest.fixture
def lora(base, tmp_path):
    make_adapter(tmp_path / "lora", base, lora_query=True, lora_value=True, lora_mlp=True)
    return tmp_path / "lora"


def change(lora, edit):
    state = torch.load(lora / FILE, weights_only=True)["model"]
    edit(state)
    torch.save({"model": state}, lora / FILE)


def set_hyper(lora, **facts):
    path = lora / "hyperparameters.yaml"
    hyper = {**yaml.safe_load(path.read_text()), **facts}
    path.write_text(yaml.dump({k: v for k, v in hyper.items() if v is not ...}))


def refused(base, lora, tmp_path, *words, more=()):
    said = run("merge", *more, base, lora, tmp_path / "out", expect=4).stderr
    assert not (tmp_path / "out").exists()
    for word in words:
        assert word in said, said
    return said


def test_missing_partner(base, lora, tmp_path):
    change(lora, lambda s: s.pop("transformer.h.1.mlp.fc_1.lora_B"))
    refused(base, lora, tmp_path, "transformer.h.1.mlp.fc_1.lora_B", "adapter-half")


def test_keys_that_nothing_takes(base, lora, tmp_path):
    def edit(state):
        state["transformer.h.7.mlp.fc_1.lora_A"] = torch.zeros(3, 32)
        state["transformer.h.7.mlp.fc_1.lora_B"] = torch.zeros(48, 3)

    change(lora, edit)
    refused(base, lora, tmp_path, "transformer.h.7.mlp.fc_1.lora_", "adapter-unused")


def test_another_base(models, lora, tmp_path):
    """More layers, another width: the shapes of both are said."""
    other = convert(models("llama-mha"), tmp_path / "other", "lit")
    refused(other, lora, tmp_path, "transformer.h.0.attn.qkv.lora_B")


def test_a_factor_of_another_size(base, lora, tmp_path):
    change(lora, lambda s: s.update({"transformer.h.0.mlp.proj.lora_A": torch.zeros(3, 47)}))
    refused(base, lora, tmp_path, "[3, 47]", "transformer.h.0.mlp.proj.weight", "adapter-shape")


def test_another_rank_than_the_hyperparameters_say(base, lora, tmp_path):
    set_hyper(lora, lora_r=4)
    refused(base, lora, tmp_path, "lora_r = 4", "hyperparameters.yaml")


def test_other_parts_than_the_hyperparameters_say(base, lora, tmp_path):
    set_hyper(lora, lora_key=True)
    refused(base, lora, tmp_path, "transformer.h.0.attn.qkv.lora_")


def test_parts_that_the_shapes_cannot_tell(base, lora, tmp_path):
    """k and v have the same size: q and one of them is all that the shapes say."""
    set_hyper(lora, lora_query=..., lora_key=..., lora_value=...)
    refused(base, lora, tmp_path, "lora_key", "lora_value")
    merge(base, lora, tmp_path / "told", "--set", "lora_query=true", "--set", "lora_key=false", "--set",
          "lora_value=true")


@pytest.mark.parametrize("field", ["lora_alpha", "lora_r"])
def test_missing_scale(field, base, lora, tmp_path):
    set_hyper(lora, **{field: ...})
    refused(base, lora, tmp_path, field)
    told = merge(base, lora, tmp_path / "told", "--set", f"{field}={dict(lora_alpha=7, lora_r=3)[field]}")
    set_hyper(lora, lora_alpha=7, lora_r=3)
    same(lit_state(told), lit_state(merge(base, lora, tmp_path / "all")))


def test_rank_zero(base, lora, tmp_path):
    set_hyper(lora, lora_r=0)
    refused(base, lora, tmp_path, "lora_r")


@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_adapter_that_is_not_finite(bad, base, lora, tmp_path):
    def edit(state):
        state["transformer.h.1.mlp.fc_2.lora_A"][2, 5] = bad

    change(lora, edit)
    refused(base, lora, tmp_path, "transformer.h.1.mlp.fc_2.lora_A", "adapter-not-finite", "1 number")


def test_base_that_is_not_finite(base, lora, tmp_path):
    weights = lit_state(base)
    weights["transformer.h.0.mlp.fc_1.weight"] = weights["transformer.h.0.mlp.fc_1.weight"].clone()
    weights["transformer.h.0.mlp.fc_1.weight"][3, 4] = float("nan")
    (tmp_path / "base").mkdir()
    torch.save(dict(weights), tmp_path / "base" / "lit_model.pth")
    (tmp_path / "base" / "model_config.yaml").write_text((base / "model_config.yaml").read_text())
    said = run("merge", tmp_path / "base", lora, tmp_path / "out").stderr
    assert "transformer.h.0.mlp.fc_1.weight" in said and "not-finite" in said
    assert int(lit_state(tmp_path / "out")["transformer.h.0.mlp.fc_1.weight"].isnan().sum()) == 1


def test_quantised_base(base, lora, tmp_path):
    weights = {k: v.clone() for k, v in lit_state(base).items()}
    for name in weights:
        if "mlp.fc_1.weight" in name:
            weights[name] = torch.zeros_like(weights[name], dtype=torch.uint8)
    (tmp_path / "base").mkdir()
    torch.save(weights, tmp_path / "base" / "lit_model.pth")
    (tmp_path / "base" / "model_config.yaml").write_text((base / "model_config.yaml").read_text())
    refused(tmp_path / "base", lora, tmp_path, "transformer.h.0.mlp.fc_1.weight", "base-quantised", "U8")


def test_no_adapter_there(base, tmp_path):
    (tmp_path / "empty").mkdir()
    said = run("merge", base, tmp_path / "empty", tmp_path / "out", expect=5).stderr
    assert FILE in said and not (tmp_path / "out").exists()


def test_zero_factors_are_a_warning(base, lora, tmp_path):
    change(lora, lambda s: [v.zero_() for k, v in s.items() if k.endswith("lora_B")])
    said = run("merge", base, lora, tmp_path / "out").stderr
    assert "adapter-idle" in said
    same(lit_state(tmp_path / "out"), lit_state(base))


def test_the_report_has_the_numbers(base, lora, tmp_path):
    done = run("merge", "--json", base, lora, tmp_path / "out")
    rows = {row["target"]: row for row in json.loads(done.stdout)["merged"]}
    state = torch.load(lora / FILE, weights_only=True)["model"]
    before, after = lit_state(base), lit_state(tmp_path / "out")
    assert set(rows) == {k.removesuffix(".lora_A") + ".weight" for k in state if k.endswith("lora_A")}
    z = Config.from_file(base / "model_config.yaml")
    for name, row in rows.items():
        module = name.removesuffix(".weight")
        a, b = state[module + ".lora_A"].double(), state[module + ".lora_B"].double()
        q = z.n_head * z.head_size
        delta = torch.cat([b[:q] @ a[:3], b[q:] @ a[3:]]) if "qkv" in name else b @ a
        sigma = torch.linalg.svdvals(7 / 3 * delta)[: len(a)]
        share = sigma / sigma.sum()
        assert row["largest_singular"] == pytest.approx(float(sigma[0]), rel=1e-9)
        assert row["stable_rank"] == pytest.approx(float(sigma.square().sum() / sigma[0] ** 2), rel=1e-9)
        assert row["effective_rank"] == pytest.approx(float((-(share * share.log()).sum()).exp()), rel=1e-6)
    for name in (n for n in rows if "mlp" in n):
        module, row, w = name.removesuffix(".weight"), rows[name], before[name].double()
        delta = 7 / 3 * state[module + ".lora_B"].double() @ state[module + ".lora_A"].double()
        change_ = after[name].double() - w
        assert row["factors"] == [module + ".lora_B", module + ".lora_A"] and row["rank"] == 3
        assert row["scale"] == 7 / 3 and "lora_alpha" in row["scale_from"]
        assert "hyperparameters.yaml" in row["scale_from"]
        assert row["relative"] == pytest.approx(float(delta.norm() / w.norm()), rel=1e-5)
        assert row["gain"] == pytest.approx(float((change_ * delta).sum() / delta.square().sum()), rel=1e-5)
        assert row["max_change"] == pytest.approx(float(change_.abs().max()), rel=1e-5)
        assert row["n_changed"] == int((after[name] != before[name]).sum()) and row["n_nonfinite"] == 0
    table = run("merge", "--report", base, lora, tmp_path / "table").stdout
    assert all(name in table for name in rows) and "lora_alpha" in table


def test_lost_updates_are_a_warning(models, tmp_path):
    base = convert(models("llama-tied"), tmp_path / "base", "lit")
    make_adapter(tmp_path / "lora", base, lora_mlp=True)
    change(tmp_path / "lora", lambda s: [v.mul_(0.01) for v in s.values()])
    said = run("merge", base, tmp_path / "lora", tmp_path / "out").stderr
    assert "update-lost" in said and "transformer.h.0.mlp.fc_1.weight" in said and "--dtype float32" in said
    whole = run("merge", "--dtype", "float32", base, tmp_path / "lora", tmp_path / "whole").stderr
    assert "update-lost" not in whole
