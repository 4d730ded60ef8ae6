"""A daemon's process from its first instruction: detach, start the program, report to the creator, serve the session.

In the spec, an empty `directory` is the creator's, a `command` of None the user's shell, an `id` of None a new one;
`columns` to `height` are 0 without a terminal; `timeout` (seconds) is a job's; with `stdin` the job reads what its
creator sends; with `persist` the daemon writes checkpoints.
"""

from __future__ import annotations

import gc
import json
import os
import signal
import socket
import time
from collections.abc import Mapping
from errno import EACCES, ENOENT

from sesh import bounds, log, paths, proc, programs, protocol, system, wire, writing
from sesh.about import PROGRAM
from sesh.daemon.clients.listener import Listener
from sesh.daemon.description import write_record
from sesh.daemon.pty.program import Program, cannot_start
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import StdinPipe
from sesh.daemon.reload import begin
from sesh.daemon.server import Server
from sesh.daemon.session import GATE, Session
from sesh.daemon.spawn.daemonize import CHANNEL, HELD, detach, leave_session, reset_signals
from sesh.daemon.spawn.environment import environment, find_program, shell_words
from sesh.errors import InternalError, Interrupted, Refused, SeshError
from sesh.moments import STEADY
from sesh.schema import LaunchSpec
from sesh.store import records
from sesh.stored import Facts

_SPEC_TIMEOUT = 10.0
"""Seconds that a fork of the zygote waits for its spec."""
_PATIENCE, _PAUSE = 10.0, 0.05
"""Seconds for which a daemon tries to build its server, and between two tries."""


def run_spawned(channel: int) -> None:
    """The daemon in an interpreter of its own, which reads its spec from the channel; never returns."""
    signal.pthread_sigmask(signal.SIG_BLOCK, HELD)
    run(channel, _receive_spec(wire.Connection(channel, channel), None))


def run_from_zygote(channel: int, lifetime_pipe: int) -> None:
    """The daemon in a fork of the zygote, to which the end of `lifetime_pipe` tells the daemon's end; never returns.

    It leads a session of its own, so that the scheduler weighs each daemon by itself (autogroups, sched(7)). Terminals
    are opened with O_NOCTTY by a daemon: another one would become its controlling terminal.
    """
    try:
        os.setsid()
        connection = wire.Connection(channel, channel)
        connection.send(protocol.frame(protocol.PONG, b""))
        spec = _receive_spec(connection, time.monotonic() + _SPEC_TIMEOUT)
        directory = paths.directory()
        os.environ.clear()
        os.environ.update(spec["environment"])
        os.environ["SESH_DIR"] = directory
    except BaseException:
        os._exit(1)  # the creator did not wait and started its daemon without the zygote
    run(channel, spec, lifetime_pipe)


def _receive_spec(connection: wire.Connection, deadline: float | None) -> LaunchSpec:
    """Receives the spec over a connection. Raises what `Connection.receive` raises."""
    data = bytearray()
    while True:
        kind, payload = connection.receive(deadline)
        if kind == protocol.DATA:
            data += payload
        elif kind == protocol.REQUEST:
            spec: LaunchSpec = json.loads(data.decode())
            return spec


def run(channel: int, spec: LaunchSpec, lifetime_pipe: int = -1) -> None:
    """Reports to the creator that the session is there, or the error, and serves the session; never returns.

    Leaves the creator's session and its score for memory first; with a `lifetime_pipe`, in a fork of the zygote, that
    has happened already.
    """
    try:
        try:
            if lifetime_pipe < 0:
                leave_session()
                system.outlive_programs()
            proc.set_process_title(f"{PROGRAM}: {spec['name']}")
            detach(channel, lifetime_pipe)
            channel = CHANNEL
            if path := spec["environment"].get("PATH"):
                os.environ["PATH"] = path  # hooks find what the program finds
            reset_signals()
            writing.hold_package()
            session, listener = _set_up(spec, wire.Connection(channel, channel))
        except (SeshError, OSError) as error:
            failure = error if isinstance(error, SeshError) else refusal(error)
            try:
                response = protocol.message(protocol.RESPONSE, {"id": 0, "error": failure.facts()})
                wire.Connection(channel, channel).send(response)
            finally:  # if the creator has died, nobody needs to know
                os._exit(1)
        first = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, CHANNEL)
        try:
            first.sendall(protocol.message(protocol.RESPONSE, {"id": 0, "ok": True, "session": spec["name"]}))
        except OSError:
            first.close()  # the creator has died; its session lives
            if session.pump.stdin is not None:
                session.pump.stdin.close()  # nobody feeds the job
        _serve(session, listener, first if first.fileno() >= 0 else None)
    except BaseException as error:
        try:
            log.write_error("daemon", error)
        finally:
            os._exit(1)
    os._exit(0)


def _serve(session: Session, listener: Listener, creator: socket.socket | None) -> None:
    """Serves the session to its end.

    The program runs already, so an error for lack of descriptors or memory is no end: it is tried again for a while.
    """
    until = time.monotonic() + _PATIENCE
    while True:
        try:
            server = Server(session, listener, creator, begin)
            break
        except BaseException as error:
            if not isinstance(error, OSError) or time.monotonic() > until:
                listener.release()
                raise
            time.sleep(_PAUSE)
    gc.freeze()  # what has been loaded by now lives as long as the daemon
    server.begin()
    server.run()


def _set_up(spec: LaunchSpec, creator: wire.Connection) -> tuple[Session, Listener]:
    """Claims the name, writes the record, and starts the program. Returns the session and its listening socket.

    Raises SeshError, OSError; Interrupted, and has changed nothing, if the creator has gone or has given up.
    """
    listener = None
    try:
        listener = Listener.claim(spec["name"], lambda: _begin(creator, spec))
        session = _start_session(spec)
    except BaseException as error:
        if listener is not None:
            listener.release()
        if isinstance(error, (SeshError, OSError)):
            raise
        raise InternalError(f"cannot set up the session: {error}") from error
    return session, listener


def _begin(creator: wire.Connection, spec: LaunchSpec) -> None:
    """Says that the session begins. Raises Interrupted if the creator has gone, or has given up; Exists if somebody was
    faster to start the same dormant session, even if that has ended since."""
    before = spec.get("instead_of")
    if before and (records.readable(spec["name"]) or {}).get("id") != before:
        raise paths.taken(spec["name"])
    if not creator.begin(0):
        raise Interrupted("its creator does not want the session any more")


def refusal(error: OSError) -> Refused:
    """The error for a session that could not be set up because of a system call."""
    why = error.strerror or str(error)
    hint = writing.remedy(error)
    # An error of a write to a descriptor names no file: the file is in the directory of sessions.
    path = error.filename if isinstance(error.filename, str) else paths.directory() if hint else ""
    if paths.lacks_descriptors(error):
        hint = "raise the limit: ulimit -n 1024"
    return Refused(f"cannot set up the session: {path}{': ' if path else ''}{why}", hint=hint)


def _start_session(spec: LaunchSpec) -> Session:
    """Starts the program, and returns the session. Raises CannotStart, Refused, OSError.

    All that can fail comes before the program: one that runs without its session would be in no list.
    """
    creator = spec["environment"]
    session_id = str(spec.get("id") or os.urandom(8).hex())
    variables = environment(spec, session_id)
    path, argv, command = _program(spec, variables)
    size = bounds.clamp_size(spec.get("columns"), spec.get("rows"), spec.get("width"), spec.get("height"))
    created = STEADY.now()
    facts: Facts = {
        "name": spec["name"],
        "id": session_id,
        "created": created,
        "directory": spec["directory"],
        "command": command,
        "labels": dict(spec.get("labels") or {}),
        "keep": bool(spec.get("keep")),
        "job": bool(spec.get("job")),
        "shell": not spec.get("command") and not spec.get("resumes"),
        "resume": spec.get("resume"),
        "env": [*dict.fromkeys([*spec.get("env", ()), *(spec.get("extra") or ())])],
        "resumed": not spec.get("command") and spec.get("resumes") is True,
        "persist": spec.get("persist") is True,
        "outlive": spec.get("outlive"),
        "scrollback": bounds.clamped(spec.get("scrollback"), 0, bounds.MOST_SCROLLBACK, bounds.SCROLLBACK),
        "deadline": created + limit if (limit := spec.get("timeout")) is not None else None,
        "pid": 0,
        "reason": None,
    }
    session = Session(facts, size, None)
    if spec.get("before"):
        session.pump.show(spec["before"].encode("utf-8", "replace"))
    if earlier := spec.get("history"):
        session.get_history().restore(max(run["n"] for run in earlier), [(run, b"") for run in earlier])
    inbound, outbound = os.pipe() if spec.get("stdin") else (-1, -1)
    if outbound >= 0:
        session.pump.stdin = StdinPipe(outbound)
    try:
        write_record(session)
        if creator.get("SSH_AUTH_SOCK"):  # the program may ask the agent at once
            records.link_agent(session_id, creator["SSH_AUTH_SOCK"])
        session.begin(Pty.spawn(Program(path, argv, spec["directory"], variables, size, spec["umask"], inbound)))
    except BaseException:
        records.unlink_agent(session_id)
        raise
    finally:
        if inbound >= 0:
            os.close(inbound)
    session.faults.guard(lambda: write_record(session), "the record")
    if spec.get("before") and facts["persist"]:  # what stood in the checkpoint before must outlive this daemon too
        session.faults.guard(session.get_checkpointer().write_last, "the checkpoint")
    return session


def _program(spec: LaunchSpec, variables: Mapping[str, str]) -> tuple[str, list[str], list[str]]:
    """The path of the program, its argv, and the command for the record. Raises CannotStart."""
    command = spec.get("command")
    shell = programs.shell(spec["environment"])
    own, command = list(command or [shell]), spec.get("resume") if spec.get("resumes") else command
    if not command:
        return shell, shell_words(shell, login=bool(spec.get("login"))), own
    path, exit_code = find_program(command[0], variables.get("PATH", os.defpath), spec["directory"])
    if path is None:
        there = os.path.join(spec["directory"], command[0]) if exit_code == 126 else ""
        raise cannot_start(command, there, EACCES if there else ENOENT)
    if spec.get("gate"):  # a shell that executes it after Enter; Ctrl-C and Ctrl-D end that
        return "/bin/sh", ["sh", "-c", GATE, "sh", path, *command[1:]], own
    return path, list(command), own
