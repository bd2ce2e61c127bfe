#!/usr/bin/env python3
"""Follow rules/README.md as a newcomer would: guide.py RETENSOR TOP.

Files are written as the text gives them, commands are run, and what the text shows must be
in what they print. `# exit N` behind a command is its exit code; the default is 0.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```(\w+)(?: name=(\S+))?\n(.*?)^```$", re.M | re.S)


def squeezed(text):
    return " ".join(text.split())


def follow(command, shown, folder, path):
    code = int(m[1]) if (m := re.search(r"# exit (\d+)$", command)) else 0
    done = subprocess.run(command, shell=True, cwd=folder, text=True, capture_output=True,
                          env={**os.environ, "PATH": f"{path}:{os.environ['PATH']}"})
    said = done.stdout + done.stderr
    assert done.returncode == code, f"$ {command}\nexit {done.returncode}\n{said}"
    for line in shown:
        assert squeezed(line) in squeezed(said), f"$ {command}\nnever says: {line}\nbut:\n{said}"


def main():
    program, top = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    n = 0
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / ".path"
        path.mkdir()
        (path / "retensor").symlink_to(program)
        maker = path / "make_example.py"
        maker.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{top}/tests/tools/make_example.py" "$@"\n')
        maker.chmod(0o755)
        for kind, name, text in BLOCK.findall((top / "rules" / "README.md").read_text()):
            if kind == "rules":
                (Path(folder) / name).write_text(text)
                continue
            for part in text.split("$ ")[1:]:
                command, *shown = part.rstrip("\n").split("\n")
                follow(command, shown, folder, path)
                n += 1
        # what the guide ends with is a file like those beside it
        shutil.copy(Path(folder) / "pico.rules", path / "pico.rules")
        follow("retensor fmt --check .path/pico.rules", (), folder, path)
    print(f"{n} commands of rules/README.md do what it says")
    return 0 if n > 10 else 1


if __name__ == "__main__":
    sys.exit(main())
