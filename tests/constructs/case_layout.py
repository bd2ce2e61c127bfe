"""Names, dims and presence: what moves without a change of value."""

from harness import Case
from tensors import Tensor, build, count, rows, transposed

HEAD = "family t : a <-> b\n"
L = HEAD + "axis l = a.layers = b.n\n"
TWO, TWO_B = {"layers": 2}, {"n": 2}

w = count((2, 3))


def each(template, make, numbers=(0, 1)):
    """One tensor for each number."""
    return {template.format(n): make(n) for n in numbers}


def grouped(q, k, v, g, r, d):
    """(g (q: r d | k: d | v: d)) of the stacked heads q [g r d], k and v [g d]."""
    per = (r + 2) * d

    def at(i, c):
        group, j = divmod(i, per)
        if j < r * d:
            return q[group * r * d + j, c]
        return (k if j < (r + 1) * d else v)[group * d + j % d, c]

    return build((g * per, q.shape[1]), at)


q, k, v = count((8, 3)), count((4, 3), 100), count((4, 3), 200)
heads = "axis g = a.g = b.g\naxis h = g * r = a.h = b.h\naxis d = a.d = b.d\n"
HEADS = {"g": 2, "h": 4, "d": 2}
gate, up = count((2, 3)), count((2, 3), 50)

CASES = [
    # ---- dims
    Case("a name changes", HEAD + "w: x.w [v c] <-> y.w [v c]", {"x.w": w}, {"y.w": w}),
    Case("a map stored in and out", HEAD + "w: x.w [i -> o] <-> y.w [o <- i]", {"x.w": w}, {"y.w": transposed(w)}),
    Case("a bias needs no transpose", HEAD + "w: x.{weight | bias?} [i -> o] <-> y.{weight | bias?} [o <- i]",
         {"x.weight": w, "x.bias": count((3,), 9)}, {"y.weight": transposed(w), "y.bias": count((3,), 9)}),
    Case("a square map is transposed too", HEAD + "axis o = i\nw: x.w [i -> o] <-> y.w [o <- i]",
         {"x.w": count((3, 3))}, {"y.w": transposed(count((3, 3)))}),
    Case("three dims in another order", HEAD + "axis p = a.p = b.p\nw: x [p q r] <-> y [r (q p)]",
         {"x": count((2, 3, 4))},
         {"y": build((4, 6), lambda r, qp: count((2, 3, 4))[qp % 2, qp // 2, r])}, {"p": 2}, {"p": 2}),
    Case("a product falls into dims", HEAD + "axis p = a.p = b.p\nw: x [(p q) r] <-> y [p q r]",
         {"x": count((6, 2))}, {"y": count((2, 3, 2))}, {"p": 2}),
    Case("ones are free", HEAD + "w: x [p 1 q] <-> y [1 q p]", {"x": count((2, 1, 3))},
         {"y": build((1, 3, 2), lambda _, j, i: count((2, 3))[i, j])}),
    Case("a scalar", HEAD + "w: x [] <-> y [1]", {"x": Tensor((), [7])}, {"y": Tensor((1,), [7])}),
    Case("an empty tensor", HEAD + "w: x [p q] <-> y [q p]", {"x": Tensor((0, 3), [])}, {"y": Tensor((3, 0), [])}),
    Case("integers and bytes move too", HEAD + "w: x.{u | f} [p q] <-> y.{u | f} [q p]",
         {"x.u": count((2, 2), dtype="U8"), "x.f": count((2, 2), dtype="I64")},
         {"y.u": transposed(count((2, 2), dtype="U8")), "y.f": transposed(count((2, 2), dtype="I64"))}),
    # ---- sums
    Case("three tensors are fused", HEAD + heads + """
qkv: x.q q: [(g r d) <- c]
     x.k k: [(g d) <- c]
     x.v v: [(g d) <- c] <-> y.qkv [(q: g r d | k: g d | v: g d) <- c]""",
         {"x.q": q, "x.k": k, "x.v": v}, {"y.qkv": rows(q, k, v)}, HEADS, HEADS),
    Case("nested sums: interleaved by group", HEAD + heads + """
qkv: x.q q: [(g r d) <- c]
     x.k k: [(g d) <- c]
     x.v v: [(g d) <- c] <-> y.qkv [(g (q: r d | k: d | v: d)) <- c]""",
         {"x.q": q, "x.k": k, "x.v": v}, {"y.qkv": grouped(q, k, v, 2, 2, 2)}, HEADS, HEADS),
    Case("one sum into another", HEAD + heads + """
qkv: x.qkv [(g (q: r d | k: d | v: d)) <- c] <-> y.qkv [(q: g r d | k: g d | v: g d) <- c]""",
         {"x.qkv": grouped(q, k, v, 2, 2, 2)}, {"y.qkv": rows(q, k, v)}, HEADS, HEADS),
    Case("the parts of a sum, each in its own order", HEAD + """
axis p = a.p = b.p
w: x [(q: p | k: p) c] <-> y.q q: [c p]
                          y.k k: [p c]""",
         {"x": rows(count((2, 3)), count((2, 3), 50))}, {"y.q": transposed(count((2, 3))), "y.k": count((2, 3), 50)},
         {"p": 2}, {"p": 2}),
    Case("two sums in one tensor", HEAD + """
axis p = a.p = b.p
axis c = a.c = b.c
axis p2 = p
axis c2 = c
w: x [(q: p | k: c) (s: p2 | t: c2)] <-> y [(s: p2 | t: c2) (q: p | k: c)]""",
         {"x": count((5, 5))}, {"y": transposed(count((5, 5)))}, {"p": 2, "c": 3}, {"p": 2, "c": 3}),
    Case("the elements of two tensors alternate", HEAD + """
axis i = a.i = b.i
w: x [(i (gate: | up:)) <- c] <-> y.gate gate: [i <- c]
                                 y.up up: [i <- c]""",
         {"x": build((4, 3), lambda r, c: (up if r % 2 else gate)[r // 2, c])}, {"y.gate": gate, "y.up": up},
         {"i": 2}, {"i": 2}),
    Case("a guard on a part", HEAD + """
axis p = a.p = b.p
value two = a.two = b.two
w: x [(q: p | k: p when two) <- c] <-> y [c -> (q: p | k: p when two)]""",
         {"x": count((2, 3))}, {"y": transposed(count((2, 3)))}, {"p": 2, "two": False}, {"p": 2, "two": False}),
    # ---- captures
    Case("a capture runs over an axis", L + "w: x.{l}.w [c] <-> y.{l}.v [c]",
         each("x.{}.w", lambda n: count((3,), n * 10)), each("y.{}.v", lambda n: count((3,), n * 10)), TWO, TWO_B),
    Case("a capture without a config: from the names", HEAD + "w: x.{l}.w [c] <-> y.{l}.v [c]",
         each("x.{}.w", lambda n: count((3,), n * 10)), each("y.{}.v", lambda n: count((3,), n * 10))),
    Case("layers listed are layers stacked", L + "w: x.{l}.w [i <- c] <-> y.w [l, i <- c]",
         each("x.{}.w", lambda n: count((2, 3), n * 6)), {"y.w": count((2, 2, 3))}, TWO, TWO_B),
    Case("stacked along an inner dim", L + "w: x.{l}.w [i c] <-> y.w [c (i l)]",
         each("x.{}.w", lambda n: count((2, 3), n * 6)),
         {"y.w": build((3, 4), lambda c, il: count((2, 2, 3))[il % 2, il // 2, c])}, TWO, TWO_B),
    Case("experts listed, stacked, fused", L + """
axis e = a.e = b.e
axis i = a.i = b.i
gu: x.{l}.e.{e}.w1 gate: [i <- c]
    x.{l}.e.{e}.w3 up: [i <- c] <-> y.{l}.gate_up [e, c -> (gate: i | up: i)]""",
         {f"x.{n}.e.{e}.{w_}": count((2, 3), n * 100 + e * 20 + s) for n in (0, 1) for e in (0, 1, 2)
          for w_, s in (("w1", 0), ("w3", 10))},
         {f"y.{n}.gate_up": build((3, 3, 4), lambda e, c, i, n=n: n * 100 + e * 20 + (i // 2) * 10 + (i % 2) * 3 + c)
          for n in (0, 1)}, {"layers": 2, "e": 3, "i": 2}, {"n": 2, "e": 3, "i": 2}),
    Case("a shifted capture", L + "w: x.{l + 2}.w [c] <-> y.{l + 1}.w [c]",
         each("x.{}.w", lambda n: count((3,), n), (2, 3)), each("y.{}.w", lambda n: count((3,), n + 1), (1, 2)),
         TWO, TWO_B),
    Case("ranges: dense layers, then others", HEAD + """
axis l = a.layers = b.n
axis k = a.dense = b.dense
dense: x.{l in 0..k}.w [c] <-> y.{l}.dense [c]
moe:   x.{l in k..l}.w [c] <-> y.{l}.moe [c]""",
         each("x.{}.w", lambda n: count((3,), n), range(4)),
         {f"y.{n}.{'dense' if n < 1 else 'moe'}": count((3,), n) for n in range(4)},
         {"layers": 4, "dense": 1}, {"n": 4, "dense": 1}),
    Case("a range without an end stops at the axis", HEAD + """
axis l = a.layers = b.n
axis k = a.dense = b.dense
dense: x.{l in ..k}.w [c] <-> y.{l}.dense [c]
moe:   x.{l in k..}.w [c] <-> y.{l}.moe [c]""",
         each("x.{}.w", lambda n: count((3,), n), range(4)),
         {f"y.{n}.{'dense' if n < 1 else 'moe'}": count((3,), n) for n in range(4)},
         {"layers": 4, "dense": 1}, {"n": 4, "dense": 1}),
    Case("a drop beyond the range", L + """
w: x.{l}.w [c] <-> y.{l}.w [c]
drop a x.{k in l..}.{rest...} because "prediction heads"
""", {**each("x.{}.w", lambda n: count((3,), n)), "x.2.w": w, "x.2.deep.er": w},
         each("y.{}.w", lambda n: count((3,), n)), TWO, TWO_B, back=each("x.{}.w", lambda n: count((3,), n))),
    Case("a word", HEAD + "w: x.{name}.w [c] <-> {name}.y [c]",
         {"x.ab.w": count((3,)), "x.c_d.w": count((3,), 5)}, {"ab.y": count((3,)), "c_d.y": count((3,), 5)}),
    Case("a path", HEAD + "w: x.{m...}.w [c] <-> {m...}.y [c]",
         {"x.a.b.w": count((3,)), "x.c.w": count((3,), 5)}, {"a.b.y": count((3,)), "c.y": count((3,), 5)}),
    Case("an expression", HEAD + "w: x.{n:/[a-z]+[0-9]/}.w [c] <-> y.{n:/[a-z]+[0-9]/} [c]\nv: x.{m:/[A-Z]/}.v [c] <-> z.{m:/[A-Z]/} [c]",
         {"x.ab1.w": count((3,)), "x.Q.v": count((3,), 5)}, {"y.ab1": count((3,)), "z.Q": count((3,), 5)}),
    Case("digits with a width", HEAD + "w: x.{t:02}.w [c] <-> y.{t}.w [c]",
         each("x.{:02}.w", lambda n: count((3,), n), (0, 1, 2)), each("y.{}.w", lambda n: count((3,), n), (0, 1, 2))),
    # ---- prefixes and choices
    Case("blocks", L + "under model.{l}. <-> h.{l}. {\n  under mlp. <-> ff. {\n    w: up.w [i <- c] <-> one.w [i <- c]\n  }\n}",
         each("model.{}.mlp.up.w", lambda n: count((2, 3), n)), each("h.{}.ff.one.w", lambda n: count((2, 3), n)),
         TWO, TWO_B),
    Case("a choice: the first alternative", HEAD + 'choice pre = "" | "model."\nw: {pre}x.w [c] <-> y.w [c]',
         {"x.w": count((3,))}, {"y.w": count((3,))}),
    Case("a choice: another is read, the first is written", HEAD + 'choice pre = "" | "model."\nw: {pre}x.w [c] <-> y.w [c]',
         {"model.x.w": count((3,))}, {"y.w": count((3,))}, back={"x.w": count((3,))}),
    Case("a choice is one for all names", HEAD + 'choice pre = "" | "model."\nw: {pre}x.{u | v} [c] <-> y.{u | v} [c]',
         {"model.x.u": count((3,)), "x.v": count((3,))}, {}, fails="missing"),
    Case("a let", HEAD + "value bias = a.bias = b.bias\nlet p = weight | bias when bias\nw: x.{p} [o <- i] <-> y.{p} [o <- i]",
         {"x.weight": w, "x.bias": count((2,))}, {"y.weight": w, "y.bias": count((2,))}, {"bias": True}, {"bias": True}),
    # ---- presence
    Case("what a field says is missing is an error", HEAD + "value bias = a.bias = b.bias\nw: x.{weight | bias when bias} [o <- i] <-> y.{weight | bias when bias} [o <- i]",
         {"x.weight": w}, {}, {"bias": True}, fails="missing"),
    Case("what a field denies is an error", HEAD + "value bias = a.bias = b.bias\nw: x.{weight | bias when bias} [o <- i] <-> y.{weight | bias when bias} [o <- i]",
         {"x.weight": w, "x.bias": count((2,))}, {}, {"bias": False}, fails="unmapped"),
    Case("an optional alternative, absent", L + "w: x.{l}.{weight | bias?} [o <- i] <-> y.{l}.{weight | bias?} [o <- i]",
         each("x.{}.weight", lambda n: w), each("y.{}.weight", lambda n: w), TWO, TWO_B),
    Case("an optional alternative is for all or for none", L + "w: x.{l}.{weight | bias?} [o <- i] <-> y.{l}.{weight | bias?} [o <- i]",
         {**each("x.{}.weight", lambda n: w), "x.1.bias": count((2,))}, {}, TWO, fails="missing"),
    Case("an optional rule", HEAD + "w: x.w [c] <-> y.w [c]\nopt?: x.o [c] <-> y.o [c]", {"x.w": count((3,))}, {"y.w": count((3,))}),
    Case("an optional rule is whole or not there", HEAD + "axis i = a.i\nw?: x.g g: [i <- c]\n    x.u u: [i <- c] <-> y.w [(g: i | u: i) <- c]",
         {"x.g": w}, {}, {"i": 2}, fails="missing"),
    Case("alternatives named by texts", HEAD + 'w: x{"" | ".base"?}.w [c] <-> y{"" | ".base"?}.w [c]',
         {"x.w": count((3,))}, {"y.w": count((3,))}),
    Case("guards of two rules on one name", HEAD + "value new = a.new = b.new\none: x.p [c] <-> y.w [c] when not new\ntwo: x.q [c] <-> y.w [c] when new",
         {"x.q": count((3,))}, {"y.w": count((3,))}, {"new": True}, {"new": True}),
    Case("a guard on a block", HEAD + "value new = a.new = b.new\nunder x. <-> y. when new {\n  one: p [c] <-> w [c]\n}\nunder x. <-> y. when not new {\n  two: q [c] <-> w [c]\n}",
         {"x.q": count((3,))}, {"y.w": count((3,))}, {"new": False}, {"new": False}),
    Case("a guard on a capture", L + "one: x.{l}.p [c] <-> y.{l}.w [c] when l == 0\ntwo: x.{l}.q [c] <-> y.{l}.w [c] when l > 0",
         {"x.0.p": count((3,)), "x.1.q": count((3,), 5)}, {"y.0.w": count((3,)), "y.1.w": count((3,), 5)}, TWO, TWO_B),
    Case("a name that no rule takes", HEAD + "w: x.w [c] <-> y.w [c]", {"x.w": count((3,)), "x.u": count((3,))}, {}, fails="unmapped"),
    # ---- sizes
    Case("a size that two places contradict", HEAD + "axis c = a.c = b.c\nw: x.w [c] <-> y.w [c]", {"x.w": count((3,))}, {},
         {"c": 4}, fails="shape-contradicts"),
    Case("axes of the same size are told apart", HEAD + "axis c = a.c = b.c\naxis c2 = c\nw: x.w [c c2] <-> y.w [c2 c]",
         {"x.w": count((3, 3))}, {"y.w": transposed(count((3, 3)))}, {"c": 3}, {"c": 3}),
    Case("a size from arithmetic", HEAD + "axis h = a.h = b.h\naxis c = a.c = b.c\naxis d = a.d ?? c / h = b.d ?? c / h\nw: x [(h d) c] <-> y [h d c]",
         {"x": count((6, 6))}, {"y": count((2, 3, 6))}, {"h": 2, "c": 6}, {"h": 2, "c": 6}),
    Case("a size solved from shapes, written to the config", HEAD + "axis c = a.c = b.d\nw: x.w [c] <-> y.w [c]", {"x.w": count((3,))},
         {"y.w": count((3,))}, {}, {"d": 3}, config_back={"c": 3}),
]
