"""What torch, litgpt and safetensors write, as retensor reads it: names, dtypes, shapes,
and the bytes at the offsets that `inspect --json` tells."""

import argparse
import collections
import json

import pytest
from program import run

torch = pytest.importorskip("torch")
safetensors_torch = pytest.importorskip("safetensors.torch")

DTYPES = {
    "BOOL": torch.bool, "U8": torch.uint8, "I8": torch.int8, "I16": torch.int16,
    "U16": torch.uint16, "F16": torch.float16, "BF16": torch.bfloat16, "I32": torch.int32,
    "U32": torch.uint32, "F32": torch.float32, "C64": torch.complex64,
    "F64": torch.float64, "I64": torch.int64, "U64": torch.uint64,
    "F8_E5M2": torch.float8_e5m2, "F8_E4M3": torch.float8_e4m3fn,
    "F8_E4M3FNUZ": torch.float8_e4m3fnuz, "F8_E5M2FNUZ": torch.float8_e5m2fnuz,
}  # fmt: skip


def raw(tensor):
    return tensor.detach().contiguous().flatten().view(torch.uint8)


def inspect(path):
    return json.loads(run("inspect", "--json", path).stdout)


def same(path, state):
    """The file is read as `state`, whose tensors are all contiguous."""
    found = inspect(path)
    assert [t["name"] for t in found["tensors"]] == list(state)
    data = path.read_bytes()
    for t in found["tensors"]:
        want = state[t["name"]]
        assert t["shape"] == list(want.shape) and DTYPES[t["dtype"]] == want.dtype
        if want.numel() > 0:
            n = want.numel() * want.element_size()
            got = torch.frombuffer(bytearray(data[t["offset"] : t["offset"] + n]), dtype=torch.uint8)
            assert torch.equal(got, raw(want)), t["name"]
    return found


@pytest.fixture
def state():
    gen = torch.Generator().manual_seed(251)
    return collections.OrderedDict(
        a=torch.randn(2, 3, 4, generator=gen),
        b=torch.randn(5, generator=gen).bfloat16(),
        scalar=torch.tensor(3.5),
        empty=torch.zeros(0, 4),
        counts=torch.arange(5),
    )


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_protocols(tmp_path, state, protocol):
    torch.save(state, tmp_path / "x.pth", pickle_protocol=protocol)
    assert same(tmp_path / "x.pth", state)["notes"] == []


def test_dtypes(tmp_path):
    state = {name: torch.arange(6).reshape(2, 3).to(dtype) for name, dtype in DTYPES.items()}
    torch.save(state, tmp_path / "x.pth")
    same(tmp_path / "x.pth", state)
    safetensors_torch.save_file(state, tmp_path / "x.safetensors")
    found = inspect(tmp_path / "x.safetensors")
    assert {t["name"] for t in found["tensors"]} == set(DTYPES)


@pytest.mark.parametrize("key", ["model", "state_dict", "module", "weights"])
def test_nested(tmp_path, state, key):
    layer = torch.nn.Linear(2, 2)
    adam = torch.optim.Adam(layer.parameters())
    more = {"optimizer": adam.state_dict(), "step": 2**70, "args": argparse.Namespace(x=1)}
    torch.save({key: state, **more}, tmp_path / "x.ckpt")
    notes = "\n".join(same(tmp_path / "x.ckpt", state)["notes"])
    assert "optimizer" in notes and "argparse.Namespace" in notes


def test_module(tmp_path):
    module = torch.nn.Sequential(torch.nn.Linear(3, 4), torch.nn.BatchNorm1d(4))
    torch.save(module.state_dict(), tmp_path / "x.pth")
    same(tmp_path / "x.pth", module.state_dict())
    torch.save(dict(module.named_parameters()), tmp_path / "p.pth")
    same(tmp_path / "p.pth", dict(module.named_parameters()))
    run("inspect", "--json", tmp_path / "absent.pth", expect=5)
    torch.save(module, tmp_path / "m.pth")
    assert "state_dict()" in run("inspect", tmp_path / "m.pth", expect=5).stderr


def test_shared_and_views(tmp_path):
    base = torch.arange(100.0)
    torch.save({"x": base, "tie": base, "part": base[10:30].view(4, 5)}, tmp_path / "x.pth")
    state = {"x": base, "tie": base, "part": base[10:30].view(4, 5)}
    at = {t["name"]: t["offset"] for t in same(tmp_path / "x.pth", state)["tensors"]}
    assert at["x"] == at["tie"] == at["part"] - 40


def test_wrapped(tmp_path, state):
    torch.save({"module._orig_mod." + k: v for k, v in state.items()}, tmp_path / "x.pth")
    assert len(same(tmp_path / "x.pth", state)["notes"]) == 2


def test_incremental_save(tmp_path, state):
    """Numbers as storage keys, data.pkl last."""
    utils = pytest.importorskip("litgpt.utils")
    with utils.incremental_save(tmp_path / "lit_model.pth") as saver:
        early = {k: saver.store_early(v) for k, v in state.items() if v.numel() > 0}
        saver.save(early)
    same(tmp_path / "lit_model.pth", {k: v for k, v in state.items() if v.numel() > 0})


def test_without_crc(tmp_path, state):
    config = pytest.importorskip("torch.utils.serialization").config
    with config.patch({"save.compute_crc32": False}):
        torch.save(state, tmp_path / "x.pth")
    assert "checksums" in same(tmp_path / "x.pth", state)["notes"][0]


def save_stream(thing, path, **more):
    """As torch before 1.6 saved: no zip archive."""
    torch.save(thing, path, _use_new_zipfile_serialization=False, **more)


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_before_zip_archives(tmp_path, state, protocol):
    more = {name: torch.arange(6).to(dtype) for name, dtype in DTYPES.items()}
    save_stream({**state, **more}, tmp_path / "x.bin", pickle_protocol=protocol)
    found = same(tmp_path / "x.bin", {**state, **more})
    assert found["notes"] == [] and found["format"] == "torch before 1.6"


def test_before_zip_archives_nested(tmp_path, state):
    base = torch.arange(100.0)
    state = {**state, "x": base, "tie": base, "part": base[10:30].view(4, 5)}
    layer = torch.nn.Linear(2, 2)
    adam = torch.optim.Adam(layer.parameters())
    layer(torch.ones(2)).sum().backward()
    adam.step()
    save_stream({"state_dict": state, "optimizer": adam.state_dict()}, tmp_path / "x.ckpt")
    found = same(tmp_path / "x.ckpt", state)
    at = {t["name"]: t["offset"] for t in found["tensors"]}
    assert at["x"] == at["tie"] == at["part"] - 40
    assert "optimizer" in found["notes"][0] and "used by no tensor" in found["notes"][1]


def test_before_zip_archives_large(tmp_path):
    """The object is longer than what is read of it at first."""
    state = {f"layers.{i:06}.a_name_that_is_rather_long.weight": torch.full((1,), float(i)) for i in range(9000)}
    save_stream(state, tmp_path / "x.bin")
    same(tmp_path / "x.bin", state)
    (tmp_path / "cut.bin").write_bytes((tmp_path / "x.bin").read_bytes()[:1_100_000])
    assert "has no end" in run("inspect", tmp_path / "cut.bin", expect=5).stderr


def test_before_zip_archives_module(tmp_path):
    save_stream(torch.nn.Linear(2, 2), tmp_path / "x.bin")
    assert "state_dict()" in run("inspect", tmp_path / "x.bin", expect=5).stderr


def test_index(tmp_path):
    weight_map = {}
    for i, name in enumerate("ab", 1):
        shard = f"model-0000{i}-of-00002.safetensors"
        safetensors_torch.save_file({name: torch.ones(i)}, tmp_path / shard)
        weight_map[name] = shard
    index = {"metadata": {"total_size": 12}, "weight_map": weight_map}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    found = inspect(tmp_path)
    assert {t["name"]: t["file"] for t in found["tensors"]} == weight_map
    assert found["notes"] == []


@pytest.mark.parametrize("kind", ["sparse", "conjugated", "meta", "complex128", "script"])
def test_refused(tmp_path, kind):
    path = tmp_path / "x.pth"
    odd = {
        "sparse": lambda: torch.eye(3).to_sparse(),
        "conjugated": lambda: torch.ones(3, dtype=torch.complex64).conj(),
        "meta": lambda: torch.empty(3, device="meta"),
        "complex128": lambda: torch.ones(3, dtype=torch.complex128),
    }
    if kind == "script":
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
    else:
        torch.save({"w": odd[kind]()}, path)
    assert str(path) in run("inspect", path, expect=5).stderr
