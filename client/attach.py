"""Attaching: the terminal is taken, sessions are visited one after the other, and the terminal is given back."""

from __future__ import annotations

import os

from sesh import names, protocol, wire
from sesh.client.attachment import Visit
from sesh.client.display import Display
from sesh.client.outcome import Options, Outcome
from sesh.client.terminal import RawTerminal
from sesh.errors import SIGNAL_BASE, SeshError, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.client.reconnect import Again

    Open = Callable[[str, str | None], wire.Connection]

__all__ = ["Options", "Outcome", "attach"]


def attach(
    connection: wire.Connection,
    name: str,
    *,
    host: str | None = None,
    options: Options,
    open: Open,  # noqa: A002
    again: Again | None = None,
) -> Outcome:
    """Attaches the terminal on descriptors 0 and 1 to the session that `connection` leads to, until that ends.

    `connection` has said no HELLO; it is closed in the end. `open` gives a connection to another session by its name
    and host, for a switch; `again` one after the link to a host was lost: it is given name, host, session id, the
    position of the first byte that is missing and the moment of the last one, and raises Ended where the session has
    ended meanwhile. The closing line is printed here. A signal that asks this process to end
    becomes SystemExit, with 128 and its number, after the terminal has been given back.

    Raises Refused where there is no terminal, what the daemon answers to HELLO, Unreachable, ProtocolError.
    """
    with connection, RawTerminal() as terminal:
        outcome = _Tour(Display(terminal), options, open, again).travel(connection, name, host)
    if outcome.kind == "signal":
        raise SystemExit(SIGNAL_BASE + (outcome.signal or 0))
    return outcome


class _Tour:
    """The sessions that one terminal visits: the first, and those that it is switched to."""

    def __init__(self, display: Display, options: Options, open_: Open, again: Again | None) -> None:
        self.display, self.options, self.open, self.again = display, options, open_, again
        self.visit: Visit
        self.token = ""
        """Tells the daemon of the present session that this is the same client, over whatever connection."""
        self.before: Visit | None = None
        self.left: dict[tuple[str | None, str], tuple[str, int]] = {}
        """By host and name of a session that was switched away from: its id, and the position of the next byte."""

    def travel(self, connection: wire.Connection, name: str, host: str | None) -> Outcome:
        """Visits the first session and those that follow; the terminal is given back, whatever happens."""
        visit = self.visit = self._visit(connection, name, host, replace=self.options.replace)
        visit.greeting = self.options.greeting
        lines: list[str] = []
        try:
            outcome = self._stay()
            visit = self.visit
            if self.before is not None:  # the next one had not answered yet
                outcome.name, outcome.host = self.before.name, self.before.host
            lines = [*visit.lines, outcome.line()]
        finally:
            self.display.leave(lines, visit.rows_below if lines else None, queries=visit.queries)
            for each in (self.before, self.visit):
                if each is not None:
                    each.close()
        return outcome

    def _stay(self) -> Outcome:
        """Goes from session to session until one of them is the last."""
        while True:
            try:
                outcome = self.visit.run()
            except SeshError as error:
                if self.before is None:
                    raise
                self.visit.close()
                self.visit, self.before = self.before, None
                self.visit.apologise(str(error))
                continue
            if outcome.kind == "lost" and self.before is None and self.again is not None:
                mended = self._mend(outcome, self.again)
                if mended is None:
                    continue
                return mended
            if outcome.kind != "switch":
                return outcome
            self._switch()

    def _mend(self, outcome: Outcome, again: Again) -> Outcome | None:
        """Comes back to a session whose link was lost: None where that went well, else how it ended."""
        visit = self.visit
        if visit.host is None or not visit.number:
            return outcome
        if not visit.connection.broken():
            outcome.reason = "died"
            return outcome
        visit.connection.close()
        since = visit.position - self.display.unfinished()
        from sesh.client.reconnect import Mending

        mending = Mending(visit, self.display, again, since)
        found = mending.run()
        if isinstance(found, Outcome):
            return found
        hello = self._hello(found, visit.host)
        hello |= {"client": self.token, "id": visit.number, "since": since}
        redraw = protocol.frame(protocol.REDRAW) if mending.told else b""
        self.visit = visit.resumed(found, wire.greeting("attach", **hello) + redraw)
        return None

    def _switch(self) -> None:
        """Sets out for the session that the daemon named; the one here is left when that has answered."""
        old = self.visit
        target = _allowed(old)
        if target is None:
            return
        try:
            connection = self._open(old, *target)
        except SeshError as error:
            old.apologise(str(error))
            return
        self.before = old
        self.visit = self._visit(connection, *target)
        self.visit.entered = self._arrived

    def _open(self, old: Visit, name: str, host: str | None) -> wire.Connection:
        """A connection to the next session; ssh may have something to ask, and gets the terminal as it was."""
        if host is None:
            return self.open(name, None)
        old.alternate = self.display.suspend()
        self.display.terminal.cooked()
        try:
            return self.open(name, host)
        finally:
            self.display.terminal.raw()

    def _arrived(self) -> None:
        """The next session has answered: the one before is left."""
        old, self.before = self.before, None
        if old is not None:
            self.left[(old.host, old.name)] = (old.number, old.position)
            self.display.suspend()
            old.close()

    def _visit(self, connection: wire.Connection, name: str, host: str | None, *, replace: bool = False) -> Visit:
        self.token = os.urandom(8).hex()
        hello = self._hello(connection, host, replace=replace)
        if (host, name) in self.left:
            hello["id"], hello["since"] = self.left[(host, name)]
            hello["redraw"] = True
        return Visit(connection, self.display, name, host, self.options, wire.greeting("attach", **hello))

    def _hello(self, connection: wire.Connection, host: str | None, *, replace: bool = False) -> dict[str, Any]:
        """What a daemon is told of this client."""
        terminal, options = self.display.terminal, self.options
        columns, rows, width, height = terminal.size()
        hello: dict[str, Any] = {
            "client": self.token,
            "columns": columns,
            "rows": rows,
            "width": width,
            "height": height,
            "term": os.environ.get("TERM", ""),
            "colorterm": os.environ.get("COLORTERM", ""),
            "tty": terminal.path(),
            "lang": os.environ.get("LC_ALL") or os.environ.get("LC_CTYPE") or os.environ.get("LANG", ""),
            "read_only": options.read_only,
            "replace": replace,
            "replay": options.replay,
            "lines": options.lines,
            "remote": host is not None,
        }
        if connection.agent:
            hello["auth_sock"] = connection.agent
        if connection.displays is not None:
            hello["displays"] = connection.displays
        return hello


def _allowed(visit: Visit) -> tuple[str, str | None] | None:
    """Where a SWITCH may lead: a daemon elsewhere may name sessions of its own host only. None where it may not."""
    if visit.target is None:
        return None
    name, host = visit.target
    if visit.host is not None:
        if host not in (None, visit.host):
            return None
        host = visit.host
    try:
        names.check_name(name)
        if host is not None:
            names.check_host(host)
    except UsageError:
        return None
    return None if (name, host) == (visit.name, visit.host) else (name, host)
