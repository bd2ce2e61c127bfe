"""Audit published models from their indexes and configs alone.

    audit.py RETENSOR

Of a family that the rules know every name is mapped or dropped with a reason; otherwise
the nearest family and the names that it lacks are said. See ../tools/make_inventories.py.
"""

import json
import re
import subprocess
import sys
import tempfile
from itertools import product
from pathlib import Path

HERE = Path(__file__).parent


def unfold(names):
    for key, places in names.items():
        if isinstance(places, dict):
            numbers = places["tuples"]
        else:
            numbers = product(*([n for lo, hi in p for n in range(lo, hi)] for p in places))
        for each in numbers:
            yield key.format(*each)


def audit(program, name, place):
    """Write the directory; (exit code, stdout, stderr, number of tensors)"""
    record = json.loads((HERE / f"{name}.json").read_text())
    path = Path(place) / name
    path.mkdir()
    weights = {key: "shard-00001-of-00001" for key in unfold(record["names"])}
    (path / record["index"]).write_text(json.dumps({"metadata": {}, "weight_map": weights}))
    (path / "config.json").write_text(json.dumps(record["config"]))
    done = subprocess.run([program, "audit", path], capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr, len(weights)


def faults(program, name, family, place):
    code, out, err, n = audit(program, name, place)
    if code != 0:
        return [f"exit {code}: {err.strip()}"]
    bad = []
    way = family if family.endswith(")") else f"{family} (hf -> lit)"
    if f"family {way}" not in out:
        bad.append(f"not of family {way}")
    if f"names, {n} tensors" not in out:
        bad.append(f"not {n} tensors")
    rows = re.search(r"\nrules  .*\n((?:  .*\n)+)", out).group(1).splitlines()
    mapped = sum(int(row.split()[1]) for row in rows)
    dropped = [(int(k), why) for k, why in re.findall(r"\ndropped (\d+): (.*)", out)]
    made = int(re.search(r"\nexactness +(\d+) ", out).group(1))
    if mapped != made or not all(why.strip() for _, why in dropped):
        bad.append(f"{mapped} mapped, {made} made, dropped: {dropped}")
    return bad


def misses(program, name, code, texts, place):
    got, _, err, _ = audit(program, name, place)
    bad = [f"exit {got}, not {code}"] if got != code else []
    return bad + [f"does not say {t!r}:\n{err}" for t in texts if t not in err]


def main():
    program, bad, seen = sys.argv[1], [], set()
    expected = json.loads((HERE / "expected.json").read_text())
    with tempfile.TemporaryDirectory() as place:
        for group, models in expected.items():
            for name in models:
                seen.add(name)
                if group in ("refused", "no family"):
                    found = misses(program, name, 1 if group == "refused" else 4, models[name], place)
                else:
                    found = faults(program, name, group, place)
                bad += [f"{name}: {f}" for f in found]
    files = {p.stem for p in HERE.glob("*.json")} - {"expected"}
    bad += [f"{name}: no expectation" for name in sorted(files - seen)]
    print("\n".join(bad) if bad else f"{len(seen)} models as expected")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
