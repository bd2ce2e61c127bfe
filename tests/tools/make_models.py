"""Make rules/models.json, the tables of named models, from the configs that litgpt knows.

Usage: make_models.py TUTORIAL > rules/models.json      (litgpt 0.5.13)

TUTORIAL is lit_gpt/config.py of Lit-GPT's commit 1e045fead (2024-03-01), the time of the tutorials.

A row of layout `lit` holds what a config of that name says and the defaults of litgpt's Config
don't, as its constructor completes it; four fields stand in every row, because soft equations and
defaults of the rule files yield to them. A row of `lit-legacy` holds every field: its rules declare
no defaults. Rows are sorted by layout, family and name, one a line.
"""

import dataclasses
import importlib.util
import json
import re
import sys
import types

from litgpt.config import Config, configs, find_multiple

ALWAYS = ("block_size", "gelu_approximate", "sliding_window_size", "vocab_size")


def tutorial(path):
    """The module at path, which asks its package for one function and for classes not used here."""
    for name in ("lit_gpt", "lit_gpt.model", "lit_gpt.utils"):
        sys.modules[name] = types.ModuleType(name)
    sys.modules["lit_gpt.utils"].find_multiple = find_multiple
    sys.modules["lit_gpt"].model = sys.modules["lit_gpt.model"]
    spec = importlib.util.spec_from_file_location("tutorial", path)
    sys.modules["tutorial"] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def family(c):
    """The one family that takes a lit config; the same facts as the rules' `detect lit`."""
    mlp = c.mlp_class_name if hasattr(c, "mlp_class_name") else c._mlp_class
    norm_qk = getattr(c, "norm_qk", False)
    if mlp == "GptNeoxMLP":
        return "falcon" if not c.bias else "phi" if c.lm_head_bias else "gpt_neox"
    if mlp == "LLaMAMoE":
        return "qwen3_moe" if norm_qk else "mixtral"
    if mlp == "GemmaMLP":
        return "gemma3" if norm_qk else "gemma2" if getattr(c, "post_attention_norm", False) else "gemma"
    if norm_qk:
        return "olmo2" if c.norm_qk_type == "olmo2" else "qwen3"
    if getattr(c, "attn_bias", False):
        return "qwen2"
    if (c.norm_class_name if hasattr(c, "norm_class_name") else c._norm_class) == "LayerNorm":
        return "olmo" if "OLMo" in c.name else "stablelm"
    return "phi3" if re.match("phi-[34]", c.name, re.I) else "llama"


def row(layout, c, fields):
    org, name = c.hf_config["org"], c.hf_config["name"]
    return {"layout": layout, "name": c.name, "repo": f"{org}/{name}", "family": family(c), "fields": fields}


def lit_row(named):
    c = Config(**named)
    fields = {}
    for f in dataclasses.fields(Config):
        value = getattr(c, f.name)
        absent = f.default if f.default is not dataclasses.MISSING else {}
        if f.name == "sliding_window_indices" and value is not None and all(value):
            continue  # a window in every layer is what Config makes of its absence
        if f.name in ALWAYS or value != absent:
            fields[f.name] = value
    return row("lit", c, fields)


def main():
    old = tutorial(sys.argv[1])
    rows = [lit_row(c) for c in configs]
    rows += [row("lit-legacy", c, dataclasses.asdict(c)) for c in (old.Config(**named) for named in old.configs)]
    rows.sort(key=lambda r: (r["layout"], r["family"], r["name"].lower(), r["name"]))
    print("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]")


if __name__ == "__main__":
    main()
