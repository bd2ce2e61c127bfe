"""The commands of README.md work as they stand there: readme.py BIN TOP.

Each ```sh block is run line by line, in one scratch directory that has the files which
README.md speaks of, as tiny models.  A block behind a line `<!-- not run: WHY -->` is
left out: installation and network."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

BLOCK = re.compile(r"(<!-- not run: [^\n]+ -->\n+)?```sh\n(.*?)```", re.S)


def prepare(work, bin_dir):
    """What a reader of README.md is taken to have."""
    make = bin_dir / "tests" / "make_model"
    for model in ("TinyLlama", "tutorial"):
        subprocess.run([make, work / "checkpoints" / model], check=True)
    for adapter in ("finetuned", "lora"):
        subprocess.run([make, "--adapter", work / adapter], check=True)


def main():
    bin_dir, top = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
    n, failed = 0, 0
    with tempfile.TemporaryDirectory() as scratch:
        work, tools = Path(scratch, "work"), Path(scratch, "tools")
        tools.mkdir()
        tools.joinpath("retensor").symlink_to(bin_dir / "retensor")
        prepare(work, bin_dir)
        work.joinpath("rules").symlink_to(top / "rules")
        env = {"PATH": f"{tools}:{os.environ['PATH']}", "HOME": scratch, "LC_ALL": "C"}
        for left_out, text in BLOCK.findall((top / "README.md").read_text()):
            for command in [] if left_out else text.replace("\\\n", " ").splitlines():
                if not command.strip():
                    continue
                done = subprocess.run(["sh", "-c", command], cwd=work, env=env, capture_output=True, text=True)
                n += 1
                if done.returncode != 0:
                    failed += 1
                    print(f"{command}\n  ends with {done.returncode}\n{done.stdout}{done.stderr}")
    print(f"{n} commands of README.md were run, {failed} failed")
    return failed > 0 or n == 0


if __name__ == "__main__":
    sys.exit(main())
