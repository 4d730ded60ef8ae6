"""Starts a daemon for a new session, and learns at once that it serves or why it cannot."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Collection
from contextlib import suppress
from typing import NamedTuple

from sesh import errors, names, paths, platform, wire, writing
from sesh.about import SESH
from sesh.daemon.spawn import context
from sesh.errors import ExitCode, Refused, SeshError
from sesh.quitkey import quit_key
from sesh.schema import LaunchSpec

NEW = ".new"
"""Suffix of the socket of a zygote that has not loaded everything yet."""
ZYGOTE = "import sys; sys.path[:] = {path!r}; from sesh.daemon.spawn.zygote import run; run({listening}, {socket!r})"
"""The program of a zygote's interpreter: it finds sesh where its creator does."""
ANSWER_TIMEOUT = 0.25
"""Seconds in which a zygote has to answer; later it counts as stopped, and another one takes its place."""
_START_TIMEOUT, _LEAST_TIMEOUT = 30.0, 2.0
"""Seconds for a daemon to start; the least for a job, whose own timeout bounds it."""
_LOOK_TIMEOUT = 0.5
"""Seconds in which a creator that goes without an answer looks whether the session has begun."""
_BACKLOG = 1024
"""Creators that may wait for a zygote."""

Mark = tuple[int, int]
"""A socket's inode and the time of its making, which tell it from a later one of the same path."""


def start_daemon(spec: LaunchSpec) -> wire.Connection:
    """Start the daemon and its program, and return the first connection to it, before HELLO.

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
        raise refusal(error) from error
    except errors.TimedOut as error:
        message = f"the daemon of {spec['name']} did not start in time; nothing was started"
        raise (errors.Silent(message) if limit is None else errors.TimedOut(message)) from error
    quit_key.disarm()
    return connection


def _raise_if_begun(spec: LaunchSpec, error: BaseException) -> None:
    """Raise the error for a creation that goes on although its creator has ended the connection.

    A daemon begins by taking the name, under the lock of the directory, and only while its creator is there. So if
    nobody listens under the name when this process has the lock, this daemon never will.
    """
    if isinstance(error, SeshError) and error.answered:
        return
    name = spec["name"]
    with suppress(errors.TimedOut), writing.locked(paths.directory(), _LOOK_TIMEOUT):
        listening = wire.begin(name)
        if listening is None:
            return
        listening.close()
    if isinstance(error, KeyboardInterrupt):
        raise KeyboardInterrupt(
            f"interrupted; {name} is there already and goes on; `{SESH} --kill {name}` ends it"
        ) from None
    raise errors.Unknown(
        f"the daemon of {name} began to start it and does not answer",
        hint=f"`{SESH}` lists the sessions",
        exit_code=ExitCode.UNKNOWN if spec.get("job") else ExitCode.FAILED,
    ) from error


def refusal(error: OSError) -> Refused:
    """Return the error for a session that could not be set up because of a system call."""
    why = error.strerror or str(error)
    hint = writing.remedy(error)
    # An error of a write to a descriptor names no file: the file is in the directory of sessions.
    path = error.filename if isinstance(error.filename, str) else paths.directory() if hint else ""
    if paths.lacks_descriptors(error):
        hint = "raise the limit: ulimit -n 1024"
    return Refused(f"cannot set up the session: {path}{': ' if path else ''}{why}", hint=hint)


# -- the zygote, which daemons are forked from


class _Zygote(NamedTuple):
    """A connection to a zygote, and the seconds in which it answers. `child`: the process that this one has started."""

    connection: wire.Connection
    mark: Mark
    patience: float
    child: subprocess.Popen[bytes] | None = None

    def answer(self, deadline: float) -> wire.Connection:
        """Wait until it has forked; return the connection. Raises TimedOut, and Unreachable if it has ended."""
        try:
            self.connection.receive(min(deadline, time.monotonic() + self.patience))
        except BaseException:
            self.connection.close()
            raise
        if self.child is not None:
            self.child.wait()  # the zygote is a child of that one, and nobody's to reap
        return self.connection


def _forked(deadline: float) -> wire.Connection:
    """Return a connection to a new fork of this context's zygote. Raises OSError, Refused, Unreachable, TimedOut."""
    scope = context.own_scope()
    try:
        return _ask_zygote(scope, deadline)
    except errors.Unreachable:
        if not scope:
            raise
        return _ask_zygote([], deadline)  # systemd-run does not work for this user


def _ask_zygote(scope: list[str], deadline: float) -> wire.Connection:
    """Return a connection to a new fork of the zygote, which is started if there is none, or none that answers.

    `scope`: the words of `context.own_scope`. Raises as `_forked` does.
    """
    path = context.zygote_path(scoped=bool(scope))
    stopped: list[Mark] = []
    while True:
        zygote = _reach(path, stopped)
        if zygote is None:
            with writing.locked(paths.directory(), deadline - time.monotonic()):
                zygote = _reach(path, stopped) or _start_zygote(path, scope)
        try:
            return zygote.answer(deadline)
        except errors.TimedOut:
            if zygote.child is not None or time.monotonic() >= deadline:
                raise
            stopped.append(zygote.mark)
        except errors.Unreachable as error:
            if zygote.child is not None:
                message = "the process that sessions are forked from ended as it began"
                raise errors.Unreachable(message, hint=f"see `{SESH} --doctor`") from error


def _reach(path: str, stopped: Collection[Mark]) -> _Zygote | None:
    """Connect to the zygote whose socket is at `path`; None if none listens there but one of those that are stopped."""
    folder, entry = os.path.split(path)
    for suffix, patience in ((NEW, _START_TIMEOUT), ("", ANSWER_TIMEOUT)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as opened:
            opened.setblocking(False)
            try:
                status = os.lstat(path + suffix)
                with paths.reachable(folder, entry + suffix) as address:
                    opened.connect(address)
            except (FileNotFoundError, ConnectionRefusedError, BlockingIOError):
                continue  # there is none, it was killed, or it has stopped long ago, and no more can wait for it
            mark = status.st_ino, status.st_mtime_ns
            if mark not in stopped and platform.peer_uid(opened) == os.geteuid():
                return _Zygote(wire.adopt(opened), mark, patience)
    return None


def _start_zygote(path: str, scope: list[str]) -> _Zygote:
    """Start a zygote. Its socket is there from now on: who comes while it loads waits for it. Raises OSError, Refused.

    The caller holds the lock of the directory.
    """
    folder, entry = os.path.split(path)
    new = path + NEW
    for left in (path, new):
        if os.path.lexists(left):
            os.unlink(left)
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listening:
        try:
            with paths.reachable(folder, entry + NEW) as address:
                listening.bind(address)
            os.chmod(new, paths.OWN)
            listening.listen(_BACKLOG)
            zygote = _reach(path, ())  # before it begins: it ends once nobody waits for it
            assert zygote is not None  # noqa: S101 (it listens)
            return zygote._replace(child=_spawn(scope, listening.fileno(), path))
        except BaseException:
            if os.path.lexists(new):
                os.unlink(new)
            raise


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
