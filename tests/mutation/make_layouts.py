"""Fixtures of the files between other layouts than Hugging Face's and Lit-GPT's of today.

    python tests/mutation/make_layouts.py            (needs tests/judges/requirements.txt)

What a layout stores is written out here or in tests/judges, by torch's own operations or by lists
of rows: GPT-2 as torch's Linear would hold it, the stacked experts of transformers 5, the
interleaved rows of the tutorials' time, the text model inside of Gemma 3 with vision, Meta's
files, one for each process.
"""

import dataclasses
from dataclasses import replace

import torch
import transformers
from litgpt.config import Config
from litgpt.model import GPT
from making import digests, hf_json, numbered, write

import layouts
from meta import Meta
from make_tiny import CASES
from test_meta import expected_hf
from test_named import LATER, TUTORIAL, as_tutorial, era_of
from test_new_families import VISION, stacked


def fixture(family, sides, config, shapes, there, **more):
    known = dict(left_out=[], head=[], variants=[], back_variants=[], back_left_out=[], there_config={}, back_config={}, buffers={}, back_buffers={}, options={}, back_alike={})
    assert set(more) <= set(known)
    return {"family": family, "sides": sides, "config": config, "shapes": shapes, "there": digests(there), **known, **more}


def shapes_of(state, without=()):
    return {k: list(v.shape) for k, v in state.items() if k not in without}


# ---- GPT-2 ----

def as_linears(state):
    out, names = {}, {"wte": "tokens", "wpe": "positions", "ln_f": "norm", "c_proj": "proj", "c_fc": "fc",
                      "ln_1": "norm_1", "ln_2": "norm_2", "h": "layers", "lm_head": "head"}
    for name, value in state.items():
        words = name.removeprefix("transformer.").split(".")
        if words[-1] == "masked_bias" or words[-2:] == ["attn", "bias"]:
            continue  # the causal mask
        turned = value.T if value.dim() == 2 and words[-2] in ("c_attn", "c_proj", "c_fc") else value
        if words[-2] == "c_attn":
            for label, part in zip("qkv", turned.chunk(3), strict=True):
                out[f"layers.{words[1]}.attn.{label}.{words[-1]}"] = part
        else:
            out[".".join(names.get(w, w) for w in words)] = turned
    out.setdefault("head.weight", out["tokens.weight"])
    return out


def gpt2():
    for name, model, more in (("gpt2", "GPT2LMHeadModel", {}), ("gpt2-inner", "GPT2LMHeadModel", dict(n_inner=20)),
                              ("gpt2-bare", "GPT2Model", {}),
                              ("gpt2-head", "GPT2LMHeadModel", dict(tie_word_embeddings=False))):
        config = transformers.GPT2Config(vocab_size=61, n_embd=24, n_layer=3, n_head=4, n_positions=40, **more)
        shapes = shapes_of(getattr(transformers, model)(config).state_dict(), ["lm_head.weight"] * config.tie_word_embeddings)
        if name == "gpt2-inner":  # as early versions wrote it
            shapes.update({f"transformer.h.{l}.attn.{x}": s for l in range(3) for x, s in (("bias", [1, 1, 40, 40]), ("masked_bias", []))})
        plain = {**hf_json(config), "architectures": [model]}
        variants = [({"n_head": 5}, "h d = 5")]
        if name == "gpt2":
            variants += [({"n_inner": None}, {"n_inner": "null"}), ({"tie_word_embeddings": None}, {}), ({"n_inner": 20}, "i = 20"),
                         ({"tie_word_embeddings": 0}, "tie_word_embeddings")]
        back = [({"n_inner": None}, {"n_inner": "null"})] if name == "gpt2" else [({"model_type": None}, {})]
        write(name, fixture("gpt2", ["hf", "gpt2-linear"], plain, shapes, as_linears(numbered(shapes)), variants=variants,
                            there_config={k: "null" if v is None else v for k, v in plain.items() if k != "tie_word_embeddings"},
                            back_config={"model_type": "gpt2", "tie_word_embeddings": None if config.tie_word_embeddings else False},
                            back_variants=back))


# ---- transformers 5 ----

ROPES = [  # of transformers 4, without rope_theta, and as transformers 5 says it
    (dict(type="default"), dict(rope_type="default")),
    (dict(rope_type="linear", factor=3.0), dict(rope_type="linear", factor=3.0)),
    (dict(rope_type="dynamic", factor=3.0), dict(rope_type="dynamic", factor=3.0)),
    (dict(type="dynamic", factor=3.0, original_max_position_embeddings=32, rope_theta=7.0),
     dict(rope_type="dynamic", factor=3.0, original_max_position_embeddings=32)),
    *[(x, {("rope_type" if k == "type" else k): v for k, v in x.items()}) for x in (
        dict(rope_type="llama3", factor=3.0, low_freq_factor=1.5, high_freq_factor=5.0, original_max_position_embeddings=32),
        dict(type="yarn", factor=3.0),
        dict(rope_type="yarn", factor=3.0, beta_fast=31.0, beta_slow=2.0, mscale=0.5, mscale_all_dim=0.25,
             original_max_position_embeddings=32))],
]


def as_four_says(rope):
    """As every version of 4 reads it: some of its classes know linear scaling by its older name only."""
    kind = rope["rope_type"]
    return "null" if kind == "default" else {"type" if k == "rope_type" and kind in ("linear", "dynamic") else k: v for k, v in rope.items()}


def transformers_5():
    ropes = [({"rope_scaling": old, "rope_theta": 5e5}, {"rope_parameters": {**new, "rope_theta": 5e5}, "rope_scaling": None, "rope_theta": None})
             for old, new in ROPES]
    back = [({"rope_parameters": {**new, "rope_theta": 5e5}}, {"rope_scaling": as_four_says(new), "rope_theta": 5e5})
            for _, new in ROPES]
    for name, more in (("mixtral", {}), ("qwen3_moe", {}), ("deepseek_v3", {}), ("llama-mha", {}), ("qwen3_moe", dict(num_experts=1, num_experts_per_tok=1))):
        config = replace(CASES[name], hf={**CASES[name].hf, **more}).hf_config()
        model = transformers.AutoModelForCausalLM.from_config(config)
        shapes, old = shapes_of(model.state_dict()), hf_json(config)
        old = {k: v for k, v in old.items() if k not in ("dtype", "torch_dtype")}
        old["torch_dtype"] = "float32"
        state = numbered(shapes)
        own = {k: "null" if v is None else v for k, v in old.items()
               if k not in ("torch_dtype", "rope_theta", "rope_scaling", "tie_word_embeddings")}
        variants = [({"torch_dtype": None, "dtype": "float16"}, {"dtype": "float32", "torch_dtype": None}),
                    ({"rope_theta": None, "rope_scaling": None}, {"rope_parameters": None}),
                    ({"rope_theta": None, "rope_scaling": None, "rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 9.0}},
                     {"rope_parameters": {"rope_type": "linear", "factor": 2.0, "rope_theta": 9.0}}),
                    ({"rope_scaling": {"rope_type": "unheard", "factor": 2.0}}, "rope_scaling")]
        variants += ropes if name == "llama-mha" else [
            ({"mlp_only_layers": [0]}, "layers without experts"), ({"decoder_sparse_step": 2}, "layers without experts"),
            ({"decoder_sparse_step": 1, "mlp_only_layers": []}, {"decoder_sparse_step": 1, "mlp_only_layers": []})]
        write(f"hf5-{name}{'-one' * bool(more)}", fixture(
            "hf5", ["hf", "hf5"], old, shapes, state if name == "llama-mha" else stacked(name, state), variants=variants,
            there_config={**own, "dtype": "float32", "rope_scaling": None, "rope_theta": None,
                          "rope_parameters": {"rope_type": "default", "rope_theta": old["rope_theta"]}},
            back_config={**own, "torch_dtype": "float32", "dtype": None, "rope_theta": old["rope_theta"], "rope_scaling": "null",
                         "rope_parameters": None},
            back_variants=[({"dtype": None, "torch_dtype": "float16"}, {"torch_dtype": "float32"}),
                           *([({"num_experts": None, "num_local_experts": 4}, {"num_experts": 4})] if name == "qwen3_moe" and not more else []),
                           *(back if name == "llama-mha" else [])]))


def transformers_5_dense():
    """Rotary embeddings of a part of each head or of two kinds, a head of another name; configs as transformers 5.24 writes them."""
    part = {"rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5}
    long = {"short_factor": [1.0, 1.5], "long_factor": [2.0, 2.5]}
    scaled = [({"rope_scaling": {"type": "longrope", **long}}, {"rope_parameters": {"rope_type": "longrope", **long, "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}),
              ({"rope_scaling": {"type": "su", **long, "factor": 3.0, "attention_factor": 1.5}},
               {"rope_parameters": {"rope_type": "longrope", **long, "factor": 3.0, "attention_factor": 1.5, "rope_theta": 10000.0, "partial_rotary_factor": 0.5}}),
              ({"rope_theta": None, "partial_rotary_factor": None, "rope_parameters": part}, {"rope_parameters": part})]
    two = lambda kind: {"full_attention": {**kind, "rope_theta": 1e6}, "sliding_attention": {"rope_type": "default", "rope_theta": 1e4}}
    linear, plain = {"rope_type": "linear", "factor": 8.0}, {"rope_type": "default"}
    kinds = [({"rope_scaling": x, "rope_theta": 1e6, "rope_local_base_freq": 1e4}, {"rope_parameters": two(y)}) for x, y in (
        ("null", plain), (plain, plain), (linear, linear), ({"type": "linear", "factor": 8.0}, linear))]
    kinds += [({"rope_scaling": None, "rope_theta": None, "rope_local_base_freq": None, "rope_parameters": two(x)}, {"rope_parameters": two(x)}) for x in (linear, plain)]
    for name, there, variants, back, back_variants in (
        ("phi", {"rope_parameters": part, "partial_rotary_factor": None}, scaled, {"partial_rotary_factor": 0.5, "rope_theta": 10000.0},
         [({"partial_rotary_factor": 0.5, "rope_parameters": {"rope_type": "default", "rope_theta": 7.0}}, {"partial_rotary_factor": 0.5, "rope_theta": 7.0})]),
        ("gpt_neox", {"rope_parameters": {"rope_type": "default", "rope_theta": 10000, "partial_rotary_factor": 0.25}, "rotary_pct": None},
         [({"rotary_pct": 0.5, "rotary_emb_base": 7, "rope_theta": None, "partial_rotary_factor": None, "rope_scaling": x},
           {"rope_parameters": {**y, "rope_theta": 7, "partial_rotary_factor": 0.5}})
          for x, y in (("null", plain), (plain, plain), *(({"type": k, "factor": 3.0}, {"rope_type": k, "factor": 3.0}) for k in ("linear", "dynamic")))]
         + [({**dict.fromkeys(["rotary_pct", "rotary_emb_base", "rope_theta", "partial_rotary_factor"]), "rope_parameters": {**part, "rope_theta": 7.0}},
             {"rope_parameters": {**part, "rope_theta": 7.0}}),
            ({"rotary_pct": None, "partial_rotary_factor": 0.5}, {"rope_parameters": {**part, "rope_theta": 10000}}),
            (dict.fromkeys(["rotary_emb_base", "rope_theta"]), {"rope_parameters": {"rope_type": "default", "rope_theta": 10000, "partial_rotary_factor": 0.25}})],
         {"rotary_pct": 0.25, "rotary_emb_base": 10000},
         [({"rope_parameters": {**part, "rope_theta": 7.0}}, {"rotary_pct": 0.5, "rotary_emb_base": 7.0, "rope_scaling": "null"}),
          ({"partial_rotary_factor": 0.75, "rope_parameters": {"rope_type": "default", "rope_theta": 7.0}}, {"rotary_pct": 0.75}),
          *(({"rope_parameters": {"rope_type": k, "factor": 3.0, "rope_theta": 7.0}}, {"rotary_emb_base": 7.0, "rope_scaling": {"type": k, "factor": 3.0}})
            for k in ("linear", "dynamic"))]),
        ("gemma3", {"rope_parameters": two(plain)}, kinds, {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": "null"},
         [({"rope_parameters": two(linear)}, {"rope_theta": 1e6, "rope_local_base_freq": 1e4, "rope_scaling": linear})]),
    ):
        config = CASES[name].hf_config()
        shapes, old = shapes_of(transformers.AutoModelForCausalLM.from_config(config).state_dict()), hf_json(config)
        old = {k: v for k, v in old.items() if k not in ("dtype", "torch_dtype")}
        state = {k.replace("embed_out", "lm_head"): v for k, v in numbered(shapes).items()}
        write(f"hf5-{name}", fixture("hf5", ["hf", "hf5"], old, shapes, state, variants=variants, there_config=there,
                                     back_config=back, back_variants=back_variants))


# ---- the tutorials' time ----

OLD_FIELDS = set(next(iter(TUTORIAL.values())))


def as_told(config, era):
    """Its fields at that time: of the tutorials' Config, of December 2024's, or all."""
    now = dataclasses.asdict(config)
    if era == "tutorials":
        return as_tutorial(config)
    names = OLD_FIELDS - {"_norm_class", "_mlp_class"} | LATER
    default = {f.name: f.default for f in dataclasses.fields(Config)}
    return {k: now[k] for k in now if k in names and not (k in LATER and now[k] == default[k])}


UNSAID = ("norm_qk", "post_attention_norm", "post_mlp_norm", "attn_bias", "sliding_window_size", "sliding_window_indices")
LEGACY = {
    "llama-mha": [({x: None}, {"_mlp_class": "LLaMAMLP", x: None}) for x in UNSAID],
    "olmo2": [({"norm_1": True}, {"norm_1": None, "norm_2": False})],
    "deepseek_v3": [({"n_topk_groups": 3}, {"n_topk_groups": 3, "n_topk_scores_per_group": 2})],
    "gemma2": [({"sliding_window_size": None}, {"sliding_window_size": "null"})],
    "gemma3": [({"sliding_window_indices": None}, {"sliding_window_indices": "null"})],
}
LEGACY_BACK = {"llama-mha": [({"rope_condense_ratio": None, "condense_ratio": 4}, {"rope_condense_ratio": 4}),
                             ({"_norm_class": None, "_mlp_class": None, "norm_class_name": "RMSNorm", "mlp_class_name": "LLaMAMLP"},
                              {"norm_class_name": "RMSNorm", "mlp_class_name": "LLaMAMLP"})]}


def legacy():
    for name in ("llama-gqa", "llama-mha", "llama-linear", "gpt_neox", "falcon-40b", "mixtral", "gemma2", "qwen2", "phi3", "stablelm-bias", "gemma3",
                 "olmo2", "qwen3_moe", "deepseek_v3", "mistral"):
        c = CASES[name].lit_config()
        now, era = dataclasses.asdict(c), {"deepseek_v3": "none", "stablelm-bias": "later"}.get(name) or era_of(c)
        shapes = shapes_of(GPT(c).state_dict())
        told = {k: "null" if v is None else v for k, v in as_told(c, era).items()
                if not isinstance(v, dict) and k not in ( "rotary_percentage", "org", "sliding_window_layer_placing")}
        missing = {k: None for k in now if k not in told and k != "hf_config"} if era == "tutorials" else {}
        missing.pop("rotary_percentage", None)
        state = numbered(shapes)
        write(f"legacy-{name}", fixture(
            "lit_legacy", ["lit", "lit-legacy"], now, shapes, layouts.to_legacy(c, state), there_config={**told, **missing},
            variants=LEGACY.get(name, []), back_variants=LEGACY_BACK.get(name, [])))


# ---- Gemma 3 with vision ----

TEXT = ("attention_bias attention_dropout attn_logit_softcapping final_logit_softcapping hidden_activation hidden_size initializer_range "
        "intermediate_size layer_types max_position_embeddings num_attention_heads num_hidden_layers num_key_value_heads "
        "head_dim query_pre_attn_scalar rms_norm_eps rope_local_base_freq rope_scaling rope_theta sliding_window use_cache").split()


def vision():
    config = transformers.Gemma3Config(**VISION)
    model = transformers.Gemma3ForConditionalGeneration(config)
    said = {**hf_json(config), "architectures": ["Gemma3ForConditionalGeneration"], "torch_dtype": "float32"}
    said.pop("dtype", None)
    said["text_config"].pop("dtype", None)
    for name, inner, outer in (("vision", "model.language_model.", "model."), ("vision-4", "language_model.model.", "")):
        shapes = {k.replace("model.language_model.", inner) if "language_model" in k else outer + k.removeprefix("model."): list(v.shape)
                  for k, v in model.state_dict().items() if k != "lm_head.weight"}
        state = numbered(shapes)
        there = {"model." + k.removeprefix(inner): v for k, v in state.items() if k.startswith(inner)}
        there["model.embed_tokens.weight"] = there["model.embed_tokens.weight"][:64]
        text = said["text_config"]
        told = {k: "null" if text[k] is None else text[k] for k in TEXT}
        odd = dict(attention_bias=True, attention_dropout=0.25, attn_logit_softcapping=3.5, final_logit_softcapping=4.5, hidden_activation="silu",
                   initializer_range=0.5, max_position_embeddings=77, query_pre_attn_scalar=9, rms_norm_eps=0.001, rope_local_base_freq=5.5,
                   rope_scaling={"rope_type": "linear", "factor": 2.0}, rope_theta=9.5, sliding_window=11, sliding_window_pattern=3, use_cache=False,
                   layer_types=["full_attention"] * 3)
        sizes = [({"image_token_index": None}, "262144"), ({"text_config.vocab_size": None}, "262208"), ({"text_config.vocab_size": True}, "vocab_size"),
                 ({"text_config.num_attention_heads": 4}, "h d = 4 * 6"), ({"text_config.num_attention_heads": None, "text_config.head_dim": None}, "256"),
                 ({"text_config.num_key_value_heads": None}, "g d = 4 * 6"), ({"model_type": "gemma2"}, "model_type"),
                 ({"text_config.model_type": "gemma2"}, "model_type"), ({"torch_dtype": None, "dtype": "float16"}, {"torch_dtype": "float32"}),
                 ({"text_config.rope_theta": None, "text_config.rope_local_base_freq": None, "text_config.rope_scaling": None,
                   "text_config.rope_parameters": {"full_attention": {"rope_type": "linear", "factor": 4.0, "rope_theta": 70000.0},
                                                   "sliding_attention": {"rope_type": "default", "rope_theta": 5000.0}}},
                  {"rope_theta": 70000.0, "rope_local_base_freq": 5000.0, "rope_scaling.rope_type": "linear", "rope_scaling.factor": 4.0}),
                 ({"torch_dtype": None, "text_config.torch_dtype": "float16"}, {"torch_dtype": "float32"}),
                 ({"torch_dtype": None, "text_config.dtype": "float16"}, {"torch_dtype": "float32"}), ({"eos_token_id": [1, 9]}, {"eos_token_id": [1, 9]})]
        write(name, fixture(
            "gemma3-vision", ["hf-vision", "hf"], said, shapes, there, buffers={("language_model." if outer == "" else "") + "lm_head.weight": [128, 32]},
            back_buffers={"lm_head.weight": [64, 32]},  # as the embedding, whose elements are the first
            variants=[({f"text_config.{k}": v}, {k: v}) for k, v in odd.items()] + sizes,
            there_config={**told, "model_type": "gemma3_text", "architectures": ["Gemma3ForCausalLM"], "vocab_size": 64, "torch_dtype": "float32"},
            back_config={"model_type": "gemma3", "text_config.model_type": "gemma3_text", "text_config.vocab_size": 128, "torch_dtype": "float32",
                         "architectures": ["Gemma3ForConditionalGeneration"], **{f"text_config.{k}": v for k, v in told.items()}},
            back_variants=[({k: v}, {f"text_config.{k}": v}) for k, v in odd.items()]
            + [({"model_type": "gemma2"}, "model_type"), ({"dtype": "float16", "torch_dtype": None}, {"torch_dtype": "float32"})]))


# ---- Meta's files ----

class Known(Meta):
    """With tensors that are given."""

    def whole(self):
        return self.state


def of_meta(m):
    """Its tensors, each element its own number."""
    m.state = numbered({k: v.shape for k, v in Meta.whole(m).items()})
    return m.state


def of_hf(m, state):
    """The tensors that transformers has as `state`: each element goes where the judge's rows say that it comes from."""
    places = {k: v.long() for k, v in expected_hf(m).items()}
    flat = torch.empty(sum(v.numel() for v in m.state.values()))
    for name, where in places.items():
        flat[where] = state.get(name, state["model.embed_tokens.weight"])
    m.state = {k: flat[v.long()] for k, v in m.state.items()}


def in_files(m, n):
    return {f"{k:02}/{name}": v for k, shard in enumerate(m.shards(n)) for name, v in shard.items()}


LLAMA3 = dict(rope_type="llama3", factor=32.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=8192)
UNSAID_PARAMS = dict(n_kv_heads=None, vocab_size=-1, multiple_of=256, ffn_dim_multiplier=None, norm_eps=1e-5, rope_theta=10000.0,
                     use_scaled_rope=False, max_seq_len=2048, max_batch_size=32)
UNSAID_HF = dict(head_dim="null", hidden_act="silu", rope_scaling="null", rope_theta=10000.0, tie_word_embeddings=False, attention_bias=False,
                 mlp_bias=False, rms_norm_eps=1e-6)
FROM_META = [
    ({"norm_eps": 1e-6}, {"rms_norm_eps": 1e-6}), ({"rope_theta": 1e6}, {"rope_theta": 1e6, "max_position_embeddings": 16384}),
    ({"use_scaled_rope": True}, {"rope_scaling": LLAMA3, "max_position_embeddings": 131072}), ({"use_scaled_rope": "x"}, "use_scaled_rope"),
    ({"use_scaled_rope": True, "rope_theta": 1e6}, {"max_position_embeddings": 131072}), ({"max_seq_len": 9, "max_batch_size": 9}, {}),
    ({"vocab_size": 20}, {"vocab_size": 20}), ({"vocab_size": 21}, "v1 = 21"), ({"vocab_size": 0}, "v1 = 0"), ({"vocab_size": True}, "vocab_size"), ({"n_kv_heads": 2}, "g1 p two = 2"),
    ({"dim": None}, {"hidden_size": 32}), ({"n_layers": 3}, "9 tensors"), ({"multiple_of": 512}, "i1 = 512"), ({"ffn_dim_multiplier": 8.0}, "i1 = 768")]
FROM_HF = [
    ({"head_dim": None}, {}), ({"head_dim": 5}, "share the features"), ({"attention_bias": True}, "no biases"), ({"mlp_bias": True}, "no biases"),
    ({"attention_bias": 0}, "attention_bias"), ({"mlp_bias": 0}, "mlp_bias"), ({"tie_word_embeddings": 0}, "tie_word_embeddings"),
    ({"model_type": "mistral"}, "that of Llama"), ({"model_type": None}, {}), ({"hidden_act": "gelu"}, "hidden_act"), ({"max_position_embeddings": 77}, {}),
    ({"rms_norm_eps": 1e-4}, {"norm_eps": 1e-4}), ({"rope_theta": 7.5}, {"rope_theta": 7.5}),
    ({"rope_theta": None, "rope_parameters": {"rope_type": "default", "rope_theta": 7.5}, "rope_scaling": None}, {"rope_theta": 7.5}),
    ({"rope_theta": None, "rope_parameters": {**LLAMA3, "rope_theta": 7.5}, "rope_scaling": None}, {"use_scaled_rope": True, "rope_theta": 7.5}),
    ({"rope_scaling": {"type": "default"}}, {}), ({"rope_scaling": {"rope_type": "default", "rope_theta": 3.0}}, {}),
    ({"rope_scaling": LLAMA3}, {"use_scaled_rope": True}), ({"rope_scaling": {**LLAMA3, "rope_theta": 3.0}}, {"use_scaled_rope": True}),
    ({"rope_scaling": {"type" if k == "rope_type" else k: v for k, v in LLAMA3.items()}}, {"use_scaled_rope": True}),
    ({"rope_scaling": {"rope_type": "linear", "factor": 2.0}}, "no row of the table fits"),
    *[({"rope_scaling": {**LLAMA3, k: v}}, "no row of the table fits") for k, v in
      dict(factor=8.0, low_freq_factor=2.0, high_freq_factor=5.0, original_max_position_embeddings=4096).items()],
    ({"num_key_value_heads": 2}, "t g1 two p = 1 * 2"), ({"num_attention_heads": 4}, "h has two sizes")]


def hf_of_meta(m, **more):
    config = transformers.LlamaConfig(hidden_size=m.dim, num_hidden_layers=2, num_attention_heads=m.heads, num_key_value_heads=m.kv_heads,
                                      intermediate_size=m.hidden(), vocab_size=m.vocab, rms_norm_eps=1e-5, **more)
    return {**hf_json(config), "torch_dtype": "float32"}


def meta():
    """One file is read and written, two are written and read."""
    for m in (Known("meta-mha", 32, 8, 8, 20, False), Known("meta-gqa", 32, 8, 4, 20, False, dict(n_kv_heads=4, multiple_of=16, ffn_dim_multiplier=1.3)),
              Known("meta-tokens", 4, 2, 1, 65537, True, dict(n_kv_heads=1, multiple_of=8, rope_theta=5e5, vocab_size=65537))):
        of_meta(m)
        params = {**m.all_params(), **{k: v for k, v in UNSAID_PARAMS.items() if k not in m.params}}
        told = hf_of_meta(m)
        told = {k: told[k] for k in ("hidden_size", "num_hidden_layers", "num_attention_heads", "num_key_value_heads", "intermediate_size", "vocab_size",
                                     "rms_norm_eps", "hidden_act", "model_type")}
        by = dict(bos_token_id=128000, eos_token_id=128001, max_position_embeddings=8192) if m.by_tokens else dict(
            bos_token_id=1, eos_token_id=2, max_position_embeddings=4096)
        small = m.name == "meta-mha"
        write(m.name, fixture(
            "meta", ["meta", "hf"], params, shapes_of(in_files(m, 1)), expected_hf(m), left_out=[k for k in UNSAID_PARAMS if k not in m.params],
            buffers={"00/rope.freqs": [2]}, variants=FROM_META * small, back_variants=FROM_HF * small, back_alike=UNSAID_HF if small else {},
            back_buffers={f"model.layers.{n}.self_attn.rotary_emb.inv_freq": [2] for n in range(2)},
            there_config={**told, **by, "rope_theta": params["rope_theta"], "rope_scaling": "null", "architectures": ["LlamaForCausalLM"],
                          "torch_dtype": "float32"},
            back_config={"dim": m.dim, "n_layers": 2, "n_heads": m.heads, "vocab_size": m.vocab, "norm_eps": 1e-5}))
    for m, tied in ((Known("meta-two", 32, 8, 4, 20, False, dict(multiple_of=88)), False),
                    (Known("meta-two-tied", 32, 8, 8, 20, False, dict(multiple_of=72, ffn_dim_multiplier=72 / 85)), True),
                    (Known("meta-two-tokens", 8, 4, 2, 65538, True, dict(multiple_of=24)), False)):
        of_meta(m)
        config = {**hf_of_meta(m), "tie_word_embeddings": tied}
        plain = hf_json(transformers.LlamaConfig())
        shapes = {k: list(v.shape) for k, v in expected_hf(m).items() if not (tied and k == "lm_head.weight")}
        of_hf(m, numbered(shapes))
        write(m.name, fixture(
            "meta", ["hf", "meta"], config, shapes, in_files(m, 2), options={"meta": ["--set", "t=2"]},
            left_out=[k for k in config if k in plain and config[k] == plain[k] and k not in ("model_type", "architectures")],
            head=[] if m.by_tokens else ["lm_head.weight"], variants=[({"vocab_size": 21}, "axis v")] * (not m.by_tokens),
            back_variants=[({"dim": 16}, "c = 16")] * (not m.by_tokens),
            there_config={"dim": m.dim, "n_layers": 2, "n_heads": m.heads, "vocab_size": m.vocab, "norm_eps": 1e-5,
                          "ffn_dim_multiplier": None, **m.params},
            back_config={"intermediate_size": m.hidden(), "vocab_size": m.vocab, "tie_word_embeddings": None}))


for make in (gpt2, transformers_5, transformers_5_dense, legacy, vision, meta):
    make()
