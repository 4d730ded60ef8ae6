"""The entry point of a daemon: starts the program, responds, and serves the session."""

from __future__ import annotations

import json
import os
import signal
import socket
import time
from contextlib import suppress

from sesh.config import debug_log
from sesh.daemon import reload
from sesh.daemon.base.facts import Facts
from sesh.daemon.clients.listener import Listener
from sesh.daemon.desktop import shims
from sesh.daemon.life.description import write_record
from sesh.daemon.pty.program import Program, browser, environment, resolve
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.shell.history import Command, History
from sesh.daemon.spawn import attributes
from sesh.errors import Interrupted, SeshError, cannot
from sesh.schema.facts import LaunchSpec
from sesh.store import records, results
from sesh.system import paths, platforms
from sesh.text import sizes
from sesh.text.coding import UTF8, coding_of
from sesh.wire import protocol
from sesh.wire.connection import Connection

BLOCKED = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)  # until the daemon handles them
_SPEC_TIMEOUT = 10.0


def run_daemon(creator: socket.socket) -> None:
    """Run the daemon of the session that `creator` requests; never return."""
    # Lead a session of processes (setsid(2)), so that the scheduler gives each daemon its own share (autogroups,
    # sched(7)). As its leader, a daemon must open terminals with O_NOCTTY, or one would become its controlling one.
    try:
        os.setsid()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # if ignored, the kernel discards wait statuses
        connection = Connection(creator.fileno(), creator.fileno())
        spec = _receive_spec(connection)
        attributes.take_on(spec.get("inherited", {}), platforms.peer_pid(creator) if platforms.LINUX else 0)
        own = {"SESH_SESSION": spec["name"], "SESH_DIR": paths.directory()}  # absolute; hooks inherit it
        os.environ.clear()
        os.environ.update({**spec["environment"], **own})
        try:
            server = _set_up(spec, creator, connection)
        except Exception as error:
            act = f"set up the session in {paths.directory()}"
            failure = cannot(act, error) if isinstance(error, OSError) else error
            if not isinstance(failure, SeshError):
                debug_log.write_error("daemon", error)
                failure = SeshError(f"cannot set up the session: {error}")
            respond(creator, error=failure.facts())
            os._exit(1)
        respond(creator, result=None)
        server.run()
        os._exit(0)
    except BaseException as error:
        debug_log.write_error("daemon", error)
    finally:
        os._exit(1)


def respond(creator: socket.socket, **response: object) -> None:
    """Respond to the request for a session. The session survives a creator that has disconnected.

    The response is number 0: an error may come before the number of the request is read.
    """
    with suppress(OSError):
        creator.sendall(protocol.message(protocol.RESPONSE, {"id": 0, **response}))


def _receive_spec(connection: Connection) -> LaunchSpec:
    deadline = time.monotonic() + _SPEC_TIMEOUT
    data = b""
    while (frame := connection.receive(deadline))[0] == protocol.DATA:
        data += frame[1]
    spec: LaunchSpec = json.loads(data)
    return spec


def _set_up(spec: LaunchSpec, creator: socket.socket, connection: Connection) -> Server:
    """Claim the name, write the record, start the program. Raises SeshError, OSError."""
    # Start the program last: after a later failure, it would run in no listed session.
    listener = Listener.claim(spec["name"], lambda: _check_wanted(spec, connection), keeps=spec.get("files", ""))
    try:
        session, program = _session(spec)
        try:
            write_record(session)
            if agent := spec["environment"].get("SSH_AUTH_SOCK"):  # before the program, which may use it at once
                records.link_agent(session.facts.id, agent)
            session.desk.created(spec["environment"])
            session.faults.guard(lambda: shims.put(os.environ), "the shims")
            server = Server(session, listener, creator, reload.steps)
            session.begin(program.start())
        finally:
            if program.stdin >= 0:
                os.close(program.stdin)
    except BaseException:
        listener.release()
        raise
    session.faults.guard(lambda: write_record(session), "the record")
    if spec.get("before"):  # keep the restored screen on disk, in case this daemon dies too
        session.faults.guard(session.checkpoints.write_last, "the checkpoint")
    return server


def _check_wanted(spec: LaunchSpec, creator: Connection) -> None:
    """Check that the creator is connected, and wants this session. Raises Exists, Interrupted."""
    # Another session may have taken the name since the creator looked, and even have ended since.
    record = records.readable(spec["name"]) or {}
    if record.get("id", "") != spec.get("instead_of", "") and (not record or records.here(record)):
        raise paths.taken(spec["name"])
    # So may a job have, whose result the person still wants by that name.
    if spec.get("numbered") and spec["name"] in results.job_names():
        raise paths.taken(spec["name"])
    if creator.gone():
        raise Interrupted("its creator does not want the session any more")


def _session(spec: LaunchSpec) -> tuple[Session, Program]:
    """Return the session, and its program, which is not started yet. Raises SeshError, OSError."""
    session_id = str(spec.get("id") or os.urandom(8).hex())
    variables = environment(spec, session_id)
    path, argv, command = resolve(spec, variables.get("PATH", os.defpath))
    size = sizes.clamp_size(spec.get("columns"), spec.get("rows"), spec.get("width"), spec.get("height"))
    earlier = spec.get("history", [])
    history = History(max((run["n"] for run in earlier), default=0), [Command(run) for run in earlier])
    facts = Facts.of(spec, session_id, command)
    facts.coding = coding_of(variables)
    facts.variables = browser(spec["environment"], can_open=spec.get("browser") is True)
    session = Session(facts, size, Pty(), history=history)
    if spec.get("before"):
        session.pump.append_unscanned(spec["before"].encode("utf-8", "replace"))
    inbound, outbound = os.pipe() if spec.get("stdin") else (-1, -1)
    session.pump.stdin = StdinPipe(session.agenda, outbound)
    terminal = {"IUTF8": int(facts.coding == UTF8), **spec.get("terminal", {})}
    return session, Program(path, argv, spec["directory"], variables, size, spec["umask"], inbound, terminal)
