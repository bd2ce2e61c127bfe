"""What the makers of fixtures share."""

import hashlib
import json
import math
import sys
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "judges"))


def numbered(shapes):
    """Every element is its own number, counted over the tensors in the order of their names."""
    at, out = 0, {}
    for name in sorted(shapes):
        n = math.prod(shapes[name])
        out[name] = torch.arange(at, at + n, dtype=torch.float32).reshape(shapes[name])
        at += n
    assert at < 2**24  # or floats would skip numbers
    return out


def digest(t):
    return hashlib.sha256(t.contiguous().numpy().tobytes()).hexdigest()[:16]


def digests(state):
    return {k: digest(v.detach().float()) for k, v in sorted(state.items())}


def write(name, fixture):
    (HERE / f"{name}.json").write_text(json.dumps(fixture, separators=(",", ":"), sort_keys=True) + "\n")


def hf_json(config):
    """What config.json says, whole."""
    out = json.loads(config.to_json_string(use_diff=False))
    return {k: v for k, v in out.items() if k not in ("transformers_version", "_name_or_path")}
