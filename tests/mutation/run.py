"""How many wrong rule files are caught? Mutants of every rule file, against its tests.

    python3 tests/mutation/run.py build/retensor [--each N] [--seed S] [--all] [--at-least PERCENT] [FILE...]

Caught by `check`: the proof, the file's own tests, the probe. What passes there is given the
small models that litgpt's own converter has answered (*.json here, make_fixtures.py): names,
shapes, every element and both configs must come out, in both directions. Without --all at most
N mutants of each kind of each file are drawn. Printed: the share that is caught, and all that
are not. Mutants that are known to mean the same are listed in equal.txt with the reason.
"""

import argparse
import hashlib
import json
import math
import random
import shutil
import struct
import subprocess
import sys
import tempfile
from array import array
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mutants import mutants

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "rules"


def run(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True)


# ---- small models ----------------------------------------------------------------


def write_model(path, shapes, config):
    """Elements are numbered over all tensors, in the order of their names."""
    at, header, data = 0, {}, []
    for name in sorted(shapes):
        n = math.prod(shapes[name])
        header[name] = {"dtype": "F32", "shape": shapes[name], "data_offsets": [4 * at, 4 * (at + n)]}
        data.append(array("f", range(at, at + n)).tobytes())
        at += n
    text = json.dumps(header).encode()
    path.mkdir()
    (path / "model.safetensors").write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data))
    (path / "config.json").write_text(json.dumps(config))


def digests(path):
    out = {}
    for file in path.glob("*.safetensors"):
        raw = file.read_bytes()
        size = struct.unpack("<Q", raw[:8])[0]
        for name, t in json.loads(raw[8 : 8 + size]).items():
            if name != "__metadata__":
                a, b = t["data_offsets"]
                out[name] = hashlib.sha256(raw[8 + size + a : 8 + size + b]).hexdigest()[:16]
    return out


def convert(program, rules, source, to, target):
    """The answer of one conversion: names and digests, and the config; or None."""
    back = "hf" if to == "lit" else "lit"
    done = run(program, "convert", "--no-sync", "--quiet", "--format", "safetensors", "--rules", rules,
               "--from", back, "--to", to, source, target)
    if done.returncode != 0:
        return None
    config = (target / ("config.json" if to == "hf" else "model_config.yaml")).read_text()
    return digests(target), config


def config_differs(x, y):
    return x and sorted(set(x[1].split("\n")) ^ set(y[1].split("\n")))


class Fixture:
    """One small model, what the true rules make of it, and what litgpt did."""

    def __init__(self, program, work, name):
        self.program, self.name, self.jobs = program, name, []
        self.given = json.loads((HERE / f"{name}.json").read_text())
        self.work = work / name
        self.work.mkdir()
        config, shapes = self.given["config"], self.given["shapes"]
        self.rules = work / "rules" / f"{self.given['family']}.rules"
        there = self.add("lit", config, shapes)
        assert there is not None, f"{name} cannot be converted"
        assert self.given["lit"] in (None, there[0]), f"{name} does not come out as litgpt has it"
        bare = {k: v for k, v in config.items() if k not in self.given["left_out"]}
        less = self.add("lit", bare, shapes)
        assert less == there, f"{name}: the rules' defaults are not those of transformers: {config_differs(less, there)}"
        self.add("lit", bare, {k: v for k, v in shapes.items() if k not in self.given["head"]})
        for change, want in self.given["variants"]:
            have = self.add("lit", {k: v for k, v in {**config, **change}.items() if v is not None}, shapes)
            assert (have is None) == (want is None), f"{name}: {change}"
            for field, is_now in (want or {}).items():
                assert f"\n{field}: {is_now}\n" in have[1], f"{name}: {change}: {have[1]}"
        lit = self.work / "0-to"
        (lit / "config.json").unlink()  # so that all of it has to come from the rules
        back = self.back(self.rules, self.work / "back")
        assert back is not None, f"{name} cannot be converted back"
        self.jobs.append((lit, "hf", back))
        if self.given["lit_left_out"]:
            less = shutil.copytree(lit, self.work / "less")
            lines = (less / "model_config.yaml").read_text().split("\n")
            kept = [x for x in lines if x.split(":")[0] not in self.given["lit_left_out"]]
            (less / "model_config.yaml").write_text("\n".join(kept))
            made = convert(program, self.rules, less, "hf", self.work / "less-back")
            assert made == back, f"{name}: without {self.given['lit_left_out']} it is another model"
            self.jobs.append((less, "hf", back))

    def add(self, to, config, shapes):
        k = len(self.jobs)
        source = self.work / f"{k}-from"
        write_model(source, shapes, config)
        made = convert(self.program, self.rules, source, to, self.work / f"{k}-to")
        self.jobs.append((source, to, made))
        return made

    def back(self, rules, target):
        return convert(self.program, rules, self.work / "0-to", "hf", target)

    def catches(self, rules, work):
        where = Path(tempfile.mkdtemp(dir=work))
        try:
            return any(convert(self.program, rules, source, to, where / str(k)) != made
                       for k, (source, to, made) in enumerate(self.jobs))
        finally:
            shutil.rmtree(where)


# ---- one rule file -----------------------------------------------------------------


def check(program, files):
    """Which of the files does `check` accept?"""
    done = run(program, "check", "--json", "--quiet", *files)
    return {x["path"] for x in json.loads(done.stdout) if x["ok"]}


def draw(found, each, rng):
    by_kind = {}
    for m in found:
        by_kind.setdefault(m[0], []).append(m)
    for kind in sorted(by_kind):
        some = by_kind[kind]
        yield from some if each is None else sorted(rng.sample(some, min(each, len(some))), key=lambda m: m[1])


def score_file(program, work, file, fixtures, equal, each, rng):
    """Counts of (made, by check, by fixtures, equal), and the mutants that nothing caught."""
    lines = file.read_text().split("\n")
    made = list(draw(list(mutants(file.read_text())), each, rng))
    paths = {}
    for k, (kind, n, text) in enumerate(made):
        path = work / "rules" / f"{file.stem}__{k}.rules"
        path.write_text(text)
        paths[str(path)] = (kind, n, text)
    passed = check(program, paths) if paths else set()
    counts, left = Counter(made=len(made), check=len(made) - len(passed)), []
    for path in sorted(passed, key=list(paths).index):
        kind, n, text = paths[path]
        if any(f.catches(path, work) for f in fixtures):
            counts["fixtures"] += 1
        elif {f"{who} {kind} {lines[n - 1].strip()}" for who in (file.stem, "*")} & equal:
            counts["equal"] += 1
        else:
            left.append((file, kind, n, lines[n - 1].strip(), text))
    for path in paths:
        Path(path).unlink()
    return counts, left


def changed(old, new):
    return [x.strip() for x in new.split("\n") if x not in old.split("\n")] or ["(left out)"]


def try_fixture(program, work, name):
    try:
        return Fixture(program, work, name)
    except AssertionError as e:
        return str(e)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program", type=Path)
    p.add_argument("files", nargs="*", type=Path)
    p.add_argument("--each", type=int, default=4)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--at-least", type=float, default=100, metavar="PERCENT")
    p.add_argument("--all", action="store_true")
    a = p.parse_args()
    equal = {x.split(" # ")[0].strip() for x in (HERE / "equal.txt").read_text().split("\n") if " # " in x}
    with tempfile.TemporaryDirectory() as tmp:
        work = Path(tmp)
        shutil.copytree(RULES, work / "rules")
        with ThreadPoolExecutor(2) as pool:
            fixtures = list(pool.map(lambda f: try_fixture(a.program.resolve(), work, f.stem), sorted(HERE.glob("*.json"))))
            wrong = [f for f in fixtures if isinstance(f, str)]
            if wrong:
                sys.exit("\n".join(wrong))

            def score(file):
                own = [f for f in fixtures if f.given["family"] == file.stem]
                rng = random.Random(f"{a.seed} {file.stem}")
                return score_file(a.program.resolve(), work, file, own, equal, None if a.all else a.each, rng)

            families = {f.given["family"] for f in fixtures}
            files = a.files or [f for f in sorted(RULES.glob("*.rules")) if f.stem in families]
            results = list(pool.map(score, files))
    total, left = Counter(), []
    print(f"seed {a.seed}, {'all mutants' if a.all else f'at most {a.each} of a kind'}")
    print(f"{'rule file':<20}{'mutants':>8}{'check':>8}{'fixtures':>9}{'equal':>7}{'missed':>8}")
    for file, (counts, missed) in zip(files, results):
        print(f"{file.stem:<20}{counts['made']:>8}{counts['check']:>8}{counts['fixtures']:>9}{counts['equal']:>7}{len(missed):>8}")
        total += counts
        left += missed
    real = total["made"] - total["equal"]
    print(f"caught: {real - len(left)} of {real}, {100 * (real - len(left)) / max(real, 1):.1f} %")
    for file, kind, n, line, text in left:
        print(f"missed: rules/{file.name}:{n}: {kind}: {line}\n    -> {'; '.join(changed(file.read_text(), text))}")
    return 0 if real > 0 and 100 * (real - len(left)) >= a.at_least * real else 1


sys.exit(main())
