"""How many wrong rule files are caught? Mutants of every rule file, against its tests.

    python3 tests/mutation/run.py build/retensor [--draw N] [--seed S] [--all] [--at-least PERCENT] [FILE...]

Caught by `check`: the proof, the file's own tests, the probe. What passes there is given the
small models and adapters that another converter has answered (*.json here, made by make_*.py):
names, shapes, every element, both configs and what is said of refused ones must come out, in
both directions. Text that families share is tried by the families that use it. Without --all at
most N mutants of each file are drawn, each of another kind. Printed: the share that is caught,
and all that are not. A mutant that nothing catches is the same mapping in other words only if
same.py can show it; those are listed too. The program is asked by way of build/tests/answer, which has
the embedded rules loaded.
"""

import argparse
import json
import random
import re
import shutil
import sys
import tempfile
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from asking import SCRATCH, Asked
from merges import open_fixture
from models import HERE, RULES
from mutants import mutants
from same import changed_fields, touches, understood, witness


def users(name):
    """The file and all that use or include it, the nearest first."""
    text = {f.stem: f.read_text() for f in RULES.glob("*.rules")}
    found = [name]
    for at in found:
        mentions = re.compile(rf'(?m)^(use {re.escape(at)}\b|include "{re.escape(at)}\.rules")')
        found += [x for x in sorted(text) if mentions.search(text[x]) and x not in found]
    return found


def check(program, rules, names):
    """How these files of a folder are understood, or None: they are not accepted."""
    said = program("check", "--verbose", *(rules / f"{x}.rules" for x in names))
    return understood(said.stdout) if said.returncode == 0 else None


def draw(found, n, rng):
    """All, or n of different kinds."""
    by_kind = {}
    for m in found:
        by_kind.setdefault(m[0], []).append(m)
    if n is None:
        return found
    return [rng.choice(by_kind[kind]) for kind in rng.sample(sorted(by_kind), min(n, len(by_kind)))]


def catches(where, fixtures, fields):
    """Does some model come out otherwise? Those that are about the changed fields are tried first, then those that told
    most mutants apart."""
    tried = [(n, j) for f in fixtures for n, j in enumerate(f.jobs)]
    for _, job in sorted(tried, key=lambda x: (not touches(x[1], fields), -x[1].wrong, x[0])):
        if job.run(where / "rules", where / "out") != job.made():
            job.wrong += 1
            return True
        shutil.rmtree(where / "out", ignore_errors=True)
    return False


def copied(where, file, text):
    """All rules as they are but for one file."""
    (where / "rules").mkdir()
    for x in RULES.glob("*.rules"):
        if x.name != file.name:
            (where / "rules" / x.name).symlink_to(x)
    (where / "rules" / file.name).write_text(text)
    return where / "rules"


class Scored:
    """One rule file: who judges its mutants, and what became of each."""

    def __init__(self, program, file, fixtures):
        known = {f.given["family"] for f in fixtures}
        self.file, self.true = file, file.read_text()
        self.judges = [file.stem] if file.stem in known else \
            [x for x in users(file.stem) if x in known or x == file.stem and is_file_of_its_own(file)]
        self.fixtures = [f for f in fixtures if f.given["family"] in self.judges]
        self.program, self.means = program, check(program, RULES, self.judges)

    def fate(self, work, text):
        """What a mutant comes to: (check, fixtures, equal or missed, what tells a missed one apart)."""
        with tempfile.TemporaryDirectory(dir=work) as tmp:
            rules = copied(Path(tmp), self.file, text)
            means = check(self.program, rules, self.judges)
            if means is None:
                return "check", None
            touched = [f for f in self.fixtures if means[f.given["family"]] != self.means[f.given["family"]]]
            if means == self.means:
                return "equal", None
            if catches(Path(tmp), touched, changed_fields(self.true, text)):
                return "fixtures", None
            apart = witness(touched, self.file, rules / self.file.name, Path(tmp))
            return ("missed" if apart else "equal"), apart

    def show(self, fates):
        """fates: of each mutant (kind, line, text)."""
        counts = Counter(what for _, (what, _) in fates)
        caught = counts["check"] + counts["fixtures"]
        print(f"{self.file.stem:<20}{len(fates):>8}{counts['check']:>8}{counts['fixtures']:>9}{counts['equal']:>7}{counts['missed']:>8}"
              f"{percent(caught, len(fates) - counts['equal']):>7.1f} %", flush=True)
        for (kind, n, text), (what, apart) in fates:
            if what in ("equal", "missed"):
                print(f"{what}: rules/{self.file.name}:{n}: {kind}: {self.true.splitlines()[n - 1].strip()}\n"
                      f"    -> {'; '.join(changed(self.true, text))}" + f"\n    told apart by {apart}" * (apart is not None), flush=True)
        return counts


def is_file_of_its_own(file):
    return re.search(r"(?m)^(family|merge) ", file.read_text()) is not None


def changed(old, new):
    return [x.strip() for x in new.split("\n") if x not in old.split("\n")] or ["(left out)"]


def percent(part, whole):
    return 100 * part / whole if whole else 100.0


def complaint(job):
    try:
        job.made()
    except AssertionError as e:
        return str(e)


def main():
    p = argparse.ArgumentParser()
    p.add_argument("program", type=Path)
    p.add_argument("files", nargs="*", type=Path)
    p.add_argument("--draw", type=int, default=1)
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--at-least", type=float, default=100, metavar="PERCENT")
    p.add_argument("--all", action="store_true")
    a = p.parse_intermixed_args()
    with tempfile.TemporaryDirectory(dir=SCRATCH) as tmp, ThreadPoolExecutor(2) as pool:
        work, program = Path(tmp), Asked(a.program.resolve(), tmp)
        (work / "rules").symlink_to(RULES)
        families = {x.stem: json.loads(x.read_text())["family"] for x in sorted(HERE.glob("*.json"))}
        files = a.files or sorted(f for f in RULES.glob("*.rules") if a.all or f.stem in families.values())
        judged = {x for f in files for x in ([f.stem] if f.stem in families.values() else users(f.stem))}
        fixtures = [open_fixture(program, work, name) for name, family in families.items() if family in judged]
        first = [j for f in fixtures for j in (f.jobs if a.all else f.jobs[:1])]
        if wrong := [x for x in pool.map(complaint, first) if x]:
            sys.exit("\n".join(wrong))
        print(f"seed {a.seed}, {'all mutants' if a.all else f'at most {a.draw} of a file'}")
        print(f"{'rule file':<20}{'mutants':>8}{'check':>8}{'fixtures':>9}{'equal':>7}{'missed':>8}{'score':>9}")
        scored, total = [], Counter()
        for file in files:
            one, rng = Scored(program, file.resolve(), fixtures), random.Random(f"{a.seed} {file.stem}")
            drawn = draw(list(mutants(one.true)), None if a.all else a.draw, rng)
            scored.append((one, [(m, pool.submit(one.fate, work, m[2])) for m in drawn]))
        for one, fates in scored:
            total += one.show([(m, fate.result()) for m, fate in fates])
    caught = total["check"] + total["fixtures"]
    real = caught + total["missed"]
    print(f"caught: {caught} of {real}, {percent(caught, real):.1f} %; {total['equal']} more are the same mapping")
    return 0 if real > 0 and 100 * caught >= a.at_least * real else 1


sys.exit(main())
