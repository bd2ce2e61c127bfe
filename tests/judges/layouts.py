"""What each layout stores, written out by hand: names, rows and configs of every family.

Shares nothing with the program. Tensors are made for the Lit-GPT side; the others follow by
index formulas. A config is litgpt's Config; the tutorials' rows are read into one.
"""

import re

import torch

LIT = {"wte": "transformer.wte.weight", "ln_f": "transformer.ln_f", "head": "lm_head"}
GATED = {"mlp.gate_proj": "mlp.fc_1", "mlp.up_proj": "mlp.fc_2", "mlp.down_proj": "mlp.proj"}
LLAMA = {"input_layernorm": "norm_1", "post_attention_layernorm": "norm_2", "self_attn.o_proj": "attn.proj", **GATED}
GEMMA2 = {**LLAMA, "post_attention_layernorm": "post_attention_norm", "pre_feedforward_layernorm": "norm_2",
          "post_feedforward_layernorm": "post_mlp_norm"}
QK = {"self_attn.q_norm": "attn.norm_q", "self_attn.k_norm": "attn.norm_k"}
MODULES = {  # family: modules of a layer, Hugging Face's name and Lit-GPT's; the fused projections apart
    "llama": LLAMA, "stablelm": LLAMA, "olmo": LLAMA, "gemma": LLAMA, "qwen2": LLAMA, "qwen3": {**LLAMA, **QK}, "gemma2": GEMMA2,
    "gemma3": {**GEMMA2, **QK}, "phi3": LLAMA,
    "olmo2": {"self_attn.o_proj": "attn.proj", **GATED, **QK, "post_attention_layernorm": "post_attention_norm",
              "post_feedforward_layernorm": "post_mlp_norm"},
    "mixtral": {**LLAMA, "block_sparse_moe.gate": "mlp.gate", "block_sparse_moe.experts.{e}.w1": "mlp.experts.{e}.fc_1",
                "block_sparse_moe.experts.{e}.w3": "mlp.experts.{e}.fc_2",
                "block_sparse_moe.experts.{e}.w2": "mlp.experts.{e}.proj"},
    "qwen3_moe": {**LLAMA, **QK, "mlp.gate": "mlp.gate", "mlp.experts.{e}.gate_proj": "mlp.experts.{e}.fc_1",
                  "mlp.experts.{e}.up_proj": "mlp.experts.{e}.fc_2",
                  "mlp.experts.{e}.down_proj": "mlp.experts.{e}.proj"},
    "phi": {"input_layernorm": "norm_1", "self_attn.dense": "attn.proj", "mlp.fc1": "mlp.fc", "mlp.fc2": "mlp.proj"},
    "gpt_neox": {"input_layernorm": "norm_1", "post_attention_layernorm": "norm_2", "attention.dense": "attn.proj",
                 "mlp.dense_h_to_4h": "mlp.fc", "mlp.dense_4h_to_h": "mlp.proj"},
    "falcon": {"self_attention.dense": "attn.proj", "mlp.dense_h_to_4h": "mlp.fc", "mlp.dense_4h_to_h": "mlp.proj"},
}
OUTER = {  # family: layer prefix, embedding, last norm, head
    "gpt_neox": ("gpt_neox.layers", "gpt_neox.embed_in", "gpt_neox.final_layer_norm", "embed_out"),
    "falcon": ("transformer.h", "transformer.word_embeddings", "transformer.ln_f", "lm_head"),
    "phi": ("model.layers", "model.embed_tokens", "model.final_layernorm", "lm_head"),
}
MODEL_TYPE = {"gemma3": "gemma3_text"}


def is_olmo(c):
    return c.norm_class_name == "LayerNorm" and "OLMo" in c.name


def family_of(c):
    """The family of a lit config, as section by section of litgpt's table has it."""
    if c.mlp_class_name == "GptNeoxMLP":
        return "falcon" if not c.bias else "phi" if c.lm_head_bias else "gpt_neox"
    if c.mlp_class_name == "LLaMAMoE":
        return "qwen3_moe" if c.norm_qk else "mixtral"
    if c.mlp_class_name == "GemmaMLP":
        return "gemma3" if c.norm_qk else "gemma2" if c.post_attention_norm else "gemma"
    if c.norm_qk:
        return "olmo2" if c.norm_qk_type == "olmo2" else "qwen3"
    if c.norm_class_name == "LayerNorm":
        return "olmo" if is_olmo(c) else "stablelm"
    return "qwen2" if c.attn_bias else "phi3" if re.match("phi-[34]", c.name, re.I) else "llama"


def lit_shapes(c):
    """Names and shapes of the tensors of litgpt's GPT."""
    E, H, G, d, V = c.n_embd, c.n_head, c.n_query_groups, c.head_size, c.padded_vocab_size
    out = {LIT["wte"]: [V, E]}

    def linear(name, rows, columns, bias=c.bias):
        out[name + ".weight"] = [rows, columns]
        if bias:
            out[name + ".bias"] = [rows]

    def norm(name, size=E):
        if not is_olmo(c):
            out[name + ".weight"] = [size]
            if c.norm_class_name == "LayerNorm":
                out[name + ".bias"] = [size]

    linear("lm_head", V, E, c.lm_head_bias)
    norm("transformer.ln_f")
    for layer in range(c.n_layer):
        at = f"transformer.h.{layer}."
        if c.norm_1:
            norm(at + "norm_1")
        if c.norm_2 and not c.shared_attention_norm:
            norm(at + "norm_2")
        if c.post_attention_norm:
            norm(at + "post_attention_norm")
        if c.post_mlp_norm:
            norm(at + "post_mlp_norm")
        linear(at + "attn.qkv", (H + 2 * G) * d, E, c.bias or c.attn_bias)
        linear(at + "attn.proj", E, H * d)
        if c.norm_qk:
            whole = c.norm_qk_type == "olmo2"
            norm(at + "attn.norm_q", H * d if whole else d)
            norm(at + "attn.norm_k", G * d if whole else d)
        if c.mlp_class_name == "GptNeoxMLP":
            linear(at + "mlp.fc", c.intermediate_size, E)
            linear(at + "mlp.proj", E, c.intermediate_size)
            continue
        inner, where = c.intermediate_size, [at + "mlp."]
        if c.mlp_class_name == "LLaMAMoE":
            linear(at + "mlp.gate", c.n_expert, E, False)
            inner = c.moe_intermediate_size or inner
            where = [f"{at}mlp.experts.{e}." for e in range(c.n_expert)]
        for w in where:
            linear(w + "fc_1", inner, E)
            linear(w + "fc_2", inner, E)
            linear(w + "proj", E, inner)
    return out


def lit_tensors(c):
    """Every element of a tensor has bits of its own, and equal shapes other ones."""
    out, at = {}, 0
    for name, shape in lit_shapes(c).items():
        n = torch.Size(shape).numel()
        bits = torch.arange(at, at + n) % 65536 - 32768
        out[name] = bits.to(torch.int16).view(torch.float16).reshape(shape)
        at += n + 1
    return out


def grouped_rows(c):
    """Which row of [q; k; v] stands where, when each group has its queries, key and value together."""
    H, G, d = c.n_head, c.n_query_groups, c.head_size
    rows = []
    for g in range(G):
        heads = [g * (H // G) + s for s in range(H // G)] + [H + g, H + G + g]
        rows += [head * d + t for head in heads for t in range(d)]
    return rows


def to_legacy(c, lit):
    """Lit-GPT up to v0.5.4: grouped rows under the name attn.attn."""
    rows = grouped_rows(c)
    return {k.replace(".attn.qkv.", ".attn.attn."): v[rows] if ".attn.qkv." in k else v for k, v in lit.items()}


def to_hf(c, lit):
    """The tensors as transformers 4 names and shapes them."""
    family = family_of(c)
    layers, embed, last, head = OUTER.get(family, ("model.layers", "model.embed_tokens", "model.norm", "lm_head"))
    grouped = grouped_rows(c)
    outer = {"transformer.wte": embed, "transformer.ln_f": last, "lm_head": head}
    modules = {v: k for k, v in MODULES[family].items()}
    if family == "falcon":
        modules.update({"norm_1": "input_layernorm"} if c.shared_attention_norm else
                       {"norm_1": "ln_attn", "norm_2": "ln_mlp"})
    out = {}
    for name, value in lit.items():
        module, kind = name.rsplit(".", 1)
        found = re.fullmatch(r"transformer\.h\.(\d+)\.(.*)", module)
        if not found:
            out[f"{outer[module]}.{kind}"] = value
            continue
        at, module = f"{layers}.{found[1]}.", found[2]
        expert = re.search(r"experts\.(\d+)\.", module)
        if module == "attn.qkv":
            H, G, d = c.n_head, c.n_query_groups, c.head_size
            if family == "phi3":
                out[at + "self_attn.qkv_proj." + kind] = value
            elif family in ("gpt_neox", "falcon"):
                where = "attention" if family == "gpt_neox" else "self_attention"
                out[f"{at}{where}.query_key_value.{kind}"] = value[grouped]
            else:
                for part, rows in zip("qkv", value.split([H * d, G * d, G * d])):
                    out[f"{at}self_attn.{part}_proj.{kind}"] = rows
        elif family == "phi3" and module == "mlp.fc_1":
            out[at + "mlp.gate_up_proj.weight"] = torch.cat([value, lit[name.replace("fc_1", "fc_2")]])
        elif family == "phi3" and module == "mlp.fc_2":
            pass
        elif expert:
            ours = modules[module.replace(expert[0], "experts.{e}.")]
            out[at + ours.replace("{e}", expert[1]) + "." + kind] = value
        else:
            out[f"{at}{modules[module]}.{kind}"] = value
    return out


def rope_scaling(c):
    if c.rope_condense_ratio != 1:
        return {"type": "linear", "factor": float(c.rope_condense_ratio)}
    adjust = dict(c.rope_adjustments or {})
    if "low_freq_factor" in adjust:
        return {"rope_type": "llama3", "original_max_position_embeddings": adjust.pop("original_max_seq_len"), **adjust}
    return {"rope_type": "linear", **adjust} if adjust else None


def layer_types(c):
    return ["sliding_attention" if x else "full_attention" for x in c.sliding_window_indices]


def hf_config(c):
    """config.json of the model that a lit config describes, with an untied head."""
    family = family_of(c)
    out = dict(model_type=MODEL_TYPE.get(family, family), num_hidden_layers=c.n_layer, hidden_size=c.n_embd,
               num_attention_heads=c.n_head, vocab_size=c.padded_vocab_size, rope_scaling=rope_scaling(c),
               tie_word_embeddings=False)
    if family == "falcon":
        new = c.n_query_groups > 1
        return {**out, "ffn_hidden_size": c.intermediate_size, "new_decoder_architecture": new, "multi_query": True,
                "num_kv_heads": c.n_query_groups if new else c.n_head, "parallel_attn": True, "bias": False,
                "alibi": False, "layer_norm_epsilon": c.norm_eps, "rope_theta": float(c.rope_base)}
    out.update(intermediate_size=c.intermediate_size, max_position_embeddings=c.block_size)
    if family == "gpt_neox":
        act = {"none": "gelu", "tanh": "gelu_fast"}[c.gelu_approximate]
        return {**out, "rotary_pct": c.rotary_percentage, "rotary_emb_base": c.rope_base, "hidden_act": act,
                "layer_norm_eps": c.norm_eps, "use_parallel_residual": c.parallel_residual}
    out.update(num_key_value_heads=c.n_query_groups, rope_theta=float(c.rope_base))
    if family == "phi":
        return {**out, "partial_rotary_factor": c.rotary_percentage, "hidden_act": "gelu_new",
                "layer_norm_eps": c.norm_eps}
    if c.norm_class_name == "LayerNorm":
        if is_olmo(c):
            return {**out, "model_type": "olmo", "hidden_act": "silu", "clip_qkv": None}
        return {**out, "model_type": "stablelm", "hidden_act": "silu", "layer_norm_eps": c.norm_eps,
                "partial_rotary_factor": c.rotary_percentage, "use_qkv_bias": c.attn_bias}
    out.update(head_dim=c.head_size, rms_norm_eps=c.norm_eps, hidden_act="silu")
    if family in ("llama", "mixtral") and re.search("[Mm](istral|athstral|ixtral)", c.name):
        out.update(model_type="mixtral" if family == "mixtral" else "mistral", sliding_window=c.sliding_window_size)
    if family == "phi3":
        out.update(partial_rotary_factor=c.rotary_percentage,
                   sliding_window=c.sliding_window_size and c.sliding_window_size - 1)
    if family == "mixtral":
        out.update(num_local_experts=c.n_expert, num_experts_per_tok=c.n_expert_per_token)
    if family == "qwen3_moe":
        out.update(num_experts=c.n_expert, num_experts_per_tok=c.n_expert_per_token, norm_topk_prob=True,
                   moe_intermediate_size=c.moe_intermediate_size)
    if family.startswith("gemma"):
        out.update(hidden_act="gelu_pytorch_tanh", hidden_activation="gelu_pytorch_tanh")
    if family in ("gemma2", "gemma3"):
        out.update(sliding_window=c.sliding_window_size, layer_types=layer_types(c),
                   query_pre_attn_scalar=c.attention_scores_scalar,
                   attn_logit_softcapping=c.attention_logit_softcapping,
                   final_logit_softcapping=c.final_logit_softcapping)
    if family == "gemma3":
        out.update(rope_local_base_freq=float(c.rope_local_base_freq))
    return out
