"""Open a link: over the shared connection, over an ssh of its own, or over the first of the two that answers."""

from __future__ import annotations

import select
import signal
import subprocess
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from math import inf

from sesh import descriptors, programs
from sesh.errors import SeshError, Unreachable
from sesh.link.race import Attempt, Race
from sesh.messages import Near
from sesh.remote.ssh import master, ssh
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.link import START_TIMEOUT, Early, Link
from sesh.remote.ssh.starting import BRIDGE_COMMAND
from sesh.remote.ssh.words import AuthenticationFailed, Say
from sesh.stop import Stop

_used: dict[str, object] = {}  # by host: the identity of the shared connection of this process's newest link
_FORWARDS = "localforward", "remoteforward", "dynamicforward"
_TICK = 0.2  # seconds between two looks at a `Stop`


@dataclass
class _Opening:
    destination: Destination
    near: Near
    early: Early | None = None
    prompts: bool = False  # ssh may ask the person; else ssh has no terminal, and gets none of the terminal's signals
    seconds: int = 0  # ssh's connect timeout for a connection of its own; 0 for the shared one
    say: Say = lambda _: None  # receives the lines that ssh prints
    link: Link | None = field(default=None, init=False)

    @property
    def silent(self) -> bool:
        """True until the host sends its first byte."""
        return self.link is None or not self.link.spoke()

    def open(self, deadline: float, stop: Stop) -> Link:
        """Open a link and exchange HELLO and WELCOME. Raises as `open_link`."""
        self.link = link = self._start()
        try:
            with stop.calling(link.abort):
                link.greet(self.near, self.early, deadline)
                link.await_bridge(deadline, self.say)
        except BaseException:
            if self.early is not None and not self.silent:
                self.early.reached = True
            link.close()
            raise
        return link

    def _start(self) -> Link:
        """Start the link's command. Raises Unreachable, OSError."""
        destination = self.destination
        stderr = tempfile.TemporaryFile()
        argv = ssh.command(destination, BRIDGE_COMMAND, ask=self.prompts, own_timeout=self.seconds)
        environment = ssh.environment(ask=self.prompts)
        if destination.via is not None:
            # `via` may be su or sudo: this user's SESH_DIR and settings must not reach the other user's sesh.
            environment = {key: value for key, value in programs.environment().items() if not key.startswith("SESH_")}
        try:
            process = programs.start(
                argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                bufsize=0,
                env=environment,
                start_new_session=not self.prompts,
                preexec_fn=_ignore_keys if self.prompts and destination.via is None else None,
            )
        except OSError as error:
            stderr.close()
            hint = f"check `via` of {destination.host} in config.toml" if destination.via is not None else ""
            raise programs.cannot_run(argv[0], error, hint) from error
        return Link(destination, process, stderr)


def _ignore_keys() -> None:
    r"""Ignore Ctrl-C and Ctrl-\ in an ssh that keeps the terminal, as they are for the session."""
    for number in (signal.SIGINT, signal.SIGQUIT):
        signal.signal(number, signal.SIG_IGN)


def open_link(
    destination: Destination,
    near: Near,
    *,
    ask: bool,
    deadline: float | None = None,
    early: Early | None = None,
    stop: Stop | None = None,
    patience: float = 0.0,
    say: Say = lambda _: None,
) -> Link:
    """Open a link to sesh on a host, and exchange HELLO and WELCOME.

    `near`: the description of this machine. `ask`: ssh may prompt. `deadline`: for all of it (monotonic); None gives a
    person any time to log in. `early`: a request to send with HELLO; on an error the host has received no more than
    that. `patience`: after this many seconds of silence on a shared connection that was already open, try an ssh of its
    own in parallel, which may not prompt; 0: never, for a host whose login needs a person. `say`: receives the lines
    that ssh prints. Raises Unreachable, NotDeployed, ProtocolError, Interrupted, and OSError if this machine runs out
    of a resource.
    """
    stop = stop or Stop()
    before = master.identity(destination)
    timeout = None if ask and deadline is None else ssh.seconds_left(deadline, START_TIMEOUT)
    asked = master.ensure(destination, ask=ask, timeout=timeout, say=say, stop=stop)
    _used[destination.host] = master.identity(destination)
    until = time.monotonic() + START_TIMEOUT if deadline is None else deadline
    # Over a shared connection ssh does not prompt, and the terminal's Ctrl-C must not reach it.
    way = _Opening(destination, near, early, prompts=ask and not master.is_shared(destination), say=say)
    try:
        link = _race(way, patience, until, stop) if before is not None and patience else way.open(until, stop)
    except AuthenticationFailed:  # the shared connection has too many sessions (MaxSessions), so ssh logs in again
        if way.prompts or not ask:
            raise
        link = replace(way, prompts=True).open(until, stop)
    except Unreachable:
        if before is None or master.is_alive(destination):
            raise
        # The shared connection has just ended: reopen it once.
        master.ensure(destination, ask=ask, timeout=timeout, say=say, stop=stop)
        link = way.open(until, stop)
    link.asked = asked
    return link


def open_own(destination: Destination, near: Near, attempt: Attempt, early: Early | None = None) -> Link:
    """Open a link over an ssh connection of its own, without prompts. Raises as `open_link`."""
    way = _Opening(destination, near, early, seconds=max(1, round(attempt.seconds)), say=attempt.hear)
    return way.open(time.monotonic() + START_TIMEOUT, attempt.stop)


def drop_shared(destination: Destination) -> None:
    """End the shared connection of a lost link, unless another process has replaced it."""
    if _used.get(destination.host) == master.identity(destination):
        master.close(destination)


def renew_shared(destination: Destination) -> None:
    """Close the shared connection of a lost link; reopen it without prompts if ssh_config forwards ports over it."""
    try:
        drop_shared(destination)
        if any(destination.setting(keyword) for keyword in _FORWARDS):
            master.ensure(destination, ask=False, timeout=START_TIMEOUT)
            _used[destination.host] = master.identity(destination)
    except (SeshError, OSError):
        return  # the next command opens it, or reports the error


def _race(way: _Opening, patience: float, deadline: float, stop: Stop) -> Link:
    """Open a link over the shared connection, and after `patience` seconds of silence over an ssh of its own too.

    Return the first link that gets WELCOME. If the shared connection is silent to the end, close it to new commands.
    """
    destination = way.destination
    before = master.identity(way.destination)
    own = replace(way, early=None, prompts=False, seconds=ssh.connect_timeout(destination))
    own_at = time.monotonic() + patience
    attempts = [Attempt()]
    failures = dict[Attempt, Exception]()
    with closing(Race()) as race:
        try:
            race.begin(attempts[0], partial(_win, way, deadline))
            while len(failures) < len(attempts):
                stop.check()
                ready = descriptors.polled([(race.descriptor, select.POLLIN)], min(own_at, time.monotonic() + _TICK))
                for attempt, result in race.results(ready):
                    if isinstance(result, Link):
                        return result
                    assert isinstance(result, Exception)  # noqa: S101 (the attempts return nothing else)
                    failures[attempt] = result
                if len(failures) < len(attempts) and time.monotonic() >= own_at:
                    own_at = inf
                    if way.silent:
                        attempts.append(Attempt())
                        race.begin(attempts[-1], partial(_win, own, deadline))
        finally:
            if own_at == inf and way.silent and before == master.identity(destination):
                master.close(destination, ends_links=False)
    raise failures[attempts[-1]]


def _win(way: _Opening, deadline: float, attempt: Attempt) -> Link:
    """Open a link and win the race with it."""
    link = way.open(deadline, attempt.stop)
    attempt.win(link)
    return link
