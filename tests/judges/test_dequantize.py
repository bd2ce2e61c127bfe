"""Weights of 8-bit floats with scales made plain ones, judged by float64 and by transformers."""

import json
import math
import shutil

import pytest
import torch
import transformers
from safetensors.torch import load_file, save_file

from make_tiny import hf_json, hf_state, lit_state, same
from program import convert, merge, run
from test_peft import logits, loaded, train

BLOCK = 128
PLAIN = ("embed_tokens", "norm", "lm_head")
LINEAR = dict(target_modules=["q_proj", "down_proj"])


def blocks(t, size=BLOCK):
    """The number of blocks of each dim."""
    return [math.ceil(n / size) for n in t.shape]


def spread(scale, shape, size=BLOCK):
    """The scale of each element, in float64."""
    return scale.double().repeat_interleave(size, 0).repeat_interleave(size, 1)[: shape[0], : shape[1]]


def quantise(state, scales=torch.float32):
    """As DeepSeek publishes: the largest of a block becomes 448; scales are powers of two where their type has no other."""
    out = {}
    for name, w in state.items():
        if any(p in name for p in PLAIN):
            out[name] = w.to(torch.bfloat16)
            continue
        scale = torch.zeros(blocks(w), dtype=torch.float32)
        for i in range(scale.shape[0]):
            for j in range(scale.shape[1]):
                part = w[i * BLOCK : (i + 1) * BLOCK, j * BLOCK : (j + 1) * BLOCK]
                scale[i, j] = part.float().abs().max() / 448 * (1 + 0.01 * (i + 2 * j))
        if scales != torch.float32:
            scale = torch.exp2(scale.log2().ceil())
        out[name] = (w.double() / spread(scale, w.shape)).to(torch.float8_e4m3fn)
        out[name + "_scale_inv"] = scale.to(scales)
    return out


def exact(state):
    """Every plain tensor in float64: weights times their scales, a product that float64 holds exactly."""
    return {k: w.double() * spread(state[k + "_scale_inv"].float(), w.shape) if k + "_scale_inv" in state else w.double()
            for k, w in state.items() if not k.endswith("_scale_inv")}


def once(state, dtype=torch.bfloat16):
    """Rounded to bfloat16 once: through the neighbour of odd last bit in float32, which hides nothing."""
    if dtype == torch.float32:
        return {k: w.float() for k, w in state.items()}
    out = {}
    for k, w in state.items():
        f = w.float()
        bits = f.view(torch.int32)
        inexact = (f.double() != w) & (bits & 1 == 0)
        away = (f.double().abs() > w.abs()).int()
        out[k] = torch.where(inexact, bits + 1 - 2 * away, bits).view(torch.float32).to(dtype)
    return out


def config(**more):
    return transformers.Qwen3Config(hidden_size=144, intermediate_size=200, num_hidden_layers=2, num_attention_heads=5,
                                    num_key_value_heads=1, head_dim=40, vocab_size=64, max_position_embeddings=64,
                                    tie_word_embeddings=False, torch_dtype="bfloat16", **more)


def make(path, scales):
    """A Qwen3 in float8: its directory and its tensors."""
    torch.manual_seed(11)
    transformers.Qwen3ForCausalLM(config()).to(torch.bfloat16).save_pretrained(path)
    state = quantise(load_file(path / "model.safetensors"), scales)
    save_file(state, path / "model.safetensors", {"format": "pt"})
    method = {"quant_method": "fp8", "fmt": "e4m3", "weight_block_size": [BLOCK, BLOCK], "activation_scheme": "dynamic"}
    (path / "config.json").write_text(json.dumps({**hf_json(path), "quantization_config": method}))
    return path, state


@pytest.fixture(scope="module", params=[torch.float32, torch.bfloat16, torch.float8_e8m0fnu], ids=["f32", "bf16", "e8m0"])
def each(request, tmp_path_factory):
    """With scales of each type."""
    return make(tmp_path_factory.mktemp("fp8") / "qwen3-fp8", request.param)


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return make(tmp_path_factory.mktemp("fp8") / "qwen3-fp8", torch.float32)


@pytest.mark.parametrize("dtype", ["bfloat16", "float32", "float16"])
def test_each_weight_is_the_product_rounded_once(dtype, each, tmp_path):
    path, state = each
    more = [] if dtype == "bfloat16" else ["--dtype", dtype]
    out = convert(path, tmp_path / "out", "hf", "--dequantize", *more)
    same(hf_state(out), once(exact(state), getattr(torch, dtype)))


def test_transformers_computes_with_the_same_weights(each, tmp_path):
    path, state = each
    out = convert(path, tmp_path / "out", "hf", "--dequantize")
    assert "quantization_config" not in hf_json(out)
    assert {k: v for k, v in hf_json(path).items() if k != "quantization_config"} == hf_json(out)
    by_hand = transformers.Qwen3ForCausalLM(config()).to(torch.bfloat16)
    by_hand.load_state_dict(once(exact(state)))
    by_hand.save_pretrained(tmp_path / "by-hand")
    assert torch.equal(logits(loaded(out, torch.bfloat16)), logits(loaded(tmp_path / "by-hand", torch.bfloat16)))


def test_to_lit_in_one_pass_with_any_threads_and_memory(each, tmp_path):
    path, _ = each
    lit = convert(path, tmp_path / "lit", "lit", "--dequantize")
    plain = convert(path, tmp_path / "hf", "hf", "--dequantize")
    same(lit_state(lit), lit_state(convert(plain, tmp_path / "again", "lit")))
    for threads, memory in ((1, "1M"), (4, "64M")):
        other = convert(path, tmp_path / f"t{threads}", "lit", "--dequantize", "--threads", threads, "--memory", memory)
        assert (other / "lit_model.pth").read_bytes() == (lit / "lit_model.pth").read_bytes()
    run("verify", "--dequantize", path, lit)


def test_a_merge_on_top_is_the_exact_sum_rounded_once(each, tmp_path):
    path, state = each
    plain = convert(path, tmp_path / "hf", "hf", "--dequantize")
    train(plain, tmp_path / "a", **LINEAR)
    merge(path, tmp_path / "a", tmp_path / "merged", "--dequantize")
    adapter = load_file(tmp_path / "a" / "adapter_model.safetensors")
    want = exact(state)
    for key, b in adapter.items():
        if "lora_B" in key:
            name = key.replace("base_model.model.", "").replace(".lora_B.weight", ".weight")
            a = adapter[key.replace("lora_B", "lora_A")]
            chain = torch.zeros(b.shape[0], a.shape[1], dtype=torch.float32)
            for k in range(b.shape[1]):  # one chain of fused multiply-adds, exact in float64 before each rounding
                chain = (chain.double() + b[:, k : k + 1].double() * a[k : k + 1].double()).float()
            want[name] = want[name] + (chain * torch.tensor(7 / 3, dtype=torch.float32)).double()
    same(hf_state(tmp_path / "merged"), once(want))
    assert "quantization_config" not in hf_json(tmp_path / "merged")
    loaded(tmp_path / "merged", torch.bfloat16)
    run("verify", "--dequantize", "--adapter", tmp_path / "a", path, tmp_path / "merged")


@pytest.mark.parametrize("strategy", ["tensor", "channel"])
def test_a_scale_for_each_tensor_or_row(strategy, models, tmp_path):
    """As llm-compressor stores them: scales in bfloat16 of shape [1] or [rows, 1], those of activations beside."""
    source = tmp_path / "source"
    shutil.copytree(models("llama-gqa"), source)
    state, want = {}, {}
    for name, w in hf_state(source).items():
        state[name] = want[name] = w.to(torch.bfloat16)
        if not any(p in name for p in PLAIN):
            amax = w.abs().max() if strategy == "tensor" else w.abs().amax(1, keepdim=True)
            scale = (amax / 448).to(torch.bfloat16).reshape(-1, *[1] * (strategy == "channel"))
            state[name] = (w / scale.float()).clamp(-448, 448).to(torch.float8_e4m3fn)
            state[name + "_scale"] = scale
            state[name.replace("weight", "input_scale")] = torch.ones(1, dtype=torch.bfloat16)
            want[name] = state[name].double() * scale.double()
    save_file(state, source / "model.safetensors", {"format": "pt"})
    method = {"quant_method": "compressed-tensors", "format": "float-quantized",
              "config_groups": {"group_0": {"targets": ["Linear"], "weights": {"num_bits": 8, "type": "float", "strategy": strategy}}}}
    (source / "config.json").write_text(json.dumps({**hf_json(source), "quantization_config": method, "torch_dtype": "bfloat16"}))
    out = convert(source, tmp_path / "out", "hf", "--dequantize")
    same(hf_state(out), once({k: v.double() for k, v in want.items()}))
    loaded(out, torch.bfloat16)
    convert(source, tmp_path / "lit", "lit", "--dequantize")


def test_a_deepseek_with_experts(models, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(models("deepseek_v3"), source)
    state = quantise({k: v for k, v in hf_state(source).items() if v.dim() == 2}) | {
        k: v.to(torch.bfloat16) for k, v in hf_state(source).items() if v.dim() != 2}
    bias = {k: v for k, v in hf_state(source).items() if "correction_bias" in k}
    assert bias
    state |= bias  # stays in float32, as published
    save_file(state, source / "model.safetensors", {"format": "pt"})
    method = {"quant_method": "fp8", "weight_block_size": [BLOCK, BLOCK]}
    (source / "config.json").write_text(json.dumps({**hf_json(source), "quantization_config": method}))
    out = convert(source, tmp_path / "out", "hf", "--dequantize")
    same(hf_state(out), {**once(exact(state)), **bias})
    lit = convert(source, tmp_path / "lit", "lit", "--dequantize")
    same(lit_state(lit), lit_state(convert(out, tmp_path / "again", "lit")))


# ---- what is refused ----------------------------------------------------------------


def copy_of(base, tmp_path, change=None, **fields):
    path, state = base
    source = tmp_path / "source"
    shutil.copytree(path, source)
    if change is not None:
        state = dict(state)
        change(state)
        save_file(state, source / "model.safetensors", {"format": "pt"})
    (source / "config.json").write_text(json.dumps({**hf_json(source), **fields}))
    return source


def refused(source, tmp_path, slug, *said, command=("convert", "--to", "lit"), flag=("--dequantize",)):
    done = run(*command, *flag, source, tmp_path / "out", expect=4)
    assert f"[{slug}]" in done.stderr, done.stderr
    for text in said:
        assert text in done.stderr, done.stderr
    assert not (tmp_path / "out").exists()


NAME = "model.layers.1.mlp.down_proj.weight"


def test_only_on_request(base, tmp_path):
    refused(base[0], tmp_path, "quantised", "--dequantize", flag=())
    refused(base[0], tmp_path, "quantised", "--dequantize", flag=(), command=("convert", "--to", "hf"))
    assert "[quantised]" in run("audit", base[0], expect=1).stderr
    run("audit", "--dequantize", base[0])
    train(convert(base[0], tmp_path / "hf", "hf", "--dequantize"), tmp_path / "a", **LINEAR)
    assert "[quantised]" in run("merge", base[0], tmp_path / "a", tmp_path / "merged", expect=4).stderr


def test_a_missing_scale(base, tmp_path):
    source = copy_of(base, tmp_path, lambda s: s.pop(NAME + "_scale_inv"))
    refused(source, tmp_path, "missing", NAME + "_scale_inv")


def test_a_scale_without_its_weight(base, tmp_path):
    source = copy_of(base, tmp_path, lambda s: s.pop(NAME))
    refused(source, tmp_path, "missing", NAME)


@pytest.mark.parametrize("shape", [(1, 1), (3, 2), (2,), (2, 2, 1)], ids=str)
def test_a_scale_of_another_shape(shape, base, tmp_path):
    scale = base[1][NAME + "_scale_inv"]
    source = copy_of(base, tmp_path, lambda s: s.update({NAME + "_scale_inv": torch.ones(shape).to(scale.dtype)}))
    refused(source, tmp_path, "scale-shape", NAME + "_scale_inv", "blocks of 128")


def test_blocks_of_another_size(base, tmp_path):
    method = {"quant_method": "fp8", "weight_block_size": [64, 128]}
    refused(copy_of(base, tmp_path, quantization_config=method), tmp_path, "scale-shape", "blocks of 64")


@pytest.mark.parametrize("value", [math.nan, math.inf], ids=str)
def test_a_scale_that_is_not_finite(value, base, tmp_path):
    def spoil(state):
        scale = state[NAME + "_scale_inv"].float()
        scale[0, 1] = value
        state[NAME + "_scale_inv"] = scale.to(base[1][NAME + "_scale_inv"].dtype)

    refused(copy_of(base, tmp_path, spoil), tmp_path, "not-finite", NAME + "_scale_inv")


def test_weights_and_scales_of_integers(base, tmp_path):
    source = copy_of(base, tmp_path, lambda s: s.update({NAME: s[NAME].view(torch.int8)}))
    refused(source, tmp_path, "cast-type", NAME, "I8")
    shutil.rmtree(source)
    source = copy_of(base, tmp_path, lambda s: s.update({NAME + "_scale_inv": torch.ones(2, 2, dtype=torch.int32)}))
    refused(source, tmp_path, "scale-type", NAME + "_scale_inv")


@pytest.mark.parametrize("method", ["gptq", "awq", "bitsandbytes", "mxfp4", "gguf", "fbgemm_fp8"])
def test_other_methods_are_refused_with_the_reason(method, models, tmp_path):
    source = tmp_path / "source"
    shutil.copytree(models("llama-mha"), source)
    (source / "config.json").write_text(json.dumps({**hf_json(source), "quantization_config": {"quant_method": method}}))
    refused(source, tmp_path, "refused", "quantised")


def test_there_is_no_way_back(models, tmp_path):
    done = run("convert", "--to", "hf-fp8", models("llama-mha"), tmp_path / "out", expect=4)
    assert "[unmapped]" in done.stderr and not (tmp_path / "out").exists()
