"""config.json of every model that Lit-GPT knows by name, with an original beside the weights and without.

Each model is made in Lit-GPT's layout, of little sizes, and converted straight to Hugging Face's. An original comes back as
it was; what is made without one is compared with it as transformers reads both, in all fields. layouts.py has the original.
"""

import dataclasses
import json

import pytest
import torch
import yaml
from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

import layouts
from make_tiny import filled, hf_json, hf_state, same
from program import convert, run
from test_named import TODAY, TUTORIAL, as_tutorial, of_tutorial, small

# Lit-GPT's config does not say them, and no tensor tells.
UNSAID = {"bos_token_id", "eos_token_id", "pad_token_id", "use_cache"}
# Fields that one model class of a family has and another has not, where they change nothing.
INERT = {"attention_bias": False, "mlp_bias": False, "rope_scaling": None, "sliding_window": None}


def written(path, tensors, name, text):
    path.mkdir()
    torch.save(tensors, path / "lit_model.pth")
    (path / name).write_text(text)
    return path


def expected(c):
    """The config of layouts.py with one way of saying what has several, and without what the family's class does not read."""
    out = layouts.hf_config(c)
    family = layouts.family_of(c)
    if out["model_type"] == "mistral" and out["sliding_window"] is None:
        out["model_type"] = "llama"  # without a window both classes compute the same
    if family == "falcon" and out["new_decoder_architecture"]:
        out["num_ln_in_parallel_attn"] = 2
    if family == "gemma":
        del out["hidden_activation"]
        out["hidden_act"] = {"none": "gelu", "tanh": "gelu_pytorch_tanh"}[c.gelu_approximate]
    if family == "phi3":  # published is one less than what litgpt's table has
        out["sliding_window"] = c.sliding_window_size
    if family in ("gemma2", "gemma3"):
        del out["hidden_act"]
    if out["rope_scaling"]:
        out["rope_scaling"] = {{"type": "rope_type"}.get(k, k): v for k, v in out["rope_scaling"].items()}
    return {**out, "architectures": [MODEL_FOR_CAUSAL_LM_MAPPING_NAMES[out["model_type"]]]}


def judge(c, origin, path):
    """The model at `path` becomes what layouts.py makes of c: tensors and config."""
    report = json.loads(run("convert", "--json", "--no-sync", "--to", "hf", path, path / "hf").stdout)
    assert report["from"] == origin
    assert {s["rules"].replace("-", "_") for s in report["steps"]} - {"lit_legacy"} == {layouts.family_of(c)}
    same(hf_state(path / "hf"), layouts.to_hf(c, layouts.lit_tensors(c)))
    original = {**expected(c), "bos_token_id": 3, "use_cache": False, "torch_dtype": "float16"}  # as layouts.py makes them
    (path / "config.json").write_text(json.dumps(original))
    assert hf_json(convert(path, path / "again", "hf")) == hf_json(path)
    made, theirs = filled(path / "hf"), filled(path)
    if layouts.hf_config(c).get("sliding_window") != original.get("sliding_window"):
        published = {**original, "sliding_window": layouts.hf_config(c)["sliding_window"]}
        (path / "config.json").write_text(json.dumps(published))
        assert hf_json(convert(path, path / "kept", "hf")) == published
        (path / "config.json").write_text(json.dumps(original))
    assert not {k: (made.get(k), v) for k, v in theirs.items() if k not in UNSAID and made.get(k, "absent") != v}
    assert {k: made[k] for k in made.keys() - theirs.keys()}.items() <= INERT.items()


@pytest.mark.parametrize("name", TODAY)
def test_of_today(name, tmp_path):
    c = small(TODAY[name])
    judge(c, "lit", written(tmp_path / "lit", layouts.lit_tensors(c), "model_config.yaml",
                            yaml.dump(dataclasses.asdict(c))))


@pytest.mark.parametrize("name", TUTORIAL)
def test_of_the_tutorials(name, tmp_path):
    c = small(of_tutorial(TUTORIAL[name]))
    judge(c, "lit-legacy", written(tmp_path / "lit", layouts.to_legacy(c, layouts.lit_tensors(c)), "lit_config.json",
                                   json.dumps(as_tutorial(c))))
