#!/usr/bin/env python3
"""The main job at the size it is for: TinyLlama-1.1B's dimensions, random bf16, 2.2 GB.

    tests/bench/true_size.py [--build build] [--scratch DIR] [NAME=NUMBER]...

hf -> lit -> hf and hf -> lit-legacy -> hf give back every tensor byte for byte; a conversion stays
below 64 MiB of memory and a merge below 96 MiB and its adapter; one thread and two write the same
bytes.  Needs 9 GB of disk for a few minutes.
"""
import argparse
import json
import pathlib
import shutil
import struct
import sys
import tempfile

from bench import MIB, make_inputs, run

CHUNK = 16 * MIB


def header(path):
    """Of a safetensors file: name -> entry, and where the data begins."""
    with open(path, "rb") as file:
        (n,) = struct.unpack("<Q", file.read(8))
        entries = json.loads(file.read(n))
    entries.pop("__metadata__", None)
    return entries, 8 + n


def same_range(a, at_a, b, at_b, n):
    a.seek(at_a)
    b.seek(at_b)
    while n > 0:
        x = a.read(min(n, CHUNK))
        if not x or x != b.read(len(x)):
            return False
        n -= len(x)
    return True


def same_tensors(path_a, path_b):
    """Read by this script alone: nothing of what is tested takes part in the judgement."""
    (a, data_a), (b, data_b) = header(path_a), header(path_b)
    assert set(a) == set(b), set(a) ^ set(b)
    with open(path_a, "rb") as file_a, open(path_b, "rb") as file_b:
        for name, entry in a.items():
            other = b[name]
            assert (entry["dtype"], entry["shape"]) == (other["dtype"], other["shape"]), name
            (lo, hi), (start, _) = entry["data_offsets"], other["data_offsets"]
            assert same_range(file_a, data_a + lo, file_b, data_b + start, hi - lo), name
    return len(a)


def same_files(path_a, path_b):
    n = path_a.stat().st_size
    with open(path_a, "rb") as a, open(path_b, "rb") as b:
        return n == path_b.stat().st_size and same_range(a, 0, b, 0, n)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--scratch", type=pathlib.Path)
    parser.add_argument("sizes", nargs="*", default=["tinyllama=1"])
    opt = parser.parse_args()
    build = opt.build.resolve()

    def retensor(most, *args):
        _, _, rss = run([build / "retensor", *args, "--quiet", "--no-sync"])
        print(f"{rss / MIB:6.1f} MiB  {args[0]} {' '.join(map(str, args[1:3]))}", flush=True)
        assert rss < most, f"more than {most / MIB:.0f} MiB"

    with tempfile.TemporaryDirectory(dir=opt.scratch) as scratch:
        scratch = pathlib.Path(scratch)
        hf, lit, adapters = make_inputs(build, scratch, opt.sizes)
        for to in ("lit", "lit-legacy"):
            retensor(64 * MIB, "convert", "--to", to, hf, scratch / "there")
            retensor(64 * MIB, "convert", "--to", "hf", scratch / "there", scratch / "back")
            n = same_tensors(hf / "model.safetensors", scratch / "back" / "model.safetensors")
            print(f"hf -> {to} -> hf: {n} tensors, byte for byte", flush=True)
            shutil.rmtree(scratch / "there")
            shutil.rmtree(scratch / "back")
        for rank, adapter in adapters.items():
            most = 96 * MIB + sum(f.stat().st_size for f in adapter.iterdir())
            for threads in "12":
                retensor(most, "merge", "--threads", threads, lit, adapter, scratch / threads)
            assert same_files(scratch / "1" / "lit_model.pth", scratch / "2" / "lit_model.pth")
            assert not same_files(scratch / "1" / "lit_model.pth", lit / "lit_model.pth")
            print(f"merge of rank {rank}: the same bytes with 1 and 2 threads", flush=True)
            shutil.rmtree(scratch / "1")
            shutil.rmtree(scratch / "2")
    print("all is well")


if __name__ == "__main__":
    sys.exit(main())
