"""What is no bijection and says so: parts, ties, constants, replicas, arithmetic, one-way rules."""

import math

from case_layout import HEAD, L, TWO, TWO_B, each
from harness import Case
from tensors import Tensor, build, count, rows, transposed


def filled(shape, value, dtype="F32"):
    return build(shape, lambda *_: value, dtype)


w = count((2, 3))
tok = "axis v = a.v = b.v\naxis x = a.x\n"
more = "axis v = a.v = b.v\naxis p = a.p\n"
CAST = HEAD + "w: x.w [v c] <-> y.w [v c]\nn: x.n [d] <-> y.n [d] "
half = count((2, 3), dtype="BF16")
SCALED = HEAD + "axis k = a.k\ne?: x.e [d c] <-> y.e [d c]\nw: x.w [o <- i] -> y.w [o <- i] times a "
WHY = 'because "multiplied in"'
ANY = HEAD + 'detect a has {m...}.s\nw: {m...}.w [o <- i] -> {m...}.w [o <- i] times a {m...}.s [o / 2 <- i / 2] because "multiplied in"\nrest'
eight = build((3, 3), lambda i, j: (i + 1) * 2.0 ** (j - 1), "F8_E4M3")
ANY_A = {"one.w": count((2, 3), dtype="F8_E4M3"), "two.x.w": count((4, 1), dtype="F8_E4M3")}
ADD = HEAD + "w: x.w [c] <-> y.w [c] with b = a + 1 in f32\n"

CASES = [
    # ---- pad
    Case("pad: filled when written", HEAD + "axis v = a.v = b.v\naxis p = a.p = b.p\nw: x tok: [v c] <-> y [(tok: v | fill: p) c] pad b fill with 0.5",
         {"x": w}, {"y": rows(w, filled((2, 3), 0.5))}, {"v": 2, "p": 2}, {"v": 2, "p": 2}),
    Case("pad: must be the fill when read", HEAD + "axis v = a.v = b.v\naxis p = a.p = b.p\nw: x tok: [v c] <-> y [(tok: v | fill: p) c] pad b fill with 0",
         {}, {"y": rows(w, Tensor((2, 3), [0, 0, 0, 0, 1, 0]))}, {"v": 2, "p": 2}, {"v": 2, "p": 2}, start="b", fails="not-constant"),
    Case("pad of nothing", HEAD + "axis v = a.v = b.v\naxis p = a.p = b.p\nw: x tok: [v c] <-> y [(tok: v | fill: p) c] pad b fill with 0",
         {"x": w}, {"y": w}, {"v": 2, "p": 0}, {"v": 2, "p": 0}),
    # ---- only, slice
    Case("only: left out", HEAD + tok + 'w: x [(tok: v | extra: x) c] <-> y tok: [v c] only a extra because "image tokens"',
         {"x": count((5, 3))}, {"y": count((2, 3))}, {"v": 2, "x": 3}, {"v": 2}, back={"x": count((2, 3))}, config_back={"v": 2, "x": 0}),
    Case("only ... keep: the side-car has it, the way back reads it", HEAD + tok +
         'w: x [(tok: v | extra: x) c] <-> y tok: [c v] only a extra keep because "image tokens"',
         {"x": count((5, 3))}, {"y": transposed(count((2, 3)))}, {"v": 2, "x": 3}, {"v": 2},
         kept={"x#extra": count((3, 3), 6)}),
    Case("only ... keep, of every layer", L + "axis v = a.v = b.v\naxis x = a.x = b.x\n"
         'w: x.{l} [(tok: v | extra: x) c] <-> y.{l} tok: [c v] only a extra keep because "image tokens"',
         each("x.{}", lambda n: count((5, 3), n * 20)), each("y.{}", lambda n: transposed(count((2, 3), n * 20))),
         {"v": 2, "x": 3, **TWO}, {"v": 2, "x": 3, **TWO_B}, kept=each("x.{}#extra", lambda n: count((3, 3), 6 + n * 20))),
    Case("only ... keep without the side-car", HEAD + "axis v = a.v = b.v\naxis x = a.x = b.x\n"
         'w: x [(tok: v | extra: x) c] <-> y tok: [c v] only a extra keep because "image tokens"',
         {}, {"y": count((3, 2))}, {}, {"v": 2, "x": 3}, start="b", fails="no-side-car"),
    Case("only: a whole tensor", HEAD + 'w: x.q q: [c]\n   x.k k: [c] <-> y.q q: [c] only a k keep because "computed"',
         {"x.q": count((3,)), "x.k": count((3,), 5)}, {"y.q": count((3,))}, kept={"x.k#k": count((3,), 5)}),
    Case("slice", HEAD + more + 'w: x [(tok: v | cut: p) c] <-> y tok: [v c] slice a cut because "rows of no token"',
         {"x": count((4, 3))}, {"y": w}, {"v": 2, "p": 2}, {"v": 2}, back={"x": w}, config_back={"v": 2, "p": 0}),
    # ---- drop
    Case("drop", HEAD + 'w: x.w [c] <-> y.w [c]\ndrop a x.mask because "a buffer"\ndrop b z.{m...} because "caches"',
         {"x.w": count((3,)), "x.mask": w}, {"y.w": count((3,))}, back={"x.w": count((3,))}, says="1 dropped"),
    Case("drop ... keep", HEAD + 'w: x.w [c] <-> y.w [c]\ndrop a {tower | head}.{m...} keep because "another part"',
         {"x.w": count((3,)), "tower.a.b": w, "head.c": w}, {"y.w": count((3,))}, kept={"tower.a.b": w, "head.c": w}),
    Case("drop with a guard", HEAD + 'value old = a.old = b.old\nw: x.w [c] <-> y.w [c]\ndrop a x.mask when old because "a buffer"',
         {"x.w": count((3,)), "x.mask": w}, {}, {"old": False}, fails="unmapped"),
    Case("drop of a copy", HEAD + 'w: x.w [v c] <-> y.w [c v]\ndrop a x.head = w because "tied"',
         {"x.w": w, "x.head": w}, {"y.w": transposed(w)}, back={"x.w": w}, says="1 dropped"),
    Case("drop of a copy: another value is an error", HEAD + 'w: x.w [v c] <-> y.w [c v]\ndrop a x.head = w because "tied"',
         {"x.w": w, "x.head": filled((2, 3), 0.5)}, {}, fails="drop-differs"),
    Case("drop of a copy: another shape is an error", HEAD + 'w: x.w [v c] <-> y.w [c v]\ndrop a x.head = w because "tied"',
         {"x.w": filled((2, 3), 0.5), "x.head": filled((3, 2), 0.5)}, {}, fails="drop-differs"),
    # ---- const
    Case("const: made, and checked on the way back", HEAD + 'w: x.w [c] <-> y.w [c]\nconst b y.mask [1 c] = 1 because "ones"',
         {"x.w": count((3,))}, {"y.w": count((3,)), "y.mask": filled((1, 3), 1)}),
    Case("const: of every layer", L + "w: x.{l}.w [c] <-> y.{l}.w [c]\nconst b y.{l}.scale [c] = -0.5",
         each("x.{}.w", lambda n: count((3,), n)),
         {**each("y.{}.w", lambda n: count((3,), n)), **each("y.{}.scale", lambda n: filled((3,), -0.5))}, TWO, TWO_B),
    Case("const: another value is an error", HEAD + "w: x.w [c] <-> y.w [c]\nconst b y.mask [c] = 1",
         {}, {"y.w": count((3,)), "y.mask": count((3,))}, start="b", fails="not-constant"),
    Case("const: a range, a guard, and rest beside it", L + "axis k = a.k = b.k\nw: x.{l}.w [c] <-> y.{l}.w [c]\n"
         "under x. <-> y. when k > 0 {\n  const b {l in 0..k}.scale [c] = 2\n}\nrest",
         {**each("x.{}.w", lambda n: count((3,), n)), "z": w},
         {**each("y.{}.w", lambda n: count((3,), n)), "z": w, "y.0.scale": filled((3,), 2)}, {"k": 1, **TWO}, {"k": 1, **TWO_B}),
    # ---- tie
    Case("tie: absent, made from the other, left out again", HEAD + "e: x.e [v -> c] <-> y.e [v -> c]\nh: x.h [v <- c] <-> y.h [v <- c]\ntie h = e on a by a.tied\nfield a.tied : bool = false\nconfig a.tied = b.tied",
         {"x.e": w}, {"y.e": w, "y.h": w}, {"tied": True}, {"tied": True}),
    Case("tie: stored and different stays, the flag is cleared", HEAD + "e: x.e [v -> c] <-> y.e [v -> c]\nh: x.h [v <- c] <-> y.h [v <- c]\ntie h = e on a by a.tied\nfield a.tied : bool = true",
         {"x.e": w, "x.h": count((2, 3), 9)}, {"y.e": w, "y.h": count((2, 3), 9)}, {"tied": True}, None, config_back={"tied": False}),
    Case("tie: not allowed by the flag", HEAD + "e: x.e [v -> c] <-> y.e [v -> c]\nh: x.h [v <- c] <-> y.h [v <- c]\ntie h = e on a by a.tied",
         {"x.e": w}, {}, {"tied": False}, fails="missing"),
    Case("tie: without a flag", HEAD + "e: x.e [v -> c] <-> y.e [v -> c]\nh: x.h [v <- c] <-> y.h [v <- c]\ntie h = e on a",
         {"x.e": w}, {"y.e": w, "y.h": w}),
    # ---- same in
    Case("same in: replicas are compared, one is taken", HEAD + "axis t = a.t = b.t\nn: x.{t}.n [c] same in {t} <-> y.n [c]",
         each("x.{}.n", lambda n: count((3,))), {"y.n": count((3,))}, {"t": 2}, {"t": 2}),
    Case("same in: unequal replicas", HEAD + "axis t = a.t = b.t\nn: x.{t}.n [c] same in {t} <-> y.n [c]",
         each("x.{}.n", lambda n: count((3,), n)), {}, {"t": 2}, fails="replicas-differ"),
    Case("same in: with a shared name on both sides", HEAD + "axis t = a.t = b.t\naxis l = a.l = b.l\nn: x.{l}.{t}.n [c c2] same in {t} <-> y.{l}.n [c2 c]",
         {f"x.{l}.{t}.n": count((2, 3), l) for l in (0, 1) for t in (0, 1)}, {f"y.{l}.n": transposed(count((2, 3), l)) for l in (0, 1)},
         {"t": 2, "l": 2}, {"t": 2, "l": 2}),
    Case("shards: columns and rows", HEAD + "axis t = a.t = b.t\nc: x.{t}.c [i <- c1] <-> y.c [i <- (t c1)]\nr: x.{t}.r [i1 <- c] <-> y.r [(t i1) <- c]",
         {f"x.{t}.{k}": count((2, 3), 10 * t) for t in (0, 1) for k in "cr"},
         {"y.c": build((2, 6), lambda i, c: c // 3 * 10 + i * 3 + c % 3), "y.r": rows(count((2, 3)), count((2, 3), 10))},
         {"t": 2}, {"t": 2}),
    # ---- values
    Case("with: plus one", ADD, {"x.w": count((3,))}, {"y.w": count((3,), 1)}),
    Case("with: in bfloat16 it is computed in f32 and rounded once", ADD, {"x.w": Tensor((2,), [0.00390625, 1.5], "BF16")},
         {"y.w": Tensor((2,), [1, 2.5], "BF16")}, back={"x.w": Tensor((2,), [0, 1.5], "BF16")}),
    Case("with: f32 loses what f64 keeps", HEAD + "w: x.{w | v} [c] <-> y.{w | v} [c] with b = a * 2 - 1 in f64",
         {"x.w": Tensor((2,), [2.0**-40, 3], "F64"), "x.v": count((2,))},
         {"y.w": Tensor((2,), [2.0**-39 - 1, 5], "F64"), "y.v": Tensor((2,), [-1, 1])}),
    Case("with: said from the other side", HEAD + "w: x.w [c] <-> y.w [c] with a = (b - 1) / 2", {"x.w": count((3,))},
         {"y.w": Tensor((3,), [1, 3, 5])}),
    Case("with: on a transpose of parts", HEAD + "axis p = a.p = b.p\nw: x [(q: p | k: p) <- c] <-> y.q q: [c -> p]\n"
         "                                     y.k k: [p <- c] with b = a * 0.5",
         {"x": count((4, 3))}, {"y.q": build((3, 2), lambda c, p: (p * 3 + c) / 2), "y.k": build((2, 3), lambda p, c: (6 + p * 3 + c) / 2)},
         {"p": 2}, {"p": 2}),
    # ---- casts
    Case("cast: of its own type there, of the others' type back", CAST + "cast b f32", {"x.w": half, "x.n": count((3,), dtype="BF16")},
         {"y.w": half, "y.n": count((3,))}),
    Case("cast: nothing else tells the type", HEAD + "n: x.n [c] <-> y.n [c] cast b f32", {"x.n": count((3,), dtype="F16")}, {"y.n": count((3,))},
         back={"x.n": count((3,))}),
    Case("cast: narrowed, and said", CAST + "cast b f16", {"x.w": w, "x.n": Tensor((2,), [2049, 0.5])},
         {"y.w": w, "y.n": Tensor((2,), [2048, 0.5], "F16")}, back={"x.w": w, "x.n": Tensor((2,), [2048, 0.5])}, says="rounding"),
    Case("cast: stays under --dtype, all else follows", CAST + "cast a f32 cast b f32", {"x.w": w, "x.n": Tensor((2,), [2049, 0.5])},
         {"y.w": half, "y.n": Tensor((2,), [2049, 0.5])}, back={"x.w": half, "x.n": Tensor((2,), [2049, 0.5])}, options=("--dtype", "bf16")),
    Case("cast: with arithmetic it is the one rounding", CAST + "with b = a + 1 cast b f32",
         {"x.w": half, "x.n": Tensor((2,), [0.00390625, 1.5], "BF16")}, {"y.w": half, "y.n": Tensor((2,), [1.00390625, 2.5])}),
    Case("cast: listed and stacked", HEAD + "axis e = a.e = b.e\nw: x.w [v c] <-> y.w [v c]\nn: x.{e}.n [d] <-> y.n [d e] cast b f64",
         {"x.w": half, **each("x.{}.n", lambda n: count((2,), 2 * n, "BF16"))}, {"y.w": half, "y.n": Tensor((2, 2), [0, 2, 1, 3], "F64")}, {"e": 2}, {"e": 2}),
    Case("cast: the tied one has a type of its own", HEAD + "e: x.e [v -> c] <-> y.e [v -> c]\nh: x.h [v <- c] <-> y.h [v <- c] cast b f32\ntie h = e on a",
         {"x.e": half}, {"y.e": half, "y.h": w}, back={"x.e": half, "x.h": half}),
    Case("cast: a chain ends in the type of its last layout", CAST + "cast b f64", {"x.w": half, "x.n": count((3,), dtype="BF16")},
         {"z.w": half, "y.n": count((3,), dtype="F32")}, back=None, chain=("next.rules", "c"),
         more={"next.rules": "family u : b <-> c\nw: y.w [v c] <-> z.w [v c]\nn: y.n [d] <-> y.n [d] cast c f32"}),
    Case("cast: rest keeps the type that a layout gave", CAST + "cast b f32", {"x.w": w, "x.n": count((3,))},
         {"z.w": half, "y.n": count((3,))}, back=None, chain=("next.rules", "c"), options=("--dtype", "bf16"),
         more={"next.rules": "family u : b <-> c\nw: y.w [v c] <-> z.w [v c]\nrest"}),
    Case("cast: of whole numbers there is none", CAST + "cast b f32", {"x.w": half, "x.n": count((3,), dtype="I64")}, {}, fails="cast-type"),
    # ---- scales
    Case("times: blocks, the last ones ragged; the type of the others", SCALED + "x.s [o / k <- i / 2] " + WHY,
         {"x.e": half, "x.w": eight, "x.s": Tensor((2, 2), [1, 2, 0.5, 4])},
         {"y.e": half, "y.w": build((3, 3), lambda i, j: eight[i, j] * (1, 2, 0.5, 4)[i // 2 * 2 + j // 2], "BF16")}, {"k": 2}, back=None, options=("--dequantize",)),
    Case("times: the product is exact and rounded once", SCALED + "x.s [1] " + WHY,
         {"x.w": Tensor((1, 2), [1.875, 1], "F8_E4M3"), "x.s": Tensor((1,), [1 + 2.0**-8 + 2.0**-23])},
         {"y.w": Tensor((1, 2), [1.8828125, 1.0078125], "BF16")}, back=None, options=("--dequantize",)),
    Case("times: of nothing else the type is bfloat16, or what is asked for", SCALED + "x.s [o 1] " + WHY,
         {"x.w": eight, "x.s": Tensor((3, 1), [1, 0.5, 2], "F16")},
         {"y.w": build((3, 3), lambda i, j: eight[i, j] * (1, 0.5, 2)[i], "F32")}, back=None, options=("--dequantize", "--dtype", "f32")),
    Case("times: one scale of no dims, as a power of two", SCALED + "x.s [1] " + WHY,
         {"x.w": eight, "x.s": Tensor((), [0.25], "F8_E8M0")}, {"y.w": build((3, 3), lambda i, j: eight[i, j] / 4, "BF16")}, back=None, options=("--dequantize",)),
    Case("times: then arithmetic, then a type", SCALED + "x.s [i] with b = a + 1 cast b f32 " + WHY,
         {"x.w": eight, "x.s": Tensor((3,), [1, 2, 3])}, {"y.w": build((3, 3), lambda i, j: eight[i, j] * (j + 1) + 1)}, back=None, options=("--dequantize",)),
    Case("times: listed experts are stacked, each with its scale", HEAD + "axis e = a.e = b.e\nw: x.{e}.w [o <- i] -> y.w [e, i -> o] times a x.{e}.s [o / 2] " + WHY,
         {**each("x.{}.w", lambda n: eight), **each("x.{}.s", lambda n: Tensor((2,), [n + 1, n + 3]))},
         {"y.w": build((2, 3, 3), lambda e, i, o: eight[o, i] * (e + 1 + o // 2 * 2), "BF16")}, {"e": 2}, back=None, options=("--dequantize",)),
    Case("times: stacked experts are listed", HEAD + "axis e = a.e = b.e\nw: x.w [e, o <- i] -> y.{e}.w [o <- i] times a x.s [e, o / 2] " + WHY,
         {"x.w": build((2, 3, 3), lambda e, o, i: eight[o, i], "F8_E4M3"), "x.s": Tensor((2, 2), [1, 2, 3, 4])},
         each("y.{}.w", lambda n: build((3, 3), lambda o, i: eight[o, i] * (1 + 2 * n + o // 2), "BF16")), {"e": 2}, back=None, options=("--dequantize",)),
    Case("times: a chain cuts the blocks", SCALED + "x.s [o / 2] " + WHY,
         {"x.w": eight, "x.s": Tensor((2,), [1, 4])},
         {"z.q": build((3, 1), lambda i, o: eight[o, i], "BF16"), "z.k": build((2, 3), lambda o, i: eight[o + 1, i] * (1, 4)[(o + 1) // 2], "BF16")},
         back=None, chain=("next.rules", "c"), options=("--dequantize",),
         more={"next.rules": "family u : b <-> c\naxis p = 1\nw: y.w [(q: p | k: r) <- i] <-> z.q q: [i -> p]\n    z.k k: [r <- i]"}),
    Case("times: {m...} are tensors of any size", ANY, {**ANY_A, "h": half, "one.s": Tensor((1, 2), [2, 4]), "two.x.s": Tensor((2, 1), [1, 3])},
         {"one.w": build((2, 3), lambda i, j: count((2, 3))[i, j] * (2 + j // 2 * 2), "BF16"), "h": half,
          "two.x.w": build((4, 1), lambda i, j: i * (1 + i // 2 * 2), "BF16")}, back=None, options=("--dequantize",)),
    Case("times: no scale for a tensor of 8 bits", ANY, {**ANY_A, "h": half, "one.s": Tensor((1, 2), [2, 4])}, {}, options=("--dequantize",), fails="missing"),
    Case("times: rest takes no tensor of 8 bits", ANY, {**ANY_A, "h": half, "one.s": Tensor((1, 2), [2, 4]), "two.x.s": Tensor((2, 1), [1, 3]), "z": eight}, {},
         options=("--dequantize",), fails="unmapped"),
    Case("times: no tensor for a scale", ANY, {"h": half, "one.s": Tensor((1, 2), [2, 4])}, {}, options=("--dequantize",), fails="missing"),
    Case("times: a scale of another shape", ANY, {**ANY_A, "one.s": Tensor((2, 3), range(6)), "two.x.s": Tensor((2, 1), [1, 3])}, {},
         options=("--dequantize",), fails="scale-shape"),
    Case("times: a scale that is not finite", ANY, {**ANY_A, "one.s": Tensor((1, 2), [2, math.inf]), "two.x.s": Tensor((2, 1), [1, 3])}, {},
         options=("--dequantize",), fails="not-finite"),
    Case("times: scales of whole numbers", ANY, {**ANY_A, "one.s": Tensor((1, 2), [2, 4], "I64"), "two.x.s": Tensor((2, 1), [1, 3])}, {},
         options=("--dequantize",), fails="scale-type"),
    Case("times: only on request", ANY, {**ANY_A, "one.s": Tensor((1, 2), [2, 4]), "two.x.s": Tensor((2, 1), [1, 3])}, {}, fails="quantised"),
    Case("times: no way back, whatever rest would take", ANY, {}, {"one.w": half, "h": half}, start="b", fails="unmapped"),
    # ---- one way
    Case("a rule without a way back", HEAD + 'w: x.w [c] <-> y.w [c]\no: x.a [c] -> y.b [c] because "slopes are computed"',
         {"x.w": count((3,)), "x.a": count((3,), 4)}, {"y.w": count((3,)), "y.b": count((3,), 4)}, fails_back="unmapped"),
    Case("the arrow that points left", HEAD + 'w: x.w [c] <-> y.w [c]\no: x.a [c] <- y.b [c] because "made of it"',
         {"x.w": count((3,)), "x.a": count((3,), 4)}, {"y.w": count((3,)), "y.b": count((3,), 4)}, start="b", fails_back="unmapped"),
    Case("one way may leave a part", HEAD + 'axis p = a.p = b.p\nw: x [(q: p | k: p) c] -> y.q q: [c p] because "k is computed"',
         {"x": count((4, 3))}, {"y.q": transposed(count((2, 3)))}, {"p": 2}, {"p": 2}, back=None),
    # ---- rest
    Case("rest takes what no line takes", HEAD + "w: x.w [i -> o] <-> y.w [o <- i]\nrest",
         {"x.w": w, "other.a": w, "x.z": count((3,))}, {"y.w": transposed(w), "other.a": w, "x.z": count((3,))}),
]
