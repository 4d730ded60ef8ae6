"""The events of a session: a bounded queue that followers read at their pace.

An event is `{"seq", "ts", "event", "session", …}`. `seq` counts from 1 for each session, `ts` is RFC 3339 in UTC to the
millisecond. The events: `created attached detached command_started command_ended bell title notification renamed
resized exited activity desktop`, and `missed`, which tells one follower the `count` of events that were dropped before
it read them. No event contains typed input, or what a clipboard has.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sesh.daemon.base.facts import Facts
from sesh.daemon.clients.connection import PeerConnection
from sesh.schema.facts import Event, Unseen
from sesh.system import clock
from sesh.text import safe, times
from sesh.wire import protocol

if TYPE_CHECKING:
    from typing_extensions import Unpack


KEPT = 1000
"""Events kept for late or slow followers. If there are more, the most frequent kind loses its oldest event, so that
titles that change all the time do not push out the end of a command."""
MAX_UNREAD = 64 << 10  # unsent bytes at which a follower gets no further events until it reads
MAX_TEXT = 1024
_LONG = 60.0  # seconds; after a longer absence, its length and commands that succeeded are reported too
MAX_NOTIFICATION = 160
_MAX_COMMAND = 32 << 10


@dataclass
class Missed:
    """Counts bells, notifications and ended commands since the last client left."""

    left_at: float = field(default_factory=clock.STEADY.now)
    position: int = 0  # the end of the output that it has seen
    bells: int = 0
    notifications: int = 0
    commands: int = 0
    failed: int = 0
    text: str = ""  # of the last notification

    def note(self, event: Event, *, by_request: bool = False) -> None:
        """Count an event; `by_request` (Ctrl-C) means that a failure does not count."""
        kind = event["event"]
        if kind == "bell":
            self.bells += 1
        elif kind == "notification":
            self.notifications += 1
            self.text = str(event.get("text") or "")
        elif kind == "command_ended":
            self.commands += 1
            if event.get("exit_code") and not by_request:
                self.failed += 1

    def unseen(self) -> Unseen:
        return {"bells": self.bells, "notification": self.text or None, "failed": self.failed}

    @property
    def any(self) -> bool:
        """True if the next client should be told; successes count after a long absence."""
        return bool(self.bells or self.notifications or self.failed or (self.commands and self._away >= _LONG))

    @property
    def _away(self) -> float:
        return clock.STEADY.now() - self.left_at

    def line(self, lines: int) -> str:
        """Return a summary in one line. `lines`: the number of lines that have scrolled off."""
        counts: list[str] = []
        if lines:
            counts.append(_counted(lines, "line"))
        if self.commands:
            failed = f" ({self.failed:,} failed)" if self.failed else ""
            counts.append(_counted(self.commands, "command") + failed)
        if self.bells:
            counts.append(_counted(self.bells, "bell"))
        parts = [", ".join(counts)] if counts else []
        text = safe.plain(self.text)
        if len(text) > MAX_NOTIFICATION:
            text = f"{text[: MAX_NOTIFICATION - 1]}…"
        if self.notifications == 1:
            parts.append(text)
        elif self.notifications:
            parts.append(f"{self.notifications:,} notifications, the last: {text}")
        away = times.short(self._away) if self._away >= _LONG else "a moment"
        return f"away {away}: {'; '.join(parts)}"


@dataclass(frozen=True)
class EventsState:
    """What a reload keeps of the events."""

    last: int
    by_kind: dict[str, list[Event]]
    missed: Missed


class Events:
    """Keeps the last events of a session, and sends them to followers."""

    def __init__(self, facts: Facts) -> None:
        self._facts = facts
        self.new: list[Event] = []  # those that nobody has taken yet
        self.last = 0  # number of the newest event
        self.by_kind: dict[str, list[Event]] = {}  # by kind
        self.followers: dict[PeerConnection, int] = {}
        self.missed = Missed()

    def add(self, event: str, /, **facts: Unpack[Event]) -> None:
        """Add an event. Truncate strings, and strip characters that a terminal would interpret."""
        self.last += 1
        texts = {
            key: safe.plain(value[: 4 * MAX_TEXT])[:MAX_TEXT] if isinstance(value, str) else value
            for key, value in facts.items()
        }
        new: Event = {
            "seq": self.last,
            "ts": times.exact_stamp(time.time()),
            "event": event,
            "session": self._facts.name,
            **texts,  # type: ignore[typeddict-item]  # the keys depend on the kind of event
        }
        self.by_kind.setdefault(event, []).append(new)
        if sum(map(len, self.by_kind.values())) > KEPT:
            del max(self.by_kind.values(), key=len)[0]
        self.new.append(new)

    @property
    def state(self) -> EventsState:
        """What a reload keeps; followers ask again from where they are."""
        return EventsState(self.last, self.by_kind, self.missed)

    @state.setter
    def state(self, state: EventsState) -> None:
        self.last, self.by_kind, self.missed = state.last, state.by_kind, state.missed

    def take_new(self) -> list[Event]:
        """Return the events since the last call."""
        new = self.new
        self.new = []
        return new

    def after(self, seen: int) -> list[Event]:
        newer = [event for kind in self.by_kind.values() for event in kind if event["seq"] > seen]
        return sorted(newer, key=lambda event: event["seq"])

    def follow(self, connection: PeerConnection, since: int | None) -> None:
        """Add a follower, which gets events after number `since`; None: from now on."""
        self.followers[connection] = self.last if since is None else min(max(since, 0), self.last)

    def forget(self, connection: PeerConnection) -> None:
        self.followers.pop(connection, None)

    def pending(self, connection: PeerConnection) -> bool:
        return self.followers.get(connection, self.last) < self.last

    def send(self) -> None:
        """Send each follower new events, one DATA frame each, up to `MAX_UNREAD` bytes."""
        for connection, seen in list(self.followers.items()):
            if seen < self.last and len(connection.unsent) < MAX_UNREAD:
                self.followers[connection] = self._send(connection, seen)

    def _send(self, connection: PeerConnection, seen: int) -> int:
        """Queue events, with a `missed` for each gap; return the last event's number."""
        for event in self.after(seen):
            if len(connection.unsent) >= MAX_UNREAD:
                break
            before = event["seq"] - 1
            if seen < before:
                missed: Event = {
                    "seq": before,
                    "ts": times.exact_stamp(time.time()),
                    "event": "missed",
                    "session": event["session"],
                    "count": before - seen,
                }
                connection.queue(protocol.message(protocol.DATA, missed))
            connection.queue(protocol.message(protocol.DATA, event))
            seen = event["seq"]
        return seen


def shorten(command: list[str], room: int = _MAX_COMMAND) -> list[str]:
    """Return a command truncated to `room` characters; by default, to fit into one frame."""
    for index, word in enumerate(command):
        if len(word) > room:
            return [*command[:index], word[: max(0, room)] + "…"]
        room -= len(word) + 1  # else empty words would have no end
    return command


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'s' if count != 1 else ''}"
