"""Execute a command line: the most frequent ones directly, others through the typer app."""

from __future__ import annotations

import os

from sesh.cli.invocation import Invocation
from sesh.cli.line import split
from sesh.cli.verbs import GO, load
from sesh.errors import naming_host


def run_line(argv: list[str]) -> int:
    """Execute a command line; return the exit code. Raises SeshError."""
    if os.environ.get("_SESH_COMPLETE"):
        return int(load("complete.print_candidates")())
    line = split(argv)
    cli = Invocation(line)
    bare = line.verb.name == GO and line.tail is None and not line.create
    with naming_host(cli.line.host):
        match line.words:
            case _ if line.verb.name in ("hook", "bridge"):
                return int(load(line.verb.place)(cli))
            case [] if bare:
                return int(load("list.list_or_pick")(cli))
            case [word] if bare and (word == "-" or word[:1] != "-") and len(cli.line.hosts) < 2:
                return int(load("attach.attach_or_create")(cli, word))
        return int(load("app.run_verb")(cli))
