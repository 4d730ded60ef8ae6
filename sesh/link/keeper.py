"""Keep a link to a host: watch its health, and replace it when it fails.

bytes, keys, nudges ─▶ LinkHealth ─doubted, lost─▶ Schedule ─▶ attempts, a Race ─▶ the next link, for the owner

A *nudge* is a reason to test the link now: the network changed, this machine or process woke, a person pressed Enter.
An *outage* lasts while the link is doubted or lost. An *attempt* tries to open another link; the first attempt that
succeeds stops the other one. The owner of the old link (an attachment, a stream, a list, a request) connects the next
link to its session.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from math import inf
from typing import Optional

from sesh.errors import LoginRefused, SeshError, TimedOut, Unreachable
from sesh.link import opening
from sesh.link.health import STOP_TIME, Health, LinkHealth
from sesh.link.link import Link
from sesh.link.opening import Race
from sesh.remote import eventlog, known
from sesh.remote.ssh.destination import Destination
from sesh.system import platforms
from sesh.system.clock import uptime
from sesh.wire.connection import Connection, Peer

MAX_AT_ONCE = 2  # attempts; a further attempt waits for the end of another one
INTERVAL = 1.0  # least seconds between the starts of two attempts
INTERVAL_AFTER_NUDGE = 0.1  # least seconds between two starts if a nudge causes the second one
LONG_OUTAGE = 30.0  # seconds of an outage without a nudge before the intervals grow
MAX_INTERVAL = 10.0  # seconds; then the intervals stop growing
MIN_CONNECT_TIMEOUT, MAX_CONNECT_TIMEOUT = 2.0, 10.0  # bounds (seconds) of ssh's timeout: half the outage so far
LONG_ROUND_TRIP = 0.15  # seconds; above this round trip, or with a jump host, ssh's timeout is longer
LOGIN_ROUND_TRIPS = 10  # round trips that a longer timeout adds
_LOOK_INTERVAL = 0.3  # seconds between two looks at the deadlines of attempts, and at what ssh prints

Ping = Callable[[bytes], object]  # sends a PING with a payload
# Receives why the link is not up, empty if unknown; None once it is up.
ReportOutage = Callable[[Optional[str]], object]


class Schedule:
    """When attempts start. Sans-I/O: all times are arguments (`uptime`). `indirect`: see `Destination`.

    - The first attempt of an outage starts at once.
    - The next one starts when the newest has failed, or its connect timeout has passed, but 1 s after it at least.
    - A nudge starts the next one earlier, 0.1 s after the newest at least.
    - After 30 s without a nudge, the interval of 1 s grows to 10 s.
    - After a refused login, none starts until Enter is pressed.

    At most two attempts run at once. Neither a nudge nor a key stops an attempt, which may be about to succeed.
    """

    def __init__(self, *, indirect: bool = False) -> None:
        self.indirect = indirect
        self.round_trip = 0.0
        self.running = 0  # attempts that have not ended
        self.refusal: SeshError | None = None  # the error after which no attempt can succeed without a person
        self.failure = ""  # of the last attempt, in a few words
        self._outage_at = inf  # when the link was first doubted or lost
        self._nudged_at = -inf  # when the newest nudge of this outage came
        self._newest_at = -inf  # when the newest attempt started
        self._timeout = 0.0  # of the newest attempt, to connect (seconds)

    @property
    def due(self) -> float:
        """When to call `start_due`; infinite while no attempt may start."""
        if self._outage_at == inf or self.running == MAX_AT_ONCE or self.refusal is not None:
            return inf
        if self._nudged_at > self._newest_at:
            return self._newest_at + INTERVAL_AFTER_NUDGE
        quiet = self._newest_at - max(self._outage_at, self._nudged_at)
        interval = INTERVAL if quiet < LONG_OUTAGE else min(MAX_INTERVAL, quiet / 8)
        return self._newest_at + max(interval, self._timeout if self.running else 0.0)

    def plan(self, now: float) -> None:
        """Schedule attempts for a link that is doubted or lost."""
        self._outage_at = min(self._outage_at, now)

    def nudge(self, now: float) -> None:
        """Schedule an early attempt during an outage."""
        if self._outage_at < inf:
            self._nudged_at = now

    def enter_pressed(self, now: float) -> None:
        """Schedule an early attempt, even after a refusal."""
        self.refusal = None
        self.nudge(now)

    def attempt_failed(self, failure: str, *, refusal: SeshError | None = None) -> None:
        """Record a failed attempt. `refusal`: the error, if every further attempt would fail too."""
        self.running -= 1
        self.failure = failure
        self.refusal = refusal or self.refusal

    def reset(self) -> None:
        """End the outage: the link is up again, or was replaced."""
        self.running = 0
        self.failure, self.refusal = "", None
        self._outage_at, self._nudged_at = inf, -inf

    def start_due(self, now: float) -> float | None:
        """Count a started attempt if one is due; return its connect timeout in seconds."""
        if now < self.due:
            return None
        if now > self.due + STOP_TIME:  # this process was stopped, or the machine slept
            self._nudged_at = now
        self._newest_at = now
        self.running += 1
        self._timeout = min(MAX_CONNECT_TIMEOUT, max(MIN_CONNECT_TIMEOUT, (now - self._outage_at) / 2))
        if self.indirect or self.round_trip > LONG_ROUND_TRIP:
            self._timeout += LOGIN_ROUND_TRIPS * max(self.round_trip, LONG_ROUND_TRIP)
        return self._timeout


class LinkKeeper:
    """Watches a link to a host, and then each link that replaces it.

    An attempt that starts while no other one runs connects to the daemon that `current_peer` returns, if any, at once,
    which saves a round trip. If another attempt succeeds first, the daemon closes the earlier connection of the client.
    A link that is only doubted is not replaced if the last login prompted a person.

    Call `watch` for each link, `run` at `due` and when one of `descriptors` is readable. `descriptors` change: read
    them before each poll.
    """

    def __init__(self, destination: Destination, report_outage: ReportOutage | None = None) -> None:
        """Without `report_outage`, write the loss and the return of the link to the event log."""
        self._destination = destination
        self._ping: Ping = lambda _: None
        self.current_peer: Callable[[], Peer | None] = lambda: None
        self._report_outage = report_outage
        self.health = LinkHealth(uptime())
        self.schedule = Schedule(indirect=destination.indirect)
        self._race = Race(destination)
        self._changes = platforms.network_changes()
        self._session = ""  # the name of the session that the link was connected to
        self._outage: str | None = None  # the last report to `report_outage`
        self._gap_start: float | None = None  # of the gap between the logs of a loss and of the return (`uptime`)
        # Read while the link is up: during an outage this process may lack the descriptor to open `remotes.json`.
        self._login_prompted = known.login_prompted(destination.host)

    def log(self, event: str, **facts: object) -> None:
        if self._report_outage is None:
            eventlog.log(event, host=self._destination.host, **facts)

    @property
    def descriptors(self) -> tuple[int, ...]:
        changes = () if self._changes is None else (self._changes.fileno(),)
        return (*(link.inbound for link in self._race.links), *changes)

    @property
    def due(self) -> float:
        """When to call `run` (monotonic)."""
        look = uptime() + _LOOK_INTERVAL if self._race.links else inf
        return time.monotonic() + min(self.health.due, self.schedule.due, look) - uptime()

    @property
    def up(self) -> bool:
        return self.health.state is Health.UP

    @property
    def heard_time(self) -> float:
        """When the last bytes came over the link (seconds since 1970)."""
        return time.time() - uptime() + self.health.heard_at

    @property
    def reason(self) -> str:
        """The last line of a running ssh, else the last failure."""
        lines = (link.output.reason() for link in self._race.links)
        return next(filter(None, lines), None) or self.schedule.failure

    def watch(self, link: Connection, ping: Ping) -> None:
        """Watch a first or another link; end all attempts.

        A closed connection stands for a link that is lost: then the health stays what it was.
        """
        self._ping = ping
        if isinstance(link, Link):
            link.health.round_trip = link.health.round_trip or self.health.round_trip
            self.health = link.health
        self._login_prompted = known.login_prompted(self._destination.host)
        self._end_attempts()
        self._report_health()

    def session_connected(self, name: str, **facts: object) -> None:
        """Note that the link is connected to a session; log a reconnect with `facts`."""
        self._session = name
        if self._gap_start is not None:
            gap = round(uptime() - self._gap_start, 3)
            self._gap_start = None
            self.log("reconnect", session=name or None, gap=gap, **facts)

    def nudge(self) -> None:
        """Test the link; during an outage, schedule an early attempt."""
        now = uptime()
        self.health.nudge(now)
        self.schedule.nudge(now)

    def key_sent(self, *, enter: bool) -> None:
        """Note a sent key. During an outage, Enter schedules an early attempt."""
        now = uptime()
        self.health.key_sent(now)
        if enter and not self.up:
            self.schedule.enter_pressed(now)

    def link_closed(self) -> None:
        self.health.lose(Health.CLOSED)

    @property
    def refusal(self) -> SeshError | None:
        """The error that stops all attempts at a lost link until Enter is pressed."""
        return self.schedule.refusal if self.health.state.lost else None

    def run(self, ready: Collection[int]) -> Connection | None:
        """Do all that is due; return the next link, if an attempt has opened one.

        Without a next link, `refusal` may say why.
        """
        now = uptime()
        if self._network_changed(ready):
            self.nudge()
        if (link := self._race.advance(ready)) is not None:
            self._end_outage()
            return link
        if ping := self.health.act(now):
            self._ping(ping)
        self._report_health()
        if self.up:
            self._end_attempts()
        elif self.health.state.lost or not self._login_prompted:
            self._start_attempts(now)
        return None

    def _network_changed(self, ready: Collection[int]) -> bool:
        """Return whether an address or a route has changed."""
        if self._changes is None or self._changes.fileno() not in ready:
            return False
        with suppress(OSError):  # EAGAIN, or ENOBUFS after too many changes
            while self._changes.recv(1 << 16):
                continue
        return True

    def _end_outage(self) -> None:
        """Log the loss of the link that another one replaces; renew its shared connection."""
        self._end_attempts()
        known.record(self._destination.host, is_new=False)
        self._log_loss()
        if not self._login_prompted:
            is_silent = self.health.state is not Health.CLOSED
            renew = partial(opening.renew_shared_connection, self._destination, is_silent=is_silent)
            with suppress(RuntimeError):  # no further thread: the next command opens the connection
                threading.Thread(target=renew, daemon=True).start()

    def _start_attempts(self, now: float) -> None:
        schedule = self.schedule
        for link, error in self._race.failed:
            link.close()
            if isinstance(error, LoginRefused) and error.wants_login:  # no other link repeats the login
                known.record_failure(self._destination.host, error.reason, refused=True, wants_login=True)
            self._attempt_failed(error)
        self._race.failed.clear()
        schedule.round_trip = self.health.round_trip
        schedule.plan(now)
        while (timeout := schedule.start_due(now)) is not None:
            peer = None if self._race.links else self.current_peer()
            try:
                self._race.reopen(timeout, peer)
            except SeshError as error:
                self._attempt_failed(error)
            except OSError as error:
                self._attempt_failed(Unreachable("", reason=f"{error.strerror} here"))

    def _attempt_failed(self, error: SeshError) -> None:
        may_retry = isinstance(error, (Unreachable, TimedOut)) and not isinstance(error, LoginRefused)
        self.schedule.attempt_failed(error.reason, refusal=None if may_retry else error)

    def _end_attempts(self) -> None:
        self._race.close()
        self.schedule.reset()

    def _report_health(self) -> None:
        if self.health.state.lost:
            self._log_loss()
        outage = None if self.up else self.reason
        if self._report_outage is not None and outage != self._outage:
            self._outage = outage
            self._report_outage(outage)

    def _log_loss(self) -> None:
        """Log the loss of the link, once until a link is connected again."""
        if self._gap_start is None:
            self._gap_start = self.health.heard_at
            self.log("disconnect", session=self._session or None, reason="lost")

    def log_in(self) -> Connection:
        """Log in once in this thread, where ssh may prompt. Raises as `opening.open_link`."""
        link = opening.log_in(self._destination)
        known.record(self._destination.host, is_new=False)
        return link

    def close(self) -> None:
        self._race.close()
        if self._changes is not None:
            self._changes.close()
            self._changes = None
