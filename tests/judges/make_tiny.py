"""Tiny random models of every config class that the rule files know.

A case has a transformers config and the litgpt Config that computes the same (a named one
with other sizes, as litgpt's own tests have it). Seeds are fixed by the case's name.
"""

import json
import zlib
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import torch
import transformers
from litgpt.config import Config
from litgpt.scripts import convert_hf_checkpoint as from_hf
from litgpt.scripts import convert_lit_checkpoint as from_lit

VOCAB, LAYERS, EMBD, INNER, LENGTH = 64, 2, 32, 48, 96


@dataclass
class Case:
    name: str
    family: str
    hf_class: str              # of transformers, without "Config"
    hf: dict                   # arguments of its config
    lit_name: str              # named config of litgpt that is nearest
    lit: dict = field(default_factory=dict)
    dtype: torch.dtype = torch.float32
    shard: str = "1GB"         # largest shard
    safe: bool = True          # safetensors, or pytorch_model.bin
    drops_head: bool = False   # litgpt's lit -> HF leaves the head out, or cannot run at all
    legacy: bool = True        # the tutorials' Config can express it
    judged: bool = True        # litgpt's converter takes it

    def hf_config(self):
        sizes = dict(vocab_size=VOCAB, hidden_size=EMBD, num_hidden_layers=LAYERS, num_attention_heads=8)
        if self.hf_class not in ("Falcon",):
            sizes.update(intermediate_size=INNER, max_position_embeddings=LENGTH)
        if self.hf_class not in ("Falcon", "GPTNeoX", "Phi"):
            sizes.update(bos_token_id=1, eos_token_id=2, pad_token_id=None)
        return getattr(transformers, self.hf_class + "Config")(**{**sizes, **self.hf})

    def lit_config(self):
        block = 2048 if self.hf_class == "Falcon" else LENGTH
        heads = self.hf.get("num_attention_heads", 8)
        sizes = dict(n_layer=LAYERS, n_embd=EMBD, n_head=heads, padded_vocab_size=VOCAB, vocab_size=VOCAB,
                     intermediate_size=INNER, block_size=block, n_query_groups=heads)
        if "sliding_window_size" not in self.lit:
            sizes.update(sliding_window_size=None, sliding_window_indices=None)
        return Config.from_name(self.lit_name, **{**sizes, **self.lit})

    def model(self):
        torch.manual_seed(zlib.crc32(self.name.encode()))
        model = transformers.AutoModelForCausalLM.from_config(self.hf_config(), attn_implementation="eager")
        with torch.no_grad():
            for p in model.parameters():
                p.add_(torch.randn_like(p) * 0.05)
        return model.to(self.dtype).eval()

    def save(self, path):
        self.model().save_pretrained(path, max_shard_size=self.shard, safe_serialization=self.safe)
        (Path(path) / "tokenizer.json").write_text("{}")

    def to_lit(self, hf_state):
        """HF -> lit by litgpt's own functions."""
        c, out = self.lit_config(), {}
        makers = {
            "falcon": partial(from_hf.copy_weights_falcon, c),
            "gpt_neox": partial(from_hf.copy_weights_gpt_neox, c),
            "gemma2": partial(from_hf.copy_weights_gemma_2, {}),
            "gemma3": partial(from_hf.copy_weights_gemma_3, {}, config=c),
            "phi": partial(from_hf.copy_weights_phi, c, {}),
            "phi3": partial(from_hf.copy_weights_phi, c, {}),
            "qwen2": partial(from_hf.copy_weights_qwen_2_5, c, {}),
            "qwen3": partial(from_hf.copy_weights_qwen_3, c, {}),
            "qwen3_moe": partial(from_hf.copy_weights_qwen_3, c, {}),
            "olmo2": partial(from_hf.copy_weights_olmo2, c, {}),
        }
        with torch.inference_mode():
            makers.get(self.family, partial(from_hf.copy_weights_hf_llama, c, {}))(out, hf_state)
        out.setdefault("lm_head.weight", out["transformer.wte.weight"])  # where litgpt forgets a tied head
        return out

    def to_hf(self, lit_state):
        """lit -> HF by litgpt's own functions."""
        c, out = self.lit_config(), {}
        makers = {
            "falcon": from_lit.copy_weights_falcon,
            "gpt_neox": from_lit.copy_weights_gpt_neox,
            "gemma2": from_lit.copy_weights_gemma_2,
            "gemma3": from_lit.copy_weights_gemma_3,
            "phi": from_lit.copy_weights_phi,
            "phi3": from_lit.copy_weights_phi,
            "qwen2": from_lit.copy_weights_qwen_2_5,
            "qwen3": from_lit.copy_weights_qwen_3,
            "qwen3_moe": from_lit.copy_weights_qwen_3,
        }
        with torch.inference_mode():
            makers.get(self.family, from_lit.copy_weights_llama)(c, out, lit_state)
        return out


GQA = dict(num_key_value_heads=2)
MQA = dict(num_key_value_heads=1)
LLAMA3 = dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0,
              original_max_position_embeddings=64)
LLAMA3_LIT = dict(factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_seq_len=64)
DEEPSEEK = dict(num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=4, moe_intermediate_size=20,
                q_lora_rank=12, kv_lora_rank=10, qk_nope_head_dim=6, qk_rope_head_dim=4, v_head_dim=5,
                first_k_dense_replace=1, n_routed_experts=8, n_shared_experts=2, n_group=4, topk_group=2,
                num_experts_per_tok=3, routed_scaling_factor=1.5)
DEEPSEEK_LIT = dict(n_layer=3, n_head=4, n_query_groups=4, head_size=10, moe_intermediate_size=20, n_expert=8,
                    n_shared_expert=2, n_expert_per_token=3, n_expert_groups=4, n_topk_groups=2,
                    n_topk_scores_per_group=2, first_k_dense_replace=1, routed_scaling_factor=1.5,
                    norm_topk_prob=True, norm_eps=1e-6, rope_base=10000, rope_interleave=True,
                    latent_attention=dict(q_lora_rank=12, kv_lora_rank=10, qk_nope_head_dim=6, qk_rope_head_dim=4,
                                          v_head_dim=5))

CASES = {c.name: c for c in [
    Case("llama-mha", "llama", "Llama", dict(num_attention_heads=4, rms_norm_eps=1e-5), "Llama-2-7b-hf",
         dict(n_head=4, n_query_groups=4)),
    Case("llama-gqa", "llama", "Llama", dict(GQA, rope_scaling=LLAMA3, rope_theta=500000.0, rms_norm_eps=1e-5),
         "Llama-3.1-8B", dict(n_query_groups=2, rope_adjustments=LLAMA3_LIT), shard="20KB", legacy=False),
    Case("llama-mqa", "llama", "Llama", dict(MQA, rms_norm_eps=1e-5), "Llama-2-7b-hf", dict(n_query_groups=1),
         safe=False),
    Case("llama-tied", "llama", "Llama", dict(GQA, tie_word_embeddings=True, rope_theta=100000.0, rms_norm_eps=1e-5),
         "SmolLM2-135M", dict(n_query_groups=2), dtype=torch.bfloat16, shard="16KB", safe=False),
    Case("llama-head", "llama", "Llama", dict(GQA, head_dim=6, rms_norm_eps=1e-5), "Llama-2-7b-hf",
         dict(n_query_groups=2, head_size=6), dtype=torch.float16),
    Case("llama-linear", "llama", "Llama", dict(rope_scaling=dict(rope_type="linear", factor=8.0), rms_norm_eps=1e-5),
         "LLaMA-2-7B-32K"),
    Case("llama-biases", "llama", "Llama", dict(GQA, attention_bias=True, mlp_bias=True, rms_norm_eps=1e-5),
         "Llama-2-7b-hf", dict(n_query_groups=2, bias=True), judged=False),
    Case("mistral", "llama", "Mistral", dict(GQA, sliding_window=8, rms_norm_eps=1e-5), "Mistral-7B-v0.1",
         dict(n_query_groups=2, sliding_window_size=8)),
    Case("stablelm", "stablelm", "StableLm", dict(num_key_value_heads=8), "stablelm-3b-4e1t"),
    Case("stablelm-bias", "stablelm", "StableLm", dict(GQA, use_qkv_bias=True), "stablelm-3b-4e1t",
         dict(n_query_groups=2, attn_bias=True), judged=False, legacy=False),
    Case("olmo", "olmo", "Olmo", dict(tie_word_embeddings=True), "OLMo-1B-hf"),
    Case("falcon-7b", "falcon", "Falcon", dict(new_decoder_architecture=False, multi_query=True), "falcon-7b",
         dict(n_query_groups=1, intermediate_size=4 * EMBD)),
    Case("falcon-40b", "falcon", "Falcon", dict(new_decoder_architecture=True, num_kv_heads=2), "falcon-40b",
         dict(n_query_groups=2, intermediate_size=4 * EMBD), shard="24KB"),
    Case("falcon-mha", "falcon", "Falcon", dict(new_decoder_architecture=False, multi_query=False), "falcon-7b",
         dict(n_query_groups=8, intermediate_size=4 * EMBD)),
    Case("gpt_neox", "gpt_neox", "GPTNeoX", dict(num_attention_heads=4), "pythia-14m", dict(n_head=4, n_query_groups=4)),
    Case("gpt_neox-serial", "gpt_neox", "GPTNeoX", dict(use_parallel_residual=False, rotary_pct=1.0), "pythia-14m",
         dict(parallel_residual=False, rotary_percentage=1.0), safe=False, dtype=torch.float16),
    Case("gemma", "gemma", "Gemma", dict(MQA, head_dim=6), "Gemma-7b",
         dict(n_query_groups=1, head_size=6, norm_eps=1e-6),
         drops_head=True),
    Case("gemma2", "gemma2", "Gemma2", dict(GQA, head_dim=6, query_pre_attn_scalar=6, sliding_window=8), "Gemma-2-9b",
         dict(n_query_groups=2, head_size=6, attention_scores_scalar=6, sliding_window_size=8,
              sliding_window_indices=[1, 0], norm_eps=1e-6), drops_head=True, legacy=False),
    Case("gemma3", "gemma3", "Gemma3Text",
         dict(GQA, num_hidden_layers=3, head_dim=6, query_pre_attn_scalar=6, sliding_window=8, rms_norm_eps=1e-6,
              layer_types=["sliding_attention", "full_attention", "sliding_attention"]), "Gemma-3-1b-it",
         dict(n_layer=3, n_query_groups=2, head_size=6, attention_scores_scalar=6, sliding_window_size=8,
              sliding_window_indices=[1, 0, 1], rope_indices=[1, 0, 1], norm_eps=1e-6), drops_head=True, legacy=False),
    Case("gemma3-linear", "gemma3", "Gemma3Text",
         dict(GQA, head_dim=6, query_pre_attn_scalar=6, sliding_window=8, rms_norm_eps=1e-6,
              rope_scaling=dict(rope_type="linear", factor=8.0), layer_types=["sliding_attention", "full_attention"]),
         "Gemma-3-4b-it",
         dict(n_query_groups=2, head_size=6, attention_scores_scalar=6, sliding_window_size=8,
              sliding_window_indices=[1, 0], rope_indices=[1, 0], norm_eps=1e-6), drops_head=True, legacy=False),
    Case("mixtral", "mixtral", "Mixtral", dict(GQA, num_local_experts=4, rms_norm_eps=1e-5), "Mixtral-8x7B-v0.1",
         dict(n_query_groups=2, n_expert=4)),
    Case("qwen2", "qwen2", "Qwen2", dict(GQA, tie_word_embeddings=True, rope_theta=1000000.0), "Qwen2.5-0.5B",
         dict(n_query_groups=2), dtype=torch.bfloat16, legacy=False),
    Case("qwen3", "qwen3", "Qwen3", dict(GQA, head_dim=6, tie_word_embeddings=True, rope_theta=1000000.0),
         "Qwen3-0.6B", dict(n_query_groups=2, head_size=6), legacy=False),
    Case("qwen3_moe", "qwen3_moe", "Qwen3Moe",
         dict(GQA, head_dim=6, num_experts=4, num_experts_per_tok=2, moe_intermediate_size=20, norm_topk_prob=True,
              rope_theta=1000000.0), "Qwen3-30B-A3B",
         dict(n_query_groups=2, head_size=6, n_expert=4, n_expert_per_token=2, moe_intermediate_size=20),
         legacy=False),
    Case("deepseek_v3", "deepseek_v3", "DeepseekV3", DEEPSEEK, "Mixtral-8x7B-v0.1", DEEPSEEK_LIT, legacy=False,
         judged=False),
    Case("phi", "phi", "Phi", dict(num_attention_heads=4, partial_rotary_factor=0.5), "phi-1_5",
         dict(n_head=4, n_query_groups=4)),
    Case("phi-tied", "phi", "Phi", dict(num_attention_heads=4, tie_word_embeddings=True), "phi-1_5",
         dict(n_head=4, n_query_groups=4)),
    Case("phi3-window", "phi3", "Phi3", dict(GQA, sliding_window=8), "Phi-3-mini-4k-instruct",
         dict(n_query_groups=2, sliding_window_size=8)),
    Case("phi3", "phi3", "Phi3", dict(GQA), "Phi-3-mini-4k-instruct", dict(n_query_groups=2), dtype=torch.bfloat16),
    Case("phi4-mini", "phi3", "Phi3", dict(num_attention_heads=4, num_key_value_heads=2, tie_word_embeddings=True,
         partial_rotary_factor=0.75), "Phi-4-mini-instruct", dict(n_head=4, n_query_groups=2), drops_head=True),
    Case("olmo2", "olmo2", "Olmo2", dict(GQA, rope_theta=500000.0, rms_norm_eps=1e-6), "OLMo-2-1124-7B",
         dict(n_query_groups=2), drops_head=True, legacy=False),
]}


def hf_state(path):
    """The tensors of a Hugging Face directory, whatever its files are."""
    path, out = Path(path), {}
    from safetensors.torch import load_file

    for f in sorted(path.glob("*.safetensors")):
        if not f.name.startswith("retensor-kept"):
            out.update(load_file(f))
    for f in sorted(path.glob("*.bin")):
        out.update(torch.load(f, weights_only=True))
    return out


def lit_state(path):
    """The tensors of a Lit-GPT directory."""
    return torch.load(Path(path) / "lit_model.pth", weights_only=True, mmap=True)


def hf_json(path):
    return json.loads((Path(path) / "config.json").read_text())


def filled(path):
    """config.json as transformers reads it, with the fields that it adds and without the path."""
    fields = transformers.AutoConfig.from_pretrained(path).to_dict()
    del fields["_name_or_path"]
    if fields.get("head_dim") is None:
        fields["head_dim"] = fields["hidden_size"] // fields["num_attention_heads"]
    return fields


def same(x, y):
    """Two state dicts hold the same names, dtypes, shapes and bytes."""
    assert sorted(x) == sorted(y)
    for name in x:
        a, b = x[name].detach(), y[name].detach()
        assert a.dtype == b.dtype and a.shape == b.shape, (name, a.dtype, b.dtype, a.shape, b.shape)
        raw = [t.contiguous().view(torch.uint8) for t in (a, b)]
        assert torch.equal(*raw), name
