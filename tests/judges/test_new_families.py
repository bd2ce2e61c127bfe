"""Layouts and families beyond litgpt's own converter, judged by definitions written out here."""

import json
import re
import shutil

import pytest
import safetensors.torch
import torch
import transformers
from litgpt.config import Config
from litgpt.model import GPT
from litgpt.scripts.convert_hf_checkpoint import copy_weights_gemma_3

from make_tiny import CASES, hf_json, hf_state, lit_state, same
from program import convert, run

TOKENS = torch.randint(1, 64, (2, 24), generator=torch.Generator().manual_seed(7))

EXPERTS = {  # name of an expert's projection in transformers 4: what it is
    "mixtral": {"w1": "gate", "w3": "up", "w2": "down"},
    "qwen3_moe": {"gate_proj": "gate", "up_proj": "up", "down_proj": "down"},
    "deepseek_v3": {"gate_proj": "gate", "up_proj": "up", "down_proj": "down"},
}


def stacked(name, state):
    """What transformers 5 stores: for each layer the experts' gates over their ups, and their downs."""
    out, layers = {}, {}
    for key, value in state.items():
        found = re.fullmatch(r"(model\.layers\.\d+)\.\w+\.experts\.(\d+)\.(\w+)\.weight", key)
        if found:
            layer, expert, projection = found.groups()
            layers.setdefault(layer, {})[int(expert), EXPERTS[name][projection]] = value
        else:
            out[key.replace(".block_sparse_moe.gate.", ".mlp.gate.")] = value
    assert layers
    for layer, part in layers.items():
        n = 1 + max(e for e, _ in part)
        both = [torch.cat([part[e, "gate"], part[e, "up"]]) for e in range(n)]
        out[layer + ".mlp.experts.gate_up_proj"] = torch.stack(both)
        out[layer + ".mlp.experts.down_proj"] = torch.stack([part[e, "down"] for e in range(n)])
    return out


@pytest.fixture(scope="module")
def hf5(models, tmp_path_factory):
    made = {}

    def get(name):
        if name not in made:
            made[name] = convert(models(name), tmp_path_factory.mktemp("hf5") / name, "hf5")
        return made[name]

    return get


@pytest.mark.parametrize("name", EXPERTS)
def test_experts_are_stacked(name, models, hf5):
    same(hf_state(hf5(name)), stacked(name, hf_state(models(name))))


@pytest.mark.parametrize("name", EXPERTS)
def test_stacked_experts_are_listed_again(name, models, hf5, tmp_path):
    back = convert(hf5(name), tmp_path / "hf", "hf")
    same(hf_state(back), hf_state(models(name)))
    loaded = transformers.AutoConfig.from_pretrained(back).to_dict()
    original = transformers.AutoConfig.from_pretrained(models(name)).to_dict()
    assert loaded == {"rope_scaling": None, **original, "_name_or_path": loaded["_name_or_path"]}
    transformers.AutoModelForCausalLM.from_pretrained(back)


@pytest.mark.parametrize("name", EXPERTS)
def test_stacked_and_lit_in_one_pass(name, models, hf5, tmp_path):
    direct = convert(models(name), tmp_path / "direct", "lit")
    lit = convert(hf5(name), tmp_path / "lit", "lit")
    same(lit_state(lit), lit_state(direct))
    assert Config.from_file(lit / "model_config.yaml") == Config.from_file(direct / "model_config.yaml")
    again = convert(lit, tmp_path / "again", "hf5")
    same(hf_state(again), hf_state(hf5(name)))
    done = run("plan", "--to", "hf5", lit)
    assert done.stdout.splitlines()[0].endswith(", exact")


def test_the_config_of_transformers_5(models, tmp_path):
    out = convert(models("llama-gqa"), tmp_path / "hf5", "hf5")
    same(hf_state(out), hf_state(models("llama-gqa")))
    config, old = hf_json(out), hf_json(models("llama-gqa"))
    assert config["rope_parameters"] == {**old["rope_scaling"], "rope_theta": old["rope_theta"]}
    assert "rope_theta" not in config and "rope_scaling" not in config and "torch_dtype" not in config


def test_yarn_is_said_in_both_configs(models, tmp_path):
    source = tmp_path / "yarn"
    shutil.copytree(models("deepseek_v3"), source)
    yarn = {"type": "yarn", "factor": 40, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 0.5,
            "original_max_position_embeddings": 4096}
    (source / "config.json").write_text(json.dumps({**hf_json(source), "rope_scaling": yarn}))
    lit = convert(source, tmp_path / "lit", "lit")
    expected = {"factor": 40, "beta_fast": 32, "beta_slow": 1, "mscale": 1.0, "mscale_all_dim": 0.5,
                "original_max_seq_len": 4096}
    assert Config.from_file(lit / "model_config.yaml").rope_adjustments == expected
    (lit / "config.json").unlink()
    back = hf_json(convert(lit, tmp_path / "hf", "hf"))["rope_scaling"]
    assert back == {("rope_type" if k == "type" else k): v for k, v in yarn.items()}


def test_layers_that_predict_further_tokens_are_said(models, tmp_path):
    from safetensors.torch import save_file

    source = tmp_path / "mtp"
    shutil.copytree(models("deepseek_v3"), source)
    state = hf_state(source)
    more = {"model.layers.3.eh_proj.weight": torch.ones(4, 8), "model.layers.3.mlp.gate.weight": torch.ones(8, 4)}
    save_file({**state, **more}, source / "model.safetensors", {"format": "pt"})
    done = run("audit", source)
    assert "predicts further tokens" in done.stdout and "dropped 2" in done.stdout
    lit = convert(source, tmp_path / "lit", "lit")
    same(lit_state(lit), lit_state(convert(models("deepseek_v3"), tmp_path / "plain", "lit")))


def test_experts_in_one_group_are_refused(models, tmp_path):
    source = tmp_path / "model"
    shutil.copytree(models("deepseek_v3"), source)
    (source / "config.json").write_text(json.dumps({**hf_json(source), "n_group": 1}))
    done = run("convert", "--to", "lit", source, tmp_path / "lit", expect=4)
    assert "softmax" in done.stderr and not (tmp_path / "lit").exists()


VISION = dict(
    text_config=dict(vocab_size=128, hidden_size=32, num_hidden_layers=3, num_attention_heads=8, num_key_value_heads=2,
                     head_dim=6, intermediate_size=48, max_position_embeddings=96, query_pre_attn_scalar=6,
                     sliding_window=8, rms_norm_eps=1e-6, pad_token_id=0,
                     layer_types=["sliding_attention", "full_attention", "sliding_attention"]),
    vision_config=dict(hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=2,
                       image_size=28, patch_size=14),
    image_token_index=64, mm_tokens_per_image=4)
VISION_LIT = dict(n_layer=3, n_embd=32, n_head=8, n_query_groups=2, head_size=6, intermediate_size=48, block_size=96,
                  padded_vocab_size=64, vocab_size=64, attention_scores_scalar=6, sliding_window_size=8,
                  sliding_window_indices=[1, 0, 1], rope_indices=[1, 0, 1], norm_eps=1e-6, rope_adjustments=None)


@pytest.fixture(scope="module")
def vision(tmp_path_factory):
    """A tiny Gemma 3 with vision, and what it computes for text."""
    torch.manual_seed(3)
    path = tmp_path_factory.mktemp("vision") / "model"
    model = transformers.Gemma3ForConditionalGeneration(transformers.Gemma3Config(**VISION)).eval()
    with torch.no_grad():
        for p in model.parameters():
            p.add_(torch.randn_like(p) * 0.05)
    model.save_pretrained(path)
    return path, model


def test_the_text_model_of_gemma3_with_vision(vision, tmp_path):
    path, model = vision
    lit = convert(path, tmp_path / "lit", "lit")
    config, expected = Config.from_name("Gemma-3-4b-it", **VISION_LIT), {}
    with torch.inference_mode():
        copy_weights_gemma_3({}, expected, hf_state(path), config=config)
    same(lit_state(lit), {**expected, "lm_head.weight": expected["transformer.wte.weight"]})

    gpt = GPT(Config.from_file(lit / "model_config.yaml"))
    gpt.load_state_dict(lit_state(lit), strict=True)
    with torch.inference_mode():
        logits = model(input_ids=TOKENS).logits
        torch.testing.assert_close(gpt.eval()(TOKENS), logits[..., :64], rtol=3e-5, atol=3e-5)
        text = convert(lit, tmp_path / "hf", "hf")
        again = transformers.AutoModelForCausalLM.from_pretrained(text)
        assert type(again).__name__ == "Gemma3ForCausalLM"
        torch.testing.assert_close(again.eval()(TOKENS).logits, logits[..., :64], rtol=1e-5, atol=1e-5)


def test_a_variant_of_the_published_form_is_called_by_its_name(vision, models, hf5, tmp_path):
    """`--from hf` means what was published, and so do the commands of litgpt and of the tutorials."""
    path, _ = vision
    lit = lit_state(convert(path, tmp_path / "lit", "lit"))
    done = run("convert", "--from", "hf", "--to", "lit", path, tmp_path / "said")
    assert "'hf-vision', which is taken for 'hf'" in done.stderr
    same(lit_state(tmp_path / "said"), lit)
    for command in ("convert_to_litgpt", "convert_hf_checkpoint"):
        shutil.copytree(path, tmp_path / command)
        run(command, "--checkpoint_dir", tmp_path / command)
        assert set(lit_state(tmp_path / command)) == {
            name if command == "convert_to_litgpt" else name.replace(".qkv.", ".attn.") for name in lit}
    same(lit_state(tmp_path / "convert_to_litgpt"), lit)
    run("convert", "--from", "hf", "--to", "lit", hf5("mixtral"), tmp_path / "mixtral")
    same(lit_state(tmp_path / "mixtral"), lit_state(convert(models("mixtral"), tmp_path / "direct", "lit")))
    run("convert", "--from", "hf", "--to", "hf", path, tmp_path / "copy")  # nothing is converted
    same(hf_state(tmp_path / "copy"), hf_state(path))


def test_gemma3_with_vision_comes_back_whole(vision, tmp_path):
    path, _ = vision
    lit = convert(path, tmp_path / "lit", "lit")
    back = convert(lit, tmp_path / "back", "hf-vision")
    same(hf_state(back), hf_state(path))
    assert hf_json(back) == hf_json(path)
    transformers.Gemma3ForConditionalGeneration.from_pretrained(back)


def test_the_names_of_what_was_set_aside_are_written_again(vision, tmp_path):
    """The classes call the text model otherwise than their files do; some files have those names."""
    names = {"language_model.model.": "model.language_model.", "vision_tower.": "model.vision_tower.",
             "multi_modal_projector.": "model.multi_modal_projector."}
    source, state = tmp_path / "source", {}
    shutil.copytree(vision[0], source)
    for name, value in hf_state(source).items():
        start = next(x for x in names if name.startswith(x))
        state[names[start] + name.removeprefix(start)] = value
    safetensors.torch.save_file(state, source / "model.safetensors", {"format": "pt"})
    lit = convert(source, tmp_path / "lit", "lit")
    same(hf_state(convert(lit, tmp_path / "back", "hf-vision")), state)


def test_what_is_left_out_counts_in_the_class(vision, models, tmp_path):
    done = run("convert", "--to", "lit", vision[0], tmp_path / "lit")
    assert "(exact with the side-car)" in done.stderr
    assert json.loads(run("plan", "--json", "--to", "lit", vision[0]).stdout)["side_car"] is True
    old = tmp_path / "old"
    shutil.copytree(models("llama-gqa"), old)
    more = {"model.layers.0.self_attn.rotary_emb.inv_freq": torch.ones(2)}
    safetensors.torch.save_file({**hf_state(old), **more}, old / "model.safetensors", {"format": "pt"})
    assert "(lossy)" in run("convert", "--to", "lit", old, tmp_path / "old-lit").stderr


def test_a_head_of_its_own_is_not_lost(vision, tmp_path):
    """The model with vision has no place for a head that differs from the embedding."""
    lit = convert(vision[0], tmp_path / "lit", "lit")
    state = {name: value.clone() for name, value in lit_state(lit).items()}  # no longer in the same memory
    head = state["lm_head.weight"]
    torch.save(state, lit / "lit_model.pth")
    convert(lit, tmp_path / "back", "hf-vision")
    same(hf_state(tmp_path / "back"), hf_state(vision[0]))
    head[5, 7] += 1
    torch.save(state, lit / "lit_model.pth")
    done = run("convert", "--to", "hf-vision", lit, tmp_path / "trained", expect=4)
    assert "drop-differs" in done.stderr and "lm_head.weight" in done.stderr and not (tmp_path / "trained").exists()
    same(hf_state(convert(lit, tmp_path / "hf", "hf")), {
        **hf_state(convert(vision[0], tmp_path / "text", "hf")), "lm_head.weight": head})


def test_the_way_back_needs_what_was_set_aside(vision, tmp_path):
    lit = convert(vision[0], tmp_path / "lit", "lit")
    (lit / "retensor-kept.safetensors").unlink()
    done = run("convert", "--to", "hf-vision", lit, tmp_path / "back", expect=4)
    assert "retensor-kept.safetensors" in done.stderr and not (tmp_path / "back").exists()
