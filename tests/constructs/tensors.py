"""Tiny tensors and safetensors files with the standard library alone."""

import itertools
import json
import math
import struct
from pathlib import Path

FORMATS = {"F32": "f", "F64": "d", "F16": "e", "I64": "q", "U8": "B"}
SIZES = {"F32": 4, "F64": 8, "F16": 2, "BF16": 2, "I64": 8, "U8": 1, "F8_E4M3": 1, "F8_E8M0": 1}


def e4m3(code):
    """The number of a byte: sign, 4 bits of exponent, 3 of fraction; no infinities."""
    sign, exponent, fraction = -1 if code & 128 else 1, code >> 3 & 15, code & 7
    return sign * (fraction * 2.0**-9 if exponent == 0 else (8 + fraction) * 2.0 ** (exponent - 10))


EIGHT = {"F8_E4M3": {e4m3(c): c for c in range(255, -1, -1) if c & 127 != 127}, "F8_E8M0": {2.0 ** (c - 127): c for c in range(255)}}


class Tensor:
    """A dtype, a shape, and the values in row-major order."""

    def __init__(self, shape, values, dtype="F32"):
        self.shape, self.values, self.dtype = tuple(shape), list(values), dtype
        assert len(self.values) == math.prod(self.shape), (self.shape, len(self.values))

    def __getitem__(self, at):
        at = at if isinstance(at, tuple) else (at,)
        i = 0
        for k, n in zip(at, self.shape, strict=True):
            assert 0 <= k < n, (at, self.shape)
            i = i * n + k
        return self.values[i]

    def __eq__(self, other):
        return (self.dtype, self.shape, self.bytes()) == (other.dtype, other.shape, other.bytes())

    def __repr__(self):
        return f"{self.dtype}{list(self.shape)} {self.values[:12]}"

    def bytes(self):
        if self.dtype in EIGHT:
            return bytes(EIGHT[self.dtype][v] for v in self.values)
        if self.dtype == "BF16":  # the values of the tests have few bits: cutting is exact
            return b"".join(struct.pack("<f", v)[2:] for v in self.values)
        return struct.pack(f"<{len(self.values)}{FORMATS[self.dtype]}", *self.values)


def build(shape, value, dtype="F32"):
    """The tensor whose element at i, j, ... is value(i, j, ...)."""
    return Tensor(shape, (value(*at) for at in itertools.product(*map(range, shape))), dtype)


def count(shape, start=0, dtype="F32"):
    """start, start + 1, ...: every element tells where it comes from."""
    return Tensor(shape, range(start, start + math.prod(shape)), dtype)


def rows(*tensors):
    """One below the other: the concatenation of the first dim."""
    first = tensors[0]
    return Tensor(
        (sum(t.shape[0] for t in tensors), *first.shape[1:]),
        [v for t in tensors for v in t.values],
        first.dtype,
    )


def transposed(t):
    return build(t.shape[::-1], lambda i, j: t[j, i], t.dtype)


def write(path, tensors):
    header, data = {}, b""
    for name, t in tensors.items():
        bytes_ = t.bytes()
        header[name] = {"dtype": t.dtype, "shape": list(t.shape), "data_offsets": [len(data), len(data) + len(bytes_)]}
        data += bytes_
    text = json.dumps(header).encode()
    Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def read(path):
    raw = Path(path).read_bytes()
    (n,) = struct.unpack_from("<Q", raw)
    tensors = {}
    for name, h in json.loads(raw[8 : 8 + n]).items():
        if name == "__metadata__":
            continue
        lo, hi = h["data_offsets"]
        bytes_, dtype = raw[8 + n + lo : 8 + n + hi], h["dtype"]
        if dtype == "BF16":
            pairs = (bytes_[i : i + 2] for i in range(0, len(bytes_), 2))
            values = [struct.unpack("<f", b"\0\0" + p)[0] for p in pairs]
        else:
            values = struct.unpack(f"<{len(bytes_) // SIZES[dtype]}{FORMATS[dtype]}", bytes_)
        tensors[name] = Tensor(h["shape"], values, dtype)
    return tensors
