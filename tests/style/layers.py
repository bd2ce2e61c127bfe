#!/usr/bin/env python3
"""Includes go downward only, and each foreign library has its one owner: engine/LAYERS."""
import pathlib
import re
import sys

top = pathlib.Path(sys.argv[1])
folders, owners = {}, {}
for line in (top / "engine/LAYERS").read_text().splitlines():
    line = line.split("#")[0].strip()
    if line:
        name, _, rest = line.partition(":")
        (owners if name[0] == "<" else folders)[name] = rest.split()

bad = []
sources = [p for d in ("engine", "grammar") for p in sorted((top / d).rglob("*.[chly]"))]
for path in sources:
    place = path.relative_to(top).as_posix()
    if place == "engine/retensor.h":
        continue  # the library's door: it shows what programs may use
    folder = place.split("/")[1 if place.startswith("engine/") else 0]
    if folder not in folders:
        bad.append(f"{place}: the folder {folder} is not in engine/LAYERS")
        continue
    for n, line in enumerate(path.read_text().splitlines(), 1):
        include = re.match(r'\s*#\s*include\s+("([a-z_]+)/|<.*>)', line)
        if not include:
            continue
        target, system = include[2], include[1]
        if target and target != folder and target not in folders[folder]:
            bad.append(f"{place}:{n}: {folder} may not include {target}/")
        if not target and system in owners:
            if not any(place == o or (o[-1] == "/" and place.startswith(o)) for o in owners[system]):
                bad.append(f"{place}:{n}: {system} belongs to {' '.join(owners[system])}")

print("\n".join(bad) or f"{len(sources)} files keep to engine/LAYERS")
sys.exit(bool(bad) or not sources)
