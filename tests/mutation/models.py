"""Small models, their conversions, and what is known of them."""

import hashlib
import json
import math
import re
import shutil
import struct
import subprocess
from array import array
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).parent


def run(*args):
    return subprocess.run([str(a) for a in args], capture_output=True, text=True)


NULL = "null"  # a field that is there and null


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


def set_fields(model, change):
    """Change fields of the config in place, `a.b` is field b of a; None leaves a field out."""
    path = model / "model_config.yaml"
    if path.exists():
        text = path.read_text()
        for field, value in change.items():
            text = re.sub(rf"(?m)^{field}:.*\n(?:[- ].*\n)*", "", text)
            if value is not None:
                text += f"{field}: {json.dumps(None if value == NULL else value)}\n"
        path.write_text(text)
        return
    path = model / "config.json"
    config = json.loads(path.read_text())
    for field, value in change.items():
        *outer, last = field.split(".")
        at = config
        for name in outer:
            at[name] = at[name] if isinstance(at.get(name), dict) else {}
            at = at[name]
        at.pop(last, None)
        if value is not None:
            at[last] = None if value == NULL else value
    path.write_text(json.dumps(config))


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


@dataclass(frozen=True)
class Answer:
    """What came of one conversion: digests of the tensors and the config, or what was said against it."""

    tensors: dict
    config: str
    refusal: tuple


def convert(program, rules, source, sides, target):
    done = run(program, "convert", "--no-sync", "--quiet", "--json", "--format", "safetensors", "--rules", rules,
               "--from", sides[0], "--to", sides[1], source, target)
    if done.returncode == 0:
        config = "model_config.yaml" if sides[1].startswith("lit") else "config.json"
        return Answer(digests(target), (target / config).read_text(), ())
    said = [json.loads(x) for x in done.stderr.splitlines() if x.startswith("{")]
    return Answer({}, "", tuple((x["slug"], x["message"]) for x in said if x["severity"] == "error"))


@dataclass
class Job:
    """A model to convert, and what the true rules make of it."""

    source: Path
    sides: list
    made: Answer
    wrong: int = 0  # how many mutants made something else


def config_differs(x, y):
    return x.refusal or sorted(set(x.config.split("\n")) ^ set(y.config.split("\n")))


class Fixture:
    """One small model, what the true rules make of it, and what another converter did."""

    def __init__(self, program, work, name):
        self.program, self.name, self.jobs = program, name, []
        self.given = given = json.loads((HERE / f"{name}.json").read_text())
        self.work = work / name
        self.work.mkdir()
        self.sides = given["sides"]
        config, shapes = given["config"], given["shapes"]
        self.rules = work / "rules" / f"{given['family']}.rules"
        there = self.add(config, shapes)
        assert there.tensors, f"{name} cannot be converted: {there.refusal}"
        assert given["there"] in (None, there.tensors), f"{name} does not come out as the other converter has it"
        bare = {k: v for k, v in config.items() if k not in given["left_out"]}
        less = self.add(bare, shapes)
        assert less == there, f"{name}: the rules' defaults are not those of transformers: {config_differs(less, there)}"
        self.add(bare, {k: v for k, v in shapes.items() if k not in given["head"]})
        for change, want in given["variants"]:
            now = {k: v for k, v in {**config, **change}.items() if v is not None}
            have = self.add({k: None if v == NULL else v for k, v in now.items()}, shapes)
            self.expect(f"{name}: {change}", have, want)
        there = self.work / "0-to"
        if self.sides[1].startswith("lit"):
            (there / "config.json").unlink()  # so that all of it has to come from the rules
        back = self.answer(there)
        assert back.tensors, f"{name} cannot be converted back: {back.refusal}"
        for change, want in given["back_variants"]:
            self.expect(f"{name} back: {change}", self.answer(self.changed(there, change)), want)
        if given["back_left_out"]:
            less = self.answer(self.changed(there, dict.fromkeys(given["back_left_out"])))
            assert less == back, f"{name}: without {given['back_left_out']} it is another model"

    def models(self):
        """The model with a full config, the one without its heads, and what became of the first."""
        headless = [self.jobs[2]] if self.given["head"] else []
        return [self.jobs[0], *headless, next(j for j in self.jobs if j.sides != self.sides)]

    def expect(self, what, have, want):
        """want: fields of the config that comes out, or words of the refusal."""
        if isinstance(want, str):
            assert any(want in m for _, m in have.refusal), f"{what}: not refused with '{want}': {have.refusal}"
            return
        assert not have.refusal, f"{what}: {have.refusal}"
        for field, is_now in want.items():
            line = {f"{field}: {is_now}", f'"{field}": {is_now}'}
            assert line & {x.strip().rstrip(",") for x in have.config.split("\n")}, f"{what}: {have.config}"

    def add(self, config, shapes):
        source = self.work / f"{len(self.jobs)}-from"
        write_model(source, shapes, config)
        return self.answer(source, self.sides)

    def changed(self, there, change):
        """A copy of a model of the second side; fields that are None are left out."""
        source = self.work / f"{len(self.jobs)}-from"
        shutil.copytree(there, source)
        set_fields(source, change)
        return source

    def answer(self, source, sides=None):
        sides = sides or self.sides[::-1]
        made = convert(self.program, self.rules, source, sides, self.work / f"{len(self.jobs)}-to")
        self.jobs.append(Job(source, sides, made))
        return made
