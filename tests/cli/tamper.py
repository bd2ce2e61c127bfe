"""Breaks checkpoints for the sessions: standard library only.

    tamper config FILE NAME=VALUE...     fields of a JSON file; NAME= removes one
    tamper drop FILE TENSOR              a safetensors file without a tensor
    tamper add FILE TENSOR N             with one of N bfloat16 zeros more
    tamper rename FILE TENSOR NAME
    tamper turn FILE TENSOR NAME   a matrix is stored transposed, under another name
    tamper copy FILE TENSOR NAME   a tensor is stored twice
    tamper cut FILE N                    the last N bytes are missing
    tamper names FILE                    lists the tensors
    tamper join FILE A B                 all tensors of A and B
    tamper adapter FILE MODULE OUT IN RANK [A]   an adapter of Lit-GPT for one module; all of lora_A is A
"""

import json
import struct
import sys
from pathlib import Path


def read(path):
    data = Path(path).read_bytes()
    n = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8 : 8 + n])
    head.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], data[8 + n + v["data_offsets"][0] : 8 + n + v["data_offsets"][1]]) for k, v in head.items()}


def write(path, tensors):
    head, data = {}, b""
    for name, (dtype, shape, raw) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(data), len(data) + len(raw)]}
        data += raw
    text = json.dumps(head).encode()
    text += b" " * (-len(text) % 8)
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def config(path, *fields):
    record = json.loads(Path(path).read_text())
    for field in fields:
        name, value = field.split("=", 1)
        record.pop(name, None)
        if value:
            record[name] = json.loads(value)
    Path(path).write_text(json.dumps(record, indent=2) + "\n")


def drop(path, name):
    tensors = read(path)
    del tensors[name]
    write(path, tensors)


def add(path, name, n):
    write(path, {**read(path), name: ("BF16", [int(n)], bytes(2 * int(n)))})


def rename(path, old, new):
    write(path, {new if k == old else k: v for k, v in read(path).items()})


def copy(path, old, new):
    tensors = read(path)
    write(path, {**tensors, new: tensors[old]})


def turn(path, old, new):
    tensors = read(path)
    dtype, (rows, columns), raw = tensors.pop(old)
    size = len(raw) // (rows * columns)
    cells = [raw[i : i + size] for i in range(0, len(raw), size)]
    turned = b"".join(cells[r * columns + c] for c in range(columns) for r in range(rows))
    write(path, {**tensors, new: (dtype, [columns, rows], turned)})


def cut(path, n):
    data = Path(path).read_bytes()
    Path(path).write_bytes(data[: -int(n)])


def names(path):
    print("\n".join(sorted(read(path))))


def join(path, one, other):
    write(path, {**read(one), **read(other)})


def adapter(path, module, out, size, rank, value=0.01):
    out, size, rank = int(out), int(size), int(rank)
    a = ("BF16", [rank, size], struct.pack("<f", float(value))[2:] * (rank * size))
    b = ("BF16", [out, rank], struct.pack("<H", 0x3D80) * (out * rank))
    write(path, {f"{module}.lora_A": a, f"{module}.lora_B": b})


if __name__ == "__main__":
    {f.__name__: f for f in (config, drop, add, rename, copy, turn, cut, names, join, adapter)}[sys.argv[1]](*sys.argv[2:])
