"""The known remotes, asked all at once and without a prompt: for a name that is not here, and for the list."""

from __future__ import annotations

import select
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sesh import moments, paths, wire
from sesh.about import CALLED, SESH
from sesh.config import Config
from sesh.errors import (
    WANTS_LOGIN,
    Late,
    LocalFault,
    LoginRefused,
    Lost,
    NamingHost,
    NotDeployed,
    NotFound,
    Refused,
    SeshError,
    TimedOut,
    Unknown,
    Unreachable,
    silent_host,
)
from sesh.names import natural, near
from sesh.ops import sessions as session_ops
from sesh.reach import calls, links
from sesh.reach.caller import CANCEL, NOTHING, Caller
from sesh.reach.op import Op, Result
from sesh.reach.workers import Turns, Workers
from sesh.remote import known
from sesh.remote.ssh import opening
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Early, Link
from sesh.schema import Staleness, Summary
from sesh.stop import Stop
from sesh.store import listing

_EVER = float("inf")


HostAnswer = tuple[str, list[Summary] | SeshError]
"""A host, and its sessions or the error in their place."""
Told = tuple[list[Summary], str]
"""The sessions of a host, and a note on them, such as that some were left out."""

PATIENCE = 2.0
"""Seconds for a host to answer; all are asked at once, unless a list stays open."""
_ATTEMPT, _PACE = 10.0, 1.0
"""Seconds for one attempt to reach a host that a person waits for."""
_QUIET = 0.5
"""Seconds of waiting before a line says which hosts are asked."""
_PASSING = (Late, LocalFault, Lost, Unknown)
"""Errors after which a host is asked again at once: it did not refuse."""
_MOMENT = 0.1
"""Seconds for which other hosts are waited for once a session is found."""
_NAMED = 5
"""Hosts that the line names at most."""
_REFUSED = "login refused"
"""Why a host is not asked, if no more is known."""
_SKEW = 2.0
"""Seconds that a host's clock may differ from this one's unnoticed: an answer takes some time."""


def reason(error: SeshError) -> str:
    """Why a host does not tell its sessions, in a few words, for a list."""
    if isinstance(error, Unreachable):
        return error.reason or error.message
    if isinstance(error, TimedOut):
        return Late.reason
    return f"not deployed; {error.hint}" if isinstance(error, NotDeployed) else str(error)


def known_hosts(caller: Caller) -> tuple[list[str], dict[str, str]]:
    """The known remotes by name, none with `--local`: those that are asked, and those that are not because they refused
    a login within the last minute, with why. Each is in one of the two."""
    hosts: list[str] = []
    failures: dict[str, str] = {}
    for host in _known(caller):
        if known.paused_until(host):
            failures[host] = known.failure(host) or _REFUSED
        else:
            hosts.append(host)
    return hosts, failures


def _known(caller: Caller) -> list[str]:
    if caller.local or caller.origin is not None or not paths.knows_remotes():
        return []
    return sorted((remote.host for remote in known.all()), key=natural)


def absence(host: str, why: str) -> str:
    """The words behind the name of a host whose sessions are not told: it does not answer, or is not asked."""
    until = known.paused_until(host)
    return f"is not asked until {moments.time_of_day(until)} ({why})" if until else f"does not answer ({why})"


def _not_asked(host: str) -> str:
    """What a list adds to the reason of a host that was not asked for it."""
    until = known.paused_until(host)
    return f"; not asked until {moments.time_of_day(until)}, `{CALLED} @{host}` asks at once" if until else ""


def last_known(host: str, why: str) -> list[Summary]:
    """The sessions of a host that does not answer, as it told them last."""
    at, rows = known.last_told(host)
    plain: Summary = dict.fromkeys(listing.KEYS)  # type: ignore[assignment]  # which is filled in
    sessions: list[Summary] = []
    for row in rows:
        facts: Any = {key: value for key, value in row.items() if key != "seen"}
        stale: Staleness = {"since": moments.stamp(known.seen(at, row)), "reason": why}
        sessions.append({**plain, "current": False, "labels": {}, **facts, "host": host, "stale": stale})
    return sessions


def once(answers: Mapping[str, list[Summary]]) -> dict[str, list[Summary]]:
    """The sessions of several hosts without those that come twice, as one account has two names; by name of the host.

    What is known for sure goes before what was last known, then a plain name before `user@host:port`, then the name
    that was used first.
    """
    having: dict[tuple[str, str], list[tuple[bool, str]]] = {}
    for host in sorted(answers, key=natural):
        for row in answers[host]:
            having.setdefault(_identity(host, row), []).append(("stale" in row, host))
    seen = {
        each: min(hosts, key=lambda had: (had[0], _rank(had[1])))[1] if len(hosts) > 1 else hosts[0][1]
        for each, hosts in having.items()
    }
    return {
        host: [row for row in answers[host] if seen[_identity(host, row)] == host]
        for host in sorted(answers, key=natural)
    }


def _rank(host: str) -> tuple[bool, str]:
    """What says which of several names of one account goes first: the smaller one."""
    return "@" in host or ":" in host, known.first_used(host)


def _going_before(hosts: Sequence[str]) -> dict[str, list[str]]:
    """For each of these hosts the others whose sessions are listed in place of the same ones of that host: as far as is
    known they lead to the same account, or have told the same sessions."""
    accounts = {remote.host: remote.account for remote in known.all()}
    told = {host: {row["id"] for row in known.last_told(host)[1] if "id" in row} for host in hosts}
    marks = {host: ids | {accounts.get(host, "")} for host, ids in told.items()}
    ranks = {host: (_rank(host), natural(host)) for host in hosts}
    return {
        host: [other for other in hosts if (marks[other] & marks[host]) - {""} and ranks[other] < ranks[host]]
        for host in hosts
    }


def _identity(host: str, session: Summary) -> tuple[str, str]:
    """What tells a session from all others: its random id, if that is known."""
    return ("", session["id"]) if session.get("id") else (host, session["name"])


def note_failure(host: str, error: SeshError) -> None:
    """Notes that a host has not answered, and why if it could not be reached. It is asked again the next time, unless
    it refused a login: others may be back at any moment. If that cannot be written it is asked too."""
    try:
        known.mark_asked(host)
        if isinstance(error, _PASSING) or not isinstance(error, Unreachable):
            known.forget_unless_known(host)
            return
        known.record_failure(host, reason(error), error.at, refused=isinstance(error, LoginRefused))
        known.forget_unless_known(host)
    except Refused:
        return


class Gathering(Caller):
    """The caller of the questions to one host, asked in a thread: it gathers notes for a caller that may show them."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, line: str) -> None:
        """Gathers a line."""
        self.notes.append(line)

    def warn(self, settings: Config) -> None:
        """Drops the faults of the settings, which are no host's."""


class Asking:
    """Questions to several hosts, each in a thread of its own; answers are taken as they come.

    `turns`: those of the hosts, None to ask all at once. `named`: a person has named them, so they are known then.
    `anew`: a person wants them asked, whatever they refused a moment ago.
    """

    def __init__(
        self,
        hosts: list[str],
        turns: Turns | None = None,
        *,
        named: bool = False,
        anew: bool = False,
    ) -> None:
        self.waiting = set(hosts)
        self._until = {} if turns else dict.fromkeys(hosts, time.monotonic() + PATIENCE)
        """By host whose turn has come: the moment at which it is late (monotonic)."""
        self._turns = turns or Turns(len(hosts))
        self._named, self._anew = named, named or anew
        self._workers: Workers[str, Told] = Workers()
        self.inbound, self.close = self._workers.inbound, self._workers.close
        for host in hosts:
            self._begin(host)

    def _begin(self, host: str) -> None:
        self._workers.begin(host, lambda stop: self._answer(host, stop))

    def _answer(self, host: str, stop: Stop) -> Iterator[Told]:
        """What a host tells, noted even if nobody waits for it any more. Called in a thread of its own."""
        caller = Gathering()
        try:
            with self._turns:
                stop.check()
                until = self._until.setdefault(host, time.monotonic() + PATIENCE)
                rows = sessions_of(caller, host, until, stop, named=self._named, anew=self._anew)
        except (Unreachable, TimedOut) as error:
            note_failure(host, error)
            raise
        known.keep(host, rows)
        yield rows, "; ".join(caller.notes)

    @property
    def finished(self) -> bool:
        """True if all hosts have answered, the late ones included."""
        return not self._workers.running

    def take(self) -> list[tuple[str, Told | SeshError]]:
        """Takes the answers that have come since the last time; to be called when `inbound` is readable."""
        answers = self._workers.take()
        self.waiting -= {host for host, _ in answers}
        return answers

    def give_up(self) -> list[str]:
        """Waits no more for the hosts that are late; returns these."""
        now = time.monotonic()
        late = sorted((host for host in self.waiting if self._until.get(host, _EVER) <= now), key=natural)
        self.waiting.difference_update(late)
        return late

    @property
    def deadline(self) -> float:
        """The moment at which `give_up` is to be called (monotonic)."""
        until = [self._until[host] for host in self.waiting if host in self._until]
        return min(until, default=time.monotonic() + PATIENCE)


def sessions_of(
    caller: Caller, host: str, deadline: float, stop: Stop | None = None, *, named: bool = False, anew: bool = False
) -> list[Summary]:
    """The sessions of one host, without a prompt. Raises as `asked`; the words are the same."""
    destination = links.destination_of(caller, host)
    rows, opened = asked(caller, destination, session_ops.summaries, deadline, stop, named=named, anew=anew)
    return [placed(row, host, opened.home, opened.clock) for row in sorted(rows, key=lambda row: natural(row["name"]))]


def asked(
    caller: Caller,
    destination: Destination,
    op: Op[[], Result],
    deadline: float,
    stop: Stop | None = None,
    *,
    named: bool = False,
    anew: bool = False,
) -> tuple[Result, Link]:
    """What one host answers to an op without arguments, without a prompt, and the link, which is closed. Raises the
    host's error, Late at the deadline (monotonic).

    `stop`: ends it; a login goes on, for the next one. `named`: the host is recorded as used. `anew`: a
    refusal of a moment ago does not count.
    """
    if anew:
        known.end_pause(destination.host)
    stop = stop or Stop()
    early = Early(calls.frames(op.wire_name, {}, asks=caller.can_ask, answers=[]))
    with (
        opening.open_link(
            destination,
            links.origin(destination),
            ask=False,
            deadline=deadline,
            early=early,
            stop=stop,
            patience=known.stale_after(destination),
        ) as opened,
        stop.calling(opened.abort),
        NamingHost(destination.host),
    ):
        answer = calls.request(caller, opened, op, {}, deadline)
    if named:
        links.record(destination, opened)
    elif account := opened.remote_info.get("account"):
        known.note(destination, account=account)
    return answer, opened


def placed(session: Summary, host: str | None, home: str, clock: float) -> Summary:
    """A session of a host with what a list needs to show it here: the home directory and the clock there."""
    row: Summary = {**session, "host": host}
    row.pop("stale", None)  # what the host itself says of these is no list's
    row.pop("home", None)
    row.pop("clock", None)
    if home:
        row["home"] = home
    if abs(clock) >= _SKEW:
        row["clock"] = round(clock, 3)
    return row


def summaries(
    caller: Caller,
    hosts: list[str],
    *,
    names: Sequence[str] = (),
    brief: bool = False,
    named: bool = False,
) -> Iterator[HostAnswer]:
    """The answer of each host, as it comes; a host that is late counts as silent.

    `names`: of the sessions that are looked for, for a line if it takes a while. `brief`: once all of them are found,
    hosts that had none of them are waited for no longer than a moment. `named`: the hosts are recorded as used.
    """
    if not hosts:
        return
    caller.settings()  # notes their faults once
    asking = Asking(hosts, named=named)
    speaks, speak_at = bool(names) and caller.watched, time.monotonic() + _QUIET
    missing, ends_at = set(names), _EVER
    try:
        while asking.waiting and time.monotonic() < ends_at:
            ready = wire.polled(
                [(asking.inbound, select.POLLIN)], min(speak_at if speaks else _EVER, asking.deadline, ends_at)
            )
            for host, answer in asking.take() if ready else ():
                rows, remark = (answer, "") if isinstance(answer, SeshError) else answer
                if remark:
                    caller.note(remark)
                missing -= {row["name"] for row in rows} if not isinstance(rows, SeshError) else set()
                yield host, rows
            if (
                brief
                and not missing
                and ends_at == _EVER
                and not any(_may_have(host, names) for host in asking.waiting)
            ):
                ends_at = time.monotonic() + _MOMENT
            for host in asking.give_up():
                yield host, silent_host(host)
            if speaks and asking.waiting and time.monotonic() >= speak_at:
                speaks = False
                late = sorted(asking.waiting, key=natural)
                others = ", ".join(f"@{host}" for host in late[:_NAMED])
                others += f" and {len(late) - _NAMED} more" if len(late) > _NAMED else ""
                caller.status(f"looking for {', '.join(names)} on {others}")
    finally:
        caller.status("")
        asking.close()


def _may_have(host: str, names: Sequence[str]) -> bool:
    """Whether a host had one of these sessions when it told them last, or has never told them."""
    at, rows = known.last_told(host)
    return not at or any(row["name"] in names for row in rows)


def lists(caller: Caller) -> Iterator[tuple[str, list[Summary], str]]:
    """Each known remote in the order of their names, as soon as it and those before it have answered or are late.

    Its sessions, and an empty text; or what it told last, and why it does not answer. Such rows come once all others
    have answered: the same sessions may be theirs, under another name of one account. For the same reason a host waits
    for the name of its account that goes first.
    """
    hosts, failures = known_hosts(caller)
    answers = {host: last_known(host, why) for host, why in failures.items()}
    failures = {host: f"{why}{_not_asked(host)}" for host, why in failures.items()}
    queue = sorted([*hosts, *failures], key=natural)
    count, before = len(queue), _going_before(queue)

    def ready() -> Iterator[tuple[str, list[Summary], str]]:
        while queue and queue[0] in answers:
            host = queue[0]
            waits = len(answers) < count if host in failures else not answers.keys() >= {*before[host]}
            if answers[host] and waits:
                return
            yield queue.pop(0), once(answers)[host], failures.get(host, "")

    yield from ready()
    for host, answer in summaries(caller, hosts):
        if isinstance(answer, SeshError):
            failures[host] = reason(answer)
            answer = last_known(host, failures[host])
        answers[host] = answer
        yield from ready()


class Whereabouts:
    """The hosts of the session `name`.

    `hosts`: those that have it, sorted. `silent`: those that had it and do not answer, each with the moment of its last
    answer (seconds since the epoch), and why. `unknown`: the others that do not answer, with why.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.hosts: list[str] = []
        self.unknown: dict[str, str] = {}
        self.silent: list[tuple[str, float, str]] = []

    def chosen(self, caller: Caller, verb: str, *, creates: bool = False, described: bool = False) -> str | None:
        """The only host, or the one that a person chooses; None if there is none. `verb`: for the hint. `creates`: of
        several, none may be chosen: the session is created here. `described`: with a DIR or CMD, which a session that
        runs ignores; then a single host is a choice too.

        Raises NotFound if a silent host had it; Refused if several have it and nobody can be asked, or chooses.
        """
        name, hosts = self.name, self.hosts
        if self.silent:
            host, seen, why = self.silent[0]
            where = f"@{host} {absence(host, why)}; {name} was there {moments.ago(time.time() - seen)}"
            if not hosts:
                hint = f"`{SESH} @{host}` asks it at once" if known.paused_until(host) else "try again later"
                raise NotFound(f"no session {name} here; {where}", hint=hint)
            caller.note(where)
        if len(hosts) < 2 and not (hosts and described and caller.can_ask):
            return hosts[0] if hosts else None
        if not caller.can_ask:
            several = ", ".join(f"@{host}" for host in hosts)
            line = " ".join(filter(None, (CALLED, f"@{hosts[0]}", verb, name)))
            raise Refused(f"{name} runs on {several}; choose one: {line}")
        answers = [(str(number), f"{number} @{host}") for number, host in enumerate(hosts[:9], 1)]
        here = [("h", "Create here")] if creates else []
        where = "several hosts" if len(hosts) > 1 else f"@{hosts[0]}, where a directory or command is ignored"
        question = f"{name} runs on {where}:"
        answer = caller.ask(question, [*answers, *here, CANCEL], "h" if described else "1")
        if answer == "h":
            return None
        if not answer.isdecimal():
            raise Refused("nothing was done")
        return hosts[int(answer) - 1]


def note_unknown(caller: Caller, places: Iterable[Whereabouts]) -> None:
    """Notes in one line the sessions that were found nowhere, but may be on a host that does not answer."""
    absent = [place for place in places if place.unknown and not (place.hosts or place.silent)]
    if absent:
        (host, why), *others = absent[0].unknown.items()  # the same for all of them
        more = f", nor {len(others)} more" if others else ""
        caller.note(f"@{host} {absence(host, why)}{more}; {', '.join(place.name for place in absent)} may be there")


def host_of(
    caller: Caller, name: str, verb: str = "", *, creates: bool = False, described: bool = False, brief: bool = False
) -> str | None:
    """The known remote that has a session of this name; None if none has, empty if the person wants it here. Raises as
    `Whereabouts.chosen`.

    `verb`: for the hint; `brief`: as in `summaries`; `creates`: the name is to be created here if it is nowhere; if a
    silent host had it, a person decides.
    """
    whereabouts = located(caller, [name], brief=brief)[name]
    if verb:
        note_unknown(caller, [whereabouts])
    if whereabouts.hosts or not (creates and whereabouts.silent):
        host = whereabouts.chosen(caller, verb, creates=creates, described=described)
        return "" if host is None and whereabouts.hosts else host
    host, seen, why = whereabouts.silent[0]
    if not caller.can_ask:
        caller.note(f"@{host}, which had {name}, {absence(host, why)}")
        return None
    return _awaited(caller, name, host, seen, why) or ""


def near_elsewhere(caller: Caller, name: str, *, running: bool = False) -> tuple[str, str] | None:
    """The session of a known remote that was probably meant, by what was last known, and its host; else None.

    None too if a session here has such a name: that is proposed. `running`: only one that ran.
    """
    if near(name, paths.names()):
        return None
    for host in _known(caller):
        rows = known.last_told(host)[1]
        for other in near(name, (row["name"] for row in rows if not running or row.get("state") == "running")):
            return other, host
    return None


def ended_elsewhere(caller: Caller, name: str, verb: str) -> str:
    """The hint for a job that may have ended on a known remote; empty if there is none, or a near name here."""
    hosts = _known(caller)
    if not hosts or near(name, paths.names()):
        return ""
    host = hosts[0] if len(hosts) == 1 else "HOST"
    return f"`{CALLED}` lists them; if it ended on a host: {CALLED} @{host} {verb} {name}"


def _awaited(caller: Caller, name: str, host: str, seen: float, why: str) -> str | None:
    """Waits for a silent host, or goes there at once to log in, if the person wants that; returns it, or None to create
    the session here."""
    ago, login = moments.ago(time.time() - seen), why.startswith(WANTS_LOGIN)
    answers = (("l", "Log in") if login else ("w", "Wait"), ("h", "Create here"), NOTHING)
    answer = caller.ask(f"@{host} {absence(host, why)}; {name} was there {ago}", answers, answers[0][0])
    if answer == "l":
        return host
    if answer == "h":
        return None
    if answer != "w":
        raise Refused("nothing was done")
    caller.note(f"waiting for @{host}; Ctrl-C stops")

    while (sessions := _asked_again(host)) is None:
        time.sleep(_PACE)
    if name in [session.get("name") for session in sessions]:
        return host
    caller.note(f"@{host} answers, but {name} runs there no longer")
    return None


def _asked_again(host: str) -> list[Summary] | None:
    try:
        return sessions_of(Gathering(), host, time.monotonic() + _ATTEMPT)
    except (Unreachable, TimedOut):  # among these LoginRefused: a person may log in meanwhile
        return None


def located(caller: Caller, names: Sequence[str], *, brief: bool = False) -> dict[str, Whereabouts]:
    """The hosts of the sessions of these names among the known remotes, by name.

    A host that does not answer counts by the sessions that it had when it was asked last. `brief`: as in `summaries`.
    """
    whereabouts = {name: Whereabouts(name) for name in names}
    hosts, failures = known_hosts(caller)
    answers = dict(summaries(caller, hosts, names=names, brief=brief))
    failures |= {host: reason(answer) for host, answer in answers.items() if isinstance(answer, SeshError)}
    rows = {host: answer for host, answer in answers.items() if not isinstance(answer, SeshError)}
    rows |= {host: last_known(host, why) for host, why in failures.items()}
    for host, sessions in once(rows).items():
        for session in sessions:
            if (found := whereabouts.get(session["name"])) is None:
                continue
            if "stale" in session:
                found.silent.append((host, moments.seconds(session["stale"]["since"]) or 0.0, failures[host]))
            else:
                found.hosts.append(host)
    for place in whereabouts.values():
        had = [host for host, _, _ in place.silent]
        place.unknown = {host: why for host, why in sorted(failures.items()) if host not in had}
    return whereabouts
