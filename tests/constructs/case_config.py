"""Fields and tables, reuse, and families one after another."""

from case_layout import HEAD
from harness import Case
from tensors import count, transposed

T = {"x.w": count((3,))}
U = {"y.w": count((3,))}
W = HEAD + "w: x.w [c] <-> y.w [c]\n"


def config(name, lines, a, b, **more):
    """A case whose tensors do not matter."""
    return Case("config: " + name, W + lines, T, U, a, b, **more)


ROPE = """table a.rope, b.ratio, b.more {
  null                                   <-> 1, null
  { type|kind: "linear", factor: f }     <-> f, null
  { type|kind: "yarn", factor: f, m?: m } <-> 1, { factor: f, m?: m }
}"""
HF5 = """family second : b <-> c
w: y.w [i -> o] <-> z.w [o <- i]
config b.size = c.width
rest
"""

CASES = [
    # ---- equations
    config("one field is another", "config a.x = b.y", {"x": 3}, {"y": 3}),
    config("arithmetic is undone", "config a.x + 1 = b.y", {"x": 3}, {"y": 4}),
    config("floats stay floats", "field b.y : float\nconfig a.x = b.y", {"x": 3}, {"y": 3.0}, back=None),
    config("nested records", "config a.text.size = b.size", {"text": {"size": 3}}, {"size": 3}),
    config("a guard", "value old = a.old = b.old\nconfig a.x = b.y when old\nconst b.y = 7 when not old\nignore a.x",
           {"old": False, "x": 3}, {"y": 7}, config_back={"old": False}),
    config("the first spelling is written", "spelled a.x | a.z\nconfig a.x = b.y", {"z": 3}, {"y": 3}, config_back={"x": 3}),
    config("what absence means", "field a.x = 5\nconfig a.x = b.y", {}, {"y": 5}, config_back={"x": 5}),
    config("what absence means, of several", "field a { x: 5, z: \"u\" }\nconfig a.x = b.y\nconfig a.z = b.v", {"z": "w"}, {"y": 5, "v": "w"},
           config_back={"x": 5, "z": "w"}),
    config("absence may hang on another field", "field a.x = if a.kind == \"k\" then 4096 else null\nconfig a.x = b.y\nconfig a.kind = b.kind",
           {"kind": "k"}, {"y": 4096}, config_back={"x": 4096, "kind": "k"}),
    config("null is a value", "field a.x = 5\nconfig a.x = b.y", {"x": None}, {"y": None}),
    config("a constant is written", 'const b.kind = "llama"', {}, {"kind": "llama"}, config_back={}),
    config("a constant is checked", 'const a.kind = "silu"', {"kind": "gelu"}, None, fails="const-differs"),
    config("constants and defaults in one line", 'const b { kind: "llama", n: 2, on: true }\ndefault b { z: null, e: -1.5 }', {},
           {"kind": "llama", "n": 2, "on": True, "z": None, "e": -1.5}, config_back={}),
    config("one of several constants is overridden", 'include "more.rules"\nconst b.n = 3', {}, {"kind": "llama", "n": 3}, config_back={},
           more={"more.rules": 'const b { kind: "llama", n: 2 }\n'}),
    config("constants with a guard", 'value old = a.old = b.old\nconst b { n: 2, m: 3 } when old\nconst b.n = 4 when not old',
           {"old": False}, {"n": 4}),
    config("a default is written", "default b.y = c", {}, {"y": 3}, config_back={}),
    config("--set comes first", "default b.y = c", {}, {"y": 9}, options=("--set", "y=9"), back=None),
    config("soft equations convert too", "soft a.x = b.y", {"x": 3}, {"y": 3}),
    config("require", 'require a.x == 1 because "only one"', {"x": 2}, None, fails="refused"),
    config("refuse", 'refuse a.x ?? false because "it is not there"', {"x": True}, None, fails="refused"),
    config("an unknown field is said", "", {"odd": 1}, None, says="odd", back=None),
    config("ignore", "ignore a.odd", {"odd": 1}, {}, config_back={}),
    config("config rest", "config a.x = b.y\nconfig rest", {"x": 3, "odd": [1, {"k": None}], "s": "t"}, {"y": 3, "odd": [1, {"k": None}], "s": "t"}),
    config("a choice of records", "choice text = a.text_config | a\nconfig text.x = b.y", {"text_config": {"x": 3}}, {"y": 3}),
    # ---- tables
    config("a table: null", ROPE, {"rope": None}, {"ratio": 1, "more": None}),
    config("a table: a record becomes fields", ROPE, {"rope": {"type": "linear", "factor": 4}}, {"ratio": 4, "more": None}),
    config("a table: either key is read, the first is written", ROPE, {"rope": {"kind": "linear", "factor": 4}}, {"ratio": 4, "more": None},
           config_back={"rope": {"type": "linear", "factor": 4}}),
    config("a table: an optional key", ROPE, {"rope": {"type": "yarn", "factor": 2.5, "m": 7}}, {"ratio": 1, "more": {"factor": 2.5, "m": 7}}),
    config("a table: no row", ROPE, {"rope": {"type": "dynamic", "factor": 2}}, None, fails="no-row"),
    config("a soft table: no row", 'soft table a.x, b.y { 1 <-> "one" }', {"x": 2}, None, fails="no-row"),
    config("a table: a key too many is no row", ROPE, {"rope": {"type": "linear", "factor": 2, "new": 1}}, None, fails="no-row"),
    config("a table: for each layer", 'axis l = a.layers = b.n\ntable a.kinds[l], b.slide[l] { "s" <-> 1; "f" <-> 0 }',
           {"layers": 3, "kinds": ["s", "f", "s"]}, {"n": 3, "slide": [1, 0, 1]}),
    config("a table: a list from absence", 'axis l = a.layers = b.n\nfield a.kinds[l] = if (l + 1) % 2 == 0 then "f" else "s"\ntable a.kinds[l], b.slide[l] { "s" <-> 1; "f" <-> 0 }',
           {"layers": 3}, {"n": 3, "slide": [1, 0, 1]}),
    config("a table: arithmetic in a pattern", "table a.x, b.y { null <-> null; w <-> w + 1 }", {"x": 3}, {"y": 4}),
    config("a table: absence", "table a.x, b.y { -1 <-> absent; n <-> n }", {"x": -1}, {}),
    config("a table: a row one way", 'table a.x, b.y { 1 <-> "one"; _ -> "many" because "it knows no numbers" }', {"x": 5}, {"y": "many"}, back=None),
    config("a table: alternatives, the first is written", 'table a.x, b.y { "u" | "v" <-> 1 }', {"x": "v"}, {"y": 1}, config_back={"x": "u"}),
    config("a table: a condition", "table a.x, b.y, b.z { f <-> f, null if f > 1; f <-> null, f }", {"x": 0.5}, {"y": None, "z": 0.5}),
    # ---- expressions
    config("expressions are read", "default b.y = (if a.k =~ /^lla/i and not (a.n in {1, 2}) then len(a.list) + a.list[1] * 2 else 0) + max(a.n % 4, -1) + ceil(a.n / 2) + floor(a.n / 2) + min(1, 2)",
           {"k": "LLama", "n": 7, "list": [5, 6]}, {"y": 2 + 12 + 3 + 4 + 3 + 1}, back=None),
    config("more expressions", 'default b.y = lookup({ "x": 1 }, "x") ?? 2\ndefault b.z = sqrt(16)\ndefault b.s = lower("ABC") == "abc" or false\ndefault b.h = has x.w and not has q.{r...}'.replace('{ "x": 1 }', "a.table"),
           {"table": {"x": 1}}, {"y": 1, "z": 4.0, "s": True, "h": True}, back=None),
    # ---- reuse
    Case("include", HEAD + 'include "sizes.rules"\nw: x.w [c d] <-> y.w [d c]', {"x.w": count((2, 3))}, {"y.w": transposed(count((2, 3)))},
         {"c": 2}, {"c": 2}, more={"sizes.rules": "axis c = a.c = b.c\n"}),
    Case("use, without, override", HEAD + "use common without w, b\nw: x.w [c d] <-> y.v [d c]\nv: x.b [c] <-> z.b [c]",
         {"x.w": count((2, 3)), "x.b": count((2,)), "x.k": count((4,))}, {"y.v": transposed(count((2, 3))), "z.b": count((2,)), "y.k": count((4,))},
         more={"common.rules": HEAD + "w: x.w [c d] <-> y.w [c d]\nb: x.b [c] <-> y.b [c]\nk: x.k [e] <-> y.k [e]\n"}),
    Case("use, without what is said of fields", HEAD + 'use common without a.x, b.y, a.z, b.k\nw: x.w [c] <-> y.w [c]\nconfig a.x = b.x',
         {"x.w": count((2,))}, {"y.w": count((2,))}, {"x": 7, "z": True, "kinds": ["s"]}, {"x": 7, "t": 4},
         config_back={"x": 7},
         more={"common.rules": HEAD + "field a.x = 3\nconst a.x = 3\nconst b { y: 1, t: 4 }\nrefuse a.z because 'no'\ntable a.kinds[l], b.k[l] { \"s\" <-> 1 }\n".replace("'", '"')}),
    Case("use, without a condition on one field", HEAD + "use common without a.x", T, U, {"x": 2}, {}, config_back={},
         more={"common.rules": W + 'require a.x == 1 and a.x != 3 because "only one"\nignore a.x\n'}),
    Case("use, without a field: a condition on two stays", HEAD + "use common without a.x", T, None, {"x": 2}, None, fails="refused",
         more={"common.rules": W + 'require a.x == 1 or a.y == 1 because "one of them"\nconst a.x = 2\n'}),
    # ---- one after another
    Case("two families in one run", HEAD.replace("t :", "first :") + "w: x.w [o <- i] <-> y.w [i -> o]\nb: x.b [o] <-> y.b [o]\nconfig a.s = b.size\n",
         {"x.w": count((2, 3)), "x.b": count((2,))}, {"z.w": count((2, 3)), "y.b": count((2,))}, {"s": 5}, {"width": 5},
         more={"second.rules": HF5}, chain=("second.rules", "c")),
]
