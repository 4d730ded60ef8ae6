"""The caller's side: starts a session's daemon; returns once it serves or fails.

Daemons are forks of a zygote. A context is the set of process attributes that a fork inherits and cannot change. Each
context has its own zygote.
"""

from __future__ import annotations

import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from contextlib import suppress

from sesh import about, errors, names
from sesh.about import SESH
from sesh.errors import Refused, SeshError
from sesh.schema.facts import LaunchSpec
from sesh.system import files, inherited, paths, platforms, processes, programs
from sesh.wire import messages
from sesh.wire.connection import Connection, adopt, listen, open_socket, request_frames

ZYGOTE = "import sys; sys.path[:] = {path!r}; from sesh.daemon.spawn.zygote import run; run({listening}, {socket!r})"
"""The Python program of a zygote; it uses its creator's module search path."""
ANSWER_TIMEOUT = 0.12  # seconds for a zygote to respond; after two timeouts it is replaced
_START_TIMEOUT = 30.0  # seconds for zygote and daemon to start; then nothing is started
_LOCK_TIMEOUT = 0.5  # seconds for the lock under which a creator that got no response looks for its session
_BACKLOG = 1024

_STATUS = (  # lines of /proc/self/status
    b"Groups", b"Cap", b"NoNewPrivs", b"Seccomp", b"Speculation", b"Cpus_allowed:", b"Mems_allowed:", b"THP_enabled",
)  # fmt: skip
_FILES = (  # in /proc/self
    "loginuid", "sessionid", "attr/current", "personality", "coredump_filter", "timerslack_ns", "oom_score_adj",
)  # fmt: skip
_PRIORITIES = slice(37, 39)  # the fields of `processes.stat_of` for real-time priority and policy


def start_daemon(spec: LaunchSpec) -> Connection:
    """Start the daemon and its program; return the first connection, before HELLO.

    Raises Exists, SeshError (127, 126), Refused (working directory or sessions directory), UsageError. Unreachable, or
    TimedOut for a job with a timeout, means that the daemon has not started and will not. With exit code 255 the
    daemon may have started, and does not respond.
    """
    names.check_name(spec["name"])
    files.ready_directory()
    deadline = time.monotonic() + _START_TIMEOUT
    try:
        spec = {**spec, "directory": spec.get("directory") or paths.current_directory(), "umask": platforms.umask()}
        spec = {**spec, "resolved": os.path.realpath(spec["directory"]), "inherited": inherited.of_this_process()}
    except FileNotFoundError as error:
        raise Refused("the current directory was removed", hint="change to another one") from error
    try:
        connection = _fork(deadline)
        try:
            connection.send(request_frames(messages.START, 1, json.dumps(spec).encode()), deadline)
            connection.await_response(messages.START, 0, deadline)
        except BaseException as error:
            connection.abort()  # the daemon sees the end, even if another process has a copy of the descriptor
            connection.close()
            _raise_if_begun(spec, error)
            raise
    except OSError as error:
        raise errors.cannot(f"set up the session in {paths.directory()}", error) from error
    except errors.TimedOut as error:
        message = f"the daemon of {spec['name']} did not start in time; nothing was started"
        kind = errors.Unreachable if spec.get("timeout") is None else errors.TimedOut
        raise kind(message, hint=f"to see why: {SESH} doctor") from error
    connection.peer.name = spec["name"]  # by which it comes back after a reload
    return connection


def _raise_if_begun(spec: LaunchSpec, error: BaseException) -> None:
    """Raise an error if the session exists although its creator has closed the connection."""
    # A daemon claims the name under the lock, and only while its creator is connected. So if no socket listens under
    # the name while this process holds the lock, the daemon will not claim it later. Over a link, the client repeats
    # its request instead, with the id that it chose for the session (see `sesh.bridge.bridge`).
    if isinstance(error, SeshError) and error.in_response:
        return
    name = spec["name"]
    with suppress(errors.TimedOut), files.locked(paths.directory(), timeout=_LOCK_TIMEOUT):
        listening = open_socket(name + paths.SOCKET)
        if listening is None:
            return
        listening.close()
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(
            f"interrupted; {name} is there already and goes on; `{SESH} kill {name}` ends it"
        ) from None
    message = f"the daemon of {name} may have started it and does not answer"
    raise errors.Unreachable(message, hint=f"`{SESH}` lists the sessions", fate=errors.Fate.UNKNOWN) from error


# -- the zygote


def _fork(deadline: float) -> Connection:
    """Connect to a new fork of the zygote. Raises OSError, Refused, Unreachable, TimedOut."""
    if scope := own_scope():
        with suppress(errors.Unreachable):  # systemd-run does not work for this user
            return _fork_or_start(scope, deadline)
    return _fork_or_start([], deadline)


def _fork_or_start(scope: list[str], deadline: float) -> Connection:
    """Connect to a new fork; start a zygote if none responds. Raises as `_fork`."""
    # Start it under a lock, so that processes that wait for the lock find the new one.
    path = zygote_path(scoped=bool(scope))
    if (connection := _fork_from(path)) is not None:
        return connection
    with files.locked(paths.directory(), files.STARTING, timeout=deadline - time.monotonic()):
        return _fork_from(path) or _start_zygote(path, scope, deadline)


def _fork_from(path: str) -> Connection | None:
    """Return a connection to a zygote's new fork; None if none responds in time."""
    return _await_fork(_connect(path), time.monotonic() + ANSWER_TIMEOUT)


def _connect(path: str) -> Connection | None:
    """Connect to this user's zygote at `path`; None without one, or if it is stopped."""
    opened = open_socket(os.path.basename(path))
    if opened is not None and platforms.peer_uid(opened) != os.geteuid():
        opened.close()
        return None
    return adopt(opened) if opened is not None else None


def _await_fork(connection: Connection | None, deadline: float) -> Connection | None:
    """Wait for the zygote's fork; if none comes, close, so that a late one exits."""
    if connection is not None:
        with suppress(errors.TimedOut, errors.Unreachable):
            connection.receive(deadline)
            return connection
        connection.close()
    return None


def _start_zygote(path: str, scope: list[str], deadline: float) -> Connection:
    """Start a zygote under the caller's lock; connect to it. Raises OSError, Refused, Unreachable."""
    _remove(path)
    try:
        with listen(os.path.basename(path), _BACKLOG) as listening:
            opened = _connect(path)  # before it starts: a zygote without connections exits
            child = _spawn(scope, listening.fileno(), path)
        with child:  # it exits at once; the zygote is its child, and init reaps that
            connection = _await_fork(opened, deadline)
            if connection is None:
                child.kill()
                message = "the process that sessions are forked from ended as it began"
                raise errors.Unreachable(message, hint=f"see `{SESH} doctor`")
    except BaseException:
        _remove(path)
        raise
    return connection


def _remove(path: str) -> None:
    with suppress(FileNotFoundError):
        os.unlink(path)


def _spawn(scope: list[str], listening: int, path: str) -> subprocess.Popen[bytes]:
    """Start a zygote's interpreter, isolated, and without `site` if this one is. Raises Refused."""
    program = ZYGOTE.format(path=sys.path, listening=listening, socket=path)
    words = [*scope, sys.executable, "-IS" if sys.flags.no_site else "-I", "-c", program]
    environment = {**os.environ, "SESH_DIR": paths.directory()}  # absolute: the zygote runs in /
    null = subprocess.DEVNULL
    try:
        return subprocess.Popen(
            words, stdin=null, stdout=null, pass_fds=[listening], env=environment, start_new_session=True
        )
    except OSError as error:
        raise errors.cannot("start a process", error) from error


# -- the context


def zygote_path(*, scoped: bool) -> str:
    """Return the path of the socket of this context's zygote. Raises OSError."""
    # The name is a hash of the context, of this installation (an upgrade in place rewrites its files), and of this
    # machine (others may share the directory). `scoped`: leave out this process's control group, as the zygote gets its
    # own (`own_scope`).
    installed = os.stat(about.__file__)
    root = os.stat("/")
    facts: list[object] = [
        *(about.__version__, os.path.abspath(about.__file__), installed.st_ino, installed.st_ctime_ns),
        *(sys.executable, sys.path, sys.flags, sys.getfilesystemencoding()),
        *(platforms.name(), root.st_dev, root.st_ino),
        *(os.getuid(), os.geteuid(), os.getgid(), os.getegid(), sorted(os.getgroups()), os.nice(0)),
        *(resource.getrlimit(getattr(resource, name)) for name in dir(resource) if name.startswith("RLIMIT_")),
        # Linux only; a file that is missing or unreadable counts as empty.
        *(line for line in platforms.content("/proc/self/status").splitlines() if line.startswith(_STATUS)),
        *(platforms.content(f"/proc/self/{name}") for name in _FILES),
        scoped or platforms.content("/proc/self/cgroup"),
        processes.stat_of("self")[_PRIORITIES],
    ]
    if os.path.isdir("/proc/self/ns"):
        facts += [os.readlink(f"/proc/self/ns/{name}") for name in sorted(os.listdir("/proc/self/ns"))]
    key = hashlib.sha256(repr(facts).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return os.path.join(paths.directory(), f".zygote.{key}")


def own_scope() -> list[str]:
    """Return the command prefix for a process's own systemd scope; empty if none is needed."""
    # A process in a `.scope` needs one: systemd stops a terminal's scope when the terminal closes. A login's
    # `session-N.scope` is stopped only if logind kills the user's processes (`KillUserProcesses=yes`, logind.conf(5)).
    # In a delegated scope, an OOM kill of one process ends no other (`OOMPolicy=`, systemd.scope(5)).
    runtime = os.environ.get("XDG_RUNTIME_DIR") or "/nowhere"
    if not os.path.exists(os.path.join(runtime, "systemd/private")):
        return []
    scope = os.fsdecode(platforms.content("/proc/self/cgroup")).strip().rpartition("/")[2]
    if not scope.endswith(".scope") or (scope.startswith("session-") and not platforms.logind_kills()):
        return []
    runner = programs.find("systemd-run")
    return [runner, "--user", "--scope", "--quiet", "--collect", "-p", "Delegate=yes", "--"] if runner else []
