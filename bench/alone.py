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
    """Runs a part on copies of the checkouts, and prints its table.

    Each parameter of the part, except the field, is an option of the command line with the same name and default.
    """
    module = sys.modules["__main__"]
    name = module.__spec__.name if module.__spec__ else ""
    parser = argparse.ArgumentParser(prog=f"python -m {name}", description=module.__doc__)
    parser.add_argument(
        "--beside", metavar="CHECKOUT", help=f"another sesh, in turns with this one: the column `{OTHER}`"
    )
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parameters = list(inspect.signature(part).parameters.values())[1:]
    for parameter in parameters:
        kind = {"action": "store_true"} if parameter.default is False else {"type": type(parameter.default)}
        parser.add_argument(
            f"--{parameter.name}", default=parameter.default, help=f"default: {parameter.default}", **kind
        )
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sesh-bench-") as folder, contextlib.ExitStack() as stack:
        places = [os.path.join(folder, place) for place in ("own", OTHER)]
        for place in places:
            os.mkdir(place)
        program, python = copy(places[0])
        other = copy(places[1], options.beside)[0] if options.beside else ""
        field = stack.enter_context(Field(program, python, quick=options.quick, sustained=False, other=other))
        print(as_table(part(field, **{parameter.name: getattr(options, parameter.name) for parameter in parameters})))
    return 0
