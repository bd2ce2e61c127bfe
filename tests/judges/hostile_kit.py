"""Files made byte by byte, and the program run on them within bounds."""

import json
import os
import resource
import struct
import subprocess
import sys
import zipfile

from program import RETENSOR

MAX_PEAK = 256 << 20  # resident bytes; honest runs on such files stay below 20 MiB
MAX_SECONDS = 60  # of processor time: a guard against endless loops


# Runs a command and writes the peak of its resident memory (KiB) into a file.
LAUNCH = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[2:])
with open(sys.argv[1], "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code if code >= 0 else 128 - code)
"""


def bounded(*args, limits=(), program=(RETENSOR,), **more):
    """Run `retensor ARGS`.  It ends by itself, in bounded memory.  Gives (code, stdout, stderr)."""

    def limit():
        resource.setrlimit(resource.RLIMIT_CPU, (MAX_SECONDS, MAX_SECONDS))
        for what, most in limits:
            resource.setrlimit(what, (most, most))

    process = subprocess.Popen(
        [*map(str, program), *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=limit,
        **more,
    )
    out, err = process.communicate()
    assert process.returncode >= 0, f"ended by signal {-process.returncode}"
    return process.returncode, out.decode(), err.decode()


def refused(src, dst, *words, expect, slug):
    """The conversion to lit ends with this code, slug and words, and leaves nothing behind."""
    # A child counts as large as this process was at the fork: a launcher in between is small.
    report = os.path.join(os.path.dirname(str(dst)), ".peak")
    code, _, said = bounded("convert", "--to", "lit", "--no-sync", src, dst, program=[sys.executable, "-SEc", LAUNCH, report, RETENSOR])
    assert (code, f"[{slug}]" in said) == (expect, True), (code, said)
    for word in words:
        assert word in said, (word, said)
    assert not any(c in said for c in "\x1b\u202e\x00"), "escapes reach the terminal"
    assert not os.path.lexists(dst)
    with open(report) as file:
        assert int(file.read()) * 1024 <= MAX_PEAK
    os.remove(report)
    return said


def safetensors(path, tensors, metadata=None, sparse=False):
    """tensors: name -> shape, all bf16 zeros (a hole in the file when sparse)."""
    header, at = {"__metadata__": metadata} if metadata else {}, 0
    for name, shape in tensors.items():
        n = 2
        for dim in shape:
            n *= dim
        header[name] = {"dtype": "BF16", "shape": shape, "data_offsets": [at, at + n]}
        at += n
    text = json.dumps(header).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        if sparse:
            file.truncate(8 + len(text) + at)
        else:
            file.write(bytes(at))


SIZES = dict(layers=2, hidden=8, heads=2, groups=1, ffn=12, vocab=10)


def config(layers, hidden, heads, groups, ffn, vocab):
    return {
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "num_hidden_layers": layers,
        "hidden_size": hidden,
        "num_attention_heads": heads,
        "num_key_value_heads": groups,
        "intermediate_size": ffn,
        "vocab_size": vocab,
        "rms_norm_eps": 1e-5,
        "rope_theta": 10000.0,
        "tie_word_embeddings": False,
        "max_position_embeddings": 64,
        "torch_dtype": "bfloat16",
    }


def shapes(layers, hidden, heads, groups, ffn, vocab):
    kv = hidden // heads * groups
    found = {"model.embed_tokens.weight": [vocab, hidden], "model.norm.weight": [hidden],
             "lm_head.weight": [vocab, hidden]}
    for l in range(layers):
        each = {
            "input_layernorm": [hidden], "post_attention_layernorm": [hidden],
            "self_attn.q_proj": [hidden, hidden], "self_attn.k_proj": [kv, hidden],
            "self_attn.v_proj": [kv, hidden], "self_attn.o_proj": [hidden, hidden],
            "mlp.gate_proj": [ffn, hidden], "mlp.up_proj": [ffn, hidden],
            "mlp.down_proj": [hidden, ffn],
        }
        found |= {f"model.layers.{l}.{name}.weight": shape for name, shape in each.items()}
    return found


def make_model(path, sparse=False, **sizes):
    """A model directory of zeros; sound in itself."""
    sizes = {**SIZES, **sizes}
    path.mkdir()
    (path / "config.json").write_text(json.dumps(config(**sizes)))
    safetensors(path / "model.safetensors", shapes(**sizes), {"format": "pt"}, sparse)
    return path


def torch_zip(path, data_pkl, storages, compress=False):
    """An archive as torch.save makes it, around any pickle."""
    method = zipfile.ZIP_DEFLATED if compress else zipfile.ZIP_STORED
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr("archive/data.pkl", data_pkl)
        archive.writestr("archive/byteorder", "little")
        for key, data in storages.items():
            archive.writestr(f"archive/data/{key}", data)
        archive.writestr("archive/version", "3\n")
