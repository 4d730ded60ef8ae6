"""Query machines in parallel: for their lists, to find a session, or by any call."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, suppress
from functools import partial
from math import inf
from typing import NamedTuple, TypeVar

from sesh import errors, reach
from sesh.about import PROGRAM, SESH
from sesh.errors import NotFound, Refused, SeshError, TimedOut, Unreachable, at, for_host, silent_host
from sesh.names import natural
from sesh.ops import views
from sesh.reach.caller import CANCEL, Caller
from sesh.reach.target import CONFIG_TIMEOUT, Target
from sesh.remote import known
from sesh.schema.facts import Summary
from sesh.system import paths
from sesh.system.workers import Stop, Workers, each
from sesh.text import times

Key = TypeVar("Key")
Result = TypeVar("Result")

MAX_ROWS = 10_000  # sessions of one host that a list, or a stream of events, keeps track of
HOST_TIMEOUT = 2.0  # seconds, then a host counts as silent
_NAMED_TIMEOUT = 5.0  # seconds for a host that the line names
_REASON_DELAY = 0.2  # seconds after the timeout for a worker to give the reason in ssh's words
_QUIET = 0.5  # seconds, then a status line names the hosts that have not answered
_LOOK_INTERVAL = 0.1  # seconds between two looks at hosts whose ssh configuration is not known yet
_SKEW = 2.0  # seconds; a smaller clock difference may be the round trip, and is ignored


class Group(NamedTuple):
    """Sessions of a machine, with the name of its host, and why it is silent.

    `twin`: the host, empty for this machine, that was listed before and is the same machine.
    """

    sessions: Sequence[Summary]
    host: str = ""
    reason: str = ""
    error: SeshError | None = None
    twin: str | None = None


class Listed:
    """The sessions that a list has so far. Two hosts may be one machine, whose sessions are listed once.

    A machine is known by the ids of its sessions: clones of an image have all else in common.
    """

    def __init__(self) -> None:
        self._hosts: dict[str, str] = {}  # by the id of a session
        self._elsewhere: set[str] = set()  # of sessions that share a home directory, and run on another machine

    def added(self, group: Group) -> Group:
        """Return a group without the sessions that are listed already; add the others."""
        fresh: list[Summary] = []
        for row in group.sessions:
            session_id = row.get("id")
            if not session_id:  # of another machine's record, or of an old host
                fresh.append(row)
                continue
            if session_id in self._hosts:
                if "machine" not in row:
                    group = group._replace(twin=self._hosts[session_id])
                continue
            if "machine" not in row:
                self._hosts[session_id] = group.host
            elif session_id in self._elsewhere:
                continue
            else:
                self._elsewhere.add(session_id)
            fresh.append(row)
        return group._replace(sessions=fresh)


def has_labels(session: Summary, labels: dict[str, str]) -> bool:
    """Return whether a session has all of these labels."""
    return labels.items() <= (session.get("labels") or {}).items()


def unlabelled(labels: dict[str, str], kind: str = "session") -> NotFound:
    """Return the error if no session has these labels."""
    words = " and ".join(map("=".join, labels.items()))
    return NotFound(f"no {kind} has the label {words}", hint=f"see: {SESH} list")


def known_hosts(caller: Caller) -> tuple[list[str], dict[str, str]]:
    """Return the known remotes to query, and the reason for each paused remote.

    A remote is paused if it refused a login in the last minute. Both results are empty with `--local`, and for a caller
    on another machine.
    """
    hosts: list[str] = []
    failures: dict[str, str] = {}
    if caller.local or caller.origin is not None or not paths.knows_remotes():
        return hosts, failures
    for host in known.hosts():
        if known.paused_until(host):
            failures[host] = known.failure(host) or "login refused"
        else:
            hosts.append(host)
    return hosts, failures


def reason(error: SeshError) -> str:
    """Return why a host does not answer, in a few words."""
    if isinstance(error, Unreachable):
        return error.reason or error.message
    if isinstance(error, TimedOut):
        return errors.NO_ANSWER
    return f"not deployed; {error.hint}" if isinstance(error, errors.NotDeployed) else str(error)


def absence(host: str, why: str) -> str:
    """Return words that say that a host does not answer, or is not asked."""
    until = known.paused_until(host)
    if until:
        return f"is not asked until {times.time_of_day(until)} ({why})"
    return "does not answer" if why == errors.NO_ANSWER else f"does not answer ({why})"


def last_known(host: str, why: str) -> list[Summary]:
    """Return the cached sessions of a host that does not answer, marked as stale."""
    return [
        {**row, "host": host, "stale": {"since": row["stale"]["since"], "reason": why}}
        for row in known.sessions(host)
        if "stale" in row
    ]


def placed_rows(target: Target) -> list[Summary]:
    """Return a host's sessions as `placed`; note its untrusted files. Raises the host's error."""
    overview = target.call(views.overview)
    for refusal in overview["refusals"]:
        target.caller.note(errors.told(refusal, target.host))
    return [placed(row, target.host, overview["home"], target.clock) for row in overview["sessions"]]


def placed(session: Summary, host: str | None, home: str, clock: float) -> Summary:
    """Return a session with its host, and with the host's home directory and clock difference."""
    row: Summary = {**session, "host": host}
    row.pop("stale", None)  # a host may send these keys, but this machine sets them
    row.pop("home", None)
    row.pop("clock", None)
    if home:
        row["home"] = home
    if abs(clock) >= _SKEW:
        row["clock"] = round(clock, 3)
    return row


def note_failure(host: str, error: Unreachable | TimedOut) -> None:
    with suppress(Refused):  # the record cannot be written: the next list asks the host again
        known.record_failure(host, reason(error), refused=isinstance(error, errors.LoginRefused))


def query(
    caller: Caller, hosts: list[str], *, names: Collection[str] = (), named: bool = False
) -> Iterator[tuple[str, list[Summary] | SeshError]]:
    """Query hosts; yield each with its sessions or its error as these arrive.

    Silent hosts come at the timeout. `names`: the sessions to find. If it is set, a status line names the hosts that
    are late, and a host that failed in the last minute is waited for only if it had one of the sessions. `named`:
    record the hosts as used.
    """
    if not hosts:
        return
    caller.settings()  # so that a fault in them is noted once, not by each worker
    had = {host for host in hosts if any(row["name"] in names for row in known.sessions(host))}
    waited = {host for host in hosts if not names or not known.failure(host) or host in had}
    missing = {*hosts}
    deadlines: dict[str, float] = {}  # of the hosts whose ssh configuration is known
    latest = time.monotonic() + CONFIG_TIMEOUT + HOST_TIMEOUT  # of a host whose worker has not begun
    say_at = time.monotonic() + _QUIET if names and caller.shows_status else inf
    with Workers[str, list[Summary]]() as workers:
        for host in hosts:
            workers.begin(host, partial(_query_one, host, deadlines, named))
        try:
            while late := missing & waited:
                now = time.monotonic()
                last = max(deadlines.get(host, min(now + _LOOK_INTERVAL, latest)) for host in late) + _REASON_DELAY
                if now >= last:
                    break
                if now >= say_at:
                    on = ", ".join(f"@{host}" for host in sorted(late, key=natural))
                    caller.status(f"looking for {', '.join(names)} on {on}")
                    say_at = inf
                for host, result in workers.items(min(say_at, last)):
                    missing.discard(host)
                    yield host, result
                    if not missing & waited:
                        break
            for host in sorted(missing, key=natural):
                yield host, silent_host(host)
        finally:
            caller.status("")


def _query_one(host: str, deadlines: dict[str, float], named: bool, stop: Stop) -> Iterator[list[Summary]]:
    """Yield a host's sessions, without a prompt; cache them even if late; runs in a worker thread.

    The Stop cancels the request, but not a login, because the next request may use it. `deadlines`: gets the host's.
    `named`: a person named the host, so record it as used.
    """
    try:
        target = reach.target_of(Caller(stop), host, named=named, may_prompt=False).within(HOST_TIMEOUT)
        deadlines[host] = target.deadline or inf
        rows = placed_rows(target)
    except (Unreachable, TimedOut) as error:
        note_failure(host, error)
        raise
    known.cache_list(host, rows)
    yield rows


def of_all(target: Target) -> Iterator[Group]:
    """Yield the sessions of this machine, then those of each known remote; note untrusted files."""
    overview = target.call(views.overview)
    for refusal in overview["refusals"]:
        target.caller.note(refusal)
    listed = Listed()
    yield listed.added(Group(overview["sessions"]))
    yield from query_known(target.caller, listed=listed)


def of_host(target: Target, host: str) -> Iterator[Group]:
    """Yield the sessions of a host, or the last known ones before its error."""
    try:
        if (sessions := _soon(target.caller, host)) is None:
            sessions = placed_rows(target)
    except (TimedOut, Unreachable) as error:
        why = reason(error)
        if cached := last_known(host, why):
            yield Group(cached, host, why)
        raise
    known.cache_list(host, sessions)
    yield Group(sessions)


def _soon(caller: Caller, host: str) -> list[Summary] | None:
    """Return the sessions of a host; raise its error soon if there are cached ones.

    None if the host is asked again where the person can log in, or agree to a deploy.
    """
    if not (caller.shows_status and known.sessions(host)) or known.login_prompted(host):
        return None
    try:
        return placed_rows(reach.target_of(caller, host, may_prompt=False).within(_NAMED_TIMEOUT))
    except (errors.LoginRefused, errors.NotDeployed, OSError):
        return None


def of_hosts(caller: Caller, hosts: list[str]) -> Iterator[Group]:
    """Yield the sessions of each host, or its error and the last known ones."""
    results = dict(query(caller, hosts, named=True))
    listed = Listed()
    for host in hosts:
        result = results[host]
        if isinstance(result, SeshError):
            yield listed.added(Group(last_known(host, str(result)), host, str(result), result))
        else:
            yield listed.added(Group(result, host))


def query_known(caller: Caller, names: Collection[str] = (), listed: Listed | None = None) -> Iterator[Group]:
    """Yield each known remote with its sessions, and the reason if it is silent.

    A silent remote comes with its cached sessions. Hosts that answer come first, sorted by name: each waits until all
    hosts before it have answered or failed. So if a machine has two aliases, always the same alias lists its sessions.
    `names`: see `query`. `listed`: the sessions of the list above.
    """
    hosts, failures = known_hosts(caller)
    answered: dict[str, list[Summary]] = {}
    listed = listed or Listed()
    for host, result in query(caller, [*hosts], names=names):
        if isinstance(result, SeshError):
            failures[host] = reason(result)
        else:
            answered[host] = result
        while hosts and (hosts[0] in answered or hosts[0] in failures):
            if (first := hosts.pop(0)) in answered:
                yield listed.added(Group(answered[first], first))
    for host in sorted(failures, key=natural):
        why = failures[host]
        until = known.paused_until(host)
        hint = f"; not asked until {times.time_of_day(until)}, `{PROGRAM} @{host}` asks at once" if until else ""
        yield listed.added(Group(last_known(host, why), host, f"{why}{'' if names else hint}"))


def locate(
    caller: Caller, names: Sequence[str], to_write: Callable[[str], str], *, creates: bool, safely: bool = False
) -> dict[str, str | SeshError | None]:
    """Return each session's host: a known remote, None if none has it, or an error.

    If several hosts have a session, or a silent one had it, the person chooses one. `to_write`: returns the line for a
    name that a hint shows behind a host. `creates`: the caller creates a session that no host has; then the hint has
    the name alone. `safely`: Enter chooses none. The errors are NotFound if only a silent host had the session, and
    Refused if the person chooses none.
    """
    hosts: dict[str, list[str]] = {name: [] for name in names}
    silent: dict[str, tuple[str, str]] = {}  # by session, a host that had it and does not answer, and why
    for group in query_known(caller, names):
        for name in hosts.keys() & {row["name"] for row in group.sessions}:
            if group.reason:
                silent.setdefault(name, (group.host, group.reason))
            else:
                hosts[name].append(group.host)
    places: dict[str, str | SeshError | None] = {}
    for name in names:
        try:
            was = silent.get(name)
            places[name] = _choose_host(caller, name, hosts[name], was, to_write(name), creates=creates, safely=safely)
        except SeshError as error:
            places[name] = error
    return places


def _choose_host(
    caller: Caller,
    name: str,
    hosts: list[str],
    silent: tuple[str, str] | None,
    line: str,
    *,
    creates: bool,
    safely: bool,
) -> str | None:
    """Return the session's host; the person chooses if several may have it. Raises NotFound, Refused."""
    was = ""
    if silent is not None:
        host, why = silent
        was = f"was on @{host}, which {absence(host, why)}"
        if not hosts:
            again = f"to ask it again: {PROGRAM} {at(host)} {line}"
            raise NotFound(f"{name} {was}", hint=f"to create it here: {PROGRAM} --local {name}" if creates else again)
    if len(hosts) < 2 and not was:
        return hosts[0] if hosts else None
    runs = f"{name} runs on {', '.join(f'@{host}' for host in hosts)}"
    if was:
        runs += f", and {was}"
    if not caller.can_answer:
        raise Refused(f"{runs}; choose one: {PROGRAM} @{hosts[0]} {name if creates else line}")
    answers = [(str(number), f"{number} @{host}") for number, host in enumerate(hosts[:9], 1)]
    answer = caller.ask(f"{runs}:", [*answers, CANCEL], CANCEL[0] if safely else "1")
    if not answer.isdecimal():
        raise Refused("nothing was done")
    return hosts[int(answer) - 1]


# -- one call for several machines


class _HostCaller(Caller):
    """The caller in a host's thread: it cannot ask; its notes name the host."""

    def __init__(self, caller: Caller, host: str | None, stop: Stop) -> None:
        super().__init__(stop)
        self.local = caller.local
        self._note = caller.note
        self._host = host

    def note(self, line: str, on_attach: str = "") -> None:
        self._note(for_host(line if self._host is None else f"@{self._host}: {line}", self._host))


def call_each(
    caller: Caller, host_by_key: Mapping[Key, str | None], call: Callable[[Key, Target], Result], *, first: bool = False
) -> dict[Key, Result | SeshError]:
    """Call a function for each key, with its host's target, all at once.

    Return results or errors by key. `first`: return only the first result, unless there are only errors.
    """
    results: dict[Key, Result | SeshError] = {}

    def call_one(key: Key, stop: Stop) -> Result:
        return call(key, reach.target_of(_HostCaller(caller, host_by_key[key], stop), host_by_key[key]))

    with closing(each({key: partial(call_one, key) for key in host_by_key}, stop=caller.stop)) as answers:
        for key, result in answers:
            if first and not isinstance(result, SeshError):
                return {key: result}
            results[key] = result
    return {key: results[key] for key in host_by_key}
