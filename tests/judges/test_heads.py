"""Heads: trained apart, equal to the embedding, or not stored, for every family with a rule that ties them.

Bytes only; what the models compute is judged in test_convert.py.
"""

import json

import pytest
import torch
from safetensors.torch import load_file, save_file

from make_tiny import CASES, hf_json, hf_state, lit_state, same
from program import convert, run

HEAD, EMBED = "lm_head.weight", "transformer.wte.weight"
# the embedding and the head of a Hugging Face model
NAMES = {"gpt_neox": ("gpt_neox.embed_in.weight", "embed_out.weight"),
         "falcon": ("transformer.word_embeddings.weight", HEAD)}
# one case of each family; the head of phi has a bias and is never tied
FAMILIES = {c.family: name for name, c in reversed(CASES.items()) if c.family != "phi"}


def names(family):
    return NAMES.get(family, ("model.embed_tokens.weight", HEAD))


@pytest.fixture(scope="module")
def source(models, tmp_path_factory):
    """source(family, tied, head): a Hugging Face directory; its config says `tied`, its head is none, equal or trained."""
    def make(family, tied, head):
        model = models(FAMILIES[family])
        path = tmp_path_factory.mktemp(f"{family}-{head}")
        tensors, (embed, lm_head) = hf_state(model), names(family)
        tensors.pop(lm_head, None)
        if head != "none":
            tensors[lm_head] = tensors[embed] + (0 if head == "equal" else 1)
        save_file({k: v.contiguous().clone() for k, v in tensors.items()}, path / "model.safetensors")
        (path / "config.json").write_text(json.dumps({**hf_json(model), "tie_word_embeddings": tied}))
        return path
    return make


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_that_is_not_stored_is_the_embedding(family, source, tmp_path):
    hf = source(family, True, "none")
    lit = convert(hf, tmp_path / "lit", "lit")
    state = lit_state(lit)
    assert torch.equal(state[HEAD], state[EMBED]) and state[HEAD].data_ptr() == state[EMBED].data_ptr()
    back = convert(lit, tmp_path / "hf", "hf")
    same(hf_state(back), hf_state(hf))
    assert hf_json(back)["tie_word_embeddings"] is True
    torch_file = convert(lit, tmp_path / "bin", "hf", "--format", "torch")
    same(torch.load(torch_file / "pytorch_model.bin", weights_only=True), hf_state(hf))
    # without the published config: equal bytes say that they are tied
    (lit / "config.json").unlink()
    made = convert(lit, tmp_path / "made", "hf")
    same(hf_state(made), hf_state(hf))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_that_is_not_stored_and_not_tied_is_missing(family, source, tmp_path):
    said = run("convert", "--to", "lit", source(family, False, "none"), tmp_path / "lit", expect=4).stderr
    assert names(family)[1] in said and "tie_word_embeddings" in said
    assert not (tmp_path / "lit" / "lit_model.pth").exists()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_head_that_was_trained_apart_is_kept_and_said(family, source, tmp_path):
    lit = convert(source(family, True, "none"), tmp_path / "lit", "lit")
    state = {k: v.clone() for k, v in lit_state(lit).items()}
    state[HEAD] += 1
    torch.save(state, lit / "lit_model.pth")
    done = run("convert", "--to", "hf", "--no-sync", lit, tmp_path / "hf")
    embed, head = names(family)
    assert f"{head} differs from {embed}: kept, the config says untied" in done.stdout + done.stderr
    assert hf_json(tmp_path / "hf")["tie_word_embeddings"] is False
    theirs = hf_state(tmp_path / "hf")
    assert torch.equal(theirs[head], state[HEAD]) and torch.equal(theirs[embed], state[EMBED])


@pytest.mark.parametrize("family", FAMILIES)
def test_an_equal_head_that_was_stored_stays_stored(family, source, tmp_path):
    hf = source(family, True, "equal")
    back = convert(convert(hf, tmp_path / "lit", "lit"), tmp_path / "hf", "hf")
    same(hf_state(back), load_file(hf / "model.safetensors"))


@pytest.mark.parametrize("family", FAMILIES)
def test_an_untied_head_stays_whatever_it_holds(family, source, tmp_path):
    for head in ("equal", "trained"):
        hf = source(family, False, head)
        back = convert(convert(hf, tmp_path / f"{head}-lit", "lit"), tmp_path / head, "hf")
        same(hf_state(back), load_file(hf / "model.safetensors"))
        assert hf_json(back)["tie_word_embeddings"] is False
