"""Mutants of a rule file: one small, wrong change each."""

import re

RULE = re.compile(r"<->|^\s+(<->|\+=|\*)|\[[^\]]*\]")
CONFIG = re.compile(r"^(axis|value|field|const|default|config|soft|spelled)\b")
LABEL = re.compile(r"\b([a-z_]\w*): ")
AXES = re.compile(r"\b[a-zA-Z_]\w*\b(?!:)")


def body(lines):
    """Numbers of the lines that mutate: no comment, no header, none of a test."""
    inside = False
    for n, line in enumerate(lines):
        if re.match(r"(test|reject) ", line):
            inside = True
        if not inside and line.strip() and not line.lstrip().startswith("#") and not re.match(r"(family|merge) ", line):
            yield n
        if line.startswith("}"):
            inside = False


def swapped(text, a, b):
    """text with the spans a and b (a before b) exchanged."""
    return text[: a[0]] + text[b[0] : b[1]] + text[a[1] : b[0]] + text[a[0] : a[1]] + text[b[1] :]


def boxes(line):
    return [m for m in re.finditer(r"\[[^\]\"]*\]", line) if re.search(r"[a-zA-Z]", m.group())]


def swap_labels(line):
    for box in boxes(line):
        at = [m.span(1) for m in LABEL.finditer(line, *box.span())]
        for a, b in zip(at, at[1:]):
            yield swapped(line, a, b)


def swap_axes(line):
    for box in boxes(line):
        inner = re.sub(r"\bwhen \w+", lambda m: "." * len(m.group()), line[: box.end()])
        at = [m.span() for m in AXES.finditer(inner, *box.span())]
        for a, b in zip(at, at[1:]):
            if line[a[0] : a[1]] != line[b[0] : b[1]]:
                yield swapped(line, a, b)


def drop_part(line):
    for m in re.finditer(r" \| \w+: [^|\])]+", line):
        yield line[: m.start()] + line[m.end() :]
    if re.match(r"\s*\w+\??:\s.*<->", line):
        yield ""


def shift_capture(line):
    for m in re.finditer(r"\{(\w)\}", line):
        yield line[: m.end() - 1] + " + 1" + line[m.end() - 1 :]


def change_constant(line):
    if not CONFIG.match(line) and "<->" not in line:
        return
    for m in re.finditer(r"(?<![\w.\-\"/])(\d+\.\d+|\d+(?![\w.]))|\b(true|false)\b", line.split(" because ")[0]):
        old = m.group()
        new = {"true": "false", "false": "true"}.get(old) or (str(float(old) + 1) if "." in old else str(int(old) + 1))
        yield line[: m.start()] + new + line[m.end() :]
    for m in re.finditer(r"\"[^\"]+\"", line.split(" because ")[0]):
        if re.match(r"(const|default|field)\b|.*<->", line) and "." not in m.group():
            yield line[: m.end() - 1] + "x" + line[m.end() - 1 :]


def drop_config(line):
    if re.match(r"(const|default|config|soft|field|spelled|tie)\b", line):
        yield ""


def drop_row(line):
    if re.match(r"\s+\S.*(<->|->)", line) and not boxes(line) and "under" not in line:
        yield ""


def swap_between(lines, numbers, pattern):
    """Exchange what `pattern` finds in neighbouring lines."""
    for a, b in zip(numbers, numbers[1:]):
        x, y = re.search(pattern, lines[a]), re.search(pattern, lines[b])
        if x and y and x.group(1) != y.group(1):
            out = list(lines)
            out[a] = lines[a][: x.start(1)] + y.group(1) + lines[a][x.end(1) :]
            out[b] = lines[b][: y.start(1)] + x.group(1) + lines[b][y.end(1) :]
            yield b, out


LINE_KINDS = [swap_labels, swap_axes, drop_part, shift_capture, change_constant, drop_config, drop_row]


def mutants(text):
    """(kind, number of the line, text of the mutant); each text differs from the file's and stands once."""
    lines, seen = text.split("\n"), {text}
    numbers = list(body(lines))
    found = []
    for n in numbers:
        for kind in LINE_KINDS:
            for new in kind(lines[n]):
                found.append((kind.__name__, n, lines[:n] + ([new] if new else []) + lines[n + 1 :]))
    for kind, pattern in (("swap_names", r"<->\s+(\S+)\s+\["), ("swap_fields", r"(?<!\w)((?:hf|lit|base|adapter)\.\w+)")):
        for n, out in swap_between(lines, numbers, pattern):
            found.append((kind, n, out))
    for kind, n, out in found:
        new = "\n".join(out)
        if new not in seen and sorted(out) != sorted(lines):  # the order of lines has no meaning
            seen.add(new)
            yield kind, n + 1, new
