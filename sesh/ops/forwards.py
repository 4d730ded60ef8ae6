"""What forwards ports in the background: one process for each host, which answers on a socket.

Each question is a request `forward` of one connection: `do` is `add`, `list` or `stop`. The process ends with its last
port.
"""

from __future__ import annotations

import hashlib
import json
import os
import select
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from typing import Any, BinaryIO, NoReturn

from sesh.about import PROGRAM
from sesh.errors import NotFound, Refused, SeshError, Unreachable, rebuild
from sesh.ops.forwarding import Forwarding
from sesh.reach.caller import Caller
from sesh.reach.host_target import HostTarget
from sesh.schema import codec
from sesh.schema.facts import ForwardedPort
from sesh.store.own import FORWARD
from sesh.system import files, paths, processes
from sesh.wire import protocol
from sesh.wire.connection import Connection, adopt, listen, open_socket, request_frames
from sesh.wire.messages import FORWARD as FORWARD_REQUEST

_ANSWER_TIME = 5.0  # seconds for a process to answer
_START_TIME = 60.0  # seconds for a process to have its first link
_BACKLOG = 16
_ANSWER = 3  # the descriptor by which the process tells of its start
_MAX_ANSWER = 1 << 16  # bytes


def _entry(host: str) -> str:
    """Return the name of the socket of what forwards a host's ports."""
    return f".forward.{hashlib.sha256(host.encode()).hexdigest()[:24]}"


def _entries() -> list[str]:
    with suppress(FileNotFoundError):
        found = map(FORWARD.fullmatch, os.listdir(paths.directory()))
        return sorted(each[0] for each in found if each is not None and not each[1])
    return []


def _ask(entry: str, **keys: Any) -> list[ForwardedPort]:
    """Ask one process; it is no error if there is none. Raises its errors, Unreachable, TimedOut."""
    opened = open_socket(entry)
    if opened is None:
        return []
    with adopt(opened) as connection:
        until = time.monotonic() + _ANSWER_TIME
        connection.send(request_frames(FORWARD_REQUEST, 1, **keys), until)
        try:
            return connection.await_response(FORWARD_REQUEST, 1, until)[0]
        except Unreachable as error:
            if error.in_response:
                raise
            return []  # it has just ended


def rows(host: str | None = None) -> list[ForwardedPort]:
    """Return what is forwarded in the background, of one host or of all."""
    return [row for entry in _chosen(host) for row in _ask(entry, do="list")]


def stop(host: str | None = None, port: int | None = None) -> list[ForwardedPort]:
    """End what is forwarded in the background, of one host or of all, one port or all; return what was ended."""
    return [row for entry in _chosen(host) for row in _ask(entry, do="stop", port=port)]


def _chosen(host: str | None) -> list[str]:
    return _entries() if host is None else [_entry(host)]


def begin(target: HostTarget, port: int, session_id: str = "", session: str = "") -> ForwardedPort:
    """Forward a port in the background, by the process for its host; return what is forwarded.

    Raises Refused, and the errors of a first link.
    """
    keys = {"do": "add", "port": port, "session_id": session_id, "session": session}
    entry = _entry(target.host)
    if row := next(iter(_ask(entry, **keys)), None):
        return row
    # Where ssh asks a person, it asks here; the process opens a link of its own over the shared connection.
    Forwarding(target, lambda _: None).close()
    lock = os.path.join(files.ready_directory(), f"{entry}.start")
    with files.locked(*os.path.split(lock)):
        try:
            row = next(iter(_ask(entry, **keys)), None)
            return row or _start(target.host, entry, port, session_id, session)
        finally:
            with suppress(FileNotFoundError):
                os.unlink(lock)


def _start(host: str, entry: str, port: int, session_id: str, session: str) -> ForwardedPort:
    """Start the process for a host; return what it forwards. Raises what it has met."""
    inbound, outbound = os.pipe()
    if not (child := os.fork()):
        os.close(inbound)
        _run_apart(outbound, host, entry, port, session_id, session)
    os.close(outbound)
    os.waitpid(child, 0)
    with os.fdopen(inbound, "rb") as answer:
        ready = select.select([answer], [], [], _START_TIME)[0]
        said = answer.read(_MAX_ANSWER) if ready else b""
    if not said:
        raise Refused(f"what was to forward port {port} of @{host} has not started")
    facts: dict[str, Any] = codec.parse(said)
    if "error" in facts:
        raise rebuild(facts["error"])
    row: ForwardedPort = facts["row"]
    return row


def _run_apart(outbound: int, host: str, entry: str, port: int, session_id: str, session: str) -> NoReturn:
    """Forward a host's ports in a process of its own, apart from the terminal, and tell of its start; never return."""
    answer = None
    try:
        os.setsid()
        if os.fork():
            os._exit(0)
        answer = _let_go(outbound)
        processes.set_process_title(f"{PROGRAM}: forwards ports of @{host}")
        forwarding = Forwarding(HostTarget(Caller(), host, may_prompt=False), lambda _: None)
        with closing(forwarding), closing(_Questions(entry, forwarding)) as questions:
            _say(answer, row=forwarding.add(port, session_id, session))
            forwarding.run(questions)
    except BaseException as error:  # whatever it is, nothing of the caller may run here
        told = error if isinstance(error, SeshError) else Refused(f"{type(error).__name__}: {error}")
        _say(answer, error=told.facts())
    os._exit(0)


def _let_go(outbound: int) -> BinaryIO:
    """Keep one descriptor, and return it; keep no directory and no signal handler of the caller."""
    null = os.open(os.devnull, os.O_RDWR)
    for standard in (0, 1, 2):
        os.dup2(null, standard)
    os.dup2(outbound, _ANSWER, inheritable=False)
    os.closerange(_ANSWER + 1, os.sysconf("SC_OPEN_MAX"))
    os.chdir("/")
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    return os.fdopen(_ANSWER, "wb")


def _say(answer: BinaryIO | None, **facts: object) -> None:
    """Tell of the start, once."""
    if answer is not None and not answer.closed:
        with suppress(OSError), answer:  # the caller was killed
            answer.write(json.dumps(facts).encode())


class _Questions:
    """Answers the questions about what a process forwards, on its socket."""

    def __init__(self, entry: str, forwarding: Forwarding) -> None:
        self._path = os.path.join(paths.directory(), entry)
        self._forwarding = forwarding
        with suppress(FileNotFoundError):  # of a process that was killed: the caller has asked, and holds the lock
            os.unlink(self._path)
        self._listening = listen(entry, _BACKLOG)
        self._listening.setblocking(False)

    def close(self) -> None:
        """Answer no more."""
        with suppress(FileNotFoundError):
            os.unlink(self._path)
        self._listening.close()

    def watched(self) -> dict[int, int]:
        return {self._listening.fileno(): int(select.POLLIN)}

    def act(self, ready: list[int]) -> None:
        """Answer who asks; whoever asks nothing at once gets no answer."""
        if self._listening.fileno() not in ready:
            return
        with suppress(OSError, SeshError):
            taken, _ = self._listening.accept()
            with adopt(taken) as connection:
                kind, payload = connection.receive(time.monotonic() + 1.0)
                if kind == protocol.REQUEST:
                    self._answer(connection, codec.parse(payload))

    def _answer(self, connection: Connection, keys: dict[str, Any]) -> None:
        response: dict[str, object] = {"id": keys.get("id")}
        try:
            response["result"] = list(self._done(keys))
        except SeshError as error:
            response["error"] = error.facts()
        connection.send(protocol.message(protocol.RESPONSE, response), time.monotonic() + 1.0)

    def _done(self, keys: dict[str, Any]) -> Iterator[ForwardedPort]:
        do, port = keys.get("do"), keys.get("port")
        if do == "add" and isinstance(port, int):
            session_id, session = keys.get("session_id"), keys.get("session")
            yield self._forwarding.add(port, str(session_id or ""), str(session or ""))
        elif do == "stop":
            yield from self._forwarding.stop(port if isinstance(port, int) else None)
        elif do == "list":
            yield from self._forwarding.rows()
        else:
            raise NotFound("this forward of an older sesh does not know what was asked", hint="end it: --stop")
