"""How many wrong rule files are caught? Mutants of every rule file, against its tests.

    python3 tests/mutation/run.py build/retensor [--each N] [--seed S] [--all] [--at-least PERCENT] [FILE...]

Caught by `check`: the proof, the file's own tests, the probe. What passes there is given the
small models that another converter has answered (*.json here, make_fixtures.py): names,
shapes, every element, both configs and what is said of refused ones must come out, in both
directions. Without --all at most N mutants of each kind of each file are drawn. Printed: the
share that is caught, and all that are not. A mutant that nothing catches is the same mapping
in other words only if same.py can show it.
"""

import argparse
import json
import random
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from models import HERE, Fixture, convert, run
from mutants import mutants
from same import witness

RULES = HERE.parents[1] / "rules"


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


def catches(program, work, jobs, rules):
    """Does some model come out otherwise? Those that told most mutants apart are tried first."""
    where = Path(tempfile.mkdtemp(dir=work))
    try:
        for k, job in enumerate(sorted(jobs, key=lambda j: -j.wrong)):
            if convert(program, rules, job.source, job.sides, where / str(k)) != job.made:
                job.wrong += 1
                return True
        return False
    finally:
        shutil.rmtree(where)


def score_file(program, work, file, fixtures, each, rng):
    """Counts of (made, by check, by fixtures, equal), and the mutants that nothing caught."""
    jobs = [j for f in fixtures for j in f.jobs]
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
        if catches(program, work, jobs, path):
            counts["fixtures"] += 1
            continue
        apart = witness(program, fixtures, work / "rules" / file.name, Path(path), work)
        if apart:
            left.append((file, kind, n, lines[n - 1].strip(), text, apart))
        else:
            counts["equal"] += 1
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
    a = p.parse_intermixed_args()
    with tempfile.TemporaryDirectory() as tmp:
        work = Path(tmp)
        shutil.copytree(RULES, work / "rules")
        with ThreadPoolExecutor(2) as pool:
            names = {x.stem: json.loads(x.read_text())["family"] for x in sorted(HERE.glob("*.json"))}
            files = a.files or [f for f in sorted(RULES.glob("*.rules")) if f.stem in names.values()]
            wanted = [n for n, family in names.items() if family in {f.stem for f in files}]
            fixtures = list(pool.map(lambda n: try_fixture(a.program.resolve(), work, n), wanted))
            wrong = [f for f in fixtures if isinstance(f, str)]
            if wrong:
                sys.exit("\n".join(wrong))

            def score(file):
                own = [f for f in fixtures if f.given["family"] == file.stem]
                rng = random.Random(f"{a.seed} {file.stem}")
                return score_file(a.program.resolve(), work, file, own, None if a.all else a.each, rng)

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
    for file, kind, n, line, text, apart in left:
        print(f"missed: rules/{file.name}:{n}: {kind}: {line}\n    -> {'; '.join(changed(file.read_text(), text))}\n    told apart by {apart}")
    return 0 if real > 0 and 100 * (real - len(left)) >= a.at_least * real else 1


sys.exit(main())
