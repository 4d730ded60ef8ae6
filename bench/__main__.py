"""`python -m bench` measures sesh beside its peers, and writes the page's table and chart."""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable
from importlib.metadata import version

from bench import page
from bench.echo import echo
from bench.emulators import emulator, step
from bench.field import SESSION_TOOLS, Field, log
from bench.output import output
from bench.rest import rest
from bench.rows import ROWS
from bench.starts import attach, create, listing, tab, verbs

PARTS = {
    part.__name__: part for part in (attach, create, listing, verbs, tab, echo, output, emulator, step, rest)
}  # fmt: skip
"""Each fills some of the rows."""


def main() -> int:
    """Run the parts that the options name; return 1 if one failed."""
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--only", metavar="PART", action="append", choices=PARTS, help=f"one of {', '.join(PARTS)}")
    parser.add_argument("--rounds", type=int, default=99, help="the most samples of a row")
    parser.add_argument("--beside", metavar="CHECKOUT", default="", help="another sesh, in turns with this one")
    parser.add_argument("--markdown", metavar="FILE", help="the page to put the figures into, if all were measured")
    options = parser.parse_args()
    began, load, failed = time.monotonic(), os.getloadavg()[0], []
    with tempfile.TemporaryDirectory(prefix="b", ignore_cleanup_errors=True) as folder:
        field = Field(folder, options.rounds, options.beside)
        for name in options.only or PARTS:
            log(name)
            try:
                PARTS[name](field)
            except Exception:
                failed.append(name)
                log(traceback.format_exc())
    rows = [row for row in ROWS.values() if row.samples]
    said = conditions(load, time.monotonic() - began, SESSION_TOOLS)
    print(f"{page.table(rows)}\n{said}")
    if failed:
        print(f"failed: {', '.join(failed)}")
    if options.markdown and not (failed or options.only):
        page.write(options.markdown, said, rows)
    return 1 if failed else 0


def conditions(load: float, seconds: float, peers: Iterable[str]) -> str:
    """Return what the figures depend on, without the name of the machine."""
    model = platform.processor() or platform.machine()
    if os.path.exists("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            model = next((line.partition(":")[2].strip() for line in file if line.startswith("model name")), model)
    facts = [
        model,
        f"{os.cpu_count()} cores",
        f"{platform.system()} {platform.release()}",
        f"Python {platform.python_version()}",
        f"sesh {version('sesh-mux')}",
        time.strftime("%Y-%m-%d", time.gmtime()),
        f"load before {load:.1f}",
        f"one run of {seconds / 60:.0f} min",
        *(_version(name) for name in peers),
    ]
    return f"{', '.join(facts)}."


def _version(name: str) -> str:
    """Return what a peer says of its version in its first line."""
    if not shutil.which(name):
        return f"no {name}"
    words = [name, {"tmux": "-V", "screen": "-v"}.get(name, "--help")]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    return (done.stdout + done.stderr).splitlines()[0].strip()


if __name__ == "__main__":
    sys.exit(main())
