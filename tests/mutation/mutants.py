"""Mutants of a rule file: one small, wrong change each."""

import re

RULE = re.compile(r"<->|^\s+(<->|\+=|\*)|\[[^\]]*\]")
CONFIG = re.compile(r"^(axis|value|field|const|default|config|soft|spelled)\b")
UPDATE = re.compile(r"(\+=|:=| \* |^\s+\* )|^\s+(when|value|axis|norm) ")
LABEL = re.compile(r"\b([a-z_]\w*): ")
AXES = re.compile(r"\b[a-zA-Z_]\w*\b(?!:)")


def layouts_of(text):
    """The two sides of a file, as config fields are called."""
    header = re.search(r"(?m)^(family|merge) \S+ : (\S+) (?:<->|\+=) (\S+)", text)
    if not header:
        return ("hf", "lit")  # of text that families share
    return ("base", "adapter") if header[1] == "merge" else (header[2], header[3])


def body(lines):
    """Numbers of the lines that mutate: no comment, no header or its text, none of a test."""
    inside = False
    for n, line in enumerate(lines):
        if re.match(r"(test|reject) ", line):
            inside = True
        if not inside and line.strip() and line.lstrip()[0] not in '#"' and not re.match(r"(family|merge) ", line):
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
    if not CONFIG.match(line) and "<->" not in line and not UPDATE.search(line):
        return
    for m in re.finditer(r"(?<![\w.\-\"/])(\d+\.\d+|\d+(?![\w.]))|\b(true|false)\b", line.split(" because ")[0]):
        yield line[: m.start()] + other(m.group()) + line[m.end() :]
    for m in re.finditer(r"\"[^\"]+\"", line.split(" because ")[0]):
        if re.match(r"(const|default|field)\b|.*<->", line) and "." not in m.group():
            yield line[: m.end() - 1] + "x" + line[m.end() - 1 :]


def change_demand(line):
    """Of a fact, or of what is required, refused or warned of, one constant."""
    if not re.match(r"(value|require|refuse|warn)\b", line):
        return
    said = line.split(" because ")[0]
    for m in re.finditer(r'"[^"]+"', said):
        yield line[: m.end() - 1] + "x" + line[m.end() - 1 :]
    for m in re.finditer(r'(?<![\w.\-"/])(\d+\.\d+|\d+(?![\w.]))|\b(true|false)\b', said):
        yield line[: m.start()] + other(m.group()) + line[m.end() :]


def other(constant):
    if constant in ("true", "false"):
        return "false" if constant == "true" else "true"
    return str(float(constant) + 1) if "." in constant else str(int(constant) + 1)


def drop_field(line):
    """Of a record of constants or defaults, one."""
    if re.match(r"(const|default|field) \S+ \{|    \w+: [^<]*$", line):
        for m in re.finditer(r"(?<=[{ ])(\w+): (\"[^\"]*\"|\[[^\]]*\]|[^,{}\"\[\]]+?)(, |(?= \}))", line):
            yield line[: m.start()].rstrip(" ,") * (m.group(3) == "") + line[: m.start()] * (m.group(3) != "") + line[m.end() :]


def drop_alternative(line):
    """Of a choice, a `let`, or the spellings of a name."""
    if re.match(r"(choice|let|spelled)\b|    \| ", line):
        for m in re.finditer(r" \| [^|]+$| \| [^|]+(?= \|)", line):
            yield line[: m.start()] + line[m.end() :]


def change_operator(line):
    """Of what an adapter's scale and forms depend on."""
    for old, new in ((" / ", " * "), (" and ", " or "), (" == ", " != "), (" when not ", " when "), ("sqrt(r)", "r"), (" in {", " == 1 or 1 in {")):
        at = line.split(" because ")[0].find(old)
        if at >= 0:
            yield line[:at] + new + line[at + len(old) :]


def drop_row(line):
    if re.match(r"\s+\S.*(<->|->)", line) and not boxes(line) and "under" not in line:
        yield ""


def swap_between(lines, numbers, pattern):
    """Exchange what `pattern` finds in neighbouring lines."""
    for a, b in zip(numbers, numbers[1:]):
        x, y = re.search(pattern, lines[a]), re.search(pattern, lines[b])
        listed = not all(re.search(r"[=|<{]|^(require|refuse|warn|detect)", lines[k]) for k in (a, b))  # in any order
        if x and y and x.group(1) != y.group(1) and not listed:
            out = list(lines)
            out[a] = lines[a][: x.start(1)] + y.group(1) + lines[a][x.end(1) :]
            out[b] = lines[b][: y.start(1)] + x.group(1) + lines[b][y.end(1) :]
            yield b, out


def drop_statements(lines, numbers):
    """Leave out a statement of the config, with the lines that it goes on for."""
    for n in numbers:
        if re.match(r"(const|default|config|soft|field|spelled|tie|require|refuse|warn|choice|drop|let)\b|\s+drop ", lines[n]):
            yield n, lines[:n] + lines[end_of(lines, n) :]


def end_of(lines, n):
    """Behind the statement or update that begins on line n: what stands further in belongs to it."""
    depth, end = len(lines[n]) - len(lines[n].lstrip()), n + 1
    while end < len(lines) and lines[end].strip() and len(lines[end]) - len(lines[end].lstrip()) >= depth + 4:
        end += 1
    return end


def change_updates(lines, numbers):
    """(kind, line, text lines) of the updates of a merge: one left out, its scale, its guard, its norms, two factors exchanged."""
    for n in numbers:
        if not re.match(r"\s*\w+\??: base ", lines[n]):
            continue
        end = end_of(lines, n)
        old = "\n".join(lines[n:end])
        yield "drop_update", n, lines[:n] + lines[end:]
        for kind, pattern, new in (("drop_scale", r"\+= [\w.]+(?=\s+\*)", "+= 1"), ("drop_norm", r"\s+norm = [^\]]+\]", ""),
                                   ("drop_guard", r"\s+when [^\]]+$", ""), ("drop_norm", r"\s+rows = [^\n]+", "")):
            text = re.sub(pattern, new, old, count=1)
            if text != old:
                yield kind, n, lines[:n] + text.split("\n") + lines[end:]
        names = [m.span(1) for m in re.finditer(r"\* adapter (\S+)", old)]
        if len(names) == 2:
            yield "swap_factors", n, lines[:n] + swapped(old, *names).split("\n") + lines[end:]


LINE_KINDS = [swap_labels, swap_axes, drop_part, shift_capture, change_constant, change_demand, drop_field, drop_row]
MERGE_KINDS = [drop_alternative, change_operator]


def mutants(text):
    """(kind, number of the line, text of the mutant); each text differs from the file's and stands once."""
    lines, seen, is_merge = text.split("\n"), {text}, "adapter" in layouts_of(text)
    numbers = list(body(lines))
    found = []
    for n in numbers:
        said, comment = re.fullmatch(r"(.*?)(\s+# .*)?", lines[n]).groups("")
        for kind in LINE_KINDS + MERGE_KINDS * is_merge:
            for new in kind(said):
                found.append((kind.__name__, n, lines[:n] + ([new + comment] if new else []) + lines[n + 1 :]))
    found += [("drop_statement", n, out) for n, out in drop_statements(lines, numbers)]
    found += change_updates(lines, numbers)
    side = "|".join(sorted(layouts_of(text), key=len, reverse=True))
    for kind, pattern in (("swap_names", r"<->\s+(\S+)\s+\["), ("swap_fields", rf"(?<![\w-])((?:{side})(?:\.\w+)+)")):
        for n, out in swap_between(lines, numbers, pattern):
            found.append((kind, n, out))
    for kind, n, out in found:
        new = "\n".join(out)
        if new not in seen and sorted(out) != sorted(lines):  # the order of lines has no meaning
            seen.add(new)
            yield kind, n + 1, new
