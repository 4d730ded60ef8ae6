"""Starts a daemon for a new session, and learns at once that it serves or why it cannot.

The daemon is, in this order, the child of systemd-run if it needs a scope of its own (it would otherwise end with the
terminal or the login that it was started from), a fork of the zygote if there is one, or else an interpreter of its
own.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import time

from sesh import errors, names, paths, platform, programs, system, wire, writing
from sesh.about import SESH
from sesh.daemon.spawn import zygote
from sesh.daemon.spawn.daemonize import HELD, python, reap
from sesh.errors import ExitCode, Refused, SeshError
from sesh.quitkey import quit_key
from sesh.schema import LaunchSpec

PROGRAM = "import sys; sys.path[:] = {path!r}; from sesh.daemon.spawn.main import run_spawned; run_spawned({channel})"
"""The program of a daemon's interpreter: it finds sesh where its creator does."""
_START_TIMEOUT, _LEAST_TIMEOUT = 30.0, 2.0
"""Seconds for a daemon to start; the least for a job, whose own timeout bounds it."""
_ZYGOTE_FROM = 3
"""Number of sessions, with this one, from which on a zygote is worth its memory."""
_GIVE_UP_TIMEOUT = 0.5
"""Seconds that an interrupted creator waits for the daemon to say whether the session is there."""


def start_daemon(spec: LaunchSpec) -> wire.Connection:
    """Starts the daemon and its program, and returns the first connection to it, before HELLO.

    `spec`: see `LaunchSpec`, and `main` for what its values mean.

    Raises Exists, CannotStart (127, 126), Refused (the directory, or that of the sessions), InvalidName; Silent, or
    TimedOut if a job's time is over, for a daemon that does not begin in time, and then never does; Unknown for one
    that has begun and does not answer.
    """
    names.check_name(spec["name"])
    writing.ready_directory()
    limit = spec.get("timeout")
    deadline = time.monotonic() + (_START_TIMEOUT if limit is None else min(_START_TIMEOUT, max(_LEAST_TIMEOUT, limit)))
    mask = os.umask(0o077)
    os.umask(mask)
    try:
        spec = {**spec, "directory": spec.get("directory") or os.getcwd(), "umask": mask}
    except FileNotFoundError as error:
        raise Refused("the current directory was removed", hint="change to another one") from error
    if not os.path.isdir(spec["directory"]):
        raise Refused(f"there is no directory {spec['directory']}", hint="create it first, or name another")
    scope = own_scope()
    if scope:
        try:
            return _spawn(spec, scope, deadline)
        except (errors.Silent, errors.Unknown):
            raise
        except errors.Unreachable:
            pass  # systemd-run does not work for this user: the daemon starts where its creator is
    if os.path.isdir(paths.zygote_directory()):
        forked = zygote.connect()
        if forked is not None:
            return _await_daemon(forked, spec, deadline)
    connection = _spawn(spec, [], deadline)
    try:
        if not spec.get("job") and len(paths.names()) >= _ZYGOTE_FROM:
            zygote.start(_ZYGOTE_FROM)
    except (OSError, Refused):
        pass  # it is for later sessions
    return connection


def _spawn(spec: LaunchSpec, prefix: list[str], deadline: float) -> wire.Connection:
    """The daemon in an interpreter of its own; `prefix`: words before its command."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
    channel = theirs.fileno()
    os.set_inheritable(channel, True)
    words = [*prefix, *python(), "-c", PROGRAM.format(path=sys.path, channel=channel)]
    try:
        # systemd-run may have to be interrupted: the daemon blocks its signals itself then.
        child = os.posix_spawn(words[0], words, os.environ, setsigmask=() if prefix else HELD)
    except OSError as error:
        ours.close()
        raise errors.no_process(error) from error
    finally:
        theirs.close()
    return _await_daemon(wire.adopt(ours), spec, deadline, child)


def _await_daemon(
    connection: wire.Connection, spec: LaunchSpec, deadline: float | None, child: int = -1
) -> wire.Connection:
    """Sends a new daemon its spec, and waits for the report that it serves. Raises the error that it reports instead.

    Then reaps `child`, the process between this one and the daemon; without an answer it does not wait for that, which
    may be stopped. An interrupted creator gives up: a daemon that has not begun its session by then starts none
    (`main`). If the session is there already, KeyboardInterrupt says so.
    """
    answered = False
    try:
        connection.send(wire.asking("start", 1, json.dumps(spec).encode()), deadline)
        connection.answer(0, deadline)
        answered = True
        quit_key.disarm()
    except SeshError as error:
        connection.close()
        answered = error.answered
        if answered or not isinstance(error, (errors.TimedOut, errors.Unreachable)):
            raise
        raise _not_ready(connection, spec, error) from error
    except KeyboardInterrupt:
        with connection:
            connection.give_up()
            try:
                name = connection.answer(0, time.monotonic() + _GIVE_UP_TIMEOUT)[0].get("session")
            except SeshError:
                name = None
        if name:
            message = f"interrupted; {name} is there already and goes on; `{SESH} --kill {name}` ends it"
            raise KeyboardInterrupt(message) from None
        if connection.begun == 0:
            message = f"interrupted; {spec['name']} may have been created; `{SESH}` lists the sessions"
            raise KeyboardInterrupt(message) from None
        raise
    finally:
        if child >= 0:
            reap(child, wait=answered)
    return connection


def _not_ready(connection: wire.Connection, spec: LaunchSpec, error: SeshError) -> SeshError:
    """The error for a new daemon that does not report: it tells whether its program may run."""
    name = spec["name"]
    if connection.begun == 0:
        return errors.Unknown(
            f"the daemon of {name} began to start it and does not answer",
            hint=f"`{SESH}` lists the sessions",
            exit_code=ExitCode.UNKNOWN if spec.get("job") else ExitCode.FAILED,
        )
    if not isinstance(error, errors.TimedOut):
        return error
    message = f"the daemon of {name} did not start in time; nothing was started"
    return errors.Silent(message) if spec.get("timeout") is None else errors.TimedOut(message)


def own_scope() -> list[str]:
    """The words to put before a command so that it runs in a scope of its own; empty if it does not need one.

    A process in a `.scope` needs one: systemd stops that scope when the terminal closes. In a login's `session-N.scope`
    it needs one only if logind kills the user's processes at logout (`KillUserProcesses=yes`, logind.conf(5)).

    In a delegated scope the kernel's end of one process for memory ends no other (`OOMPolicy=`, systemd.scope(5)).
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR") or "/nowhere"
    if not platform.LINUX or not os.path.exists(os.path.join(runtime, "systemd/private")):
        return []
    try:
        with open("/proc/self/cgroup", encoding="utf-8") as lines:
            scope = lines.read().strip().rpartition("/")[2]
    except OSError:
        return []
    if not scope.endswith(".scope") or (scope.startswith("session-") and not system.logind_kills()):
        return []
    runner = programs.find("systemd-run")
    return [runner, "--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"] if runner else []
