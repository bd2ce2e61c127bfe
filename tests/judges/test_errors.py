"""What is wrong is said with names and numbers, and nothing is left behind."""

import json
import shutil

import pytest
import torch
from safetensors.torch import load_file, save_file

from make_tiny import hf_json
from program import RETENSOR, convert, run
from test_merge import make_adapter


@pytest.fixture
def source(models, tmp_path):
    """A copy of a model to be broken."""
    path = tmp_path / "source"
    shutil.copytree(models("llama-mha"), path)
    return path


def edit_config(path, **fields):
    (path / "config.json").write_text(json.dumps({**hf_json(path), **fields}))


def edit_tensors(path, change):
    state = load_file(path / "model.safetensors")
    change(state)
    save_file(state, path / "model.safetensors", {"format": "pt"})


def refused(source, tmp_path, *words, expect=4, to="lit"):
    """The conversion ends with this code, says these words and leaves no output."""
    out = tmp_path / "out"
    said = run("convert", "--to", to, source, out, expect=expect).stderr
    for word in words:
        assert word in said, (word, said)
    assert not out.exists() or not any(out.iterdir())
    assert not [p for p in tmp_path.iterdir() if ".partial" in p.name]
    return said


def test_a_wrong_number_of_heads(source, tmp_path):
    edit_config(source, num_attention_heads=8, num_key_value_heads=2, head_dim=8)
    refused(source, tmp_path, "q_proj", "32", "64")


def test_a_part_that_is_missing(source, tmp_path):
    edit_tensors(source, lambda s: s.pop("model.layers.1.self_attn.k_proj.weight"))
    refused(source, tmp_path, "model.layers.1.self_attn.k_proj.weight")


def test_a_layer_that_is_missing(source, tmp_path):
    edit_config(source, num_hidden_layers=3)
    refused(source, tmp_path, "model.layers.2", "3")


def test_a_tensor_that_nobody_knows(source, tmp_path):
    edit_tensors(source, lambda s: s.update({"model.layers.0.self_attn.rope_scale": torch.ones(3)}))
    refused(source, tmp_path, "model.layers.0.self_attn.rope_scale")


def test_a_bias_that_the_config_denies(source, tmp_path):
    edit_tensors(source, lambda s: s.update({"model.layers.0.self_attn.q_proj.bias": torch.ones(32)}))
    refused(source, tmp_path, "model.layers.0.self_attn.q_proj.bias")


def test_a_bias_that_the_config_promises(source, tmp_path):
    edit_config(source, attention_bias=True, mlp_bias=True)
    refused(source, tmp_path, "bias")


def test_a_head_that_is_neither_stored_nor_tied(source, tmp_path):
    edit_tensors(source, lambda s: s.pop("lm_head.weight"))
    refused(source, tmp_path, "lm_head.weight")


def test_sizes_that_contradict_the_config(source, tmp_path):
    edit_config(source, intermediate_size=47)
    refused(source, tmp_path, "intermediate_size", "47", "48")


def test_a_rope_kind_that_litgpt_lacks(source, tmp_path):
    edit_config(source, rope_scaling={"rope_type": "dynamic", "factor": 2.0})
    refused(source, tmp_path, "dynamic")


def test_a_file_cut_short(source, tmp_path):
    whole = (source / "model.safetensors").read_bytes()
    (source / "model.safetensors").write_bytes(whole[:-100])
    refused(source, tmp_path, "model.safetensors", expect=5)


def test_a_shard_that_is_not_there(models, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(models("llama-gqa"), source)
    gone = sorted(source.glob("model-*.safetensors"))[1]
    gone.unlink()
    refused(source, tmp_path, gone.name, expect=5)


def test_no_family(source, tmp_path):
    edit_config(source, model_type="unheard-of")
    said = refused(source, tmp_path, "unheard-of")
    assert "llama" in said


def test_an_unknown_layout_and_a_missing_source(source, tmp_path):
    refused(source, tmp_path, "litt", expect=2, to="litt")
    run("convert", "--to", "lit", tmp_path / "nothing", tmp_path / "out", expect=5)


def test_an_output_that_exists(source, tmp_path):
    out = tmp_path / "out"
    out.mkdir()
    (out / "precious").write_text("mine")
    said = run("convert", "--to", "lit", source, out, expect=5)
    assert "--force" in said.stderr
    assert [p.name for p in out.iterdir()] == ["precious"]
    run("convert", "--to", "lit", "--force", source, out)
    assert (out / "precious").exists() and (out / "lit_model.pth").exists()


def test_an_input_is_never_written(source, tmp_path):
    before = {p.name: p.read_bytes() for p in source.iterdir()}
    convert(source, tmp_path / "out", "lit")
    run("convert", "--to", "lit", source, source, expect=5)
    assert {p.name: p.read_bytes() for p in source.iterdir()} == before


@pytest.fixture
def lora(source, tmp_path):
    base = convert(source, tmp_path / "base", "lit")
    config, state = make_adapter(tmp_path / "lora", base, lora_query=True, lora_value=True)
    return base, tmp_path / "lora", state


def test_an_adapter_key_that_nothing_takes(lora, tmp_path):
    base, path, state = lora
    state["transformer.h.0.attn.other.lora_A"] = torch.ones(3, 32)
    torch.save({"model": state}, path / "lit_model.pth.lora")
    said = run("merge", base, path, tmp_path / "out", expect=4).stderr
    assert "transformer.h.0.attn.other.lora_A" in said and not (tmp_path / "out").exists()


def test_an_adapter_for_more_layers(lora, tmp_path):
    base, path, state = lora
    state["transformer.h.7.attn.qkv.lora_A"] = state["transformer.h.0.attn.qkv.lora_A"]
    state["transformer.h.7.attn.qkv.lora_B"] = state["transformer.h.0.attn.qkv.lora_B"]
    torch.save({"model": state}, path / "lit_model.pth.lora")
    said = run("merge", base, path, tmp_path / "out", expect=4).stderr
    assert "transformer.h.7" in said and not (tmp_path / "out").exists()


def test_a_rank_that_contradicts_the_factors(lora, tmp_path):
    base, path, _ = lora
    text = (path / "hyperparameters.yaml").read_text()
    (path / "hyperparameters.yaml").write_text(text.replace("lora_r: 3", "lora_r: 4"))
    said = run("merge", base, path, tmp_path / "out", expect=4).stderr
    assert "lora_r" in said and "4" in said and not (tmp_path / "out").exists()


def test_a_factor_without_its_other(lora, tmp_path):
    base, path, state = lora
    del state["transformer.h.1.attn.qkv.lora_B"]
    torch.save({"model": state}, path / "lit_model.pth.lora")
    said = run("merge", base, path, tmp_path / "out", expect=4).stderr
    assert "transformer.h.1.attn.qkv.lora_B" in said and not (tmp_path / "out").exists()
