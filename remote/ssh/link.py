"""A link: a connection to the sesh on another host, over ssh or whatever command reaches that host.

At its far end runs `sesh --bridge`, which answers requests itself or passes the link on to one session. `opening` makes
one; its stages are the mark of the bridge, its WELCOME, and then a session.
"""

from __future__ import annotations

import os
import select
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import IO

from sesh import errors, machine, protocol, wire
from sesh.about import CALLED, __version__
from sesh.errors import Lost, ProtocolError, TimedOut, Unreachable, silent_host
from sesh.link.health import Health, LinkHealth
from sesh.measures import uptime
from sesh.messages import Answer, Introduction, Near, Welcome
from sesh.remote.ssh import ssh, starting
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.words import Heard, Say

START_TIMEOUT = 14.0
"""Seconds for the bridge to start and say WELCOME, once ssh is connected."""
SESSION_TIMEOUT = 60.0
"""Seconds for the bridge to connect the link to a session, which it may have to create."""
_LOOK = 0.1
"""Seconds between two looks at what ssh prints."""
_MAX_NOISE = 1 << 20
"""Bytes at the end of what login files print that are kept, for the reason of a failure."""
_EXIT_TIMEOUT = 1.0
"""Seconds for the command that carries a link to end, once the link has."""
_MOST_EARLY = 16 << 10
"""Bytes that are sent before the bridge has begun: they fit into a pipe that nobody reads yet."""


@dataclass
class Early:
    """A request, number 1, that goes with HELLO in one write, before the bridge has begun: it may come twice, as it
    changes nothing, or carries an id by which the host carries it out once. `reached`: it may have been carried out."""

    frames: bytes
    reached: bool = False


class Link(wire.Connection):
    """A connection to sesh on another host, over a command with pipes as stdin and stdout, which ends with it."""

    far = True

    def __init__(self, destination: Destination, process: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
        assert process.stdin is not None  # noqa: S101 (it has pipes)
        assert process.stdout is not None  # noqa: S101
        super().__init__(process.stdout.fileno(), process.stdin.fileno())
        self.destination = destination
        self._process, self._stderr = process, stderr
        self.remote_info: Welcome = {}
        """The WELCOME of the sesh there."""
        self.asked: bool | None = None
        """Whether the login for this link asked a person; None if there was none, or it is not known."""
        self.clock = 0.0
        """Seconds by which the clock there is ahead of this one."""
        self.keepalive: LinkHealth | None = None
        """With it a reader sends PINGs, and raises Lost if the link broke, as against the session's end."""
        self._led = False
        """True once a session's daemon is at the other end, in the place of the bridge."""
        self._sent_early = self._spoke = False

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
        with suppress(Unreachable):  # it has ended: what it printed says why
            super().send(wire.greeting("bridge", near=near) + frames, deadline)

    def await_bridge(self, deadline: float, say: Say) -> None:
        """Wait for the mark of the bridge and its WELCOME; `say` gets what ssh prints meanwhile. Raises NotDeployed,
        Unreachable, ProtocolError."""
        self._skip_login_output(deadline, say)
        host = self.destination.host
        try:
            self.remote_info = self.expect_welcome(deadline)
        except TimedOut:
            raise silent_host(host) from None
        except Unreachable as error:
            if error.answered:
                raise
            raise Unreachable(f"lost the link to @{host}") from error
        now = time.time()
        self.clock = self.remote_info.get("now", now) - now
        self.peer.ahead = self.remote_info.get("uptime", 0.0) - uptime()  # less the time that WELCOME took to come

    def _skip_login_output(self, deadline: float, say: Say) -> None:
        """Skip what login files print, up to the bridge's first bytes."""
        seen, heard = b"", Heard(self._stderr.fileno())
        while protocol.BRIDGE not in seen:
            if not machine.polled([(self.inbound, select.POLLIN)], min(deadline, time.monotonic() + _LOOK)):
                heard.pass_on(say)
                if time.monotonic() < deadline:
                    continue
                late = silent_host(self.destination.host)
                late.reason = heard.reason() or late.reason
                raise late
            data = os.read(self.inbound, 4096)
            if not data:
                raise starting.failure(self.destination, self._exit_code(), heard.text(), seen)
            self._spoke, seen = True, (seen + data)[-_MAX_NOISE:]
        self._frames.extend(self.decoder.feed(seen.partition(protocol.BRIDGE)[2]))

    def spoke(self) -> bool:
        """Return whether anything has come from the host: the start line prints to stderr at once."""
        with suppress(ValueError):  # the file is closed, and will not grow
            self._spoke = self._spoke or os.fstat(self._stderr.fileno()).st_size > 0
        return self._spoke

    def take_sent(self) -> bool:
        """Return whether the request that comes now, number 1, was sent with HELLO. True only once."""
        sent, self._sent_early = self._sent_early, False
        return sent

    def open_session(
        self, asked: bytes, greeting: Introduction | None, timeout: float, silence: float
    ) -> tuple[Answer, bytes]:
        """Have the bridge connect this link to a session: from then on the session's daemon is at the other end.

        `asked`: the request, number 1. The answer may be a `question` for the user instead. `greeting`: HELLO for that
        daemon, which goes along (see `Peer`). `silence`: seconds in which the answer must begin. Raises Lost if the
        bridge does not answer in time, or the link breaks.
        """
        host, began = self.destination.host, time.monotonic()
        deadline = began + timeout
        self._requests = 1
        try:
            if not self.take_sent():
                self.send(asked, deadline)
            if not self._frames and not machine.polled([(self.inbound, select.POLLIN)], min(deadline, began + silence)):
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
            raise errors.malformed("RESPONSE", ".name is missing")
        self.welcome = {}
        greeted = greeting if self._led else None
        name, session_id = str(answer.get("name") or ""), str(answer.get("session_id") or "")
        self.peer = wire.Peer(name, session_id, greeted, self.peer.ahead)
        return answer, output

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

    # -- frames

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Write all of `data`; with a `keepalive` it raises Lost if the link broke."""
        try:
            super().send(data, deadline)
        except Unreachable as error:
            raise self._lost(error) from error

    def receive(self, deadline: float | None = None) -> tuple[int, bytes]:
        """Receive a frame; with a `keepalive` it raises Lost if the link broke or went silent."""
        health = self.keepalive
        if health is None:
            return super().receive(deadline)
        while True:
            try:
                frame = super().receive(health.due if deadline is None else min(deadline, health.due))
                if frame[0] != protocol.PONG:
                    return frame
            except TimedOut:
                now = time.monotonic()
                if health.act(now):
                    self.ping()
                if health.state is Health.LOST:
                    raise Lost(f"the link to @{self.destination.host} went silent") from None
                if deadline is not None and now >= deadline:
                    raise

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

    def _lost(self, error: Unreachable) -> Unreachable:
        """The error for a connection that has ended: Lost if ssh has failed or hangs, as against the far end."""
        if self.keepalive is None or self._exit_code() in (0, -signal.SIGTERM):
            return error
        return Lost(f"lost the link to @{self.destination.host}")

    # -- its end

    def abort(self) -> None:
        """Kill the command that carries the link, from another thread: a reader of the link sees its end."""
        self._process.kill()

    def close(self) -> None:
        """Close the connection and end the command that carries it; a second call does nothing."""
        self.inbound = self.outbound = -1
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        self.spoke()
        try:
            self._process.wait(0.05)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._stderr.close()

    def _exit_code(self) -> int:
        try:
            return self._process.wait(_EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            return ssh.FAILED
