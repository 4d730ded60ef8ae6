"""Call the function for a command line: a plain one for the most frequent lines, the typer app for all others."""

from __future__ import annotations

import os

from sesh.cli.invocation import Invocation
from sesh.cli.line import CommandLine, split
from sesh.cli.person import discard_typeahead
from sesh.cli.verbs import GO, load
from sesh.errors import SeshError, naming_host
from sesh.quitkey import quit_key


def run(argv: list[str]) -> int:
    """Execute a command line; return the exit code. Raises SeshError."""
    if os.environ.get("_SESH_COMPLETE"):
        return int(load("complete.answer")())
    line = split(argv)
    if line.verb.attaches:
        quit_key.arm()
    else:
        quit_key.release()
    with naming_host(line.host):
        cli = Invocation(line)
    try:
        place, words = _function_for(cli.line)
        return int(load(place)(cli, *words))
    except SeshError as error:
        error.host = error.host or cli.host
        raise
    finally:
        discard_typeahead(cli)


def _function_for(line: CommandLine) -> tuple[str, list[str]]:
    """Return the place and the words of the function for a line. It loads typer only if the line has options."""
    if line.verb.name in ("hook", "bridge"):
        return line.verb.place, []
    if line.verb.name == GO and line.tail is None and not line.create:
        match line.words:
            case []:
                return "list.list_or_pick", []
            case [word] if (word == "-" or word[:1] != "-") and len(line.hosts) < 2:
                return "go.go", [word]
    return "app.run", []
