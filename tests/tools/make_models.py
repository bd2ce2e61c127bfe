"""Make rules/models.json, the table of named models, from the configs that litgpt knows.

Usage: make_models.py > rules/models.json      (litgpt 0.5.13)

A row holds what a config of that name says and the defaults of litgpt's Config don't, as
its constructor completes it; four fields stand in every row, because soft equations and defaults
of the rule files yield to them. Rows are sorted by family and name, one a line.
"""

import dataclasses
import json
import re

from litgpt.config import Config, configs

ALWAYS = ("block_size", "gelu_approximate", "sliding_window_size", "vocab_size")


def family(c):
    """The one family that takes a lit config; the same facts as the rules' `detect lit`."""
    if c.mlp_class_name == "GptNeoxMLP":
        return "falcon" if not c.bias else "phi" if c.lm_head_bias else "gpt_neox"
    if c.mlp_class_name == "LLaMAMoE":
        return "qwen3_moe" if c.norm_qk else "mixtral"
    if c.mlp_class_name == "GemmaMLP":
        return "gemma3" if c.norm_qk else "gemma2" if c.post_attention_norm else "gemma"
    if c.norm_qk:
        return "olmo2" if c.norm_qk_type == "olmo2" else "qwen3"
    if c.attn_bias:
        return "qwen2"
    return "phi3" if re.match("phi-[34]", c.name, re.I) else "llama"


def row(named):
    c = Config(**named)
    fields = {}
    for f in dataclasses.fields(Config):
        value = getattr(c, f.name)
        absent = f.default if f.default is not dataclasses.MISSING else {}
        if f.name == "sliding_window_indices" and value is not None and all(value):
            continue  # a window in every layer is what Config makes of its absence
        if f.name in ALWAYS or value != absent:
            fields[f.name] = value
    org, name = c.hf_config["org"], c.hf_config["name"]
    return {"layout": "lit", "name": c.name, "repo": f"{org}/{name}", "family": family(c), "fields": fields}


def main():
    rows = sorted((row(c) for c in configs), key=lambda r: (r["family"], r["name"].lower(), r["name"]))
    print("[\n" + ",\n".join(json.dumps(r, ensure_ascii=False) for r in rows) + "\n]")


if __name__ == "__main__":
    main()
