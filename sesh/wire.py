"""A connection to one daemon, seen from the asking side: frames out, frames in, verbs and their answers."""

from __future__ import annotations

import errno
import os
import select
import socket
import stat
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sesh import errors, gate, paths, platform, protocol
from sesh.about import SESH, __version__
from sesh.errors import ExitCode, Refused
from sesh.link_state import LinkState
from sesh.messages import Answer, Hello, Introduction, TimedWords, Welcome, Words
from sesh.names import check_name

if TYPE_CHECKING:
    from typing_extensions import Unpack


_READ = 1 << 18
"""Bytes of one read."""
LONGEST_POLL = 86_400_000.0
"""Milliseconds of one call of poll(2), which takes no more than 24 days."""
_KEPT_FREE = 40
"""Descriptors that are left for all that is no connection: files, pipes, links to hosts."""
_MOST_AT_ONCE = 256
"""Connections."""
_MOST_FOLLOWED = 4096
"""Connections that a list which is looked at keeps."""
_ORDERLY = 1.0
"""Seconds for a link to end in order, once its user has given up."""


class Connection:
    """Frames over a pair of descriptors, blocking, with a bound on each wait if one is given.

    It owns the descriptors (the same one twice for a socket) and is a context manager that closes them.
    """

    far = False
    """True if a host is at the other end, whose text is not to be trusted."""
    given_up = False
    """True once nothing more is asked for over it (`give_up`)."""
    led = True
    """True if a session's daemon is at the other end; False for a bridge that has not led to one yet."""
    keepalive: LinkState | None = None
    """The keepalive of a link, which raises Lost if the link broke, as against the session's end."""
    session_id = session_name = ""
    """Id and name of the session that a link was led to, as far as they are known."""
    greeted: Introduction | None = None
    """The HELLO that the session's daemon was told before this side has sent anything to it."""
    address = ""
    """The name of a session on this machine whose daemon was connected to directly."""
    any_protocol = False
    """True if only what every protocol number understands is asked for: HELLO, and the request `reload`."""

    def __init__(self, inbound: int, outbound: int) -> None:
        self.inbound, self.outbound = inbound, outbound
        self.welcome: Welcome = {}
        self.carried = bytearray()
        """DATA that has come before its REQUEST, for the side that answers requests."""
        self.begun = -1
        """The request that was carried out last, or is: its BEGUN has come. -1 for none."""
        self.decoder = protocol.Decoder()
        """The decoder of all that comes; it holds an unfinished frame."""
        self._frames: deque[tuple[int, bytes]] = deque()
        self._requests = 0
        self._overdue: float | None = None
        """A deadline that has passed once: one more read is allowed, for bytes that came in time."""
        self._reloaded = False
        """True if the daemon has said that it goes on as another sesh."""

    def __enter__(self) -> Connection:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def agent(self) -> str | None:
        """The path of the user's ssh agent on the machine of the daemon; None if there is none."""
        return os.environ.get("SSH_AUTH_SOCK")

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment on the machine of the daemon from which variables are renewed."""
        return os.environ

    def close(self) -> None:
        """Closes both descriptors; a second call does nothing."""
        descriptors = {self.inbound, self.outbound} - {-1}
        self.inbound = self.outbound = -1
        for descriptor in descriptors:
            try:
                os.close(descriptor)
            except OSError:
                continue  # it is closed even so, and nothing that was sent depends on it

    def broken(self, _patience: float = 0.0) -> bool:
        """Returns whether the link broke, which may be opened again, and not the daemon's end.

        `_patience`: seconds to wait for what tells; without it the link broke.
        """
        return False

    def send(self, data: bytes, deadline: float | None = None) -> None:
        """Writes all of `data`. Raises Unreachable if nobody reads, TimedOut past the deadline (monotonic)."""
        view, overdue = memoryview(data), False
        while view:
            if deadline is not None:
                _wait(self.outbound, select.POLLOUT, deadline)
                if overdue:
                    raise _too_late()
                overdue = time.monotonic() > deadline
            try:
                # What is said to be writable takes so much without blocking, a pipe too.
                view = view[os.write(self.outbound, view if deadline is None else view[: select.PIPE_BUF]) :]
            except BlockingIOError:
                _wait(self.outbound, select.POLLOUT, deadline)
            except OSError as error:
                raise self._closed(error) from error

    def receive(self, deadline: float | None = None) -> tuple[int, bytes]:
        """The next frame, as (type, payload).

        Raises Unreachable if the other side closed, TimedOut past the deadline (monotonic), ProtocolError.
        """
        while not self._frames:
            if deadline is not None:
                _wait(self.inbound, select.POLLIN, deadline)
                if time.monotonic() > deadline:
                    if self._overdue == deadline:
                        raise _too_late()
                    self._overdue = deadline
            if not self.read():
                _wait(self.inbound, select.POLLIN, deadline)
        return self._frames.popleft()

    def read(self) -> bool:
        """Reads the next bytes, whole frames or not, for `leftovers`; returns False if none are there.

        Raises Unreachable if the other side closed, ProtocolError.
        """
        try:
            data = os.read(self.inbound, _READ)
        except BlockingIOError:
            return False
        except OSError as error:
            raise self._closed(error) from error
        if not data:
            raise self._closed()
        frames = self.decoder.feed(data)
        self._reloaded = self._reloaded or (protocol.RELOADED, b"") in frames
        self._frames += frames
        return True

    def _closed(self, error: OSError | None = None) -> errors.Unreachable:
        """Return the error for a connection that the other side closed; after a failed write, by what it said last."""
        with suppress(errors.SeshError):
            while error is not None and not self._reloaded and polled([(self.inbound, select.POLLIN)], 0.0):
                self.read()
        if self._reloaded:
            return errors.Reloaded("the session's daemon was reloaded")
        return errors.Unreachable("the session's daemon closed the connection")

    def come_back(self, name: str) -> None:
        """Connect again, on the same descriptors, to the daemon of `name`, which was reloaded; HELLO is the caller's.

        Raises as `connect`.
        """
        fresh = connect(name)
        os.dup2(fresh.inbound, self.inbound, inheritable=False)
        fresh.close()
        self.decoder, self._reloaded, self.begun = protocol.Decoder(), False, -1
        self._frames.clear()

    def gone(self) -> bool:
        """Returns whether the other side has closed its end, or gives up its requests."""
        return hung_up(self.inbound)

    def begin(self, request: int) -> bool:
        """Sends BEGUN for a request; returns whether to carry it out, that is, whether the asker is still there.

        An asker that gives up shuts its end first, and then looks for BEGUN (`give_up`): one of the two always sees the
        other. Raises Unreachable.
        """
        if self.gone():
            return False
        self.send(protocol.numbered(protocol.BEGUN, request, b""))
        return not self.gone()

    def give_up(self) -> None:
        """Asks for nothing more: a request whose BEGUN is not among what can be read now is never carried out.

        Over a link that holds for all that comes until its end, if that is an orderly one.
        """
        self.given_up = True
        _shut(self.outbound, socket.SHUT_WR)

    def abort(self) -> None:
        """Ends the connection from another thread: a reader sees its end."""
        if self.inbound >= 0:
            _shut(self.inbound, socket.SHUT_RDWR)

    def ping(self) -> None:
        """Asks a link for a sign of life, if that is due. Raises Lost after too long a silence."""

    def leftovers(self) -> list[tuple[int, bytes]]:
        """Frames that have come and were not taken yet; a reader of the descriptor itself begins with them."""
        frames = list(self._frames)
        self._frames.clear()
        return frames

    def put_back(self, frames: list[tuple[int, bytes]]) -> None:
        """Has `receive` give these frames first: they were taken before their time."""
        self._frames.extendleft(reversed(frames))

    def message(self, kind: int, payload: bytes) -> Any:
        """The JSON of a frame from the other side, of the type that its kind has in `schema`. Raises ProtocolError."""
        return gate.message(kind, payload, far=self.far)

    def hello(self, role: str, deadline: float | None = None, **more: Unpack[Hello]) -> Welcome:
        """Sends HELLO and returns the daemon's WELCOME. Raises ProtocolError if the versions do not fit."""
        self.send(greeting(role, **more), deadline)
        return self.expect_welcome(deadline)

    def expect_welcome(self, deadline: float | None = None) -> Welcome:
        """Reads the WELCOME that answers a HELLO sent before."""
        while not self.accept(*self.receive(deadline)):
            continue
        return self.welcome

    def accept(self, kind: int, payload: bytes) -> bool:
        """Returns whether a frame is the WELCOME that answers a HELLO. Raises the error of a refusal."""
        if kind == protocol.RESPONSE:
            raise errors.rebuild(self.message(kind, payload).get("error"))
        if kind != protocol.WELCOME:
            return False
        before, self.welcome = self.welcome.get("id"), self.message(kind, payload)
        if before and self.welcome.get("id") != before:  # another session has the name of one that ended
            raise errors.Unreachable("the session's daemon closed the connection")
        if self.welcome.get("protocol") != protocol.PROTOCOL and not self.any_protocol:
            raise self.incompatible()
        return True

    def incompatible(self) -> errors.ProtocolError:
        """The error for a daemon that speaks another protocol number."""
        name, version = self.welcome.get("name"), self.welcome.get("version")
        message = f"{name} runs sesh {version}, which is incompatible with this sesh {__version__}"
        return errors.ProtocolError(message, hint=f"move it to this one: {SESH} --reload {name}")

    def request(
        self,
        verb: str,
        data: bytes = b"",
        deadline: float | None = None,
        silence: float = 0.0,
        **words: Unpack[TimedWords],
    ) -> tuple[Answer, bytes]:
        """Has the daemon carry out a verb: its answer and the bytes that came with it.

        `silence`: seconds without any sign of life for which it is waited for; 0 for any, up to the deadline.

        Raises the error that the daemon answered, those of `send` and `answer`, Silent, and Unknown if it has begun and
        does not say how that ended.
        """
        while True:
            self._requests += 1
            number = self._requests
            try:
                self.send(asking(verb, number, data, **words), deadline)
                if silence:
                    self._await_answer(silence, float("inf") if deadline is None else deadline)
                return self._outcome(verb, number, deadline)
            except errors.Reloaded:
                if not self.address:
                    raise
                self.come_back(self.address)
                self.hello("request", deadline)

    def _await_answer(self, silence: float, deadline: float) -> None:
        """Waits until an answer begins, or for the deadline. Raises Silent if the daemon answers no PING meanwhile."""
        asked = False
        while (now := time.monotonic()) < deadline:
            try:
                kind, payload = self.receive(min(deadline, now + silence / 2))
            except errors.TimedOut:
                if asked:
                    raise errors.silent_daemon(str(self.welcome.get("name"))) from None
                asked = True
                self.send(protocol.frame(protocol.PING), deadline)
                continue
            if kind != protocol.PONG:
                self.put_back([(kind, payload)])
                return
            asked = False

    def _outcome(self, verb: str, number: int, deadline: float | None) -> tuple[Answer, bytes]:
        try:
            return self.answer(number, deadline)
        except (errors.TimedOut, errors.Unreachable) as error:
            if error.answered or self.begun != number:
                raise
            name = self.welcome.get("name")
            message = f"the daemon of {name} began to {verb} and does not answer; it may be done or not"
            raise errors.Unknown(message, hint=f"to look: {SESH} --status {name}", exit_code=ExitCode.FAILED) from error

    def answer(
        self,
        number: int,
        deadline: float | None = None,
        output: Callable[[int, bytes], None] | None = None,
        others: Callable[[Answer], None] | None = None,
    ) -> tuple[Answer, bytes]:
        """The answer to request `number`; before it `output` gets OUTPUT, `others` the answers to other requests.

        Raises what `receive` raises. Past the deadline it is given up: then `begun` says whether it is, or may be,
        carried out.
        """
        carried, given_up = bytearray(), False
        while True:
            try:
                kind, payload = self.receive(deadline)
            except (errors.TimedOut, errors.Unreachable) as error:
                if not given_up:
                    if isinstance(error, errors.Unreachable) or not self.led or self.begun == number:
                        raise  # nothing is left to give up: it is lost, not led to a daemon yet, or carried out
                    self.give_up()
                    given_up = True
                    # A daemon here has said BEGUN by now, or never does; a link takes a while to end in order.
                    deadline = time.monotonic() + _ORDERLY if self.far else 0.0
                    continue
                ended = isinstance(error, errors.Unreachable) and not isinstance(error, errors.Lost)
                if ended and not self.broken():
                    raise _too_late() from None  # in order
                if self.far:
                    self.begun = number  # as far as anybody knows
                raise
            if kind == protocol.WELCOME:
                self.accept(kind, payload)
            elif kind == protocol.DATA:
                gate.carry(carried, payload)
            elif kind == protocol.OUTPUT and output is not None:
                output(*protocol.split_number(payload))
            elif kind == protocol.BEGUN:
                self.begun = protocol.split_number(payload)[0]
            elif kind == protocol.RESPONSE:
                response: Answer = self.message(kind, payload)
                if response.get("id") == number:
                    return checked(response), bytes(carried)
                carried.clear()
                if others is not None:
                    others(response)

    def only(
        self, verb: str, data: bytes = b"", *, timeout: float | None = 10.0, **words: Unpack[Words]
    ) -> tuple[Answer, bytes]:
        """Has the daemon carry out one verb, HELLO and REQUEST in one write, and closes the connection."""
        deadline = None if timeout is None else time.monotonic() + timeout
        with self:
            while True:
                try:
                    self.send(greeting("request") + asking(verb, 1, data, **words), deadline)
                    return self._outcome(verb, 1, deadline)
                except errors.Reloaded:
                    if not self.address:
                        raise
                    self.come_back(self.address)


def introduction(role: str, **more: Unpack[Hello]) -> Introduction:
    """The words of a HELLO."""
    return {"protocol": protocol.PROTOCOL, "version": __version__, "role": role, "pid": os.getpid(), **more}


def greeting(role: str, **more: Unpack[Hello]) -> bytes:
    """A HELLO frame."""
    return protocol.message(protocol.HELLO, introduction(role, **more))


def asking(verb: str, number: int, data: bytes = b"", **words: Unpack[TimedWords]) -> bytes:
    """The frames of one request: DATA if it carries bytes, then REQUEST."""
    return data_frames(data) + protocol.message(protocol.REQUEST, {"id": number, "verb": verb, **words})


def data_frames(data: bytes) -> bytes:
    """DATA frames that carry these bytes."""
    starts = range(0, len(data), protocol.CHUNK)
    return b"".join(protocol.frame(protocol.DATA, data[start : start + protocol.CHUNK]) for start in starts)


def checked(answer: Answer) -> Answer:
    """`answer` itself. Raises its error if it is one."""
    if "error" in answer:
        raise errors.rebuild(answer["error"])
    return answer


def connect(name: str, timeout: float = 5.0, folder: str = "") -> Connection:
    """A connection to the daemon of `name` on this machine.

    `folder`: the directory of sessions, if its rights were checked a moment ago. Raises NotFound if none answers,
    Unreachable if it does not accept in time, Refused for a foreign socket.
    """
    if not folder:
        folder = paths.directory()
        if not paths.trusted(folder):
            raise paths.absent(name)
    if not paths.check_file(os.path.join(folder, check_name(name) + paths.SOCKET), stat.S_IFSOCK):
        raise paths.absent(name)
    deadline = time.monotonic() + timeout
    while True:
        opened = begin(name, folder)
        if opened is None:
            raise paths.absent(name)
        try:
            opened.getpeername()
            break
        except OSError:  # its backlog is full for the moment; there is no event to wait for
            opened.close()
        if time.monotonic() > deadline:
            raise errors.silent_daemon(name)
        time.sleep(0.01)
    uid = platform.peer_uid(opened)
    if uid != os.geteuid():  # the directory may have been exchanged since it was checked
        opened.close()
        raise Refused(f"another user (uid {uid}) listens in {paths.directory()}; set SESH_DIR to a directory of yours")
    connection = adopt(opened)
    connection.address = name
    return connection


def most_connections() -> int:
    """The number of daemons to connect to at once, by the limit of this process (`ulimit -n`)."""
    limit = os.sysconf("SC_OPEN_MAX")
    return _MOST_AT_ONCE if limit < 0 else max(1, min(_MOST_AT_ONCE, limit - _KEPT_FREE))


def most_followed() -> int:
    """The number of daemons to stay connected to, so that as many others as ever can be asked at once."""
    limit = os.sysconf("SC_OPEN_MAX")
    return (
        _MOST_FOLLOWED
        if limit < 0
        else max(most_connections() // 2, min(_MOST_FOLLOWED, limit - _MOST_AT_ONCE - _KEPT_FREE))
    )


def begin(name: str, folder: str = "") -> socket.socket | None:
    """A non-blocking socket that is connected to the daemon of `name`, or, if its backlog is full, to nothing yet.

    None if nobody listens there.
    """
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    opened.setblocking(False)
    try:
        with paths.reachable(folder or paths.directory(), name + paths.SOCKET) as address:
            opened.connect(address)
    except BlockingIOError:
        return opened
    except (FileNotFoundError, ConnectionRefusedError):
        opened.close()
        return None
    except OSError as error:
        opened.close()
        if paths.lacks_descriptors(error):
            raise
        raise errors.Unreachable(f"{paths.socket_path(name)}: {error.strerror}") from error
    return opened


def adopt(opened: socket.socket) -> Connection:
    """A Connection over a connected socket."""
    descriptor = opened.detach()
    os.set_blocking(descriptor, True)
    return Connection(descriptor, descriptor)


def ask(
    name: str, verb: str, /, data: bytes = b"", *, timeout: float | None = 10.0, **words: Unpack[Words]
) -> tuple[Answer, bytes]:
    """One verb to the daemon of `name` over a connection of its own. Raises as `connect` and `Connection.only` do."""
    return connect(name).only(verb, data, timeout=timeout, **words)


def hung_up(descriptor: int) -> bool:
    """Returns whether the other side has closed its end for writing, even if it can still be read from: poll(2)."""
    poll = select.poll()
    poll.register(descriptor, getattr(select, "POLLRDHUP", 0))
    return bool(poll.poll(0))


def polled(watched: Iterable[tuple[int, int]], deadline: float | None) -> list[int]:
    """Waits until descriptors are ready for their events, and returns those; none past the deadline (monotonic)."""
    poll = select.poll()
    for descriptor, events in watched:
        poll.register(descriptor, events)
    while True:
        left = None if deadline is None else min(max(0.0, deadline - time.monotonic()) * 1000, LONGEST_POLL)
        ready = [descriptor for descriptor, _ in poll.poll(left)]
        if ready or (deadline is not None and time.monotonic() >= deadline):
            return ready


def heard_out(ready: list[int], audience: int) -> None:
    """Raises BrokenPipeError if `audience`, polled for no events, is ready: nobody reads it any more."""
    if audience in ready:
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def _wait(descriptor: int, events: int, deadline: float | None) -> None:
    """Blocks until the descriptor is ready. Raises TimedOut past the deadline."""
    if not polled([(descriptor, events)], deadline):
        raise _too_late()


def _shut(descriptor: int, how: int) -> None:
    try:
        opened = socket.socket(fileno=os.dup(descriptor))
    except OSError:
        return  # it was closed just now
    try:
        opened.shutdown(how)
    except OSError:
        return  # the daemon has closed the connection
    finally:
        opened.close()


def _too_late() -> errors.TimedOut:
    return errors.TimedOut("the session's daemon did not answer in time", hint=f"`{SESH} --status` shows its pid")
