"""The sessions here and on hosts while a list of them is shown.

Each machine has a thread: here it watches the sessions, for a host it holds a link, which reports changes.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from sesh import errors
from sesh.check import MOST_ROWS
from sesh.errors import Late, TimedOut, Unreachable
from sesh.link.health import Health
from sesh.names import natural
from sesh.ops import local_index, lookup
from sesh.ops.local_index import GONE
from sesh.ops.views import bears
from sesh.reach.caller import Caller
from sesh.reach.host_target import HostTarget
from sesh.reach.workers import Workers
from sesh.remote import known
from sesh.remote.ssh.link import Link
from sesh.schema import Summary
from sesh.stop import Stop

Key = tuple[str | None, str]
"""A session: its host, None for this machine, and its name."""
HOSTS_POLL = 10.0
"""Seconds between two looks for new remotes, and for links that have ended, which are opened again."""
_LARGEST = 4 << 20
"""Bytes of a host's sessions, about, beyond which its link is ended."""


@dataclass(frozen=True)
class Report:
    """The sessions of a machine, and a remark on them. `silence`: the reason why they are not as they stand now."""

    rows: list[Summary]
    silence: str = ""
    remark: str = ""


class SessionIndex:
    """Live index: `machines` has the newest report of each machine, None for this one. A context manager.

    Wait for `inbound` to be readable, `due` seconds at most, then call `take`. `hosts`: those to follow, without this
    machine; None for this machine and the known remotes. `pending`: the machines that have reported nothing yet; the
    report of a host has the sessions last known until then.
    """

    def __init__(self, caller: Caller, hosts: list[str] | None = None) -> None:
        self._caller, self._named = caller, hosts
        self.machines: dict[str | None, Report] = {}
        self.pending: set[str | None] = set()
        self._workers: Workers[str | None, Report] = Workers()
        self.inbound = self._workers.inbound
        self._look_at = 0.0
        """The moment of the next look at which machines are to be followed (monotonic)."""

    def __enter__(self) -> SessionIndex:
        self._look()
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()

    @property
    def due(self) -> float:
        """The seconds until `take` is to be called though nothing has come."""
        return max(0.0, self._look_at - time.monotonic())

    def take(self) -> bool:
        """Take in the reports; return whether anything may have changed.

        Raises the error if the sessions of this machine cannot be listed.
        """
        come = self._workers.take()
        for host, said in come:
            self.pending.discard(host)
            if isinstance(said, Report):
                self.machines[host] = said
            elif host is None:
                raise said
            else:
                self.machines[host] = _silent(host, lookup.reason(said))
        looks = time.monotonic() >= self._look_at
        if looks:
            self._look()
        return looks or bool(come)

    def _look(self) -> None:
        """Follow the machines that are not followed yet, and no others than these any more."""
        hosts, passed = self._hosts()
        wanted = {*hosts, *passed, *([None] if self._named is None else [])}
        for gone in self.machines.keys() - wanted:
            del self.machines[gone]
            self.pending.discard(gone)
            if gone in self._workers.running:
                self._workers.end(gone)
        followed = self._workers.running
        for host in wanted - passed.keys() - followed:
            if host not in self.machines:
                self.machines[host] = Report([]) if host is None else _silent(host, Late.reason)
                self.pending.add(host)
            self._workers.begin(host, _here if host is None else partial(_HostReports(host, self._workers).follow))
        self.machines |= {host: _silent(host, why) for host, why in passed.items() if host not in followed}
        self._look_at = time.monotonic() + HOSTS_POLL

    def _hosts(self) -> tuple[list[str], dict[str, str]]:
        """Return the hosts to follow, and those that have refused a login just now, with why: named ones once more."""
        if self._named is None:
            return lookup.known_hosts(self._caller)
        refused = [host for host in self._named if host in self.machines and known.paused_until(host)]
        return [host for host in self._named if host not in refused], {host: known.failure(host) for host in refused}

    def sessions(self, wanted: dict[str, str]) -> dict[Key, Summary]:
        """Return the sessions with these labels by host and name, those of this machine first, hosts by name.

        A session that two hosts report is listed once, as one machine may have two names.
        """
        listed: dict[str | None, list[Summary]] = {}
        seen: set[str] = set()
        for host in sorted(self.machines, key=lambda host: (bool(self.machines[host].silence), *_place(host))):
            fresh = [row for row in self.machines[host].rows if row.get("id") not in seen]
            seen |= {row["id"] for row in fresh if row.get("id")}
            listed[host] = [row for row in fresh if bears(row, wanted)]
        return {(host, row["name"]): row for host in sorted(listed, key=_place) for row in listed[host]}


def _place(host: str | None) -> tuple[bool, object]:
    """Return the place of a machine in a list."""
    return host is not None, natural(host or "")


def _silent(host: str, why: str) -> Report:
    return Report(lookup.last_known(host, why), why)


def _here(stop: Stop) -> Iterator[Report]:
    """Yield the reports of this machine until it is stopped."""
    end, audience = os.pipe()
    reader = open(end, "rb", buffering=0)  # closed twice, it is closed once
    try:
        with stop.calling(reader.close):
            for rows in local_index.watch(audience):
                yield Report(rows)
    finally:
        reader.close()
        os.close(audience)


class _HostReports:
    """The reports of a host, over a link that is held to it.

    When the link is doubted or let go they are kept on disk, for times when the host does not answer.
    """

    def __init__(self, host: str, workers: Workers[str | None, Report]) -> None:
        self._host, self._workers = host, workers
        self._caller = lookup.Gathering()
        self._rows: dict[str, Summary] = {}
        self._sizes: dict[str, int] = {}
        """About the bytes of each row."""
        self._home, self._clock, self._remark = "", 0.0, ""
        self._whole = False
        """True once the link has reported all sessions."""
        self._kept = True
        """False if the host has reported something that is not on disk yet."""

    def follow(self, stop: Stop) -> Iterator[Report]:
        """Yield a report with each change. Raises the error if no link can be opened; a lost one comes back by itself.

        Called in a thread of its own.
        """
        target = HostTarget(self._caller, self._host)
        changed = partial(self._judged, stop)
        try:
            for rows in target.items(local_index.follow, self._begin, stop, changed=changed):
                if rows:
                    self._change(rows)
                else:
                    self._whole = True
                    yield self._report()
        except (Unreachable, TimedOut) as error:
            lookup.note_failure(self._host, error)
            raise
        finally:
            self._keep()
        raise Unreachable(f"@{self._host} has no more to say")

    def _begin(self, link: Link) -> dict[str, object]:
        """Begin again with a link, which reports all sessions; return the arguments of `follow`."""
        self._home, self._clock, self._remark, self._whole = link.home, link.clock, "", False
        self._caller.notes.clear()
        self._rows.clear()
        self._sizes.clear()
        return {}

    def _change(self, rows: list[Summary]) -> None:
        """Take in changed rows. Raises ProtocolError if the host has more sessions than it may report."""
        for row in rows:
            if row["state"] == GONE:
                self._rows.pop(row["name"], None)
                self._sizes.pop(row["name"], None)
            else:
                self._rows[row["name"]] = lookup.placed(row, self._host, self._home, self._clock)
                self._sizes[row["name"]] = len(repr(row))
        if len(self._rows) > MOST_ROWS or sum(self._sizes.values()) > _LARGEST:
            raise errors.malformed("the list", f"is over {MOST_ROWS} sessions, or {_LARGEST >> 20} MiB")

    def _report(self) -> Report:
        self._remark = "; ".join(self._caller.notes) or self._remark
        self._caller.notes.clear()
        rows = [self._rows[name] for name in sorted(self._rows, key=natural)]
        self._kept = False
        return Report(rows, remark=self._remark)

    def _judged(self, stop: Stop, health: Health) -> None:
        """Report the sessions as the health of the link has them."""
        if health is not Health.UP:
            self._keep()
            self._workers.put(self._host, stop, _silent(self._host, Late.reason))
        elif self._whole:
            self._workers.put(self._host, stop, self._report())

    def _keep(self) -> None:
        if not self._kept:
            self._kept = known.keep(self._host, self._rows.values())
