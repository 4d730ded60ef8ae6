"""Starts a daemon for a new session, and learns at once that it serves or why it cannot.

Daemons are forks of a zygote. A context is what a fork inherits and could not change: each has a zygote of its own.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import socket
import subprocess
import sys
import time
from contextlib import suppress

from sesh import about, errors, files, machine, names, paths, processes, programs, wire
from sesh.about import SESH
from sesh.errors import ExitCode, Refused, SeshError
from sesh.quitkey import quit_key
from sesh.schema import LaunchSpec

ZYGOTE = "import sys; sys.path[:] = {path!r}; from sesh.daemon.spawn.zygote import run; run({listening}, {socket!r})"
"""The program of a zygote's interpreter, which finds sesh where its creator does."""
ANSWER_TIMEOUT = 0.12  # seconds in which a zygote has to answer, twice; else another one takes its place
_START_TIMEOUT, _LEAST_TIMEOUT = 30.0, 2.0  # seconds for daemon and zygote; the least for a job with a timeout
_LOOK_TIMEOUT = 0.5  # seconds in which a creator without an answer looks whether the session has begun
_BACKLOG = 1024

_STATUS = (
    b"Groups", b"Cap", b"NoNewPrivs", b"Seccomp", b"Speculation", b"Cpus_allowed:", b"Mems_allowed:", b"THP_enabled",
)  # fmt: skip
_FILES = ("loginuid", "sessionid", "attr/current", "personality", "coredump_filter", "timerslack_ns")
_PRIORITIES = slice(37, 39)  # the fields of `identity.stat_of` with the real-time priority and the policy


def start_daemon(spec: LaunchSpec) -> wire.Connection:
    """Start the daemon and its program, and return the first connection to it, before HELLO.

    `spec`: see `LaunchSpec`, and `main` for what its values mean.

    Raises Exists, CannotStart (127, 126), Refused (the directory, or that of the sessions), InvalidName; Silent, or
    TimedOut if a job's time is over, for a daemon that does not begin in time, and then never does; Unknown for one
    that has begun and does not answer.
    """
    names.check_name(spec["name"])
    files.ready_directory()
    limit = spec.get("timeout")
    deadline = time.monotonic() + (_START_TIMEOUT if limit is None else min(_START_TIMEOUT, max(_LEAST_TIMEOUT, limit)))
    mask = os.umask(0o077)
    os.umask(mask)
    try:
        spec = {**spec, "directory": spec.get("directory") or os.getcwd(), "umask": mask}
    except FileNotFoundError as error:
        raise Refused("the current directory was removed", hint="change to another one") from error
    try:
        connection = _forked(deadline)
        try:
            connection.send(wire.asking("start", 1, json.dumps(spec).encode()), deadline)
            connection.answer(0, deadline)
        except BaseException as error:
            connection.abort()  # the daemon sees that its creator has gone, whoever has a copy of the descriptor
            connection.close()
            _raise_if_begun(spec, error)
            raise
    except OSError as error:
        raise files.refusal(error) from error
    except errors.TimedOut as error:
        message = f"the daemon of {spec['name']} did not start in time; nothing was started"
        raise (errors.Silent(message) if limit is None else errors.TimedOut(message)) from error
    quit_key.disarm()
    return connection


def _raise_if_begun(spec: LaunchSpec, error: BaseException) -> None:
    """Raise the error for a creation that continues although its creator has ended the connection.

    A daemon takes the name, under the lock of the directory, only while its creator is connected. So if nobody listens
    under the name when this process has the lock, this daemon never will.
    """
    if isinstance(error, SeshError) and error.answered:
        return
    name = spec["name"]
    with suppress(errors.TimedOut), files.locked(paths.directory(), timeout=_LOOK_TIMEOUT):
        listening = wire.open_socket(name)
        if listening is None:
            return
        listening.close()
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(
            f"interrupted; {name} is there already and goes on; `{SESH} --kill {name}` ends it"
        ) from None
    raise errors.Unknown(
        f"the daemon of {name} may have started it and does not answer",
        hint=f"`{SESH}` lists the sessions",
        exit_code=ExitCode.UNKNOWN if spec.get("job") else ExitCode.FAILED,
    ) from error


# -- the zygote, which daemons are forked from


def _forked(deadline: float) -> wire.Connection:
    """Return a connection to a new fork of this context's zygote. Raises OSError, Refused, Unreachable, TimedOut."""
    scope = own_scope()
    try:
        return _fork_of_any(scope, deadline)
    except errors.Unreachable:
        if not scope:
            raise
        return _fork_of_any([], deadline)  # systemd-run does not work for this user


def _fork_of_any(scope: list[str], deadline: float) -> wire.Connection:
    """Return a connection to a new fork of the zygote, which is started if none answers. Raises as `_forked`.

    A process that starts one holds a lock until that answers; others that come meanwhile ask the new one.
    """
    path = zygote_path(scoped=bool(scope))
    if (connection := _fork_of(path)) is not None:
        return connection
    with files.locked(paths.directory(), files.STARTING, timeout=deadline - time.monotonic()):
        return _fork_of(path) or _start_zygote(path, scope, deadline)


def _fork_of(path: str) -> wire.Connection | None:
    """Return a connection to a new fork of the zygote at `path`; None if none answers in time."""
    try:
        connection = _connect(path)
    except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
        return None  # there is none, it was killed, or it has stopped long ago, and no more can wait for it
    return connection if _answers(connection, time.monotonic() + ANSWER_TIMEOUT) else None


def _connect(path: str) -> wire.Connection:
    """Return a connection to the zygote at `path`. Raises OSError; ConnectionRefusedError for another user's."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
        opened.setblocking(False)
        with paths.reachable(*os.path.split(path)) as address:
            opened.connect(address)
        if machine.peer_uid(opened) != os.geteuid():
            raise ConnectionRefusedError
        return wire.adopt(opened)


def _answers(connection: wire.Connection, deadline: float) -> bool:
    """Return whether the zygote says that it forks; else close the connection: a late answer forks nothing."""
    try:
        connection.receive(deadline)
    except BaseException as error:
        connection.close()
        if isinstance(error, errors.TimedOut | errors.Unreachable):
            return False
        raise
    return True


def _start_zygote(path: str, scope: list[str], deadline: float) -> wire.Connection:
    """Start a zygote, in the place of any before; return a connection to its first fork. The caller holds the lock.

    `scope`: the words of `own_scope`. Raises OSError, Refused, Unreachable.
    """
    with suppress(FileNotFoundError):
        os.unlink(path)
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
            with files.masked(0o177), paths.reachable(*os.path.split(path)) as address:
                listening.bind(address)
            listening.listen(_BACKLOG)
            connection = _connect(path)  # before it begins: it ends once nobody waits for it
            child = _spawn(scope, listening.fileno(), path)
        with child:  # it ends at once: the zygote is a child of that one, and nobody's to reap
            if not _answers(connection, deadline):
                child.kill()
                message = "the process that sessions are forked from ended as it began"
                raise errors.Unreachable(message, hint=f"see `{SESH} --doctor`")
    except BaseException:
        with suppress(FileNotFoundError):
            os.unlink(path)
        raise
    return connection


def _spawn(scope: list[str], listening: int, path: str) -> subprocess.Popen[bytes]:
    """Start the interpreter of a zygote, isolated, without `site` if that is not loaded here. Raises Refused."""
    program = ZYGOTE.format(path=sys.path, listening=listening, socket=path)
    words = [*scope, sys.executable, "-IS" if sys.flags.no_site else "-I", "-c", program]
    environment = {**os.environ, "SESH_DIR": paths.directory()}  # a relative one would be read from / there
    null = subprocess.DEVNULL
    try:
        return subprocess.Popen(
            words, stdin=null, stdout=null, pass_fds=[listening], env=environment, start_new_session=True
        )
    except OSError as error:
        raise errors.no_process(error) from error


# -- the context


def zygote_path(*, scoped: bool) -> str:
    """Return the path of the socket of this context's zygote. Raises OSError.

    `scoped`: the zygote gets a control group of its own (`own_scope`), so this process's one does not count. Beside the
    context it names this installation, whose files an upgrade in place writes again, and this machine: others may share
    the directory.
    """
    installed, root = os.stat(about.__file__), os.stat("/")
    facts: list[object] = [
        *(about.__version__, os.path.abspath(about.__file__), installed.st_ino, installed.st_ctime_ns),
        *(sys.executable, sys.path, sys.flags, sys.getfilesystemencoding()),
        *(machine.name(), root.st_dev, root.st_ino),
        *(os.getuid(), os.geteuid(), os.getgid(), os.getegid(), sorted(os.getgroups()), os.nice(0)),
        *(resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")),
        # What only Linux has; kernels differ in their files, and in who may read them.
        *(line for line in machine.content("/proc/self/status").splitlines() if line.startswith(_STATUS)),
        *(machine.content(f"/proc/self/{name}") for name in _FILES),
        *(scoped or machine.content("/proc/self/cgroup"), machine.oom_class(), processes.stat_of("self")[_PRIORITIES]),
    ]
    if os.path.isdir("/proc/self/ns"):
        facts += [os.readlink(f"/proc/self/ns/{name}") for name in sorted(os.listdir("/proc/self/ns"))]
    key = hashlib.sha256(repr(facts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return os.path.join(paths.directory(), f".zygote.{key}")


def own_scope() -> list[str]:
    """Return the words before a command that give it a scope of its own; none if it does not need one.

    A process in a `.scope` needs one: systemd stops that scope when the terminal closes. In a login's `session-N.scope`
    it needs one only if logind kills the user's processes at logout (`KillUserProcesses=yes`, logind.conf(5)).
    In a delegated scope the kernel's end of one process for memory ends no other (`OOMPolicy=`, systemd.scope(5)).
    """
    runtime = os.environ.get("XDG_RUNTIME_DIR") or "/nowhere"
    if not machine.LINUX or not os.path.exists(os.path.join(runtime, "systemd/private")):
        return []
    scope = os.fsdecode(machine.content("/proc/self/cgroup")).strip().rpartition("/")[2]
    if not scope.endswith(".scope") or (scope.startswith("session-") and not machine.logind_kills()):
        return []
    runner = programs.find("systemd-run")
    return [runner, "--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"] if runner else []
