"""Where the program is, and no network for the libraries that judge it."""

import os
import sys
from pathlib import Path

import pytest

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TRANSFORMERS_OFFLINE"] = "1"
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
sys.path.insert(0, str(Path(__file__).parent))


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """models(name) is the directory of a tiny model of make_tiny.CASES, made once."""
    import make_tiny

    made = {}

    def get(name):
        if name not in made:
            made[name] = tmp_path_factory.mktemp("models") / name
            make_tiny.CASES[name].save(made[name])
        return made[name]

    return get
