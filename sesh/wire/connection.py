"""A connection to a daemon or a bridge: frames, handshake, requests and responses."""

from __future__ import annotations

import os
import select
import socket
import time
from collections import deque
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sesh import errors
from sesh.about import SESH, __version__
from sesh.errors import ErrorFacts, Refused
from sesh.schema import codec
from sesh.schema.facts import Event
from sesh.system import descriptors, paths, platforms
from sesh.system.clock import uptime
from sesh.text import safe
from sesh.wire import protocol
from sesh.wire.messages import Hello, Message, RequestType, Response, Welcome

if TYPE_CHECKING:
    from typing_extensions import Self, Unpack

_MAX_READ = 1 << 18


@dataclass
class Peer:
    """The daemon of a session, as known before its WELCOME."""

    name: str = ""
    session_id: str = ""
    hello: Hello | None = None  # the HELLO that goes to the daemon in one write with the request to connect
    ahead: float = 0.0  # the least seconds by which its machine's `uptime` is ahead of this machine's
    pid: int | None = None  # None if unknown


class Connection:
    """Frames over two descriptors, which the connection owns; a socket is both of them.

    `over_link`: the peer is a host, whose text is not trusted. Deadlines are by the monotonic clock.
    """

    over_link = False

    def __init__(self, inbound: int, outbound: int, name: str = "") -> None:
        self.inbound, self.outbound = inbound, outbound
        self.peer = Peer(name)
        self.welcome: Welcome = {}
        self.decoder = protocol.Decoder()
        self._frames: deque[tuple[int, bytes]] = deque()
        self._numbered = 0  # requests that have got a number
        self._overdue: float | None = None
        """The last deadline that has passed. One more read is allowed after it, because bytes may have come in time."""
        self._reloaded = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close both descriptors; a second call does nothing."""
        descriptors = {self.inbound, self.outbound} - {-1}
        self.inbound = self.outbound = -1
        for descriptor in descriptors:
            with suppress(OSError):  # the descriptor is closed all the same
                os.close(descriptor)

    def abort(self) -> None:
        """Shut the connection down from another thread; a blocked reader sees its end."""
        with suppress(OSError):  # either side has just closed it
            if self.inbound >= 0:
                with socket.socket(fileno=os.dup(self.inbound)) as opened:
                    opened.shutdown(socket.SHUT_RDWR)

    def gone(self) -> bool:
        """Return whether the peer has closed its end, even if it left unread bytes."""
        return bool(descriptors.polled([(self.inbound, getattr(select, "POLLRDHUP", 0))], 0.0))

    # -- frames

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Write all of `data`. Raises Unreachable if the peer has closed, TimedOut after the deadline."""
        view = memoryview(data)
        while view:
            if deadline is not None:
                _wait(self.outbound, select.POLLOUT, deadline)
            try:
                # A descriptor polled as writable, even a pipe, takes PIPE_BUF bytes without blocking.
                view = view[os.write(self.outbound, view if deadline is None else view[: select.PIPE_BUF]) :]
            except BlockingIOError:
                _wait(self.outbound, select.POLLOUT, deadline)
            except OSError as error:
                raise self._closed(error) from error

    def send_some(self, data: bytes) -> int:
        """Write what fits without waiting; return how much that is. Raises Unreachable if the peer has closed."""
        os.set_blocking(self.outbound, False)  # poll(2) promises room for PIPE_BUF bytes alone
        try:
            return os.write(self.outbound, data)
        except BlockingIOError:
            return 0
        except OSError as error:
            raise self._closed(error) from error
        finally:
            if self.outbound >= 0:
                os.set_blocking(self.outbound, True)

    def ping(self, payload: bytes) -> None:
        """Send a PING; a lost peer raises no error, because its last bytes remain readable."""
        with suppress(errors.TimedOut, errors.Unreachable):
            Connection.send(self, protocol.frame(protocol.PING, payload), time.monotonic() + 1)

    def receive(self, deadline: float | None = None) -> tuple[int, bytes]:
        """Return the next frame, as (type, payload). Raises Unreachable, TimedOut, ProtocolError."""
        while not self._frames:
            _wait(self.inbound, select.POLLIN, deadline)
            if deadline is not None and time.monotonic() > deadline:
                if self._overdue == deadline:
                    raise _too_late()
                self._overdue = deadline
            self.read()
        return self._frames.popleft()

    def read(self) -> None:
        """Read bytes into the frame queue; wait for some. Raises Unreachable, ProtocolError."""
        try:
            data = os.read(self.inbound, _MAX_READ)
        except OSError as error:
            raise self._closed(error) from error
        if not data:
            raise self._closed()
        frames = self.decode(data)
        self._reloaded = self._reloaded or (protocol.RELOADED, b"") in frames
        self._frames += frames

    def decode(self, data: bytes) -> list[tuple[int, bytes]]:
        """Return the frames that received bytes complete."""
        return self.decoder.feed(data)

    def _closed(self, error: OSError | None = None) -> errors.Unreachable:
        """Return the error for a closed connection; after an `error`, read the last frames."""
        with suppress(errors.SeshError):
            while error is not None and not self._reloaded and descriptors.polled([(self.inbound, select.POLLIN)], 0.0):
                self.read()
        if self._reloaded:
            return errors.ConnectionLost("the session's daemon was reloaded")
        return errors.Unreachable("the session's daemon closed the connection")

    @property
    def reloaded(self) -> bool:
        """True if the daemon has said that it reloads, and carries out no further request over this connection."""
        return self._reloaded

    def take_frames(self) -> list[tuple[int, bytes]]:
        """Take all frames that were read; return them."""
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def decode_message(self, kind: int, payload: bytes) -> Any:
        """Return the JSON of a frame other than RESPONSE; DATA is an event. Raises ProtocolError."""
        hint: Any = {protocol.WELCOME: Welcome, protocol.DATA: Event}.get(kind, Message)
        return self._checked(hint, codec.parse(payload), hint.__name__.upper())

    def decode_response(self, request: RequestType[Response], payload: bytes) -> Response:
        """Return the response to a request. Raises the error in it, ProtocolError."""
        values = codec.parse(payload)
        if "error" in values:
            raise errors.rebuild(self._checked(ErrorFacts, values["error"], "RESPONSE.error"))
        response: Response = self._checked(request.response, values.get("result"), "RESPONSE.result")
        return response

    def _checked(self, hint: Any, values: Any, name: str) -> Any:
        """Check a host's data against its type; trust a daemon, whose socket is the user's."""
        return safe.checked_from_host(hint, values, name) if self.over_link else values

    # -- the handshake

    def connect_request(self, name: str, session_id: str) -> bytes:
        """Return the request that connects this link to a session; empty on this machine."""
        return b""

    def handshake(self, requests: bytes = b"", deadline: float | None = None) -> Welcome:
        """Send HELLO and requests in one write; return the WELCOME.

        Raises Unreachable after `WELCOME_TIMEOUT`, from a reloaded daemon after `RELOAD_TIMEOUT`, TimedOut at the
        deadline, ProtocolError for another protocol number.
        """
        self.send(hello_frame("request") + requests, deadline)
        until = time.monotonic() + (protocol.RELOAD_TIMEOUT if self.welcome else protocol.WELCOME_TIMEOUT)
        try:
            return self.expect_welcome(until if deadline is None else min(until, deadline))
        except errors.TimedOut as error:
            if error.in_response or (deadline is not None and time.monotonic() >= deadline):
                raise
            raise errors.silent_daemon(self.peer.name) from None

    def expect_welcome(self, deadline: float | None = None) -> Welcome:
        """Read the WELCOME that follows a HELLO. Raises ProtocolError for another protocol number."""
        while not self.accept(*self.receive(deadline)):
            continue
        return self.welcome

    def accept(self, kind: int, payload: bytes) -> bool:
        """Store a WELCOME; return whether the frame was one. Raises ProtocolError, Unreachable."""
        if kind != protocol.WELCOME:
            return False
        before = self.welcome.get("id")
        self.welcome = self.decode_message(kind, payload)
        if before and self.welcome.get("id") != before:  # another session has taken the name of one that ended
            raise errors.Unreachable("the session's daemon closed the connection")
        if self.welcome.get("protocol") != protocol.PROTOCOL:
            raise self.incompatible()
        return True

    def incompatible(self) -> errors.ProtocolError:
        name, version = self.welcome.get("name"), self.welcome.get("version")
        message = f"{name} runs sesh {version}, which is incompatible with this sesh {__version__}"
        return errors.ProtocolError(message, hint=f"move it to this one: {SESH} reload {name}")

    def reconnect(self) -> None:
        """Connect the same descriptors to a reloaded daemon; the caller then sends HELLO."""
        if self.over_link:
            raise errors.ConnectionLost("the session's daemon was reloaded")
        fresh = connect(self.peer.name)
        os.dup2(fresh.inbound, self.inbound, inheritable=False)
        fresh.close()
        self.decoder = protocol.Decoder()
        self._reloaded = False
        self._frames.clear()

    # -- requests and their responses

    def begin_by(self, deadline: float | None) -> float | None:
        """Return the `begin_by` for a deadline: the same moment by `uptime` of the daemon's machine."""
        return None if deadline is None else uptime() + deadline - time.monotonic() + self.peer.ahead

    def next_number(self) -> int:
        """Return the number, the `id`, for the next request."""
        self._numbered += 1
        return self._numbered

    def request(
        self, request: RequestType[Response], data: bytes = b"", deadline: float | None = None, **keys: Any
    ) -> tuple[Response, bytes]:
        """Make a request, to begin before the deadline; return the response and its DATA.

        Raises Unreachable, with exit code 255, if the daemon does not answer and may have carried it out; else as
        `send` and `await_response`.
        """
        while True:
            number = self.next_number()
            frames = request_frames(request, number, data, begin_by=self.begin_by(deadline), **keys)
            try:
                self.send(frames, deadline)
                return self._await_response_to(number, request, deadline)
            except errors.ConnectionLost:
                if not self._reloaded:
                    raise
                self.reconnect()
                self.send(hello_frame("request"), deadline)

    def _await_response_to(
        self, number: int, request: RequestType[Response], deadline: float | None
    ) -> tuple[Response, bytes]:
        try:
            return self.await_response(request, number, deadline)
        except (errors.TimedOut, errors.Unreachable) as error:
            if error.in_response or request.reads or isinstance(error, errors.ConnectionLost):
                raise
            name = self.welcome.get("name") or self.peer.name
            raise errors.unanswered(name, request) from error

    def await_response(
        self, request: RequestType[Response], number: int, deadline: float | None = None
    ) -> tuple[Response, bytes]:
        """Return the response to this request and its DATA; skip other responses and OUTPUT.

        Raises as `decode_response` and `receive`.
        """
        carried = bytearray()
        while True:
            kind, payload = self.receive(deadline)
            if kind == protocol.WELCOME:
                self.accept(kind, payload)
            elif kind == protocol.DATA:
                protocol.carry(carried, payload)
            elif kind == protocol.RESPONSE:
                if protocol.response_number(payload) == number:
                    return self.decode_response(request, payload), bytes(carried)
                carried.clear()


def hello(role: str, /, **more: Unpack[Hello]) -> Hello:
    return {"protocol": protocol.PROTOCOL, "version": __version__, "role": role, "pid": os.getpid(), **more}


def hello_frame(role: str, /, **more: Unpack[Hello]) -> bytes:
    return protocol.message(protocol.HELLO, hello(role, **more))


def request_frames(request: str, number: int, data: bytes = b"", **keys: Any) -> bytes:
    """Return the frames of a request: DATA, if it has bytes, then REQUEST."""
    return protocol.data_frames(data) + protocol.message(protocol.REQUEST, {"id": number, "verb": request, **keys})


def connect(name: str, timeout: float = 5.0) -> Connection:
    """Connect to the daemon of `name` on this machine.

    Raises NotFound if nobody listens, Unreachable if the daemon does not accept in time, Refused for a foreign socket.
    """
    if not (paths.check_directory(paths.directory()) and paths.check_socket(paths.socket_path(name))):
        raise paths.absent(name)
    deadline = time.monotonic() + timeout
    while True:
        opened = open_socket(name + paths.SOCKET)
        if opened is None:
            raise paths.absent(name)
        try:
            opened.getpeername()
            break
        except OSError:  # the daemon's backlog is full, and no event reports that it has room
            opened.close()
        if time.monotonic() > deadline:
            raise errors.silent_daemon(name)
        time.sleep(0.01)
    uid = platforms.peer_uid(opened)
    if uid != os.geteuid():  # the directory may have been replaced since the check
        opened.close()
        raise Refused(f"another user (uid {uid}) listens in {paths.directory()}; set SESH_DIR to a directory of yours")
    return adopt(opened, name)


def listen(entry: str, backlog: int) -> socket.socket:
    """Listen in the directory of sessions, on a socket of mode 0600. Raises OSError."""
    listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with platforms.private_when_bound(listening), paths.socket_address(paths.directory(), entry) as address:
            listening.bind(address)  # under its own name: programs that clean up skip paths in /proc/net/unix
            os.chmod(address, paths.OWN)  # the umask may have removed the owner's bits
        listening.listen(backlog)
    except OSError:
        listening.close()
        raise
    return listening


def open_socket(entry: str) -> socket.socket | None:
    """Connect to a socket in the directory of sessions; None if nobody listens. Raises OSError.

    The returned socket does not block, and is not connected yet if the backlog of the other one is full.
    """
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.setblocking(False)
    try:
        with paths.socket_address(paths.directory(), entry) as address:
            opened.connect(address)
    except BlockingIOError:
        return opened
    except (FileNotFoundError, ConnectionRefusedError):
        opened.close()
        return None
    except OSError:  # such as a lack of descriptors
        opened.close()
        raise
    return opened


def adopt(opened: socket.socket, name: str = "") -> Connection:
    """Return a connection over a socket, which it owns from now on."""
    descriptor = opened.detach()
    os.set_blocking(descriptor, True)
    return Connection(descriptor, descriptor, name)


def _wait(descriptor: int, events: int, deadline: float | None) -> None:
    if not descriptors.polled([(descriptor, events)], deadline):
        raise _too_late()


def _too_late() -> errors.TimedOut:
    return errors.TimedOut("the session's daemon did not answer in time", hint=f"`{SESH}` lists the sessions")
