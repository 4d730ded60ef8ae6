"""A link: a connection to the sesh on another host, over ssh or whatever command reaches that host.

At its far end runs `sesh --bridge`, which answers requests itself or passes the link on to one session. Opening one is
a row of stages: the shared connection, the command, the mark of the bridge, its WELCOME, and then a session.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import IO

from sesh import gate, programs, protocol, wire
from sesh.about import CALLED, __version__
from sesh.errors import Lost, ProtocolError, SeshError, TimedOut, Unreachable
from sesh.link.health import Health, LinkHealth
from sesh.link.race import Attempt, Race
from sesh.messages import Answer, Introduction, Near, Welcome, Words
from sesh.moments import uptime
from sesh.remote.ssh import master, ssh, starting
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.starting import BRIDGE_COMMAND, NotStarted, Stale
from sesh.stop import Stop

START_TIMEOUT = 14.0
"""Seconds for the bridge to start and say WELCOME, once ssh is connected."""
SESSION_TIMEOUT = 60.0
"""Seconds for the bridge to connect the link to a session, which it may have to create."""
_MAX_NOISE = 1 << 20
"""Bytes of what login files print that are kept, for the reason of a failure."""
_EXIT_TIMEOUT = 1.0
"""Seconds for the command that carries a link to end, once the link has."""
_MOST_EARLY = 16 << 10
"""Bytes that are sent before the bridge has begun: they fit into a pipe that nobody reads yet."""
_TICK = 0.2
"""Seconds between two looks at a `Stop`."""
_SHARED, _OWN = 1, 2
"""The two sides of a race, by number."""
_used: dict[str, object] = {}
"""By host: the identity of the shared connection that the newest link of this process uses."""


@dataclass
class Early:
    """A request, number 1, that goes with HELLO in one write, before the bridge has begun: it may come twice, as it
    changes nothing, or carries an id by which the host carries it out once. `reached`: it may have been carried out."""

    frames: bytes
    reached: bool = False


class Link(wire.Connection):
    """A connection to sesh on another host. Closing it ends the command that carries it."""

    far = True

    def __init__(
        self, destination: Destination, process: subprocess.Popen[bytes], stderr: IO[bytes], inbound: int, outbound: int
    ) -> None:
        super().__init__(inbound, outbound)
        self.destination = destination
        self.remote_info: Welcome = {}
        """What the sesh there says of itself and its machine."""
        self.asked: bool | None = None
        """True if somebody was asked to log in; None if no one logged in for this link, or it is not known."""
        self.clock = 0.0
        """Seconds by which the clock there is ahead of this one."""
        self.keepalive: LinkHealth | None = None
        """With it a reader sends PINGs, and raises Lost if the link broke, as against the session's end."""
        self._process, self._stderr = process, stderr
        self._led = False
        """True if a session's daemon is at the other end, False for a bridge that has not led to one yet."""
        self._sent_early = False

    def __enter__(self) -> Link:
        return self

    @property
    def agent(self) -> str | None:
        """The socket there of the agent that ssh forwards."""
        return str(self.remote_info.get("auth_sock") or "") or None

    @property
    def home(self) -> str:
        """The home directory there; empty if it is not known."""
        return str(self.remote_info.get("home") or "")

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of the login on the host that are renewed: its display is the one that ssh forwards."""
        return self.remote_info.get("renewed") or {}

    # -- its stages

    def greet(self, near: Near, early: Early | None, deadline: float) -> None:
        """Send HELLO, and `early` with it (see `take_sent`)."""
        self._sent_early = early is not None and len(early.frames) <= _MOST_EARLY
        frames = early.frames if early is not None and self._sent_early else b""
        try:
            self.send(wire.greeting("bridge", near=near) + frames, deadline)
        except Unreachable:
            return  # it has ended: what it printed says why

    def await_bridge(self, deadline: float, silence: float = 0.0) -> None:
        """Wait for the mark of the bridge and its WELCOME.

        `silence`: seconds without a byte after which it is `Stale`; 0 for none. Raises NotDeployed, Unreachable,
        ProtocolError.
        """
        self._skip_login_output(deadline, silence)
        host = self.destination.host
        try:
            self.remote_info = self.expect_welcome(deadline)
        except TimedOut:
            raise starting.unheard(host) from None
        except Unreachable as error:
            if error.answered:
                raise
            raise Unreachable(f"lost the link to @{host}") from error
        now = time.time()
        self.clock = self.remote_info.get("now", now) - now
        self.peer.ahead = self.remote_info.get("uptime", 0.0) - uptime()  # less the time that WELCOME took to come

    def take_sent(self) -> bool:
        """Return whether the request that comes now, number 1, was sent with HELLO. True only once."""
        sent, self._sent_early = self._sent_early, False
        return sent

    def open_session(
        self, verb: str, arguments: Words, timeout: float = SESSION_TIMEOUT, silence: float = inf
    ) -> tuple[Answer, bytes]:
        """Have the bridge connect this link to a session: from then on the session's daemon is at the other end.

        It may answer with a `question` for the user instead. `greeting` among the arguments: HELLO for that daemon,
        which goes along (see `Peer`). `silence`: seconds in which the answer must begin. Raises Lost if the bridge does
        not answer in time, or the link breaks.
        """
        host, began = self.destination.host, time.monotonic()
        deadline = began + timeout
        self._requests += 1
        try:
            if not self.take_sent():
                self.send(wire.asking(verb, self._requests, **arguments), deadline)
            if not self._frames and not wire.polled([(self.inbound, select.POLLIN)], min(deadline, began + silence)):
                raise TimedOut(f"{host} does not answer")
            answer, output = self.answer(self._requests, deadline)
        except (TimedOut, Unreachable) as error:
            if error.answered:
                raise
            if isinstance(error, TimedOut):
                raise Lost(f"{host} does not answer") from error
            raise Lost(f"lost the link to @{host}", hint=f"check what was done: {CALLED} @{host}") from error
        self._led = "question" not in answer
        if self._led and answer.get("name") is None:
            raise gate.malformed("RESPONSE", ".name is missing")
        self.welcome = {}
        greeted: Introduction | None = arguments.get("greeting") if self._led else None
        name, session_id = str(answer.get("name") or ""), str(answer.get("session_id") or "")
        self.peer = wire.Peer(name, session_id, greeted, self.peer.ahead)
        return answer, output

    # -- frames

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Write all of `data`; with a `keepalive` it raises Lost if the link broke."""
        try:
            super().send(data, deadline)
        except Unreachable as error:
            raise self._lost(error) from error

    def receive(self, deadline: float | None = None) -> tuple[int, bytes]:
        """Receive a frame; with a `keepalive` it raises Lost if the link broke or went silent."""
        if self.keepalive is None:
            return super().receive(deadline)
        while True:
            due = self.keepalive.due
            try:
                frame = super().receive(due if deadline is None else min(deadline, due))
            except TimedOut:
                self._ping()
                if deadline is not None and time.monotonic() >= deadline:
                    raise
                continue
            if frame[0] != protocol.PONG:
                return frame

    def read(self) -> bool:
        """Take in what comes next; with a `keepalive` it raises Lost if the link broke."""
        try:
            arrived = super().read()
        except Unreachable as error:
            raise self._lost(error) from error
        if self.keepalive is not None:
            pong = any(kind == protocol.PONG for kind, _ in self._frames)
            self.keepalive.heard(time.monotonic(), pong=pong)
        return arrived

    def ping(self) -> None:
        """Send a PING."""
        try:
            super().send(protocol.frame(protocol.PING), time.monotonic() + 1)
        except (TimedOut, Unreachable):
            return  # what was sent before the end can still be read, and then the end

    def _ping(self) -> None:
        """Send a PING if that is due. Raises Lost after too long a silence."""
        if self.keepalive is not None:
            if self.keepalive.act(time.monotonic()):
                self.ping()
            if self.keepalive.state is Health.LOST:
                raise Lost(f"the link to @{self.destination.host} went silent")

    def _lost(self, error: Unreachable) -> Unreachable:
        """The error for a connection that has ended: Lost if it is the link, as against the far end."""
        if self.keepalive is None or not self._broken():
            return error
        return Lost(f"lost the link to @{self.destination.host}")

    # -- its end

    def abort(self) -> None:
        """Kill the command that carries the link, from another thread: a reader of the link sees its end."""
        self._process.kill()

    def close(self) -> None:
        """Close the connection and end the command that carries it; a second call does nothing."""
        super().close()
        try:
            self._process.wait(0.05)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()

    def _broken(self) -> bool:
        """Return whether the link itself ended (ssh failed, or is silent), as against the program at its other end."""
        try:
            return self._process.wait(_EXIT_TIMEOUT) not in (0, -signal.SIGTERM)
        except subprocess.TimeoutExpired:
            return True

    def incompatible(self) -> ProtocolError:
        """Return the error for the other side; until a session answers, that is the sesh on the host."""
        if self._led:
            return super().incompatible()
        host, version = self.destination.host, self.welcome.get("version")
        error = ProtocolError(
            f"@{host} has sesh {version}, which is incompatible with this sesh {__version__}",
            hint=f"install this one there: {CALLED} --deploy @{host}",
        )
        error.answered = True  # it has begun nothing of what went with HELLO
        return error

    # -- the start of the bridge

    def spoke(self) -> bool:
        """Return whether anything has come from the host: the start line speaks on stderr at once."""
        try:
            return bool(self.remote_info) or os.fstat(self._stderr.fileno()).st_size > 0
        except ValueError:
            return False  # it was closed just now, in another thread

    def _skip_login_output(self, deadline: float, silence: float) -> None:
        """Skip what login files print, up to the bridge's first bytes."""
        host, seen = self.destination.host, b""
        mark = [(self.inbound, select.POLLIN)]
        if silence and not (wire.polled(mark, time.monotonic() + silence) or self.spoke()):
            raise Stale(f"{host} does not answer")
        while protocol.BRIDGE not in seen:
            if not wire.polled(mark, deadline):
                raise starting.not_begun(host, something_came=bool(seen) or self.spoke())
            data = os.read(self.inbound, 4096)
            if not data:
                raise starting.failure(self.destination, self._exit_code(), self._stderr, seen)
            seen = (seen + data)[-_MAX_NOISE:]
        self._frames.extend(self.decoder.feed(seen.partition(protocol.BRIDGE)[2]))

    def _exit_code(self) -> int:
        try:
            return self._process.wait(_EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            return ssh.FAILED


# -- opening one


@dataclass
class _Way:
    """How a link is opened. `asks`: ssh may prompt. `detached`: the command has no terminal, and none of its signals.
    `silence`: as in `Link.await_bridge`. `seconds`: for ssh to connect, over a connection of its own; 0 over the shared
    one."""

    destination: Destination
    near: Near
    early: Early | None = None
    asks: bool = False
    detached: bool = True
    silence: float = 0.0
    seconds: float = 0.0

    def open(self, deadline: float, stop: Stop, started: Callable[[Link], object] = bool) -> Link:
        """A link whose bridge has said WELCOME; `started` gets it before. Raises as `open_link`."""
        link = self._start()
        started(link)
        with ExitStack() as on_failure:
            on_failure.callback(link.close)
            on_failure.callback(self._note_reached, link)
            with stop.calling(link.abort):
                link.greet(self.near, self.early, deadline)
                link.await_bridge(deadline, self.silence)
            on_failure.pop_all()
        return link

    def _note_reached(self, link: Link) -> None:
        if self.early is not None and link.spoke():
            self.early.reached = True

    def _start(self) -> Link:
        """Start the command that carries a link. Raises Unreachable, OSError.

        An ssh that may have to ask keeps the terminal but ignores Ctrl-C and Ctrl-\\, which are for the user of the
        link.
        """
        destination = self.destination
        argv = ssh.command(destination, BRIDGE_COMMAND, ask=self.asks, alone=self.seconds > 0)
        environment = ssh.environment(ask=self.asks)
        if destination.via is not None:
            # A command that leads to another user on this machine must not pass this user's settings of sesh on.
            environment = {key: value for key, value in environment.items() if not key.startswith("SESH_")}
        elif self.seconds:  # of two values ssh takes the first
            argv[1:1] = ["-o", f"ConnectTimeout={max(1, round(self.seconds))}"]
        in_main_thread = threading.current_thread() is threading.main_thread()  # others can set no handlers
        with ExitStack() as on_failure, ExitStack() as child_ends:
            stderr = on_failure.enter_context(tempfile.TemporaryFile())
            stdin, outbound = os.pipe()
            child_ends.callback(os.close, stdin)
            on_failure.callback(os.close, outbound)
            inbound, stdout = os.pipe()
            child_ends.callback(os.close, stdout)
            on_failure.callback(os.close, inbound)
            if not self.detached and destination.via is None and in_main_thread:
                for number in (signal.SIGINT, signal.SIGQUIT):
                    child_ends.callback(signal.signal, number, signal.signal(number, signal.SIG_IGN))
            try:
                process = programs.start(
                    argv, stdin=stdin, stdout=stdout, stderr=stderr, env=environment, start_new_session=self.detached
                )
            except OSError as error:
                hint = f"check `via` of {destination.host} in config.toml" if destination.via is not None else ""
                raise programs.cannot_run(argv[0], error, hint) from error
            on_failure.pop_all()  # the link closes them from here on
            return Link(destination, process, stderr, inbound, outbound)


def open_link(
    destination: Destination,
    near: Near,
    *,
    ask: bool | None = None,
    deadline: float | None = None,
    early: Early | None = None,
    stop: Stop | None = None,
    patience: float = 0.0,
    lingers: bool = False,
) -> Link:
    """A link to the sesh on a host, with HELLO and WELCOME exchanged.

    `near`: what that sesh has to know of this machine. `ask`: whether ssh may prompt; None: if there is a terminal.
    `deadline`: for all of it (monotonic); without one a person may take any time to log in. `patience`: seconds of
    silence after which a shared connection that stood before is raced with one of its own; 0 for never, as somebody
    would be asked. `lingers`: a login that takes longer goes on, for the next link. Raises Unreachable, NotDeployed,
    ProtocolError, Interrupted; OSError if this machine lacks what it takes. Nothing but `early` was asked of the host.
    """
    asking = ssh.can_prompt() if ask is None else ask
    stop = stop or Stop()
    stood = master.identity(destination)
    timeout = None if asking and deadline is None else ssh.seconds_left(deadline, START_TIMEOUT)
    asked = master.ensure(destination, ask=asking, timeout=timeout, lingers=lingers, stop=stop)
    _used[destination.host] = master.identity(destination)
    until = time.monotonic() + START_TIMEOUT if deadline is None else deadline
    # Over a control master ssh asks nothing, and the terminal's Ctrl-C must not reach the process.
    detached = not asking or master.is_shared(destination)
    way = _Way(destination, near, early, asks=asking, detached=detached)
    try:
        if stood is not None and patience:
            link = _raced(way, patience, until, stop)
        else:
            link = way.open(until, stop)
    except ssh.AuthenticationFailed:
        if not (asking and detached):
            raise
        link = _Way(destination, near, early, asks=True, detached=False).open(until, stop)  # ssh itself asks now
    except Unreachable as error:
        if stood is None or isinstance(error, NotStarted) or master.is_alive(destination):
            raise
        master.ensure(destination, ask=asking, timeout=timeout, stop=stop)  # it was cut just now: once more
        link = way.open(until, stop)
    link.asked = asked
    return link


def open_beside(destination: Destination, near: Near, attempt: Attempt) -> Link:
    """Open a link over an ssh connection of its own, for which nobody is asked anything. Raises as `open_link`."""
    way = _Way(destination, near, seconds=attempt.seconds)
    return way.open(time.monotonic() + START_TIMEOUT, attempt.stop)


def open_unless_silent(destination: Destination, near: Near, attempt: Attempt) -> Link:
    """Open a link over the shared connection only, as a new login would ask somebody; one that is silent is dropped.

    Raises as `open_link`.
    """
    before = master.identity(destination)
    try:
        master.ensure(destination, ask=False, timeout=START_TIMEOUT, stop=attempt.stop)
        way = _Way(destination, near, silence=attempt.seconds)
        return way.open(time.monotonic() + START_TIMEOUT, attempt.stop)
    except Stale:
        if before == master.identity(destination):  # else another process has opened it meanwhile
            master.close(destination, cuts=False)
        raise


def renew_shared(destination: Destination) -> None:
    """End the shared connection of a link that came back over one of its own, unless another process has replaced it;
    one that forwards what the user has set is opened again, unasked."""
    try:
        if _used.get(destination.host) == master.identity(destination):
            master.close(destination)
        if any(destination.setting(keyword) for keyword in ssh.FORWARDS):
            master.ensure(destination, ask=False, timeout=START_TIMEOUT)
            _used[destination.host] = master.identity(destination)
    except (SeshError, OSError):
        return  # the next link opens it, and says why not


def _raced(way: _Way, patience: float, deadline: float, stop: Stop) -> Link:
    """A link over the shared connection, or over one of its own that begins once the shared one was silent for
    `patience` seconds: whichever says WELCOME first. If the shared one loses, it takes no more sessions."""
    destination = way.destination
    before, own = master.identity(destination), _Way(destination, way.near, seconds=ssh.CONNECT_TIMEOUT)
    race, shared, failures = Race(), list[Link](), dict[int, Exception]()
    own_at, running = time.monotonic() + patience, 1

    def opened(attempt: Attempt, which: _Way, started: Callable[[Link], object]) -> Link:
        link = which.open(deadline, attempt.stop, started)
        attempt.turn()
        return link

    try:
        race.begin(_SHARED, Attempt(), partial(opened, which=way, started=shared.append))
        while running:
            stop.check()
            until = min(own_at, time.monotonic() + _TICK)
            ready = wire.polled([(race.descriptor, select.POLLIN)], until)
            for number, result in race.results(ready):
                running -= 1
                if isinstance(result, Exception):
                    failures[number] = result
                    continue
                if number == _OWN and before == master.identity(destination):
                    master.close(destination, cuts=False)
                assert isinstance(result, Link)  # noqa: S101 (which `opened` gives)
                return result
            if running and time.monotonic() >= own_at:
                own_at = inf
                if not any(link.spoke() for link in shared):
                    race.begin(_OWN, Attempt(), partial(opened, which=own, started=bool))
                    running += 1
        raise failures.get(_OWN) or failures[_SHARED]
    finally:
        race.close()
