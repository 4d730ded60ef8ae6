"""The sessions here and on known remotes, kept up to date for a list that is looked at.

Here, events report most changes at once, and the sessions are asked now and then for the others. Hosts are asked now
and then, all at once; a list that stays open holds a link to each that has answered, which says what changes there.
"""

from __future__ import annotations

import os
import time
from contextlib import ExitStack
from math import inf

from sesh.errors import Late, LoginRefused, SeshError, TimedOut, Unreachable, silent_host
from sesh.ops.host_links import HostLinks
from sesh.ops.local_index import LocalIndex
from sesh.ops.lookup import Asking, Told, known_hosts, reason
from sesh.reach.caller import Caller
from sesh.reach.workers import Turns
from sesh.remote import known
from sesh.schema import Summary

ELSEWHERE = (3.0, 50.0)
"""Seconds between the answers of other hosts and the next question to them, at least and if asking costs much."""
_SHARE = 0.002
"""Share of a processor for asking other hosts."""
_AT_ONCE = 20
"""Hosts that are asked at the same time while links are held: a hundred of them are no hundred logins in one breath."""
_LOST, _EAGER = 1.0, 60.0
"""Seconds after which a host is asked whose link was lost and is not back, and for which that is done again and again,
whatever it costs."""
_BACKOFF = 0.1
"""Share of the time for which a host has been silent that passes until it is asked again, at the most."""


class SessionIndex:
    """Live index: `here` are the sessions of this machine, `there` by host its sessions, or the reason for having none.

    A context manager. Wait for `descriptors` to be readable, `due` seconds at the most, then call `take`. `hosts`:
    those to ask, None for the known remotes; sessions of this machine are left out if hosts are named. `holds`: whether
    a link is held to each host that answers; it is only asked now and then while that does not stand. `at_once`: as for
    `LocalIndex`.
    """

    def __init__(
        self, caller: Caller, hosts: list[str] | None = None, *, holds: bool = False, at_once: bool = False
    ) -> None:
        self.there: dict[str, list[Summary] | str] = {}
        self.remarks: dict[str, str] = {}
        """Notes on a host's answer, by host, such as rows that were left out."""
        self._caller, self._named, self._holds = caller, hosts, holds
        self._local = LocalIndex(at_once=at_once) if hosts is None else None
        self._links = HostLinks()
        self._hosts: set[str] | None = None
        """The hosts that are shown, None before the first question."""
        self._known_at = 0
        """The moment when the known remotes had changed, as they were read last."""
        self._askings: list[Asking] = []
        self._turns: Turns | None = None
        """Those of the hosts that are asked, for a list that holds links."""
        self._next_there = 0.0
        self._eager_until = 0.0
        """The end of the time in which hosts whose link was lost are asked often (monotonic)."""
        self._silent: dict[str, float] = {}
        """By host that does not answer, and may be back at any moment: since when (seconds since the epoch)."""
        self._refreshed = False
        """True if a session was changed since other hosts were asked: then they are asked at once."""
        self._passes_over = hosts is None
        """True if hosts are left out that refused a login a moment ago; False if the next question asks them too."""
        self._spent = _spent_by_children()
        """Seconds of the processor that child processes, such as ssh, had used until other hosts were asked last."""

    def __enter__(self) -> SessionIndex:
        if self._holds:
            self._turns = Turns(_AT_ONCE)
        with ExitStack() as stack:
            if self._local is not None:
                stack.enter_context(self._local)
            stack.enter_context(self._links)
            self._ask_hosts()
            self._acquired = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        for asking in self._askings:
            asking.close()
        self._askings = []
        self._acquired.close()

    @property
    def here(self) -> list[Summary]:
        """The sessions of this machine."""
        return self._local.rows if self._local is not None else []

    @property
    def pending(self) -> bool:
        """True if a host is still to answer the newest question."""
        return bool(self._askings) and bool(self._askings[-1].waiting)

    @property
    def descriptors(self) -> list[int]:
        """The descriptors that become readable when something has happened."""
        here = self._local.descriptors if self._local is not None else []
        there = [asking.inbound for asking in self._askings] + [self._links.inbound]
        return [*here, *(descriptor for descriptor in there if descriptor >= 0)]

    @property
    def due(self) -> float:
        """Seconds until `take` is to be called though nothing has happened."""
        if self.pending:  # whoever is to be asked, the newest question ends first
            there = self._askings[-1].deadline
        elif self._refreshed:
            there = 0.0
        else:
            there = self._next_there
        here = self._local.next if self._local is not None else inf
        return max(0.0, min(here, there) - time.monotonic())

    def refresh(self) -> None:
        """Has the next `take` ask all hosts again, and once more soon, whatever it costs: a session was changed.

        Its effect takes a moment to show, hence twice.
        """
        self._refreshed = True

    def ask_all(self) -> None:
        """Has the next `take` ask the sessions here, and the hosts whose link does not stand, whatever they said last.

        Also those that would be passed over, as they refused a login a moment ago.
        """
        if self._local is not None:
            self._local.next = 0.0
        self._refreshed, self._passes_over = True, False

    def take(self, ready: set[int]) -> None:
        """Takes in events and answers, and asks the sessions and hosts that are due."""
        self._take_answers(ready)
        if self._local is not None:
            self._local.take(ready)
        if not self.pending and (self._refreshed or time.monotonic() >= self._next_there or self._told_another()):
            self._ask_hosts()

    def _ask_hosts(self) -> None:
        """Asks the hosts whose link does not stand."""
        now, known_at = time.monotonic(), known.changed_at() if self._named is None else 0
        if self._rests(known_at):
            self._next_there = self._local.next if self._local is not None else inf  # it wakes then in any case
            return
        self._known_at = known_at
        asked, passed = (self._named, dict[str, str]()) if self._named is not None else known_hosts(self._caller)
        anew, self._passes_over = not self._passes_over, True
        if anew:
            asked, passed = [*asked, *passed], {}
        self._hosts = {*asked, *passed}
        self._links.keep(self._hosts)
        standing = self._links.standing
        self.there = {host: rows for host, rows in self.there.items() if host in asked or host in standing}
        self.there |= {host: why for host, why in passed.items() if host not in standing}
        refreshed, self._refreshed = self._refreshed, False
        before, self._spent = self._spent, _spent_by_children()
        self._silent = {host: since for host, since in self._silent.items() if host in asked}
        pause = 0.0 if refreshed or now < self._eager_until else (self._spent - before) / _SHARE
        if self._silent:  # somebody looks at it
            pause = min(pause, (time.time() - max(self._silent.values())) * _BACKOFF)
        self._next_there = now + min(ELSEWHERE[1], max(ELSEWHERE[0], pause))
        if unasked := [host for host in asked if host not in standing]:
            self._askings.append(Asking(unasked, self._turns, anew=anew))

    def _told_another(self) -> bool:
        """Whether a silent host has answered another sesh since: then it is asked at once."""
        back = [host for host, since in self._silent.items() if known.last_told(host)[0] > since]
        for host in back:
            del self._silent[host]
        return bool(back)

    def _rests(self, known_at: int) -> bool:
        """Whether there is nobody to ask: the links of all hosts stand, and no other host is known since."""
        news = self._refreshed or known_at != self._known_at
        return not news and self._hosts is not None and self._hosts <= self._links.standing

    def _take_answers(self, ready: set[int]) -> None:
        for asking in list(self._askings):
            if asking.inbound in ready:
                for host, answer in asking.take():
                    self._take_answer(host, answer)
            for host in asking.give_up():
                self._take_answer(host, silent_host(host))
            if asking.finished:
                self._askings.remove(asking)
                asking.close()
        if self._links.inbound in ready:
            self._take_news()

    def _take_answer(self, host: str, answer: Told | SeshError) -> None:
        if host in self._links.standing:
            return  # its link has said more since
        if isinstance(answer, SeshError):
            self.there[host], self.remarks[host] = reason(answer), ""
            if not isinstance(answer, (TimedOut, Unreachable)) or isinstance(answer, LoginRefused):
                self._silent.pop(host, None)
            elif host not in self._silent:
                self._silent[host] = time.time()
                self._next_there = min(self._next_there, time.monotonic() + ELSEWHERE[0])
            return
        self._silent.pop(host, None)
        rows, remark = answer
        if self._holds:
            self._links.hold(host)
        self.there[host], self.remarks[host] = rows, remark

    def _take_news(self) -> None:
        """Takes what held links have said; hosts whose link is lost are asked soon."""
        before = set(self._links.standing)
        for host, (rows, remark) in self._links.take().items():
            self.there[host], self.remarks[host] = rows, remark
        self.there |= dict.fromkeys(before & self._links.late, Late.reason)
        if before - self._links.standing:
            self._eager_until = time.monotonic() + _EAGER
            self._next_there = min(self._next_there, time.monotonic() + _LOST)


def _spent_by_children() -> float:
    times = os.times()
    return times.children_user + times.children_system
