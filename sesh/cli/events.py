"""`--events`: the events of a session or of all, printed as they happen; and the log of remotes."""

from __future__ import annotations

from sesh import bounds, moments, wording
from sesh.cli import printing
from sesh.errors import UsageError
from sesh.names import printable
from sesh.ops.events import follow, follow_all
from sesh.ops.events import log as read_log
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
    if name is None and since is not None:
        raise UsageError("each session numbers its own events", hint="write: $sesh --events NAME --since N")
    try:
        if name is not None:
            _follow_one(cli, find.checked(name, "--events"), int(since) if since is not None else None)
        else:
            _follow_all(cli)
    except KeyboardInterrupt:
        return printing.interrupted()
    return 0


def _follow_one(cli: Invocation, name: str, since: int | None) -> None:
    with cli.target.open_stream(name) as stream:
        stream.audience = cli.audience
        try:
            for event in follow(stream, since):
                _print(cli, event)
        except DaemonDied as died:
            cli.note(str(died))


def _follow_all(cli: Invocation) -> None:
    for item in follow_all(cli.target):
        if "note" in item:
            cli.note(str(item["note"]))
        else:
            _print(cli, item)


def _print(cli: Invocation, event: Event) -> None:
    if cli.json:
        cli.value({**event, "host": cli.host})
        return
    facts = {key: value for key, value in event.items() if key not in ("seq", "ts", "event", "session")}
    cells = [str(event.get("ts"))[11:19], str(event.get("session")), str(event.get("event"))]
    if shown := _facts({key: value for key, value in facts.items() if value is not False and value != ""}):
        cells.append(shown)
    printing.text(wording.plain("  ".join(cells)))


def _facts(facts: dict[str, Any]) -> str:
    """Return facts as key=value, a value in quotes if it holds blanks; those that are None are left out."""
    words = []
    for key, value in facts.items():
        text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        if value is not None:
            words.append(f'{key}="{text}"' if " " in text else f"{key}={text}")
    return " ".join(words)


def _log(cli: Invocation, name: str | None) -> int:
    """Print the log of remotes, only the sessions called NAME if one is given."""
    cli.sought = None  # this machine's log names sessions of others
    remote_log = cli.target.call(read_log, name=name)
    if cli.json:
        for event in remote_log["events"]:
            cli.value(event)
    elif remote_log["events"]:
        printing.text("\n".join(printing.aligned([_LOG_HEADINGS, *map(_cells, remote_log["events"])])))
    else:
        cli.note(f"{printable(remote_log['path'], 4096)} has no events{' of that session' if name else ''} yet")
    return 0


def _cells(event: dict[str, Any]) -> list[str]:
    """Return the cells of an event of the log, its time in this machine's zone."""
    stamp = str(event.get("ts") or "")
    moment = moments.seconds(stamp)
    facts = {key: value for key, value in event.items() if key not in ("ts", "event", "host")}
    cells = (
        stamp if moment is None else moments.local(moment),
        str(event.get("host") or ""),
        str(event.get("event")),
        _facts({key: None if value is None else " ".join(str(value).split()) for key, value in facts.items()}),
    )
    return [wording.one_line(cell) for cell in cells]
