"""A link: a connection to sesh on a host, over ssh or over the host's `via` command.

At its other end runs `sesh --bridge`, which answers requests. One of them enters a session: from then on the bridge
only copies bytes between the link and the session's daemon.

    opening ──the bridge's WELCOME──▶ open ──ask, or entry: a request that enters a session──▶ in a session
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from math import inf
from typing import IO, Any

from sesh import errors, protocol, wire
from sesh.about import PROGRAM, __version__
from sesh.errors import Ended, Lost, ProtocolError, SeshError, TimedOut, Unreachable
from sesh.link_health import Health, LinkHealth
from sesh.measures import uptime
from sesh.messages import OP, Hello, Near, OpResponse, RequestKeys, Welcome
from sesh.remote.ssh import ssh, starting
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.words import REACHED, SshOutput

ANSWER_TIME = 60.0
"""Seconds for a request without a deadline: more than any op takes for one session (to reload: 45)."""
_SLOWEST = 4 << 10  # bytes per second of a long answer, for which a request has more time
_NUMBER = 1  # the id of each request, as a link has only one at a time
_MAX_NOISE = 1 << 20  # bytes; of a longer output of login files only the end is kept, for the reason of a failure
_EXIT_TIMEOUT = 1.0  # seconds for ssh to exit after the link has ended
_MOST_EARLY = 16 << 10  # bytes, which fit into a pipe without a reader; a larger request waits for WELCOME


@dataclass
class Request:
    """A request to a bridge.

    `data`: the arguments of the op, as JSON. `asks`: a person can answer the host's questions. `repeatable`: the
    request changes nothing, or has an id by which the host carries it out only once; so it may be sent in one write
    with HELLO. `enters`: the op enters a session. `session_id`: of that session, or for the session to create. `hello`:
    of an attached terminal, for the daemon. `unknown`: the host may have carried it out, but has not answered.
    """

    op: str
    data: bytes
    asks: bool = False
    repeatable: bool = True
    enters: bool = False
    session_id: str = ""
    hello: Hello | None = None
    unknown: bool = False

    @classmethod
    def attach(cls, name: str, session_id: str = "", **more: Any) -> Request:
        """Return the request to enter an existing session; without its id, by its name."""
        data = json.dumps({"name": name}).encode()
        return cls("enter.attach", data, enters=True, session_id=session_id, **more)

    def frames(self, answers: Sequence[str] = ()) -> bytes:
        """Return the frames of the request; `answers`: replies to the host's questions so far."""
        words: RequestKeys = {"op": self.op, "asks": self.asks, "answers": answers}
        if self.session_id:
            words["session_id"] = self.session_id
        if self.hello is not None:
            words["greeting"] = self.hello
        return wire.request_frames(OP, _NUMBER, self.data, **words)


class Link(wire.Connection):
    """A connection to sesh on a host, over a command's stdin and stdout; closing it ends the command.

    `bridge`: the WELCOME of the bridge; `welcome` and `peer` are those of the session's daemon.
    """

    far = True

    def __init__(self, destination: Destination, process: subprocess.Popen[bytes], stderr: IO[bytes]) -> None:
        assert process.stdin is not None  # noqa: S101 (it has pipes)
        assert process.stdout is not None  # noqa: S101
        super().__init__(process.stdout.fileno(), process.stdin.fileno())
        self.destination = destination
        self._process, self.output = process, SshOutput(stderr)
        self.bridge: Welcome = {}
        self.asked: bool | None = None  # whether the login asked a person; None without a login, or if unknown
        self.clock = 0.0  # seconds by which the host's clock is ahead
        self.health: LinkHealth = LinkHealth(time.monotonic())
        self._request: Request | None = None  # was sent by `greet` or `ask`, and is not answered yet
        self._entry: bytearray | None = None  # the data of the answer to `entry`, until the answer is complete
        self._noise: bytes | None = b""  # printed by login files; None once the bridge has sent its first bytes

    @property
    def agent(self) -> str | None:
        """The path, on the host, of the socket of the forwarded ssh agent."""
        return str(self.bridge.get("auth_sock") or "") or None

    @property
    def home(self) -> str:
        """The home directory on the host; empty if unknown."""
        return str(self.bridge.get("home") or "")

    @property
    def environment(self) -> Mapping[str, str]:
        """The variables of the host's login that a session renews, such as the DISPLAY that ssh forwards."""
        return self.bridge.get("renewed") or {}

    # -- stages

    @property
    def silent(self) -> bool:
        """True until the host has printed its first byte. BRIDGE_COMMAND prints a line on stderr at once."""
        return self._noise == b"" and REACHED not in self.output.text()

    def greet(self, near: Near, request: Request | None, deadline: float) -> None:
        """Send HELLO, and in the same write the request, if it is small and may be sent twice."""
        frames = request.frames() if request is not None and request.repeatable else b""
        self._request = request if 0 < len(frames) <= _MOST_EARLY else None
        with suppress(Unreachable):  # the command has ended, and its output gives the reason
            self.send(wire.hello_frame("bridge", near=near) + (frames if self._request else b""), deadline)

    def welcomed(self) -> bool:
        """Read what has arrived; return whether the bridge's WELCOME has. Skips the output of login files.

        Raises NotDeployed, ProtocolError, Unreachable; Lost if the bridge has begun and may go on.
        """
        if self._noise is None:
            self.read()
        else:
            self._skip_login_output()
        while self._frames and not self.bridge:
            if self.accept(*self._frames.popleft()):
                self.bridge, self.welcome = self.welcome, {}
        if self.bridge:
            now = time.time()
            self.clock = self.bridge.get("now", now) - now
            self.peer.ahead = self.bridge.get("uptime", 0.0) - uptime()  # too small by the travel time of WELCOME
        return bool(self.bridge)

    def _skip_login_output(self) -> None:
        data = os.read(self.inbound, 4096)
        if not data:
            raise starting.failure(self.destination, self._exit_code(), self.output.text(), self._noise or b"")
        noise, mark, rest = ((self._noise or b"") + data).partition(protocol.BRIDGE)
        self._noise = None if mark else noise[-_MAX_NOISE:]
        self._frames.extend(self.feed(rest))

    def ask(
        self, request: Request, answers: Sequence[str] = (), deadline: float | None = None
    ) -> tuple[OpResponse, bytes]:
        """Send a request, unless it was sent with HELLO; return its answer and data.

        The answer may be a `question` for the person. Raises Ended if the request enters a session that has ended, Lost
        if the link breaks or goes silent before the answer, TimedOut past the deadline, without one Unreachable after
        `ANSWER_TIME`.
        """
        until = time.monotonic() + ANSWER_TIME if deadline is None else deadline
        sent, self._request, self._requests = self._request is request, request, _NUMBER
        try:
            if not sent:
                self.send(request.frames(answers), until)
            answer, data = self.await_response(OP, _NUMBER, until, pace=_SLOWEST if deadline is None else inf)
        except SeshError as error:
            if error.answered:
                self._settle()
            late = isinstance(error, TimedOut) and deadline is None
            if error.answered or not (late or isinstance(error, Unreachable)):
                raise
            host = self.destination.host
            failure = errors.silent_host(host) if late else Lost(f"lost the link to @{host} before its answer")
            if request.session_id:  # it may have created the session
                failure.hint = f"check what was done: {PROGRAM} @{host}"
            raise failure from error
        if request.enters and "question" not in answer:
            self._note_session(answer, data, request.hello)
        else:
            self._settle()
        return answer, data

    def entry(self, name: str, session_id: str) -> bytes:
        """Return the request that enters a session, to be sent in one write with HELLO for its daemon.

        It is empty if the link has entered one, or has sent this request already, with a HELLO for the daemon.
        `accept` reads the answer, before the daemon's WELCOME.
        """
        if self.peer.name:
            return b""
        self._entry, self._requests = bytearray(), _NUMBER
        if self._request is not None:
            self.peer.hello = self._request.hello
            return b""
        return Request.attach(name, session_id).frames()

    def accept(self, kind: int, payload: bytes, *, any_protocol: bool = False) -> bool:
        """Store a WELCOME and return True; read the answer to `entry`. Raises Ended, and the error of the answer."""
        if self._entry is None or kind not in (protocol.DATA, protocol.RESPONSE):
            return super().accept(kind, payload, any_protocol=any_protocol)
        if kind == protocol.DATA:
            protocol.carry(self._entry, payload)
        else:
            data, self._entry = bytes(self._entry), None
            self._note_session(self.decode_response(OP, payload), data)
        return False

    def _note_session(self, answer: OpResponse, data: bytes, hello: Hello | None = None) -> None:
        """Note the session that an answer says the link has entered. Raises Ended with its result if it has ended."""
        if "name" not in answer:
            raise errors.malformed("RESPONSE", ".name is missing")
        self._settle()
        if "result" in answer:
            raise Ended(answer["name"], answer["result"], data)
        session_id = str(answer.get("session_id") or "")
        self.peer = wire.Peer(answer["name"], session_id, hello, self.peer.ahead, answer.get("daemon_pid"))

    def _settle(self, *, unknown: bool = False) -> None:
        """Record whether it is unknown what became of the request that was sent."""
        if self._request is not None:
            self._request.unknown, self._request = unknown, None

    def incompatible(self) -> ProtocolError:
        """Return the error if the bridge, or the session's daemon, has another protocol number."""
        if self.bridge:
            return super().incompatible()
        host = self.destination.host
        version = self.welcome.get("version")
        self._request = None  # the bridge does not begin the request that was sent with HELLO
        return ProtocolError(
            f"@{host} has sesh {version}, which is incompatible with this sesh {__version__}",
            hint=f"install this one there: {PROGRAM} --deploy @{host}",
        )

    # -- frames

    def receive(self, deadline: float | None = None) -> tuple[int, bytes]:
        """Receive a frame, and ping a silent link. Raises Lost if the link broke or went silent."""
        health = self.health
        while True:
            try:
                frame = super().receive(health.due if deadline is None else min(deadline, health.due))
                if frame[0] != protocol.PONG:
                    return frame
            except TimedOut:
                now = time.monotonic()
                if ping := health.act(now):
                    self.ping(ping)
                if health.state is Health.LOST:
                    raise Lost(f"the link to @{self.destination.host} went silent") from None
                if deadline is not None and now >= deadline:
                    raise

    def _closed(self, error: OSError | None = None) -> Unreachable:
        """Return the error for an ended connection: Lost if ssh failed or hangs, as the session may then still run.

        SIGTERM means that somebody has ended the command on purpose.
        """
        if self._noise is not None:  # what the host has printed is no frame; `welcomed` reads it
            return Unreachable(f"{self.destination.host} has not started sesh")
        closed = super()._closed(error)
        ended = self._exit_code() in (0, -signal.SIGTERM)
        return closed if ended else Lost(f"lost the link to @{self.destination.host}")

    # -- closing

    def abort(self) -> None:
        """Kill the link's command, from any thread; a reader of the link then gets its end."""
        self._process.kill()

    def close(self) -> None:
        """Close the connection and end its command; a second call does nothing."""
        if self.inbound < 0:
            return
        if self.bridge or not (self.silent or self._process.poll() in range(ssh.FAILED)):
            self._settle(unknown=True)  # without WELCOME, such an exit code is that of a bridge that did not start
        self.inbound = self.outbound = -1
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        try:
            self._process.wait(0.05)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self.output.close()

    def _exit_code(self) -> int:
        try:
            return self._process.wait(_EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            return ssh.FAILED
