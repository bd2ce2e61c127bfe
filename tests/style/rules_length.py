#!/usr/bin/env python3
"""How long a family's rule file is: rules_length.py TOP [MOST].

Counted are the lines of the canonical file (style.rules holds every file to it) that are
rules: not blank lines, comments, or tests, and not the text that `use` and `include` take from
other files. A family is a file with a header `family` and a `detect` line: what no model is
stored as is a part of others. Printed are each length and the median; more than MOST, or a
line of more than 110 columns, is a failure.
"""

import re
import statistics
import sys
from pathlib import Path

WIDTH = 110
REASON = re.compile(r'\s*because "[^"]*"$')  # one string cannot be broken


def rule_lines(text):
    """The lines that are rules."""
    lines, in_test = [], False
    for line in text.splitlines():
        in_test = in_test or re.match(r"(test|reject)\b", line) is not None
        code = line.strip()
        if code and not code.startswith("#") and not in_test:
            lines.append(line)
        if in_test and line.rstrip().endswith("}") and not line.startswith(" "):
            in_test = False
    return lines


def main():
    top = Path(sys.argv[1])
    most = float(sys.argv[2]) if len(sys.argv) > 2 else float("inf")
    lengths, wide = {}, []
    for path in sorted((top / "rules").glob("*.rules")):
        text = path.read_text()
        lines = rule_lines(text)
        wide += [f"{path.name}: {line}" for line in text.splitlines() if len(line) > WIDTH and not REASON.match(line)]
        if any(line.startswith("family ") for line in lines) and any(line.startswith("detect ") for line in lines):
            lengths[path.stem] = len(lines)
    for name, n in sorted(lengths.items(), key=lambda item: item[1]):
        print(f"{n:4} {name}")
    median = statistics.median(lengths.values())
    print(f"median of {len(lengths)} families: {median:g} lines")
    for line in wide:
        print(f"wider than {WIDTH} columns: {line}")
    return 1 if wide or median > most else 0


if __name__ == "__main__":
    sys.exit(main())
