#!/usr/bin/env python3
"""Reads data maps with the real fideslang package: fideslang_check.py FILE...

Says for each file what it holds, and fails where fideslang refuses it or where a key lethe.* does not survive: Fideslang drops
keys that it does not know everywhere but in the meta of datasets and systems. Exit status: 0 all read, 1 not.
"""
import sys

import yaml
from fideslang import model_map


def check(path):
    with open(path, encoding="utf-8") as f:
        raw = yaml.safe_load(f)
    if not isinstance(raw, dict):
        raise ValueError("not a mapping")
    count = {}
    for kind, entries in raw.items():
        if kind not in model_map:
            raise ValueError(f"fideslang has no resource {kind!r}")
        for entry in entries:
            model = model_map[kind].model_validate(entry)
            want = lethe_keys(entry)
            got = lethe_keys(model.model_dump())
            if got != want:
                raise ValueError(f"{kind} {entry.get('fides_key')}: lost {sorted(want - got)}")
            count[kind] = count.get(kind, 0) + 1
    return ", ".join(f"{n} {kind}" for kind, n in sorted(count.items()))


def lethe_keys(value, path=""):
    """Every key lethe.* below, with where it stands and what it says."""
    out = set()
    if isinstance(value, dict):
        for k, v in value.items():
            if str(k).startswith("lethe."):
                out.add((path, k, repr(v)))
            else:
                out |= lethe_keys(v, f"{path}/{k}")
    elif isinstance(value, list):
        for v in value:
            out |= lethe_keys(v, path)
    return out


def main(paths):
    failed = not paths
    for path in paths:
        try:
            print(f"{path}: {check(path)}")
        except Exception as e:  # whatever fideslang raises is what we want to see
            print(f"{path}: {type(e).__name__}: {e}", file=sys.stderr)
            failed = True
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
