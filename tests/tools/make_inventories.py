"""Make tests/inventories/*.json from directories of an index and a config.json.

    make_inventories.py DIR...     # each DIR with config.json and *.index.json

A file holds the config as published (but for paths) and the tensors' names: numbers between dots are
taken out, and names that differ in them only are one entry, "a.{}.b.{}" with the ranges
of each place, or all tuples of numbers where they are no full box of ranges.
What `audit` has to answer stands in expected.json and is kept by hand.
"""

import json
import re
import sys
from itertools import product
from pathlib import Path


def ranges_of(numbers):
    """[0, 1, 2, 5] -> [[0, 3], [5, 6]]"""
    out = []
    for n in sorted(numbers):
        if out and out[-1][1] == n:
            out[-1][1] = n + 1
        else:
            out.append([n, n + 1])
    return out


def fold(names):
    groups = {}
    for name in names:
        parts = name.split(".")
        at = [i for i, p in enumerate(parts) if p.isdigit()]
        key = ".".join("{}" if i in at else p for i, p in enumerate(parts))
        groups.setdefault(key, []).append(tuple(int(parts[i]) for i in at))
    out = {}
    for key, tuples in groups.items():
        places = [ranges_of(set(p)) for p in zip(*tuples)]
        box = product(*([n for lo, hi in p for n in range(lo, hi)] for p in places))
        out[key] = places if sorted(tuples) == sorted(box) else {"tuples": sorted(tuples)}
    return out


def main():
    to = Path(__file__).parents[1] / "inventories"
    for given in map(Path, sys.argv[1:]):
        index = next(given.glob("*.index.json"))
        names = fold(json.loads(index.read_text())["weight_map"])
        config = json.loads((given / "config.json").read_text())
        if str(config.get("_name_or_path", "")).startswith("/"):
            del config["_name_or_path"]  # a path on the publisher's disk
        record = {"index": index.name, "config": config, "names": names}
        text = json.dumps(record, separators=(",", ":"), ensure_ascii=True)
        (to / f"{given.name}.json").write_text(re.sub(r'("(?:index|config|names)":)', r"\n\1", text) + "\n")


if __name__ == "__main__":
    main()
