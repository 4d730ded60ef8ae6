"""What there is to see: the sessions, the facts of one, its screen, its last lines.

Of a session whose daemon died, what was kept is shown.
"""

from __future__ import annotations

import os

from sesh import paths
from sesh.errors import NotFound, TimedOut, Unreachable, UsageError
from sesh.names import printable
from sesh.ops import find
from sesh.ops.caller import op
from sesh.protocol import parse
from sesh.store import listing, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.ops.caller import Caller
    from sesh.store.listing import Summary

_FORMATS = {"text": "text", "ansi": "ansi", "json": "json", "svg": "json", "html": "json"}
"""The formats of a screen, and in which of them the daemon is asked for it."""
_STATUS_TIMEOUT, _LOGS_TIMEOUT = 5.0, 30.0


def bears(session: Summary, labels: dict[str, str]) -> bool:
    """Whether a session has all of these labels."""
    return labels.items() <= (session.get("labels") or {}).items()


@op
def overview(_caller: Caller) -> dict[str, Any]:
    """The `sessions` of this machine, the files that are not trusted (`refusals`), and the user's `home`."""
    sessions = listing.summaries()
    return {"sessions": sessions, "refusals": listing.refusals(sessions), "home": os.path.expanduser("~")}


@op
def status(caller: Caller, name: str) -> Summary:
    """All facts of a session: from its daemon, or from its record if it is lost or does not answer. Raises NotFound."""
    session: Summary | None
    try:
        session = dict(find.ask(name, "status", timeout=_STATUS_TIMEOUT)[0]["session"])
    except (TimedOut, Unreachable):
        if (session := listing.unanswered(name)) is None:
            raise paths.absent(name) from None
    except NotFound:
        if (session := find.lost_record(name)) is None:
            raise
    if "daemon_pid" not in session:
        record = records.read(name) or {}
        known = {"daemon_pid": record.get("daemon_pid"), "version": record.get("version")}
        session |= {"clients": [], "scrollback": None, "foreground": None, **known, "link": None}
    here = listing.current()
    session["current"] = here is not None and here["name"] == session["name"]
    if caller.origin is not None:
        session["link"] = "up"
    return session


@op
def screen(_caller: Caller, name: str, form: str = "text") -> dict[str, Any]:
    """The visible rows: as `text` and its `lines`, drawn as `text` (svg, html), or as runs of cells (json).

    Raises UsageError for another format, NotFound.
    """
    if form not in _FORMATS:
        raise UsageError(f"{printable(form)} is not a format of --screen; take {', '.join(_FORMATS)}")
    try:
        data = find.ask(name, "screen", format=_FORMATS[form])[1]
    except NotFound:
        if find.lost_record(name) is None:
            raise
        from sesh.ops import lost

        data = lost.screen(name, _FORMATS[form])
    if _FORMATS[form] != "json":
        text = data.decode("utf-8", "replace")
        return {"text": text, "lines": text.split("\n")}
    cells = parse(data)
    if form == "json":
        return cells
    from sesh import wording
    from sesh.vt.render import pictures

    return {"text": wording.encodable(pictures.svg(cells) if form == "svg" else pictures.html(cells))}


@op
def logs(_caller: Caller, name: str, lines: int, ansi: bool = False) -> list[str]:
    """The last lines of scrollback and screen, at most so many. Raises NotFound."""
    try:
        data = find.ask(name, "logs", timeout=_LOGS_TIMEOUT, lines=lines, ansi=ansi)[1]
    except NotFound:
        if find.lost_record(name) is None:
            raise
        from sesh.ops import lost

        return lost.last_lines(name, lines, ansi=ansi)
    return data.decode("utf-8", "replace").removesuffix("\n").split("\n") if data else []
