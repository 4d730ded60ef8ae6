"""sesh on hosts, forked from a process that has it loaded (`warm`), for logins as for tests that need no ssh."""

from __future__ import annotations

import ctypes
import os
import select
import subprocess
import threading
from collections.abc import Mapping
from typing import Any

from sesh import bridge
from tests.remote.accounts import ROOT, Account
from tests.remote.runtime import Runtime
from tests.support import warm

_PIDFD_GETFD = 438  # pidfd_getfd(2), under one number everywhere
_MODULES = " ".join([warm.MODULES, "sesh.bridge", *(f"sesh.ops.{name}" for name in {*bridge.MODULES.values()})])
"""What verbs, clients, daemons and bridges load."""

# Both a line of sh and a launcher in Python, as which it runs itself where nothing is forked: on a terminal, whose
# signals have to come through, and where its process may not be looked at.
_PROGRAM = """#!/bin/sh
''':' # starts sesh.__main__
f={folder}/$$
if [ ! -t 0 ] && mkfifo -m 600 "$f" 2>/dev/null; then
    exec 3<>"$f" 4<&0 5>&1; echo $$ >{bell}; read -r way <&3
    if [ "$way" = warm ]; then
        exec <&- >&- 2>&- 4<&- 5>&-; read -r code <&3
        case $code in -*) kill "$code" $$;; esac
        exit "$code"
    fi
    exec 3<&- 4<&- 5>&-
fi
exec {python} -IS "$0" "$@"
'''
"""
_STREAMS = (4, 5, 2)
"""Descriptors of the program: the first two are others while it writes and reads."""


class Door:
    """Where what runs on a host asks to be forked. `text`: the program that stands there as `sesh`, and asks.

    It waits for its double to end, and ends like that; the double has its user, directory, environment, and streams.
    """

    def __init__(self, folder: str, runtime: Runtime) -> None:
        self.runtime = runtime
        with open(runtime.launcher, encoding="utf-8") as file:
            self.text = file.read()
        self._servers: dict[str, warm.Server] = {}
        self._starting = threading.Lock()
        self._thread: threading.Thread | None = None
        if not (warm.ABLE and ROOT):
            return
        self._folder = os.path.join(folder, "door")
        os.mkdir(self._folder)
        os.chmod(self._folder, 0o1777)  # noqa: S103 - every login asks here
        path = os.path.join(self._folder, "bell")
        os.mkfifo(path)
        os.chmod(path, 0o622)  # noqa: S103
        self._bell = os.open(path, os.O_RDWR | os.O_NONBLOCK | os.O_CLOEXEC)
        self._over, self._end = os.pipe()
        head = _PROGRAM.format(folder=self._folder, bell=path, python=runtime.python)
        self.text = head + self.text.partition("\n")[2]
        self._thread = threading.Thread(target=self._serve, name="door", daemon=True)
        self._thread.start()

    def start(
        self, account: Account, words: list[str], env: Mapping[str, str] | None = None
    ) -> subprocess.Popen[bytes]:
        """Starts sesh as a user in his home, without ssh, output in pipes."""
        command = [self.runtime.python, "-IS", self.runtime.launcher, *words]
        environment = {**account.environment, **(env or {})}
        if not (self._thread and warm.shown(command, environment)):
            return account.start(command, env)

        class Forked(warm.Forked):
            @staticmethod
            def fork(
                command: list[str], directory: str, environment: dict[str, str], streams: tuple[int, int, int]
            ) -> int:
                user: tuple[int, int, list[int]] = (account.uid, account.gid, [])
                return self._fork(command, directory, environment, streams, user=user, umask=0o022)

        nothing, pipe = subprocess.DEVNULL, subprocess.PIPE
        return Forked(command, stdin=nothing, stdout=pipe, stderr=pipe, env=environment, cwd=account.home)

    def _fork(
        self,
        command: list[str],
        directory: str,
        environment: dict[str, str],
        streams: tuple[int, int, int],
        **more: Any,
    ) -> int:
        early = warm.early(environment)
        key = repr(early)
        with self._starting:
            if key not in self._servers:
                self._servers[key] = warm.Server(_MODULES, early, self.runtime.python, self.runtime.paths)
        request = {"command": command, "directory": directory, "environment": environment, "tty": False, **more}
        return self._servers[key].fork(request, streams)

    # -- the thread

    def _serve(self) -> None:
        poll = select.poll()
        poll.register(self._bell, select.POLLIN)
        poll.register(self._over, select.POLLIN)
        children: dict[int, tuple[int, int]] = {}  # by their pidfds: pids, and where their ends are said
        while True:
            for ready, _ in poll.poll():
                if ready == self._over:
                    return
                if ready == self._bell:
                    for word in os.read(self._bell, 1 << 12).split():
                        if child := self._answer(int(word)):
                            children[watched := os.pidfd_open(child[0])] = child
                            poll.register(watched, select.POLLIN)
                    continue
                poll.unregister(ready)
                os.close(ready)
                pid, answer = children.pop(ready)
                code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
                os.write(answer, b"%d\n" % code)
                os.close(answer)

    def _answer(self, pid: int) -> tuple[int, int] | None:
        """The pid of the double of the process that asks, and where to say that it has ended."""
        path = os.path.join(self._folder, str(pid))
        answer = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        os.unlink(path)
        child = 0
        try:
            child = self._double(pid)
        except OSError:
            pass  # it has ended, or may not be looked at
        finally:
            os.write(answer, b"warm\n" if child else b"cold\n")
        if child:
            return child, answer
        os.close(answer)
        return None

    def _double(self, pid: int) -> int:
        """The pid of a new double of a process; 0 where there is none."""
        words = [os.fsdecode(word) for word in _content(pid, "cmdline").split(b"\0")[:-1]]
        pairs = [os.fsdecode(pair).partition("=") for pair in _content(pid, "environ").split(b"\0")[:-1]]
        environment = {key: value for key, _, value in pairs}
        directory = os.readlink(f"/proc/{pid}/cwd")
        command = [self.runtime.python, "-IS", os.path.join(directory, words[1]), *words[2:]]
        if not warm.shown(command, environment):
            return 0
        rows = [line.split() for line in _content(pid, "status").decode("utf-8", "replace").splitlines()]
        facts = {row[0]: row[1:] for row in rows}
        user = (int(facts["Uid:"][1]), int(facts["Gid:"][1]), [int(group) for group in facts["Groups:"]])
        watched = os.pidfd_open(pid)
        streams: list[int] = []
        try:
            streams += [_taken(watched, number) for number in _STREAMS]
            umask = int(facts["Umask:"][0], 8)
            return self._fork(
                command, directory, environment, (streams[0], streams[1], streams[2]), user=user, umask=umask
            )
        finally:
            for descriptor in (watched, *streams):
                os.close(descriptor)

    def close(self) -> None:
        if self._thread is None:
            return
        os.write(self._end, b"!")
        self._thread.join(10)
        for server in self._servers.values():
            server.stop()
        for descriptor in (self._bell, self._over, self._end):
            os.close(descriptor)


def _content(pid: int, name: str) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()


def _taken(watched: int, number: int) -> int:
    """A descriptor of another process's, as one of this."""
    taken = ctypes.CDLL(None, use_errno=True).syscall(_PIDFD_GETFD, watched, number, 0)
    if taken < 0:
        raise OSError(ctypes.get_errno(), "pidfd_getfd")
    os.set_inheritable(taken, False)
    return int(taken)
