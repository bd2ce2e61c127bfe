"""Files that lie, and a world that breaks off in the middle: the program as a whole.

The readers' own tests (tests/unit/test_*_read.c) hold the long lists, byte by byte; here stand
the cases that need a directory, a config, a process or a signal.  Each says the exit code and the
slug, and that nothing was written, called, hung or blown up.
"""

import errno
import json
import os
import pickle
import resource
import signal
import subprocess

import pytest
from hostile_kit import bounded, config, make_model, refused, safetensors, shapes, SIZES, torch_zip
from program import RETENSOR


@pytest.fixture
def source(tmp_path):
    return make_model(tmp_path / "source")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out"


def test_the_honest_model_is_converted(source, out):
    assert bounded("convert", "--to", "lit", "--no-sync", source, out)[0] == 0
    assert bounded("verify", source, out)[0] == 0


# ---- configs --------------------------------------------------------------------------

SOUND = json.dumps(config(**SIZES))
DEEP = 100_000


@pytest.mark.parametrize(
    "text, word",
    [
        ('{"a":' + "[" * DEEP + "]" * DEEP + "}", "nested more than"),
        ('{"a":' * DEEP + "1" + "}" * DEEP, "nested more than"),
        (SOUND[:-1] + ', "hidden_size": 8}', "stands twice"),
        (SOUND[:-1] + ', "hidden\\u005fsize": 8}', "stands twice"),
        (SOUND[:-1] + ', "x": "\\u0000"}', "NUL"),
        (SOUND[:-1] + ', "x": "\\ud800"}', "surrogate"),
        (SOUND + "x", "no JSON"),
        ("\ufeff" + SOUND, "no JSON"),
        (SOUND[:-1], "no JSON"),
        ("", "no JSON"),
        ("[]", "no JSON record"),
        ("3", "no JSON record"),
    ],
    ids=["deep-lists", "deep-records", "twice", "twice-escaped", "nul", "surrogate", "behind", "bom",
         "cut", "empty", "list", "number"],
)
def test_config_that_is_no_config(source, out, text, word):
    (source / "config.json").write_text(text)
    refused(source, out, "config.json", word, expect=5, slug="bad-config")


def test_config_that_is_not_utf8(source, out):
    (source / "config.json").write_bytes(SOUND.encode()[:-1] + b', "x": "\xff"}')
    refused(source, out, "UTF-8", expect=5, slug="bad-config")


COUNTS = ["num_hidden_layers", "hidden_size", "num_attention_heads", "num_key_value_heads",
          "intermediate_size", "vocab_size"]


@pytest.mark.parametrize("field", COUNTS)
@pytest.mark.parametrize("number", [-1, 0, 10**6, 2**31, 2**62, 2**63 - 1, 2**64, 10**30, 1.5, 1e300, [3], {}, "x"],
                         ids=str)
def test_a_count_that_no_model_has(source, out, field, number):
    """Far beyond memory, beyond 64 bits, or no number: answered at once, with the field's name."""
    (source / "config.json").write_text(json.dumps({**json.loads(SOUND), field: number}))
    code, _, said = bounded("convert", "--to", "lit", "--no-sync", source, out)
    assert code == 4 and not out.exists(), (code, said)
    assert field in said or number == 0 and "have no rule" in said, said  # none are asked for
    refused(source, out, expect=4, slug=said[said.index(" [") + 2 : said.index("]\n")])


def test_more_layers_than_names(source, out):
    (source / "config.json").write_text(json.dumps({**json.loads(SOUND), "num_hidden_layers": 2**40}))
    refused(source, out, "num_hidden_layers = 1099511627776", "21 tensors", expect=4, slug="too-many-names")
    assert bounded("audit", source)[0] == 1


def test_a_config_that_writes_to_the_terminal(source, out):
    fields = {**json.loads(SOUND), "model_type": "\x1b[2J\u202e"}
    (source / "config.json").write_text(json.dumps(fields))
    refused(source, out, expect=4, slug="no-family")


@pytest.mark.parametrize(
    "text",
    [
        "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: [*b, *b, *b, *b]\n",
        "n_layer: !!python/object/apply:os.system ['touch called']\n",
        "base: {n_layer: 2}\n<<: {n_layer: 3}\nn_layer: *x\n",
        "n_layer: " + "[" * 5000 + "]" * 5000 + "\n",
        "n_layer: 2\nn_layer: 3\n",
        "- n_layer\n",
        "n_layer: [2\n",
    ],
    ids=["aliases", "tags", "merge", "deep", "twice", "list", "open"],
)
def test_yaml_that_does_more_than_tell(source, out, tmp_path, text):
    assert bounded("convert", "--to", "lit", "--no-sync", source, out)[0] == 0
    (out / "model_config.yaml").write_text(text)
    for path in out.glob("config.json"):
        path.unlink()
    code, _, said = bounded("convert", "--to", "hf", "--no-sync", out, tmp_path / "back", cwd=tmp_path)
    assert code == 5 and "[bad-config]" in said and "model_config.yaml" in said, said
    assert not (tmp_path / "back").exists() and not (tmp_path / "called").exists()


# ---- weights --------------------------------------------------------------------------


def test_what_is_no_regular_file(source, out):
    weights = source / "model.safetensors"
    for make in (lambda: os.mkfifo(weights), lambda: weights.symlink_to("/dev/zero"), weights.mkdir,
                 lambda: weights.symlink_to(weights), lambda: weights.symlink_to(source / "gone")):
        weights.unlink() if weights.is_symlink() or weights.exists() and not weights.is_dir() else None
        make()
        refused(source, out, expect=5, slug="bad-file")
        weights.rmdir() if weights.is_dir() and not weights.is_symlink() else weights.unlink()


def test_what_may_not_be_read(source, out):
    if os.geteuid() == 0:
        pytest.skip("root may read everything")
    (source / "model.safetensors").chmod(0)
    refused(source, out, "model.safetensors", os.strerror(errno.EACCES), expect=5, slug="bad-file")


def test_safetensors_before_bin(source, out):
    torch_zip(source / "pytorch_model.bin", b"no pickle at all", {})
    code, _, said = bounded("convert", "--to", "lit", "--no-sync", source, out)
    assert code == 0 and "pytorch_model.bin" in said


def test_a_polyglot(source, out):
    with open(source / "model.safetensors", "ab") as file:
        file.write(b"PK\5\6" + bytes(18))
    refused(source, out, "22 bytes at the end", expect=5, slug="bad-file")


def test_a_name_that_writes_to_the_terminal(source, out):
    safetensors(source / "model.safetensors", {**shapes(**SIZES), "a\u202eb": [1]})
    refused(source, out, "\\u{202e}", expect=4, slug="unmapped")
    safetensors(source / "model.safetensors", {**shapes(**SIZES), "a\x1b[2J": [1]})
    refused(source, out, "control", expect=5, slug="bad-file")


def index(source, weight_map, **metadata):
    (source / "model.safetensors").rename(source / "s1.safetensors")
    text = json.dumps({"metadata": metadata, "weight_map": weight_map})
    (source / "model.safetensors.index.json").write_text(text)


def test_an_index_that_leads_out(source, out, tmp_path):
    make_model(tmp_path / "secret")
    index(source, {name: "../secret/model.safetensors" for name in shapes(**SIZES)})
    refused(source, out, "plain file name", expect=5, slug="bad-file")
    (source / "s1.safetensors").rename(source / "model.safetensors")
    index(source, {name: "s2.safetensors" for name in shapes(**SIZES)})
    (source / "s2.safetensors").symlink_to("/dev/zero")
    refused(source, out, "index.json", expect=5, slug="no-weights")


def test_an_index_and_shards_that_differ(source, out):
    names = shapes(**SIZES)
    safetensors(source / "s2.safetensors", {"lm_head.weight": names["lm_head.weight"]})
    index(source, {name: "s1.safetensors" for name in names} | {"lm_head.weight": "s2.safetensors"})
    refused(source, out, "lm_head.weight", "already", expect=5, slug="bad-file")
    (source / "s1.safetensors").rename(source / "model.safetensors")
    index(source, {name: "s1.safetensors" for name in names} | {"other": "s1.safetensors"})
    refused(source, out, "tensor other should be in s1.safetensors", expect=5, slug="bad-file")


@pytest.mark.parametrize("total", [1, -1, 7.5, "many", None, [10**30]], ids=str)
def test_an_index_with_a_wrong_total(source, out, total):
    """Only a note: the sizes come from the shards."""
    index(source, {name: "s1.safetensors" for name in shapes(**SIZES)}, total_size=total)
    assert bounded("convert", "--to", "lit", "--no-sync", source, out)[0] == 0


# ---- pickles --------------------------------------------------------------------------


class Evil:
    def __init__(self, call, *args):
        self.made_by = (call, args)

    def __reduce__(self):
        return self.made_by


def evil_pickles(mark):
    touch = f"touch {mark}"
    yield "root", Evil(os.system, touch)
    yield "entry", {"model.embed_tokens.weight": Evil(os.system, touch)}
    yield "key", {Evil(os.system, touch): 1}
    yield "getattr", {"w": Evil(getattr, Evil, "__init__")}
    yield "eval", {"w": Evil(eval, f"__import__('os').system({touch!r})")}
    yield "nested", {"state_dict": {"w": [Evil(exec, f"open({str(mark)!r}, 'w')")]}}


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_pickle_calls_nothing(source, out, tmp_path, protocol):
    mark = tmp_path / "called"
    (source / "model.safetensors").unlink()
    for name, value in evil_pickles(mark):
        torch_zip(source / "pytorch_model.bin", pickle.dumps(value, protocol), {"0": bytes(24)})
        refused(source, out, "pytorch_model.bin", expect=5, slug="bad-file")
        assert not mark.exists(), name
    (source / "pytorch_model.bin").write_bytes(pickle.dumps(Evil(os.system, f"touch {mark}"), protocol))
    refused(source, out, "bare pickle", expect=5, slug="bad-file")
    assert not mark.exists()


def test_a_deflate_bomb(source, out):
    (source / "model.safetensors").unlink()
    torch_zip(source / "pytorch_model.bin", bytes(1 << 28), {}, compress=True)
    refused(source, out, "too large", expect=5, slug="bad-file")


def test_a_memo_bomb(source, out):
    """Thirty tuples that each hold the one before twice: a graph of 2^30 leaves."""
    (source / "model.safetensors").unlink()
    graph = ("x",)
    for _ in range(30):
        graph = (graph, graph)
    torch_zip(source / "pytorch_model.bin", pickle.dumps({"w": graph}, 2), {})
    refused(source, out, "a tuple", expect=5, slug="bad-file")


# ---- the world breaks off -------------------------------------------------------------


def unchanged(source, before):
    return {p.name: p.read_bytes() for p in source.iterdir()} == before


def test_a_disk_that_is_full(source, out):
    """The limit of a file's size stands for it: reserving the space fails, and then writing."""
    before = {p.name: p.read_bytes() for p in source.iterdir()}
    for most in (0, 100, 3000):
        code, _, said = bounded("convert", "--to", "lit", "--no-sync", source, out,
                                limits=[(resource.RLIMIT_FSIZE, most)])
        assert code == 5 and "[cannot-write]" in said, said
        assert str(out) in said and os.strerror(errno.EFBIG) in said, said
        assert not out.exists() and unchanged(source, before)


@pytest.mark.parametrize("dst, why", [("file/out", errno.ENOTDIR), ("/proc/none/out", errno.ENOENT)])
def test_a_place_that_cannot_be_written(source, tmp_path, dst, why):
    (tmp_path / "file").write_text("")
    code, _, said = bounded("convert", "--to", "lit", source, tmp_path / dst)
    assert code == 5 and "[cannot-write]" in said and os.strerror(why) in said, said


def test_a_directory_that_is_read_only(source, tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    (tmp_path / "locked").mkdir(mode=0o500)
    code, _, said = bounded("convert", "--to", "lit", source, tmp_path / "locked" / "out")
    assert code == 5 and "[cannot-write]" in said and os.strerror(errno.EACCES) in said, said


def test_an_output_over_its_input(source, tmp_path):
    """Not even --force lets an input be written, by whatever name it is called."""
    before = {p.name: p.read_bytes() for p in source.iterdir()}
    (tmp_path / "link").symlink_to(source)
    for dst in (source, tmp_path / "link", source / ".", tmp_path / "link" / ".." / "source"):
        code, _, said = bounded("convert", "--force", "--to", "hf", source, dst)
        assert code == 5 and "[output-is-input]" in said and unchanged(source, before), (dst, said)


def test_a_link_to_an_input_stands_in_the_output(source, out):
    before = {p.name: p.read_bytes() for p in source.iterdir()}
    out.mkdir()
    for make in (os.symlink, os.link):
        make(source / "model.safetensors", out / "lit_model.pth")
        code, _, said = bounded("convert", "--force", "--to", "lit", "--no-sync", source, out)
        assert code == 5 and "[output-is-input]" in said and unchanged(source, before), said
        (out / "lit_model.pth").unlink()


def test_shards_that_were_not_fetched(source, out):
    index(source, {name: "s2.safetensors" for name in shapes(**SIZES)})
    refused(source, out, "index.json", expect=5, slug="no-weights")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=["INT", "TERM"])
def test_a_signal_leaves_nothing(tmp_path, number):
    """Sent when the first partial file shows.  A run that ends before it came proves nothing and
    is done again, on a larger model; the weights are a hole that takes no room."""
    for vocab in (8_000, 16_000, 32_000, 64_000):
        source = make_model(tmp_path / f"source-{vocab}", sparse=True, vocab=vocab, hidden=4096, heads=32)
        out = tmp_path / f"out-{vocab}"
        command = [RETENSOR, "convert", "--quiet", "--no-sync", "--threads", "1", "--to", "lit", source, out]
        process = subprocess.Popen(command, stderr=subprocess.PIPE)
        while process.poll() is None and not (out.is_dir() and any(out.iterdir())):
            pass
        process.send_signal(number)
        said = process.communicate()[1].decode()
        if process.returncode == 128 + number and not out.exists():
            assert "[cancelled]" in said
            return
        assert process.returncode == 0 or (out / "lit_model.pth").exists(), said
    pytest.fail("no signal came in time")
