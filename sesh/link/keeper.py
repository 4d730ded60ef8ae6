"""Keep a link to a host: watch its health, and replace it when it fails.

bytes, keys, nudges ─▶ LinkHealth ─doubted, lost─▶ Schedule ─▶ attempts, in threads ─▶ the next link, for the owner

A *nudge* is a reason to test the link now: the network changed, the machine or this process woke, a person pressed
Enter. An *attempt* opens a link. The first attempt that returns one wins, and stops the other. The owner of the lost
link (an attachment, a stream, a list, a request) connects the next one to its session.
"""

from __future__ import annotations

import select
import time
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, field
from functools import partial
from math import inf
from typing import Protocol

from sesh.descriptors import polled
from sesh.errors import LoginRefused, NoRoom, SeshError, TimedOut, Unreachable
from sesh.link.health import Health, LinkHealth, WatchedConnection
from sesh.link.wake import Wake
from sesh.stop import Stop
from sesh.wire import Peer
from sesh.workers import Workers

AT_ONCE = 2
INTERVAL = 1.0  # least seconds between the beginnings of two attempts
INTERVAL_AFTER_NUDGE = 0.1  # the same, if a nudge begins the second one
LONG_OUTAGE = 30.0  # after this many seconds without a nudge the intervals grow
LONGEST_INTERVAL = 10.0  # seconds
CONNECT_TIME, LONGEST_CONNECT = 2.0, 10.0  # bounds of ssh's connect timeout, which is half the outage so far (seconds)
LONG_TRIP = 0.15  # seconds; above this round trip, or with a jump host, ssh's connect timeout is longer
LOGIN_TRIPS = 10  # the round trips that a longer connect timeout adds
_LONGEST_WAIT = 0.25  # seconds between two calls of `check`, which may raise

Ping = Callable[[bytes], object]  # sends a PING with a payload
Changed = Callable[[bool, str], object]  # receives whether the link is up, and why not; empty if that is unknown
CurrentPeer = Callable[[], Peer | None]  # returns the daemon that an attempt connects to at once; None for none


@dataclass(eq=False)
class Attempt:
    seconds: float = 0.0  # ssh's connect timeout
    lost: bool = False  # the link is lost, not only doubted
    may_prompt: bool = False  # ssh may ask the person
    peer: Peer | None = None  # the daemon to connect to at once, by a request in the first write; None for none
    last_line: str = ""  # the last line printed by ssh
    stop: Stop = field(default_factory=Stop)

    def hear(self, line: str) -> None:
        self.last_line = line


class LinkOpener(Protocol):
    """Opens the links to one host, for a keeper.

    The only one is `HostLinks` in `remote/ssh/opening`. `indirect`: ssh connects through a jump host.
    """

    indirect: bool

    def open(self, attempt: Attempt) -> WatchedConnection:
        """Open a link whose bridge has sent WELCOME; runs in the attempt's thread. Raises SeshError."""

    def login_asked(self) -> bool:
        """Return whether the last login asked a person."""

    def renew_shared(self, *, silent: bool) -> None:
        """Renew a replaced link's shared connection. `silent`: the link has not ended by itself."""

    def log(self, event: str, **facts: object) -> None:
        """Write the loss or the return of a link to the event log."""


class Schedule:
    """When attempts begin. Sans-I/O: all times are arguments (monotonic). `indirect`: see `LinkOpener`.

    doubted, lost ──▶ 1st ──▶ 2nd: at least 1 s after the 1st began, once that failed or its timeout passed ──▶ …
                 nudge: another one in parallel, at least 0.1 s after the newest began
                 30 s without a nudge: the intervals grow to 10 s
                 login refused: none until Enter

    At most two attempts run at once. Nothing cancels one while the link is down, neither a nudge nor a key: it may be
    about to succeed.
    """

    def __init__(self, *, indirect: bool = False) -> None:
        self.indirect = indirect
        self.round_trip = 0.0
        self.running = 0  # attempts that have not ended
        self.refusal: SeshError | None = None  # the error after which no attempt can succeed without a person
        self.reason = ""  # why the last attempt failed, in a few words
        self._began_at = -inf  # when the newest attempt began
        self._trouble_at = inf  # since when the link is doubted or lost
        self._nudged_at = inf  # when the newest nudge came, or the trouble began
        self._next_at = inf  # when the next attempt may begin

    @property
    def due(self) -> float:
        """When to call `begin_due`; infinite while no attempt may begin."""
        return self._next_at if self.running < AT_ONCE and self.refusal is None else inf

    def plan(self, now: float) -> None:
        """Schedule attempts for a link that is doubted or lost."""
        if self._trouble_at == inf:
            self._trouble_at = self._nudged_at = now
            self._next_at = max(now, self._began_at + INTERVAL)

    def nudge(self, now: float) -> None:
        """Schedule an early attempt, because the network has changed or a person pressed Enter."""
        if self._trouble_at < inf:
            self._nudged_at = now
            self._next_at = min(self._next_at, max(now, self._began_at + INTERVAL_AFTER_NUDGE))

    def enter_pressed(self, now: float) -> None:
        """Schedule an early attempt for a person (Enter), even after a refusal."""
        self.refusal = None
        self.nudge(now)

    def attempt_failed(self, now: float, reason: str, *, refusal: SeshError | None = None) -> None:
        """Record a failed attempt; `refusal`: its error, if every further attempt would fail too."""
        self.running -= 1
        self.reason = reason
        self.refusal = refusal or self.refusal
        if not self.running:
            self._next_at = min(self._next_at, max(now, self._began_at + self._interval(now)))

    def reset(self) -> None:
        """Cancel the schedule, because the link answers or was replaced."""
        self.running = 0
        self.reason, self.refusal = "", None
        self._trouble_at = self._nudged_at = self._next_at = inf

    def begin_due(self, now: float) -> float | None:
        """Begin an attempt if one is due; return its connect timeout in seconds."""
        if now < self.due:
            return None
        self._began_at = now
        self.running += 1
        seconds = min(LONGEST_CONNECT, max(CONNECT_TIME, (now - self._trouble_at) / 2))
        if self.indirect or self.round_trip > LONG_TRIP:
            seconds += LOGIN_TRIPS * max(self.round_trip, LONG_TRIP)
        self._next_at = now + max(seconds, self._interval(now))  # before that only a nudge begins another attempt
        return seconds

    def _interval(self, now: float) -> float:
        quiet = now - self._nudged_at
        return INTERVAL if quiet < LONG_OUTAGE else min(LONGEST_INTERVAL, quiet / 8)


class LinkKeeper:
    """Watches a link to a host, and then each link that replaces it.

    `current_peer` is called for an attempt that no other one runs beside, which connects to that daemon at once: that
    saves a round trip. If another attempt wins all the same, the daemon ends the earlier connection of the client.
    `changed` is called when the link has begun or ceased to answer. If the last login asked a person, a link that is
    only doubted is not replaced.

    Call `watch` for each link, `run` at `due` and when one of `descriptors` is readable. `descriptors` change: read
    them before each poll.
    """

    def __init__(
        self,
        opener: LinkOpener,
        current_peer: CurrentPeer = lambda: None,
        changed: Changed = lambda _up, _reason: None,
    ) -> None:
        self._opener = opener
        self._ping: Ping = lambda _: None
        self._current_peer = current_peer
        self._changed = changed
        self.log = opener.log
        self.health = LinkHealth(time.monotonic())
        self.schedule = Schedule(indirect=opener.indirect)
        self._attempts: Workers[Attempt, WatchedConnection] = Workers(WatchedConnection.close)
        self._wake = Wake()
        self._name = ""  # of the session that the link was connected to
        self._noted = (True, "")  # what `changed` was told last
        self._ended_by_itself = False  # the link, before it was lost by silence
        self._heard_before_loss: float | None = None  # monotonic; None unless a loss is the newest event in the log
        # Read while the link is up: after its loss this process may have no descriptor left to open `remotes.json`.
        self._login_asked = opener.login_asked()

    @property
    def descriptors(self) -> tuple[int, ...]:
        return self._attempts.inbound, *self._wake.descriptors

    @property
    def due(self) -> float:
        """When to call `run` (monotonic)."""
        return min(self.health.due, self.schedule.due)

    @property
    def up(self) -> bool:
        return self.health.state is Health.UP

    @property
    def heard_time(self) -> float:
        """Time of the last bytes over the link (seconds since the epoch)."""
        return time.time() - time.monotonic() + self.health.heard_at

    @property
    def reason(self) -> str:
        """The last line of a running ssh, or else the reason of the last failure."""
        lines = (attempt.last_line for attempt in self._attempts.running)
        return next(filter(None, lines), "") or self.schedule.reason

    def watch(self, link: WatchedConnection, ping: Ping) -> None:
        """Watch the first link, or another one; end all attempts."""
        self._ping = ping
        link.health.round_trip = link.health.round_trip or self.health.round_trip
        self.health = link.health
        self._ended_by_itself = False
        self._login_asked = self._opener.login_asked()
        self._end_attempts()
        self._note_health()

    def session_connected(self, name: str, **facts: object) -> None:
        """Note that the link is connected to a session; log its return with `facts`."""
        self._name = name
        if self._heard_before_loss is not None:
            gap = round(time.monotonic() - self._heard_before_loss, 3)
            self._heard_before_loss = None
            self.log("reconnect", session=name or None, gap=gap, **facts)

    def nudge(self) -> None:
        """Test the link, and attempt another one early."""
        now = time.monotonic()
        self.health.nudge(now)
        self.schedule.nudge(now)

    def key_sent(self, *, enter: bool) -> None:
        """Note a sent key. While the link does not answer, Enter starts an attempt."""
        now = time.monotonic()
        self.health.key_sent(now)
        if enter and not self.up:
            self.schedule.enter_pressed(now)

    def link_closed(self) -> None:
        """Record that the link is closed: it has ended, or was lost by silence before."""
        if self.health.state is not Health.LOST:
            self._ended_by_itself = True
        self.health.link_closed()
        self._note_health()

    @property
    def refusal(self) -> SeshError | None:
        """The error that ends all attempts at a lost link until Enter is pressed."""
        return self.schedule.refusal if self.health.state is Health.LOST else None

    def run(self, ready: Container[int]) -> WatchedConnection | None:
        """Do all that is due; return the next link, if an attempt has opened one.

        Even a link that is only doubted is replaced. If there is no next link, `refusal` may say why.
        """
        now = time.monotonic()
        if self._wake.take_nudge(ready):
            self.nudge()
        if self._attempts.inbound in ready and (link := self._next_link(now)) is not None:
            self._end_attempts()
            self._log_loss()
            if not self._login_asked:
                self._opener.renew_shared(silent=not self._ended_by_itself)
            return link
        if ping := self.health.act(now):
            self._ping(ping)
        self._note_health()
        if self.up:
            self._end_attempts()
        elif self.health.state is Health.LOST or not self._login_asked:
            self._begin_attempts(now)
        return None

    def _next_link(self, now: float) -> WatchedConnection | None:
        """Return the first link that an attempt has opened; record the failed attempts."""
        links: list[WatchedConnection] = []
        for _, result in self._attempts.take():
            if isinstance(result, WatchedConnection):
                links.append(result)
            else:
                retry = isinstance(result, (Unreachable, TimedOut)) and not isinstance(result, LoginRefused)
                self.schedule.attempt_failed(now, _reason(result), refusal=None if retry else result)
        for loser in links[1:]:
            loser.close()
        return links[0] if links else None

    def _begin_attempts(self, now: float) -> None:
        schedule = self.schedule
        schedule.round_trip = self.health.round_trip
        schedule.plan(now)
        while (seconds := schedule.begin_due(now)) is not None:
            peer = None if self._attempts.running else self._current_peer()
            attempt = Attempt(seconds, lost=self.health.state is Health.LOST, peer=peer)
            self._attempts.begin(attempt, partial(self._attempted, attempt))

    def _attempted(self, attempt: Attempt, stop: Stop) -> Iterator[WatchedConnection]:
        attempt.stop = stop
        yield self._opener.open(attempt)

    def _end_attempts(self) -> None:
        for attempt in self._attempts.running:
            self._attempts.end(attempt)
        self.schedule.reset()

    def _note_health(self) -> None:
        if self.health.state is Health.LOST:
            self._log_loss()
        if (noted := (self.up, "" if self.up else self.reason)) != self._noted:
            self._noted = noted
            self._changed(*noted)

    def _log_loss(self) -> None:
        """Log the loss of the link, once until a link is connected again."""
        if self._heard_before_loss is None:
            self._heard_before_loss = self.health.heard_at
            self.log("disconnect", session=self._name or None, reason="lost")

    def wait(self, host: str, check: Callable[[], object], deadline: float | None = None) -> WatchedConnection:
        """Wait for the link that replaces a lost one.

        `check` may raise to end the wait. Raises TimedOut past the deadline (monotonic), LoginRefused if a person has
        to log in, and any error after which another attempt would fail too.
        """
        self.link_closed()
        ready: list[int] = []
        while True:
            if (link := self.run(ready)) is not None:
                return link
            if self.refusal is not None:
                raise self.refusal
            now = time.monotonic()
            if deadline is not None and now >= deadline:
                raise TimedOut(f"timed out: @{host} is still unreachable")
            until = min(self.due, now + _LONGEST_WAIT, deadline or now + _LONGEST_WAIT)
            ready = polled([(descriptor, select.POLLIN) for descriptor in self.descriptors], until)
            check()

    def log_in(self) -> WatchedConnection:
        """Make one attempt in this thread, in which ssh may prompt. Raises what `LinkOpener.open` raises."""
        return self._opener.open(Attempt(lost=True, may_prompt=True))

    def close(self) -> None:
        self._attempts.close()
        self._wake.close()


MakeKeeper = Callable[[CurrentPeer], LinkKeeper | None]  # returns the keeper of a link, None on this machine


def _reason(error: SeshError) -> str:
    if isinstance(error, NoRoom):
        return f"{error.reason} here"
    return error.reason if isinstance(error, Unreachable) else ""
