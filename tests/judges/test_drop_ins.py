"""The commands in place of scripts: the same files at the same places as litgpt's own write, and directories that
transformers opens."""

import shutil

import pytest
import torch
import transformers
from litgpt.scripts.convert_hf_checkpoint import convert_hf_checkpoint
from litgpt.scripts.convert_lit_checkpoint import convert_lit_checkpoint
from litgpt.scripts.convert_pretrained_checkpoint import convert_pretrained_checkpoint

from make_tiny import CASES, hf_state, lit_state, same
from program import run


def names(path):
    return {p.name for p in path.iterdir()}


@pytest.fixture(params=["llama-gqa", "olmo"], ids=["untied", "tied"])
def name(request):
    """A model; of a tied one, head and embedding share a storage of lit_model.pth."""
    return request.param


@pytest.fixture
def two(name, models, tmp_path):
    """The same model twice: for litgpt's script and for the program."""
    for path in ("theirs", "ours"):
        shutil.copytree(models(name), tmp_path / path)
    return tmp_path / "theirs", tmp_path / "ours"


@pytest.mark.parametrize("dtype", [None, "bfloat16"])
def test_convert_to_litgpt(name, two, dtype):
    theirs, ours = two
    convert_hf_checkpoint(theirs, model_name=CASES[name].lit_name, dtype=dtype)
    more = [] if dtype is None else ["--dtype", dtype]
    for _ in range(2):  # again over its own output, as the script
        run("convert_to_litgpt", ours, *more)
        assert names(ours) == names(theirs)
        same(lit_state(ours), lit_state(theirs))


def test_convert_from_litgpt(name, two, tmp_path):
    _, ours = two
    run("convert_to_litgpt", ours)
    (tmp_path / "script").mkdir()
    convert_lit_checkpoint(ours, tmp_path / "script")
    run("convert_from_litgpt", ours, tmp_path / "program")
    assert names(tmp_path / "script") <= names(tmp_path / "program")
    got, want = (torch.load(tmp_path / d / "model.pth", weights_only=True) for d in ("program", "script"))
    if name == "olmo":  # a tied head is the embedding again, and stands in no published file
        assert torch.equal(want.pop("lm_head.weight"), want["model.embed_tokens.weight"])
    same(got, want)


def opens(path, source):
    model = transformers.AutoModelForCausalLM.from_pretrained(path)
    original = hf_state(source)
    same({k: v for k, v in model.state_dict().items() if k in original}, original)


def test_what_is_written_for_hugging_face_opens(two, tmp_path):
    _, ours = two
    run("convert_hf_checkpoint", "--checkpoint_dir", ours)
    tutorial = tmp_path / "tutorial"
    run("convert_lit_checkpoint", "--checkpoint_path", ours / "lit_model.pth", "--config_path", ours / "lit_config.json",
        "--output_path", tutorial / "converted.pth")
    opens(tutorial, ours)
    run("convert_from_litgpt", ours, tmp_path / "today")
    opens(tmp_path / "today", ours)


def test_what_stands_there_is_kept(two, tmp_path):
    theirs, ours = two
    run("convert_hf_checkpoint", "--checkpoint_dir", ours)
    before = {p.name: p.read_bytes() for p in theirs.iterdir()}
    (theirs / "config.json").write_text('{"mine": 1}')
    said = run("convert_lit_checkpoint", "--checkpoint_path", ours / "lit_model.pth", "--config_path",
               ours / "lit_config.json", "--output_path", theirs / "converted.pth").stderr
    assert "config-kept" in said and (theirs / "config.json").read_text() == '{"mine": 1}'
    for name, data in before.items():
        assert name == "config.json" or (theirs / name).read_bytes() == data
    assert "pytorch_model.bin.index.json" not in names(theirs)


def test_convert_pretrained_checkpoint(two, tmp_path):
    _, ours = two
    run("convert_to_litgpt", ours)
    state = {f"_orig_mod.{k}": v.clone() for k, v in lit_state(ours).items()}
    torch.save({"model": state, "step": 3}, ours / "lit_model.pth")
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (ours / name).write_text("{}")
    convert_pretrained_checkpoint(ours, tmp_path / "script")
    run("convert_pretrained_checkpoint", ours, tmp_path / "program")
    assert names(tmp_path / "script") <= names(tmp_path / "program")
    same(lit_state(tmp_path / "program"), lit_state(tmp_path / "script"))
