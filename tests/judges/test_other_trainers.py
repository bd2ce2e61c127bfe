"""Adapters of mlx-lm and torchtune, and of modules that are no Linear: as their own code merges them."""

import json

import peft
import pytest
import torch
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from torch import nn

from make_tiny import hf_state
from program import merge, run
from test_peft import near, randomise, train


def mlx(path, tensors, kind):
    path.mkdir()
    save_file({k: v.contiguous() for k, v in tensors.items()}, path / "adapters.safetensors")
    (path / "adapter_config.json").write_text(json.dumps(dict(
        fine_tune_type=kind, num_layers=2, lora_parameters=dict(rank=2, scale=20.0, dropout=0.0), seed=0)))
    return path


@pytest.mark.parametrize("kind", ["lora", "dora"])
def test_mlx(kind, models, tmp_path):
    """Factors stand transposed; the norms of a Linear are its rows', and so are those of an embedding (mlx_lm/tuner)."""
    torch.manual_seed(3)
    before, tensors, want = hf_state(models("llama-mha")), {}, {}
    for module in ("model.layers.1.self_attn.q_proj", "model.layers.0.mlp.down_proj", "model.embed_tokens", "lm_head"):
        w = before[module + ".weight"].double()
        rows, columns = w.shape
        embedding = module.endswith("embed_tokens")
        a = torch.randn(rows if embedding else columns, 2) * 0.1
        b = torch.randn(2, columns if embedding else rows) * 0.1
        update = 20 * a.double() @ b.double()
        tensors |= {module + ".lora_a": a, module + ".lora_b": b}
        want[module + ".weight"] = w + (update if embedding else update.t())
        if kind == "dora":
            m = tensors[module + ".m"] = torch.rand(rows) + 0.5
            want[module + ".weight"] *= (m.double() / want[module + ".weight"].norm(dim=1))[:, None]
    out = hf_state(merge(models("llama-mha"), mlx(tmp_path / "a", tensors, kind), tmp_path / "out"))
    for name, value in out.items():
        near(value, want.get(name, before[name]), 2e-6)
    run("verify", models("llama-mha"), tmp_path / "out", "--adapter", tmp_path / "a")


def test_mlx_magnitudes_alone_or_missing(models, tmp_path):
    q = "model.layers.0.self_attn.q_proj."
    pair = {q + "lora_a": torch.ones(32, 2), q + "lora_b": torch.ones(2, 32)}
    said = run("merge", models("llama-mha"), mlx(tmp_path / "a", pair, "dora"), tmp_path / "out", expect=4).stderr
    assert "adapter-half" in said and q + "m" in said
    more = {**pair, q + "m": torch.ones(32)}
    said = run("merge", models("llama-mha"), mlx(tmp_path / "b", more, "lora"), tmp_path / "out", expect=4).stderr
    assert "adapter-unused" in said and q + "m" in said


def test_mlx_stacked_experts_are_refused(models, tmp_path):
    key = "model.layers.0.block_sparse_moe.switch_mlp.gate_proj.lora_"
    tensors = {key + "a": torch.ones(4, 2, 32), key + "b": torch.ones(4, 48, 2)}
    said = run("merge", models("mixtral"), mlx(tmp_path / "a", tensors, "lora"), tmp_path / "out", expect=4).stderr
    assert "mlx stacks the experts" in said and not (tmp_path / "out").exists()


# ---- torchtune ------------------------------------------------------------------------


def torchtune(path, tensors, **model):
    path.mkdir()
    torch.save(tensors, path / "adapter_model.pt")
    (path / "torchtune_config.yaml").write_text(json.dumps(dict(model=dict(lora_rank=2, lora_alpha=8, **model))))
    return path


PHI = {"attn.q_proj": "self_attn.qkv_proj", "attn.k_proj": "self_attn.qkv_proj", "attn.v_proj": "self_attn.qkv_proj",
       "attn.output_proj": "self_attn.o_proj", "mlp.w1": "mlp.gate_up_proj", "mlp.w3": "mlp.gate_up_proj", "mlp.w2": "mlp.down_proj"}


@pytest.mark.parametrize("parts", [list(PHI), ["attn.k_proj", "mlp.w3"]], ids=["all", "some"])
def test_torchtune_phi3(parts, models, tmp_path):
    """phi3_tune_to_hf: q, k, v one below the other, then gate and up; no rows change places."""
    base = hf_state(models("phi3"))
    shape = json.loads((models("phi3") / "config.json").read_text())
    d = shape["hidden_size"] // shape["num_attention_heads"]
    sizes = {"attn.q_proj": shape["num_attention_heads"] * d, "attn.k_proj": shape["num_key_value_heads"] * d,
             "attn.v_proj": shape["num_key_value_heads"] * d, "mlp.w1": shape["intermediate_size"], "mlp.w3": shape["intermediate_size"]}
    firsts = {"attn.k_proj": sizes["attn.q_proj"], "attn.v_proj": sizes["attn.q_proj"] + sizes["attn.k_proj"], "mlp.w3": sizes["mlp.w1"]}
    torch.manual_seed(4)
    tensors, want = {}, {k: v.double().clone() for k, v in base.items()}
    for own in parts:
        w = want[f"model.layers.1.{PHI[own]}.weight"]
        n, first = sizes.get(own, len(w)), firsts.get(own, 0)
        a, b = torch.randn(2, w.shape[1]) * 0.1, torch.randn(n, 2) * 0.1
        tensors |= {f"layers.1.{own}.lora_a.weight": a, f"layers.1.{own}.lora_b.weight": b}
        w[first : first + n] += 4 * b.double() @ a.double()
    out = hf_state(merge(models("phi3"), torchtune(tmp_path / "a", tensors), tmp_path / "out", "--dtype", "float32"))
    for name, value in out.items():
        near(value, want[name])
    run("verify", models("phi3"), tmp_path / "out", "--adapter", tmp_path / "a")


def test_torchtune_dora_of_fused_projections_is_refused(models, tmp_path):
    tensors = {"layers.0.attn.q_proj.lora_a.weight": torch.ones(2, 32), "layers.0.attn.q_proj.lora_b.weight": torch.ones(32, 2)}
    said = run("merge", models("phi3"), torchtune(tmp_path / "a", tensors, use_dora=True), tmp_path / "out", expect=4).stderr
    assert "which the base fuses" in said


def test_torchtune_experts_are_refused(models, tmp_path):
    """Its models of experts (Llama 4) have a row order of their own."""
    tensors = {"layers.0.attn.q_proj.lora_a.weight": torch.ones(2, 32), "layers.0.attn.q_proj.lora_b.weight": torch.ones(32, 2),
               "layers.0.mlp.experts.lora_gate_a": torch.ones(4, 32, 2), "layers.0.mlp.experts.lora_gate_b": torch.ones(4, 2, 48)}
    said = run("merge", models("mixtral"), torchtune(tmp_path / "a", tensors), tmp_path / "out", expect=4).stderr
    assert "how torchtune orders the rows" in said


# ---- peft: modules that are no Linear -------------------------------------------------


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.attn = nn.MultiheadAttention(12, 3)
        self.head = nn.Linear(12, 5)

    def forward(self, x):
        return self.head(self.attn(x, x, x)[0])


@pytest.mark.parametrize("how", [{}, dict(use_rslora=True), dict(alpha_pattern={"attn": 5})], ids=["plain", "rslora", "pattern"])
def test_multihead_attention(how, tmp_path):
    """One parameter for the three projections, and the output projection, which peft wraps apart."""
    torch.manual_seed(5)
    model = Attention().eval()
    (tmp_path / "base").mkdir()
    save_file(model.state_dict(), tmp_path / "base" / "model.safetensors")
    (tmp_path / "base" / "config.json").write_text(json.dumps(dict(model_type="unknown")))
    adapted = randomise(peft.get_peft_model(model, LoraConfig(r=3, lora_alpha=7, target_modules=["attn", "head"], **how))).eval()
    adapted.save_pretrained(tmp_path / "a")
    x = torch.randn(4, 2, 12)
    with torch.no_grad():
        want = adapted(x)
    out = hf_state(merge(tmp_path / "base", tmp_path / "a", tmp_path / "out"))
    merged = Attention().eval()
    merged.load_state_dict(out)
    with torch.no_grad():
        near(merged(x), want, 1e-5)
    theirs = adapted.double().merge_and_unload().state_dict()
    for name, value in out.items():
        near(value, theirs[name])


# ---- DoRA from one layout to another ---------------------------------------------------


@pytest.mark.parametrize("to", ["mlx", "torchtune"])
def test_dora_there_and_back(to, models, tmp_path):
    base = models("llama-gqa")
    train(base, tmp_path / "a", target_modules=["q_proj", "k_proj", "down_proj"], use_dora=True)
    run("adapter", "--no-sync", "--to", to, "--base", base, tmp_path / "a", tmp_path / "out")
    one = hf_state(merge(base, tmp_path / "a", tmp_path / "m1"))
    two = hf_state(merge(base, tmp_path / "out", tmp_path / "m2"))
    for key in one:
        near(one[key], two[key])
    run("adapter", "--no-sync", "--to", "peft", "--base", base, tmp_path / "out", tmp_path / "back")
    three = hf_state(merge(base, tmp_path / "back", tmp_path / "m3"))
    for key in one:
        near(one[key], three[key])
    assert json.loads((tmp_path / "back" / "adapter_config.json").read_text())["use_dora"] is True
    before, after = (load_file(tmp_path / d / "adapter_model.safetensors") for d in ("a", "back"))
    assert sorted(before) == sorted(after) and all(torch.equal(before[k], after[k]) for k in before)


def test_dora_that_the_other_has_not_is_refused(models, tmp_path):
    """Norms of an embedding's rows (mlx-lm) are not those of its columns (PEFT)."""
    base, key = models("llama-mha"), "model.embed_tokens."
    tensors = {key + "lora_a": torch.ones(64, 2), key + "lora_b": torch.ones(2, 32), key + "m": torch.ones(64)}
    said = run("adapter", "--to", "peft", "--base", base, mlx(tmp_path / "a", tensors, "dora"), tmp_path / "out", expect=4).stderr
    assert "DoRA" in said and "other elements" in said and not (tmp_path / "out").exists()
