"""The trial of a new sesh: it loads the daemon's state, serves a copy of the session, and is used as by a client.

A child process loads the whole state on stand-ins for its descriptors. Then it serves the session alone, without the
daemon's connections, on a terminal, a socket and in a directory of the trial's own: nothing reaches the real session.
The reason against the new sesh is whatever fails, dies or does not answer in time.
"""

from __future__ import annotations

import os
import select
import shutil
import signal
import socket
import tempfile
import threading
import time

from sesh import protocol, wire
from sesh.daemon.clients.listener import Listener
from sesh.daemon.pty.program import Program
from sesh.daemon.pty.pty import Pty
from sesh.daemon.server import Reload, Server
from sesh.daemon.upgrade import state as states
from sesh.daemon.upgrade.probation import damning, reason
from sesh.daemon.upgrade.shape import State
from sesh.errors import ProtocolError, SeshError, TimedOut
from sesh.stored import Facts

LIMIT = 10.0
"""Seconds in which the copy must have served and ended."""


def run(state: State, reload: Reload) -> str:
    """The reason why this sesh cannot take over the daemon that `state` describes; empty if it can."""
    states.check_format(state)
    deadline = time.monotonic() + LIMIT
    with tempfile.TemporaryDirectory(prefix="sesh-trial-") as folder:
        os.environ.update(SESH_DIR=folder, HOME=folder, XDG_CONFIG_HOME=folder, XDG_STATE_HOME=folder)
        listener = Listener.claim(str(state["session"]["facts"]["name"]))
        report, report_end = os.pipe()
        lifetime, lifetime_end = os.pipe()
        child = os.fork()
        if not child:
            os.close(lifetime_end)
            _serve(state, reload, listener, report_end, (lifetime, folder))
        os.close(report_end)
        listener.close()
        client_error = _use(listener.name, state, deadline)
        # The error that the copy reports says more than what its client saw of it: it gets a moment for its report.
        patience = 0.2 if client_error else max(0.0, deadline - time.monotonic())
        ended, _, _ = select.select([report], [], [], patience)
        if not ended:
            os.kill(child, signal.SIGKILL)
        copy_error = os.read(report, 4096).decode("utf-8", "replace")
        _, status = os.waitpid(child, 0)
        if not status:
            return client_error
        return copy_error or client_error or ("it died" if ended else "it did not end")


# -- the copy


def _serve(state: State, reload: Reload, listener: Listener, report_end: int, trial: tuple[int, str]) -> None:
    """Loads the state and serves the copy to its end, or reports the error; never returns.

    `trial`: a pipe that is closed when the trial ends, and its folder. A trial that is killed cannot clean up.
    """

    def fail(error: BaseException) -> None:
        os.write(report_end, reason(error).encode("utf-8", "replace")[:4096])
        os._exit(1)

    def end_with_trial() -> None:
        lifetime, folder = trial
        os.read(lifetime, 1)
        shutil.rmtree(folder, ignore_errors=True)
        os._exit(1)

    try:
        copy = _copy(state)
        threading.Thread(target=end_with_trial, daemon=True).start()
        whole = states.load(copy, reload)  # kept until the end: its descriptors must not be closed
        pty = Pty(copy["pty"]) if copy["pty"] is not None else None
        server = Server(states.load_session(copy["session"], pty), listener, None, reload)
        server.ending.done = state["done"]
        server.session.faults.on_fault = lambda error: fail(error) if damning(error) else None
        server.begin()
        server.run()
        del whole
    except BaseException as error:
        fail(error)
    os._exit(0)


def _copy(state: State) -> State:
    """The whole state, on descriptors that lead nowhere and a program that does nothing."""
    pty = None
    if state["pty"] is not None:
        pty = Pty.spawn(Program("/bin/sh", ["sh", "-c", "read line"], "/", {}, (80, 24, 0, 0), 0o077)).state
    stdin = state["stdin"]
    facts: Facts = {**state["session"]["facts"], "deadline": None, "pid": pty["pid"] if pty is not None else 0}
    closed, _ = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    return {
        **state,
        "session": {**state["session"], "facts": facts},
        "listener": {**state["listener"], "descriptor": os.dup(closed.fileno())},
        "pty": pty,
        "stdin": {**stdin, "descriptor": os.dup(closed.fileno())} if stdin is not None else None,
        "connections": [{**row, "descriptor": os.dup(closed.fileno())} for row in state["connections"]],
    }


# -- its use


def _use(name: str, state: State, deadline: float) -> str:
    """Uses the copy as people use a session, and returns the step that failed and its error; empty if none did."""
    columns, rows = state["session"]["size"][:2]
    wider = columns + 1 if columns < 1000 else columns - 1
    redraw = protocol.frame(protocol.REDRAW)
    resize = protocol.frame(protocol.RESIZE, protocol.size_payload(wider, rows))
    leave = protocol.frame(protocol.PING, b"1") + protocol.message(protocol.DETACH, {})
    steps = (
        # Its first screen may have shown what was missed, which a key would take away.
        ("a client that asks for the screen", redraw, {protocol.SCREEN}),
        ("a key", protocol.numbered(protocol.INPUT, 1, b"x"), {protocol.ACK, protocol.OUTPUT}),
        # A resize alone brings no screen if the alternate one shows: the program draws that anew.
        ("a resize", resize + redraw, {protocol.SCREEN}),
        ("a client that detaches", leave, {protocol.PONG, protocol.DETACH}),
    )
    program_runs = state["pty"] is not None
    step = "a client that attaches"
    try:
        with wire.connect(name) as client:
            client.hello("attach", deadline, columns=columns, rows=rows, client="trial")
            _await(client, {protocol.SCREEN}, deadline)
            for label, frames, answers in steps if program_runs else ():
                step = label
                client.send(frames, deadline)
                _await(client, answers, deadline)
        with wire.connect(name) as asker:
            asker.hello("request", deadline)
            for verb in ("summary", "status", "screen", "logs", "history"):
                step = f"the request {verb}"
                asker.request(verb, deadline=deadline)
            if program_runs:
                step = "a wait whose time runs out"
                try:
                    asker.request("wait", deadline=deadline, idle=1e6, timeout=0.02)
                except TimedOut as error:
                    if not error.answered:
                        raise
            step = "the request kill"
            asker.request("kill", deadline=deadline)
    except SeshError as error:
        return f"{step} was not served: {error}"
    return ""


def _await(client: wire.Connection, kinds: set[int], deadline: float) -> None:
    """Receives frames until one of each of these kinds has come. Raises ProtocolError if the client is detached."""
    missing = set(kinds)
    while missing:
        kind, _ = client.receive(deadline)
        if kind in (protocol.DETACH, protocol.EXIT) and kind not in missing:
            raise ProtocolError("it detached a client")
        missing.discard(kind)
