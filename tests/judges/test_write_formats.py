"""What retensor writes, judged by the programs that will read it: torch, safetensors
and Python's zipfile.  `write_sample` (tests/tools) makes files whose every byte is
known and says what it wrote.

The program is looked for in the build directory: the one of RETENSOR, else `build`.
"""

import json
import os
import pathlib
import subprocess
import zipfile

import pytest

safetensors = pytest.importorskip("safetensors")
torch = pytest.importorskip("torch")
from safetensors.torch import load_file, save_file  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("RETENSOR", ROOT / "build" / "retensor")).parent

# Types that torch's loader of safetensors has no name for.
NOT_LOADED = {"F4", "F6_E2M3", "F6_E3M2", "F8_E8M0"}


@pytest.fixture(scope="session")
def program():
    for path in BUILD.rglob("write_sample"):
        if path.is_file() and os.access(path, os.X_OK):
            return path
    pytest.skip("write_sample is not built")


def write(program, directory, *args):
    done = subprocess.run(
        [program, directory, *map(str, args)], check=True, capture_output=True, text=True
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def expected_bytes(entry, entries):
    source = entries[entry["tie"]] if entry["tie"] >= 0 else entry
    mask = 1 if entry["dtype"] == "BOOL" else 255
    return bytes(
        (31 * source["seed"] + 7 * j + 1) & mask for j in range(entry["n_bytes"])
    )


def stored_bytes(tensor):
    storage = tensor.untyped_storage()
    begin = tensor.storage_offset() * tensor.element_size()
    return bytes(storage.tolist()[begin : begin + tensor.nbytes])


def torch_shape(entry):
    shape = list(entry["shape"])
    if entry["dtype"] == "F4":  # torch counts pairs
        shape[-1] //= 2
    return shape


def check_torch(state, entries):
    assert list(state) == [e["name"] for e in entries]
    for entry in entries:
        tensor = state[entry["name"]]
        assert tensor.dtype == getattr(torch, entry["torch"]), entry
        assert list(tensor.shape) == torch_shape(entry), entry
        assert tensor.is_contiguous() and not tensor.requires_grad
        assert stored_bytes(tensor) == expected_bytes(entry, entries), entry
        if entry["tie"] >= 0:
            target = state[entries[entry["tie"]]["name"]]
            assert tensor.data_ptr() == target.data_ptr()


@pytest.mark.parametrize(
    "how",
    [{"weights_only": True}, {"weights_only": True, "mmap": True}, {"weights_only": False}],
    ids=["weights_only", "mmap", "pickle"],
)
@pytest.mark.parametrize("wrap", [None, "model"])
def test_torch_reads_every_type(program, tmp_path, how, wrap):
    entries = write(program, tmp_path, "torch", "all", *([0, wrap] if wrap else []))
    loaded = torch.load(tmp_path / "lit_model.pth", **how)
    if wrap:
        assert list(loaded) == [wrap]
        loaded = loaded[wrap]
    assert type(loaded) is dict
    check_torch(loaded, entries)


def test_torch_mapped_data_is_aligned(program, tmp_path):
    entries = write(program, tmp_path, "torch", "all")
    loaded = torch.load(tmp_path / "lit_model.pth", weights_only=True, mmap=True)
    for entry in entries:
        if entry["n_bytes"] > 0:
            assert loaded[entry["name"]].data_ptr() % 64 == 0


def test_torch_saves_again_what_it_read(program, tmp_path):
    entries = write(program, tmp_path, "torch", "all")
    state = torch.load(tmp_path / "lit_model.pth", weights_only=True)
    torch.save(state, tmp_path / "again.pth")
    check_torch(torch.load(tmp_path / "again.pth", weights_only=True), entries)


def test_zip_is_sound(program, tmp_path):
    write(program, tmp_path, "torch", "all")
    with zipfile.ZipFile(tmp_path / "lit_model.pth") as archive:
        assert archive.testzip() is None
        names = archive.namelist()
    assert names[:3] == ["lit_model/data.pkl", "lit_model/byteorder", "lit_model/data/0"]
    assert names[-1] == "lit_model/version"
    assert names[2:-1] == [f"lit_model/data/{i}" for i in range(len(names) - 3)]


def test_torch_shards(program, tmp_path):
    entries = write(program, tmp_path, "torch", "all", 100)
    index = json.loads((tmp_path / "pytorch_model.bin.index.json").read_text("utf-8"))
    stored = [e for e in entries if e["tie"] < 0]
    assert index["metadata"]["total_size"] == sum(e["n_bytes"] for e in stored)
    assert list(index["weight_map"]) == sorted(e["name"] for e in entries)
    files = sorted(p.name for p in tmp_path.glob("*.bin"))
    assert files == sorted(set(index["weight_map"].values()))
    loaded = {f: torch.load(tmp_path / f, weights_only=True) for f in files}
    for entry in entries:
        tensor = loaded[index["weight_map"][entry["name"]]][entry["name"]]
        assert stored_bytes(tensor) == expected_bytes(entry, entries)
    assert sum(map(len, loaded.values())) == len(entries)


def test_safetensors_reads_every_type(program, tmp_path):
    entries = [e for e in write(program, tmp_path, "safetensors", "all") if e["tie"] < 0]
    path = tmp_path / "model.safetensors"
    with safetensors.safe_open(path, framework="pt") as file:
        assert file.metadata() == {"format": "pt"}
        assert sorted(file.keys()) == sorted(e["name"] for e in entries)
        for entry in entries:
            assert file.get_slice(entry["name"]).get_shape() == entry["shape"]
            assert file.get_slice(entry["name"]).get_dtype() == entry["dtype"]
            if entry["dtype"] not in NOT_LOADED:
                tensor = file.get_tensor(entry["name"])
                assert tensor.dtype == getattr(torch, entry["torch"])
                assert list(tensor.shape) == entry["shape"]
                assert stored_bytes(tensor) == expected_bytes(entry, entries)


def read_raw(path):
    data = path.read_bytes()
    n_header = int.from_bytes(data[:8], "little")
    header = json.loads(data[8 : 8 + n_header])
    return header, data[8 : 8 + n_header], data[8 + n_header :]


def test_safetensors_bytes(program, tmp_path):
    entries = [e for e in write(program, tmp_path, "safetensors", "all") if e["tie"] < 0]
    header, text, data = read_raw(tmp_path / "model.safetensors")
    assert (8 + len(text)) % 64 == 0
    assert text.rstrip(b" ").endswith(b"}")
    assert next(iter(header)) == "__metadata__"
    for entry in entries:
        begin, end = header[entry["name"]]["data_offsets"]
        assert data[begin:end] == expected_bytes(entry, entries)
        width = {"64": 8, "32": 4, "16": 2}.get(entry["dtype"][-2:], 1)
        assert begin % width == 0


def test_safetensors_order_is_the_reference_order(program, tmp_path):
    """The reference writer, given the same tensors, puts them in the same order."""
    entries = [e for e in write(program, tmp_path, "safetensors", "all") if e["tie"] < 0]
    ours, _, _ = read_raw(tmp_path / "model.safetensors")
    known = [e for e in entries if e["dtype"] not in NOT_LOADED]
    state = {}
    with safetensors.safe_open(tmp_path / "model.safetensors", framework="pt") as file:
        for entry in known:
            state[entry["name"]] = file.get_tensor(entry["name"])
    save_file(state, tmp_path / "theirs.safetensors", metadata={"format": "pt"})
    theirs, _, _ = read_raw(tmp_path / "theirs.safetensors")
    skipped = {e["name"] for e in entries if e["dtype"] in NOT_LOADED}
    assert [k for k in ours if k not in skipped] == list(theirs)


def hub_shards(entries, limit):
    """The hub's own splitter on the same names and sizes."""
    base = pytest.importorskip("huggingface_hub.serialization._base")
    sizes = {e["name"]: e["n_bytes"] for e in entries}
    split = base.split_state_dict_into_shards_factory(
        {name: [name] for name in sizes},  # a plain str would be passed over
        get_storage_size=lambda t: sizes[t[0]],
        get_storage_id=lambda t: None,
        filename_pattern="model{suffix}.safetensors",
        max_shard_size=limit,
    )
    return split.tensor_to_filename, split.metadata["total_size"]


@pytest.mark.parametrize("limit", [1, 24, 100, 200, 150000])
def test_safetensors_shards_are_the_hubs(program, tmp_path, limit):
    entries = [
        e for e in write(program, tmp_path, "safetensors", "all", limit) if e["tie"] < 0
    ]
    weight_map, total = hub_shards(entries, limit)
    if len(set(weight_map.values())) == 1:
        assert (tmp_path / "model.safetensors").exists()
        assert not (tmp_path / "model.safetensors.index.json").exists()
        return
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text("utf-8"))
    assert index["metadata"] == {"total_size": total}
    assert index["weight_map"] == weight_map
    assert list(index["weight_map"]) == sorted(weight_map)
    for name in set(weight_map.values()):
        with safetensors.safe_open(tmp_path / name, framework="pt") as file:
            mapped = [k for k, shard in weight_map.items() if shard == name]
            assert sorted(file.keys()) == sorted(mapped)


def test_equal_input_gives_equal_bytes(program, tmp_path):
    for kind, name in (("torch", "lit_model.pth"), ("safetensors", "model.safetensors")):
        write(program, tmp_path / kind / "a", kind, "all")
        write(program, tmp_path / kind / "b", kind, "all")
        first, second = (tmp_path / kind / d / name for d in "ab")
        assert first.read_bytes() == second.read_bytes()


def test_many_tensors(program, tmp_path):
    entries = write(program, tmp_path / "st", "safetensors", "many")
    assert len(load_file(tmp_path / "st" / "model.safetensors")) == len(entries)
    write(program, tmp_path / "pt", "torch", "many")
    path = tmp_path / "pt" / "lit_model.pth"
    state = torch.load(path, weights_only=True, mmap=True)
    assert list(state) == [e["name"] for e in entries]
    last = entries[-1]
    assert stored_bytes(state[last["name"]]) == expected_bytes(last, entries)
    with zipfile.ZipFile(path) as archive:
        assert len(archive.namelist()) == len(entries) + 3
