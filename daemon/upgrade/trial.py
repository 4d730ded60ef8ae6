"""The trial of a sesh that is to take over a daemon: its loop runs on stand-ins, and is used as people use it.

It has two processes. In one the other sesh loads the daemon's whole state, and serves a copy of it on a terminal and
sockets of the trial's own, in a directory of the trial's own: nothing that it does reaches the session. The other
process attaches a client, types, resizes, asks, lets a timer run out and ends the copy. Whatever fails, dies or does
not answer in time is why the other sesh cannot take over.
"""

from __future__ import annotations

import os
import select
import signal
import tempfile
import threading
import time

from sesh import protocol, wire
from sesh.daemon.clients.listener import Listener
from sesh.daemon.pty.pty import slave_path
from sesh.daemon.upgrade import state as states
from sesh.daemon.upgrade.probation import damning, reason
from sesh.errors import ProtocolError, SeshError, TimedOut
from sesh.lean import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.daemon.pty.pty import PtyState
    from sesh.daemon.server import Reload
    from sesh.daemon.upgrade.shape import ConnectionState, State
    from sesh.schema import Facts

    Pair = tuple[socket.socket, socket.socket]

LIMIT = 10.0
"""Seconds in which the copy must have served and ended."""
MOST_CONNECTIONS = 50
"""Connections that the copy has; the others are loaded only."""
_WORD = b"x"


def run(state: State, load_reload: Callable[[], Reload]) -> str:
    """Why this sesh cannot take over the daemon that `state` describes; empty if it can."""
    states.check_format(state)
    with tempfile.TemporaryDirectory(prefix="sesh-trial-") as folder:
        os.environ.update(SESH_DIR=folder, HOME=folder, XDG_CONFIG_HOME=folder, XDG_STATE_HOME=folder)
        return _Trial(state, load_reload).outcome()


class _Trial:
    def __init__(self, state: State, load_reload: Callable[[], Reload]) -> None:
        self._state, self._load_reload = state, load_reload
        self._name = str(state["session"]["facts"]["name"])
        self._runs = state["pty"] is not None
        self._deadline = time.monotonic() + LIMIT
        self._pid = 0
        self._doing = "a connection"
        """What the copy was last asked to do."""

    def outcome(self) -> str:
        pairs = [_pair() for _ in self._state["connections"][:MOST_CONNECTIONS]]
        listener = Listener.claim(self._name)
        report, told = os.pipe()
        self._pid = os.fork()
        if not self._pid:
            try:
                self._serve(listener, [ours for ours, _ in pairs], told)
            finally:
                os._exit(1)
        os.close(told)
        listener.close()
        for ours, _ in pairs:
            ours.close()
        threading.Thread(target=_read_all, args=([theirs for _, theirs in pairs],), daemon=True).start()
        why = ""
        try:
            self._use()
        except SeshError as error:
            why = f"{self._doing} was not served: {error}"
        return self._ended(why, report)

    def _ended(self, why: str, report: int) -> str:
        """Reaps the copy; why the trial has failed, by the copy's own words if it has left any."""
        status = None
        while status is None and not why and time.monotonic() < self._deadline:
            pid, found = os.waitpid(self._pid, os.WNOHANG)
            status = found if pid else None
            time.sleep(0.005)
        if status is None:
            said = self._said(report, 0.2)
            os.kill(self._pid, signal.SIGKILL)
            os.waitpid(self._pid, 0)
            return said or why or "it did not end"
        return self._said(report, 0) or ("" if status == 0 else "it died")

    def _said(self, report: int, seconds: float) -> str:
        ready, _, _ = select.select([report], [], [], seconds)
        return os.read(report, 4096).decode("utf-8", "replace") if ready else ""

    # -- the copy

    def _serve(self, listener: Listener, places: list[socket.socket], told: int) -> None:
        """In the copy's process: loads the state, and serves until the copy is ended."""

        def fail(error: BaseException) -> None:
            os.write(told, reason(error).encode("utf-8", "replace")[:4096])
            os._exit(1)

        try:
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            self._load_all()
            server, _ = states.load(self._copy(listener, places), self._load_reload)
            server.session.faults.on_fault = lambda error: fail(error) if damning(error) else None
            server.begin()
            server.run()
        except BaseException as error:
            fail(error)
        os._exit(0)

    def _load_all(self) -> None:
        """Loads the whole state, as it will be loaded, on stand-ins that nothing is done with."""
        state = self._state
        kept = [_pair()[0] for _ in [None, *state["connections"]]]
        nothing = os.open(os.devnull, os.O_RDWR)
        pty, stdin = state["pty"], state["stdin"]
        places: list[ConnectionState] = [
            {**each, "descriptor": ours.fileno()} for each, ours in zip(state["connections"], kept[1:], strict=True)
        ]
        stood_in: State = {
            **state,
            "pty": {**pty, "descriptor": nothing, "slave": nothing} if pty is not None else None,
            "stdin": {**stdin, "descriptor": nothing} if stdin is not None else None,
            "connections": places,
            "listener": {**state["listener"], "descriptor": kept[0].fileno()},
        }
        self._loaded = states.load(stood_in, self._load_reload)
        self._kept = kept  # a descriptor that is closed would be another one's soon

    def _copy(self, listener: Listener, places: list[socket.socket]) -> State:
        """The state without what acts on the session or waits for it: input, runs, hooks, requests not handled yet."""
        state, count = self._state, len(places)
        last, events, followers = state["events"]
        pty = self._terminal() if self._runs else None
        facts: Facts = {**state["session"]["facts"], "deadline": None, "pid": pty["pid"] if pty is not None else 0}
        return {
            **state,
            "session": {**state["session"], "facts": facts},
            "listener": listener.dump(),
            "pty": pty,
            "open": pty is not None,
            "stdin": None,
            "input": [],
            "runs": None,
            "hooks": [],
            "typed_line": None,
            "connections": [
                {**each, "descriptor": ours.fileno(), "backlog": []}
                for each, ours in zip(state["connections"], places, strict=False)
            ],
            "clients": [at for at in state["clients"] if at < count],
            "followers": [at for at in state["followers"] if at < count],
            "events": (last, events, [(at, seen) for at, seen in followers if at < count]),
            "waits": [each for each in state["waits"] if each[0] < count],
        }

    def _terminal(self) -> PtyState:
        """A pty that echoes what is typed, with a program that does nothing."""
        pid, descriptor = os.forkpty()
        if not pid:
            try:
                os.closerange(3, 4096)
                while True:
                    signal.pause()
            finally:
                os._exit(0)
        os.set_blocking(descriptor, False)
        path = slave_path(descriptor)
        slave = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
        return {"descriptor": descriptor, "slave": slave, "pid": pid, "path": path, "device": 0}

    # -- its use

    def _use(self) -> None:
        """Uses the copy as people use a session. Raises SeshError if it does not do what it is asked to."""
        deadline = self._deadline
        columns, rows = self._state["session"]["size"][:2]
        with wire.connect(self._name) as person:
            self._doing = "a client that attaches"
            person.hello("attach", deadline, columns=columns, rows=rows, client="trial")
            self._await(person, protocol.SCREEN)
            if self._runs:
                self._doing = "a client that asks for the screen"
                person.send(protocol.frame(protocol.REDRAW), deadline)  # it may have shown what was missed
                self._await(person, protocol.SCREEN)
                self._doing = "a key"
                person.send(protocol.numbered(protocol.INPUT, 1, _WORD), deadline)
                self._await(person, protocol.ACK, protocol.OUTPUT)
                wider = columns + 1 if columns < 1000 else columns - 1
                self._doing = "a resize"
                # A resize alone brings no screen where the alternate one shows: the program draws that anew.
                resize = protocol.frame(protocol.RESIZE, protocol.size_payload(wider, rows))
                person.send(resize + protocol.frame(protocol.REDRAW), deadline)
                self._await(person, protocol.SCREEN)
                self._doing = "a client that detaches"
                person.send(protocol.frame(protocol.PING, b"1") + protocol.message(protocol.DETACH, {}), deadline)
                self._await(person, protocol.PONG, protocol.DETACH)
        with wire.connect(self._name) as asking:
            asking.hello("request", deadline)
            for verb in ("summary", "status", "screen", "logs", "history"):
                self._doing = f"the request {verb}"
                asking.request(verb, deadline=deadline)
            if self._runs:
                self._doing = "a wait whose time runs out"
                try:
                    asking.request("wait", deadline=deadline, idle=1e6, timeout=0.02)
                except TimedOut as late:
                    if not late.answered:
                        raise
            self._doing = "the request kill"
            asking.request("kill", deadline=deadline)

    def _await(self, person: wire.Connection, *kinds: int) -> None:
        """Receives frames until one of each of these kinds has come. Raises ProtocolError if the client is detached."""
        missing = set(kinds)
        while missing:
            kind, _ = person.receive(self._deadline)
            if kind in (protocol.DETACH, protocol.EXIT) and kind not in missing:
                raise ProtocolError("it detached a client")
            missing.discard(kind)


def _pair() -> Pair:
    return socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)


def _read_all(ends: list[socket.socket]) -> None:
    """Reads what the copy sends to the clients of the session, as they would."""
    poll = select.poll()
    for end in ends:
        end.setblocking(False)
        poll.register(end.fileno(), select.POLLIN)
    known = {end.fileno(): end for end in ends}
    while known:
        for descriptor, _ in poll.poll():
            try:
                ended = not known[descriptor].recv(1 << 16)
            except BlockingIOError:
                continue
            except OSError:
                ended = True
            if ended:
                poll.unregister(descriptor)
                del known[descriptor]
