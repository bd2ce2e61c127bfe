"""JSON and YAML as Python's json and PyYAML read and write them, on random values and
on the configurations that litgpt knows.  `reprint` (tests/tools) reads one form and
prints another.

The program is looked for in the build directory: the one of RETENSOR, else `build`.
"""

import dataclasses
import json
import math
import os
import pathlib
import random
import string
import struct
import subprocess

import pytest

yaml = pytest.importorskip("yaml")

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RETENSOR", ROOT / "build" / "retensor")).parent

WORDS = [
    "", "true", "Yes", "off", "null", "~", "1", "-1", "0x1f", "010", "1_000", "1.5", ".5",
    "1e5", "1e-05", "1.0e-05", ".inf", ".nan", "1:30", "2024-01-31", "<<", "=", "- a", "-",
    "a: b", "a:", ":a", "a #b", "#b", "it's", "'q'", '"q"', "{a}", "[a]", "a, b", "&a",
    "*a", "!a", "%a", "@a", "`a", "|", ">", "?", "? a", " lead", "trail ", "a\nb", "a\n",
    "\n", "a\tb", "é", "\u20ac", "\U0001f600", "\x7f", "\x01", "\\", "---", "...", "y", "n",
    "word " * 30, "x" * 200, "a  b", "two\n\nlines", "/path/to/file", "C:\\x",
]


@pytest.fixture(scope="session")
def reprint():
    for path in BUILD.rglob("reprint"):
        if path.is_file() and os.access(path, os.X_OK):
            def run(text, source, target, check=True):
                done = subprocess.run(
                    [path, source, target], input=text.encode(), capture_output=True
                )
                assert not check or done.returncode == 0, (text, done.stderr)
                return done.stdout.decode() if done.returncode == 0 else None
            return run
    pytest.skip("reprint is not built")


def random_text(rng):
    if rng.random() < 0.6:
        return rng.choice(WORDS)
    letters = string.ascii_letters + string.digits + " _-.:#,'\"{}[]/"
    return "".join(rng.choice(letters) for _ in range(rng.randrange(1, 40)))


def random_key(rng):
    """PyYAML writes keys that are empty, long or of several lines as `? key`."""
    return random_text(rng).replace("\n", "")[:60] or "key"


def random_float(rng):
    if rng.random() < 0.5:
        return rng.choice([0.0, -0.0, 1.0, 1e-5, 1e16, 1e22, 0.1, 10000.0, 1e-4, 5e-324])
    x = struct.unpack("<d", rng.randbytes(8))[0]
    return x if math.isfinite(x) else 1.5


def random_value(rng, depth=0):
    kind = rng.randrange(9 if depth < 4 else 6)
    if kind == 0:
        return None
    if kind == 1:
        return rng.random() < 0.5
    if kind == 2:
        return rng.choice([0, 1, -1, 10**18, rng.randrange(-(2**63), 2**63), 10**30])
    if kind == 3:
        return random_float(rng)
    if kind in (4, 5):
        return random_text(rng)
    n = rng.randrange(0, 5)
    if kind == 6:
        return [random_value(rng, depth + 1) for _ in range(n)]
    return {random_key(rng): random_value(rng, depth + 1) for _ in range(n)}


def random_record(seed):
    rng = random.Random(seed)
    return {random_key(rng): random_value(rng) for _ in range(rng.randrange(1, 8))}


@pytest.mark.parametrize("seed", range(150))
def test_random_values(reprint, seed):
    value = random_record(seed)
    as_json = json.dumps(value, indent=2) + "\n"
    as_yaml = yaml.dump(value)
    assert reprint(as_json, "json", "json") == as_json
    assert reprint(as_json, "json", "compact") == json.dumps(value)
    assert reprint(as_json, "json", "yaml") == as_yaml
    assert reprint(as_yaml, "yaml", "yaml") == as_yaml
    sorted_json = json.dumps(value, indent=2, sort_keys=True) + "\n"
    assert reprint(as_yaml, "yaml", "json") == sorted_json


def test_plain_scalars(reprint):
    """The type of every short plain scalar over the characters that numbers are made of."""
    rng = random.Random(7)
    texts = {"".join(rng.choice("0179+-._:eExbinfaINF~") for _ in range(rng.randrange(1, 7)))
             for _ in range(4000)}
    rows = {}
    for text in sorted(texts):
        document = f"v: {text}"
        try:
            rows[text] = yaml.safe_load(document)["v"]
        except (yaml.YAMLError, ValueError):
            continue  # not plain, or numerals that Python cannot convert ("0x_", "._")
        if not isinstance(rows[text], (str, int, float, bool, type(None))):
            del rows[text]
    document = "".join(f"- {text}\n" for text in rows)
    got = json.loads(reprint(document, "yaml", "json"))
    assert len(got) > 1000
    for text, mine, theirs in zip(rows, got, rows.values()):
        same = mine == theirs or (mine != mine and theirs != theirs)
        assert same and type(mine) is type(theirs), (text, mine, theirs)


def test_model_configs(reprint):
    config = pytest.importorskip("litgpt.config")
    for entry in config.configs:
        text = yaml.dump(dataclasses.asdict(config.Config(**entry)))
        assert reprint(text, "yaml", "yaml") == text
        assert json.loads(reprint(text, "yaml", "json")) == yaml.safe_load(text)


@pytest.mark.parametrize("text", ["", "{", "[1,]", "{'a': 1}", "[01]", "nul", '"\\x"', "1 2",
                                  '["a\tb"]', "[1.]", "[+1]", "[.5]", "]", "{,}", "[1]]"])
def test_refused_like_python(reprint, text):
    with pytest.raises(json.JSONDecodeError):
        json.loads(text)
    assert reprint(text, "json", "json", check=False) is None
