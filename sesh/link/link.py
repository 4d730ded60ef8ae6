"""A link: a connection to the bridge on a host, over ssh or `via`.

The bridge carries out requests. A request may connect the link to a session: from then on the bridge passes on what the
link and the session's daemon send (see `sesh.bridge.bridge`).
"""

from __future__ import annotations

import json
import os
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import IO, Any

from sesh import errors
from sesh.about import PROGRAM, __version__
from sesh.errors import ConnectionLost, Fate, ProtocolError, SeshError, TimedOut, Unreachable
from sesh.link.health import LinkHealth
from sesh.remote.ssh import ssh, ssh_messages
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.ssh_messages import REACHED, SshOutput
from sesh.schema.outcomes import Ended
from sesh.system.clock import uptime
from sesh.wire import protocol
from sesh.wire.connection import Connection, hello_frame, request_frames
from sesh.wire.messages import OP, Hello, OpResponse, OriginFacts, RequestKeys, Welcome

RESPONSE_TIMEOUT = 60.0
"""Seconds without a response or PROGRESS, without a deadline: more than any op takes for a session (reload: 45)."""
_MIN_RATE = 4 << 10  # bytes per second: a long response has as much more time as such a slow link needs
REQUEST_ID = 1  # the id of each request to a bridge but those `beside` it, as a link has only one at a time
_MAX_LOGIN_OUTPUT = 1 << 20  # bytes printed by login files; of more only the end is kept, for the reason of a failure
_MAX_EARLY_REQUEST = 16 << 10  # bytes, which fit into a pipe without a reader; a larger request waits for WELCOME


@dataclass(eq=False)
class LinkRequest:
    """A request to a bridge, over one link or several until it has a response."""

    op: str
    data: bytes  # the arguments of the op, as JSON
    changes: bool = False  # what it does might be done twice if it were sent twice: it is sent once, after WELCOME
    can_answer: bool = False  # a person can answer the host's questions
    session_id: str = ""  # of the session to connect to or to create; by it the host knows a repeated request
    hello: Hello | None = None  # of an attached terminal, to the daemon
    beside: bool = False  # it is carried out in a thread, and the link goes on (see `sesh.reach.beside`)
    may_be_done: bool = False  # the host has connected a session, or a link has closed before the response

    @classmethod
    def attach(cls, name: str, session_id: str = "", **more: Any) -> LinkRequest:
        """Return the request to connect to an existing session; without its id, by its name."""
        data = json.dumps({"name": name}).encode()
        # The name of `ops.enter.attach`: this room lies below `ops`, and imports none.
        return cls("enter.attach", data, session_id=session_id, **more)

    def frames(self, answers: Sequence[str] = (), number: int = REQUEST_ID) -> bytes:
        """Return the frames of the request. `answers`: the person's, to the host's questions."""
        keys: RequestKeys = {"op": self.op, "can_answer": self.can_answer, "answers": answers}
        if self.session_id:
            keys["session_id"] = self.session_id
        if self.beside:
            keys["beside"] = True
        hello = protocol.message(protocol.HELLO, self.hello) if self.hello is not None else b""
        return request_frames(OP, number, self.data, **keys) + hello


class Stage(Enum):
    STARTING = "login files may print; the bridge has not sent its first bytes"
    STARTED = "the bridge has sent its first bytes"
    OPEN = "the bridge has sent WELCOME, and carries out requests"
    CONNECTED = "the bridge passes on what the link and a session's daemon send"


class Link(Connection):
    """A connection to the bridge on a host, over a command's stdin and stdout."""

    over_link = True

    def __init__(
        self, destination: Destination, process: subprocess.Popen[bytes], stderr: IO[bytes], open_by: float
    ) -> None:
        assert process.stdin is not None  # noqa: S101 (it has pipes)
        assert process.stdout is not None  # noqa: S101
        super().__init__(process.stdout.fileno(), process.stdin.fileno())
        self.destination = destination
        self.health = LinkHealth(uptime())
        self.output = SshOutput(stderr)
        self.stage = Stage.STARTING
        self.open_by = open_by  # the deadline for WELCOME (monotonic)
        self.bridge_welcome: Welcome = {}  # `welcome` and `peer` are from the session's daemon
        self.clock = 0.0  # seconds by which the host's clock is ahead
        self._process = process
        self._login_output = b""  # printed by login files, before the first bytes of the bridge
        self._pending: LinkRequest | None = None  # sent over this link, without a response yet
        self._data = bytearray()  # of the response that comes
        self._response: tuple[OpResponse, bytes] | None = None  # the last one, with its data

    @property
    def is_open(self) -> bool:
        return self.stage in (Stage.OPEN, Stage.CONNECTED)

    @property
    def unheard(self) -> bool:
        """True until the host prints a byte; BRIDGE_COMMAND prints a line on stderr at once."""
        return self.stage is Stage.STARTING and not self._login_output and REACHED not in self.output.text()

    def decode(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that received bytes complete; tell the link's health of bytes and PONGs."""
        frames = super().decode(data)
        self.health.heard(uptime(), [payload for kind, payload in frames if kind == protocol.PONG])
        return frames

    # -- opening

    def first_frames(self, origin: OriginFacts, request: LinkRequest | None) -> bytes:
        """Return HELLO, and a request that may go with it in one write."""
        hello = hello_frame("bridge", origin=origin)
        if request is None or request.changes or len(early := request.frames()) > _MAX_EARLY_REQUEST:
            return hello
        self._record_sent(request)
        return hello + early

    def read_welcome(self) -> bool:
        """Read the bytes that have come; return whether the link is open.

        Raises NotDeployed, ProtocolError, Unreachable; ConnectionLost if the bridge has started and may still run.
        """
        if self.stage is Stage.STARTING:
            self._read_login_output()
        else:
            self.read()
        while self._frames and self.stage is Stage.STARTED:
            if self.accept(*self._frames.popleft()):
                self._record_welcome()
        return self.is_open

    def _read_login_output(self) -> None:
        data = os.read(self.inbound, 4096)
        if not data:
            code, stderr = self._exit_code(), self.output.text()
            raise ssh_messages.bridge_failure(self.destination, code, stderr, self._login_output)
        printed, mark, frames = (self._login_output + data).partition(protocol.BRIDGE)
        self._login_output = printed[-_MAX_LOGIN_OUTPUT:]
        if mark:
            self.stage = Stage.STARTED
            self.health = LinkHealth(uptime())  # a long login is no silence of the link
            self._frames.extend(self.decode(frames))

    def _record_welcome(self) -> None:
        """Take the first WELCOME for the bridge's; the next one is the daemon's."""
        self.stage = Stage.OPEN
        self.bridge_welcome, self.welcome = self.welcome, {}
        now = time.time()
        self.clock = self.bridge_welcome.get("now", now) - now
        self.peer.ahead = self.bridge_welcome.get("uptime", 0.0) - uptime()  # too small by the travel time of WELCOME

    def incompatible(self) -> ProtocolError:
        if self.is_open:
            return super().incompatible()
        host = self.destination.host
        version = self.welcome.get("version")
        return ProtocolError(
            f"@{host} has sesh {version}, which is incompatible with this sesh {__version__}",
            hint=f"install this one there: {PROGRAM} deploy @{host}",
        )

    # -- requests

    def call(
        self, request: LinkRequest, answers: Sequence[str] = (), deadline: float | None = None
    ) -> tuple[OpResponse, bytes]:
        """Send a request, unless it was sent with HELLO; return the response and its data.

        The response may be a `question` for the person. Raises Ended if the request connects to a session that has
        ended, ConnectionLost if the link breaks or goes silent before the response, Unreachable past the deadline or
        after `RESPONSE_TIMEOUT`, with exit code 255 in place of both if the op may have changed something.
        """
        until = time.monotonic() + RESPONSE_TIMEOUT if deadline is None else deadline
        try:
            if self._pending is not request:
                self._record_sent(request)
                self.send(request.frames(answers), until)
            while self._response is None:
                more = len(self._data) / _MIN_RATE if deadline is None else 0.0
                kind, payload = self.receive(until + more)
                if kind == protocol.PROGRESS and deadline is None:
                    until = time.monotonic() + RESPONSE_TIMEOUT
                self.accept(kind, payload)
        except (Unreachable, TimedOut) as error:
            if error.in_response:
                raise
            raise self._no_response(request, error) from error
        return self._response

    def _no_response(self, request: LinkRequest, cause: SeshError) -> Unreachable:
        host = self.destination.host
        lost = ConnectionLost(f"lost the link to @{host} before its answer", hint="try again")
        error = errors.silent_host(host) if isinstance(cause, TimedOut) else lost
        look = f"check what was done: {PROGRAM} @{host}"
        if request.changes:
            return error.but(hint=look, fate=Fate.UNKNOWN)
        return error.but(hint=look) if request.session_id else error  # the host may have created the session

    def _record_sent(self, request: LinkRequest) -> None:
        self._pending, self._response = request, None
        self.peer.hello = request.hello

    def connect_request(self, name: str, session_id: str) -> bytes:
        """Return the request to connect; empty if it was sent, or the link is connected.

        `accept` reads the response, which precedes the daemon's WELCOME.
        """
        if self.stage is Stage.CONNECTED or self._pending is not None:
            return b""
        return LinkRequest.attach(name, session_id).frames()

    def accept(self, kind: int, payload: bytes) -> bool:
        """Store a WELCOME and return True; record the response to a request. Raises Ended, SeshError."""
        if self.stage is Stage.OPEN and kind == protocol.DATA:
            protocol.carry(self._data, payload)
        elif self.stage is Stage.OPEN and kind == protocol.RESPONSE:
            self._record_response(payload)
        else:
            return super().accept(kind, payload)
        return False

    def _record_response(self, payload: bytes) -> None:
        """Record a response, and the session of the link. Raises Ended if that has ended."""
        data, self._data = bytes(self._data), bytearray()
        if protocol.response_number(payload) != REQUEST_ID:
            return
        request, self._pending = self._pending or LinkRequest("", b""), None
        try:
            response: OpResponse = self.decode_response(OP, payload)
        except SeshError as error:
            # Over an earlier link it may have been done, and this host refuses only the link.
            request.may_be_done = request.may_be_done or not error.in_response
            raise
        self._response = response, data
        request.may_be_done = False
        if "name" not in response:
            return
        if "result" in response:
            raise Ended(response["name"], response["result"], data)
        request.may_be_done = True
        self.stage = Stage.CONNECTED
        self.peer.name = response["name"]
        self.peer.session_id = str(response.get("session_id") or "")
        self.peer.pid = response.get("daemon_pid")

    def receive(self, deadline: float | None = None) -> tuple[int, bytes]:
        """Receive a frame; ping a silent link. Raises ConnectionLost once the link is lost."""
        health = self.health
        while True:
            try:
                due = time.monotonic() + health.due - uptime()
                frame = super().receive(due if deadline is None else min(deadline, due))
                if frame[0] != protocol.PONG:
                    return frame
            except TimedOut:
                if ping := health.act(uptime()):
                    self.ping(ping)
                if health.state.lost:
                    raise ConnectionLost(f"the link to @{self.destination.host} went silent") from None
                if deadline is not None and time.monotonic() >= deadline:
                    raise

    def _closed(self, error: OSError | None = None) -> Unreachable:
        """Return the error for an ended connection: ConnectionLost if the session may still run."""
        if self.stage is Stage.STARTING:  # the host may have printed text, which `read_welcome` reads
            return Unreachable(f"{self.destination.host} has not started sesh")
        closed = super()._closed(error)
        return ConnectionLost(f"lost the link to @{self.destination.host}") if self._exit_code() else closed

    def abort(self) -> None:
        """Kill the command from any thread; a reader of the link then gets its end."""
        ssh.kill(self._process)

    def close(self) -> None:
        """Close the connection and end its command; a second call does nothing."""
        if self.inbound < 0:
            return
        if self._pending is not None and self._may_have_begun():
            self._pending.may_be_done = True
        self.inbound = self.outbound = -1
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(0.05 if self.is_open else 0.0)
        ssh.kill(self._process)
        self.output.close()

    def _may_have_begun(self) -> bool:
        """Return whether the host may have begun the pending request."""
        is_incompatible = self.welcome != {}  # such a bridge begins no request
        # ssh passes the host's exit codes on; a `via` command may fail with any of its own.
        codes = range(ssh.FAILED) if self.destination.via is None else ssh_messages.NOT_FOUND
        is_missing = self._process.poll() in codes
        return self.is_open or not (is_incompatible or is_missing or self.unheard)

    def _exit_code(self) -> int:
        try:
            return self._process.wait(ssh.EXIT_TIMEOUT)
        except subprocess.TimeoutExpired:
            return ssh.FAILED
