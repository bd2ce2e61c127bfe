"""Meta's numbered files: against their model's definition, transformers' and litgpt's."""

import json

import pytest
import torch
import transformers
from litgpt.config import Config
from litgpt.model import GPT

import meta
from make_tiny import hf_json, hf_state, lit_state, same
from program import convert, merge, run
from test_peft import train

TOKENS = torch.arange(20) * 7 % 64
FILES = [(name, n) for name in meta.MODELS for n in (1, 2, 4)]


def expected_hf(m):
    """The names of transformers, the rows of q and k one by one."""
    whole, head = m.whole(), m.dim // m.heads
    names = {"tok_embeddings": "model.embed_tokens", "norm": "model.norm", "output": "lm_head"}
    parts = {"attention.wq": "self_attn.q_proj", "attention.wk": "self_attn.k_proj",
             "attention.wv": "self_attn.v_proj", "attention.wo": "self_attn.o_proj",
             "feed_forward.w1": "mlp.gate_proj", "feed_forward.w2": "mlp.down_proj",
             "feed_forward.w3": "mlp.up_proj", "attention_norm": "input_layernorm",
             "ffn_norm": "post_attention_layernorm"}
    out = {}
    for name, t in whole.items():
        stem = name.removesuffix(".weight")
        if stem.startswith("layers."):
            _, n, part = stem.split(".", 2)
            stem = f"model.layers.{n}.{parts[part]}"
        else:
            stem = names[stem]
        if stem.endswith(("q_proj", "k_proj")):
            rows = []
            for row in range(t.shape[0]):  # row f of a head: the f-th of all first ones, then of all second ones
                of, f = divmod(row, head)
                half, pair = divmod(f, head // 2)
                rows.append(of * head + 2 * pair + half)
            t = t[rows]
        out[stem + ".weight"] = t
    return out


def hf_logits(path):
    model = transformers.AutoModelForCausalLM.from_pretrained(path, dtype=torch.float64, attn_implementation="eager")
    with torch.inference_mode():
        return model.eval()(TOKENS[None]).logits[0]


def lit_logits(path):
    model = GPT(Config.from_file(path / "model_config.yaml")).double()
    model.load_state_dict({k: v.double() for k, v in lit_state(path).items()}, strict=True)
    with torch.inference_mode():
        return model.eval()(TOKENS[None])[0]


def near(got, want, within=2e-6):  # rotary tables are float32
    assert got.shape == want.shape
    assert (got.double() - want).abs().max() <= within * max(1.0, float(want.abs().max()))


def without_buffers(shards):
    return [{k: v for k, v in s.items() if k != "rope.freqs"} for s in shards]


def same_files(got, want):
    assert len(got) == len(want)
    for x, y in zip(got, want, strict=True):
        same(x, y)


@pytest.mark.parametrize("name, n", FILES)
def test_to_hf_and_back(name, n, tmp_path):
    m = meta.MODELS[name]
    src = m.save(tmp_path / "meta", n)
    hf = convert(src, tmp_path / "hf", "hf")
    same(hf_state(hf), expected_hf(m))
    near(hf_logits(hf), meta.logits(m.shards(n), m.all_params(), TOKENS, m.by_tokens))
    config = hf_json(hf)
    assert config["intermediate_size"] == m.hidden() and config["vocab_size"] == m.vocab
    back = convert(hf, tmp_path / "back", "meta", "--set", f"t={n}")
    same_files(without_buffers(meta.load(back)), m.shards(n))
    assert json.loads((back / "params.json").read_text()).items() >= m.all_params().items()


@pytest.mark.parametrize("name", meta.MODELS)
def test_another_number_of_files(name, tmp_path):
    m = meta.MODELS[name]
    hf = convert(m.save(tmp_path / "two", 2), tmp_path / "hf", "hf")
    same_files(meta.load(convert(hf, tmp_path / "four", "meta", "--set", "t=4")), m.shards(4))
    cut = convert(tmp_path / "two", tmp_path / "cut", "meta", "--set", "t=4")
    same_files(meta.load(cut), m.shards(4))
    assert json.loads((cut / "params.json").read_text()).items() >= m.all_params().items()
    one = convert(hf, tmp_path / "one", "meta")
    assert [p.name for p in one.glob("*.pth")] == ["consolidated.00.pth"]
    same_files(meta.load(one), m.shards(1))


@pytest.mark.parametrize("name", ["llama-mha", "llama-tied"])
@pytest.mark.parametrize("n", [1, 2])
def test_a_model_of_transformers(name, n, models, tmp_path):
    """No params.json is there: Meta's formula must give the feed-forward size."""
    out = convert(models(name), tmp_path / "meta", "meta", "--set", f"t={n}")
    params = json.loads((out / "params.json").read_text())
    config = hf_json(models(name))
    made = meta.Meta(name, params["dim"], params["n_heads"], params["n_kv_heads"], params["vocab_size"], False, params)
    assert made.hidden() == config["intermediate_size"]
    assert set(params) <= {"dim", "n_layers", "n_heads", "n_kv_heads", "vocab_size", "multiple_of", "norm_eps",
                           "ffn_dim_multiplier", "rope_theta", "use_scaled_rope"}
    near(hf_logits(models(name)), meta.logits(meta.load(out), params, TOKENS, False), within=1e-5)
    back = convert(out, tmp_path / "back", "hf")
    same(hf_state(back), hf_state(models(name)))
    assert hf_json(back)["intermediate_size"] == config["intermediate_size"]


def test_sizes_of_published_models(tmp_path):
    """Feed-forward sizes by params.json as published, and params.json for them without any."""
    published = [({"dim": 4096, "multiple_of": 256}, 11008), ({"dim": 5120, "multiple_of": 256}, 13824),
                 ({"dim": 8192, "multiple_of": 4096, "ffn_dim_multiplier": 1.3}, 28672),
                 ({"dim": 8192, "multiple_of": 256, "ffn_dim_multiplier": 1.0}, 22016),
                 ({"dim": 4096, "multiple_of": 1024, "ffn_dim_multiplier": 1.3}, 14336),
                 ({"dim": 2048, "multiple_of": 256, "ffn_dim_multiplier": 1.5}, 8192),
                 ({"dim": 3072, "multiple_of": 256, "ffn_dim_multiplier": 1.0}, 8192),
                 ({"dim": 16384, "multiple_of": 4096, "ffn_dim_multiplier": 1.2}, 53248)]
    text = "family sizes : meta <-> hf\nuse meta\n"
    for params, size in published:
        assert meta.Meta("x", params["dim"], 32, 32, 8, False, params).hidden() == size  # the judge's own arithmetic
        params = {**params, "n_heads": 32, "n_layers": 1, "vocab_size": 8}
        config = dict(model_type="llama", hidden_size=params["dim"], intermediate_size=size, num_attention_heads=32,
                      num_hidden_layers=1, vocab_size=8)
        shape = f"  meta 07/layers.0.feed_forward.w1.weight [{size // 8} {params['dim']}]\n"
        text += f'test "{size}" {{\n  meta {record(params)}\n  hf {record(config)}\n{shape}}}\n'
        text += f'test "{size} back" {{\n  hf {record(config)}\n  meta {{ n_heads: 32 }}\n{shape}}}\n'
    (tmp_path / "sizes.rules").write_text(text)
    assert "16 tests" in run("check", tmp_path / "sizes.rules").stdout


def record(fields):
    return "{ " + ", ".join(f"{k}: {json.dumps(v)}" for k, v in fields.items()) + " }"


@pytest.mark.parametrize("name", ["llama-1", "llama-3"])
def test_one_pass_to_lit(name, tmp_path):
    m = meta.MODELS[name]
    src = m.save(tmp_path / "meta", 2)
    hf = convert(src, tmp_path / "hf", "hf")
    lit = convert(src, tmp_path / "lit", "lit")
    same(lit_state(lit), lit_state(convert(hf, tmp_path / "lit-of-hf", "lit")))
    near(lit_logits(lit), meta.logits(m.shards(2), m.all_params(), TOKENS, m.by_tokens), within=1e-5)
    legacy = convert(src, tmp_path / "legacy", "lit-legacy")
    same(lit_state(legacy), lit_state(convert(lit, tmp_path / "legacy-of-lit", "lit-legacy")))
    same_files(meta.load(convert(lit, tmp_path / "back", "meta", "--set", "t=2")), m.shards(2))


def test_merge_into_metas_files(tmp_path):
    m = meta.MODELS["llama-2"]
    src = m.save(tmp_path / "meta", 2)
    hf = convert(src, tmp_path / "hf", "hf")
    train(hf, tmp_path / "lora", r=3, target_modules=["q_proj", "k_proj", "o_proj", "down_proj"])
    merged = merge(src, tmp_path / "lora", tmp_path / "merged")
    two_steps = convert(merge(hf, tmp_path / "lora", tmp_path / "merged-hf"), tmp_path / "two", "meta", "--set", "t=2")
    same_files(meta.load(merged), meta.load(two_steps))
    assert json.loads((merged / "params.json").read_text()).items() >= m.all_params().items()
    assert any(not torch.equal(x, m.shards(2)[0][k]) for k, x in meta.load(merged)[0].items())


def test_a_part_of_the_files_is_refused(tmp_path):
    m = meta.MODELS["llama-2"]
    src = m.save(tmp_path / "meta", 4)
    (src / "consolidated.02.pth").unlink()
    assert "no consolidated.02.pth" in run("convert", "--to", "hf", src, tmp_path / "hf", expect=5).stderr
    (src / "consolidated.03.pth").unlink()
    assert "shape-contradicts" in run("convert", "--to", "hf", src, tmp_path / "hf", expect=4).stderr
    hf = convert(m.save(tmp_path / "whole", 2), tmp_path / "hf", "hf")
    assert run("convert", "--to", "meta", "--set", "t=3", hf, tmp_path / "three", expect=4).stderr
