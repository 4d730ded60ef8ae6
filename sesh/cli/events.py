"""`--events`: what happens to a session or to all, printed as it happens; and the log of remotes."""

from __future__ import annotations

from sesh import bounds, moments, wording
from sesh.cli import printing
from sesh.errors import UsageError
from sesh.names import printable
from sesh.ops.events import follow, follow_all, log
from sesh.reach import find
from sesh.reach.stream import DaemonDied

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.cli.invocation import Invocation
    from sesh.schema import Event

_LOG_HEADINGS = ("WHEN", "HOST", "EVENT", "")


def events(cli: Invocation, name: str | None = None, *, since: str | None = None, log: bool = False) -> int:
    """`--events [NAME] [--since N] [--log]`: of NAME until it ends, without NAME of all sessions until Ctrl-C."""
    if log:
        return _log(cli, name)
    if since is not None and not bounds.is_decimal(since):
        raise UsageError(f"{printable(since)} is not an event number", hint="write: $sesh --events NAME --since 0")
    if name is not None:
        return _one(cli, find.checked(name, "--events"), int(since) if since is not None else None)
    if since is not None:
        raise UsageError("each session numbers its own events", hint="write: $sesh --events NAME --since N")
    try:
        for item in follow_all(cli.target):
            if "note" in item:
                cli.note(str(item["note"]))
            else:
                _print(cli, item)
    except KeyboardInterrupt:
        return printing.interrupted()
    return 0


def _one(cli: Invocation, name: str, since: int | None) -> int:
    with cli.target.open_stream(name) as stream:
        stream.audience = cli.caller.audience
        try:
            for event in follow(stream, since):
                _print(cli, event)
        except DaemonDied as died:
            cli.note(str(died))
        except KeyboardInterrupt:
            return printing.interrupted()
    return 0


def _print(cli: Invocation, event: Event) -> None:
    """Prints an event: the time, the session, what happened, and its facts as key=value."""
    if cli.json:
        cli.value({**event, "host": cli.host})
        return
    facts = {key: value for key, value in event.items() if key not in ("seq", "ts", "event", "session")}
    shown = {key: value for key, value in facts.items() if value is not False and value not in (None, "")}
    words = [str(event.get("ts"))[11:19], str(event.get("session")), str(event.get("event"))]
    if shown:
        words.append(" ".join(f"{key}={_quoted(value)}" for key, value in shown.items()))
    printing.text(wording.plain("  ".join(words)))


def _quoted(value: object) -> str:
    """A fact in one word, in quotes if it holds blanks."""
    text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
    return f'"{text}"' if " " in text else text


def _log(cli: Invocation, name: str | None) -> int:
    """Prints the log of what happened with remotes, with the sessions of NAME alone if one is given."""
    cli.sought = None  # this machine's log names sessions of others
    remote_log = cli.target.call(log, name=name)
    if cli.json:
        for event in remote_log["events"]:
            cli.value(event)
        return 0
    if not remote_log["events"]:
        cli.note(f"{printable(remote_log['path'], 4096)} has no events{' of that session' if name else ''} yet")
        return 0
    rows = [_LOG_HEADINGS, *(_row(event) for event in remote_log["events"])]
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    for row in rows:
        cells = [*(cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)), row[3]]
        printing.text("  ".join(cells).rstrip())
    return 0


def _row(event: dict[str, Any]) -> tuple[str, str, str, str]:
    """The cells of an event of the log; the moment in this machine's time."""
    facts = {key: value for key, value in event.items() if key not in ("ts", "event", "host") and value is not None}
    words = " ".join(f"{key}={_quoted(' '.join(str(value).split()))}" for key, value in facts.items())
    cells = (_local_time(str(event.get("ts") or "")), str(event.get("host") or ""), str(event.get("event")), words)
    first, second, third, fourth = (wording.one_line(cell) for cell in cells)
    return first, second, third, fourth


def _local_time(stamp: str) -> str:
    moment = moments.seconds(stamp)
    return stamp if moment is None else moments.local(moment)
