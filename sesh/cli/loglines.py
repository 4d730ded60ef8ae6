"""`--events --log`: the event log, what happened with remotes, as a person reads it."""

from __future__ import annotations

import os

from sesh import wording
from sesh.cli import printing
from sesh.errors import Refused
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from sesh.cli.parser import Line

HEADINGS = ("WHEN", "HOST", "EVENT", "")


def printed(line: Line, name: str | None = None) -> int:
    """The events that the log holds, those of the session NAME where one is given; with `--json` one object a line."""
    from sesh.remote import eventlog

    events = [event for path in eventlog.paths_of() for event in _read(path)]
    if name is not None:
        events = [event for event in events if event.get("session") == name]
    if line.json:
        for event in events:
            printing.value(event)
        return 0
    if not events:
        printing.note(f"{printable(eventlog.path(), 4096)} tells of nothing{' of that session' if name else ''} yet")
        return 0
    rows = [HEADINGS, *(_row(event) for event in events)]
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    for row in rows:
        printing.text(
            "  ".join([*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3]]).rstrip()
        )
    return 0


def _read(path: str) -> Iterator[dict[str, Any]]:
    """The events of one file, in their order; what is no event, as a line cut short by a full disk, is passed over."""
    import json

    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except FileNotFoundError:
        return
    except OSError as error:
        raise Refused(f"{printable(path, 4096)} cannot be read: {error.strerror}; see SESH_EVENT_LOG") from error
    with open(descriptor, encoding="utf-8", errors="replace") as lines:
        for text in lines:
            try:
                event = json.loads(text)
            except (ValueError, RecursionError):
                continue
            if isinstance(event, dict) and isinstance(event.get("event"), str):
                yield event


def _row(event: dict[str, Any]) -> tuple[str, str, str, str]:
    """The cells of an event; the moment in this machine's time."""
    facts = {key: value for key, value in event.items() if key not in ("ts", "event", "host") and value is not None}
    told = " ".join(f"{key}={_word(value)}" for key, value in facts.items())
    cells = (_when(str(event.get("ts") or "")), str(event.get("host") or ""), event["event"], told)
    first, second, third, fourth = (wording.one_line(cell) for cell in cells)
    return first, second, third, fourth


def _word(value: object) -> str:
    text = " ".join(str(value).split())
    return f'"{text}"' if " " in text else text


def _when(stamp: str) -> str:
    import time

    from sesh.wording import seconds

    moment = seconds(stamp)
    return stamp if moment is None else time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(moment))
