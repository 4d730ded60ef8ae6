"""Read a session: its facts, its screen, its last lines."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from functools import partial
from math import inf
from typing import TYPE_CHECKING, Optional

from sesh import errors
from sesh.about import SESH
from sesh.errors import NotFound, Refused, SeshError, UsageError
from sesh.names import printable
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.remote import known
from sesh.schema import facts
from sesh.schema.codec import MAX_VALUES, parse
from sesh.schema.facts import SCROLLBACK, CheckpointFacts, CheckpointHeader, Status, Styled
from sesh.schema.outcomes import Overview
from sesh.store import checkpoints, listing, records, results
from sesh.system import paths
from sesh.text import times
from sesh.text.sizes import scrollback_bytes
from sesh.vt.render.screen_data import ScreenFacts, ScreenText
from sesh.wire import protocol
from sesh.wire.messages import LOGS, SCREEN, STATUS, LogsResponse

if TYPE_CHECKING:
    from sesh.vt.emulator import Emulator

Checkpoint = tuple[CheckpointHeader, bytes]

_FORMATS = ("text", "ansi")
_MAX_FAR = MAX_VALUES // 2  # last lines that a link carries; half of the limit, which counts commas as values
_STATUS_TIMEOUT, _SCREEN_TIMEOUT = 5.0, 30.0


@op(reads=True)
def overview(caller: Caller) -> Overview:
    """Return this machine's sessions, a line for each untrusted file, and the user's home."""
    sessions, refusals = listing.summaries(), listing.refusals()
    if caller.origin is None and not caller.local and paths.knows_remotes():
        refusals += known.damage()
    return {"sessions": sessions, "refusals": refusals, "home": paths.home()}


@op(reads=True)
def status(caller: Caller, name: str) -> Status:
    """Return all facts of a session, or of a job's result. Raises NotFound.

    Without a daemon, `scrollback` is None.
    """
    try:
        session = find.request(name, STATUS, timeout=_STATUS_TIMEOUT)[0]
    except (errors.TimedOut, errors.Unreachable, NotFound) as error:
        session = _status_without_daemon(name, error)
    here = listing.current()
    session["current"] = here is not None and here["name"] == session["name"]
    if caller.origin is not None:
        session["link"] = "up"
    return session


def _status_without_daemon(name: str, error: SeshError) -> Status:
    """Return what records and results say. Raises `error` if they do not know the session."""
    if not isinstance(error, NotFound):
        if (summary := listing.from_record(name)) is None:
            raise find.absent(name) from None
    elif (summary := find.dormant(name) or listing.of_job(name)) is None:
        raise error
    record = records.read(name) or {}
    return {
        **summary,  # type: ignore[typeddict-item]  # only a daemon knows the other keys
        "clients": [],
        "scrollback": None,
        "link": None,
        "integration": None,
        "daemon_pid": record.get("daemon_pid"),
        "version": record.get("version"),
    }


@op(reads=True)
def screen(_caller: Caller, name: str, form: str = "text") -> ScreenText:
    """Return the visible rows as text, or with SGR (ansi). Raises UsageError, NotFound."""
    if form not in _FORMATS:
        raise UsageError(f"unknown format {printable(form)}; use {', '.join(_FORMATS)} or json")
    data, continued = _exported(name, form)
    text = data.decode("utf-8", "replace")
    return {"text": text, "lines": text.split("\n"), "continued": continued}


@op(reads=True)
def cells(_caller: Caller, name: str) -> ScreenFacts:
    """Return the visible rows as runs of cells. Raises NotFound."""
    return parse(_exported(name, "json")[0])  # type: ignore[return-value]  # `export` writes this type


def _exported(name: str, form: str) -> tuple[bytes, list[int]]:
    """Return what `export` makes of the screen, and its continued rows."""
    try:
        continued, data = find.request(name, SCREEN, timeout=_SCREEN_TIMEOUT, format=form)
    except NotFound:
        return stored_screen(name, form)
    return data, continued


@op(reads=True)
def logs(caller: Caller, name: str, lines: int, ansi: bool = False) -> list[Styled]:
    """Return the last lines of scrollback and screen; note a full-screen program. Raises NotFound."""
    return _logs(caller, name, lines, ansi=ansi)


@op(reads=True)
def logs_since(
    caller: Caller, name: str, since: float, lines: Optional[int] = None, ansi: bool = False
) -> list[Styled]:
    """Return the last lines, as `logs`, that came in a second of this machine (since 1970) or later.

    `lines`: how many at most; None for all. Raises NotFound, Refused.
    """
    return _logs(caller, name, facts.MAX_NUMBER if lines is None else lines, ansi=ansi, since=since)


def _logs(caller: Caller, name: str, lines: int, *, ansi: bool, since: float | None = None) -> list[Styled]:
    texts, alternate = last_lines(name, lines, ansi=ansi, since=since)
    if caller.origin is not None and (fitting := _last_that_fit(texts)) < len(texts):
        caller.note(f"only the last {fitting:,} lines of {name} come over a link")
        texts = texts[len(texts) - fitting :]
    if alternate:
        caller.note(f"a full-screen program runs in {name}; to see it: {SESH} screen {name}")
    return texts


def last_lines(name: str, lines: int, *, ansi: bool = False, since: float | None = None) -> tuple[list[str], bool]:
    """Return the last lines, not a full-screen program's, and whether one shows. `since`: see `logs_since`.

    Raises NotFound. Raises Refused if the daemon does not know when lines came.
    """
    try:
        fetch = partial(find.request, name, LOGS, timeout=_SCREEN_TIMEOUT, ansi=ansi, since=since)
        texts, newest, _ = fetch_pages(fetch, lines)
    except NotFound:
        emulator = _stored_emulator(name)
        return emulator.last_lines(lines, ansi=ansi, since=since), emulator.alternate
    if since is not None:
        check_knows_times(name, newest)
    return texts, newest["alternate"]


def check_knows_times(name: str, response: LogsResponse) -> None:
    """Raise Refused if a daemon has not heeded `since`."""
    if "since" not in response:
        older = f"{name} runs an older sesh, which does not know when lines came"
        raise Refused(older, hint=f"move it to this version, and its lines count as of then: {SESH} reload {name}")


def fetch_pages(
    fetch: Callable[..., tuple[LogsResponse, bytes]], lines: int, most: float = inf
) -> tuple[list[str], LogsResponse, bool]:
    """Fetch the last lines page by page, until they have `most` bytes.

    `fetch`: makes the request `logs` with more arguments. Return the lines, the response for the newest page, and
    whether there are older lines.
    """
    newest, data = fetch(lines=lines, until=facts.MAX_NUMBER)
    response = newest
    pages = [_lines_of(data)]
    size = len(data)
    while data and response["older"] and size < most and (missing := lines - sum(map(len, pages))) > 0:
        response, data = fetch(lines=missing, until=response["first"])
        pages.append(_lines_of(data))
        size += len(data)
    return [text for page in reversed(pages) for text in page], newest, response["older"]


def _lines_of(page: bytes) -> list[str]:
    return page.decode("utf-8", "replace").removesuffix("\n").split("\n") if page else []


def _last_that_fit(texts: list[str]) -> int:
    """Return how many of the last lines fit into one response over a link."""
    left = protocol.MAX_RESPONSE - 1  # the first bracket
    for count, text in enumerate(reversed(texts[-_MAX_FAR:])):
        left -= len(json.dumps(text)) + 1  # and a comma, or the last bracket
        if left < 0:
            return count
    return min(len(texts), _MAX_FAR)


# -- sessions without a daemon, and results of jobs


def stored_screen(name: str, form: str) -> tuple[bytes, list[int]]:
    """Return the last screen and its continued rows. Raises NotFound without a checkpoint."""
    from sesh.vt.render.export import continued, export  # noqa: PLC0415 - loads the tables of characters

    emulator = _stored_emulator(name)
    return export(emulator, form), continued(emulator)


def _stored_emulator(name: str) -> Emulator:
    if (summary := find.dormant(name)) is None:
        return _emulator_of_job(name)
    error = find.without_daemon(summary)
    session_id = (records.read(name) or {}).get("id")
    emulator = emulator_of(checkpoints.read(session_id), checkpoints.facts(session_id))
    if emulator is None:
        raise NotFound(f"{error.message}, and nothing of its screen was kept", hint=error.hint)
    return emulator


def _emulator_of_job(name: str) -> Emulator:
    if (job := results.newest(name, is_job=True)) is None:
        raise find.absent(name)
    output = results.output(job)
    most_lines = max(SCROLLBACK, output.count(b"\n"))
    emulator = _new_emulator(job.get("columns") or 80, job.get("rows") or 24, most_lines)
    fed = 0
    for second, offset in job.get("times") or [(int(job.get("ended") or 0), 0)]:
        emulator.feed(output[fed:offset])
        emulator.note_time(second)
        fed = max(fed, offset)
    emulator.feed(output[fed:])
    return emulator


def emulator_of(checkpoint: Checkpoint | None, known: CheckpointFacts | None = None) -> Emulator | None:
    """Return an emulator with a checkpoint; None without one, or if it is malformed.

    `known`: what says when its lines came.
    """
    if checkpoint is None:
        return None
    header, data = checkpoint
    try:
        (columns, rows), size = header["drawn"], header["size"]
        emulator = _new_emulator(columns, rows, header["lines"])
        emulator.screen.cell_height = header["cell_height"]
        known = known or {}
        timed = len(data) - known.get("untimed", 0) if known.get("times") else 0
        emulator.feed(data[: max(0, timed)])
        line = emulator.cursor_line
        for second, above in known.get("times", []):
            emulator.times.note(second, max(0, line - above))
        if timed < len(data):
            emulator.note_time(int(times.seconds(known.get("last_activity")) or time.time()))
        emulator.feed(data[max(0, timed) :])
        if size != [columns, rows]:
            emulator.resize(*size)
    except (LookupError, TypeError, ValueError):
        return None
    return emulator


def _new_emulator(columns: int, rows: int, lines: int) -> Emulator:
    from sesh.vt.emulator import Emulator  # noqa: PLC0415 - loads pyte, which most verbs do not need

    return Emulator(columns, rows, max_lines=lines, max_bytes=scrollback_bytes(lines))
