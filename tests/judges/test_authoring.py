"""Families that Lit-GPT's converters do not have, added by a rule file each as rules/README.md says.

transformers makes the models; there and back gives the same bytes and the same config, and
what both libraries compute is the same.
"""

import json

import pytest
import torch
import transformers
from litgpt.config import Config
from litgpt.model import GPT
from safetensors.torch import load_file

from program import convert, run

SIZES = {
    "gpt2": dict(vocab_size=61, n_embd=24, n_layer=3, n_head=4, n_positions=40),
    "starcoder2": dict(vocab_size=61, hidden_size=32, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2,
                       intermediate_size=52, max_position_embeddings=40, sliding_window=None, rope_theta=100000.0,
                       bos_token_id=0, eos_token_id=0),
}
LAYOUT = {"gpt2": "gpt2-linear", "starcoder2": "lit"}


@pytest.fixture(params=[(f, tied) for f in SIZES for tied in (True, False)], ids=lambda p: f"{p[0]}-{'tied' if p[1] else 'head'}")
def model(request, tmp_path):
    family, tied = request.param
    config = transformers.AutoConfig.for_model(family, tie_word_embeddings=tied, **SIZES[family])
    torch.manual_seed(7)
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    model.save_pretrained(tmp_path / "hf")
    return family, model, tmp_path


def test_there_and_back(model):
    family, _, path = model
    convert(path / "hf", path / "there", LAYOUT[family])
    convert(path / "there", path / "back", "hf")
    before, after = load_file(path / "hf" / "model.safetensors"), load_file(path / "back" / "model.safetensors")
    assert before.keys() == after.keys()
    for name, tensor in before.items():
        assert tensor.dtype == after[name].dtype and torch.equal(tensor, after[name]), name
    assert json.loads(run("audit", "--json", path / "hf").stdout)["to"] == LAYOUT[family]  # nobody said where to
    configs = [transformers.AutoConfig.from_pretrained(path / d).to_dict() for d in ("hf", "back")]
    for c in configs:
        c.pop("_name_or_path", None)
    assert configs[0] == configs[1]


def test_gpt2_as_linears(tmp_path):
    """The fused Conv1D falls into the maps that torch's own Linear would hold."""
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**SIZES["gpt2"]))
    model.save_pretrained(tmp_path / "hf")
    convert(tmp_path / "hf", tmp_path / "out", "gpt2-linear")
    got = load_file(tmp_path / "out" / "model.safetensors")
    for l, block in enumerate(model.transformer.h):
        parts = block.attn.c_attn.weight.detach().split(24, dim=1)
        for label, part in zip("qkv", parts, strict=True):
            assert torch.equal(got[f"layers.{l}.attn.{label}.weight"], part.T)
        assert torch.equal(got[f"layers.{l}.attn.proj.weight"], block.attn.c_proj.weight.T)
        assert torch.equal(got[f"layers.{l}.mlp.fc.bias"], block.mlp.c_fc.bias)
    assert json.loads((tmp_path / "out" / "config.json").read_text())["n_embd"] == 24


def test_starcoder2_computes_the_same(tmp_path):
    torch.manual_seed(3)
    config = transformers.Starcoder2Config(**SIZES["starcoder2"])
    model = transformers.AutoModelForCausalLM.from_config(config, attn_implementation="eager").eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    model.save_pretrained(tmp_path / "hf")
    convert(tmp_path / "hf", tmp_path / "lit", "lit")
    lit = GPT(Config.from_file(tmp_path / "lit" / "model_config.yaml")).eval()
    lit.load_state_dict(torch.load(tmp_path / "lit" / "lit_model.pth", weights_only=True), strict=True)
    tokens = torch.randint(61, (2, 20))
    with torch.inference_mode():
        torch.testing.assert_close(lit(tokens), model(tokens).logits, atol=2e-5, rtol=1e-4)


def test_a_pruned_checkpoint_is_refused(model):
    """The new families are as strict as the others: no tensor may be missing."""
    family, _, path = model
    from safetensors.torch import save_file

    state = load_file(path / "hf" / "model.safetensors")
    lost = next(k for k in state if ".1." in k and k.endswith("bias"))
    del state[lost]
    save_file(state, path / "hf" / "model.safetensors")
    done = run("convert", "--to", LAYOUT[family], path / "hf", path / "there", expect=4)
    assert lost in done.stderr
