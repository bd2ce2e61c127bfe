"""Small models with weights of 8-bit floats, and what is their product with their scales."""

import math
from array import array
from functools import partial

from models import AnyFixture, Job, numbered, set_fields, write_config, write_tensors


def codes(shape):
    """Of floats of 8 bits, no NaN among them, both signs by turns."""
    return array("B", (37 * k % 127 | k % 2 << 7 for k in range(math.prod(shape))))


def scales(shape):
    """Eighths, whose products with 8-bit floats are exact in f32."""
    return array("f", ((5 * k % 13 + 1) / 8 for k in range(math.prod(shape))))


def values(shapes, coded, scaling):
    """name -> numbers: codes, scales, or the plain numbers of what stays as it is."""
    return {**numbered(shapes), **{k: codes(shapes[k]) for k in coded}, **{k: scales(shapes[k]) for k in scaling}}


class ScaledFixture(AnyFixture):
    """One model, made plain."""

    def make(self):
        self.first = self.plain({}, self.as_the_other)
        for change, want in self.given["variants"]:
            self.plain(change, partial(self.expect, change, want=want))

    def models(self):
        return [self.first]

    def as_the_other(self, answer):
        assert not answer.refusal, f"{self.name} cannot be made plain: {answer.refusal}"
        assert answer.tensors == self.given["there"], f"{self.name} does not come out as torch has it"
        self.expect("plain", answer, self.given["there_config"])

    def plain(self, change, check):
        given = self.given
        a, b = given["sides"]

        def prepare(work):
            source = work / "from"
            source.mkdir()
            write_tensors(source / "model.safetensors", given["shapes"], values(given["shapes"], given["coded"], given["scales"]))
            write_config(source / "config.json", given["config"])
            set_fields(source / "config.json", change)
            return {a: source}

        return Job(self, ["convert", "--dequantize", "--dtype", "float32", "--from", a, "--to", b], {a: a}, b, prepare, check, change)
