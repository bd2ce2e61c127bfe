"""Fixtures of adapters: what PEFT, litgpt and the formulas of mlx-lm and torchtune make of small ones.

    python tests/mutation/make_merges.py             (needs tests/judges/requirements.txt)

References compute in float64. The adapter is filled with small eighths, so most sums are exact.
"""

import dataclasses
import types

import peft
import torch
import transformers
from litgpt import lora
from litgpt.config import Config
from making import hf_json, numbered, write
from merge_variants import PEFT_VARIANTS, SHARED
from merges import factors

import layouts
import test_lora_eras
from test_named import as_tutorial

SIZES = dict(vocab_size=10, hidden_size=12, intermediate_size=14, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
             head_dim=4, max_position_embeddings=16, bos_token_id=1, eos_token_id=2, pad_token_id=None, tie_word_embeddings=False)


def shapes_of(state):
    return {k: list(v.shape) for k, v in state.items()}


def filled(shapes, dtype=torch.float64):
    return {k: torch.tensor(v, dtype=dtype).reshape(shapes[k]) for k, v in factors(shapes).items()}


def fixture(family, base, config, base_shapes, adapter, adapter_config, adapter_shapes, merged, variants=()):
    before = numbered(base_shapes)
    changed = {k: [float(f"{x:.9g}") for x in v.double().flatten().tolist()] for k, v in merged.items()
               if k not in before or v.shape != before[k].shape or not torch.equal(v.double(), before[k].double())}
    assert changed
    return {"family": family, "merged": changed, "variants": list(variants),
            "base": {"layout": base, "config": config, "shapes": base_shapes},
            "adapter": {"layout": adapter, "config": adapter_config, "shapes": adapter_shapes}}


# ---- PEFT ----

def with_peft(name, model, config, variants=(), writes=(), **how):
    """model: in float64."""
    base_shapes = shapes_of(model.state_dict())
    model.load_state_dict({k: v.double() for k, v in numbered(base_shapes).items()})
    lora_config = peft.LoraConfig(**{"r": 2, "lora_alpha": 4, **how})
    adapted = peft.get_peft_model(model, lora_config)
    shapes = shapes_of(peft.get_peft_model_state_dict(adapted))
    said = peft.set_peft_model_state_dict(adapted, filled(shapes))
    assert not said.unexpected_keys
    merged = adapted.merge_and_unload().state_dict()
    own = {k: (sorted(v) if isinstance(v, set) else v) for k, v in adapted.peft_config["default"].to_dict().items()}
    write(name, fixture("lora-peft", "hf", config, base_shapes, "lora-peft", own, shapes, merged, variants))


def causal(kind, **more):
    sizes = SIZES if kind != "GPT2" else {}
    config = getattr(transformers, kind + "Config")(**{**sizes, **more})
    model = transformers.AutoModelForCausalLM.from_config(config).double()
    return model, {**hf_json(config), "architectures": [type(model).__name__], "torch_dtype": "float32"}


class Attention(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.block = torch.nn.Module()
        self.block.attn = torch.nn.MultiheadAttention(8, 2, dtype=torch.float64)


class Convolutions(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Module()
        self.layer.seq = torch.nn.Conv1d(3, 4, 5, dtype=torch.float64)
        self.layer.patch = torch.nn.Conv2d(5, 3, (4, 2), dtype=torch.float64)
        self.layer.video = torch.nn.Conv3d(2, 5, (1, 3, 2), dtype=torch.float64)

    def forward(self, x):
        return x


class Experts(torch.nn.Module):
    def __init__(self, n, n_dims, gate_up=(3, 10, 6)):
        super().__init__()
        self.layer = torch.nn.Module()
        self.layer.experts = torch.nn.Module()
        for name, shape in [("gate_up", gate_up[-n_dims:]), ("down", (3, 6, 8)[-n_dims:]), ("extra", (3, 5, 4)[-n_dims:])][:n]:
            setattr(self.layer.experts, name, torch.nn.Parameter(torch.zeros(shape, dtype=torch.float64)))

    def forward(self, x):
        return x


def with_all_peft():
    for name, kind, more, how in PEFT:
        with_peft(name, *causal(kind, **more), PEFT_VARIANTS.get(name, []), **how)
    with_peft("peft-attention", Attention(), {"model_type": "unknown"}, PEFT_VARIANTS.get("peft-attention", []), target_modules=["attn"])
    with_peft("peft-parameters-square", Experts(1, 2, (3, 6, 6)), {"model_type": "unknown"}, target_modules=[], target_parameters=["experts.gate_up"],
              lora_dropout=0.0)
    with_peft("peft-attention-bias", Attention(), {"model_type": "unknown"}, target_modules=["attn"], bias="all")
    for name, how in (("peft-convolutions", dict(lora_bias=True)), ("peft-convolutions-dora", dict(use_dora=True))):
        with_peft(name, Convolutions(), {"model_type": "unknown"}, PEFT_VARIANTS.get(name, []), target_modules=["seq", "patch", "video"], **how)
    for n, name, n_dims in ((2, "peft-experts", 3), (3, "peft-experts-3", 3), (2, "peft-parameters", 2)):
        targets = [f"experts.{x}" for x in ("gate_up", "down", "extra")[:n]]
        with_peft(name, Experts(n, n_dims), {"model_type": "unknown"}, PEFT_VARIANTS.get(name, []), target_modules=[], target_parameters=targets,
                  lora_dropout=0.0, rank_pattern={"experts.down": 4}, alpha_pattern={"experts.gate_up": 8})


GPT2 = dict(vocab_size=11, n_embd=8, n_layer=2, n_head=2, n_positions=6, tie_word_embeddings=False)
ATTENTION = ["q_proj", "v_proj", "down_proj"]
PEFT = [
    ("peft-lora", "Llama", {}, dict(target_modules=[*ATTENTION, "up_proj"], rank_pattern={"v_proj": 3, r"^model\.layers\.0\..*down_proj": 4},
                                    alpha_pattern={r"layers\.1\.self_attn\.q_proj": 6, "up_proj": 3})),
    ("peft-rslora", "Llama", {}, dict(target_modules=ATTENTION, r=4, use_rslora=True, rank_pattern={"v_proj": 1})),
    ("peft-dora", "Llama", {}, dict(target_modules=[*ATTENTION, "embed_tokens"], use_dora=True)),
    ("peft-bias", "Llama", dict(attention_bias=True), dict(target_modules=["q_proj", "v_proj"], lora_bias=True)),
    ("peft-biases", "Llama", dict(attention_bias=True), dict(target_modules=["q_proj", "v_proj"], bias="lora_only")),
    ("peft-embedding", "Llama", {}, dict(target_modules=["embed_tokens", "q_proj"])),
    ("peft-tokens", "Llama", {}, dict(target_modules=["q_proj"], trainable_token_indices=[3, 0, 7])),
    ("peft-tokens-by-name", "Llama", {}, dict(target_modules=["q_proj"], trainable_token_indices={"embed_tokens": [5, 1]})),
    ("peft-saved", "Llama", {}, dict(target_modules=["q_proj"], modules_to_save=["lm_head", "norm"])),
    ("peft-conv", "GPT2", GPT2, dict(target_modules=["c_attn", "c_proj"], fan_in_fan_out=True)),
    ("peft-conv-dora", "GPT2", GPT2, dict(target_modules=["c_attn", "c_proj"], fan_in_fan_out=True, use_dora=True)),
]

# ---- litgpt ----

LIT = dict(n_layer=2, n_embd=12, n_head=4, n_query_groups=2, head_size=3, intermediate_size=14, padded_vocab_size=10, vocab_size=10, block_size=16)
MASKS = {"qv": (True, False, True), "qkv": (True, True, True), "k": (False, True, False)}
PARTS = ("lora_query", "lora_key", "lora_value")


def with_litgpt(name, mask, flags, variants=()):
    config = Config.from_name("Llama-2-7b-hf", **{**LIT, **({"head_size": 5} if name.endswith("-k") else {})})
    flags = {**dict(zip(PARTS, mask)), **dict.fromkeys(("lora_projection", "lora_mlp", "lora_head"), False), **flags}
    hyper = dict(lora_r=2, lora_alpha=4, lora_dropout=0.05, **flags)
    model = lora.GPT(lora.Config(**{**dataclasses.asdict(config), **hyper})).double()
    shapes = shapes_of({k: v for k, v in model.state_dict().items() if "lora_" in k})
    base = {k: list(v) for k, v in layouts.lit_shapes(config).items()}
    model.load_state_dict({**{k: v.double() for k, v in numbered(base).items()}, **filled(shapes)}, assign=True)
    lora.merge_lora_weights(model)
    merged = {k.replace("linear.", ""): v for k, v in model.state_dict().items() if "lora_" not in k}
    said = {"checkpoint_dir": "base", "precision": "32-true", "seed": 1337, **hyper}
    write(name, fixture("lora-lit", "lit", dataclasses.asdict(config), base, "lora-lit", said, shapes, merged, variants))


def with_the_tutorials(name, mask, era, variants=()):
    config = Config.from_name("Llama-2-7b-hf", **LIT)
    z = types.SimpleNamespace(heads=4, groups=2, size=3, width=12, layers=2)
    base = {k.replace(".attn.qkv.", ".attn.attn."): list(v) for k, v in layouts.lit_shapes(config).items()}
    part, shapes, rank = (12, 6, 6), {}, 2
    for layer in range(2):
        at = f"transformer.h.{layer}."
        shapes[at + "attn.attn.lora_A"] = [sum(mask) * rank, 12]
        shapes[at + "attn.attn.lora_B"] = [sum(n for n, on in zip(part, mask) if on), rank]
        shapes.update({at + "mlp.fc_1.lora_A": [rank, 12], at + "mlp.fc_1.lora_B": [14, rank]})
        shapes.update({at + "attn.proj.lora_A": [rank, 12], at + "attn.proj.lora_B": [12, rank]})  # of a square map
    before, state = numbered(base), filled(shapes)
    test_lora_eras.RANK, test_lora_eras.ALPHA = rank, 4
    merged = {k: v for k, (v, _) in test_lora_eras.merged_by_era(z, mask, era, before, state).items()}
    for at in (f"transformer.h.{layer}.{m}" for layer in range(2) for m in ("mlp.fc_1", "attn.proj")):
        merged[at + ".weight"] = before[at + ".weight"].double() + 2 * state[at + ".lora_B"] @ state[at + ".lora_A"]
    said = {"lora_r": rank, "lora_alpha": 4, "lora_dropout": 0.05, **dict(zip(PARTS, mask)), **({"era": 0} if era == 0 else {})}
    write(name, fixture("lora-lit-legacy", "lit-legacy", as_tutorial(config), base, "lora-lit", said, shapes, merged, variants))


# ---- mlx-lm and torchtune ----

def normed(w, m):
    return w * (m / w.norm(dim=1))[:, None]


def with_mlx(name, dora, variants=()):
    model, config = causal("Llama", head_dim=3)  # q_proj is square
    base, shapes = shapes_of(model.state_dict()), {}
    targets = [f"model.layers.{l}.{m}" for l in range(2) for m in ("self_attn.q_proj", "mlp.down_proj")]
    for t in targets:
        out, into = base[t + ".weight"]
        shapes.update({t + ".lora_a": [into, 2], t + ".lora_b": [2, out], **({t + ".m": [out]} if dora else {})})
    table, tokens, into = "model.embed_tokens", *base["model.embed_tokens.weight"]  # a row for each token
    shapes.update({table + ".lora_a": [tokens, 2], table + ".lora_b": [2, into], **({table + ".m": [tokens]} if dora else {})})
    before, state, merged = numbered(base), filled(shapes), {}
    w = before[table + ".weight"].double() + 20 * state[table + ".lora_a"] @ state[table + ".lora_b"]
    merged[table + ".weight"] = normed(w, state[table + ".m"]) if dora else w
    for t in targets:
        w = before[t + ".weight"].double() + 20 * (state[t + ".lora_a"] @ state[t + ".lora_b"]).T
        merged[t + ".weight"] = normed(w, state[t + ".m"]) if dora else w
    said = dict(fine_tune_type="dora" if dora else "lora", num_layers=2, lora_parameters=dict(rank=2, scale=20.0, dropout=0.0), batch_size=4)
    write(name, fixture("lora-mlx", "hf", config, base, "lora-mlx", said, shapes, merged, variants))


TUNE = {"self_attn.q_proj": "attn.q_proj", "self_attn.k_proj": "attn.k_proj", "self_attn.v_proj": "attn.v_proj",
        "self_attn.o_proj": "attn.output_proj", "mlp.gate_proj": "mlp.w1", "mlp.down_proj": "mlp.w2", "mlp.up_proj": "mlp.w3"}


def with_torchtune(name, kind, dora, variants=()):
    groups = 4 if name.endswith("-mha") else 2
    model, config = causal(kind, hidden_size=16, num_key_value_heads=groups)
    base, shapes, heads = shapes_of(model.state_dict()), {}, {"q_proj": 4, "k_proj": groups}
    targets = {f"model.layers.{l}.{hf}": f"layers.{l}.{own}" for l in range(2) for hf, own in TUNE.items()} | {"lm_head": "output"}
    for hf, own in targets.items():
        out, into = base[hf + ".weight"]
        shapes.update({own + ".lora_a.weight": [2, into], own + ".lora_b.weight": [out, 2], **({own + ".magnitude": [out]} if dora else {})})
    before, state, merged = numbered(base), filled(shapes), {}
    for hf, own in targets.items():
        a, b, m = state[own + ".lora_a.weight"], state[own + ".lora_b.weight"], state.get(own + ".magnitude")
        h = heads.get(own.rsplit(".", 1)[-1])
        if h and not kind.startswith("Qwen"):  # rows by pairs there, half a head apart here
            b, m = (x if x is None else x.reshape(h, -1, 2, *x.shape[1:]).transpose(1, 2).reshape(x.shape) for x in (b, m))
        w = before[hf + ".weight"].double() + 4 * b @ a
        merged[hf + ".weight"] = normed(w, m) if dora else w
    said = dict(r=2, lora_alpha=8, use_dora=dora)
    write(name, fixture("lora-torchtune", "hf", config, base, "lora-torchtune", said, shapes, merged, variants))


FUSED = {"qkv_proj": ("attn.q_proj", "attn.k_proj", "attn.v_proj"), "gate_up_proj": ("mlp.w1", "mlp.w3")}


def with_torchtune_of_phi3(name, variants=()):
    """q, k, v one below the other, then gate and up; no rows change places."""
    model, config = causal("Phi3", hidden_size=16)
    base, rows = shapes_of(model.state_dict()), {"attn.q_proj": 16, "attn.k_proj": 8, "attn.v_proj": 8, "mlp.w1": 14, "mlp.w3": 14}
    shapes = {f"layers.{l}.{own}.lora_{x}.weight": [2, 16] if x == "a" else [n, 2] for l in range(2) for own, n in rows.items() for x in "ab"}
    before, state, merged = numbered(base), filled(shapes), {}
    for l, (hf, parts) in ((l, x) for l in range(2) for x in FUSED.items()):
        name_of = next(k for k in base if k.startswith(f"model.layers.{l}.") and f".{hf}." in k)
        merged[name_of] = before[name_of].double() + 4 * torch.cat([state[f"layers.{l}.{p}.lora_b.weight"] @ state[f"layers.{l}.{p}.lora_a.weight"] for p in parts])
    write(name, fixture("lora-torchtune", "hf", config, base, "lora-torchtune", dict(r=2, lora_alpha=8, use_dora=False), shapes, merged, variants))


# ---- adapters written in another layout ----

def written(name, family, base, config, adapter, rules, adapter_config, shapes, there, told):
    write(name, {"family": family, "to": family, "rules": rules, "written": {k: [float(f"{x:.9g}") for x in v.flatten().tolist()] for k, v in there.items()},
                 "told": told, "base": {"layout": "hf", "config": config, "shapes": base},
                 "adapter": {"layout": adapter, "config": adapter_config, "shapes": shapes}})


def with_all_written():
    """A PEFT adapter of q, v, o and up in every layer, as each of the others has it, and back."""
    model, config = causal("Llama", hidden_size=16)
    base, n = shapes_of(model.state_dict()), "base_model.model."
    parts = {f"model.layers.{l}.{m}": (base[f"model.layers.{l}.{m}.weight"]) for l in range(2) for m in ("self_attn.q_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.up_proj")}
    shapes = {f"{n}{m}.lora_{x}.weight": s for m, (out, into) in parts.items() for x, s in (("A", [2, into]), ("B", [out, 2]))}
    state = filled(shapes)
    pair = {m: (state[f"{n}{m}.lora_A.weight"], state[f"{n}{m}.lora_B.weight"]) for m in parts}
    said = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, "target_modules": ["q_proj", "v_proj", "o_proj", "up_proj"]}
    mlx = {f"{m}.lora_{x}": t.T for m, ab in pair.items() for x, t in zip("ab", ab)}
    written("written-mlx", "lora-mlx", base, config, "lora-peft", "lora-peft", said, shapes, mlx,
            {"fine_tune_type": "lora", "num_layers": 2, "lora_parameters.dropout": 0.0, "lora_parameters.rank": 2, "lora_parameters.scale": 2.0})
    tune = {}
    for m, (a, b) in pair.items():
        own = m.removeprefix("model.").replace(m.split(".", 3)[3], TUNE[m.split(".", 3)[3]])
        b = b.reshape(4, 2, -1, 2).transpose(1, 2).reshape(b.shape) if m.endswith("q_proj") else b
        tune |= {f"{own}.lora_a.weight": a, f"{own}.lora_b.weight": b}
    written("written-torchtune", "lora-torchtune", base, config, "lora-peft", "lora-peft", said, shapes, tune, {})
    lit, zeros = {}, torch.zeros
    for l in range(2):
        at, own = f"transformer.h.{l}.", f"model.layers.{l}."
        (qa, qb), (va, vb) = pair[own + "self_attn.q_proj"], pair[own + "self_attn.v_proj"]
        lit |= {at + "attn.qkv.lora_A": torch.cat([qa, va]), at + "attn.qkv.lora_B": torch.cat([qb, vb])}
        for theirs, ours in (("self_attn.o_proj", "attn.proj"), ("mlp.up_proj", "mlp.fc_2")):
            lit |= {f"{at}{ours}.lora_{x}": t for x, t in zip("AB", pair[own + theirs])}
        for ours, out, into in (("mlp.fc_1", 14, 16), ("mlp.proj", 16, 14)):  # one flag speaks for the whole MLP
            lit |= {f"{at}{ours}.lora_A": zeros(2, into), f"{at}{ours}.lora_B": zeros(out, 2)}
    flags = dict(lora_query=True, lora_key=False, lora_value=True, lora_projection=True, lora_mlp=True, lora_head=False)
    written("written-lit", "lora-lit", base, config, "lora-peft", "lora-peft", said, shapes, lit,
            {"lora_r": 2, "lora_alpha": 4, "lora_dropout": 0.0, **flags})
    alone = {k: v for k, v in shapes.items() if "o_proj" in k}
    proj = {f"transformer.h.{k.split('.')[4]}.attn.proj.lora_{k.split('.')[-2][-1]}": v for k, v in filled(alone).items()}
    written("written-lit-proj", "lora-lit", base, config, "lora-peft", "lora-peft", {**said, "target_modules": ["o_proj"]}, alone, proj,
            {"lora_r": 2, "lora_alpha": 4, **dict.fromkeys(flags, False), "lora_projection": True})
    of_mlx = {k: list(v.shape) for k, v in mlx.items()}
    fills = filled(of_mlx)
    back = {f"{n}{k.rsplit('.', 1)[0]}.lora_{k[-1].upper()}.weight": v.T for k, v in fills.items()}
    written("written-peft", "lora-peft", base, config, "lora-mlx", "lora-mlx", {"fine_tune_type": "lora", "lora_parameters": {"rank": 2, "scale": 2.0}}, of_mlx, back,
            {"peft_type": "LORA", "task_type": "CAUSAL_LM", "bias": "none", "fan_in_fan_out": False, "inference_mode": True, "r": 2, "lora_alpha": 4})


def square_projection():
    """In PyTorch's attention it has three times as many rows as columns; here shapes do not tell which is which."""
    base, at = {"layer.attn.in_proj_weight": [6, 6], "layer.norm.weight": [6]}, "base_model.model.layer.attn.lora_"
    shapes = {at + "A.weight": [2, 6], at + "B.weight": [6, 2]}
    state = filled(shapes)
    merged = {"layer.attn.in_proj_weight": numbered(base)["layer.attn.in_proj_weight"].double() + 2 * state[at + "B.weight"] @ state[at + "A.weight"]}
    write("peft-attention-square-by-hand", fixture("lora-peft", "hf", {"model_type": "unknown"}, base, "lora-peft",
                                                   {"peft_type": "LORA", "r": 2, "lora_alpha": 4}, shapes, merged))


def grouped_experts():
    """Columns of B by expert, as Unsloth stored them; and a square parameter, for which the config says a word."""
    for name, turned, grouped, square in [(f"peft-experts{'-turned' * t}{'-grouped' * g}{'-square' * q}", t, g, q)
                                          for t in (0, 1) for g in (0, 1) for q in (0, 1)]:
        shape = [3, 6, 6] if square else [3, 10, 6]
        base = {"layer.experts.gate_up": shape, "layer.norm.weight": [6]}
        o, i = shape[1:][::-1] if turned else shape[1:]
        at = "base_model.model.layer.experts.lora_"
        shapes = {at + "A.weight": [6, i], at + "B.weight": [o, 6]}
        state = filled(shapes)
        a, b = state[at + "A.weight"].reshape(3, 2, i), state[at + "B.weight"]
        b = b.reshape(o, 3, 2).transpose(1, 2) if grouped else b.reshape(o, 2, 3)
        delta = 2 * torch.einsum("oke,eki->eoi", b, a)
        before = numbered(base)["layer.experts.gate_up"].double()
        said = {"peft_type": "LORA", "r": 2, "lora_alpha": 4, **({"lora_B_layout": "grouped_by_expert"} if grouped else {}),
                **({"orientation": "in_out" if turned else "out_in"} if square else {})}
        merged = {"layer.experts.gate_up": before + (delta.transpose(1, 2) if turned else delta)}
        variants = [{"adapter": {"orientation": None}, "want": "two ways"}] if square else [
            {"adapter": {"orientation": "in_out" if turned else "out_in"}},
            {"adapter": {"lora_alpha": 9, "alpha_pattern": {"experts.gate_up": 4}}}, {"adapter": {"r": 9, "rank_pattern": {"experts.gate_up": 2}}}]
        write(name + "-by-hand", fixture("lora-peft", "hf", {"model_type": "unknown"}, base, "lora-peft", said, shapes, merged, variants))


with_all_peft()
square_projection()
grouped_experts()
with_all_written()
for mask in MASKS:
    flags = dict(lora_projection=True, lora_mlp=True, lora_head=True) if mask == "qv" else {}
    with_litgpt(f"lora-lit-{mask}", MASKS[mask], flags, SHARED["lora-lit"] if mask == "qv" else [])
    for era in (0, 1):
        with_the_tutorials(f"lora-legacy-{mask}-{era}", MASKS[mask], era, SHARED["lora-lit-legacy"] if (mask, era) == ("qv", 1) else [])
for dora in (False, True):
    d = "-dora" * dora
    with_mlx(f"lora-mlx{d}", dora, SHARED["lora-mlx"] if not dora else [])
    for kind in ("Llama", "Qwen2"):
        name = {"Llama": "lora-torchtune", "Qwen2": "lora-torchtune-qwen2"}[kind]
        with_torchtune(name + d, kind, dora, SHARED.get(name, []) if not dora else [])
with_torchtune_of_phi3("lora-torchtune-phi3")
with_torchtune("lora-torchtune-mha", "Llama", False, SHARED["lora-torchtune-mha"])
