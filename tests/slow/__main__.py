"""Plays the bench of slow terminals, and prints its table: python -m tests.slow --help."""

from __future__ import annotations

import argparse
import fnmatch
import json
import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

_HEAD = f"{'cell':<34} {'missing':>8} {'repeated':>8} {'said':>16} {'echo':>7} {'seconds':>7}  outcome"
_MAX_SECONDS = 300.0  # seconds for a cell


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.slow", description="Print the table of slow terminals: each line once, none missing."
    )
    parser.add_argument("--sesh", metavar="PATH", help="the sesh to test; this checkout's without it")
    parser.add_argument("--only", metavar="PATTERN", default="*", help="cells whose name matches: 'link-*-resized'")
    parser.add_argument("--times", metavar="N", type=int, default=1, help="how often each cell is played")
    parser.add_argument("--jobs", metavar="N", type=int, default=1, help="how many cells are played at once")
    parser.add_argument("--few", action="store_true", help="print as few lines as `make test` does")
    parser.add_argument("--cell", help=argparse.SUPPRESS)  # play one in this process; print it as JSON
    options = parser.parse_args()
    if sesh := options.sesh or os.environ.get("SESH"):
        os.environ["SESH_UNDER_TEST"] = os.path.abspath(sesh)  # before anything of the harness is loaded
    from tests.slow import played

    if options.cell:
        print(json.dumps(played.row(options.cell, few=options.few)))
        return
    names = [name for name in played.names() if fnmatch.fnmatch(name, options.only)]
    print(_HEAD, flush=True)
    with ThreadPoolExecutor(options.jobs) as pool:
        kept = ["--few"] if options.few else []
        rows = list(pool.map(lambda name: _play(name, kept), [name for name in names for _ in range(options.times)]))
    held = sum(rows)
    print(f"{held} of {len(rows)} hold")
    sys.exit(held < len(rows))


def _play(name: str, options: list[str]) -> bool:
    """Play a cell in a process of its own, and print its row; return whether it holds."""
    begin = time.monotonic()
    words = [sys.executable, "-m", "tests.slow", "--cell", name, *options]
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=_MAX_SECONDS, check=False)
        row = json.loads(done.stdout) if done.returncode == 0 else {"outcome": f"broke: {done.stderr[-200:]!r}"}
    except subprocess.TimeoutExpired:
        row = {"outcome": f"stuck for {_MAX_SECONDS:g} s"}
    echo = f"{row['echo']:.2f}" if row.get("echo") else ""
    said = row.get("said", "")
    print(
        f"{name:<34} {row.get('missing', '?'):>8} {row.get('repeated', '?'):>8} {said:>16} {echo:>7}"
        f" {time.monotonic() - begin:7.1f}  {row['outcome']}",
        flush=True,
    )
    return bool(row["outcome"] == "holds")


if __name__ == "__main__":
    main()
