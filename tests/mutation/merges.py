"""Small adapters and their bases, and what the reference that made them merges."""

import json
import math
import re
from array import array
from functools import partial

from models import HERE, AnyFixture, Fixture, Job, config_at, numbered, read_tensors, set_fields, write_config, write_tensors
from scaled import ScaledFixture

CLOSE = 2e-6  # of the largest element: what one rounding of each step in f32 may leave


def factors(shapes):
    """Small eighths, so that sums of products are exact in any order; magnitudes and copies are as good as any."""
    at, out = 0, {}
    for name in sorted(shapes):
        n = math.prod(shapes[name])
        out[name] = array("f", ((37 * k % 33 - 16) / 8 for k in range(at, at + n)))
        at += n
    return out


class MergeFixture(AnyFixture):
    """One adapter on one base. What is not said to change must keep its bytes."""

    @property
    def layouts(self):
        return {side: self.given[side]["layout"] for side in ("base", "adapter")}

    def make(self):
        self.first = self.merge({}, self.as_the_other)
        for variant in self.given["variants"]:
            self.merge(variant, self.checked(variant))

    def models(self):
        return [self.first]

    def checked(self, variant):
        if "want" in variant:
            return partial(self.expect, variant, want=variant["want"])

        def check(answer):
            one = self.first.made()
            assert answer.tensors == one.tensors, f"{self.name}: {variant}: not the same: {answer.refusal}"
        return check

    def as_the_other(self, answer):
        assert not answer.refusal, f"{self.name} cannot be merged: {answer.refusal}"
        before = numbered(self.given["base"]["shapes"])
        same_numbers(self.name, self.first.work / "to", {**before, **self.given["merged"]})

    def write(self, work, side, variant):
        where, given = work / side, self.given[side]
        where.mkdir()
        values = (numbered if side == "base" else factors)(given["shapes"])
        renamed = {self.renamed(name, variant.get(f"rename {side}", [])): name for name in given["shapes"]}
        more = variant.get(f"add {side}", {})
        file = "model.safetensors" if side == "base" else "adapter_model.safetensors"
        write_tensors(where / file, {**{new: given["shapes"][old] for new, old in renamed.items()}, **more},
                      {**{new: values[old] for new, old in renamed.items()}, **factors(more)})
        config = config_at(where, self.layouts[side])
        write_config(config, variant.get(f"config of {side}", given["config"]))
        set_fields(config, variant.get(side, {}))
        return where

    @staticmethod
    def renamed(name, rules):
        for pattern, new in rules:
            name = re.sub(pattern, new, name)
        return name

    def sources(self, variant, work):
        return {side: self.write(work, side, variant) for side in ("base", "adapter")}

    def merge(self, variant, check):
        return Job(self, ["merge"], self.layouts, self.layouts["base"], partial(self.sources, variant), check,
                   {**variant.get("base", {}), **variant.get("adapter", {})})


class WrittenFixture(MergeFixture):
    """An adapter as another layout has it, written by the file and read by another."""

    def make(self):
        command = ["adapter", "--rules", self.given["rules"], "--to", self.given["to"], "--base"]
        self.first = Job(self, command, self.layouts, self.given["to"], partial(self.sources, {}), self.as_the_other)

    def as_the_other(self, answer):
        assert not answer.refusal, f"{self.name} cannot be written: {answer.refusal}"
        same_numbers(self.name, self.first.work / "to", self.given["written"])
        self.expect("written", answer, self.given["told"])


def same_numbers(name, where, wanted):
    """Whole numbers of the base and sums of eighths are equal, what is divided and rooted is close."""
    have = {k: array("f", v) for file in where.glob("*.safetensors") for k, v in read_tensors(file).items()}
    assert sorted(have) == sorted(wanted), f"{name}: other names: {sorted(set(have) ^ set(wanted))}"
    for tensor, want in wanted.items():
        bound = CLOSE * max(map(abs, want))
        assert len(have[tensor]) == len(want) and all(abs(x - y) <= bound for x, y in zip(have[tensor], want)), \
            f"{name}: {tensor} is not what the other makes: {list(have[tensor])[:8]} {list(want)[:8]}"


def open_fixture(program, work, name):
    given = json.loads((HERE / f"{name}.json").read_text())
    kind = MergeFixture if "merged" in given else WrittenFixture if "written" in given else ScaledFixture if "scales" in given else Fixture
    return kind(program, work, name)
