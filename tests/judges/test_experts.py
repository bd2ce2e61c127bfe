"""LoRA on bare parameters (peft's target_parameters), above all on experts stacked in one: against peft's own merge in
float64 and the outputs of the unmerged model."""

import json

import peft
import pytest
import torch
import transformers
from peft import LoraConfig
from safetensors.torch import load_file, save_file
from torch import nn

from make_tiny import hf_state, lit_state, same
from program import convert, merge, run
from test_peft import judge, judge_weights, loaded, near, randomise

BOTH = ["experts.gate_up_proj", "experts.down_proj"]
HEADS = dict(num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, head_dim=8, vocab_size=64, max_position_embeddings=64)


def gpt_oss(inner):
    return transformers.GptOssConfig(hidden_size=24, intermediate_size=inner, num_local_experts=3, num_experts_per_tok=2, **HEADS)


def llama4(inner):
    return transformers.Llama4TextConfig(hidden_size=24, intermediate_size=inner, intermediate_size_mlp=28, num_local_experts=3,
                                         num_experts_per_tok=1, interleave_moe_layer_step=1, **HEADS)


MODELS = {"gpt-oss": (transformers.GptOssForCausalLM, gpt_oss), "llama4": (transformers.Llama4ForCausalLM, llama4)}
KINDS = {
    "both": dict(target_parameters=BOTH),
    "one": dict(target_parameters=["experts.down_proj"]),
    "with-attention": dict(target_parameters=BOTH, target_modules=["q_proj", "o_proj"]),
    "rslora": dict(target_parameters=BOTH, use_rslora=True),
    "patterns": dict(target_parameters=BOTH, rank_pattern={"experts.gate_up_proj": 5}, alpha_pattern={"down_proj": 11}),
}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    made = {}

    def get(name, inner=20):
        if (name, inner) not in made:
            kind, config = MODELS[name]
            torch.manual_seed(2)
            model = kind(config(inner))
            with torch.no_grad():  # experts are made by torch.empty
                for p in model.parameters():
                    p.normal_(0, 0.2) if p.dim() > 1 else p.uniform_(0.5, 1.5)
            made[name, inner] = tmp_path_factory.mktemp("base") / name
            model.save_pretrained(made[name, inner])
        return made[name, inner]

    return get


def train(name, path, out, **config):
    model = MODELS[name][0].from_pretrained(path, dtype=torch.float32, attn_implementation="eager")
    config = {"r": 3, "lora_alpha": 7, "target_modules": [], **config}
    adapted = randomise(peft.get_peft_model(model, LoraConfig(**config))).eval()
    adapted.save_pretrained(out)
    return adapted


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", MODELS)
def test_stacked_experts(name, kind, base, tmp_path):
    adapted = train(name, base(name), tmp_path / "a", **KINDS[kind])
    merged = judge(base(name), tmp_path / "a", tmp_path / "out", adapted)
    judge_weights(merged, adapted)
    changed = [k for k, v in merged.items() if not torch.equal(v, hf_state(base(name))[k])]
    assert len(changed) == 2 * (len(KINDS[kind]["target_parameters"]) + len(KINDS[kind].get("target_modules", [])))
    answer = run("verify", base(name), tmp_path / "out", "--adapter", tmp_path / "a").stdout
    assert f"{len(changed)} of {len(changed)} updates merged" in answer


@pytest.mark.parametrize("name", MODELS)
def test_square_down_projection(name, base, tmp_path):
    """Shapes cannot tell the sides of A and B; what peft does here is out_in."""
    adapted = train(name, base(name, 24), tmp_path / "a", target_parameters=BOTH)
    said = run("merge", base(name, 24), tmp_path / "a", tmp_path / "no", expect=4).stderr
    assert "two ways" in said and "orientation" in said
    judge_weights(judge(base(name, 24), tmp_path / "a", tmp_path / "out", adapted, "--set", "orientation=out_in"), adapted)


@pytest.mark.parametrize("name", MODELS)
def test_the_packing_of_unsloth(name, base, tmp_path):
    """Columns of B by expert: the same update, said by the marker or by --set."""
    adapted = train(name, base(name), tmp_path / "a", target_parameters=BOTH)
    tensors = load_file(tmp_path / "a" / "adapter_model.safetensors")
    for key, b in tensors.items():
        if key.endswith("lora_B.weight"):
            tensors[key] = b.reshape(len(b), 3, 3).transpose(1, 2).reshape(b.shape).contiguous()
    save_file(tensors, tmp_path / "a" / "adapter_model.safetensors")
    merged = judge(base(name), tmp_path / "a", tmp_path / "out", adapted, "--set", "lora_B_layout=grouped_by_expert")
    config = json.loads((tmp_path / "a" / "adapter_config.json").read_text())
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps({**config, "lora_B_layout": "grouped_by_expert"}))
    judge_weights(merged, adapted)
    judge_weights(hf_state(merge(base(name), tmp_path / "a", tmp_path / "marked")), adapted)


class Experts(nn.Module):
    """Three parameters of one module, of other sizes each; is_transposed as newer models of transformers have it."""

    def __init__(self, is_transposed):
        super().__init__()
        self.is_transposed = is_transposed
        self.first = nn.Parameter(torch.randn(4, 10, 6))
        self.second = nn.Parameter(torch.randn(4, 6, 14))
        self.third = nn.Parameter(torch.randn(4, 9, 11))

    def forward(self, x):
        return self.first.sum() + self.second.sum() + self.third.sum() + x


class Small(nn.Module):
    def __init__(self, is_transposed):
        super().__init__()
        self.experts = nn.ModuleList([Experts(is_transposed)])
        self.table = Table()

    def forward(self, x):
        return self.experts[0](x) + self.table(x)


class Table(nn.Module):
    """A bare matrix."""

    def __init__(self):
        super().__init__()
        self.rows = nn.Parameter(torch.randn(12, 7))

    def forward(self, x):
        return self.rows.sum() + x


@pytest.mark.parametrize("is_transposed", [False, True], ids=["out_in", "in_out"])
@pytest.mark.parametrize("n", [1, 2, 3])
def test_nested_wrappers_of_a_base_without_family(n, is_transposed, tmp_path):
    torch.manual_seed(6)
    model = Small(is_transposed)
    (tmp_path / "base").mkdir()
    save_file(model.state_dict(), tmp_path / "base" / "model.safetensors")
    (tmp_path / "base" / "config.json").write_text(json.dumps(dict(model_type="unknown_moe")))
    target = [f"experts.0.{p}" for p in ("first", "second", "third")[:n]] + ["table.rows"]
    adapted = randomise(peft.get_peft_model(model, LoraConfig(r=3, lora_alpha=7, target_modules=[], target_parameters=target)))
    adapted.save_pretrained(tmp_path / "a")
    theirs = adapted.double().merge_and_unload().state_dict()
    for name, value in hf_state(merge(tmp_path / "base", tmp_path / "a", tmp_path / "out")).items():
        near(value, theirs[name])


def test_stacked_experts_of_a_family(models, tmp_path):
    """Mixtral as transformers 5 writes it, and an adapter trained on that: added where it stands, in every layout."""
    stacked = convert(models("mixtral"), tmp_path / "stacked", "hf5")
    before = hf_state(stacked)
    tensors, want = {}, {}
    torch.manual_seed(8)
    for layer in range(2):
        for name, where in (("gate_up_proj", ".base_layer"), ("down_proj", "")):
            key = f"model.layers.{layer}.mlp.experts.{name}"
            e, d1, d2 = before[key].shape
            a, b = torch.randn(e, 2, d2) * 0.1, torch.randn(d1, 2, e) * 0.1
            prefix = f"base_model.model.model.layers.{layer}.mlp.experts{where}.lora_"
            tensors |= {prefix + "A.weight": a.reshape(e * 2, d2), prefix + "B.weight": b.reshape(d1, 2 * e)}
            want[key] = before[key].double() + 3 * torch.einsum("oke,eki->eoi", b.double(), a.double())
    (tmp_path / "a").mkdir()
    save_file(tensors, tmp_path / "a" / "adapter_model.safetensors")
    config = dict(peft_type="LORA", r=2, lora_alpha=6, target_parameters=BOTH)
    (tmp_path / "a" / "adapter_config.json").write_text(json.dumps(config))
    merged = hf_state(merge(stacked, tmp_path / "a", tmp_path / "out", "--dtype", "float32"))
    for key, value in merged.items():
        near(value, want.get(key, before[key]))
    for to, state in (("hf", hf_state), ("lit", lit_state)):
        once = merge(stacked, tmp_path / "a", tmp_path / f"once-{to}", "--dtype", "float32", "--to", to)
        same(state(once), state(convert(tmp_path / "out", tmp_path / f"twice-{to}", to)))
        run("verify", stacked, once, "--adapter", tmp_path / "a")


def test_listed_experts_of_a_stacked_base(models, tmp_path):
    """An adapter that was trained while the experts were listed."""
    base = models("mixtral")
    adapted = randomise(peft.get_peft_model(loaded(base), LoraConfig(r=3, lora_alpha=7, target_modules=["w1", "w2", "q_proj"]))).eval()
    adapted.save_pretrained(tmp_path / "a")
    stacked = convert(base, tmp_path / "stacked", "hf5")
    listed = merge(stacked, tmp_path / "a", tmp_path / "out", "--to", "hf", "--dtype", "float32")
    judge_weights(hf_state(listed), adapted)
    run("verify", stacked, listed, "--adapter", tmp_path / "a")


def test_spectra_of_stacked_experts_and_of_high_ranks(base, tmp_path):
    """The singular values of all experts together; and of factors of a rank above their own sizes."""
    config = dict(target_parameters=["experts.gate_up_proj"], target_modules=["q_proj"], r=150, rank_pattern={"experts.gate_up_proj": 3})
    train("gpt-oss", base("gpt-oss"), tmp_path / "a", **config)
    rows = json.loads(run("merge", "--json", base("gpt-oss"), tmp_path / "a", tmp_path / "out").stdout)["merged"]
    factors = load_file(tmp_path / "a" / "adapter_model.safetensors")
    assert len(rows) == 4
    for row in rows:
        b, a = (factors[name].double() for name in row["factors"])
        experts = row["target"].endswith("gate_up_proj")
        delta = torch.einsum("oke,eki->eoi", b.reshape(len(b), 3, 3), a.reshape(3, 3, -1)) if experts else b @ a
        sigma = row["scale"] * torch.linalg.svdvals(delta).flatten()
        share = sigma / sigma.sum()
        share = share[share > 1e-12]
        assert row["largest_singular"] == pytest.approx(float(sigma.max()), rel=1e-9)
        assert row["stable_rank"] == pytest.approx(float(sigma.square().sum() / sigma.max() ** 2), rel=1e-9)
        assert row["effective_rank"] == pytest.approx(float((-(share * share.log()).sum()).exp()), rel=1e-5)
