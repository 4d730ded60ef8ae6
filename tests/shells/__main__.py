"""Plays the set-ups of real people's shells, and prints their table: python -m tests.shells --help."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from typing import Any

_LONGEST = 300.0  # seconds for a set-up
_LETTERS = 200  # of a finding


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.shells",
        description="Print the table of set-ups: what differs from the plain shell in a session without sesh's line in"
        " the rc file, and with it as the first line, in the middle and as the last one.",
    )
    parser.add_argument("--sesh", metavar="PATH", help="the sesh to test; this checkout's without it")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="set-ups whose name matches: '*-zsh'")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="how many set-ups are played at once")
    parser.add_argument("--markdown", action="store_true", help="print the table alone, as a page has it")
    parser.add_argument("--json", metavar="FILE", help="write all findings there, too")
    parser.add_argument("--setup", help=argparse.SUPPRESS)  # play one in this process; print it as JSON
    options = parser.parse_args()
    if sesh := options.sesh or os.environ.get("SESH"):
        os.environ["SESH_UNDER_TEST"] = os.path.abspath(sesh)  # before anything of the harness is loaded
    from tests.shells import table

    if options.setup:
        print(json.dumps(table.row(options.setup)))
        return
    heads = [place.name.lower() for place in table.PLACES]
    print(_line(["set-up", *heads], options.markdown))
    if options.markdown:
        print("|---" * (len(heads) + 1) + "|")
    names = [name for name in table.SETUPS if fnmatch.fnmatch(name, options.only)]
    rows = {}
    with ThreadPoolExecutor(options.jobs) as pool:
        for name, row in zip(names, pool.map(_play, names), strict=True):
            rows[name] = row
            _print(name, row, heads, options.markdown)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            json.dump(rows, file, indent=1, ensure_ascii=False)
    held = [not any(row.get(head) for head in heads) for row in rows.values() if "missing" not in row]
    if not options.markdown:
        print(f"{sum(held)} of {len(held)} set-ups hold in each place; {len(rows) - len(held)} not played")
    sys.exit(sum(held) < len(held))


def _play(name: str) -> dict[str, Any]:
    """Play a set-up in a process of its own."""
    words = [sys.executable, "-m", "tests.shells", "--setup", name]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_LONGEST, check=False)
    except subprocess.TimeoutExpired:
        return {"without": [f"stuck for {_LONGEST:g} s"]}
    if done.returncode:
        return {"without": [f"broke: {done.stderr[-300:]!r}"]}
    row: dict[str, Any] = json.loads(done.stdout)
    return row


def _print(name: str, row: dict[str, Any], heads: list[str], markdown: bool) -> None:
    if "missing" in row:
        print(_line([name, f"not played: needs {row['missing']}", *[""] * (len(heads) - 1)], markdown), flush=True)
        return
    print(
        _line([name, *(f"{len(row[head])} faults" if row.get(head) else "holds" for head in heads)], markdown),
        flush=True,
    )
    if not markdown:
        for head in heads:
            for finding in row.get(head, ()):
                print(f"    {head}: {finding[:_LETTERS]}", flush=True)


def _line(cells: list[str], markdown: bool) -> str:
    if markdown:
        return "| " + " | ".join(cells) + " |"
    first, *others = cells
    return f"{first:<36}" + " ".join(f"{each:>9}" for each in others)


if __name__ == "__main__":
    main()
