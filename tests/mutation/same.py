"""Is a mutant that every test accepts wrong at all, or the same mapping in other words?

Three answers count as shown. What the rules print as they were understood (`check --verbose`) is
the same, for a line about tensors. For a line about configs the two files answer alike on every
small model of the family, in both directions, while each field that the changed statements
name is left out, null, and set to values of every type and to those that the file speaks of.
And the header of an `each` may name its two dims in any order.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path

from models import NULL
from mutants import layouts_of

CONFIG = re.compile(r"(field|const|default|config|soft|table|spelled|refuse|require|ignore|tie)\b")
VALUES = [None, NULL, True, False, 0, 3, 7.5, "x"]


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


def probes(old, new):
    """(side, field, value) worth a try, for the statements that differ; None if one is about tensors."""
    changed = changed_statements(old, new)
    if not all(CONFIG.match(x) for x in changed):
        return None
    layouts = layouts_of(old)
    fields = {f for x in changed for f in named_fields(x, layouts)}
    near = "\n".join(x for x in statements(old) + changed if named_fields(x, layouts) & fields)
    literals = re.findall(r'"[^"\n]*"|(?<![\w.])\d+(?:\.\d+)?(?:e-\d+)?(?![\w.])', near)
    values = VALUES + [json.loads(x) for x in sorted(set(literals))]
    return [(side, field, v) for side, field in sorted(fields) for v in values]


def printed(program, rules):
    said = program("check", "--verbose", rules).stdout.split("\n")
    return [x for x in said if not re.match(r"\S+: ok \(|  sizes", x)]


def tried_models(fixtures):
    """One full and one without heads of each: an untied model answers as the tied one does with the flag changed."""
    for fixture in fixtures:
        if not fixture.name.endswith("-untied"):
            yield from ((fixture, job) for job in fixture.models())


def names_of_each(old, new):
    """Do only headers of `each` differ, and only in which of the two dims is named first? An update's own line says
    how its target is stored; a header says how many dims it has, and that it is a map."""
    a, b = ([x for x in one.split("\n") if x not in other.split("\n")] for one, other in ((old, new), (new, old)))
    turned = [x.replace("[O <- I]", "[I <- O]").replace("[I -> O]", "[O -> I]") for x in a]
    return all(x.startswith("each ") for x in a) and turned == b


def witness(program, fixtures, true, mutant, judges, work):
    """What tells the two files apart, or None: they are the same as far as anything can be seen."""
    tried = probes(true.read_text(), mutant.read_text())
    if names_of_each(true.read_text(), mutant.read_text()):
        return None
    if tried is None:
        differs = [x for x in judges if printed(program, true.parent / f"{x}.rules") != printed(program, mutant.parent / f"{x}.rules")]
        return f"the printed rules of {differs[0]}" if differs else None
    with tempfile.TemporaryDirectory(dir=work) as where:
        copy, out = Path(where) / "copy", Path(where) / "out"
        for fixture, job in tried_models(fixtures):
            for side, field, value in (x for x in tried if x[0] in job.layouts):
                places, asked = job.changed(side, {field: value}, copy), (side, field, json.dumps(value))
                if asked not in job.probed:
                    job.probed[asked] = job.run(true.parent, Path(where) / "true", places)
                    shutil.rmtree(Path(where) / "true", ignore_errors=True)
                answer = job.run(mutant.parent, out, places)
                shutil.rmtree(out, ignore_errors=True)
                shutil.rmtree(copy)
                if answer != job.probed[asked]:
                    return f"{fixture.name}, to {job.writes}: {side}.{field} {'left out' if value is None else value}"
    return None
