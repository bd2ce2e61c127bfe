"""transformers 5 itself: what it writes is read, and it computes with what is written for it as with the original.

Its configs differ (one record for rotary embeddings, one for each kind of layer in Gemma 3). Its files have
transformers 4's names by default, and those of its memory when asked: stacked experts, and a head of another name in GPT-NeoX.
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import transformers
from litgpt.config import Config

from make_tiny import CASES, hf_json, hf_state, lit_state, same
from program import convert, run
from transformers5 import TOKENS, load

SIZES = dict(hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             vocab_size=64, bos_token_id=1, eos_token_id=2, pad_token_id=None)
LONG = {"type": "longrope", "short_factor": [1.0, 1.1, 1.2, 1.3], "long_factor": [2.0, 2.1, 2.2, 2.3]}
GEMMA = dict(SIZES, vocab_size=128, head_dim=8, query_pre_attn_scalar=8, sliding_window=8,
             layer_types=["sliding_attention", "full_attention"], rope_scaling={"rope_type": "linear", "factor": 8.0})
VISION = dict(hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, image_size=28, patch_size=14)
MORE = {  # kinds of rotary embeddings and experts that make_tiny has not
    "long": lambda: transformers.Phi3Config(**SIZES, max_position_embeddings=128, original_max_position_embeddings=16, rope_scaling=LONG),
    "partial-linear": lambda: transformers.PhiConfig(**SIZES, partial_rotary_factor=0.5, rope_scaling={"rope_type": "linear", "factor": 2.0}),
    "yarn": lambda: transformers.LlamaConfig(**SIZES, max_position_embeddings=256, rope_scaling={
        "rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64}),
    "dynamic": lambda: transformers.LlamaConfig(**SIZES, max_position_embeddings=16, rope_scaling={"rope_type": "dynamic", "factor": 4.0}),
    "typed-linear": lambda: transformers.LlamaConfig(**SIZES, rope_scaling={"type": "linear", "factor": 2.0}),
    "olmo-linear": lambda: transformers.OlmoConfig(**SIZES, rope_scaling={"type": "linear", "factor": 2.0}),
    "neox": lambda: transformers.GPTNeoXConfig(**SIZES | {"num_key_value_heads": None}, rotary_pct=0.5, rotary_emb_base=500),
    "starcoder2": lambda: transformers.Starcoder2Config(**SIZES),
    "qwen2_moe": lambda: transformers.Qwen2MoeConfig(**SIZES, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=20,
                                                     shared_expert_intermediate_size=24),
    "gpt2": lambda: transformers.GPT2Config(n_embd=32, n_layer=2, n_head=4, vocab_size=64, n_positions=64, bos_token_id=1, eos_token_id=2),
    "vision": lambda: transformers.Gemma3Config(text_config=GEMMA, vision_config=VISION, mm_tokens_per_image=4, image_token_index=64,
                                                boi_token_index=65, eoi_token_index=66),
}
ALL = [*CASES, *MORE]
TEXT = [n for n in ALL if n != "vision"]  # hf5 is a layout of text models
TO_LIT = [*CASES, "partial-linear", "olmo-linear", "typed-linear", "vision"]
# Fields in which the two may differ: where it was read from, and what rope_parameters says once more.
TWICE = {"_name_or_path", "rotary_pct", "rotary_emb_base", "rope_theta", "partial_rotary_factor"}


def in_transformers5(notes, models, *more):
    own = Path(sys.prefix, "transformers5")
    assert own.is_dir(), f"no transformers 5 in {own}: see tests/setup"
    script = Path(__file__).with_name("transformers5.py")
    env = {**os.environ, "PYTHONPATH": str(own)}
    done = subprocess.run([sys.executable, script, notes, *models, *more], env=env, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return torch.load(notes)


@pytest.fixture(scope="module")
def seen(models, tmp_path_factory):
    """For each name what transformers 4 and 5 make of the original, and 5 of ours; `at` holds all folders."""
    at = tmp_path_factory.mktemp("transformers5")
    torch.manual_seed(5)
    for name in MORE:
        config = MORE[name]()
        auto = transformers.AutoModelForImageTextToText if name == "vision" else transformers.AutoModelForCausalLM
        auto.from_config(config).save_pretrained(at / "old" / name)
    for name in CASES:
        (at / "old" / name).symlink_to(models(name))
    for name in TEXT:
        convert(at / "old" / name, at / "ours" / name, "hf5")
    with torch.no_grad():
        four = {name: load(at / "old" / name).float()(TOKENS).logits for name in ALL}
    five = in_transformers5(at / "five.pt", [at / "old" / n for n in ALL], "--save", at)
    ours = in_transformers5(at / "ours.pt", [at / "ours" / n for n in TEXT])
    return at, four, five, ours


@pytest.mark.parametrize("name", TEXT)
def test_ours_computes_as_the_original(name, seen):
    at, four, five, ours = seen
    (want, config), (got, own) = five[name], ours[name]
    assert torch.equal(got, want)
    assert torch.allclose(want, four[name], atol=1e-5)
    for one in (config, own):
        one["rope_parameters"] = {k: v for k, v in (one.get("rope_parameters") or {}).items() if k != "type"}  # beside rope_type
    assert not {k: (config.get(k), own.get(k)) for k in (config.keys() | own.keys()) - TWICE if config.get(k) != own.get(k)}


@pytest.mark.parametrize("name", TEXT)
def test_ours_has_the_tensors_of_its_memory(name, seen):
    at = seen[0]
    ours, theirs = hf_state(at / "ours" / name), hf_state(at / "stacked" / name)
    if name == "llama-tied":  # the original stored its head although it is tied
        assert torch.equal(ours.pop("lm_head.weight"), ours["model.embed_tokens.weight"])
    same(ours, theirs)


@pytest.mark.parametrize("name", TEXT)
def test_back_to_transformers_4(name, seen, tmp_path):
    at, four = seen[:2]
    run("convert", "--no-sync", "--from", "hf5", "--to", "hf", at / "stacked" / name, tmp_path / "old")
    with torch.no_grad():
        assert torch.equal(load(tmp_path / "old").float()(TOKENS).logits, four[name])


@pytest.mark.parametrize("name", TEXT)
@pytest.mark.parametrize("form", ["new", "stacked", "ours"])
def test_to_hf_is_for_transformers_4(form, name, seen, tmp_path):
    """Nobody has to say that the config is transformers 5's."""
    at, four = seen[:2]
    old = convert(at / form / name, tmp_path / "old", "hf")
    assert "rope_parameters" not in hf_json(old)
    with torch.no_grad():
        assert torch.equal(load(old).float()(TOKENS).logits, four[name])


@pytest.mark.parametrize("name", [n for n in TO_LIT if n != "vision"])
def test_lit_carries_it_back_for_transformers_4(name, seen, tmp_path):
    at, four = seen[:2]
    old = convert(convert(at / "new" / name, tmp_path / "lit", "lit"), tmp_path / "old", "hf")
    assert "rope_parameters" not in hf_json(old)
    with torch.no_grad():
        assert torch.equal(load(old).float()(TOKENS).logits, four[name])


@pytest.mark.parametrize("name", TO_LIT)
@pytest.mark.parametrize("form", ["new", "stacked"])
def test_to_lit_from_either(form, name, seen, tmp_path):
    at = seen[0]
    want = convert(at / "old" / name, tmp_path / "want", "lit")
    got = convert(at / form / name, tmp_path / "got", "lit")
    same(lit_state(got), lit_state(want))
    assert Config.from_file(got / "model_config.yaml") == Config.from_file(want / "model_config.yaml")
