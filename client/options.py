"""The options of an attachment, and the HELLO of a client that has them."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from sesh import programs, protocol, wire
from sesh.about import CALLED
from sesh.client.terminal import RawTerminal
from sesh.keys import DetachKey
from sesh.messages import Hello, Introduction
from sesh.wire import Connection


@dataclass
class AttachOptions:
    """The options of a client that attaches.

    `read_only`: send no input. `replace`: detach the other clients. `replay`: show scrollback, `lines` of it at most
    (None leaves that to the daemon). `detach_key`: None for none. `first_notice`: shown over the first screen, which
    covers lines printed before. `predict`: show the effect of keys before their echo comes, on a link to another host.
    `renew`: more names of variables that shells take over. `waiting`: counts the sessions that wait for the person,
    without the one that is left. `typed`: returns the words that lead to a session, as some names are verbs.
    """

    read_only: bool = False
    replace: bool = False
    replay: bool = True
    detach_key: DetachKey | None = None
    lines: int | None = None
    predict: str = "never"
    renew: Sequence[str] = ()
    first_notice: str = ""
    waiting: Callable[[str], int] = lambda _: 0
    typed: Callable[[str], str] = str

    def leaves(self, without: str = f"{CALLED} --detach") -> str:
        """Return the words for how to leave; `without`: the key or command for it if there is no detach key."""
        return f"{self.detach_key.name if self.detach_key is not None else without} leaves"


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
    hello["renewed"] = programs.renewed_variables(connection.environment, options.renew)
    return protocol.message(protocol.HELLO, hello)
