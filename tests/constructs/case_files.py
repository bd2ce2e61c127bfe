"""What the files of a layout are called, and tensors that are told apart by the number of theirs."""

from harness import Case
from tensors import count, rows

HEAD = "family t : a <-> b\n"
PARTS = HEAD + """files b part.{t:02}.safetensors config facts.json
axis c1 = c / t
norm: x.norm [c] <-> {t:02}/norm [c] same in {t}
up:   x.up [(t c1) v] <-> {t:02}/up [c1 v]
"""
NAMED = HEAD + """files b weights.safetensors | old.safetensors in shards of 60
    config facts.json | old_facts.json when old != null
axis l = a.n = b.n
config a.old = b.old
w: x.{l}.w [v c] <-> y.{l}.w [v c]
"""

norm, top, low = count((4,)), count((2, 3), 10), count((2, 3), 20)
whole = {"x.norm": norm, "x.up": rows(top, low)}
parts = {
    "part.00.safetensors": {"norm": norm, "up": top},
    "part.01.safetensors": {"norm": norm, "up": low},
}
TYPED = HEAD + """files a model.safetensors config config.json with dtype dtype | inner.torch_dtype
files b model.safetensors config config.json with dtype text.dtype | dtype
axis l = a.n = b.n
ignore a.dtype, a.inner, b.dtype, b.text
w: x.{l}.w [v c] <-> y.{l}.w [v c]
"""
halves = {i: count((2, 3), 10 * i, dtype="BF16") for i in range(2)}
whole_one = count((3, 5))

w = count((2, 3))
layers = {f"x.{i}.w": count((2, 3), 10 * i) for i in range(3)}
listed = {f"y.{i}.w": count((2, 3), 10 * i) for i in range(3)}
shards = {
    "weights-00001-of-00002.safetensors": {k: listed[k] for k in ("y.0.w", "y.1.w")},
    "weights-00002-of-00002.safetensors": {"y.2.w": listed["y.2.w"]},
}

CASES = [
    Case("tensors stand in numbered files", PARTS, whole, None, files={"b": parts}, options=("--set", "t=2")),
    Case("numbered files are read as one checkpoint", PARTS, whole, None, files={"b": parts}, start="b",
         options=("--set", "t=2")),
    Case("without a number one file is written", PARTS, whole, None,
         files={"b": {"part.00.safetensors": {"norm": norm, "up": rows(top, low)}}},
         says="part.{t:02}.safetensors: one file; --set t=N writes N of them"),
    Case("a file of several is missing", PARTS, whole, None, start="b", fails="bad-file",
         files={"b": {"part.00.safetensors": {"norm": norm, "up": top},
                      "part.02.safetensors": {"norm": norm, "up": low}}}),
    Case("the last of several is missing", PARTS + "axis c = a.c = b.c", whole, None, start="b",
         config_b={"c": 4}, config_name={"b": "facts.json"}, fails="shape-contradicts",
         files={"b": {"part.00.safetensors": {"norm": norm, "up": top}}}),
    Case("copies in the files differ", PARTS, whole, None, start="b", fails="replicas-differ",
         files={"b": {**parts, "part.01.safetensors": {"norm": count((4,), 1), "up": low}}}),
    Case("no number of files", PARTS, whole, None, options=("--set", "t=0"), fails="usage", files={"b": parts}),
    Case("a number that does not divide", PARTS, whole, None, options=("--set", "t=3"),
         fails="shape-contradicts", files={"b": parts}),
    Case("files of one format, told by their tensors", PARTS, whole, None, options=("--format", "torch"),
         fails="usage", files={"b": parts}),
    Case("the rules of another file name the files, these do not say which", HEAD + "w: x.w [c] <-> y.w [c]",
         {"x.w": norm}, None, fails="no-file-part", files={"b": parts}, chain=("other.rules", "b"),
         more={"other.rules": "family u : b <-> z\nfiles b part.{t:02}.safetensors config facts.json\n"
                              "w: {t:02}/w [c] <-> z.{t}.w [c]\naxis t = 2\n"}),
    Case("weights in shards, a config of another name", NAMED, layers, None, {"n": 3}, {"n": 3},
         files={"b": shards}, config_name={"b": "facts.json"}),
    Case("a config is called as its fields are", NAMED, {"x.0.w": w}, None, {"n": 1, "old": 7}, {"n": 1, "old": 7},
         files={"b": {"weights.safetensors": {"y.0.w": w}}}, config_name={"b": "old_facts.json"}),
    Case("other names are read, the first is written", NAMED, {"x.0.w": w}, {"y.0.w": w}, {"n": 1}, {"n": 1},
         start="b", files={"b": {"old.safetensors": {"y.0.w": w}}}, config_name={"b": "old_facts.json"},
         back={"weights.safetensors": {"y.0.w": w}}, config_back={}),
    Case("a config that is made tells the type of the weights", TYPED, {"x.0.w": w}, {"y.0.w": w}, {"n": 1},
         {"n": 1, "text": {"dtype": "float32"}}, config_back={"n": 1, "dtype": "float32"}),
    Case("the type that most of the weights have, not the most tensors", TYPED + "u: x.u [p q] <-> y.u [p q]\n",
         {"x.u": whole_one, **{f"x.{i}.w": t for i, t in halves.items()}},
         {"y.u": whole_one, **{f"y.{i}.w": t for i, t in halves.items()}}, {"n": 2}, {"text": {"dtype": "float32"}}),
    Case("a cast is told", TYPED, {"x.0.w": w}, {"y.0.w": count((2, 3), dtype="BF16")}, {"n": 1},
         {"text": {"dtype": "bfloat16"}}, options=("--dtype", "bfloat16"), back={"x.0.w": count((2, 3), dtype="BF16")},
         config_back={"dtype": "bfloat16"}),
    Case("whole numbers have no type that a config tells", TYPED, {"x.0.w": count((2, 3), dtype="I64")},
         {"y.0.w": count((2, 3), dtype="I64")}, {"n": 1}, {"n": 1}),
]
