"""`python -m bench`: measures sesh beside its peers, prints six lines and a table, writes JSON and Markdown, and says
what became slower since."""

from __future__ import annotations

import argparse
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
import traceback
from collections.abc import Iterable

from bench import (
    before,
    building,
    creating,
    document,
    echoing,
    emulation,
    growth,
    predicting,
    resting,
    spinners,
    starting,
    storm,
    streaming,
    thousand,
    verb_starts,
)
from bench.field import Field
from bench.figures import Run, machine
from bench.summary import six_lines
from bench.tables import as_json, as_table, read

PARTS = {
    "verbs": verb_starts.verb_starts,
    "creating": creating.create_and_list,
    "attach": starting.attach,
    "create": starting.create,
    "list": starting.list_all,
    "exec": starting.execute,
    "echo": echoing.echo,
    "attached": streaming.attached,
    "detached": streaming.detached,
    "crowd": streaming.crowded,
    "sustained": streaming.sustained,
    "rest": resting.rest,
    "storm": storm.storm,
    "spinners": spinners.spin,
    "emulator": emulation.emulate,
    "growth": growth.grow,
    "thousand": thousand.thousand,
    "predict": predicting.predict,
}
"""Parts of a run, in its order: those that the six lines need come first. A part is a function that takes the field
and returns rows; with `field.quick` it takes a few seconds at most."""
THOROUGH = ("crowd", "sustained", "storm", "spinners", "growth", "thousand", "predict")
"""Parts that the quick run leaves out."""
MOST, QUICK = 33 * 60, 45
"""Seconds from the start after which no further part of a whole, of a quick run begins; what is left out is named."""
BROKEN_OFF, QUICK_BROKEN_OFF = 37 * 60, 52
"""Seconds after which the part that still runs is broken off: the rest of the time is for the end of its sessions."""


class _TimeUp(BaseException):
    """The run has taken so long that its part is broken off."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the main rows in fewer rounds, under a minute")
    parser.add_argument("--only", metavar="PART", action="append", choices=PARTS, help="one part, may be repeated")
    parser.add_argument("--json", metavar="FILE", help="all samples")
    parser.add_argument("--markdown", metavar="FILE", help="document for the lines, with the chart beside it")
    parser.add_argument("--compare", metavar="FILE", help="say what is slower than the table of a document has it")
    parser.add_argument("--sesh", nargs=2, metavar=("PROGRAM", "PYTHON"), help="an installed sesh, its interpreter")
    return parser.parse_args()


def main() -> int:
    """Runs the parts that the options name. Returns 0 even if a goal was missed or a row is slower."""
    options = _arguments()
    began = time.monotonic()
    limits = (
        (math.inf, math.inf) if options.only else (QUICK, QUICK_BROKEN_OFF) if options.quick else (MOST, BROKEN_OFF)
    )
    with tempfile.TemporaryDirectory(prefix="sesh-bench-") as folder:
        if options.sesh:
            program, python = options.sesh
        else:
            print("installing sesh", file=sys.stderr)
            try:
                program, python = (building.copy if options.quick else building.build)(folder)
            except subprocess.CalledProcessError as error:
                print(f"make install failed:\n{error.stderr}", file=sys.stderr)
                return 2
        names = options.only or [name for name in PARTS if not (options.quick and name in THOROUGH)]
        quick = options.quick
        with Field(os.path.abspath(program), os.path.abspath(python), quick=quick, sustained=not quick) as field:
            run = Run(machine(), {contender.name: contender.version() for contender in field.tools}, field.missing)
            take(run, field, names, *(began + limit for limit in limits))
    run.seconds = round(time.monotonic() - began)
    _say(run, options)
    return 1 if run.failed else 0


def take(run: Run, field: Field, names: Iterable[str], latest: float, end: float) -> None:
    """Runs the parts one after the other.

    If a part fails, the others keep their figures. No part begins after the moment `latest`; the part that runs at the
    moment `end` is broken off.
    """

    def ring(*_: object) -> None:
        raise _TimeUp

    before = signal.signal(signal.SIGALRM, ring)
    for name in names:
        started = time.monotonic()
        if started > latest:
            run.left_out.append(name)
            continue
        try:
            signal.setitimer(signal.ITIMER_REAL, 0 if math.isinf(end) else max(0.001, end - started))
            run.rows += PARTS[name](field)
        except _TimeUp:
            run.left_out.append(name)
        except Exception:
            run.failed[name] = traceback.format_exc()
            field.log(run.failed[name])
        finally:
            signal.setitimer(signal.ITIMER_REAL, 0)
        field.log(f"{name}: {time.monotonic() - started:.1f} s")
    signal.signal(signal.SIGALRM, before)


def _say(run: Run, options: argparse.Namespace) -> None:
    """Prints the figures, and writes the files that the options name."""
    print(as_table(run.rows))
    whole = not (options.quick or options.only or run.failed)
    if whole:
        print("".join(f"{line}\n" for line in six_lines(run.rows)))
    for names, why in ((run.missing, "not installed"), (run.left_out, "time was up for"), (run.failed, "failed")):
        if names:
            print(f"{why}: {', '.join(names)}")
    if missed := [row.title for row in run.rows if row.met() is False]:
        print(f"goals missed: {'; '.join(missed)}")
    if options.compare:
        _compare(run, options.compare)
    if options.json:
        with open(options.json, "w", encoding="utf-8") as file:
            file.write(as_json(run))
    if options.markdown and whole:
        document.write(options.markdown, run)
    elif options.markdown:
        print(f"{options.markdown} stays as it is: its figures are those of one whole run")
    print(f"took {run.seconds} s")


def _compare(run: Run, path: str) -> None:
    """Prints the rows that are slower than in a document's table; peers of another version are no yardstick."""
    with open(path, encoding="utf-8") as file:
        text = file.read()
    unlike = [name for name, version in run.versions.items() if version not in text]
    if f"python {run.machine['python']};" not in text:
        print(f"{path} has the figures of another Python")
    if unlike:
        print(f"{path} has the figures of another version of {', '.join(unlike)}")
    print(before.report(before.compared(run.rows, read(text), unlike), path), end="")


if __name__ == "__main__":
    sys.exit(main())
