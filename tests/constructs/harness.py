"""A construct of the rule language, judged by data: a checkpoint is written, converted there
and back by the program, and compared value by value with what the case says."""

import json
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from tensors import read, write


@dataclass
class Case:
    name: str
    rules: str  # the text of a rule file between the layouts `a` and `b`
    a: dict  # tensors in layout a
    b: dict  # tensors in layout b
    config_a: dict = None
    config_b: dict = None  # what config.json of layout b must hold at least
    back: object = "same"  # tensors of the way back, or its files; "same": those of a; None: none
    config_back: dict = None  # None: config_a
    start: str = "a"  # "b": convert b -> a -> b instead
    options: tuple = ()
    more: dict = field(default_factory=dict)  # further rule files: name -> text
    kept: dict = None  # tensors of the side-car
    says: str = None  # a text that the conversion says on stderr
    fails: str = None  # the slug of the error on the way there; nothing is compared
    fails_back: str = None  # ... on the way back
    files: dict = field(default_factory=dict)  # layout -> its files by name, where the rules name them
    config_name: dict = field(default_factory=dict)  # layout -> the name of its config, if it is another one
    chain: tuple = ()  # (a further rule file, its layout): a -> b -> that layout in one run


def fail(case, text):
    raise AssertionError(f"{case.name}: {text}")


def run(program, *args):
    return subprocess.run([program, *map(str, args)], capture_output=True, text=True)


def same_tensors(case, got, want, where):
    if list(sorted(got)) != list(sorted(want)):
        fail(case, f"{where}: names are {sorted(got)}, expected {sorted(want)}")
    for name, t in want.items():
        if got[name] != t:
            fail(case, f"{where}: {name} is {got[name]}, expected {t}")


def check_config(case, path, want, where):
    if want is None:
        return
    got = json.loads(path.read_text())
    for key, value in want.items():
        if key not in got or got[key] != value or type(got[key]) is not type(value):
            fail(case, f"{where}: config field {key} is {got.get(key, 'absent')!r}, expected {value!r}")


def by_file(case, layout, tensors):
    return case.files.get(layout, {"model.safetensors": tensors})


def put(case, folder, layout, tensors, config):
    folder.mkdir()
    for name, some in by_file(case, layout, tensors).items():
        write(folder / name, some)
    if config is not None:
        (folder / case.config_name.get(layout, "config.json")).write_text(json.dumps(config))


def load(case, folder, layout):
    """All tensors, each under the name of its file."""
    names = sorted(p.name for p in folder.glob("*.safetensors") if not p.name.startswith("retensor-kept"))
    return {f"{name}: {key}": t for name in names for key, t in read(folder / name).items()}


def flat(files):
    return {f"{name}: {key}": t for name, some in files.items() for key, t in some.items()}


def convert(case, program, rules, source, target, to, other, slug):
    chain = ("--rules", rules.parent / case.chain[0]) if case.chain else ()
    named = () if case.files else ("--format", "safetensors")
    done = run(program, "convert", "--rules", rules, *chain, "--from", other, "--to", to, *named,
               "--no-sync", "--color", "never", *case.options, source, target)
    if slug is not None:
        if done.returncode == 0 or f"[{slug}]" not in done.stderr:
            fail(case, f"{other} -> {to} should fail with {slug}:\n{done.stderr}")
        return None
    if done.returncode != 0:
        fail(case, f"{other} -> {to}: exit {done.returncode}\n{done.stderr}{done.stdout}")
    if case.says is not None and to != case.start and case.says not in done.stderr:
        fail(case, f"nothing says '{case.says}':\n{done.stderr}")
    return load(case, target, to)


def check(case, program):
    """There and back."""
    there, back = ("b", "a") if case.start == "a" else ("a", "b")
    there = case.chain[1] if case.chain else there
    first = case.a if case.start == "a" else case.b
    second = case.b if case.start == "a" else case.a
    first_config = case.config_a if case.start == "a" else case.config_b
    second_config = case.config_b if case.start == "a" else case.config_a
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        rules = folder / "case.rules"
        rules.write_text(case.rules)
        for name, text in case.more.items():
            (folder / name).write_text(text)
        done = run(program, "check", rules)
        if done.returncode != 0:
            fail(case, f"check: {done.stderr}{done.stdout}")
        source = folder / "source"
        put(case, source, back, first, first_config)
        got = convert(case, program, rules, source, folder / "there", there, back, case.fails)
        if case.fails is not None:
            return
        same_tensors(case, got, flat(by_file(case, there, second)), f"layout {there}")
        name = case.config_name.get(there, "config.json")
        check_config(case, folder / "there" / name, second_config, f"layout {there}")
        side_car = folder / "there" / "retensor-kept.safetensors"
        if case.kept is not None or side_car.exists():
            same_tensors(case, read(side_car) if side_car.exists() else {}, case.kept or {}, "side-car")
        if case.back is None:
            return
        got = convert(case, program, rules, folder / "there", folder / "back", back, there, case.fails_back)
        if case.fails_back is not None:
            return
        wanted = case.back if back in case.files else {"model.safetensors": case.back}
        wanted = by_file(case, back, first) if case.back == "same" else wanted
        same_tensors(case, got, flat(wanted), f"back in {back}")
        wanted = case.config_back if case.config_back is not None else first_config
        name = case.config_name.get(back, "config.json")
        check_config(case, folder / "back" / name, wanted, f"back in {back}")
