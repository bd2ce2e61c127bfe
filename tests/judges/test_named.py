"""Every model that Lit-GPT knows by name, of today's table and of the tutorials'.

Each is converted with sizes of its own for every free axis, and its config at true size. What
comes out is compared with layouts.py, which shares no code with the program, and with litgpt.
"""

import dataclasses
import json
from pathlib import Path

import pytest
import torch
import yaml
from litgpt.config import Config, configs
from safetensors.torch import save_file

import layouts
from make_tiny import hf_state, lit_state, same
from program import convert, run

ROWS = json.loads((Path(__file__).parents[2] / "rules" / "models.json").read_text())
TODAY = {c["name"]: Config(**c) for c in configs}
TUTORIAL = {r["name"]: r["fields"] for r in ROWS if r["layout"] == "lit-legacy"}
FIELDS = [f.name for f in dataclasses.fields(Config)]


def of_tutorial(fields):
    """A row of the tutorials as litgpt's Config of today."""
    fields = dict(fields)
    norm, mlp = fields.pop("_norm_class"), fields.pop("_mlp_class")
    return Config(**fields, norm_class_name=norm, mlp_class_name=mlp)


def as_tutorial(c):
    """The other way, for sizes that are not in the table."""
    known = next(iter(TUTORIAL.values()))
    fields = {k: getattr(c, k) for k in known if hasattr(c, k)}
    return {**fields, "_norm_class": c.norm_class_name, "_mlp_class": c.mlp_class_name}


def small(c):
    """The same config with little sizes, each of its own, where the model leaves the choice."""
    groups = 1 if c.n_query_groups == 1 else 6 if c.n_query_groups == c.n_head else 2
    of_heads = layouts.family_of(c) in ("falcon", "gpt_neox", "phi") or c.norm_class_name == "LayerNorm"
    sizes = dict(n_layer=3, n_head=6, n_query_groups=groups, head_size=5, n_embd=30 if of_heads else 31,
                 intermediate_size=29, padded_vocab_size=37, vocab_size=37)
    if c.n_expert:
        sizes.update(n_expert=7, n_expert_per_token=2)
    if c.moe_intermediate_size:
        sizes.update(moe_intermediate_size=23)
    for name in ("sliding_window_indices", "rope_indices"):
        if getattr(c, name):
            sizes[name] = getattr(c, name)[:3]
    return Config(**{**{k: getattr(c, k) for k in FIELDS}, **sizes})


def write_lit(path, c, tensors):
    path.mkdir()
    torch.save(tensors, path / "lit_model.pth")
    (path / "model_config.yaml").write_text(yaml.dump({k: getattr(c, k) for k in FIELDS}))
    return path


def write_hf(path, c, tensors):
    path.mkdir()
    save_file({k: v.contiguous() for k, v in tensors.items()}, path / "model.safetensors")
    (path / "config.json").write_text(json.dumps(layouts.hf_config(c)))
    return path


def write_legacy(path, c, tensors):
    path.mkdir()
    torch.save(tensors, path / "lit_model.pth")
    (path / "lit_config.json").write_text(json.dumps(as_tutorial(c)))
    return path


@pytest.mark.parametrize("name", TODAY)
def test_tensors(name, tmp_path):
    c = small(TODAY[name])
    tensors = layouts.lit_tensors(c)
    theirs, legacy = layouts.to_hf(c, tensors), layouts.to_legacy(c, tensors)
    lit = write_lit(tmp_path / "lit", c, tensors)
    hf = convert(lit, tmp_path / "to-hf", "hf")
    same(hf_state(hf), theirs)
    made = json.loads((hf / "config.json").read_text())
    told = layouts.hf_config(c)
    assert not {k: (v, told[k]) for k, v in made.items() if k in told and v != told[k] and k not in TYPED}
    source = write_hf(tmp_path / "hf", c, theirs)
    same(lit_state(convert(source, tmp_path / "to-lit", "lit")), tensors)
    same(lit_state(convert(source, tmp_path / "to-legacy", "lit-legacy")), legacy)
    same(hf_state(convert(tmp_path / "to-legacy", tmp_path / "from-legacy", "hf")), theirs)


# config.json says these in several ways that mean the same
TYPED = {"model_type", "rope_scaling", "hidden_act", "multi_query", "sliding_window"}


@pytest.mark.parametrize("name", TUTORIAL)
def test_tensors_of_the_tutorials(name, tmp_path):
    c = small(of_tutorial(TUTORIAL[name]))
    tensors = layouts.lit_tensors(c)
    theirs, legacy = layouts.to_hf(c, tensors), layouts.to_legacy(c, tensors)
    old = write_legacy(tmp_path / "old", c, legacy)
    hf = convert(old, tmp_path / "to-hf", "hf")
    same(hf_state(hf), theirs)
    again = convert(hf, tmp_path / "back", "lit-legacy")
    same(lit_state(again), legacy)
    assert json.loads((again / "lit_config.json").read_text()) == as_tutorial(c)


def told(c, name, to, tmp_path):
    """The config that an audit says the conversion of the model at its true size would write."""
    path = tmp_path / name
    path.mkdir()
    shapes = {k: torch.empty(s, device="meta") for k, s in layouts.lit_shapes(c).items()}
    index = {k: "model-00001-of-00001.safetensors" for k in layouts.to_hf(c, shapes)}
    (path / "config.json").write_text(json.dumps(layouts.hf_config(c)))
    (path / "model.safetensors.index.json").write_text(json.dumps({"metadata": {}, "weight_map": index}))
    report = json.loads(run("audit", "--to", to, "--json", path).stdout)
    assert report["steps"][0]["rules"].replace("-", "_") == layouts.family_of(c)
    return {f["field"]: f["value"] for f in report["steps"][-1]["config"]}


def differences(ours, theirs):
    return {k: (ours.get(k), v) for k, v in theirs.items() if ours.get(k) != v}


@pytest.mark.parametrize("name", TODAY)
def test_config(name, tmp_path):
    c = TODAY[name]
    record = told(c, c.hf_config["name"], "lit", tmp_path)
    ours = Config(**record)
    assert not differences(ours.__dict__, c.__dict__)


@pytest.mark.parametrize("name", TUTORIAL)
def test_config_of_the_tutorials(name, tmp_path):
    theirs = TUTORIAL[name]
    record = told(of_tutorial(theirs), theirs["hf_config"]["name"], "lit-legacy", tmp_path)
    assert not differences(record, theirs)
    assert set(record) == set(theirs)
