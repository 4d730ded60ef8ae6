"""Dispatch of a command line: the most frequent lines to plain functions, all others to the typer app."""

from __future__ import annotations

import os

from sesh.cli.invocation import Invocation
from sesh.cli.line import split
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
        return _dispatch(cli)
    except SeshError as error:
        error.host = error.host or cli.host
        raise
    finally:
        discard_typeahead(cli)


def _dispatch(cli: Invocation) -> int:
    """Call a plain function for a line without options, because typer loads slowly; else call the app."""
    line = cli.line
    if line.verb.name in ("hook", "bridge"):
        return int(load(line.verb.place)(cli))
    if line.verb.name == GO and line.tail is None and not line.create:
        if not line.words:
            return int(load("list.list_or_pick")(cli))
        [word, *more] = line.words
        is_option = word[:1] == "-" and word != "-"
        if not (is_option or more or len(line.hosts) > 1):
            return int(load("go.go")(cli, word))
    return int(load("app.run")(cli))
