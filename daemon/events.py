"""What has happened to a session, numbered: the newest are kept, and whoever follows them reads at a pace of his own.

An event is `{"seq", "ts", "event", "session", …}`. `seq` counts from 1 for each session, `ts` is RFC 3339 in UTC to the
millisecond. The events: `created attached detached command_started command_ended bell title notification renamed
resized exited`, and `missed` (`count`), which is made for one reader alone, of what went by while he did not read.
Nothing that somebody typed is among them.

What happened in a session while nobody looked: counted from the events, and told to the next client in one line.
"""

from __future__ import annotations

import time

from sesh import protocol
from sesh.lean import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.daemon.clients.connection import Connection

    Event = dict[str, Any]

KEPT = 1000
"""Events that are kept for those who come later, or read slowly."""
FARTHEST = 64 << 10
"""Bytes that a reader may have unread; one who has more is sent nothing until he reads."""
LONGEST = 1024
"""Characters of a text that a program chose."""


class Events:
    """The events of one session, and who follows them."""

    def __init__(self) -> None:
        self.last = 0
        """The number of the newest event, 0 before the first."""
        self.heard: Callable[[Event], None] | None = None
        """Who is told of each event at once."""
        self._kept: deque[Event] = deque(maxlen=KEPT)
        self._readers: dict[Connection, int] = {}

    def add(self, event: str, session: str, **facts: Any) -> None:
        """Notes that something has happened; strings are cut, and lose what a terminal could act upon."""
        self.last += 1
        told = {key: _plain(value) if isinstance(value, str) else value for key, value in facts.items()}
        whole = {"seq": self.last, "ts": moment(time.time()), "event": event, "session": session, **told}
        self._kept.append(whole)
        if self.heard is not None:
            self.heard(whole)

    def follow(self, connection: Connection, since: int | None) -> None:
        """Has a connection read on behind event number `since`; from now on where it is None."""
        self._readers[connection] = self.last if since is None else min(max(since, 0), self.last)

    def kept(self) -> tuple[int, list[Event], dict[Connection, int]]:
        """The newest event's number, the events that are kept, and up to which one each reader has been given them."""
        return self.last, list(self._kept), dict(self._readers)

    def resume(self, last: int, kept: list[Event], readers: dict[Connection, int]) -> None:
        """Goes on where `kept` says."""
        self.last, self._readers = last, readers
        self._kept = deque(kept, maxlen=KEPT)

    def forget(self, connection: Connection) -> None:
        """Lets a reader go; one who is none is no error."""
        self._readers.pop(connection, None)

    def owes(self, connection: Connection) -> bool:
        """Whether there are events that a reader was not given yet."""
        return self._readers.get(connection, self.last) < self.last

    def feed(self) -> None:
        """Gives the readers what they have not got yet, each as much as he takes: one DATA frame an event."""
        if not self._readers:
            return
        for connection, seen in list(self._readers.items()):
            if connection.closed:
                del self._readers[connection]
            elif seen < self.last and connection.unsent < FARTHEST:
                self._readers[connection] = self._fed(connection, seen)

    def _fed(self, connection: Connection, seen: int) -> int:
        """Queues events for a reader; the number of the last one."""
        first = self._kept[0]
        if seen < first["seq"] - 1:
            missed = first["seq"] - 1 - seen
            lost = {"event": "missed", "session": first["session"], "count": missed}
            connection.queue(_frame({"seq": first["seq"] - 1, "ts": moment(time.time()), **lost}))
            seen = first["seq"] - 1
        for event in list(self._kept)[seen - self.last :]:
            if connection.unsent >= FARTHEST:
                break
            connection.queue(_frame(event))
            seen = event["seq"]
        return seen


def _frame(event: Event) -> bytes:
    return protocol.message(protocol.DATA, event)


def _plain(text: str) -> str:
    return "".join(each for each in text[: 4 * LONGEST] if each.isprintable())[:LONGEST]


def moment(seconds: float) -> str:
    """A moment as RFC 3339 in UTC, to the millisecond."""
    whole, part = divmod(int(seconds * 1000), 1000)
    return f"{time.strftime('%Y-%m-%dT%H:%M:%S', time.gmtime(whole))}.{part:03d}Z"


LONGEST_NOTIFICATION = 160
"""Characters of a notification that are shown."""


class Missed:
    """Bells, notifications, and commands that have ended; since when nobody has been there, and from which position."""

    __slots__ = ("bells", "commands", "failed", "notifications", "position", "since", "text")

    def __init__(self) -> None:
        self.bells = self.notifications = self.commands = self.failed = 0
        self.text = ""
        """The last notification."""
        self.since = time.time()
        self.position = 0

    def note(self, event: dict[str, Any]) -> None:
        """Counts an event that nobody was there to see."""
        kind = event["event"]
        if kind == "bell":
            self.bells += 1
        elif kind == "notification":
            self.notifications += 1
            self.text = str(event.get("text") or "")
        elif kind == "command_ended":
            self.commands += 1
            self.failed += event.get("exit_code") not in (0, None)

    def begin(self, position: int) -> None:
        """The last client has gone: what comes behind this position is seen by nobody."""
        self.since, self.position = time.time(), position
        self.bells = self.notifications = self.commands = self.failed = 0
        self.text = ""

    @property
    def any(self) -> bool:
        """Whether something has happened that a person would want to be told of. Output alone is on the screen."""
        return bool(self.bells or self.notifications or self.commands)

    def line(self, lines: int) -> str:
        """What was missed, short enough for most terminals; `lines`: how many have scrolled by."""
        told = [_counted(count, what) for count, what in ((lines, "line"), (self.commands, "command")) if count]
        if self.failed:
            told[-1] += f" ({self.failed:,} failed)"
        if self.bells:
            told.append(_counted(self.bells, "bell"))
        text = "".join(each for each in self.text if each.isprintable())
        text = text if len(text) <= LONGEST_NOTIFICATION else f"{text[: LONGEST_NOTIFICATION - 1]}…"
        said = [", ".join(told)] if told else []
        if self.notifications:
            said.append(text if self.notifications == 1 else f"{self.notifications:,} notifications, the last: {text}")
        return f"away {_span(time.time() - self.since)}: {'; '.join(said)}"

    def dump(self) -> list[Any]:
        """All of it as JSON can carry it."""
        return [getattr(self, name) for name in self.__slots__]

    def restore(self, values: list[Any]) -> None:
        """Goes on where `dump` ended."""
        for name, value in zip(self.__slots__, values, strict=False):
            setattr(self, name, value)


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'s' if count != 1 else ''}"


def _span(seconds: float) -> str:
    """How long, in the largest unit that is full."""
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60)):
        if seconds >= size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} s"
