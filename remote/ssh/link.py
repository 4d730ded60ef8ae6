"""A link: a connection to sesh on a host, over ssh or over the host's `via` command.

At its other end runs `sesh --bridge`, which answers requests or connects the link to a session. A link opens in
stages: the bridge's first bytes and WELCOME (see `opening`), then maybe a session (`Link.open_session`).
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

from sesh import descriptors, protocol, wire
from sesh.about import CALLED, __version__
from sesh.errors import Lost, ProtocolError, TimedOut, Unreachable, silent_host
from sesh.link.health import Health, LinkHealth
from sesh.measures import uptime
from sesh.messages import Introduction, Near, Welcome
from sesh.remote.ssh import ssh, starting
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.words import Say, SshOutput
from sesh.requests import OP, OpAnswer

START_TIMEOUT = 14.0  # seconds for the bridge to start and send WELCOME, once ssh is connected
SESSION_TIMEOUT = 60.0  # seconds for the bridge to enter or create a session
_LOOK = 0.1  # seconds between two looks at ssh's stderr
_MAX_NOISE = 1 << 20  # bytes; of a longer output of login files only the end is kept, for the reason of a failure
_EXIT_TIMEOUT = 1.0  # seconds for ssh to exit after the link has ended
_MOST_EARLY = 16 << 10  # bytes, which fit into a pipe without a reader; a larger request waits for WELCOME


@dataclass
class Early:
    """A request sent in one write with HELLO, before the bridge has started.

    The request may be sent twice. So it changes nothing, or it has an id by which the host carries it out only once.
    `reached`: the host may have carried out the request.
    """

    frames: bytes
    reached: bool = False


class Link(wire.Connection):
    """A connection to sesh on a host, over a command's stdin and stdout; closing it ends the command."""

    far = True

    def __init__(self, destination: Destination, process: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
        assert process.stdin is not None  # noqa: S101 (it has pipes)
        assert process.stdout is not None  # noqa: S101
        super().__init__(process.stdout.fileno(), process.stdin.fileno())
        self.destination = destination
        self._process, self._stderr = process, stderr
        self.remote_info: Welcome = {}  # the bridge's WELCOME
        self.asked: bool | None = None  # whether the login asked a person; None without a login, or if unknown
        self.clock = 0.0  # seconds by which the host's clock is ahead
        # If set, `receive` sends PINGs, and a broken link raises Lost, so that it is not taken for the session's end.
        self.keepalive: LinkHealth | None = None
        self._sent_early = self._spoke = False

    def __enter__(self) -> Link:
        return self

    @property
    def agent(self) -> str | None:
        """The path, on the host, of the socket of the forwarded ssh agent."""
        return str(self.remote_info.get("auth_sock") or "") or None

    @property
    def home(self) -> str:
        """The home directory on the host; empty if unknown."""
        return str(self.remote_info.get("home") or "")

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of the host's login that a session renews, such as the DISPLAY that ssh forwards."""
        return self.remote_info.get("renewed") or {}

    # -- stages

    def greet(self, near: Near, early: Early | None, deadline: float) -> None:
        """Send HELLO, and in the same write `early` if that is small enough (see `take_sent`)."""
        self._sent_early = early is not None and len(early.frames) <= _MOST_EARLY
        frames = early.frames if early is not None and self._sent_early else b""
        with suppress(Unreachable):  # the command has ended, and its output gives the reason
            super().send(wire.hello_frame("bridge", near=near) + frames, deadline)

    def await_bridge(self, deadline: float, say: Say) -> None:
        """Wait for the bridge and its WELCOME; `say` receives the lines that ssh prints.

        Raises NotDeployed, ProtocolError, Unreachable; Lost if the bridge has begun and may go on.
        """
        self._skip_login_output(deadline, say)
        host = self.destination.host
        try:
            self.remote_info = self.expect_welcome(deadline)
        except TimedOut:
            raise silent_host(host) from None
        except Unreachable as error:
            if error.answered:
                raise
            # If ssh has lost its connection, the bridge may go on, and carry out the request that was sent with HELLO.
            lost = Lost if self._exit_code() == ssh.FAILED else Unreachable
            raise lost(f"lost the link to @{host}") from error
        now = time.time()
        self.clock = self.remote_info.get("now", now) - now
        self.peer.ahead = self.remote_info.get("uptime", 0.0) - uptime()  # too small by the travel time of WELCOME

    def _skip_login_output(self, deadline: float, say: Say) -> None:
        """Skip the output of login files, up to the bridge's first bytes."""
        seen = b""
        output = SshOutput(self._stderr.fileno())
        while protocol.BRIDGE not in seen:
            if not descriptors.polled([(self.inbound, select.POLLIN)], min(deadline, time.monotonic() + _LOOK)):
                output.relay(say)
                if time.monotonic() < deadline:
                    continue
                late = silent_host(self.destination.host)
                late.reason = output.reason() or late.reason
                raise late
            data = os.read(self.inbound, 4096)
            if not data:
                raise starting.failure(self.destination, self._exit_code(), output.text(), seen)
            self._spoke, seen = True, (seen + data)[-_MAX_NOISE:]
        self._frames.extend(self.decoder.feed(seen.partition(protocol.BRIDGE)[2]))

    def spoke(self) -> bool:
        """Return whether the command has printed a byte: the host, or ssh itself on stderr.

        BRIDGE_COMMAND prints a line on stderr at once.
        """
        with suppress(ValueError):  # the file is closed
            self._spoke = self._spoke or os.fstat(self._stderr.fileno()).st_size > 0
        return self._spoke

    def take_sent(self) -> bool:
        """Return whether the first request was already sent with HELLO; True only once."""
        sent, self._sent_early = self._sent_early, False
        return sent

    def open_session(
        self, request: bytes, introduction: Introduction | None, timeout: float, silence: float
    ) -> tuple[OpAnswer, bytes]:
        """Connect this link to a session, whose daemon then replaces the bridge at the other end.

        `request`: the frames to send. `introduction`: the HELLO for the daemon, which the request contains too (see
        `Peer`). `timeout`: seconds for the whole answer. `silence`: seconds for its first byte. If the answer is a
        `question` for the person, the bridge stays. Raises Lost if the bridge does not answer in time, or the link
        breaks.
        """
        host = self.destination.host
        began = time.monotonic()
        deadline = began + timeout
        self._requests = 1
        try:
            if not self.take_sent():
                self.send(request, deadline)
            silent_at = min(deadline, began + silence)
            if not self._frames and not descriptors.polled([(self.inbound, select.POLLIN)], silent_at):
                raise TimedOut(f"{host} does not answer")
            answer, output = self.answer(OP, self._requests, deadline)
        except (TimedOut, Unreachable) as error:
            if error.answered:
                raise
            if isinstance(error, TimedOut):
                raise Lost(f"{host} does not answer") from error
            raise Lost(f"lost the link to @{host}", hint=f"check what was done: {CALLED} @{host}") from error
        if "name" in answer:
            self.welcome = {}
            self.peer = wire.Peer(answer["name"], introduced=introduction, ahead=self.peer.ahead)
        if "session_id" in answer:
            self.peer.session_id = answer["session_id"]
        return answer, output

    def incompatible(self) -> ProtocolError:
        """Return the error if the other end (the bridge, and later the daemon) has another protocol number."""
        if self.peer.name:  # the other end is a session's daemon
            return super().incompatible()
        host = self.destination.host
        version = self.welcome.get("version")
        error = ProtocolError(
            f"@{host} has sesh {version}, which is incompatible with this sesh {__version__}",
            hint=f"install this one there: {CALLED} --deploy @{host}",
        )
        error.answered = True  # the bridge has not begun the request that was sent with HELLO
        return error

    # -- frames

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Write all of `data`. With `keepalive`, raise Lost if the link broke."""
        try:
            super().send(data, deadline)
        except Unreachable as error:
            raise self._lost(error) from error

    def receive(self, deadline: float | None = None) -> tuple[int, bytes]:
        """Receive a frame. With `keepalive`, send PINGs, and raise Lost if the link broke or went silent."""
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
        """Read available bytes. With `keepalive`, raise Lost if the link broke."""
        try:
            arrived = super().read()
        except Unreachable as error:
            raise self._lost(error) from error
        if self.keepalive is not None:
            pong = any(kind == protocol.PONG for kind, _ in self._frames)
            self.keepalive.heard(time.monotonic(), pong=pong)
        return arrived

    def ping(self) -> None:
        try:
            super().send(protocol.frame(protocol.PING), time.monotonic() + 1)
        except (TimedOut, Unreachable):
            return  # the reader still gets the last bytes, and then the end

    def _lost(self, error: Unreachable) -> Unreachable:
        """Return the error for an ended connection: Lost if ssh failed or hangs, as the bridge may then still run.

        SIGTERM means that somebody has ended the command on purpose.
        """
        if self.keepalive is None or self._exit_code() in (0, -signal.SIGTERM):
            return error
        return Lost(f"lost the link to @{self.destination.host}")

    # -- closing

    def abort(self) -> None:
        """Kill the link's command, from any thread; a reader of the link then gets its end."""
        self._process.kill()

    def close(self) -> None:
        """Close the connection and end its command; a second call does nothing."""
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
