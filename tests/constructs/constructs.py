#!/usr/bin/env python3
"""Every construct of the rule language moves real data: constructs.py RETENSOR [NAME]."""

import sys

import case_config
import case_declared
import case_files
import case_layout
from harness import check

MODULES = (case_layout, case_declared, case_config, case_files)


def main():
    program, only = sys.argv[1], sys.argv[2] if len(sys.argv) > 2 else ""
    failed = n = 0
    for case in (c for m in MODULES for c in m.CASES if only in c.name):
        n += 1
        try:
            check(case, program)
        except AssertionError as why:
            failed += 1
            print(f"FAILED {why}\n")
    print(f"{n - failed} of {n} constructs hold")
    return 1 if failed or n == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
