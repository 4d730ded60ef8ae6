"""`python -m bench`: measures sesh beside its peers, prints a table, writes JSON and Markdown where asked to."""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time

from bench import building, emulation, growth, predicting, resting, starting, streaming
from bench.contenders import missing
from bench.field import Field
from bench.figures import Row, as_json, as_table, machine

PARTS = {
    "attach": starting.attach,
    "create": starting.create,
    "list": starting.list_all,
    "exec": starting.execute,
    "echo": streaming.echo,
    "attached": streaming.attached,
    "detached": streaming.detached,
    "crowd": streaming.crowded,
    "emulator": emulation.emulate,
    "rest": resting.rest,
    "predict": predicting.predict,
    "sustained": streaming.sustained,
    "growth": growth.grow,
}
THOROUGH = ("crowd", "sustained", "growth", "predict")
"""What the quick run leaves out."""


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer rounds, under a minute")
    parser.add_argument("--only", metavar="PART", action="append", choices=PARTS, help="one part, may be repeated")
    parser.add_argument("--json", metavar="FILE", help="all samples")
    parser.add_argument("--markdown", metavar="FILE", help="the table of a document; its text above stays")
    parser.add_argument("--sesh", nargs=2, metavar=("PROGRAM", "PYTHON"), help="an installed sesh, its interpreter")
    return parser.parse_args()


def main() -> int:
    """Runs what is asked for; 0 also where a goal was missed, which is a figure and no failure."""
    asked = _arguments()
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sesh-bench-") as folder:
        if asked.sesh:
            program, python = asked.sesh
        else:
            print("installing sesh", file=sys.stderr)
            try:
                program, python = (building.copy if asked.quick else building.build)(folder)
            except subprocess.CalledProcessError as error:
                print(f"make install failed:\n{error.stderr}", file=sys.stderr)
                return 2
        rows, facts = _measured(os.path.abspath(program), os.path.abspath(python), asked)
    facts["seconds"] = round(time.monotonic() - began)
    print(as_table(rows), end="")
    if missing():
        print(f"not installed, so not compared: {', '.join(missing())}")
    if asked.json:
        with open(asked.json, "w", encoding="utf-8") as file:
            file.write(as_json(rows, facts))
    if asked.markdown:
        _document(asked.markdown, rows, facts)
    if missed := [row.title for row in rows if row.met() is False]:
        print(f"goals missed: {'; '.join(missed)}")
    return 0


def _measured(program: str, python: str, asked: argparse.Namespace) -> tuple[list[Row], dict[str, object]]:
    parts = asked.only or [name for name in PARTS if not (asked.quick and name in THOROUGH)]
    rows: list[Row] = []
    facts: dict[str, object] = {"machine": machine(), "quick": asked.quick}
    with Field(program, python, quick=asked.quick) as field:
        facts["versions"] = {contender.name: contender.version() for contender in field.tools}
        facts["missing"] = field.missing
        for name in parts:
            started = time.monotonic()
            rows += PARTS[name](field)
            field.log(f"{name}: {time.monotonic() - started:.1f} s")
    return rows, facts


def _document(path: str, rows: list[Row], facts: dict[str, object]) -> None:
    """Puts the table behind the line `<!-- figures -->` of a document."""
    mark = "<!-- figures -->\n"
    with open(path, encoding="utf-8") as file:
        text = file.read().partition(mark)[0]
    facts_line = [f"{key} {value}" for key, value in dict(facts["machine"]).items() if value]  # type: ignore[call-overload]
    versions = ", ".join(map(str, dict(facts["versions"]).values()))  # type: ignore[call-overload]
    with open(path, "w", encoding="utf-8") as file:
        file.write(f"{text}{mark}\n{'; '.join(facts_line)}. {versions}.\n\n{as_table(rows, markdown=True)}")


if __name__ == "__main__":
    sys.exit(main())
