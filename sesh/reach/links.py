"""Links to sesh on other hosts, and the route to a daemon there: opened again when they are lost."""

from __future__ import annotations

import os
import threading
import time

from sesh import keepalive, paths, platform
from sesh.about import CALLED
from sesh.errors import (
    Ended,
    ExitCode,
    InternalError,
    Interrupted,
    LocalFault,
    LoginRefused,
    Lost,
    NotDeployed,
    NotFound,
    ProtocolError,
    Refused,
    SeshError,
    TimedOut,
    Unreachable,
)
from sesh.keepalive import Backoff, Keepalive
from sesh.reach import calls
from sesh.reach.caller import YES_NO
from sesh.reach.route import Route
from sesh.remote import eventlog, known
from sesh.remote.ssh import link, master
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import Link
from sesh.remote.ssh.ssh import AuthenticationFailed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.messages import Near, Words
    from sesh.reach.caller import Caller
    from sesh.reach.interrupts import Interrupts
    from sesh.wire import Connection

    Started = Callable[[Callable[[], None]], None]
    Reconnected = tuple[Connection | None, dict[str, Any] | None, bytes]

_LOOK = 2.0
"""Seconds for looking whether a host has created what nobody waits for any more."""
_REFUSED_FOR = 60.0
"""Seconds for which a login that one link was refused counts for the others that come back to that host."""
_lost: set[tuple[str, str]] = set()
"""Names and hosts of the sessions whose link is down just now."""


def destination(caller: Caller, word: str) -> Destination:
    """The host that a word means. Raises InvalidHost."""
    return Destination(word, via=caller.settings().remotes.get(word), near=known.near)


def origin(place: Destination) -> Near:
    """This machine as the other side has to know it; there `origin.Origin` reads it."""
    terminal = next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)
    return {
        "host": place.host,
        "home": paths.home(),
        "size": list(platform.window_size(terminal)) if terminal is not None else [0, 0, 0, 0],
        "term": os.environ.get("TERM") if terminal is not None else None,
        "colorterm": os.environ.get("COLORTERM") if terminal is not None else None,
        "locale": {key: value for key, value in os.environ.items() if key == "LANG" or key[:3] == "LC_"},
    }


def opened(
    caller: Caller,
    place: Destination,
    *,
    ask: bool | None = None,
    offer: bool = False,
    deadline: float | None = None,
) -> Link:
    """A link to sesh on a host.

    `ask`: whether ssh may prompt, None for what suits the caller. `offer`: whether the person may be asked to install
    sesh there if it is missing. `deadline`: for all of it (monotonic). Raises Unreachable, NotDeployed, TimedOut.
    """
    ask = caller.ssh_prompts if ask is None else ask
    try:
        through = _link(place, ask=ask, deadline=deadline)
    except NotDeployed as error:
        if not (offer and caller.can_ask):
            raise
        _deploy(caller, place, error)
        through = _link(place, ask=ask, deadline=deadline)
    known.record(place, str(through.remote_info.get("version") or ""), asks=through.asked)
    return through


def _link(place: Destination, *, ask: bool | None, deadline: float | None) -> Link:
    try:
        left = link.START_TIMEOUT if deadline is None else min(link.START_TIMEOUT, deadline - time.monotonic())
        return link.open_link(place, origin(place), ask=ask, timeout=left, bounded=deadline is not None)
    except (Unreachable, TimedOut):
        if deadline is not None and time.monotonic() >= deadline:
            raise TimedOut(f"timed out: @{place.host} did not answer in time") from None
        raise
    except OSError as error:
        fault = LocalFault(
            f"cannot open a link to @{place.host}: {error.strerror or error}", hint="see: $sesh --doctor"
        )
        fault.reason = error.strerror or str(error)
        raise fault from error


def _deploy(caller: Caller, place: Destination, missing: NotDeployed) -> None:
    """Installs sesh there, if the person wants that. Raises `missing` if not, DeployError."""
    question = f"@{place.host} has no sesh; deploy it there?"
    if caller.ask(question, YES_NO, "y") != "y":
        raise missing
    from sesh.remote.deploy import deploy

    for result in deploy.deploy_all([place]):
        if result.error is not None:
            raise result.error


def to_session(caller: Caller, host: str, name: str, *, passing: bool = False) -> Link:
    """A link that has been led to a session's daemon, on which nothing was said yet.

    `passing`: nobody is attached, so the host does not note it as the session attached last.
    """
    through = opened(caller, destination(caller, host))
    try:
        through.open_session("connect", name=name, passing=passing)
    except SeshError:
        through.close()
        raise
    return through


def back(  # noqa: PLR0913 (all that is known of the lost link)
    caller: Caller,
    name: str,
    host: str,
    session_id: str,
    since: int,
    heard: float,
    deadline: float | None = None,
    *,
    beside: Started | None = None,
    ask: bool = False,
) -> Link:
    """One attempt to come back to a session whose link was lost: a new connection to that session, by its id.

    `since`: the position of the first byte that is missing; `heard`: when anything came last; `deadline`: for the
    attempt (both monotonic); `ask`: whether ssh may prompt. Raises Ended where the session has ended meanwhile,
    LoginRefused where another attempt would fail alike, Unreachable where this one failed.

    `beside`: the old link may still live, and is left alone; its control master is given up where the new one stands.
    What is handed to `beside` ends the attempt. Raises Refused where somebody was asked to log in the last time.
    """
    place = destination(caller, host)
    if beside is None:
        _note_loss(name, host)
        through = _instead(caller, place, ask=ask, deadline=deadline)
    else:
        through = _opened_beside(place, beside, {"name": name, "session_id": session_id})
    left = link.START_TIMEOUT if deadline is None else min(link.START_TIMEOUT, deadline - time.monotonic())
    try:
        answer, output = through.open_session("connect", timeout=left, name=name, session_id=session_id)
    except SeshError:
        through.close()
        raise
    if beside is not None:
        _note_loss(name, host)
        threading.Thread(target=link.drop_master, args=(place,), daemon=True).start()
    _lost.discard((name, host))
    if "result" in answer:
        through.close()
        raise Ended(f"{name} has ended", answer["result"], output)
    gap = round(time.monotonic() - heard, 3)
    eventlog.log(
        "reconnect", host=host, session=through.session_name, gap=gap, since=since, joined=answer.get("daemon_pid")
    )
    return through


def _instead(caller: Caller, place: Destination, *, ask: bool, deadline: float | None) -> Link:
    """One attempt at a link in the place of one that was lost. Raises as `opened` does."""
    link.drop_master(place)
    if not ask and place.via is None:  # of many links that were lost at once the first one tries
        master.check_refusals(place, time.time() - _REFUSED_FOR)
    return opened(caller, place, ask=ask, deadline=deadline)


def _note_loss(name: str, host: str) -> None:
    if (name, host) not in _lost:
        _lost.add((name, host))
        eventlog.log("disconnect", host=host, session=name, reason="lost")


def _opened_beside(place: Destination, started: Started, wanted: Words) -> Link:
    """A link that shares nothing with those that stand, and has asked for its session already.

    Raises Refused where somebody was asked to log in the last time, LoginRefused where somebody would have to.
    """
    if known.asks(place):
        raise Refused("nobody is asked to log in again while a link may still live")
    try:
        return link.open_beside(place, origin(place), started, "connect", wanted)
    except AuthenticationFailed:
        known.record(place, asks=True)
        raise
    except OSError as error:
        raise Unreachable(f"cannot open a link to @{place.host}: {error.strerror or error}") from error


def switched(caller: Caller, name: str, host: str) -> Link:
    """The connection for a client that switches to a session on a host."""
    through = to_session(caller, host, name)
    paths.remember(name, host)
    return through


def left_behind(caller: Caller, place: Destination, name: str, session_id: str) -> str:
    """The line for who is interrupted while a host creates a session with this id: whether that is there."""
    try:
        deadline = time.monotonic() + _LOOK
        with opened(caller, place, ask=False, deadline=deadline) as through:
            left = deadline - time.monotonic()
            answer, _ = through.open_session("connect", timeout=left, name=name, session_id=session_id, passing=True)
    except NotFound:
        return "interrupted"
    except SeshError:
        return f"interrupted; {name} may have been created; check with: {CALLED} @{place.host}"
    made, there = answer["name"], f"@{place.host}"
    return f"interrupted; {made}{there} is there already and goes on; `{CALLED} {there} --kill {made}` ends it"


class RemoteRoute(Route):
    """The way to one session of a host, over a link that has been led there."""

    reconnects = True

    def __init__(
        self,
        caller: Caller,
        destination: Destination,
        name: str,
        through: Link,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        super().__init__(sleep)
        self.host = destination.host
        self._caller, self._name, self._link = caller, name, through
        self._backoff = Backoff()
        self._logged = True
        eventlog.log("connect", host=self.host, session=name)

    def connect(self, name: str) -> Connection:
        """The link."""
        return self._watched(self._link)

    def reconnect(self, broken: Connection, since: int) -> Connection:
        """A new link to the same session."""
        watched = broken.keepalive if isinstance(broken, Link) else None
        session_id = _session_id(broken)
        broken.close()
        heard = watched.heard_at if watched is not None else time.monotonic()
        return self._watched(self._back(session_id, since, heard))

    def rejoin(self, broken: Connection, session_id: str, since: int, heard: float) -> Reconnected:
        """For a job that is waited for: a new connection, or its result. Raises InternalError where the daemon died."""
        # A link given up for its silence may end well while its exit code is waited for: its job has just ended.
        silent = time.monotonic() >= heard + keepalive.LOST_AFTER
        lost = silent or not isinstance(broken, Link) or broken.broken()
        broken.close()
        if not lost or not session_id:
            message = f"the daemon of {self._name} on @{self.host} died; the job's exit code is lost"
            raise InternalError(message, exit_code=ExitCode.UNKNOWN)
        try:
            return self._back(session_id, since, heard), None, b""
        except Ended as ended:
            return None, dict(ended.result), ended.output

    def cut(self) -> None:
        """Ends the link from another thread."""
        self._link.abort()

    def close(self) -> None:
        """Closes the newest link."""
        self._link.close()
        if self._logged:
            self._logged = False
            eventlog.log("disconnect", host=self.host, session=self._name, reason="closed")

    def _watched(self, through: Link) -> Link:
        through.keepalive = Keepalive(enabled=True)
        self._link = through
        return through

    def _back(self, session_id: str, since: int, heard: float) -> Link:
        host, name = str(self.host), self._name
        self._caller.note(f"lost the link to @{host}; {name} keeps running, reconnecting")

        def attempt() -> Link:
            return back(self._caller, name, host, session_id, since, heard, self.deadline)

        self._link = self._backoff.retry(attempt, host, deadline=self.deadline, sleep=self.sleep)
        self._name = self._link.session_name
        renamed = f"; {name} is now called {self._name}" if self._name != name else ""
        self._caller.note(f"reconnected to @{host}{renamed}")
        return self._link


def _session_id(connection: Connection) -> str:
    return str(connection.welcome.get("id") or (connection.session_id if isinstance(connection, Link) else ""))


def begin(
    caller: Caller,
    through: Link,
    op: str,
    data: dict[str, Any],
    interrupts: Interrupts,
    deadline: float | None = None,
) -> tuple[str, Link]:
    """Has a host begin a job by an op that leads to a session: its name, and a link to it.

    The session bears an id that was chosen here: a link that is lost before the answer is opened again, and what has
    begun is found again and not begun twice. Raises Ended (with the name in it) where it has ended meanwhile, TimedOut
    past the deadline (monotonic).
    """
    destination = through.destination
    session_id, backoff = os.urandom(8).hex(), Backoff()
    while True:
        try:
            answer, output = calls.enter(caller, through, op, data, session_id=session_id, deadline=deadline)
        except Lost:
            through.close()
            host = destination.host
            caller.note(f"lost the link to @{host} before the job was known to have started; reconnecting")
            through = _interruptibly(caller, destination, interrupts, backoff, deadline)
            continue
        except BaseException as error:
            through.close()
            if isinstance(error, ProtocolError) and not error.answered:
                error.exit_code = ExitCode.UNKNOWN  # it has been asked for
            raise
        if "result" in answer:
            through.close()
            raise Ended(str(answer["name"]), answer["result"], output)
        return str(answer["name"]), through


def _interruptibly(
    caller: Caller, destination: Destination, interrupts: Interrupts, backoff: Backoff, deadline: float | None
) -> Link:
    """A link in the place of one that was lost; Ctrl-C stops the trying."""

    def stop(_number: int) -> None:
        raise Interrupted("the job may or may not have started", hint=f"check with: {CALLED} @{destination.host}")

    before, interrupts.away = interrupts.away, stop
    try:
        return reopened(caller, destination, backoff, deadline)
    except LoginRefused as refusal:
        refusal.hint = f"the job may or may not have started; log in on a terminal: {CALLED} @{destination.host}"
        refusal.exit_code = ExitCode.UNKNOWN
        raise
    finally:
        interrupts.away = before


def reopened(caller: Caller, destination: Destination, backoff: Backoff, deadline: float | None = None) -> Link:
    """A link in the place of one that was lost. Raises as `Backoff.retry` does."""
    return backoff.retry(
        lambda: _instead(caller, destination, ask=False, deadline=deadline), destination.host, deadline=deadline
    )
