#!/usr/bin/env python3
"""Budgets and manners of the C sources: length of files and functions, where a program
may print or exit, no family's name in C, nothing left unfinished."""
import pathlib
import re
import sys

MAX_FILE_LINES, MAX_GRAMMAR_LINES, MAX_FUNCTION_LINES = 600, 720, 75
FAMILIES = r"\b(llama|falcon|pythia|gpt_?neox|mixtral|qwen|gemma|olmo|phi-?[0-9])"
UNFINISHED = r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X|HA" + r"CK)\b"
# Only engine/cli/ may call these, and who is named here: the end of memory is the one
# end below it (base/arena.h), and the hub's cache is found by the environment.
CLI_ONLY = {
    r"\b(exit|_exit|abort|printf|puts)\s*\(": {"engine/base/arena.c"},
    r"\bgetenv\s*\(": {"engine/checkpoint/hub_cache.c"},
}

top = pathlib.Path(sys.argv[1])
bad = []


def functions(lines):
    """(first line, length) of each function: a brace alone in column 1 up to the next."""
    start = None
    for n, line in enumerate(lines, 1):
        if line == "{":
            start = n
        elif line == "}" and start:
            yield start, n - start + 1
            start = None


sources = [p for d in ("engine", "grammar", "tests") for p in sorted((top / d).rglob("*.[chly]"))]
for path in sources:
    place = path.relative_to(top).as_posix()
    lines = path.read_text().splitlines()
    max_lines = MAX_GRAMMAR_LINES if path.suffix == ".y" else MAX_FILE_LINES
    if len(lines) > max_lines:
        bad.append(f"{place}: {len(lines)} lines, more than {max_lines}")
    for n, line in enumerate(lines, 1):
        if re.search(UNFINISHED, line):
            bad.append(f"{place}:{n}: unfinished")
        if line != line.rstrip() or "\t" in line and path.suffix in ".c.h":
            bad.append(f"{place}:{n}: a tab, or blanks at the end of the line")
    if place.startswith("tests/"):
        continue
    for n, length in functions(lines):
        if length > MAX_FUNCTION_LINES:
            bad.append(f"{place}:{n}: a function of {length} lines")
    if place.startswith("engine/cli/"):
        continue  # its help gives examples
    for n, line in enumerate(lines, 1):
        code = "" if line.lstrip().startswith(("/*", "* ")) else line.split("/*")[0]
        for call, exempt in CLI_ONLY.items():
            if place not in exempt and re.search(call, code):
                bad.append(f"{place}:{n}: only engine/cli/ prints, ends or asks the environment")
        for text in re.findall(r'"([^"]*)"', code):
            if path.suffix in ".c.h" and re.search(FAMILIES, text, re.I):
                bad.append(f"{place}:{n}: a family is named in C; it belongs into a rule file")

print("\n".join(bad) or f"{len(sources)} files keep the manners")
sys.exit(bool(bad) or not sources)
