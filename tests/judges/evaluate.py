"""LoRA in float64, by the definition: which rows of a fused projection a block of B changes."""

import torch


def blocks(config):
    """Rows of q, k and v in the fused projection, and whether each was trained."""
    q, kv = config.n_head * config.head_size, config.n_query_groups * config.head_size
    at = 0
    for size, on in ((q, config.lora_query), (kv, config.lora_key), (kv, config.lora_value)):
        yield slice(at, at + size), on
        at += size


def merged(config, base, adapter):
    """The merged tensors as float64, unrounded; only those that an adapter's module changes."""
    scale, rank, out = config.lora_alpha / config.lora_r, config.lora_r, {}
    for key in adapter:
        if not key.endswith(".lora_A"):
            continue
        module = key.removesuffix(".lora_A")
        a, b = adapter[key].double(), adapter[module + ".lora_B"].double()
        w = base[module + ".weight"].double().clone()
        if module.endswith(".attn.qkv"):
            block, row = 0, 0
            for rows, on in blocks(config):
                if on:
                    n = rows.stop - rows.start
                    w[rows] += scale * (b[row : row + n] @ a[block * rank : (block + 1) * rank])
                    block, row = block + 1, row + n
        else:
            w += scale * (b @ a)
        out[module + ".weight"] = w
    return out


def ulp(x):
    """The distance from x to the next value of its dtype away from zero, as float64."""
    way = torch.where(x < 0, torch.tensor(-torch.inf, dtype=x.dtype), torch.tensor(torch.inf, dtype=x.dtype))
    return (torch.nextafter(x, way).double() - x.double()).abs()


def nearly_nearest(got, exact, slack):
    """got is exact rounded to nearest, except where exact lies within `slack` ulps of a tie."""
    error = (got.double() - exact).abs()
    return bool((error <= (0.5 + slack) * ulp(got)).all())
