"""Run the program under test: $RETENSOR, else build/retensor of this checkout."""

import os
import subprocess
from pathlib import Path

RETENSOR = os.environ.get("RETENSOR", str(Path(__file__).parents[2] / "build" / "retensor"))


def run(*args, expect=0):
    """Run `retensor ARGS`; the exit code must be `expect`. Gives the finished process."""
    done = subprocess.run([RETENSOR, *map(str, args)], capture_output=True, text=True)
    assert done.returncode == expect, f"retensor {' '.join(map(str, args))}\nexit {done.returncode}\n{done.stdout}\n{done.stderr}"
    return done


def convert(src, dst, to, *more):
    run("convert", "--to", to, "--no-sync", *more, src, dst)
    return dst


def merge(base, adapter, dst, *more):
    run("merge", "--no-sync", *more, base, adapter, dst)
    return dst
