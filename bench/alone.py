"""One subject of the benchmark by itself: `python -m bench.SUBJECT`, also beside another checkout."""

from __future__ import annotations

import argparse
import contextlib
import inspect
import os
import sys
import tempfile
from collections.abc import Callable

from bench.building import copy
from bench.field import Field
from bench.figures import OTHER, Row
from bench.tables import as_table


def alone(part: Callable[..., list[Row]]) -> int:
    """Runs a part on copies of the checkouts, and prints its table. What the part takes besides the field is an option
    with that name and default."""
    module = sys.modules["__main__"]
    name = module.__spec__.name if module.__spec__ else ""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=module.__doc__)
    parser.add_argument(
        "--beside", metavar="CHECKOUT", help=f"another sesh, in turns with this one: the column `{OTHER}`"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    takes = list(inspect.signature(part).parameters.values())[1:]
    for each in takes:
        kind = {"action": "store_true"} if each.default is False else {"type": type(each.default)}
        parser.add_argument(f"--{each.name}", default=each.default, help=f"default: {each.default}", **kind)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sesh-bench-") as folder, contextlib.ExitStack() as stack:
        places = [os.path.join(folder, place) for place in ("own", OTHER)]
        for place in places:
            os.mkdir(place)
        program, python = copy(places[0])
        other = copy(places[1], asked.beside)[0] if asked.beside else ""
        field = stack.enter_context(Field(program, python, quick=asked.quick, sustained=False, other=other))
        print(as_table(part(field, **{each.name: getattr(asked, each.name) for each in takes})))
    return 0
