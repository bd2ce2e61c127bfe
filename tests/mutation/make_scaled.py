"""Fixtures of weights of 8-bit floats with scales: torch multiplies them.

    python tests/mutation/make_scaled.py             (needs tests/judges/requirements.txt)

DeepSeek's blocks are spread over their elements, the last ones cut; llm-compressor's scales of a
tensor or of its rows are what torch broadcasts.
"""

import torch
from making import digests, write

from scaled import values


def read(shapes, coded, scaling):
    """As torch has them, in float64."""
    raw = values(shapes, coded, scaling)
    return {k: (torch.tensor(raw[k], dtype=torch.uint8).view(torch.float8_e4m3fn) if k in coded else torch.tensor(raw[k])).double().reshape(shape)
            for k, shape in shapes.items()}


def spread(scale, shape, block):
    return scale.repeat_interleave(block[0], 0).repeat_interleave(block[1], 1)[: shape[0], : shape[1]]


def fixture(name, family, layout, weights, scale_of, spread_to, method, variants, dropped=()):
    """weights: name -> shape; scale_of(shape): the shape of its scale."""
    word = "weight_scale_inv" if family == "fp8" else "weight_scale"
    scaled = {k: k.replace("weight", word) for k in weights}
    shapes = {**weights, **{scaled[k]: scale_of(shape) for k, shape in weights.items()}, "norm.weight": [3], **dict.fromkeys(dropped, [1])}
    state = read(shapes, list(weights), list(scaled.values()))
    there = {k: state[k] * spread_to(state[s], shapes[k]) for k, s in scaled.items()} | {"norm.weight": state["norm.weight"]}
    config = {"hidden_size": 3, "quantization_config": method}
    write(name, {"family": family, "sides": [layout, "hf"], "shapes": shapes, "coded": list(weights), "scales": list(scaled.values()),
                 "config": config, "there": digests(there), "there_config": {"hidden_size": 3, "quantization_config": None}, "variants": variants})


def with_blocks(name, weights, block, said):
    """Weights of two dims, `block` elements for each scale."""
    method = {"quant_method": "fp8", "fmt": "e4m3", "activation_scheme": "dynamic", **said}
    fixture(name, "fp8", "hf-fp8", weights, lambda s: [-(-n // b) for n, b in zip(s, block)], lambda scale, s: spread(scale, s, block), method,
            [({"quantization_config.quant_method": "fbgemm_fp8"}, "other methods")])


def with_groups(name, strategy):
    """As llm-compressor says it: one group of all Linear modules."""
    group = {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": strategy}}
    method = {"quant_method": "compressed-tensors", "format": "float-quantized", "config_groups": {"group_0": group}}
    weights, path = {"layer.q.weight": [5, 3], "layer.down.weight": [3, 5]}, "quantization_config.config_groups."
    fixture(name, "compressed-tensors", "hf-compressed", weights, lambda s: [1] if strategy == "tensor" else [s[0], 1], lambda scale, s: scale, method,
            [({"quantization_config.quant_method": "fp8"}, "other methods"), ({path + "group_0.weights.type": "int"}, "whole numbers"),
             ({path + "group_0.weights.strategy": "group"}, "groups of columns"), ({path + "group_1": group}, "groups of modules")],
            ["layer.q.input_scale"])


with_blocks("fp8", {"layer.q.weight": [5, 7], "layer.down.weight": [4, 6]}, (2, 3), {"weight_block_size": [2, 3]})
with_blocks("fp8-usual", {"layer.up.weight": [129, 2], "layer.down.weight": [2, 129]}, (128, 128), {})
with_groups("compressed-tensor", "tensor")
with_groups("compressed-channel", "channel")
