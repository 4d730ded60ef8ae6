"""`--logs -f`: print the lines of a session as they come. Loads streams, which no other view needs."""

from __future__ import annotations

import os

from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.errors import NotFound, Refused
from sesh.ops import views
from sesh.ops.wait import LiveLog
from sesh.store import listing


def follow(cli: Invocation, name: str, count: int, *, ansi: bool) -> int:
    """Print the last lines, then new ones until the session ends; for a lost session only the last lines.

    Raises Refused inside that session: it would print its own output endlessly.
    """
    current = listing.current() if cli.host is None and os.isatty(printing.STDOUT) else None
    if current is not None and current["name"] == name:
        hint = f"follow it in another window, or write into a file: {SESH} --logs {name} -f > FILE"
        raise Refused(f"you are in {name}, where each line that -f prints would be printed again and again", hint=hint)
    try:
        _follow(cli, name, count, ansi=ansi)
    except KeyboardInterrupt:
        return printing.interrupted()
    return 0


def _follow(cli: Invocation, name: str, count: int, *, ansi: bool) -> None:
    def write(lines: list[str]) -> None:
        if cli.line.json:
            cli.out.write(b"".join(cli.out.json_line({"line": line}) for line in lines))
        else:
            cli.out.lines(lines)

    target = cli.target
    try:
        stream = target.open_stream(name)
    except NotFound:
        write(target.call(views.logs, name=name, lines=count, ansi=ansi))
        return
    with stream, cli.stop.calling(stream.cut):
        stream.audience = cli.audience
        LiveLog(stream, count, ansi=ansi, write=write, note=cli.note).follow()
