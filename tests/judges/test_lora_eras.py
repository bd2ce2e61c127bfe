"""LoRA adapters of Lit-GPT's eras: which rows of the fused projection a block of B changed.

The reference is written from the description of each era's arithmetic, not from this project's
rules: a list of row numbers for the stacked update, by loops over rows."""

import itertools
import types

import pytest
import torch
import yaml

import evaluate
from make_tiny import CASES, hf_state, lit_state, same
from program import convert, merge, run

MASKS = [m for m in itertools.product((False, True), repeat=3) if any(m)]
HEADS = {"mha": "llama-mha", "gqa": "falcon-40b", "mqa": "llama-mqa"}
RANK, ALPHA = 3, 7
PARTS = ("lora_query", "lora_key", "lora_value")
ERA_1, ERA_0 = (), ("--set", "era=0")


def mask_id(mask):
    return "".join(c if on else "-" for c, on in zip("qkv", mask))


@pytest.fixture(scope="module")
def base(models, tmp_path_factory):
    made = {}

    def get(name, layout):
        if (name, layout) not in made:
            place = tmp_path_factory.mktemp("base") / name
            made[name, layout] = convert(models(name), place, layout)
        return made[name, layout]

    return get


def sizes(name):
    c = CASES[name].lit_config()
    return types.SimpleNamespace(heads=c.n_head, groups=c.n_query_groups, size=c.head_size, width=c.n_embd,
                                 layers=c.n_layer)


def rows_by_era(z, mask, era):
    """For each row of the stacked update, the row of the interleaved matrix that it is added to."""
    per_group = z.heads // z.groups
    out = (z.heads + 2 * z.groups) * z.size
    if all(mask):
        return list(range(out))
    rows = []
    if era == 0:
        kv = z.width // per_group
        starts = (0, z.width, z.width + kv, out)
        for part, on in enumerate(mask):
            rows += range(starts[part], starts[part + 1]) if on else ()
        return rows
    for part, on in enumerate(mask):
        for row in range(out):
            slot = row // z.size % (per_group + 2)
            is_part = slot < per_group if part == 0 else slot == per_group + part - 1
            if on and is_part:
                rows.append(row)
    return rows


def write_adapter(path, z, mask, name="attn.attn", more=(), hyper=True, dtype=torch.float32):
    torch.manual_seed(5)
    part_rows = (z.heads * z.size, z.groups * z.size, z.groups * z.size)
    state = {}
    for layer in range(z.layers):
        key = f"transformer.h.{layer}.{name}"
        if any(mask):
            state[key + ".lora_A"] = torch.randn(sum(mask) * RANK, z.width) * 0.1
            state[key + ".lora_B"] = torch.randn(sum(n for n, on in zip(part_rows, mask) if on), RANK) * 0.1
        for module, rows, columns in more:
            state[f"transformer.h.{layer}.{module}.lora_A"] = torch.randn(RANK, columns) * 0.1
            state[f"transformer.h.{layer}.{module}.lora_B"] = torch.randn(rows, RANK) * 0.1
    state = {k: v.to(dtype) for k, v in state.items()}
    path.mkdir(parents=True)
    torch.save({"model": state}, path / "lit_model_lora_finetuned.pth")
    if hyper:
        facts = dict(zip(PARTS, mask), lora_r=RANK, lora_alpha=ALPHA)
        (path / "hyperparameters.yaml").write_text(yaml.dump(facts))
    return state


def merged_by_era(z, mask, era, before, state, name="attn.attn"):
    """name -> (exact value, bound on the error of f32), of the fused projections."""
    out, scale = {}, ALPHA / RANK
    part_rows = (z.heads * z.size, z.groups * z.size, z.groups * z.size)
    for layer in range(z.layers):
        key = f"transformer.h.{layer}.{name}"
        a, b = state[key + ".lora_A"].double(), state[key + ".lora_B"].double()
        update, size, at = [], [], 0
        for block, rows in enumerate(n for n, on in zip(part_rows, mask) if on):
            left, right = b[at : at + rows], a[block * RANK : (block + 1) * RANK]
            update.append(left @ right * scale)
            size.append(left.abs() @ right.abs() * scale)
            at += rows
        w = before[key + ".weight"].double().clone()
        summed = w.abs()
        where = torch.tensor(rows_by_era(z, mask, era))
        w[where] += torch.cat(update)
        summed[where] += torch.cat(size)
        out[key + ".weight"] = (w, (RANK + 3) * 2.0**-24 * summed)
    return out


@pytest.mark.parametrize("era", [0, 1])
@pytest.mark.parametrize("mask", MASKS, ids=mask_id)
@pytest.mark.parametrize("heads", HEADS)
def test_interleaved_eras(heads, mask, era, base, tmp_path):
    name, option = HEADS[heads], ERA_0 if era == 0 else ERA_1
    z, old = sizes(name), base(name, "lit-legacy")
    state = write_adapter(tmp_path / "lora", z, mask)
    out = merge(old, tmp_path / "lora", tmp_path / "out", *option)
    assert (out / "lit_config.json").exists() and not (out / "model_config.yaml").exists()
    before, after = lit_state(old), lit_state(out)
    exact = merged_by_era(z, mask, era, before, state)
    assert sorted(after) == sorted(before)
    for key, value in after.items():
        if key not in exact:
            assert torch.equal(value, before[key]), key
            continue
        assert evaluate.nearly_nearest(value, exact[key]), key
        other = torch.ones(value.shape[0], dtype=torch.bool)
        other[rows_by_era(z, mask, era)] = False  # rows that nothing was trained for keep their bytes
        assert torch.equal(value[other], before[key][other])
    # one pass, merge before conversion, and an adapter on a base of today: the same bytes
    once = merge(old, tmp_path / "lora", tmp_path / "once", "--to", "hf", *option)
    twice = convert(out, tmp_path / "twice", "hf")
    today = merge(base(name, "lit"), tmp_path / "lora", tmp_path / "today", *option)
    late = convert(today, tmp_path / "late", "hf")
    assert (once / "model.safetensors").read_bytes() == (twice / "model.safetensors").read_bytes()
    assert (late / "model.safetensors").read_bytes() == (twice / "model.safetensors").read_bytes()
    same(lit_state(today), lit_state(convert(out, tmp_path / "again", "lit")))


@pytest.mark.parametrize("mask", MASKS, ids=mask_id)
def test_adapters_of_today_on_a_legacy_base(mask, base, tmp_path):
    """Their rows mean parts, wherever the base keeps those."""
    name = HEADS["gqa"]
    z, old = sizes(name), base(name, "lit-legacy")
    write_adapter(tmp_path / "lora", z, mask, name="attn.qkv")
    legacy = merge(old, tmp_path / "lora", tmp_path / "legacy")
    today = merge(base(name, "lit"), tmp_path / "lora", tmp_path / "today")
    assert "transformer.h.0.attn.attn.weight" in lit_state(legacy)
    same(lit_state(convert(legacy, tmp_path / "back", "lit")), lit_state(today))


def test_eras_agree_where_they_must(base, tmp_path):
    """One group: interleaved is concatenated, so all eras are one."""
    name = HEADS["mqa"]
    z = sizes(name)
    for mask in MASKS:
        rows = [rows_by_era(z, mask, era) for era in (0, 1)]
        assert rows[0] == rows[1]


def test_other_modules_of_the_tutorials(base, tmp_path):
    name = "llama-mqa"
    z, old = sizes(name), base(name, "lit-legacy")
    inner = CASES[name].lit_config().intermediate_size
    more = [("attn.proj", z.width, z.width), ("mlp.fc_1", inner, z.width), ("mlp.fc_2", inner, z.width),
            ("mlp.proj", z.width, inner)]
    state = write_adapter(tmp_path / "lora", z, (True, False, True), more=more)
    out = lit_state(merge(old, tmp_path / "lora", tmp_path / "out"))
    before, n = lit_state(old), 0
    for key in (k.removesuffix(".lora_A") for k in state if k.endswith("lora_A") and "attn.attn" not in k):
        a, b, w = (x.double() for x in (state[key + ".lora_A"], state[key + ".lora_B"], before[key + ".weight"]))
        bound = (RANK + 3) * 2.0**-24 * (w.abs() + ALPHA / RANK * (b.abs() @ a.abs()))
        assert evaluate.nearly_nearest(out[key + ".weight"], (w + ALPHA / RANK * (b @ a), bound)), key
        n += 1
    assert n == 4 * z.layers
    del state["transformer.h.0.mlp.proj.lora_A"]
    torch.save(state, tmp_path / "lora" / "lit_model_lora_finetuned.pth")  # flat, and half of a pair is gone
    refused = run("merge", old, tmp_path / "lora", tmp_path / "half", expect=4)
    assert "transformer.h.0.mlp.proj.lora_A" in refused.stderr and not (tmp_path / "half").exists()


def test_flags_of_the_tutorials_are_the_users(base, tmp_path):
    """The tutorials' adapters have no file of hyperparameters: command line, or the script's defaults."""
    name = HEADS["gqa"]
    z, old = sizes(name), base(name, "lit-legacy")
    mask = (True, False, True)
    write_adapter(tmp_path / "lora", z, mask, hyper=False)
    file = tmp_path / "lora" / "lit_model_lora_finetuned.pth"
    given = [x for n, on in zip(PARTS, mask) for x in ("--set", f"{n}={str(on).lower()}")]
    scale = ("--set", f"lora_r={RANK}", "--set", f"lora_alpha={ALPHA}")
    refused = run("merge", *scale, old, file, tmp_path / "unsaid", expect=4)
    assert "lora_query" in refused.stderr and not (tmp_path / "unsaid").exists()
    ours = merge(old, file, tmp_path / "out", *scale, *given)
    run("merge_lora", "--checkpoint_dir", old, "--lora_path", file, "--out_dir", tmp_path / "script", *scale)
    same(lit_state(tmp_path / "script"), lit_state(ours))
    refused = run("merge", *scale, *given, "--set", "era=3", old, file, tmp_path / "era", expect=4)
    assert "era" in refused.stderr and not (tmp_path / "era").exists()


def test_an_adapter_of_today_has_no_old_era(base, tmp_path):
    write_adapter(tmp_path / "lora", sizes("llama-mqa"), (True, True, True), name="attn.qkv")
    refused = run("merge", "--set", "era=0", base("llama-mqa", "lit"), tmp_path / "lora", tmp_path / "out", expect=4)
    assert "era" in refused.stderr and not (tmp_path / "out").exists()
