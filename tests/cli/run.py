"""Sessions: what a person types, and what must come back.

    run.py BIN CASE [--update]

A case is a text file of commands and of all that they answer:

    # a remark
    $ retensor convert --to lit model out       run by sh in a scratch directory
    what stdout says
    ! what stderr says
    = 4                                         the exit code, when it isn't 0

BIN is the folder of the built programs; retensor, make_model and tamper (tamper.py) are
found by name.  A `retensor` command that ends with an error must leave every file of the
scratch directory as it was: that is checked for each, whatever the case says.
--update writes the case anew with the answers of today, to be read before it is kept.
"""

import difflib
import hashlib
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent


def parse(text):
    """[(lines before, command)]: answers are left out, remarks and blank lines kept."""
    before, steps = [], []
    for line in text.splitlines():
        if line.startswith("$ "):
            steps.append((before, line[2:]))
            before = []
        elif line.startswith("#") or line == "":
            before.append(line)
    return steps


def snapshot(folder):
    """Every path below a folder, with what it holds."""
    found = {}
    for path in sorted(folder.rglob("*")):
        is_file = path.is_file() and not path.is_symlink()
        found[str(path.relative_to(folder))] = hashlib.sha256(path.read_bytes()).hexdigest() if is_file else None
    return found


def without_places(lines):
    """Where a line stands in a rule file of the program is no promise."""
    shipped, out = False, []
    for line in lines:
        place = re.match(r"! (\./)?\S+\.rules:\d+", line)
        shipped = line.startswith("! rules/") if place else shipped
        line = re.sub(r"(rules/[\w-]+\.rules):\d+:\d+", r"\1:LINE", line)
        line = re.sub(r"([\w-]+\.rules):\d+\)", r"\1:LINE)", line)
        out.append(re.sub(r"^!( +)\d+ \|", r"!\1N |", line) if shipped else line)
    return out


def answer(command, folder, env):
    """The lines of a case that tell what a command answered, and what it broke."""
    before = snapshot(folder)
    done = subprocess.run(["sh", "-c", command], cwd=folder, env=env, capture_output=True, text=True)
    lines = ["|" + s if s == "" or s[0] in "$!=#|" else s for s in done.stdout.splitlines()]
    lines += ["! " + s if s else "!" for s in done.stderr.splitlines()]
    if done.returncode != 0:
        lines.append(f"= {done.returncode}")
    broken, failed = None, done.returncode != 0 or "refused" in command
    after = snapshot(folder)
    after.pop("refused", None)  # where a case keeps what was said
    before.pop("refused", None)
    if command.startswith("retensor") and failed and after != before:
        broken = f"'{command}' ended with {done.returncode} and changed files"
    return lines, broken


def play(case, bin_dir):
    """The case with the answers of today, and what was broken on the way."""
    broken, out = [], []
    with tempfile.TemporaryDirectory() as top:
        tools, folder = Path(top, "tools"), Path(top, "work")
        tools.mkdir()
        folder.mkdir()
        tools.joinpath("retensor").symlink_to(bin_dir / "retensor")
        tools.joinpath("make_model").symlink_to(bin_dir / "tests" / "make_model")
        tamper = tools / "tamper"
        tamper.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{HERE}/tamper.py" "$@"\n')
        tamper.chmod(0o755)
        path = f"{tools}:{os.environ['PATH']}"
        env = {"PATH": path, "LC_ALL": "C", "TOP": str(HERE.parent.parent), "HOME": str(folder)}
        for before, command in parse(case.read_text()):
            lines, problem = answer(command, folder, env)
            lines = without_places([s.replace(str(HERE.parent.parent), "TOP") for s in lines])
            out += before + ["$ " + command] + lines
            broken += [problem] if problem else []
    return "\n".join(out) + "\n", broken


def main():
    bin_dir, case = Path(sys.argv[1]).resolve(), Path(sys.argv[2])
    got, broken = play(case, bin_dir)
    expected = case.read_text()
    if "--update" in sys.argv:
        case.write_text(got)
    elif got != expected:
        print(f"not as expected; if it is right so: python3 {' '.join(sys.argv)} --update")
        sys.stdout.writelines(difflib.unified_diff(expected.splitlines(True), got.splitlines(True), "expected", "got"))
    for problem in broken:
        print(problem)
    return bool(broken) or ("--update" not in sys.argv and got != expected)


if __name__ == "__main__":
    sys.exit(main())
