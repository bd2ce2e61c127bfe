"""Runs in transformers 5: loads models and notes what it makes of each.

    python transformers5.py NOTES.pt MODEL... [--save FOLDER]

For each MODEL (a directory) NOTES.pt gets (logits, config as a dict), or the error as a text. With --save the model
is written again, to FOLDER/new/NAME as it is by default and to FOLDER/stacked/NAME as it is in memory.
"""

import argparse
from pathlib import Path

import torch
import transformers

TOKENS = torch.arange(1, 41).reshape(2, 20)


def load(path):
    config = transformers.AutoConfig.from_pretrained(path)
    has_vision = hasattr(config, "vision_config")
    auto = transformers.AutoModelForImageTextToText if has_vision else transformers.AutoModelForCausalLM
    return auto.from_pretrained(path, dtype="auto", attn_implementation="eager").eval()


def judge(path, save):
    model = load(path)
    if save:
        model.save_pretrained(save / "new" / path.name)
        model.save_pretrained(save / "stacked" / path.name, save_original_format=False)
    config = model.config.to_dict()
    with torch.no_grad():
        return model.float()(TOKENS).logits, config


def noted(path, save):
    try:
        return judge(path, save)
    except Exception as e:  # of one model: the others are judged all the same
        return f"{type(e).__name__}: {e}"


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("notes")
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--save", type=Path)
    a = parser.parse_args()
    assert transformers.__version__.startswith("5."), transformers.__version__
    torch.save({m.name: noted(m, a.save) for m in a.models}, a.notes)
