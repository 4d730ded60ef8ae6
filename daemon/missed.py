"""What happened in a session while nobody looked: counted from the events, and told to the next client in one line."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

LONGEST = 160
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
        text = text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
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
