"""Follow a session's output until a condition is met, or until its end."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Literal, Optional, TypedDict, Union

from sesh.about import SESH
from sesh.errors import NotFound, Refused, SeshError, TimedOut
from sesh.names import natural
from sesh.ops import jobs, lookup
from sesh.ops.live_log import COLUMNS, feed, line_reader
from sesh.ops.pattern import Pattern
from sesh.ops.views import fetch_pages, overview
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.exchange import Exchange
from sesh.reach.op import op
from sesh.reach.stream import Arrival, Stream
from sesh.reach.target import Target
from sesh.schema.facts import JobResult, Place
from sesh.schema.outcomes import Condition, Ended
from sesh.wire import protocol
from sesh.wire.messages import LOGS, SUMMARY, WAIT, EndResponse, LogsResponse, RequestKeys

if TYPE_CHECKING:
    from sesh.vt.lines import LineReader


# Output counts from a position, from the last send or run, or all of it does.
Begin = Union[int, Literal["sent", "start"]]


class Conditions(TypedDict):
    """The conditions that end a wait; if none is set, the session's end does."""

    exit: bool  # not sent: a daemon responds to each wait at the end, and `_await_condition` decides what that means
    prompt: bool
    waiting: bool  # the program waits for a person
    idle: float | None  # seconds without output
    pattern: str | None  # an expression that a line has to match
    begin: Begin
    timeout: float | None  # seconds


_GRACE = 0.5  # seconds after the timeout until a daemon without a response counts as stuck
_ALL_LINES = 1_000_000
_EXIT = "exit"  # the condition that the session has ended


def _await_condition(stream: Stream, conditions: Conditions) -> Condition:
    """Wait for the first condition to be met, and return it.

    Raises TimedOut, DaemonDied, and Refused if the session ends and its end is no condition.
    """
    name = stream.name
    timeout = conditions["timeout"]
    deadline = stream.deadline
    if deadline is None and timeout is not None:
        deadline = time.monotonic() + timeout
    try:
        with Pattern(conditions["pattern"] or "") as pattern:
            search = _Search(pattern, deadline) if conditions["pattern"] is not None else None
            met = _first_met(stream, conditions, deadline, search)
    except TimedOut as late:
        within = "in time" if timeout is None else f"within {timeout:g} s"
        hint = late.hint or f"it runs on; look: {SESH} screen {name}"
        raise TimedOut(f"{name}: no condition was met {within}", hint=hint) from None
    if met["met"] == _EXIT and not _includes_exit(conditions):
        raise Refused(f"{name} ended ({met['exit_code']}) before the condition was met")
    return met


def _condition(met: str, match: str | None, position: int) -> Condition:
    return {"met": met, "match": match, "exit_code": None, "position": position, "reason": None}


def _end(facts: EndResponse | JobResult) -> Condition:
    return {
        "met": _EXIT,
        "match": None,
        "exit_code": facts["exit_code"] or 0,
        "position": facts.get("position"),
        "reason": facts["reason"],
    }


def _includes_exit(conditions: Conditions) -> bool:
    """Return whether the end is a condition; without any other condition it is, too."""
    has_flag = conditions["prompt"] or conditions["waiting"]
    has_value = conditions["idle"] is not None or conditions["pattern"] is not None
    return conditions["exit"] or not (has_flag or has_value)


@op(reads=True)
def ended(_caller: Caller, name: str) -> Optional[Condition]:
    """Return a session's end; None if it runs, or its end is unknown."""
    end = find.last_result(name)
    return _end(end) if end is not None else None


def _first_met(stream: Stream, conditions: Conditions, deadline: float | None, search: _Search | None) -> Condition:
    """Return the first condition that is met, which may be the end. Raises TimedOut, DaemonDied.

    The daemon tests the conditions but the pattern, which is searched here.
    """
    late = None if deadline is None else deadline + _GRACE
    try:
        stream.connect(late)
        if search is not None:
            search.columns = stream.ask(Exchange(SUMMARY, deadline=late))[0]["columns"] or search.columns
            if conditions["begin"] == "start":  # then the kept lines count, too
                fetch = partial(_fetch_page, stream, late)
                lines, newest, _ = fetch_pages(fetch, _ALL_LINES, protocol.MAX_RESPONSE)
                if (match := search.in_lines([(text, newest["position"]) for text in lines])) is not None:
                    return match
        wait = stream.submit(Exchange(WAIT, partial(_wait_keys, stream, conditions, deadline, search)))
        for arrival in stream.arrivals(until=late):
            if arrival.exchange is wait:
                response = wait.response(stream.connection, arrival.payload)
                if "met" in response:
                    return _condition(response["met"], response.get("question") or None, response["position"])
                return _end(response)
            if arrival.kind == protocol.OUTPUT and search is not None:
                if (match := search.in_output(arrival)) is not None:
                    return match
                if deadline is not None and time.monotonic() > deadline:
                    raise TimedOut("timed out")  # output arrives faster than it can be searched
    except Ended as ended:
        if search is None:
            return _end(ended.result)
        since = conditions["begin"] if isinstance(conditions["begin"], int) else stream.welcome.get("position")
        stored = stream.output.count_stored(ended, 0 if conditions["begin"] == "start" else since)
        return search.in_output(stored) or _end(ended.result)
    raise AssertionError("arrivals have no end")


def _fetch_page(stream: Stream, deadline: float | None, **keys: object) -> tuple[LogsResponse, bytes]:
    return stream.ask(Exchange(LOGS, keys, deadline=deadline))


def _wait_keys(stream: Stream, conditions: Conditions, deadline: float | None, search: _Search | None) -> RequestKeys:
    """Return the arguments of the request for the conditions, over a new connection."""
    keys: RequestKeys = {
        "idle": conditions["idle"],
        "prompt": conditions["prompt"],
        "waiting": conditions["waiting"],
    }
    if search is not None:
        keys["follow"] = True
    if deadline is not None:
        keys["timeout"] = max(0.0, deadline - time.monotonic())
    if search is not None and search.lines is not None:
        return {**keys, "from": search.lines.position, "since": conditions["begin"]}
    return {**keys, "from": conditions["begin"], "else": stream.welcome.get("position")}


class _Search:
    """The search for a pattern in the lines of a session."""

    def __init__(self, pattern: Pattern, deadline: float | None) -> None:
        self._pattern = pattern
        self._deadline = deadline
        self.lines: LineReader | None = None  # the output so far; None before the first
        self.columns = COLUMNS

    def in_output(self, output: Arrival) -> Condition | None:
        """Return the first match in lines that output completes or begins."""
        if not output.payload:
            return None
        lines = self.lines = self.lines or line_reader(output.number, self.columns)
        tested = [(line.text, line.end) for line in feed(lines, output)]
        current = lines.current
        # A pattern may require the blank at the end of a prompt, so the unfinished line is not trimmed.
        return self.in_lines([*tested, (current.untrimmed, current.end)])

    def in_lines(self, lines: list[tuple[str, int]]) -> Condition | None:
        """Return the first match in lines, each with the position after it."""
        for number, text in self._pattern.matches([text for text, _ in lines], self._deadline):
            return _condition("for", text, lines[number][1])
        return None


# -- several sessions


def wait_until_met(target: Target, name: str, conditions: Conditions) -> Condition:
    """Wait for the first condition of a session, which may have ended already."""
    try:
        with Stream.open(target, name, conditions["timeout"]) as stream:
            return _await_condition(stream, conditions)
    except NotFound:
        if not _includes_exit(conditions) or (end := target.call(ended, name=name)) is None:
            raise
        return end


def wait_for_several(
    caller: Caller, places: Mapping[Place, SeshError | None], conditions: Conditions, *, first: bool
) -> dict[Place, Condition | SeshError]:
    """Wait for all sessions, each in a thread, or only for the first result.

    `places`: with the error of each session that was not found.
    """

    def wait_at(place: Place, target: Target) -> Condition:
        return wait_until_met(target, place.name, conditions)

    found = {place: place.host for place, error in places.items() if error is None}
    results = lookup.call_each(caller, found, wait_at, first=first)
    if first and not all(isinstance(result, SeshError) for result in results.values()):
        return results
    return {place: error or results[place] for place, error in places.items()}


def labelled(caller: Caller, named: Sequence[str], labels: dict[str, str], conditions: Conditions) -> dict[Place, None]:
    """Return the places of the labelled sessions: on the named hosts, else on all machines.

    They include kept sessions and ended jobs if the end is a condition. Raises NotFound, or a named host's error.
    """
    if not labels:
        return {}
    kept = _includes_exit(conditions)
    phases = ("running", "exited") if kept else ("running",)

    def names_on(_: str | None, target: Target) -> list[str]:
        if not named:
            target = target.within(lookup.HOST_TIMEOUT)
        rows = [row for row in target.call(overview)["sessions"] if lookup.has_labels(row, labels)]
        ended = target.call(jobs.ended, labels=labels) if kept else []
        return sorted({*(row["name"] for row in rows if row["state"] in phases), *ended}, key=natural)

    hosts: Sequence[str | None] = named or [None, *lookup.known_hosts(caller)[0]]
    places: dict[Place, None] = {}
    for host, found in lookup.call_each(caller, {host: host for host in hosts}, names_on).items():
        if not isinstance(found, SeshError):
            places |= dict.fromkeys(Place(host, name) for name in found)
        elif host is None or named:
            raise found
        else:
            caller.note(f"@{host} {lookup.absence(host, lookup.reason(found))}: its sessions are not waited for")
    if not places:
        raise lookup.unlabelled(labels, f"{' or '.join(phases)} session")
    return places
