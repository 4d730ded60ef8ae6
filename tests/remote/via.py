"""Hosts without ssh: other homes on this machine, whose sesh is a fork."""

from __future__ import annotations

import fcntl
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import pytest

import sesh.__main__
from sesh.system import processes as product
from sesh.system import programs
from tests.support import Home, forking, processes

_WAY = """#!{python} -IS
import fcntl, os, signal, sys

def started():
    if sys.platform == "linux":
        with open("/proc/self/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    return os.popen(f"ps -o lstart= -p {{os.getpid()}}").read().strip()

with open({starting!r}, "w") as lock:
    fcntl.flock(lock, fcntl.LOCK_EX)
    if os.path.exists({down!r}):
        with open({down!r}) as file:
            sys.exit(file.read())
    with open({links!r}, "a") as file:
        file.write(f"{{os.getpid()}} {{started()}}\\n")
if os.path.exists({halt!r}):
    os.kill(os.getpid(), signal.SIGSTOP)
os.environ.update({env!r})
os.execvp(sys.argv[1], sys.argv[1:])
"""
"""The program by which a link reaches the host: it does without a fork what `ViaHost.begin` does."""


def _program(path: str, flags: int) -> int:
    return os.open(path, flags, 0o755)


class ViaHost(Home):
    """The host `@word`: another home on this machine, whose links can be cut.

    `away` cuts the host off until `back`. `fall_silent` silences the host until `end_silence`. If a test removes the
    launcher, the host has no sesh.
    """

    def __init__(self, word: str, near: Home, path: str) -> None:
        super().__init__()
        self.word, self.near, self.home, self.python = word, near, self.path, sys.executable
        self._links = os.path.join(self.root, "links")
        self.down, self.halt = os.path.join(self.root, "down"), os.path.join(self.root, "halt")
        self.env["PATH"] = path or f"{self.path}/bin:{os.environ['PATH']}"
        if path:  # which has no sesh: it lies where a deploy puts it
            os.makedirs(f"{self.path}/.local/bin")
            self.launcher = shutil.move(self.launcher, f"{self.path}/.local/bin/sesh")
            self.command = self._plain = [self.launcher]

    @property
    def at(self) -> str:
        """`@word`, as on the command line."""
        return f"@{self.word}"

    @property
    def way(self) -> list[str]:
        """The `via` command of the host."""
        files = {"starting": os.path.join(self.root, "starting"), "links": self._links}
        text = _WAY.format(python=sys.executable, down=self.down, halt=self.halt, env=self.env, **files)
        path = os.path.join(self.root, "way")
        if not os.path.exists(path):
            with open(path, "w", encoding="utf-8", opener=_program) as file:
                file.write(text)
        return [path]

    def read(self, name: str) -> str:
        """Return the text of a file in the host's HOME; empty without the file."""
        try:
            with open(os.path.join(self.path, name), encoding="utf-8", errors="replace", newline="") as file:
                return file.read()
        except FileNotFoundError:
            return ""

    def exists(self, name: str) -> bool:
        return os.path.lexists(os.path.join(self.path, name))

    def prints(self, name: str, pattern: str) -> None:
        """Wait until a session on the host has printed a line that the pattern matches."""
        done = self.sesh("wait", name, "--for", pattern, "--since-start", "--timeout", "30", timeout=30)
        assert done.code == 0, done

    def links(self) -> list[int]:
        """Return the pids of the links so far."""
        return [pid for pid, _ in self._noted()]

    def held(self) -> list[int]:
        """Return the pids of the links that still run, also of a fork just begun."""
        return [pid for pid, start in self._noted() if product.start_time(pid) == start != ""]

    def _noted(self) -> list[tuple[int, str]]:
        if not os.path.exists(self._links):
            return []
        with open(self._links, encoding="utf-8") as file:
            return [(int(pid), start) for pid, _, start in (line.strip().partition(" ") for line in file)]

    def settled(self) -> bool:
        """Tell whether all has arrived: both homes sleep, except for programs in sessions."""
        carriers = [pid for pid in self.processes() if not processes.has_terminal(pid)]
        return processes.rested({*carriers, *self.near.processes()})

    def cut(self) -> None:
        """End every link; new links can begin."""
        processes.kill(self.held())

    def away(self, reason: str = "no route") -> None:
        """End every link; until `back`, new links fail with `reason`."""
        with self._starting():
            with open(self.down, "w", encoding="utf-8") as file:
                file.write(reason)
            self.cut()

    def back(self) -> None:
        os.unlink(self.down)

    def fall_silent(self) -> None:
        """Let links pass nothing until `end_silence`; new links stop before they begin."""
        with self._starting(), open(self.halt, "w", encoding="utf-8"):
            self.strand()

    def strand(self) -> None:
        """Let the present links pass nothing any more; new links can begin."""
        for pid in self.held():
            with suppress(ProcessLookupError):  # one that has ended meanwhile
                os.kill(pid, signal.SIGSTOP)

    def end_silence(self) -> None:
        """End what `fall_silent` began."""
        os.unlink(self.halt)
        for pid in self.held():
            with suppress(ProcessLookupError):  # sesh gave the link up meanwhile
                os.kill(pid, signal.SIGCONT)

    def begin(self, words: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
        """Begin the command of a link; called in the process that wants the link."""
        environment = {**options["env"], **self.env}
        with self._starting():
            if os.path.exists(self.launcher) and not os.path.exists(self.down) and forking.fits(environment):
                return self._fork(environment, options)
        return subprocess.Popen(words, **options)

    def _fork(self, environment: dict[str, str], options: Any) -> subprocess.Popen[bytes]:
        with forking.signals_wait():
            process = forking.start(
                [self.launcher, "--bridge"],
                env=environment,
                cwd=self.path,
                streams=(options["stdin"], options["stdout"], options["stderr"]),
                mark=self.mark,
                held=os.path.exists(self.halt),
                program=lambda: forking.begin_anew(sesh.__main__.start),
            )
            self._note(process.pid)
        return process

    @contextmanager
    def _starting(self) -> Iterator[None]:
        """Hold back processes that start or cut links, so that no new one is missed."""
        with open(os.path.join(self.root, "starting"), "w", encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            try:
                yield
            finally:
                fcntl.flock(file, fcntl.LOCK_UN)  # the link may have inherited the descriptor

    def _note(self, pid: int) -> None:
        with open(self._links, "a", encoding="utf-8") as file:
            file.write(f"{pid} {product.start_time(pid)}\n")


class Beside:
    """The hosts of a home: `beside("box")` makes one that `sesh @box` reaches from that home."""

    def __init__(self, home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
        self.home, self.hosts = home, dict[str, ViaHost]()
        start = programs.start

        def begin(argv: Sequence[str], **options: Any) -> subprocess.Popen[bytes]:
            first = {*argv[:1], *argv[3:4]}  # sh starts it where ssh may prompt: sh -c 'trap …; exec "$0" "$@"' WAY …
            far = next((far for far in self.hosts.values() if first.intersection(far.way)), None)
            return start(argv, **options) if far is None else far.begin(argv, **options)

        if forking.ABLE:
            monkeypatch.setattr(programs, "start", begin)

    def __call__(self, word: str, path: str = "") -> ViaHost:
        """Make a host; `path` is a PATH that lacks its own sesh."""
        far = self.hosts[word] = ViaHost(word, self.home, path)
        self.home.hosts.append(far)
        ways = {far.word: shlex.join(far.way) for far in self.hosts.values()}
        text = "".join(f"[remotes.{json.dumps(word)}]\nvia = {json.dumps(way)}\n" for word, way in ways.items())
        self.home.write(".config/sesh/config.toml", text)
        return far

    def close(self) -> None:
        """End what runs on the hosts; raise AssertionError for what cannot be ended."""
        self.home.leave()
        for far in self.hosts.values():
            if os.path.exists(far.halt):
                far.end_silence()
            far.close()
