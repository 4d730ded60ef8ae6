"""Opening a link: over the shared connection, over one of its own beside it, or over one of its own alone."""

from __future__ import annotations

import os
import select
import signal
import tempfile
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from functools import partial
from math import inf

from sesh import programs, wire
from sesh.errors import SeshError, Unreachable
from sesh.link.race import Attempt, Race
from sesh.messages import Near
from sesh.remote.ssh import master, ssh, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import START_TIMEOUT, Early, Link
from sesh.remote.ssh.starting import BRIDGE_COMMAND, NotStarted
from sesh.remote.ssh.words import Say, unheard
from sesh.stop import Stop

_used: dict[str, object] = {}
"""By host: the identity of the shared connection that the newest link of this process uses."""
_SHARED, _OWN = 1, 2
"""The two sides of a race, by number."""
_TICK = 0.2
"""Seconds between two looks at a `Stop`."""


@dataclass
class _Way:
    """How a link is opened. `asks`: ssh may prompt. `detached`: the command has no terminal, and none of its signals.
    `seconds`: for ssh to connect, over a connection of its own; 0 over the shared one. `say`: gets what ssh prints."""

    destination: Destination
    near: Near
    early: Early | None = None
    asks: bool = False
    detached: bool = True
    seconds: float = 0.0
    say: Say = unheard

    def open(self, deadline: float, stop: Stop, started: Callable[[Link], object] = bool) -> Link:
        """A link whose bridge has said WELCOME; `started` gets it before. Raises as `open_link`."""
        link = self._start()
        started(link)
        with ExitStack() as on_failure:
            on_failure.callback(link.close)
            on_failure.callback(self._note_reached, link)
            with stop.calling(link.abort):
                link.greet(self.near, self.early, deadline)
                link.await_bridge(deadline, self.say)
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
        seconds = max(1, round(self.seconds)) if self.seconds else 0
        argv = ssh.command(destination, BRIDGE_COMMAND, ask=self.asks, alone=seconds > 0, connect_timeout=seconds)
        environment = ssh.environment(ask=self.asks)
        if destination.via is not None:
            # A command that leads to another user on this machine must not pass this user's settings of sesh on.
            environment = {key: value for key, value in programs.environment().items() if not key.startswith("SESH_")}
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
    say: Say = unheard,
) -> Link:
    """A link to the sesh on a host, with HELLO and WELCOME exchanged.

    `near`: what that sesh has to know of this machine. `ask`: whether ssh may prompt; None: if there is a terminal.
    `deadline`: for all of it (monotonic); without one a person may take any time to log in. `patience`: seconds of
    silence after which a shared connection that stood before is raced with one of its own; 0 for never, as somebody
    would be asked. `say`: gets what ssh prints. Raises Unreachable, NotDeployed,
    ProtocolError, Interrupted; OSError if this machine lacks what it takes. Nothing but `early` was asked of the host.
    """
    asking = ssh.can_prompt() if ask is None else ask
    stop = stop or Stop()
    stood = master.identity(destination)
    timeout = None if asking and deadline is None else ssh.seconds_left(deadline, START_TIMEOUT)
    asked = master.ensure(destination, ask=asking, timeout=timeout, say=say, stop=stop)
    _used[destination.host] = master.identity(destination)
    until = time.monotonic() + START_TIMEOUT if deadline is None else deadline
    # Over a control master ssh asks nothing, and the terminal's Ctrl-C must not reach the process.
    detached = not asking or master.is_shared(destination)
    way = _Way(destination, near, early, asks=asking, detached=detached, say=say)
    try:
        if stood is not None and patience:
            link = _raced(way, patience, until, stop)
        else:
            link = way.open(until, stop)
    except words.AuthenticationFailed:  # refused over the shared one: ssh asks for this one
        if not (asking and detached):
            raise
        link = _Way(destination, near, early, asks=True, detached=False, say=say).open(until, stop)
    except Unreachable as error:
        if stood is None or isinstance(error, NotStarted) or master.is_alive(destination):
            raise
        master.ensure(destination, ask=asking, timeout=timeout, say=say, stop=stop)  # it was cut just now: once more
        link = way.open(until, stop)
    link.asked = asked
    return link


def open_beside(destination: Destination, near: Near, attempt: Attempt, early: Early | None = None) -> Link:
    """Open a link over an ssh connection of its own, for which nobody is asked anything. Raises as `open_link`."""
    way = _Way(destination, near, early, seconds=attempt.seconds, say=attempt.hear)
    return way.open(time.monotonic() + START_TIMEOUT, attempt.stop)


def drop_shared(destination: Destination) -> None:
    """End the shared connection of a lost link, unless another process has replaced it."""
    if _used.get(destination.host) == master.identity(destination):
        master.close(destination)


def renew_shared(destination: Destination) -> None:
    """Drop it once the link is back over a connection of its own; if it forwarded what the user has set, open another,
    unasked."""
    try:
        drop_shared(destination)
        if any(destination.setting(keyword) for keyword in ssh.FORWARDS):
            master.ensure(destination, ask=False, timeout=START_TIMEOUT)
            _used[destination.host] = master.identity(destination)
    except (SeshError, OSError):
        return  # the next link opens it, and says why not


def _raced(way: _Way, patience: float, deadline: float, stop: Stop) -> Link:
    """A link over the shared connection, or over one of its own that begins once the shared one was silent for
    `patience` seconds: whichever says WELCOME first. A shared connection that is silent to the end takes no more
    sessions."""
    destination = way.destination
    own = _Way(destination, way.near, seconds=ssh.connect_timeout(destination), say=way.say)
    before = master.identity(destination)
    race, shared, failures = Race(), list[Link](), dict[int, Exception]()
    own_at, running = time.monotonic() + patience, 1

    def opened(attempt: Attempt, which: _Way, started: Callable[[Link], object]) -> Link:
        link = which.open(deadline, attempt.stop, started)
        attempt.turn(link)
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
        if own_at == inf and not any(link.spoke() for link in shared) and before == master.identity(destination):
            master.close(destination, cuts=False)
