"""Small models and adapters, what is made of them, and what is known of that."""

import hashlib
import json
import math
import pickle
import re
import shutil
import struct
import zipfile
from array import array
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from threading import RLock

HERE = Path(__file__).parent
RULES = HERE.parents[1] / "rules"
CONFIGS = {"lit": ["model_config.yaml"], "lit-legacy": ["lit_config.json", "model_config.yaml"], "lora-lit": ["hyperparameters.yaml"],
           "lora-peft": ["adapter_config.json"], "lora-mlx": ["adapter_config.json"],
           "lora-torchtune": ["adapter_config.json", "torchtune_config.yaml"], "meta": ["params.json"]}
NUMBERED = {"meta"}  # layouts of numbered files, which have a format of their own
NULL = "null"  # a field that is there and null; None: one that is not there


def numbered(shapes):
    """Elements are numbered over all tensors, in the order of their names."""
    at, out = 0, {}
    for name in sorted(shapes):
        n = math.prod(shapes[name])
        out[name] = array("f", range(at, at + n))
        at += n
    return out


def write_tensors(path, shapes, values):
    """Floats, or codes of floats of 8 bits."""
    at, header = 0, {}
    for name in sorted(shapes):
        n = values[name].itemsize * len(values[name])
        header[name] = {"dtype": {"f": "F32", "B": "F8_E4M3"}[values[name].typecode], "shape": shapes[name], "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(values[x].tobytes() for x in sorted(shapes)))


def read_tensors(path):
    """name -> bytes"""
    raw, out = path.read_bytes(), {}
    size = struct.unpack("<Q", raw[:8])[0]
    for name, t in json.loads(raw[8 : 8 + size]).items():
        if name != "__metadata__":
            a, b = t["data_offsets"]
            out[name] = raw[8 + size + a : 8 + size + b]
    return out


class Storages(pickle.Unpickler):
    """Of what torch.save wrote: for every tensor the name of its storage. Nothing of torch is called."""

    def find_class(self, module, name):
        return dict if name == "OrderedDict" else lambda *args: args[0]

    def persistent_load(self, pid):
        return pid[2]


def read_numbered(path):
    """name -> bytes of one numbered file of whole tensors, named as rules have it: by its number."""
    with zipfile.ZipFile(path) as z:
        top = next(x for x in z.namelist() if x.endswith("/data.pkl")).removesuffix("data.pkl")
        with z.open(f"{top}data.pkl") as f:
            return {f"{path.stem.split('.')[-1]}/{k}": z.read(f"{top}data/{v}") for k, v in Storages(f).load().items()}


def config_at(where, layout):
    """The config file of a layout; one of several names is there, or the first is to be written."""
    found = [where / name for name in CONFIGS.get(layout, ["config.json"])]
    return next((x for x in found if x.exists()), found[0])


def yaml(value):
    """On one line; YAML 1.1 has a point in every float."""
    return re.sub(r"(?<![\d.])(-?\d+)e", r"\1.0e", json.dumps(value)) if isinstance(value, float) else json.dumps(value)


def add_tensors(path, shapes):
    raw = path.read_bytes()
    size = struct.unpack("<Q", raw[:8])[0]
    known = {k: t["shape"] for k, t in json.loads(raw[8 : 8 + size]).items() if k != "__metadata__"}
    values = {k: array("f", v) for k, v in read_tensors(path).items()}
    write_tensors(path, {**known, **shapes}, {**values, **numbered(shapes)})


def write_config(path, config):
    if path.suffix == ".yaml":
        path.write_text("".join(f"{k}: {yaml(v)}\n" for k, v in config.items()))
    else:
        path.write_text(json.dumps(config))


def set_fields(path, change):
    """Change fields of a config in place, `a.b` is field b of a."""
    if path.suffix == ".yaml":
        text = path.read_text()
        for field, value in change.items():
            text = re.sub(rf"(?m)^{field}:.*\n(?:[- ].*\n)*", "", text)
            if value is not None:
                text += f"{field}: {yaml(None if value == NULL else value)}\n"
        path.write_text(text)
        return
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


@dataclass(frozen=True)
class Answer:
    """What came of one job: digests of the tensors and the config, or what was said against it; and what was warned of
    or told to be lost."""

    tensors: dict
    config: str
    refusal: tuple
    warned: tuple

    def result(self):
        return self.tensors, self.config, self.refusal

    def says(self, field, value):
        """Does the config that was written have this value of a field?"""
        if not self.config.startswith("{"):
            shown = "null" if value == NULL else yaml(value).strip('"')
            lines = [x.strip() for x in self.config.split("\n")]
            return not any(x.startswith(f"{field}:") for x in lines) if value is None else f"{field}: {shown}" in lines
        at = json.loads(self.config)
        for name in field.split("."):
            if name not in at:
                return value is None
            at = at[name]
        return value is not None and at == (None if value == NULL else value) and type(at) in (type(value), type(None))


class Job:
    """A command on small models. What the true rules make of them is made, and held against what is known,
    when it is first asked for."""

    def __init__(self, fixture, command, layouts, writes, prepare, check, change=()):
        self.fixture, self.command, self.writes = fixture, command, writes
        self.layouts = layouts  # side: layout
        self.prepare = prepare  # makes the sources in a folder; gives side: directory, in the command's order
        self.check = check  # complains about a wrong answer
        self.change = change  # fields in which it differs from the full model
        self.work = fixture.work / str(len(fixture.jobs))
        self.wrong = 0  # how many mutants made something else
        self.probed = {}  # answers with one field changed (same.py)
        self.lock, self.places, self.answer = RLock(), None, None
        fixture.jobs.append(self)

    def sources(self):
        with self.lock:
            if self.places is None:
                self.work.mkdir()
                self.places = self.prepare(self.work)
            return self.places

    def made(self):
        self.sources()
        with self.lock:
            if self.answer is None:
                self.answer = self.run(self.fixture.rules.parent, self.work / "to")
                self.check(self.answer)
            return self.answer

    def run(self, rules, target, places=None):
        places = {**(places or self.sources())}
        if "adapter" in places:  # a directory would be searched for the names that its writers use
            places["adapter"] /= "adapter_model.safetensors"
        form = [] if self.writes in NUMBERED else ["--format", "safetensors"]
        done = self.fixture.program(self.command[0], "--no-sync", "--json", *form, "--rules",
                                    rules / self.fixture.rules.name, *self.command[1:], *places.values(), target)
        said = [json.loads(x) for x in done.stderr.splitlines() if x.startswith("{")]
        errors, warned = (tuple((x["slug"], x["message"]) for x in said if x["severity"] == which) for which in ("error", "warning"))
        if done.returncode == 0:
            lost = tuple(("lossy", json.dumps(x)) for step in json.loads(done.stdout).get("steps", []) for x in step.get("lossy", []))
            return Answer(digests(target), config_at(target, self.writes).read_text(), (), warned + lost)
        return Answer({}, "", errors, warned)

    def changed(self, side, changes, where):
        """(change, places, text of the config) of a copy of its sources, with fields of one config changed."""
        place = side if side in self.sources() else next(iter(self.sources()))  # or it is carried along
        shutil.copytree(self.sources()[place], where)
        config = config_at(where, self.layouts[side])
        text, asked = config.read_text(), set()
        for change in changes:
            config.write_text(text)
            set_fields(config, change)
            now = config.read_text()
            if now not in asked:
                asked.add(now)
                yield change, {**self.sources(), place: where}, now
        shutil.rmtree(where)


def digests(path):
    """Of what was set aside too."""
    out = {k: hashlib.sha256(v).hexdigest()[:16] for file in path.glob("*.pth") for k, v in read_numbered(file).items()}
    for file in path.glob("*.safetensors"):
        aside = "aside: " if file.name.startswith("retensor-kept") else ""
        out.update({aside + k: hashlib.sha256(v).hexdigest()[:16] for k, v in read_tensors(file).items()})
    return out


def config_differs(x, y):
    return x.refusal or sorted(set(x.config.split("\n")) ^ set(y.config.split("\n")))


def expect(what, have, want):
    """want: fields of the config that comes out, or words of the refusal, or its slug."""
    if isinstance(want, str):
        assert any(want == slug or want in m for slug, m in have.refusal), f"{what}: not refused with '{want}': {have.refusal}"
        return
    assert not have.refusal, f"{what}: {have.refusal}"
    for field, value in want.items():
        assert have.says(field, value), f"{what}: not {field} = {value}: {have.config}"


class AnyFixture:
    """What a file of fixtures gives, and where its jobs work; make() lists them."""

    def __init__(self, program, work, name):
        self.program, self.name, self.jobs = program, name, []
        self.given = json.loads((HERE / f"{name}.json").read_text())
        self.rules = work / "rules" / f"{self.given['family']}.rules"
        self.work = work / name
        self.work.mkdir()
        self.make()

    def expect(self, what, answer, want):
        expect(f"{self.name}: {what}", answer, want)


class Fixture(AnyFixture):
    """One small model, and what another converter did with it."""

    def make(self):
        given = self.given
        self.sides = given["sides"]
        config, shapes = given["config"], given["shapes"]
        bare = {k: v for k, v in config.items() if k not in given["left_out"]}
        headless = {k: v for k, v in shapes.items() if k not in given["head"]}
        self.full = self.there(config, shapes, {}, self.as_the_other)
        self.back_to = self.back({}, lambda a: self.expect("back", a, given.get("back_config", {})))
        bare_there = self.there(bare, shapes, {}, self.like(self.full, f"the rules' defaults are not those of {self.sides[0]}"))
        self.carried = [self.back_with(bare_there, bare)] if self.own_names() else []
        self.headless = self.there(bare, headless, {}, lambda answer: None)
        if given.get("buffers"):
            self.there(config, shapes, {}, self.like(self.full, "what is left out changes it"), given["buffers"])
        for name in given.get("lacking", []):
            self.there(config, {k: v for k, v in shapes.items() if k != name}, {}, partial(self.expect, f"without {name}", want="missing"))
        for change, want in given["variants"]:
            self.there(config, shapes, change, partial(self.expect, change, want=want))
        if given.get("back_buffers"):
            self.back({}, self.like(self.back_to, "back: what is left out changes it"), given["back_buffers"])
        for change, want in given["back_variants"]:
            self.back(change, partial(self.expect, f"back: {change}", want=want))
        for field, default in given.get("back_alike", {}).items():
            said = self.back({field: default}, lambda answer: None)
            self.back({field: None}, self.like(said, f"back: {field} left out is not {default}"))
        if given["back_left_out"]:
            less = dict.fromkeys(given["back_left_out"])
            self.back(less, self.like(self.back_to, f"back: without {given['back_left_out']} it is another model"))

    def models(self):
        """The model with a full config, the one without its heads, and what became of the first."""
        return [self.full, *[self.headless] * bool(self.given["head"]), self.back_to, *self.carried]

    def own_names(self):
        """Is a JSON config of our side carried along beside theirs?"""
        ours, theirs = (CONFIGS.get(x, ["config.json"])[0] for x in self.sides)
        return ours != theirs and ours.endswith(".json")

    def as_the_other(self, answer):
        assert answer.tensors, f"{self.name} cannot be converted: {answer.refusal}"
        made = {k: v for k, v in answer.tensors.items() if not k.startswith("aside: ")}
        assert self.given["there"] in (None, made), f"{self.name} does not come out as the other converter has it"
        self.expect("there", answer, self.given.get("there_config", {}))

    def like(self, job, complaint):
        def check(answer):
            one = job.made()
            assert answer.result() == one.result(), f"{self.name}: {complaint}: {one.refusal} {config_differs(answer, one)}"
        return check

    def there(self, config, shapes, change, check, buffers={}):
        def prepare(work):
            source = work / "from"
            source.mkdir()
            write_tensors(source / "model.safetensors", {**shapes, **buffers}, {**numbered(shapes), **numbered(buffers)})
            write_config(config_at(source, self.sides[0]), config)
            set_fields(config_at(source, self.sides[0]), change)
            return {self.sides[0]: source}

        return self.job(*self.sides, prepare, check, change)

    def back(self, change, check, buffers={}):
        """From what became of the full model; fields that are None are left out."""
        ours, theirs = self.sides

        def prepare(work):
            self.full.made()
            shutil.copytree(self.full.work / "to", work / "from")
            if config_at(work / "from", ours) != config_at(work / "from", theirs):
                config_at(work / "from", ours).unlink(missing_ok=True)  # so that all of it has to come from the rules
            set_fields(config_at(work / "from", theirs), change)
            if buffers:
                add_tensors(work / "from" / "model.safetensors", buffers)
            return {theirs: work / "from"}

        return self.job(theirs, ours, prepare, check, change)

    def back_with(self, there, config):
        """From what became of a model, with the config that was carried along, which comes back as it was."""
        ours, theirs = self.sides

        def prepare(work):
            there.made()
            return {theirs: there.work / "to"}

        def check(answer):
            assert not answer.refusal and json.loads(answer.config) == config, f"{self.name}: the config that was carried does not come back: {answer.config}"

        job = self.job(theirs, ours, prepare, check, {})
        job.layouts[ours] = ours
        return job

    def job(self, a, b, prepare, check, change):
        return Job(self, ["convert", "--from", a, "--to", b, *self.given.get("options", {}).get(b, [])], {a: a}, b, prepare, check, change)
