"""LoRA in float64, by the definition: which rows of a fused projection a block of B changes."""

import torch


def blocks(config, lora):
    """Rows of q, k and v in the fused projection, and whether each was trained."""
    q, kv = config.n_head * config.head_size, config.n_query_groups * config.head_size
    at = 0
    for size, on in zip((q, kv, kv), (lora["lora_query"], lora["lora_key"], lora["lora_value"])):
        yield slice(at, at + size), on
        at += size


def merged(config, base, adapter, **lora):
    """What a merge changes: name -> (exact value in float64, bound on the error of f32 arithmetic).

    `lora` are the run's hyperparameters. The bound is that of one chain of products in f32, times the scale, plus the base: some units
    of 2^-24 of what was summed. It matters where base and update nearly cancel."""
    scale, rank, out = lora["lora_alpha"] / lora["lora_r"], lora["lora_r"], {}
    for key in adapter:
        if not key.endswith(".lora_A"):
            continue
        module = key.removesuffix(".lora_A")
        a, b = adapter[key].double(), adapter[module + ".lora_B"].double()
        w = base[module + ".weight"].double().clone()
        summed = w.abs()
        if module.endswith(".attn.qkv"):
            block, row = 0, 0
            for rows, on in blocks(config, lora):
                if on:
                    n = rows.stop - rows.start
                    left, right = b[row : row + n], a[block * rank : (block + 1) * rank]
                    w[rows] += scale * (left @ right)
                    summed[rows] += scale * (left.abs() @ right.abs())
                    block, row = block + 1, row + n
        else:
            w += scale * (b @ a)
            summed += scale * (b.abs() @ a.abs())
        out[module + ".weight"] = (w, (rank + 3) * 2.0**-24 * summed)
    return out


def ulp(x):
    """The distance from x to the next value of its dtype away from zero, as float64."""
    way = torch.where(x < 0, torch.tensor(-torch.inf, dtype=x.dtype), torch.tensor(torch.inf, dtype=x.dtype))
    return (torch.nextafter(x, way).double() - x.double()).abs()


def nearly_nearest(got, expected):
    """got is the exact value rounded once, but for the error that f32 arithmetic may leave;
    in half precision that moves next to no element to another neighbour."""
    exact, bound = expected
    if not bool(((got.double() - exact).abs() <= 0.5 * ulp(got) + bound).all()):
        return False
    return got.dtype == torch.float32 or (got != exact.to(got.dtype)).double().mean() < 2e-3
