"""`events`: print the events of sessions as they happen, or the remotes' event log."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Annotated, Any

from typer import Option

from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import AnyName, Context, refuse_unused, renamed
from sesh.cli.printed import prints
from sesh.errors import DaemonDied, UsageError
from sesh.names import printable
from sesh.ops.events import follow, follow_all
from sesh.ops.events import log as read_log
from sesh.reach.stream import Stream
from sesh.schema.facts import Event
from sesh.text import safe, times

_QUOTED = re.compile(r'[\s"]')
_CELLS = ("seq", "ts", "event", "session")  # shown in cells of their own, or not at all
_LOG_HEADINGS = ("WHEN", "HOST", "EVENT", "")


@prints(Event)
def events(
    ctx: Context,
    name: AnyName = None,
    *,
    start: Annotated[
        int | None,
        Option(
            "--from",
            metavar="N",
            min=0,
            help="Begin after event number N; 0 prints all that are kept.",
        ),
    ] = None,
    _since: Annotated[str | None, renamed("--since", now="--from", meaning="takes the number of an event")] = None,
    log: Annotated[
        bool, Option("--log", help="Print the event log of remotes: connections, deployments, files pushed.")
    ] = False,
) -> int:
    """Print NAME's events until it ends.

    Without NAME, those of all sessions on this machine, or on @HOST, new ones included.

    Examples:
      sesh events work
      sesh events --json
      sesh events work --from 0
      sesh events --log
      sesh @web1 @web2 events
    """
    cli = ctx.obj
    if log:
        refuse_unused("--log prints the whole log of remotes", {"--from": start})
        return _log(cli, name)
    if name is None and start is not None:
        raise UsageError("each session numbers its own events", hint=f"write: {SESH} events NAME --from N")
    try:
        if name is None:
            _print(cli, follow_all(cli.line_target), cli.line.host)
            return 0
        with Stream.open(cli.find_target(name), name) as stream:
            stream.audience = cli.audience
            _print(cli, follow(stream, start), stream.host)
    except DaemonDied as died:
        cli.note(str(died))
    except KeyboardInterrupt:
        return printing.exit_interrupted()
    return 0


def _print(cli: Invocation, items: Iterable[Event], host: str | None) -> None:
    for event in items:
        if "note" in event:
            cli.note(str(event["note"]))
        elif cli.line.json:
            cli.out.value({**event, "host": host})
        else:
            shown = {key: fact for key, fact in event.items() if key not in _CELLS and fact is not False and fact != ""}
            moment = times.local_time(event.get("ts"))
            cells = (moment, str(event.get("session")), str(event.get("event")), _facts(shown))
            cli.out.text(safe.plain("  ".join(cells).rstrip()))


def _log(cli: Invocation, name: str | None) -> int:
    """Print the event log of remotes, only for sessions called `name` if given."""
    log = cli.line_target.call(read_log, name=name)
    if cli.line.json:
        for event in log["events"]:
            cli.out.value(event)
    elif log["events"]:
        cli.out.table([_LOG_HEADINGS, *map(_cells, log["events"])])
    else:
        cli.note(f"{printable(log['path'])} has no events{' of that session' if name else ''} yet")
    return 0


def _cells(event: dict[str, Any]) -> list[str]:
    """Return the cells of a logged event, with its local time."""
    facts = _facts({key: value for key, value in event.items() if key not in ("ts", "event", "host")})
    host = str(event.get("host") or "")
    kind = str(event.get("event"))
    return [safe.one_line(cell) for cell in (times.local_time(event.get("ts"), dated=True), host, kind, facts)]


def _facts(facts: dict[str, Any]) -> str:
    """Return facts as `key=value`, without those that are None; quote values with blanks or quotes."""
    words = []
    for key, value in facts.items():
        text = " ".join(map(str, value)) if isinstance(value, list) else str(value)
        if value is not None:
            words.append(f"{key}={json.dumps(text, ensure_ascii=False) if _QUOTED.search(text) else text}")
    return " ".join(words)
