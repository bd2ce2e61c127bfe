"""Is a mutant that every test accepts wrong at all, or the same mapping in other words?

Three answers count as shown. What the rules print as they were understood (`check --verbose`) is
the same in every file that has them. For a line about configs the two files answer alike on every
small model of the family, in both directions, while each field that the changed statements
name is left out, null, and set to values of every type and to those that the file speaks of, with
the other fields that they name as they are and left out. And the header of an `each` may name its
dims in any order.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path

from models import NULL
from mutants import layouts_of

CONFIG = re.compile(r"(field|const|default|config|soft|table|spelled|refuse|require|warn|ignore|tie)\b")
VALUES = [None, NULL, True, False, 0, 3, 7.5, "x"]


def understood(said):
    """What `check --verbose` printed of each file, without what the probe chose: stem -> what begins at the margin, with
    the lines that go on with it."""
    parts = re.split(r"(?m)^(\S+)\.rules: ok \(.*\n(?:  sizes.*\n)*", said)[1:]
    return {Path(name).name: [unreached(conjuncts(x)) for x in re.split(r"\n(?=\S)", text)] for name, text in zip(parts[::2], parts[1::2])}


def unreached(block):
    """Of an update: a part of the target that no factor is about keeps its bytes, and only its size matters."""
    reached = set(re.findall(r"(\w+): ", "".join(re.findall(r"(?m)^  adapter .*", block))))
    if not block.startswith("update ") or not reached:
        return block

    def part(found):
        return found[0] if found[1] in reached else "_: " + " ".join(sorted(found[2].split()))

    return re.sub(r"(?m)^  base .*", lambda line: re.sub(r"(\w+): ([\w ]+?)(?= \||\))", part, line[0]), block)


def conjuncts(line):
    """Conditions that must all hold stand in any order."""
    found = re.fullmatch(r"(require )([^\"()]+)( because .*)", line)
    if not found or re.search(r" (or|if|then|else) ", found[2]):
        return line
    return found[1] + " and ".join(sorted(found[2].split(" and "))) + found[3]


def statements(text):
    """Statements at the margin, with their continuation lines."""
    out = []
    for line in text.split("\n"):
        if out and line[:1] in ("", " ", "}", "#"):
            out[-1] += "\n" + line
        else:
            out.append(line)
    return out


def changed_statements(old, new):
    old, new = statements(old), statements(new)
    return [x for x in old if x not in new] + [x for x in new if x not in old]


def named_fields(statement, layouts):
    """(side, field) of all that a statement speaks of."""
    side = "|".join(sorted(layouts, key=len, reverse=True))
    found = set(re.findall(rf"(?<![\w-])({side})\.(\w+(?:\.\w+)*)", statement))
    block = re.match(rf"(?:const|default|field) ({side}) \{{", statement)
    if block:
        found |= {(block.group(1), x) for x in re.findall(r"(\w+): ", statement)}
    return found


def changed_fields(old, new):
    """(side, field) of all that the statements that differ speak of."""
    return {f for x in changed_statements(old, new) for f in named_fields(x, layouts_of(old))}


def probes(old, new):
    """(side, changes of fields) worth a try, for the statements that differ; None if one is not about fields alone."""
    changed, layouts = changed_statements(old, new), layouts_of(old)
    if not all(CONFIG.match(x) and named_fields(x, layouts) for x in changed):
        return None
    fields = changed_fields(old, new)
    near = "\n".join(x for x in statements(old) + changed if named_fields(x, layouts) & fields)
    literals = re.findall(r'"[^"\n]*"|(?<![\w.])\d+(?:\.\d+)?(?:e-\d+)?(?![\w.])', near)
    tables = [r for x in changed if "table " in x for r in records(x)]
    values = VALUES[:1] + [json.loads(x) for x in sorted(set(literals))] + [r for n, r in enumerate(tables) if r not in tables[:n]] + VALUES[1:]
    alone = [(side, {field: v}) for v in values for side, field in sorted(fields)]
    rest = {(side, field): {f: None for s, f in fields if s == side and f != field} for side, field in fields}
    return alone + [(side, {**rest[side, field], field: v}) for v in values for side, field in sorted(fields) if rest[side, field]]


def records(table):
    """Values for the record patterns of a table, with and without what may be absent."""
    out = []
    for pattern in re.findall(r"\{ ([^{}]*) \}", table):
        parts = [x for x in (re.match(r"\s*(\w+)[\w|]*(\??): (.*)", p) for p in pattern.split(",")) if x]
        for optional in ("", "?"):
            of = {k: [json.loads(x) for x in v.split(" | ")] if v[:1] == '"' else [7.5 + n]
                  for n, (k, q, v) in enumerate(p.groups() for p in parts) if q <= optional}
            out += [{k: v[n % len(v)] for k, v in of.items()} for n in range(max(map(len, of.values()), default=0))]
    return out


def touches(job, fields):
    """Does it differ from the full model in one of the fields?"""
    return not {x.split(".")[0] for x in job.change}.isdisjoint(f.split(".")[0] for _, f in fields)


def tried_models(fixtures, fields):
    """One full and one without heads of each, and those that are about these fields: an untied model answers as the
    tied one does with the flag changed."""
    for fixture in fixtures:
        if not fixture.name.endswith("-untied"):
            models = fixture.models()
            yield from ((fixture, job) for job in models + [x for x in fixture.jobs if x not in models and touches(x, fields)])


def names_of_each(old, new):
    """Do only headers of `each` differ, and only in which dims are named first? An update's own line says
    how its target is stored; a header says how many dims it has, and that it is a map."""
    a, b = ([x for x in one.split("\n") if x not in other.split("\n")] for one, other in ((old, new), (new, old)))
    kinds = [[re.sub(r"\[[^]]*\]", lambda dims: re.sub(r"\w+", "_", dims[0]), x) for x in lines] for lines in (a, b)]
    return all(x.startswith("each ") for x in a + b) and kinds[0] == kinds[1]


def witness(fixtures, true, mutant, work):
    """What tells two files apart that are understood differently, or None: they are the same as far as anything can
    be seen."""
    tried = probes(true.read_text(), mutant.read_text())
    if names_of_each(true.read_text(), mutant.read_text()):
        return None
    if tried is None:
        return "what they print as understood"
    def answer(job, rules, places):
        with tempfile.TemporaryDirectory(dir=work) as out:
            return job.run(rules.parent, Path(out) / "out", places)

    for fixture, job in tried_models(fixtures, changed_fields(true.read_text(), mutant.read_text())):
        for side in job.layouts:
            for change, places, config in job.changed(side, [c for s, c in tried if s == side], work / "copy"):
                if (side, config) not in job.probed:
                    job.probed[side, config] = answer(job, true, places)
                if answer(job, mutant, places) != job.probed[side, config]:
                    shutil.rmtree(work / "copy")
                    shown = ", ".join(f"{f} left out" if v is None else f"{f} = {v}" for f, v in change.items())
                    return f"{fixture.name}, to {job.writes}, {side}: {shown}"
    return None
