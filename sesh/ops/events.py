"""`--events`: what happens to one session until it ends, or to all of them, and those that begin meanwhile."""

from __future__ import annotations

import os
import select
import time

from sesh import paths, platform, protocol, wire
from sesh.cli import printing
from sesh.errors import Ended, ExitCode, Lost, SeshError, Unreachable, UsageError, rebuild
from sesh.names import printable
from sesh.ops import caller, find
from sesh.ops.route import HERE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.cli.parser import Line
    from sesh.ops.route import Way

_GLANCE = 1.0
"""Seconds between two looks for new sessions, where the kernel does not tell of them."""


def events(line: Line, name: str | None = None, *, since: str | None = None, log: bool = False, way: Way = HERE) -> int:
    """`--events [NAME] [--since N]`: one line for each, with `--json` one object; `--log` shows the event log."""
    if log:
        from sesh.cli import loglines

        return loglines.printed(line, name)
    if since is not None and not (since.isdecimal() and since.isascii()):
        raise UsageError(f"{printable(since)} is no number of an event", hint="write: $sesh --events NAME --since 0")
    if since is not None and name is None:
        raise UsageError("each session numbers its own events", hint="write: $sesh --events NAME --since N")
    number = int(since) if since is not None else None
    told = _object if line.json else _line
    try:
        if name is not None:
            find.checked(name, "--events")
            _one(way, name, number, told)
        else:
            _all(Following(told))
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    return 0


def _one(way: Way, name: str, since: int | None, told: Callable[[dict[str, Any]], None]) -> None:
    """The events of one session until it ends, over as many connections as it takes."""
    connection = way.to(name)
    while True:
        following = Following(told)
        try:
            following.take_in(name, connection, since)
            while following.sessions:
                following.hear(connection)
            return
        except Lost:
            seen, began = following.seen, connection.welcome.get("events")
            since = seen if seen is not None else since if since is not None else began
            following.close()
        try:
            connection = way.again(connection, 0)
        except Ended as ended:
            over(name, ended, since, told)
            return


def over(name: str, ended: Ended, since: int | None, told: Callable[[dict[str, Any]], None]) -> None:
    """What is known of the events of a session that ended while the link was down: how many, and the last one."""
    result = ended.result
    last, moment = result.get("events"), result.get("ended")
    if not isinstance(last, int) or not isinstance(moment, (int, float)):
        return
    stamp = f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(moment))}.{int(moment * 1000) % 1000:03d}Z"
    missed = last - 1 - since if since is not None else 0
    if missed > 0:
        told({"seq": last - 1, "ts": stamp, "event": "missed", "session": name, "count": missed})
    facts = {"exit_code": result.get("exit_code"), "signal": result.get("signal"), "reason": result.get("reason")}
    told({"seq": last, "ts": stamp, "event": "exited", "session": name, **facts})


def _all(following: Following) -> None:
    """The events of all sessions, until somebody presses Ctrl-C."""
    paths.ready_directory()
    known: set[str] = set()
    watch = platform.watch_directory(paths.directory())
    if watch >= 0:
        following.poll.register(watch, select.POLLIN)
    begun = False
    while True:
        there = {name for name in paths.names() if os.path.exists(paths.socket_path(name))}
        for name in sorted(there - known):
            try:
                following.take_in(name, wire.connect(name, timeout=1.0), 0 if begun else None)
            except SeshError:
                there.discard(name)  # it has ended already, or is another one's
        known, begun = there, True
        while watch not in following.turn(None if watch >= 0 else _GLANCE):
            if watch < 0:
                break
        if watch >= 0:
            os.read(watch, 1 << 16)


class Following:
    """The sessions that are followed: a connection each, by its descriptor. `told` gets each event."""

    def __init__(self, told: Callable[[dict[str, Any]], None]) -> None:
        self.poll = select.poll()
        self.sessions: dict[int, wire.Connection] = {}
        self._told = told
        self.seen: int | None = None
        """The number of the newest event, where one session is followed."""
        self._ids: dict[int, str] = {}

    def take_in(self, name: str, connection: wire.Connection, since: int | None) -> None:
        """Follows a session, from event number `since` on; one that is followed already, under its old name, is not."""
        connection.send(wire.greeting("request") + wire.asking("events", 1, since=since))
        find.welcomed(connection, name)
        number = str(connection.welcome.get("id"))
        if number in self._ids.values():
            connection.close()
            return
        self.sessions[connection.inbound] = connection
        self._ids[connection.inbound] = number
        self.poll.register(connection.inbound, select.POLLIN)
        self._heard(connection.inbound, connection.leftovers())

    def turn(self, seconds: float | None) -> list[int]:
        """Waits for something to come and prints it; what else has become readable."""
        others = []
        for descriptor, _ in self.poll.poll(None if seconds is None else seconds * 1000):
            if descriptor not in self.sessions:
                others.append(descriptor)
                continue
            self.hear(self.sessions[descriptor])
        return others

    def hear(self, connection: wire.Connection) -> None:
        """Waits for what comes on one connection. Raises Lost where its link is lost; a daemon that died is said."""
        try:
            frames = [connection.receive(), *connection.leftovers()]
        except Lost:
            raise
        except Unreachable:
            name = str(connection.welcome.get("name"))
            self._forget(connection.inbound)
            printing.note(f"the daemon of {name} died")
            return
        self._heard(connection.inbound, frames)

    def _heard(self, descriptor: int, frames: list[tuple[int, bytes]]) -> None:
        for kind, payload in frames:
            if kind == protocol.DATA:
                event = protocol.parse(payload)
                self.seen = event.get("seq", self.seen)
                self._told(event)
            elif kind == protocol.RESPONSE:
                self._forget(descriptor)
                if "error" in (answer := protocol.parse(payload)):
                    raise rebuild(answer["error"])
                return

    def _forget(self, descriptor: int) -> None:
        self.poll.unregister(descriptor)
        self.sessions.pop(descriptor).close()
        del self._ids[descriptor]

    def close(self) -> None:
        """Closes all connections."""
        for descriptor in list(self.sessions):
            self._forget(descriptor)


def _object(event: dict[str, Any]) -> None:
    """Prints an event as JSON."""
    printing.value({**event, "host": caller.host()})


def _line(event: dict[str, Any]) -> None:
    """Prints an event for a person."""
    told = {key: value for key, value in event.items() if key not in ("seq", "ts", "event", "session")}
    shown = {key: value for key, value in told.items() if value is not False and value not in (None, "")}
    facts = " ".join(f"{key}={_word(value)}" for key, value in shown.items())
    clock = str(event.get("ts"))[11:19]
    words = [clock, str(event.get("session")), str(event.get("event")), *([facts] if facts else [])]
    printing.text(printing.plain("  ".join(words)))


def _word(value: object) -> str:
    """A fact in one word, quoted where it holds blanks."""
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f'"{text}"' if " " in text else text
