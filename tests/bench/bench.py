#!/usr/bin/env python3
"""Times retensor against `cp` of the same bytes, in the same run.

    tests/bench/bench.py [--build build] [--scratch DIR] [--rounds 5] [--check] [NAME=NUMBER]...

Makes a random bf16 model of TinyLlama-1.1B's sizes (NAME=NUMBER change them, see
tests/tools/make_model.c), then runs every job once in each round, in an order of its own:
sources in the page cache, targets deleted before the clock starts.  Machines and their moods
differ, so what counts is the ratio of medians; `--check` makes the exit code tell whether all
stay within their limits.

Before each run as much memory as the run fills is taken and given back: a virtual machine's
host may have taken the free pages away, and the first job to touch them would pay for it.
"""
import argparse
import mmap
import os
import pathlib
import random
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

MIB = 1 << 20
HUGE_PAGE = 2 * MIB


def warm_memory(n_bytes):
    """In a process of its own, so that this one stays small (see run)."""
    child = os.fork()
    if child == 0:
        with mmap.mmap(-1, n_bytes) as room:
            room.madvise(mmap.MADV_HUGEPAGE)
            for at in range(0, n_bytes, HUGE_PAGE):
                room[at] = 1
        os._exit(0)
    os.waitpid(child, 0)


def run(command):
    """Seconds, seconds of all processors, and peak resident bytes; the peak counts from the
    fork, so it is at least that of this script (some 10 MiB)."""
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    message = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        sys.exit(f"{' '.join(map(str, command))}: exit {process.returncode}\n{message.decode()}")
    return seconds, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


class Job:
    def __init__(self, name, commands, like=None, limit=None, max_rss=None):
        self.name, self.commands, self.like = name, commands, like
        self.limit, self.max_rss = limit, max_rss
        self.seconds, self.cpu, self.rss = [], [], 0

    def once(self, target, n_bytes):
        shutil.rmtree(target, ignore_errors=True)
        warm_memory(n_bytes)
        seconds = cpu = 0
        for command in self.commands:
            took, worked, rss = run(command)
            seconds += took
            cpu += worked
            self.rss = max(self.rss, rss)
        self.seconds.append(seconds)
        self.cpu.append(cpu)
        shutil.rmtree(target)

    def median(self):
        return statistics.median(self.seconds)


def make_inputs(build, scratch, sizes):
    def make(*args):
        subprocess.run([build / "tests" / "make_model", *args, *sizes], check=True)
    make(scratch / "hf")
    adapters = {}
    for rank in (16, 256):
        adapters[rank] = scratch / f"lora-{rank}"
        make("--adapter", adapters[rank], f"rank={rank}")
    subprocess.run([build / "retensor", "convert", "--quiet", "--no-sync", "--to", "lit",
                    scratch / "hf", scratch / "lit"], check=True)
    return scratch / "hf", scratch / "lit", adapters


def jobs_of(program, hf, lit, adapters, out):
    def retensor(*args, sync=False):
        return [program, *args, "--quiet", *([] if sync else ["--no-sync"])]

    def merge(rank, limit):
        adapter = sum(f.stat().st_size for f in adapters[rank].iterdir())
        return Job(f"merge rank {rank}, every linear map",
                   [retensor("merge", lit, adapters[rank], out)], "cp lit", limit, 96 * MIB + adapter)

    mkdir = ["mkdir", out]
    cp_hf = ["cp", hf / "model.safetensors", out / "model.safetensors"]
    cp_lit = ["cp", lit / "lit_model.pth", out / "lit_model.pth"]
    return [
        Job("cp hf", [mkdir, cp_hf]),
        Job("cp lit", [mkdir, cp_lit]),
        Job("cp hf, sync", [mkdir, cp_hf, ["sync", out / "model.safetensors"]]),
        Job("convert hf -> lit", [retensor("convert", "--to", "lit", hf, out)], "cp hf", 1.5, 64 * MIB),
        Job("convert hf -> lit-legacy", [retensor("convert", "--to", "lit-legacy", hf, out)],
            "cp hf", 1.5, 64 * MIB),
        Job("convert lit -> hf", [retensor("convert", "--to", "hf", lit, out)], "cp lit", 1.5, 64 * MIB),
        merge(16, 2.0),
        merge(256, 6.0),
        Job("convert hf -> lit, durable", [retensor("convert", "--to", "lit", hf, out, sync=True)],
            "cp hf, sync", 1.5, 64 * MIB),
    ]


def table(jobs):
    """Prints it; are all within their limits?"""
    by_name = {j.name: j for j in jobs}
    fine = True
    print(f"{'job':36} {'median s':>9} {'best s':>8} {'ratio':>7} {'best':>6} {'limit':>6} {'cpu s':>7} {'peak MiB':>9}")
    for j in jobs:
        like = by_name.get(j.like)
        ratios = f"{'':21}"
        if like is not None:
            ratio = j.median() / like.median()
            ratios = f"{ratio:7.2f} {min(j.seconds) / min(like.seconds):6.2f} {j.limit:6.1f}"
        within = like is None or ratio <= j.limit and j.rss <= j.max_rss
        fine = fine and within
        print(f"{j.name:36} {j.median():9.3f} {min(j.seconds):8.3f} {ratios} "
              f"{statistics.median(j.cpu):7.2f} {j.rss / MIB:9.1f}{'' if within else '   beyond'}", flush=True)
    return fine


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build"))
    parser.add_argument("--scratch", type=pathlib.Path, help="where 10 GB fit for a while")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="jobs whose name holds this, and their yardsticks")
    parser.add_argument("--check", action="store_true")
    parser.add_argument("sizes", nargs="*", default=["tinyllama=1"])
    opt = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=opt.scratch) as scratch:
        scratch = pathlib.Path(scratch)
        hf, lit, adapters = make_inputs(opt.build.resolve(), scratch, opt.sizes)
        out = scratch / "out"
        n_bytes = (hf / "model.safetensors").stat().st_size * 3 // 2
        jobs = jobs_of(opt.build.resolve() / "retensor", hf, lit, adapters, out)
        wanted = {j.name for j in jobs if opt.only in j.name}
        wanted |= {j.like for j in jobs if j.name in wanted}
        jobs = [j for j in jobs if j.name in wanted]
        for _ in range(opt.rounds):
            for job in random.sample(jobs, len(jobs)):
                job.once(out, n_bytes)
        fine = table(jobs)
    sys.exit(1 if opt.check and not fine else 0)


if __name__ == "__main__":
    main()
