"""Fixtures for the mutation run, made by litgpt's own converter: what it makes of a small model.

    python tests/mutation/make_fixtures.py           (needs tests/judges/requirements.txt)

Every element of the model is its own number, counted over the tensors in the order of their
names, so a digest of a converted tensor tells which elements lie where. A fixture has names,
shapes and config of the model, the fields of the config that may be left out since they are
transformers' defaults, and the digests; no weights. Where litgpt's converter does not take a
model there are no digests: its result is judged by what it computes (tests/judges).
"""

import dataclasses
import json

import transformers
from litgpt.config import Config
from making import digests, hf_json, numbered, write

from make_tiny import CASES, Case


YARN = dict(rope_type="yarn", factor=4.5, beta_fast=33, beta_slow=2, mscale=0.5, mscale_all_dim=0.25,
            original_max_position_embeddings=48)

PARTIAL = [({"partial_rotary_factor": None, "rope_parameters": {"partial_rotary_factor": 0.25, "rope_type": "default", "rope_theta": 10000.0}},
            {"rotary_percentage": 0.25})]

# What a field of the config turns the result into: fields of lit, or words of the refusal.
GELU = [({"hidden_act": "gelu"}, {"gelu_approximate": "none"}),
        ({"hidden_act": "gelu_new"}, {"gelu_approximate": "tanh"}),
        ({"hidden_act": "gelu_pytorch_tanh"}, {"gelu_approximate": "tanh"}),
        ({"hidden_act": "relu"}, "no row of the table fits")]
ROPES = [({"rope_scaling": {"rope_type": "default", "rope_theta": 7.0, "partial_rotary_factor": 0.5}}, {"rope_condense_ratio": 1}),
         ({"rope_scaling": {"type": "default"}}, {"rope_condense_ratio": 1}),
         ({"rope_scaling": {"rope_type": "linear", "factor": 4.5}}, {"rope_condense_ratio": 1, "factor": 4.5}),
         ({"rope_scaling": {"type": "llama3", "factor": 4.5, "low_freq_factor": 1.5, "high_freq_factor": 3.5,
                            "original_max_position_embeddings": 48}},
          {"rope_condense_ratio": 1, "factor": 4.5, "low_freq_factor": 1.5, "high_freq_factor": 3.5, "original_max_seq_len": 48}),
         ({"rope_scaling": {"rope_type": "unheard"}}, "no row of the table fits")]
WINDOW = [({"use_sliding_window": True}, "window would be in every layer")]
VARIANTS = {
    "llama-mha": ROPES + [({"rope_scaling": {"rope_type": "linear", "factor": 4.0}}, {"rope_condense_ratio": 4}),
                          ({"rope_scaling": None, "rope_parameters": {"rope_type": "linear", "factor": 4.0}}, {"rope_condense_ratio": 4}),
                          ({"sliding_window": 8}, "attend to a window")],
    "llama": [({"quantization_config": {"quant_method": "gptq"}}, "quantised")],
    "qwen2": WINDOW + [({"attention_bias": True}, "no bias on o_proj")],
    "qwen3": WINDOW,
    "gpt_neox": GELU + [({"attention_bias": False}, "one flag for all biases"),
                        ({"hidden_act": "gelu_fast"}, {"gelu_approximate": "tanh"}),
                        ({"rotary_pct": None, "partial_rotary_factor": 1.0}, {"rotary_percentage": 1.0}),
                        ({"rotary_pct": None, "partial_rotary_factor": None, "rope_parameters": {"partial_rotary_factor": 1.0, "rope_type": "default",
                                                                  "rope_theta": 10000.0}},
                         {"rotary_percentage": 1.0})],
    "phi": [*PARTIAL, *GELU, ({"qk_layernorm": True}, "no biases")],
    "falcon-new": [({"num_kv_heads": None}, {"n_query_groups": 8})],
    "stablelm": [({"use_parallel_residual": True}, "other norms"), ({"rotary_scaling_factor": 2.0}, "no such factor"),
                 ({"qk_layernorm": True}, "no norms for each head"),
                 ({"layer_norm_eps": None, "norm_eps": 0.0002}, {"norm_eps": 0.0002}),
                 ({"partial_rotary_factor": None, "rope_pct": 0.5}, {"rotary_percentage": 0.5})],
    "olmo": [*ROPES[:3], ROPES[-1], ({"rope_scaling": {"type": "linear", "factor": 4.0}}, {"rope_condense_ratio": 4}),
             ({"clip_qkv": 8.0}, "does not clip"), ({"attention_bias": True}, "bias on o_proj")],
    "starcoder2": [*GELU[:1], GELU[2], ({"use_bias": False}, "biases of every map"), ({"sliding_window": 8}, {"sliding_window_size": 8})],
    "falcon": [({"alibi": True}, "rotary embeddings only"), ({"bias": True}, "no biases"),
               ({"apply_residual_connection_post_layernorm": True}, "residual before the norm"),
               ({"ffn_hidden_size": None}, {"intermediate_size": 128}), ({"hidden_size": None, "n_embed": 32}, {"n_embd": 32}), ({"activation": None}, {}), ({"activation": "relu"}, "hf.activation")],
    "gemma2": [({"hidden_activation": "gelu"}, {"gelu_approximate": "none"}),
               ({"hidden_activation": "gelu_pytorch_tanh"}, {"gelu_approximate": "tanh"}),
               ({"hidden_activation": "gelu_new"}, {"gelu_approximate": "tanh"})],
    "gemma3": ROPES + [({"rope_theta": None, "rope_local_base_freq": None, "rope_scaling": None, "rope_parameters": {
                            "full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 70000.0},
                            "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0}}},
                        {"rope_base": 70000, "rope_local_base_freq": 5000, "rope_condense_ratio": 1, "factor": 4.0}),
               ({"hidden_activation": "gelu"}, {"gelu_approximate": "none"}),
               ({"hidden_activation": "gelu_pytorch_tanh"}, {"gelu_approximate": "tanh"}),
               ({"hidden_activation": "gelu_new"}, {"gelu_approximate": "tanh"}),
               ({"attn_logit_softcapping": 30.5, "final_logit_softcapping": 20.5},
                {"attention_logit_softcapping": None, "final_logit_softcapping": 20.5})],
    "gemma": [({"hidden_act": "relu"}, "no row of the table fits"), ({"hidden_act": "gelu"}, {"gelu_approximate": "none"}),
              ({"hidden_act": "gelu_pytorch_tanh"}, {"gelu_approximate": "tanh"}),
              ({"hidden_act": "gelu_new"}, {"gelu_approximate": "tanh"})],
    "qwen3_moe": [({"mlp_only_layers": [0]}, "experts in every layer"), ({"decoder_sparse_step": 2}, "experts in every layer"),
                  ({"use_sliding_window": True}, "window would be in every layer"), ({"sliding_window": 8}, {}),
                  ({"norm_topk_prob": None}, "norm_topk_prob")],
    "phi3": [*PARTIAL, *ROPES[:2], ROPES[-1], *[({"rope_scaling": {"type": x, "short_factor": [1.5] * 4, "long_factor": [2.5] * 4}},
                                                {"rope_condense_ratio": 1, "rope_adjustments": "null"}) for x in ("longrope", "su", "yarn")]],
    "deepseek_v3": [({"n_group": 1}, "one group"), ({"num_key_value_heads": 2}, "no groups of queries"),
                    ({"attention_bias": True}, "one bias flag"), ({"attention_bias": 0}, "hf.attention_bias"), ({"q_lora_rank": "null"}, "without a rank"),
                    ({"scoring_func": "sigmoid", "topk_method": "noaux_tc", "moe_layer_freq": 1}, {}),
                    *[({field: value}, "routes as DeepSeek-V3 does") for field, value in
                      (("scoring_func", "softmax"), ("topk_method", "greedy"), ("moe_layer_freq", 2), ("moe_layer_freq", "sigmoid"))],
                    ({"rope_scaling": YARN}, {"factor": 4.5, "beta_fast": 33, "beta_slow": 2, "mscale": 0.5,
                                              "mscale_all_dim": 0.25, "original_max_seq_len": 48}),
                    ({"rope_scaling": None, "rope_parameters": YARN}, {"factor": 4.5, "beta_fast": 33}),
                    ({"rope_scaling": {"rope_type": "default", "rope_theta": 10000.0}}, {})],
}
# The same of Lit-GPT's config: what its fields are in Hugging Face's.
BACK_VARIANTS = {
    "llama": [({"rope_interleave": True}, "rotate halves"), ({"latent_attention": {"q_lora_rank": 1}}, "latent attention"),
              ({"rope_condense_ratio": 3, "rope_adjustments": "null"}, {"rope_scaling.rope_type": "linear", "rope_scaling.factor": 3.0})],
    "llama-plain": [({"sliding_window_size": 8, "sliding_window_indices": [1, 0]}, "in every layer or in none"),
                    ({"sliding_window_size": 8, "sliding_window_indices": "null"}, {"sliding_window": 8}),
                    ({"name": "My-Gemma"}, "adds 1 to the norms"), ({"attention_scores_scalar": 13}, "size alone"),
                    ({"attention_logit_softcapping": 3.5}, "caps on scores"), ({"final_logit_softcapping": 3.5}, "caps on logits"),
                    ({"rope_local_base_freq": 100}, "one rotary base"), ({"routed_scaling_factor": 1.5}, "what experts give"),
                    ({"post_attention_norm": True}, "behind attention"), ({"post_mlp_norm": True}, "behind the MLP")],
    "llama-biases": [({"sliding_window_size": 8}, "have no biases")],
    "gemma": [({"name": "x"}, "by the model's name")],
    "olmo": [({"name": "x"}, "by the name"), ({"norm_1": False}, "before attention"), ({"norm_2": False}, "before the MLP"),
             ({"norm_qk": True}, "norms of q and k"),
             ({"rope_condense_ratio": 3}, {"rope_scaling.type": "linear", "rope_scaling.factor": 3.0}),
             ({"rope_adjustments": {"factor": 4.5}}, {"rope_scaling.type": "linear", "rope_scaling.factor": 4.5})],
    "falcon-40b": [({"parallel_residual": False}, "side by side")],
    "gemma2": [({"sliding_window_size": "null"}, {"sliding_window": 96})],
    "gemma2-plain": [({"attention_scores_scalar": "null"}, {"query_pre_attn_scalar": 256})],
    "phi3": [({"rope_condense_ratio": 2}, "no row of the table fits")],
    "olmo2": [({"sliding_window_size": 8}, "attend to everything")],
    "qwen2": [({"sliding_window_size": 8}, "attend to everything")],
    "qwen3": [({"sliding_window_size": 8}, "attend to everything")],
    "gemma3": [({"norm_qk": None}, "norm_qk"),
               ({"rope_condense_ratio": 8, "rope_adjustments": "null"}, "no row of the table fits"),
               ({"attention_logit_softcapping": 30.5}, "does not read it")],
    "deepseek_v3": [({"norm_topk_prob": None}, {"norm_topk_prob": False}), ({"n_query_groups": "null"}, {"num_key_value_heads": 4}),
                    ({"name": "My-Gemma"}, "adds 1 to the norms"), ({"norm_eps": 0.001}, "norms of latent vectors"),
                    ({"routed_scaling_factor": None}, {"routed_scaling_factor": 1.0})],
}
# Parameters without which there is no such model.
LACKING = {"starcoder2": ["model.norm.bias"]}
# What early versions stored besides, or a library leaves alone.
ROTARY = {f"model.layers.{l}.self_attn.rotary_emb.inv_freq": 2 for l in range(2)}
BUFFERS = {
    "llama-mha": ROTARY, "phi": ROTARY,
    "deepseek_v3": {**ROTARY, "model.layers.2.self_attn.rotary_emb.inv_freq": 2, "model.layers.3.eh_proj.weight": 7},
    "falcon-7b": {f"transformer.h.{l}.self_attention.rotary_emb.inv_freq": 2 for l in range(2)},
    "gpt_neox": {f"gpt_neox.layers.{l}.attention.{x}": 2 for l in range(2) for x in ("bias", "masked_bias", "rotary_emb.inv_freq")},
}
# What absence means in model_config.yaml: litgpt's Config.
LIT_DEFAULTS = {f.name: "null" if f.default is None else f.default for f in dataclasses.fields(Config)
                if f.default is not dataclasses.MISSING and f.name != "name"}
DEFAULTS = {"llama-plain": LIT_DEFAULTS,
            **{name: {x: LIT_DEFAULTS[x] for x in fields.split()} for name, fields in (
                ("gemma2-plain", "post_attention_norm post_mlp_norm norm_1 attention_scores_scalar attention_logit_softcapping "
                                 "final_logit_softcapping"), ("olmo2-plain", "norm_qk_type norm_1 norm_2"),
                ("falcon-40b", "gelu_approximate"),
                ("deepseek_v3-plain", "n_query_groups head_size norm_1 attention_scores_scalar attention_logit_softcapping "
                                      "final_logit_softcapping rope_interleave n_expert n_expert_per_token"))}}
# Of another type than Config has it.
MISTYPED = [({x: v}, f"lit.{x}") for x, v in (("name", True), *((x, 0) for x in (
    "shared_attention_norm", "attn_bias", "lm_head_bias", "scale_embeddings")))]
TYPED = [({"tie_word_embeddings": 0}, "hf.tie_word_embeddings")]
SPELLED = [({"rope_theta": None, "rotary_emb_base": None, "rope_parameters": {"rope_theta": 70000.0, "rope_type": "default"}},
            {"rope_base": 70000})]


def sides(case, tied):
    config = case.hf_config()
    config.tie_word_embeddings = tied
    hf = {**hf_json(config), "torch_dtype": "float32"}
    plain = json.loads(type(config)().to_json_string(use_diff=False))
    left_out = [k for k in hf if k in plain and hf[k] == plain[k] and k not in ("model_type", "architectures")]
    return config, hf, left_out


def fixture(case, untie):
    config, hf, left_out = sides(case, case.hf_config().tie_word_embeddings and not untie)
    model = transformers.AutoModelForCausalLM.from_config(config)
    hf["architectures"] = [type(model).__name__]
    heads = set(getattr(model, "_tied_weights_keys", None) or []) if config.tie_word_embeddings else set()
    shapes = {k: list(v.shape) for k, v in model.state_dict().items() if k not in heads}
    return {
        "family": case.family,
        "config": hf,
        "left_out": left_out,
        "shapes": shapes,
        "head": list(getattr(model, "_tied_weights_keys", None) or []),
        "sides": ["hf", "lit"],
        "variants": sum((VARIANTS.get(x, []) for x in sorted({case.family, case.name})), [])
            + SPELLED * ("rope_theta" in hf) + TYPED,
        "back_variants": sum((BACK_VARIANTS.get(x, []) for x in sorted({case.family, case.name})), []) + MISTYPED * (case.name == "llama-plain"),
        "buffers": {x: [n] for x, n in BUFFERS.get(case.name, {}).items()},
        **({"lacking": LACKING[case.name]} if case.name in LACKING else {}),
        # litgpt's Config completes it
        "back_left_out": ["intermediate_size"] * (hf.get("intermediate_size", 4 * hf["hidden_size"]) == 4 * hf["hidden_size"]),
        "back_alike": DEFAULTS.get(case.name, {}),
        "there": digests(case.to_lit(numbered(shapes))) if case.judged else None,
    }


# All that may stay as transformers has it.
EXPERTS = dict(num_experts=4, moe_intermediate_size=20, norm_topk_prob=True)
PLAIN = [Case(f"{c.lower()}-plain", family, c, dict(more), "", judged=False) for family, c, more in (
    ("llama", "Llama", {}), ("llama", "Mistral", {}), ("stablelm", "StableLm", {}),
    ("olmo", "Olmo", {}), ("gpt_neox", "GPTNeoX", dict(intermediate_size=128)),
    ("phi", "Phi", dict(intermediate_size=128)), ("gemma", "Gemma", {}), ("gemma2", "Gemma2", {}),
    ("gemma3", "Gemma3Text", {}), ("phi3", "Phi3", {}), ("qwen2", "Qwen2", {}), ("qwen3", "Qwen3", {}),
    ("qwen3_moe", "Qwen3Moe", EXPERTS), ("mixtral", "Mixtral", {}), ("olmo2", "Olmo2", {}), ("falcon", "Falcon", {}))]
for kind, more in (("", dict(num_key_value_heads=4, norm_epsilon=1e-6, rope_theta=20000.0)), ("-plain", dict(num_key_value_heads=2)),
                   ("-head", dict(num_key_value_heads=2, tie_word_embeddings=False))):
    PLAIN.append(Case(f"starcoder2{kind}", "starcoder2", "Starcoder2", more, "", judged=False))
PLAIN.append(Case("falcon-new", "falcon", "Falcon", dict(new_decoder_architecture=True, num_kv_heads=8), "falcon-40b",
                  dict(n_query_groups=8, intermediate_size=4 * 32)))
PLAIN.append(Case("gpt_neox-tied", "gpt_neox", "GPTNeoX", dict(num_attention_heads=4, tie_word_embeddings=True), "pythia-14m",
                  dict(n_head=4, n_query_groups=4)))
PLAIN.append(Case("falcon-serial", "falcon", "Falcon", dict(parallel_attn=False), "", judged=False))
DEEPSEEK = CASES["deepseek_v3"].hf
OWN_SIZES = {k: v for k, v in DEEPSEEK.items() if k not in ("n_group", "topk_group", "num_experts_per_tok", "routed_scaling_factor")}
PLAIN.append(Case("deepseek_v3-plain", "deepseek_v3", "DeepseekV3", {**OWN_SIZES, "n_routed_experts": 16}, "", judged=False))
PLAIN.append(Case("deepseek_v3-tied", "deepseek_v3", "DeepseekV3", dict(DEEPSEEK, tie_word_embeddings=True), "", judged=False))
PLAIN.append(Case("phi-gqa", "phi", "Phi", dict(num_key_value_heads=2), "phi-1_5", dict(n_query_groups=2)))
HEADS = dict(num_key_value_heads=8)

for case in [*CASES.values(), *PLAIN]:
    if case in PLAIN and case.hf_class not in ("Falcon", "GPTNeoX"):
        case.hf = {**HEADS, **case.hf}
    for untie in (False, True):
        if not untie or (case.hf_config().tie_word_embeddings and case.judged):
            write(case.name + "-untied" * untie, fixture(case, untie))
