"""The home of a test: its directory, its environment, and its sesh."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest

from sesh.errors import NotFound, SeshError
from sesh.names import is_name
from sesh.ops import views
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.system import processes as product
from sesh.wire import messages
from tests.support import forking, processes, typed
from tests.support.terminal import Terminal
from tests.support.tools import ROOT
from tests.support.waiting import PATIENCE, wait_until

PROMPT = "ready>"  # a blank follows it

UNDER_TEST = os.environ.get("SESH_UNDER_TEST", "")
"""The path of an installed sesh that the tests run, instead of this checkout's."""
PATHS = [ROOT, *dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])]
"""The directories from which sesh and its requirements are loaded."""
# What a test may know of the developer's environment; all else (XDG_*, SESH_*, TMUX, ZDOTDIR, BASH_ENV, …) stays out.
_KEPT = ("PATH", "USER", "LOGNAME", "TZ", "CI", "TEST_RUN", "LD_LIBRARY_PATH")

_FILES = {
    ".bashrc": f"PS1='{PROMPT} '\nunset HISTFILE\n",
    ".bash_profile": ". ~/.bashrc\n",
    ".profile": f"PS1='{PROMPT} '\n",
    ".zshrc": f"PROMPT='{PROMPT} '\nunset HISTFILE\n",
    ".config/fish/config.fish": f"set -g fish_greeting\nfunction fish_prompt; echo -n '{PROMPT} '; end\n",
    # fish generates completions from manual pages, for seconds, in a home that has none.
    ".local/share/fish/generated_completions/none.fish": "",
}

# sesh is started like an installed one: without `site`, which takes as long to load as most verbs take to run.
_LAUNCHER = """#!{python} -IS
import sys

sys.path += {paths!r}
from sesh.__main__ import start

start()
"""


def launcher(paths: list[str], python: str = sys.executable) -> str:
    """Return the text of a program that starts the sesh in `paths`."""
    return _LAUNCHER.format(python=python, paths=paths)


@dataclass(frozen=True)
class Result:
    """The exit code (negative for a signal) and output of an ended command."""

    command: tuple[str, ...]
    code: int
    raw: bytes
    stderr: str

    @property
    def stdout(self) -> str:
        return self.raw.decode("utf-8", "replace")

    def json(self) -> Any:
        """The output as the one JSON value that it must be, with the keys and types of docs/JSON.md."""
        value = json.loads(self.raw)
        if self.command[0] == "sesh":
            wrong = typed.of_command_line(self.command[1:], value)
            assert not wrong, f"{wrong}: --json prints the keys and types that the verb's `prints` notes"
        return value


class Home:
    """HOME and SESH_DIR under a short path (socket paths must fit), both 0700.

    `path` is HOME, `directory` is SESH_DIR, `env` is the whole environment. `close` ends all that the test left
    running. It raises AssertionError if anything runs `patience` seconds after `sesh kill-all`, but only if `strict`.
    """

    def __init__(self) -> None:
        self.root = os.path.realpath(tempfile.mkdtemp(prefix="sesh-", dir="/tmp"))
        self.path = os.path.join(self.root, "home")
        self.directory = os.path.join(self.path, ".sesh")
        self.strict = True
        self.patience = PATIENCE
        self.hosts: list[Home] = []  # other homes that it reaches as hosts
        self._terminals: list[Terminal] = []
        self._started: list[subprocess.Popen[bytes]] = []
        self._before = processes.listed()
        os.makedirs(self.directory, mode=0o700)
        os.chmod(self.path, 0o700)
        for name, content in _FILES.items():
            self.write(name, content)
        # A command line inside a session must find the sesh under test.
        if UNDER_TEST:
            text = f'#!/bin/sh\nexec {shlex.quote(UNDER_TEST)} "$@"  # sesh.__main__\n'
            self.launcher = self.write("bin/sesh", text, mode=0o755)
            self.command = [UNDER_TEST]
        else:
            self.launcher = self.write("bin/sesh", launcher(PATHS), mode=0o755)
            self.command = [sys.executable, "-IS", self.launcher]
        self._plain = self.command
        self.mark = os.path.join(self.root, "mark")
        with open(self.mark, "wb") as file:
            file.write(b"mapped by each fork of the tests' process")
        self.env = {key: os.environ[key] for key in _KEPT if key in os.environ}
        self.env |= {
            "HOME": self.path,
            "LANG": "C.UTF-8",
            "PATH": f"{self.path}/bin:{os.environ['PATH']}",
            "PS1": f"{PROMPT} ",
            "SESH_DIR": self.directory,
            "SHELL": shutil.which("bash") or "/bin/sh",
            "TERM": "xterm-256color",
            "TEST_HOME": self.root,
        }

    def write(self, name: str, content: str | bytes, mode: int = 0o644) -> str:
        """Write a file in HOME; return its path."""
        path = os.path.join(self.path, name)
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        with open(path, "wb") as file:
            os.fchmod(file.fileno(), mode)  # not by its path: whoever waits for the file may remove it at once
            file.write(content.encode() if isinstance(content, str) else content)
        return path

    def names(self) -> list[str]:
        """Return the names of the sessions that have a record on disk, dead or alive."""
        if not os.path.isdir(self.directory):
            return []
        return sorted(name[:-5] for name in os.listdir(self.directory) if name.endswith(".json"))

    def summary(self, name: str) -> dict[str, Any]:
        """Return a session like `status --json`, empty without one; not for tests with threads."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SESH_DIR", self.directory)
            try:
                return {**views.status(Caller(), name)}
            except NotFound:
                return {}

    def record(self, name: str) -> dict[str, Any]:
        """Return the record of a session as it is on the disk."""
        with open(os.path.join(self.directory, f"{name}.json"), encoding="utf-8") as file:
            found: dict[str, Any] = json.load(file)
        return found

    def crash(self, name: str) -> None:
        """Kill a session's daemon, and wait until the session counts as lost or exited."""
        daemon = self.record(name)["daemon_pid"]
        os.kill(daemon, signal.SIGKILL)
        wait_until(
            lambda: not product.start_time(daemon) and self.summary(name).get("state") in ("lost", "exited"),
            f"the daemon of {name} has ended, and {name} counts as lost or exited",
        )

    # -- running sesh

    def start(
        self,
        *arguments: str,
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        stdin: int = subprocess.DEVNULL,
        held: bool = False,
    ) -> forking.Started:
        """Start `sesh ARGUMENTS` without a terminal, with its output in pipes.

        `env`: variables to set, or to remove if the value is None. `held`: sesh stops before it begins, until SIGCONT.
        """
        environment = self.environment(env)
        streams = (stdin, subprocess.PIPE, subprocess.PIPE)
        if self.forks(environment):
            words = [self.launcher, *arguments]
            process = forking.start(
                words, env=environment, cwd=cwd or self.path, streams=streams, mark=self.mark, held=held
            )
        else:
            process = forking.Started(
                [*(forking.HELD if held else ()), *self.command, *arguments],
                stdin=streams[0],
                stdout=streams[1],
                stderr=streams[2],
                env=environment,
                cwd=cwd or self.path,
                start_new_session=True,  # else the developer's own terminal would be its controlling one
            )
        self._started.append(process)
        return process

    def sesh(
        self,
        *arguments: str,
        input: str | bytes | None = None,  # noqa: A002 - as subprocess calls it
        timeout: float = PATIENCE,
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
    ) -> Result:
        """Run `sesh ARGUMENTS` to its end, without a terminal. Raises AssertionError."""
        stdin = subprocess.DEVNULL if input is None else subprocess.PIPE
        process = self.start(*arguments, env=env, cwd=cwd, stdin=stdin)
        try:
            out, err = process.communicate(input.encode() if isinstance(input, str) else input, timeout)
        except subprocess.TimeoutExpired:
            process.kill()
            state = "ended, but something holds its output open" if process.poll() is not None else "runs"
            raise AssertionError(f"sesh {shlex.join(arguments)} {state} after {timeout:g} s") from None
        return Result(("sesh", *arguments), process.returncode, out, err.decode("utf-8", "replace"))

    def terminal(
        self,
        *arguments: str,
        command: Sequence[str] | None = None,
        columns: int = 80,
        rows: int = 24,
        pixels: tuple[int, int] = (0, 0),
        env: Mapping[str, str | None] | None = None,
        cwd: str | None = None,
        answers: bool = False,
        held: bool = False,
        kind: type[Terminal] = Terminal,
    ) -> Terminal:
        """Open a terminal with `sesh ARGUMENTS` or `command`; the home closes it. `kind`: the class of the terminal."""
        environment = self.environment(env)
        forked = command is None and self.forks(environment)
        words = [self.launcher, *arguments] if forked else list(command or [*self.command, *arguments])
        words = [*forking.HELD, *words] if held and not forked else words
        terminal = kind(
            words,
            columns=columns,
            rows=rows,
            pixels=pixels,
            env=environment,
            cwd=cwd or self.path,
            answers=answers,
            mark=self.mark if forked else None,
            held=held,
        )
        self._terminals.append(terminal)
        return terminal

    def forks(self, environment: Mapping[str, str]) -> bool:
        """Tell whether sesh can be forked: it is this checkout's, and the environment fits."""
        return self.command == self._plain and forking.fits(environment)

    def environment(self, changes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """Return the environment with some variables set, or removed if the value is None."""
        changed: dict[str, str | None] = {**self.env, **(changes or {})}
        return {key: value for key, value in changed.items() if value is not None}

    def portraits(self) -> str:
        """Return the screens of the open terminals, for a failing test."""
        return "\n".join(each.portrait() for each in self._terminals)

    # -- the end

    def processes(self) -> list[int]:
        """Return the pids of all processes of this home, including daemons and their programs."""
        self._before &= processes.listed()  # a process of ours may get the pid of one that has ended
        return processes.marked("TEST_HOME", self.root, self._before, mapped=self.mark)

    def leave(self) -> None:
        """Close terminals, and end processes that were started without a terminal; sessions stay."""
        for terminal in self._terminals:
            terminal.close()
        for process in self._started:
            if process.poll() is None:
                process.kill()
            process.wait()
            for pipe in (process.stdin, process.stdout, process.stderr):
                if pipe is not None:
                    pipe.close()  # what another process holds open is not waited for
        self._terminals, self._started = [], []

    def close(self) -> None:
        """Close terminals, end sessions, and raise AssertionError if anything still runs."""
        self.leave()
        left, said = self.processes(), ""
        try:
            if left:
                self._kill(left)
                if left := self._outlived(left, 0.5):
                    result = self.sesh("kill-all", "-y")
                    said = f"{result.code} {result.stdout}{result.stderr}"
                    left = self._outlived(left, self.patience)
            stories = "\n".join(processes.describe(pid) for pid in left)
            assert not (left and self.strict), f"outlived sesh kill-all ({said.strip()}):\n{stories}"
        finally:
            processes.kill(self.processes() if left else ())
            shutil.rmtree(self.root, ignore_errors=True)

    def _kill(self, running: list[int]) -> None:
        """Kill the zygotes, and ask each daemon to end, from this process."""
        processes.kill(processes.zygotes(running))
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("SESH_DIR", self.directory)
            found = os.listdir(self.directory) if os.path.isdir(self.directory) else []
            for name in sorted(each[:-5] for each in found if each.endswith(".sock") and is_name(each[:-5])):
                with suppress(SeshError, OSError):
                    find.request(name, messages.KILL, timeout=5)

    def _outlived(self, left: list[int], seconds: float) -> list[int]:
        """Wait for these processes, then any others; return those that still run."""
        deadline = time.monotonic() + seconds
        while (left := list(filter(product.start_time, left)) or self.processes()) and time.monotonic() < deadline:
            time.sleep(0.02)
        return left
