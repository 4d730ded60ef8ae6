"""The HELLO of a client: its terminal, its wishes, and how far the terminal shows the session."""

from __future__ import annotations

import os

from sesh import protocol, renewed, wire
from sesh.client.outcome import AttachOptions
from sesh.client.terminal import RawTerminal
from sesh.messages import Hello, Introduction
from sesh.wire import Connection


def token() -> str:
    """Return a random name of a client, the same over all connections to one session."""
    return os.urandom(8).hex()


def introduction(terminal: RawTerminal, options: AttachOptions, host: str | None, more: Hello) -> Introduction:
    """Return the HELLO of a client on this terminal."""
    columns, rows, width, height = terminal.size()
    hello: Hello = {
        "columns": columns,
        "rows": rows,
        "width": width,
        "height": height,
        "term": os.environ.get("TERM", ""),
        "colorterm": os.environ.get("COLORTERM", ""),
        "tty": terminal.path(),
        "machine": os.uname().nodename,
        "lang": os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG", ""),
        "read_only": options.read_only,
        "replace": False,
        "replay": options.replay,
        "lines": options.lines,
        "remote": host is not None,
        "tells": True,
        "got": host is not None,
        **more,
    }
    return wire.introduction("attach", **hello)


def greeting(
    terminal: RawTerminal, options: AttachOptions, host: str | None, connection: Connection, more: Hello
) -> bytes:
    """Return HELLO; for a daemon that a bridge has greeted, RESIZE if the size has changed since, else nothing."""
    said, size = connection.peer.greeted, terminal.size()
    if said is not None:
        same = (said["columns"], said["rows"]) == size[:2]
        return b"" if same else protocol.frame(protocol.RESIZE, protocol.size_payload(*size))
    hello = introduction(terminal, options, host, more)
    if connection.agent:
        hello["auth_sock"] = connection.agent
    hello["renewed"] = renewed.of(connection.environment, options.renew)
    return protocol.message(protocol.HELLO, hello)
