"""Is a mutant that every test accepts wrong at all, or the same mapping in other words?

Two answers count as shown. What the rules print as they were understood (`check --verbose`) is
the same, for a line about tensors. For a line about configs the two files answer alike on every
small model of the family, in both directions, while each field that the changed statements
name is left out, null, and set to values of every type and to those that the file speaks of.
"""

import json
import re
import shutil
import tempfile
from pathlib import Path

from models import NULL, convert, run, set_fields

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


def named_fields(statement):
    """(side, field) of all that a statement speaks of."""
    found = set(re.findall(r"\b(hf|lit)\.(\w+(?:\.\w+)*)", statement))
    block = re.match(r"(?:const|default) (hf|lit) \{", statement)
    if block:
        found |= {(block.group(1), x) for x in re.findall(r"(\w+): ", statement)}
    return found


def probes(old, new):
    """(side, field, value) worth a try, for the statements that differ; None if one is about tensors."""
    changed = changed_statements(old, new)
    if not all(CONFIG.match(x) for x in changed):
        return None
    fields = {f for x in changed for f in named_fields(x)}
    near = "\n".join(x for x in statements(old) + changed if named_fields(x) & fields)
    literals = re.findall(r'"[^"\n]*"|(?<![\w.])\d+(?:\.\d+)?(?:e-\d+)?(?![\w.])', near)
    values = VALUES + [json.loads(x) for x in sorted(set(literals))]
    return [(side, field, v) for side, field in sorted(fields) for v in values]


def printed(program, rules):
    said = run(program, "check", "--verbose", rules).stdout.split("\n")
    return [x for x in said if not re.match(r"\S+: ok \(|  sizes", x)]


def tried_models(fixtures):
    """One full and one without heads of each: an untied model answers as the tied one does with the flag changed."""
    for fixture in fixtures:
        if not fixture.name.endswith("-untied"):
            yield from ((fixture, job) for job in fixture.models())


def witness(program, fixtures, true, mutant, work):
    """What tells the two files apart, or None: they are the same as far as anything can be seen."""
    tried = probes(true.read_text(), mutant.read_text())
    if tried is None:
        return None if printed(program, true) == printed(program, mutant) else "the printed rules differ"
    with tempfile.TemporaryDirectory(dir=work) as where:
        model, out = Path(where) / "model", Path(where) / "out"
        for fixture, job in tried_models(fixtures):
            for side, field, value in (x for x in tried if x[0] == job.sides[0]):
                shutil.copytree(job.source, model)
                set_fields(model, {field: value})
                answers = []
                for rules in (true, mutant):
                    answers.append(convert(program, rules, model, job.sides, out))
                    shutil.rmtree(out, ignore_errors=True)
                shutil.rmtree(model)
                if answers[0] != answers[1]:
                    return f"{fixture.name}, to {job.sides[1]}: {side}.{field} {'left out' if value is None else value}"
    return None
