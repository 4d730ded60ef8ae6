"""The programs that are compared, each in a directory and an environment of its own, at its own defaults.

tmux and screen keep 10,000 lines, as sesh does; tmux shows no status line, so that all draw the same rows.
"""

from __future__ import annotations

import contextlib
import glob
import os
import re
import shutil
import signal
import subprocess
import time

from bench.material import SLEEPING
from bench.window import Late, run, timed

Words = list[str]


class Contender:
    """One program. Sessions are made, entered and ended by words and keys; `root` is its own directory."""

    name = ""
    detach: tuple[bytes, ...] = (b"\x1c",)
    keeps = True
    """Whether it keeps the screen and lines of scrollback."""

    def __init__(self, root: str) -> None:
        self.root = os.path.join(root, self.name)
        os.mkdir(self.root, 0o700)
        self.environment = {
            "PATH": os.environ.get("PATH", os.defpath),
            "HOME": self.root,
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "SHELL": "/bin/sh",
        }

    def version(self) -> str:
        """What the program says of its version."""
        raise NotImplementedError

    def create(self, session: str, words: Words) -> Words:
        """The command that makes a detached session."""
        raise NotImplementedError

    def attach(self, session: str) -> Words:
        """The command that attaches."""
        raise NotImplementedError

    def list_all(self) -> Words | None:
        """The command that lists the sessions; None if there is none."""
        return None

    def execute(self, words: Words) -> Words | None:
        """The command that runs `words` in a session of its own and ends with them."""
        return None

    on_terminal = True
    """Whether `execute` needs a terminal."""

    def processes(self) -> list[int]:
        """The processes that keep the sessions, the programs in them left out."""
        return []

    def kill(self, session: str) -> None:
        raise NotImplementedError

    def quit(self) -> None:
        for pid in self.processes():
            try:
                os.kill(pid, signal.SIGTERM)
            except ProcessLookupError:
                continue
        deadline = time.monotonic() + 5
        while any(_lives(pid) for pid in self.processes()) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _said(self, *words: str) -> str:
        done = subprocess.run(words, env=self.environment, capture_output=True, text=True, check=False)
        return (done.stdout + done.stderr).strip()


class Sesh(Contender):
    def __init__(self, root: str, program: str, name: str = "sesh") -> None:
        self.name = name
        super().__init__(root)
        self.program, self.kept = program, 0
        self.environment["SESH_DIR"] = os.path.join(self.root, "s")

    def version(self) -> str:
        return self._said(self.program, "--version")

    def create(self, session: str, words: Words) -> Words:
        return [self.program, "--open", session, "--", *words]

    def attach(self, session: str) -> Words:
        return [self.program, session]

    def list_all(self) -> Words | None:
        return [self.program, "--list"]

    on_terminal = False

    def execute(self, words: Words) -> Words | None:
        return [self.program, "--exec", "--", *words]

    def processes(self) -> list[int]:
        """All processes that sesh has left running: they have its SESH_DIR and no terminal, and run in no session."""
        if not os.path.isdir("/proc/self"):
            return self._recorded()
        mark = f"\0SESH_DIR={self.environment['SESH_DIR']}\0".encode()
        found = []
        for entry in os.listdir("/proc"):
            try:
                with open(f"/proc/{entry}/environ", "rb") as file:
                    environment = b"\0" + file.read()
                if mark not in environment or b"\0SESH_SESSION=" in environment:
                    continue
                with open(f"/proc/{entry}/stat", encoding="utf-8", errors="replace") as file:
                    terminal = file.read().rpartition(")")[2].split()[4]
            except OSError:
                continue
            if terminal == "0":
                found.append(int(entry))
        return found

    def _recorded(self) -> list[int]:
        """The daemons that the sessions' records name."""
        found = []
        for path in glob.glob(os.path.join(self.root, "s", "*.json")):
            with open(path, encoding="utf-8") as file:
                answer = re.search(r'"daemon_pid":\s*(\d+)', file.read())
            if answer:
                found.append(int(answer[1]))
        return found

    def kill(self, session: str) -> None:
        run([self.program, "--kill", session], self.environment)

    def keep(self, count: int) -> None:
        """Creates sessions that do nothing (`kept0`, …) until there are `count`."""
        while self.kept < count:
            run(self.create(f"kept{self.kept}", SLEEPING), self.environment)
            self.kept += 1

    def kill_all(self) -> tuple[float, float]:
        """Ends all sessions; returns the seconds, and the seconds of processor time, that the command took."""
        self.kept = 0
        return timed([self.program, "--kill-all", "-y"], self.environment)

    def end(self) -> None:
        """Ends all sessions, and ignores a failure."""
        with contextlib.suppress(Late):
            self.kill_all()


class Tmux(Contender):
    name = "tmux"
    detach = (b"\x02", b"d")

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.environment["TMUX_TMPDIR"] = self.root
        configuration = os.path.join(self.root, "conf")
        with open(configuration, "w", encoding="utf-8") as file:
            file.write("set -g history-limit 10000\nset -g status off\nset -s exit-empty off\n")
        self.words = ["tmux", "-f", configuration]

    def version(self) -> str:
        return self._said("tmux", "-V")

    def create(self, session: str, words: Words) -> Words:
        return [*self.words, "new-session", "-d", "-x", "80", "-y", "24", "-s", session, *words]

    def attach(self, session: str) -> Words:
        return [*self.words, "attach", "-t", session]

    def list_all(self) -> Words | None:
        return [*self.words, "list-sessions"]

    def execute(self, words: Words) -> Words | None:
        return [*self.words, "new-session", *words]

    def processes(self) -> list[int]:
        answer = self._said(*self.words, "display-message", "-p", "#{pid}")
        return [int(answer)] if answer.isdecimal() else []

    def kill(self, session: str) -> None:
        run([*self.words, "kill-session", "-t", session], self.environment)

    def quit(self) -> None:
        self._said(*self.words, "kill-server")


class Screen(Contender):
    name = "screen"
    detach = (b"\x01", b"d")

    def __init__(self, root: str) -> None:
        super().__init__(root)
        self.sockets = os.path.join(self.root, "sockets")
        os.mkdir(self.sockets, 0o700)
        self.environment["SCREENDIR"] = self.sockets
        self.environment["SCREENRC"] = os.devnull
        self.environment["SYSSCREENRC"] = os.devnull

    def version(self) -> str:
        return self._said("screen", "-v")

    def create(self, session: str, words: Words) -> Words:
        return ["screen", "-h", "10000", "-dmS", session, *words]

    def attach(self, session: str) -> Words:
        return ["screen", "-x", session]

    def list_all(self) -> Words | None:
        # `screen -ls` exits with 1 where it lists nothing new.
        return ["sh", "-c", "screen -ls; :"]

    on_terminal = False

    def execute(self, words: Words) -> Words | None:
        return ["screen", "-D", "-m", *words]

    def processes(self) -> list[int]:
        answer = (name.partition(".")[0] for name in os.listdir(self.sockets))
        return [int(each) for each in answer if each.isdecimal()]

    def kill(self, session: str) -> None:
        run(["screen", "-S", session, "-X", "quit"], self.environment)


class _OnSockets(Contender):
    """A process for each session, which is named after its socket."""

    keeps = False
    serving: tuple[str, ...] = ()
    """The words before the socket's path."""

    def create(self, session: str, words: Words) -> Words:
        return [*self.serving, os.path.join(self.root, session), *words]

    def processes(self) -> list[int]:
        return list(self._served())

    def _served(self) -> dict[int, str]:
        """The sockets by process."""
        commands = {int(entry): _command(entry) for entry in os.listdir("/proc") if entry.isdecimal()}
        at = len(self.serving)
        return {
            pid: words[at]
            for pid, words in commands.items()
            if tuple(words[:at]) == self.serving and words[at].startswith(self.root)
        }

    def kill(self, session: str) -> None:
        for pid, path in self._served().items():
            if path == os.path.join(self.root, session):
                os.kill(pid, signal.SIGTERM)
                _ended(pid)


class Dtach(_OnSockets):
    name = "dtach"
    serving = ("dtach", "-n")

    def version(self) -> str:
        return self._said("dtach", "--help").splitlines()[0]

    def attach(self, session: str) -> Words:
        return ["dtach", "-a", os.path.join(self.root, session), "-r", "winch"]

    def execute(self, words: Words) -> Words | None:
        return ["dtach", "-c", os.path.join(self.root, "job"), *words]


class Relay(_OnSockets):
    """The least that a session needs in Python. It shows which part of sesh's time is the interpreter's."""

    name = "relay"
    detach = ()

    def __init__(self, root: str, python: str) -> None:
        super().__init__(root)
        self.words = [python, "-IS", os.path.join(os.path.dirname(os.path.abspath(__file__)), "relay.py")]
        self.serving = (*self.words, "serve")

    def version(self) -> str:
        return "forty lines of Python"

    def attach(self, session: str) -> Words:
        return [*self.words, "attach", os.path.join(self.root, session)]


class Plain(Contender):
    """The program on a terminal of its own, with nothing in between; other figures are compared with it."""

    name = "plain"
    detach = ()
    keeps = False

    def version(self) -> str:
        return "a PTY alone"


def _command(pid: str) -> Words:
    try:
        with open(f"/proc/{pid}/cmdline", encoding="utf-8", errors="replace") as file:
            return file.read().split("\0")
    except OSError:
        return []


def _lives(pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"  # nobody may be there to reap it
    except OSError:
        return False


def _ended(pid: int) -> None:
    deadline = time.monotonic() + 5
    while _lives(pid) and time.monotonic() < deadline:
        time.sleep(0.005)


def peers(root: str) -> list[Contender]:
    """The other session tools that are installed."""
    every: list[type[Contender]] = [Tmux, Screen, Dtach]
    return [kind(root) for kind in every if shutil.which(kind.name)]


def missing() -> list[str]:
    """The peers that are not installed, by name."""
    return [kind.name for kind in (Tmux, Screen, Dtach) if not shutil.which(kind.name)]
