"""The program, asked thousands of times without being started anew (tests/answer)."""

import os
import shutil
import subprocess
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path

MEMORY = "/dev/shm"
# In memory, where there is such a place with room for all models.
SCRATCH = MEMORY if os.access(MEMORY, os.W_OK) and shutil.disk_usage(MEMORY).free > 2**31 else None


@dataclass(frozen=True)
class Said:
    returncode: int
    stdout: str
    stderr: str


class Asked:
    """For each thread one process that answers; what it says is taken through two files."""

    def __init__(self, program, work):
        self.answers, self.work, self.mine = program.parent / "tests" / "answer", work, threading.local()

    def __call__(self, *args):
        if not hasattr(self.mine, "process"):
            self.mine.process = subprocess.Popen([self.answers], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            self.mine.to = [Path(tempfile.mkstemp(dir=self.work)[1]) for _ in range(2)]
        asked = [str(x) for x in (*self.mine.to, *args)]
        assert not any(c in x for x in asked for c in "\t\n"), asked
        self.mine.process.stdin.write("\t".join(asked) + "\n")
        self.mine.process.stdin.flush()
        code = self.mine.process.stdout.readline()
        assert code, f"{self.answers} has ended"
        return Said(int(code), *(x.read_text() for x in self.mine.to))
