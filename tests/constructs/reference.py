#!/usr/bin/env python3
"""The examples of grammar/README.md hold: reference.py RETENSOR TOP.

Each ```rules block is a whole file in canonical form that `check` accepts; one marked
fail=SLUG is refused with that slug. Together they use every reserved word.
"""

import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"^```rules(?: fail=(\S+))?\n(.*?)^```$", re.M | re.S)
WORD = re.compile(r'"([a-z]+)"')


def main():
    program, top = sys.argv[1], Path(sys.argv[2])
    blocks = BLOCK.findall((top / "grammar" / "README.md").read_text())
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        for number, (slug, text) in enumerate(blocks, 1):
            path = Path(folder) / f"example_{number}.rules"
            path.write_text(text)
            check, form = (subprocess.run([program, *args, path], capture_output=True, text=True)
                           for args in (("check", "--color", "never"), ("fmt", "--check")))
            good = check.returncode == 0 if not slug else check.returncode != 0 and f"[{slug}]" in check.stderr
            if not good or (form.returncode != 0 and slug != "syntax"):
                wrong += 1
                print(f"example {number}, {'fails with ' + slug if slug else 'holds'}: check {check.returncode}, "
                      f"fmt --check {form.returncode}\n{text}\n{check.stderr}{form.stdout}{form.stderr}")
    used = set(re.findall(r"[a-z]+", " ".join(text for slug, text in blocks if not slug)))
    unused = set(WORD.findall((top / "grammar" / "words.c").read_text())) - used
    for word in sorted(unused):
        print(f"no example uses the reserved word '{word}'")
    print(f"{len(blocks) - wrong} of {len(blocks)} examples are as the reference says")
    return 1 if wrong or unused or len(blocks) < 10 else 0


if __name__ == "__main__":
    sys.exit(main())
