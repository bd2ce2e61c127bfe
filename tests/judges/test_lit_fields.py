"""Every field of Lit-GPT's Config that changes what a model computes is said in config.json, or refused."""

import dataclasses
import subprocess

import pytest
import torch
import transformers
from litgpt.config import Config
from litgpt.model import GPT
from litgpt.utils import save_config

from make_tiny import DEEPSEEK_LIT
from program import RETENSOR

LENGTH = 40
TOKENS = torch.randint(0, 96, (1, LENGTH), generator=torch.Generator().manual_seed(5))
EXPERTS = dict(n_expert=4, n_expert_per_token=2)
TURNS = dict(sliding_window_size=8, sliding_window_indices=[1, 0])
# A named model, and the fields in which its small likeness differs besides the sizes.
BASES = {
    "Llama-3-8B": {}, "tiny-llama-1.1b": {}, "Mistral-7B-v0.1": dict(sliding_window_size=8), "pythia-14m": {}, "falcon-7b": {},
    "falcon-40b": {}, "phi-1_5": {}, "Phi-3-mini-4k-instruct": dict(sliding_window_size=8), "Phi-4-mini-instruct": dict(sliding_window_size=None),
    "Gemma-7b": {}, "Gemma-2-9b": TURNS, "Gemma-3-1b-it": dict(TURNS, rope_indices=[1, 0]), "OLMo-1B-hf": {}, "OLMo-2-1124-7B": {},
    "Qwen2.5-0.5B": {}, "Qwen3-0.6B": {}, "Qwen3-30B-A3B": dict(EXPERTS, moe_intermediate_size=20),
    "Mixtral-8x7B-v0.1": EXPERTS, "stablelm-3b-4e1t": {},
    "pythia-14m like StarCoder2": dict(n_query_groups=2, rotary_percentage=1.0, parallel_residual=False, sliding_window_size=8, name="StarCoder2"),
    "Mixtral-8x7B-v0.1 like DeepSeek": dict(DEEPSEEK_LIT, n_layer=2, name="DeepSeek-V3"),
}
LLAMA3 = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_seq_len=16)
CHANGES = [
    *[{x: on} for x in ("bias", "parallel_residual", "shared_attention_norm", "scale_embeddings", "norm_qk", "norm_1", "norm_2",
                        "post_attention_norm", "post_mlp_norm") for on in (True, False)],
    dict(attn_bias=True), dict(lm_head_bias=True), dict(norm_qk=True, norm_qk_type="olmo2"), dict(rope_interleave=True),
    *[{x: None} for x in ("attention_scores_scalar", "attention_logit_softcapping", "final_logit_softcapping")],
    dict(attention_scores_scalar=13), dict(attention_logit_softcapping=3.0), dict(final_logit_softcapping=2.0),
    dict(sliding_window_size=5, sliding_window_indices=None), dict(sliding_window_size=5, sliding_window_indices=[0, 1]),
    dict(sliding_window_size=None, sliding_window_indices=None), dict(rope_local_base_freq=100, rope_indices=[1, 0]),
    dict(rope_local_base_freq=100, rope_indices=[0, 1]), dict(rope_condense_ratio=2), dict(rope_adjustments=dict(factor=2.0)),
    dict(rope_adjustments=LLAMA3), dict(rope_base=500), dict(rotary_percentage=0.5), dict(rotary_percentage=1.0),
    dict(norm_eps=1e-3), dict(norm_class_name="LayerNorm"), dict(norm_class_name="RMSNorm"),
    *[dict(mlp_class_name=x) for x in ("LLaMAMLP", "GemmaMLP", "GptNeoxMLP")], dict(gelu_approximate="tanh"),
    dict(gelu_approximate="none"), dict(head_size=16), dict(n_query_groups=1), dict(n_query_groups=4), dict(intermediate_size=128),
    dict(routed_scaling_factor=1.5), dict(n_expert_per_token=1), dict(name="My-Gemma"), dict(name="My-OLMo"), dict(name="other"),
]


def lit_model(name, change, path):
    """A model of litgpt in a directory and what it computes, or None: litgpt has no such model."""
    known = Config.from_name(name.split()[0])
    groups = known.n_query_groups if known.n_query_groups == 1 else 4 if known.n_query_groups == known.n_head else 2
    sizes = dict(n_layer=2, n_embd=32, n_head=4, n_query_groups=groups, padded_vocab_size=96, vocab_size=96, block_size=64,
                 intermediate_size=44)
    torch.manual_seed(3)
    try:
        fields = {**sizes, **BASES[name], **change}
        config = dataclasses.replace(Config.from_name(known.name, **{k: v for k, v in fields.items() if k != "name"}),
                                     name=fields.get("name", known.name))
        model = GPT(config).eval()
        with torch.inference_mode():
            for value in model.state_dict().values():
                value.copy_(torch.randn_like(value) * 0.2 + (value.ndim == 1))
            logits = model(TOKENS)
    except (NotImplementedError, AssertionError, RuntimeError, ValueError, TypeError):
        return None
    path.mkdir()
    torch.save(model.state_dict(), path / "lit_model.pth")
    save_config(config, path)
    return logits


@pytest.mark.parametrize("name", BASES)
def test_no_field_is_passed_over(name, tmp_path):
    wrong, taken = [], 0
    for n, change in enumerate([{}, *CHANGES]):
        lit, hf = tmp_path / f"lit{n}", tmp_path / f"hf{n}"
        logits = lit_model(name, change, lit)
        if logits is None:
            continue
        said = subprocess.run([RETENSOR, "convert", "--to", "hf", "--no-sync", lit, hf], capture_output=True, text=True)
        if said.returncode == 4 and change:
            continue  # refused, which is an answer
        assert said.returncode == 0, (change, said.stderr)
        model = transformers.AutoModelForCausalLM.from_pretrained(hf, dtype=torch.float32, attn_implementation="eager")
        with torch.inference_mode():
            differ = (model.eval()(TOKENS, use_cache=False).logits - logits).abs().max().item()
        taken += 1
        if not differ < 2e-4:
            wrong.append((change, differ))
    assert not wrong
    assert taken > 3
