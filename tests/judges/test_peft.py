"""Merging PEFT's adapters, against peft's own merge and the unmerged model's outputs."""

import json
import re

import peft
import pytest
import torch
import transformers
from peft import LoraConfig
from safetensors.torch import load_file, save_file

from make_tiny import CASES, hf_state, lit_state, same
from program import convert, merge, run
from test_new_families import VISION

VIDEO = dict(
    vocab_size=64, hidden_size=32, intermediate_size=48, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2,
    max_position_embeddings=64, rope_scaling={"type": "mrope", "mrope_section": [1, 1, 2]},
    vision_config=dict(depth=1, embed_dim=16, hidden_size=32, num_heads=2, mlp_ratio=2, in_channels=3, patch_size=2,
                       spatial_merge_size=2, temporal_patch_size=2))
TOKENS = torch.arange(24).reshape(2, 12) % 64


def randomise(model, scale=0.1, seed=1):
    """Adapters begin as no change; give every trained tensor something to say."""
    torch.manual_seed(seed)
    with torch.no_grad():
        for name, p in model.named_parameters():
            if p.requires_grad:
                base = p if "magnitude" in name or "modules_to_save" in name else torch.zeros_like(p)
                p.copy_(base + torch.randn_like(p) * scale)
    return model


def train(base_dir, out, seed=1, dtype=torch.float32, safe=True, **config):
    """An adapter directory as peft writes it, with the adapted model."""
    model = transformers.AutoModelForCausalLM.from_pretrained(base_dir, dtype=dtype, attn_implementation="eager")
    config.setdefault("lora_alpha", 7)
    config.setdefault("r", 3)
    adapted = randomise(peft.get_peft_model(model, LoraConfig(**config)), seed=seed).eval()
    adapted.save_pretrained(out, safe_serialization=safe)
    return adapted


def logits(model):
    with torch.no_grad():
        return model(TOKENS).logits.double()


def loaded(path, dtype=torch.float32):
    return transformers.AutoModelForCausalLM.from_pretrained(path, dtype=dtype, attn_implementation="eager").eval()


def near(got, want, tolerance=1e-6):
    assert got.shape == want.shape
    assert (got.double() - want.double()).norm() <= tolerance * want.double().norm()


def judge(base_dir, adapter_dir, out, adapted, *more, logits_within=2e-5):
    """The merged directory computes what the unmerged model computes."""
    want = logits(adapted)
    merge(base_dir, adapter_dir, out, *more)
    got = logits(loaded(out))
    assert (got - want).abs().max() <= logits_within * max(1.0, float(want.abs().max()))
    return hf_state(out)


def judge_weights(merged, adapted):
    """Every tensor is within 1e-6 of its norm of peft's own merge, made in float64."""
    theirs = adapted.double().merge_and_unload().state_dict()
    for name, value in merged.items():
        near(value, theirs[name])


LINEAR = {
    "attention": dict(target_modules=["q_proj", "v_proj"]),
    "all-linear": dict(target_modules="all-linear"),
    "regex": dict(target_modules=r".*layers\.1\.(mlp\.down|self_attn\.k)_proj"),
    "rslora": dict(target_modules=["o_proj", "up_proj"], use_rslora=True),
    "patterns": dict(target_modules=["q_proj", "k_proj", "gate_proj"], rank_pattern={"q_proj": 5, r"^model\.layers\.0\..*gate_proj": 2},
                     alpha_pattern={r"layers\.1\.self_attn\.k_proj": 11, "gate_proj": 3}),
    "layers": dict(target_modules=["q_proj"], layers_to_transform=[1]),
    "head": dict(target_modules=["lm_head", "q_proj"]),
    "dora": dict(target_modules=["q_proj", "v_proj", "down_proj"], use_dora=True),
}


@pytest.mark.parametrize("safe", [True, False], ids=["safetensors", "bin"])
@pytest.mark.parametrize("kind", LINEAR)
def test_linear(kind, safe, models, tmp_path):
    adapted = train(models("llama-mha"), tmp_path / "a", safe=safe, **LINEAR[kind])
    merged = judge(models("llama-mha"), tmp_path / "a", tmp_path / "out", adapted)
    judge_weights(merged, adapted)


def test_the_report_names_the_pattern(models, tmp_path):
    train(models("llama-mha"), tmp_path / "a", **LINEAR["patterns"], use_rslora=True)
    said = run("merge", "--no-sync", "--report", models("llama-mha"), tmp_path / "a", tmp_path / "out").stdout
    origins = dict(re.findall(r"^scale of (\S+?)(?: and others)?: (.*) \(", said, re.M))
    assert origins["model.layers.0.self_attn.q_proj.weight"] == 'adapter.lora_alpha / sqrt(adapter.rank_pattern["q_proj"])'
    assert origins["model.layers.1.mlp.gate_proj.weight"] == 'adapter.alpha_pattern["gate_proj"] / sqrt(adapter.r)'


@pytest.mark.parametrize("bias", ["lora_only", "all", "lora_bias"])
def test_biases(bias, models, tmp_path):
    how = dict(lora_bias=True) if bias == "lora_bias" else dict(bias=bias)
    adapted = train(models("llama-biases"), tmp_path / "a", target_modules=["q_proj", "down_proj"], **how)
    merged = judge(models("llama-biases"), tmp_path / "a", tmp_path / "out", adapted)
    judge_weights(merged, adapted)


@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
def test_embedding(dora, models, tmp_path):
    adapted = train(models("llama-mha"), tmp_path / "a", target_modules=["embed_tokens", "k_proj"], use_dora=dora)
    merged = judge(models("llama-mha"), tmp_path / "a", tmp_path / "out", adapted)
    judge_weights(merged, adapted)


def with_convolutions(kind):
    """Conv1d, Conv2d and Conv3d as speech and vision have them; a rule file knows the last one's base."""
    torch.manual_seed(3)
    if kind == "speech":
        config = transformers.WhisperConfig(d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2,
                                            encoder_ffn_dim=24, decoder_ffn_dim=24, vocab_size=40, num_mel_bins=6, max_source_positions=10,
                                            max_target_positions=8, pad_token_id=0, bos_token_id=1, eos_token_id=2, decoder_start_token_id=1)
        return transformers.WhisperForConditionalGeneration(config), ["conv1", "conv2", "k_proj"]
    if kind == "video":
        config = transformers.Qwen2VLConfig(**VIDEO)
        return transformers.Qwen2VLForConditionalGeneration(config), ["patch_embed.proj", "q_proj"]
    return transformers.Gemma3ForConditionalGeneration(transformers.Gemma3Config(**VISION)), ["patch_embedding", "q_proj"]


def merged_as_peft_does(model, tmp_path, **how):
    """Every tensor is within 1e-6 of its norm of peft's own merge in float64; gives those that the merge changed."""
    model.save_pretrained(tmp_path / "base")
    randomise(peft.get_peft_model(model, LoraConfig(r=3, lora_alpha=7, **how))).save_pretrained(tmp_path / "a")
    merge(tmp_path / "base", tmp_path / "a", tmp_path / "out")
    before, ours, theirs = (type(model).from_pretrained(tmp_path / x, dtype=torch.float64) for x in ("base", "out", "base"))
    before, ours = before.state_dict(), ours.state_dict()
    theirs = peft.PeftModel.from_pretrained(theirs, tmp_path / "a", autocast_adapter_dtype=False).merge_and_unload().state_dict()
    for name, value in theirs.items():
        near(ours[name], value)
    return [name for name, value in theirs.items() if not torch.equal(before[name], value)]


@pytest.mark.parametrize("how", [{}, dict(use_dora=True), dict(use_rslora=True, rank_pattern={"conv1|.*patch_embed.*": 2})], ids=["lora", "dora", "patterns"])
@pytest.mark.parametrize("kind", ["speech", "video", "vision"])
def test_convolutions(kind, how, tmp_path):
    model, targets = with_convolutions(kind)
    sizes = {name: p.dim() for name, p in model.named_parameters()}
    changed = merged_as_peft_does(model, tmp_path, target_modules=targets, **how)
    assert sorted(sizes[name] for name in changed if sizes[name] > 2) == {"speech": [3, 3], "video": [5], "vision": [4]}[kind]


@pytest.mark.parametrize("kind", ["video", "vision"])
def test_parts_whose_names_begin_otherwise(kind, tmp_path):
    """In memory, where adapters are made, a language model and its eyes stand elsewhere than in files, each in its own way."""
    model, _ = with_convolutions(kind)
    changed = merged_as_peft_does(model, tmp_path, target_modules="all-linear")
    assert any("language_model" in name for name in changed) and any("vis" in name for name in changed)


@pytest.mark.parametrize("how", [dict(target_modules=["embed_tokens"]), dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"])],
                         ids=["update", "saved"])
def test_an_embedding_whose_ties_no_rule_knows(how, tmp_path):
    """Whisper's head is proj_out, tied and not stored: it would change with the embedding, which the adapter alone changes."""
    model, _ = with_convolutions("speech")
    model.save_pretrained(tmp_path / "base")
    randomise(peft.get_peft_model(model, LoraConfig(r=3, lora_alpha=7, **how))).save_pretrained(tmp_path / "a")
    said = run("merge", tmp_path / "base", tmp_path / "a", tmp_path / "out", expect=4).stderr
    assert "may tie other tensors" in said and not (tmp_path / "out").exists()


@pytest.mark.parametrize("how", [dict(target_modules=["embed_tokens", "q_proj"]), dict(target_modules=["lm_head"])], ids=["embedding", "head"])
@pytest.mark.parametrize("size", [56, 70])
def test_one_side_of_a_tied_pair_of_another_size(size, how, models, tmp_path):
    model = transformers.AutoModelForCausalLM.from_pretrained(models("llama-tied"))
    model.resize_token_embeddings(size, mean_resizing=False)
    adapted = randomise(peft.get_peft_model(model, LoraConfig(r=3, lora_alpha=7, **how)))
    adapted.save_pretrained(tmp_path / "a", save_embedding_layers=True)
    said = run("merge", models("llama-tied"), tmp_path / "a", tmp_path / "out", expect=4).stderr
    assert "resize" in said and f"[{size}, " in said, said


@pytest.mark.parametrize("layout", ["lit", "lit-legacy", "meta"])
def test_what_is_untied_stays_so_on_the_way_back(layout, models, tmp_path):
    """The config of transformers that goes along says it too, in one pass as in two."""
    adapted = train(models("llama-tied"), tmp_path / "a", target_modules=["lm_head"])
    merge(models("llama-tied"), tmp_path / "a", tmp_path / "one", "--to", layout)
    merge(models("llama-tied"), tmp_path / "a", tmp_path / "hf")
    convert(tmp_path / "hf", tmp_path / "two", layout)
    for file in sorted((tmp_path / "two").iterdir()):
        assert (tmp_path / "one" / file.name).read_bytes() == file.read_bytes(), file.name
    back = convert(tmp_path / "one", tmp_path / "back", "hf")
    near(logits(loaded(back)), logits(adapted), 5e-3)  # the base is bf16


def test_tied_under_another_name(tmp_path):
    """Mamba's embedding is called embeddings; the head stays what it was."""
    torch.manual_seed(3)
    config = transformers.MambaConfig(vocab_size=40, hidden_size=16, state_size=4, num_hidden_layers=2, tie_word_embeddings=True)
    model = transformers.MambaForCausalLM(config)
    model.save_pretrained(tmp_path / "base")
    adapted = randomise(peft.get_peft_model(model, LoraConfig(r=3, lora_alpha=7, target_modules=["embeddings"]))).eval()
    adapted.save_pretrained(tmp_path / "a")
    merge(tmp_path / "base", tmp_path / "a", tmp_path / "out")
    tokens = TOKENS % 40
    with torch.no_grad():
        want, got = adapted(tokens).logits, transformers.MambaForCausalLM.from_pretrained(tmp_path / "out").eval()(tokens).logits
    near(got, want)


@pytest.mark.parametrize("kind", ["gpt2", "bloom", "llama", "mistral", "score"])
def test_a_base_without_its_first_word(kind, models, tmp_path):
    """As the class without a head was saved, also of families that a rule file knows; and a head that the family does not know."""
    torch.manual_seed(3)
    tiny = {"gpt2": transformers.GPT2Config(vocab_size=64, n_embd=16, n_layer=2, n_head=2, n_positions=32),
            "bloom": transformers.BloomConfig(vocab_size=64, hidden_size=16, n_layer=2, n_head=2)}
    if kind in tiny:
        model, targets = transformers.AutoModelForCausalLM.from_config(tiny[kind]), ["c_attn", "c_proj", "query_key_value"]
        bare = model.transformer
    else:
        name = "mistral" if kind == "mistral" else "llama-mha"
        load = transformers.AutoModelForSequenceClassification if kind == "score" else transformers.AutoModelForCausalLM
        model, targets = load.from_pretrained(models(name)), ["q_proj", "score"]
        bare = model if kind == "score" else model.model
    bare.save_pretrained(tmp_path / "base")
    adapted = randomise(peft.get_peft_model(model, LoraConfig(r=3, lora_alpha=7, target_modules=targets)))
    adapted.save_pretrained(tmp_path / "a")
    merged = hf_state(merge(tmp_path / "base", tmp_path / "a", tmp_path / "out"))
    theirs = adapted.merge_and_unload()
    theirs = (theirs if kind == "score" else theirs.transformer if kind in tiny else theirs.model).state_dict()
    for name, value in merged.items():
        near(value, theirs[name])


def test_fused_projection(models, tmp_path):
    adapted = train(models("phi3"), tmp_path / "a", target_modules=["qkv_proj", "gate_up_proj"])
    merged = judge(models("phi3"), tmp_path / "a", tmp_path / "out", adapted, "--dtype", "float32")
    judge_weights(merged, adapted)


def conv1d_base(path, family):
    """Conv1D is stored the other way round, and c_proj is square. A rule file knows GPT-2, none knows GPT."""
    torch.manual_seed(3)
    sizes = dict(n_layer=2, n_embd=24, n_head=4, vocab_size=64, n_positions=32)
    classes = {"gpt2": (transformers.GPT2LMHeadModel, transformers.GPT2Config),
               "openai-gpt": (transformers.OpenAIGPTLMHeadModel, transformers.OpenAIGPTConfig)}
    model, config = classes[family]
    model(config(**sizes)).save_pretrained(path)
    return path


@pytest.mark.parametrize("family", ["gpt2", "openai-gpt"])
@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
def test_conv1d(dora, family, tmp_path):
    base = conv1d_base(tmp_path / "base", family)
    adapted = train(base, tmp_path / "a", target_modules=["c_attn", "c_proj", "c_fc"], use_dora=dora, fan_in_fan_out=True)
    merged = judge(base, tmp_path / "a", tmp_path / "out", adapted)
    judge_weights({k: v for k, v in merged.items() if "h.0" in k}, adapted)


@pytest.mark.parametrize("touched", ["head", "embedding", "both", "saved", "nothing"])
def test_tied(touched, models, tmp_path):
    """The forward pass of the unmerged model decides; peft's own merge writes through the tie."""
    how = {"head": dict(target_modules=["lm_head"]), "embedding": dict(target_modules=["embed_tokens"]),
           "both": dict(target_modules=["embed_tokens", "lm_head"]),
           "saved": dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"]),
           "nothing": dict(target_modules=["q_proj"])}[touched]
    adapted = train(models("llama-tied"), tmp_path / "a", **how)
    merged = judge(models("llama-tied"), tmp_path / "a", tmp_path / "out", adapted, "--dtype", "float32")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert config["tie_word_embeddings"] == (touched == "nothing") and "lm_head.weight" in merged


TIED_GPT2 = {
    "head": dict(target_modules=["lm_head", "c_attn"]),
    "embedding": dict(target_modules=["wte", "c_attn"]),
    "both": dict(target_modules=["wte", "lm_head"]),
    "saved": dict(target_modules=["c_attn"], modules_to_save=["wte"]),
    "saved-head": dict(target_modules=["c_attn"], modules_to_save=["lm_head"]),
    "tokens": dict(target_modules=["c_attn"], trainable_token_indices={"wte": [1, 40]}),
    "nothing": dict(target_modules=["c_attn"]),
}


@pytest.mark.parametrize("touched", TIED_GPT2)
def test_tied_gpt2(touched, tmp_path):
    """A family that does not lead to Lit-GPT tells what is tied as well; its config says so by leaving it out."""
    base = conv1d_base(tmp_path / "base", "gpt2")
    adapted = train(base, tmp_path / "a", fan_in_fan_out=True, **TIED_GPT2[touched])
    merged = judge(base, tmp_path / "a", tmp_path / "out", adapted)
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    kept = touched in ("nothing", "tokens")
    assert config.get("tie_word_embeddings", True) == kept and ("lm_head.weight" not in merged) == kept


UNKNOWN = {  # what the config says of ties: nothing, nothing, true
    "cohere": lambda: transformers.CohereConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
                                                num_key_value_heads=2, intermediate_size=44, pad_token_id=None),
    "opt": lambda: transformers.OPTConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
                                          ffn_dim=50, max_position_embeddings=64, word_embed_proj_dim=32),
    "granite": lambda: transformers.GraniteConfig(vocab_size=64, hidden_size=32, num_hidden_layers=1, num_attention_heads=4,
                                                  intermediate_size=44, tie_word_embeddings=True),
}
TIED_UNKNOWN = {
    "head": dict(target_modules=["lm_head", "q_proj"]),
    "embedding": dict(target_modules=["embed_tokens", "q_proj"]),
    "saved": dict(target_modules=["q_proj"], modules_to_save=["embed_tokens"]),
    "saved-head": dict(target_modules=["q_proj"], modules_to_save=["lm_head"]),
    "tokens": dict(target_modules=["q_proj"], trainable_token_indices=[1, 40]),
    "nothing": dict(target_modules=["q_proj"]),
}


def unknown_base(path, kind, **how):
    torch.manual_seed(3)
    transformers.AutoModelForCausalLM.from_config(UNKNOWN[kind]()).save_pretrained(path, **how)
    return path


@pytest.mark.parametrize("kind", UNKNOWN)
@pytest.mark.parametrize("touched", TIED_UNKNOWN)
def test_tied_without_a_family(touched, kind, tmp_path):
    base = unknown_base(tmp_path / "base", kind)
    adapted = train(base, tmp_path / "a", **TIED_UNKNOWN[touched])
    merged = judge(base, tmp_path / "a", tmp_path / "out", adapted)
    kept = touched in ("nothing", "tokens")
    config = json.loads((tmp_path / "out" / "config.json").read_text())
    assert ("lm_head.weight" not in merged) == kept and (kept or config["tie_word_embeddings"] is False)


@pytest.mark.parametrize("touched", ["embedding", "head", "nothing"])
def test_a_stored_head_where_the_config_is_silent(touched, tmp_path):
    """Transformers ties what a .bin has twice, for some classes; afterwards the config says that it is apart."""
    base = unknown_base(tmp_path / "base", "cohere", safe_serialization=False)
    assert "lm_head.weight" in hf_state(base) and "tie_word_embeddings" not in (base / "config.json").read_text()
    adapted = train(base, tmp_path / "a", **TIED_UNKNOWN[touched])
    judge(base, tmp_path / "a", tmp_path / "out", adapted)
    said = "tie_word_embeddings" in (tmp_path / "out" / "config.json").read_text()
    assert said == (touched != "nothing")


def test_rules_that_are_given_tell_the_family(tmp_path):
    base = conv1d_base(tmp_path / "base", "gpt2")
    train(base, tmp_path / "a", fan_in_fan_out=True, **TIED_GPT2["embedding"])
    config = json.loads((base / "config.json").read_text())
    (base / "config.json").write_text(json.dumps({**config, "model_type": "own"}))
    merged = hf_state(merge(base, tmp_path / "a", tmp_path / "out", "--rules", "gpt2"))
    assert torch.equal(merged["lm_head.weight"], hf_state(base)["transformer.wte.weight"])
    assert json.loads((tmp_path / "out" / "config.json").read_text())["tie_word_embeddings"] is False


def test_modules_to_save(models, tmp_path):
    adapted = train(models("llama-mha"), tmp_path / "a", target_modules=["q_proj"], modules_to_save=["lm_head", "norm"])
    merged = judge(models("llama-mha"), tmp_path / "a", tmp_path / "out", adapted)
    judge_weights(merged, adapted)
    table = run("merge", "--no-sync", "--report", models("llama-mha"), tmp_path / "a", tmp_path / "table").stdout
    assert "scale of model.layers.0.self_attn.q_proj.weight and others" in table  # what is replaced has none


@pytest.mark.parametrize("name", ["llama-mha", "llama-tied"])
def test_trained_tokens(name, models, tmp_path):
    adapted = train(models(name), tmp_path / "a", target_modules=["q_proj"], trainable_token_indices=[3, 0, 17])
    merged = judge(models(name), tmp_path / "a", tmp_path / "out", adapted, "--dtype", "float32")
    before = hf_state(models(name))["model.embed_tokens.weight"]
    changed = (merged["model.embed_tokens.weight"] != before).any(dim=1).nonzero().flatten().tolist()
    assert changed == [0, 3, 17]
    if name == "llama-tied":
        assert torch.equal(merged["lm_head.weight"], merged["model.embed_tokens.weight"])


TOKENS_OF = {
    "head": {"lm_head": [5, 4]},
    "embedding": {"embed_tokens": [3, 60]},
    "the-same": {"embed_tokens": [3, 60], "lm_head": [3, 60]},
    "others": {"embed_tokens": [3, 60], "lm_head": [5, 3, 4]},
}


@pytest.mark.parametrize("tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("which", TOKENS_OF)
def test_trained_tokens_of_a_head(which, tied, models, tmp_path):
    """Rows of a tied head are those of the embedding, unless rows of its own were trained."""
    base, rows = models("olmo" if tied else "llama-mha"), TOKENS_OF[which]
    adapted = train(base, tmp_path / "a", target_modules=["q_proj"], trainable_token_indices=rows)
    want = logits(adapted)
    said = run("merge", "--no-sync", base, tmp_path / "a", tmp_path / "out").stderr
    assert "pattern-unused" not in said
    assert (logits(loaded(tmp_path / "out")) - want).abs().max() <= 2e-5 * max(1.0, float(want.abs().max()))
    before, merged = hf_state(base), hf_state(tmp_path / "out")
    apart = which in ("head", "others")
    assert ("lm_head.weight" in merged) == (apart or not tied)
    embed = before["model.embed_tokens.weight"]
    for name, module in (("model.embed_tokens.weight", "embed_tokens"), ("lm_head.weight", "lm_head")):
        if name in merged:
            changed = (merged[name] != before.get(name, embed)).any(dim=1).nonzero().flatten().tolist()
            assert changed == sorted(rows.get(module, []))


@pytest.mark.parametrize("n", [70, 60], ids=["more", "fewer"])
def test_resized_vocabulary(n, models, tmp_path):
    model = loaded(models("llama-mha"))
    model.resize_token_embeddings(n)
    adapted = randomise(peft.get_peft_model(model, LoraConfig(
        r=3, lora_alpha=7, target_modules=["q_proj"], modules_to_save=["embed_tokens", "lm_head"]))).eval()
    adapted.save_pretrained(tmp_path / "a")
    judge(models("llama-mha"), tmp_path / "a", tmp_path / "out", adapted) if n > 64 else None
    merge(models("llama-mha"), tmp_path / "a", tmp_path / "again")
    assert json.loads((tmp_path / "again" / "config.json").read_text())["vocab_size"] == n


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_is_rounded_once(dtype, models, tmp_path):
    name = {torch.bfloat16: "llama-tied", torch.float16: "llama-head"}[dtype]
    train(models(name), tmp_path / "a", target_modules=["q_proj", "down_proj"])
    before, factors = hf_state(models(name)), load_file(tmp_path / "a" / "adapter_model.safetensors")
    merged = hf_state(merge(models(name), tmp_path / "a", tmp_path / "out"))
    for key, value in merged.items():
        a = factors.get(f"base_model.model.{key.removesuffix('.weight')}.lora_A.weight")
        assert value.dtype == dtype
        if a is None:
            assert torch.equal(value, before[key])
            continue
        b = factors[f"base_model.model.{key.removesuffix('.weight')}.lora_B.weight"]
        exact = before[key].double() + 7 / 3 * (b.double() @ a.double())
        wrong = (value != exact.to(dtype)).float().mean()
        assert wrong < 1e-3


@pytest.mark.parametrize("dora", [False, True], ids=["lora", "dora"])
@pytest.mark.parametrize("name", ["llama-gqa", "gpt_neox", "phi3", "llama-tied"])
def test_merge_into_lit_is_merge_then_convert(name, dora, models, tmp_path):
    target = {"gpt_neox": ["query_key_value", "dense"], "phi3": ["qkv_proj", "gate_up_proj"]}.get(name, ["q_proj", "k_proj", "o_proj"])
    train(models(name), tmp_path / "a", target_modules=target, use_dora=dora)
    lit = convert(models(name), tmp_path / "lit", "lit")
    one = merge(models(name), tmp_path / "a", tmp_path / "one", "--to", "lit")
    two = merge(lit, tmp_path / "a", tmp_path / "two")
    three = convert(merge(models(name), tmp_path / "a", tmp_path / "hf"), tmp_path / "three", "lit")
    same(lit_state(one), lit_state(three))
    same(lit_state(two), lit_state(three))


@pytest.mark.parametrize("kind", ["config", "packed", "float8"])
def test_a_quantised_base_is_refused_with_the_reason(kind, models, tmp_path):
    """By what its config says, and without that by what its tensors are."""
    train(models("llama-mha"), tmp_path / "a", target_modules=["q_proj"])
    base, config = tmp_path / "base", json.loads((models("llama-mha") / "config.json").read_text())
    base.mkdir()
    state, name = hf_state(models("llama-mha")), "model.layers.0.self_attn.q_proj.weight"
    if kind == "config":
        config["quantization_config"] = {"quant_method": "bitsandbytes", "load_in_4bit": True}
    if kind == "float8":
        state[name] = state[name].to(torch.float8_e4m3fn)
    else:
        state[name] = torch.zeros(state[name].numel() // 2, 1, dtype=torch.uint8)
    save_file(state, base / "model.safetensors", metadata={"format": "pt"})
    (base / "config.json").write_text(json.dumps(config))
    refused = run("merge", base, tmp_path / "a", tmp_path / "out", expect=4)
    assert "the base is quantised" in refused.stderr and "merge into the base that was quantised" in refused.stderr
    assert kind == "config" or "[base-quantised]" in refused.stderr and name in refused.stderr
    assert not (tmp_path / "out").exists()
