"""Live lists of sessions, on this machine and on hosts.

Each machine has a worker thread. The thread of this machine asks a session again after each of its events, after a
change of its record (a new session, labels) or its checkpoint, which follows output, and while it does not answer; all
sessions now and then, as one may hang. A host watches its sessions in the same way, and reports changes over a link
that stays open.
"""

from __future__ import annotations

import os
import time
from collections.abc import Generator, Iterator
from contextlib import suppress
from dataclasses import dataclass
from math import inf

from sesh import errors, reach
from sesh.errors import NO_ANSWER, SeshError, TimedOut, Unreachable
from sesh.link.link import Link
from sesh.names import natural
from sesh.ops import events, lookup
from sesh.reach.beside import BesideCalls
from sesh.reach.caller import Caller
from sesh.reach.host_target import HostTarget, SharingTarget
from sesh.reach.op import op
from sesh.reach.target import Target
from sesh.remote import known
from sesh.schema.facts import Place, Summary
from sesh.store import listing, records
from sesh.system import paths
from sesh.system.workers import Stop, Workers
from sesh.text import describe, times

POLL = 30.0  # seconds between two polls of all sessions
_SCREEN = os.path.basename(records.file_of("", "screen"))  # begins the name of a checkpoint, which follows output
HOSTS_POLL = 10.0  # seconds between two looks for new remotes, and two attempts at a host whose link has ended
GONE = "gone"  # the phase that is reported of a removed session
_OPEN_TIMEOUT = 20.0  # seconds for the first link to a host
_INDEX_TIMEOUT = 0.5  # seconds for a daemon to answer
_ROWS = 20  # sessions in one item of `follow`
_MAX_ROWS_SIZE = 4 << 20  # approximate characters of a host's rows; the link is closed above it


def watch(caller: Caller) -> Generator[list[Summary], None, None]:
    """Yield the sessions of this machine, again after each change. For its end see `events.every`."""
    rows: list[Summary] | None = None
    to_ask: set[str] = set()  # sessions with an event, or too busy to answer
    files_before: set[tuple[str, int]] = set()
    poll_at = -inf
    for event in events.every(caller, times.exact_stamp(time.time()), {}):
        if event is not None:
            to_ask.add(event.get("session", ""))
            poll_at = -inf if "note" in event else poll_at  # a daemon died, and no event or file tells which
            continue
        files_now = _files()
        changed = {entry for entry, _ in files_now ^ files_before}
        polls = time.monotonic() >= poll_at
        if not (polls or changed or to_ask):
            continue
        poll_at, files_before = time.monotonic() + POLL if polls else poll_at, files_now
        latest = [] if polls or rows is None else rows
        latest = [row for row in latest if row["name"] not in to_ask and changed.isdisjoint(_files_of(row))]
        listed = listing.summaries(_INDEX_TIMEOUT, latest)
        to_ask = {row["name"] for row in listed if describe.is_silent(row)}
        if listed != rows:
            yield listed
        rows = listed


def _files_of(row: Summary) -> set[str]:
    """Return the files that change with a session: with its labels, its end, its output."""
    return {f"{row['name']}{paths.RECORD}", f"{_SCREEN}{row.get('id')}"}


def _files() -> set[tuple[str, int]]:
    """Return these files of all sessions, each with the time of its last change."""
    found = set()
    with suppress(FileNotFoundError), os.scandir(paths.directory()) as entries:  # a session may end meanwhile
        for entry in entries:
            if entry.name.endswith(paths.RECORD) or entry.name.startswith(_SCREEN):
                found.add((entry.name, entry.stat(follow_symlinks=False).st_mtime_ns))
    return found


@op()
def follow(caller: Caller) -> Iterator[list[Summary]]:
    """Yield the sessions of this machine, then the changed ones after each change.

    A removed session has the phase `GONE`. Each report consists of several lists; the last list is empty.
    """
    before: dict[str, Summary] = {}
    for sessions in watch(caller):
        rows = {session["name"]: session for session in sessions}
        changed = [row for name, row in rows.items() if before.get(name) != row]
        changed += [{**row, "state": GONE} for name, row in before.items() if name not in rows]
        yield from (changed[start : start + _ROWS] for start in range(0, len(changed), _ROWS))
        yield []
        before = rows


@dataclass(frozen=True)
class Report:
    rows: list[Summary]
    why_silent: str = ""  # why the rows may be stale; empty if they are current


class SessionIndex:
    """Live index of sessions on several machines; a context manager.

    Wait until `inbound` is readable, at most `due` seconds, then call `update`. `hosts`: follow only these; None for
    this machine and the known remotes. `machines`: the latest report of each machine, with the key None for this one.
    `pending`: machines without a report yet; `machines` has cached sessions for these.
    """

    def __init__(self, caller: Caller, hosts: list[str] | None = None) -> None:
        self._caller = caller
        self._named = hosts
        self.machines: dict[str | None, Report] = {}
        self.pending: set[str | None] = set()
        self._workers: Workers[str | None, Report] = Workers()
        self.inbound = self._workers.inbound
        self._reports: dict[str, _HostReports] = {}
        self._look_at = 0.0  # when to look for new machines (monotonic)

    def __enter__(self) -> SessionIndex:
        self._update_machines()
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()

    def target_of(self, caller: Caller, host: str | None) -> Target:
        """Return the target for a machine; calls to a host that is followed share its link."""
        reports = self._reports.get(host) if host is not None else None
        return reach.target_of(caller, host) if reports is None else SharingTarget(caller, reports.host, reports.beside)

    @property
    def due(self) -> float:
        """Seconds until `update` is due even without a report."""
        return max(0.0, self._look_at - time.monotonic())

    def update(self) -> bool:
        """Read the workers' reports; return whether anything may have changed. Raises this machine's error."""
        reports = self._workers.take()
        for host, report in reports:
            if isinstance(report, SeshError) or not report.why_silent:
                self.pending.discard(host)
            if isinstance(report, Report):
                self.machines[host] = report
            elif host is None:
                raise report
            else:
                self.machines[host] = _silent(host, lookup.reason(report))
        is_due = time.monotonic() >= self._look_at
        if is_due:
            self._update_machines()
        return is_due or bool(reports)

    def _update_machines(self) -> None:
        hosts, paused = self._hosts()
        wanted = {*hosts, *paused, *([None] if self._named is None else [])}
        for gone in self.machines.keys() - wanted:
            del self.machines[gone]
            self.pending.discard(gone)
            if gone is not None:
                self._reports.pop(gone, None)
            if gone in self._workers.running:
                self._workers.end(gone)
        followed = self._workers.running
        for host in wanted - paused.keys() - followed:
            if host not in self.machines:
                self.machines[host] = Report([]) if host is None else _silent(host, NO_ANSWER)
                self.pending.add(host)
            if host is None:
                self._workers.begin(host, _follow_this_machine)
            else:
                self._reports[host] = reports = _HostReports(host, self._workers)
                self._workers.begin(host, reports.follow)
        self.machines |= {host: _silent(host, why) for host, why in paused.items() if host not in followed}
        self._look_at = time.monotonic() + HOSTS_POLL

    def _hosts(self) -> tuple[list[str], dict[str, str]]:
        """Return hosts to follow, and why others are paused; a named host is tried once."""
        if self._named is None:
            return lookup.known_hosts(self._caller)
        tried = [host for host in self._named if host in self.machines]
        paused = {host: known.failure(host) for host in tried if known.paused_until(host)}
        return [host for host in self._named if host not in paused], paused

    def sessions(self, wanted: dict[str, str]) -> dict[Place, Summary]:
        """Return the sessions with these labels by place, this machine's first, then sorted by host.

        A session reported by two aliases of one machine is listed once.
        """
        listed: dict[str | None, list[Summary]] = {}
        once = lookup.Listed()
        for host in sorted(self.machines, key=lambda host: (bool(self.machines[host].why_silent), *_order(host))):
            rows = once.added(lookup.Group(self.machines[host].rows, host or "")).sessions
            listed[host] = [row for row in rows if lookup.has_labels(row, wanted)]
        return {Place(host, row["name"]): row for host in sorted(listed, key=_order) for row in listed[host]}


def _order(host: str | None) -> tuple[bool, object]:
    return host is not None, natural(host or "")


def _silent(host: str, why: str) -> Report:
    return Report(lookup.last_known(host, why), why)


def _follow_this_machine(stop: Stop) -> Iterator[Report]:
    return map(Report, watch(Caller(stop)))


class _HostReports(Caller):
    """The reports of a host; an unhealthy link yields cached rows, and ssh's line."""

    def __init__(self, host: str, workers: Workers[str | None, Report]) -> None:
        self.host = self._host = host
        self.beside = BesideCalls(host)
        self._workers = workers
        self._rows: dict[str, Summary] = {}
        self._sizes: dict[str, int] = {}  # approximate characters of each row
        self._home = ""
        self._clock = 0.0
        self._complete = False  # true once the link has reported all sessions

    def follow(self, stop: Stop) -> Iterator[Report]:
        """Yield a report after each change. Runs in a worker thread.

        A new link replaces a lost one. Raises the error if the first link fails.
        """
        self.stop = stop
        target = HostTarget(self, self._host, named=False).until(time.monotonic() + _OPEN_TIMEOUT)
        try:
            for rows in target.items(follow, self._start_over, report_outage=self._report_outage, beside=self.beside):
                if rows:
                    self._change(rows)
                else:
                    self._complete = True
                    yield self._report()
        except (Unreachable, TimedOut) as error:
            lookup.note_failure(self._host, error)
            raise
        finally:
            self.beside.close()
            self._save()
        raise Unreachable(f"sesh on @{self._host} ended")

    def _start_over(self, link: Link) -> dict[str, object]:
        """Forget all rows, because a new link reports them again; return the op's arguments."""
        self._home = link.bridge_welcome.get("home", "")
        self._clock = link.clock
        self._complete = False
        self._rows.clear()
        self._sizes.clear()
        return {}

    def _change(self, rows: list[Summary]) -> None:
        """Store changed rows. Raises ProtocolError if the host reports too many."""
        for row in rows:
            if row["state"] == GONE:
                self._rows.pop(row["name"], None)
                self._sizes.pop(row["name"], None)
            else:
                self._rows[row["name"]] = lookup.placed(row, self._host, self._home, self._clock)
                self._sizes[row["name"]] = len(repr(row))
        if len(self._rows) > lookup.MAX_ROWS or sum(self._sizes.values()) > _MAX_ROWS_SIZE:
            raise errors.malformed("the list", f"is over {lookup.MAX_ROWS} sessions, or {_MAX_ROWS_SIZE >> 20} MiB")

    def _report(self) -> Report:
        return Report([self._rows[name] for name in sorted(self._rows, key=natural)])

    def show_ssh_line(self, line: str) -> None:
        self._workers.put(self._host, self.stop, _silent(self._host, line))

    def _report_outage(self, reason: str | None) -> None:
        if reason is not None:
            self._save()
            self.show_ssh_line(reason or NO_ANSWER)
        elif self._complete:
            self._workers.put(self._host, self.stop, self._report())

    def _save(self) -> None:
        if self._complete:
            known.cache_list(self._host, self._rows.values())
