#!/usr/bin/env python3
"""Write the example model of rules/README.md: make_example.py DIR.

`pico` is invented: a decoder with 2 layers whose fused projection holds q, k and v of one
head behind each other, whose MLP is stored input first, and whose head is its embedding.
"""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "constructs"))
from tensors import count, write  # noqa: E402

DEPTH, WIDTH, HEADS, VOCAB = 2, 12, 3, 10


def tensors():
    shapes = {"decoder.embed.weight": (VOCAB, WIDTH)}
    for n in range(DEPTH):
        block = f"decoder.blocks.{n}."
        shapes |= {
            block + "norm_a.scale": (WIDTH,),
            block + "attn.wqkv.weight": (3 * WIDTH, WIDTH),
            block + "attn.wqkv.bias": (3 * WIDTH,),
            block + "attn.out.weight": (WIDTH, WIDTH),
            block + "attn.mask": (1, 8),
            block + "norm_b.scale": (WIDTH,),
            block + "mlp.up.weight": (WIDTH, 4 * WIDTH),
            block + "mlp.down.weight": (4 * WIDTH, WIDTH),
        }
    shapes["decoder.norm.scale"] = (WIDTH,)
    return {name: count(shape, 1000 * i) for i, (name, shape) in enumerate(shapes.items())}


def main():
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write(folder / "model.safetensors", tensors())
    config = {"model_type": "pico", "depth": DEPTH, "width": WIDTH, "heads": HEADS, "vocab": VOCAB,
              "norm_eps": 1e-5, "max_length": 8, "tie_head": True, "dropout": 0.1}
    (folder / "config.json").write_text(json.dumps(config, indent=2) + "\n")


if __name__ == "__main__":
    main()
