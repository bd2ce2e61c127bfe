"""litgpt's own converters, held in memory: which of its functions a model gets, its name decides, as for a user."""

from contextlib import ExitStack, contextmanager
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import patch

import torch
from litgpt.model import GPT
from litgpt.scripts import convert_hf_checkpoint as from_hf
from litgpt.scripts import convert_lit_checkpoint as from_lit


@contextmanager
def in_memory(module, **instead):
    """A script of litgpt with some of its functions replaced; yields a dict that gets what it saves."""
    saved = {}
    nothing = SimpleNamespace(collect=lambda: None)
    saver = SimpleNamespace(store_early=lambda tensor: tensor, save=saved.update)

    @contextmanager
    def incremental_save(path):
        yield saver

    with ExitStack() as stack:
        for name, value in {**instead, "incremental_save": incremental_save, "gc": nothing}.items():
            stack.enter_context(patch.object(module, name, value))
        yield saved


def to_lit(c, path, name):
    """What `litgpt convert_to_litgpt path --model_name name` saves, were c the config of that name."""
    config = SimpleNamespace(from_name=lambda _: c)
    with in_memory(from_hf, Config=config, save_config=lambda *_: None) as saved:
        from_hf.convert_hf_checkpoint(Path(path), model_name=name, debug_mode=True)
    return saved


def to_hf(c, tensors):
    """What `litgpt convert_from_litgpt` saves of a model of config c."""
    config = SimpleNamespace(from_file=lambda _: c)
    with in_memory(from_lit, Config=config, lazy_load=lambda _: dict(tensors)) as saved:
        from_lit.convert_lit_checkpoint(Path("/"), Path("/"))
    return saved


def from_legacy(c, tensors):
    """The tensors of litgpt's model after it has loaded those of its older layout."""
    with torch.device("meta"):
        model = GPT(c)
    model.load_state_dict(dict(tensors), strict=True, assign=True)
    return model.state_dict()
