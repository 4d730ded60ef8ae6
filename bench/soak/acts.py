"""What is done to the sessions of a soak, one act at a time; each checks what comes of it."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import time
import zlib
from collections.abc import Callable
from functools import partial

from bench.soak import programs
from bench.soak.attaching import Attached
from bench.soak.ground import SETTLING, Session, Sessions, answers
from sesh import requests, wire
from sesh.api import Session as Api
from tests.remote.farm import SshHost
from tests.support import Terminal, wait_until

DETACH = b"\x1c"
FLOOD_ENDS = 60.0
SIZES = ((80, 24), (132, 43), (40, 12), (80, 25))
NUMBERED = "i=0; while :; do i=$((i+1)); echo line-$i-; read -rt 0.02 x; done"


class Acts:
    """The acts. `every`: by name, the act and the seconds from one such act to the next."""

    def __init__(self, sessions: Sessions, far: SshHost | None, dice: random.Random) -> None:
        self.sessions, self.home, self.far, self.dice = sessions, sessions.home, far, dice
        self.took: list[float] = []
        self.output = 0
        self._remote = False
        self.every: dict[str, tuple[Callable[[], None], float]] = {
            "resizes": (self.resize, 3),
            "runs": (self.run, 1),
            "renames": (self.rename, 7),
            "clients": (self.client, 8),
            "killed clients": (self.killed_client, 8),
            "closed windows": (self.closed_window, 15),
            "jobs": (self.job, 15),
            "jobs whose creator was killed": (self.abandoned_job, 20),
            "killed creators": (self.killed_creator, 20),
            "followers": (self.follower, 20),
            "reloads": (self.reload, 20),
            "restarted shells": (self.restart, 30),
        }
        if far:
            self.every["cut links"] = (self.cut_link, 45)

    def _any(self, *kinds: str) -> Session:
        chosen = self.sessions.of(*kinds) if kinds else self.sessions.every
        return self.dice.choice(chosen)

    # -- clients

    def attach(self) -> None:
        """Attaches to any session, takes the screen, and detaches, or vanishes; the cheap cycle."""
        session = self._any()
        columns, rows = SIZES[0] if self.dice.random() < 0.98 else self.dice.choice(SIZES)
        lines = 1000 if self.dice.random() < 0.05 else 0
        read_only = self.dice.random() < 0.1
        with Attached(session.name, columns=columns, rows=rows, lines=lines, read_only=read_only) as client:
            self.took.append(client.took)
            self.sessions.look(session, client.screen)
            if self.dice.random() < 0.8:
                client.leave()

    def resize(self) -> None:
        """A client changes its size some times; in the end the session has the last size."""
        session = self._any()
        with Attached(session.name) as client:
            for _ in range(self.dice.randrange(1, 30)):
                client.resize(self.dice.randrange(20, 200), self.dice.randrange(5, 60))
            for last in (self.dice.choice(SIZES), SIZES[0]):
                client.resize(*last)
                wait_until(partial(has_size, session, last), SETTLING, what=f"{session} has the size {last}")
            client.leave()

    def _terminal(self, *words: str) -> Terminal:
        home = self.home
        mark = home.mark if home.forks(home.env) else None
        command = [home.launcher] if mark else home.command
        return Terminal([*command, *words], env=home.env, cwd=home.path, mark=mark)

    def _shows(self, terminal: Terminal, session: Session) -> None:
        terminal.wait_for_raw(session.token.encode(), SETTLING)

    def client(self) -> None:
        """The real client on a terminal, left by the detach key."""
        session = self._any()
        with self._terminal(session.name) as terminal:
            before = terminal.termios()
            self._shows(terminal, session)
            terminal.type(DETACH)
            assert terminal.exit_code(SETTLING) == 0, terminal.portrait()
            assert terminal.termios() == before, "the terminal is not as it was"
            assert b"[detached from" in terminal.raw, terminal.portrait()

    def killed_client(self) -> None:
        """The real client, ended by SIGKILL at some moment."""
        session = self._any()
        with self._terminal(session.name) as terminal:
            if self.dice.random() < 0.7:
                self._shows(terminal, session)
            terminal.signal(signal.SIGKILL)
            assert terminal.exit_code(SETTLING) == -signal.SIGKILL

    def closed_window(self) -> None:
        """The real client, whose terminal goes away."""
        session = self._any()
        with self._terminal(session.name) as terminal:
            self._shows(terminal, session)

    def follower(self) -> None:
        """Events and logs are followed for a moment, while somebody attaches."""
        session = self._any("steady")
        for words in (("--events", session.name, "--json"), ("--logs", session.name, "-f")):
            process = self.home.start(*words)
            assert process.stdout is not None
            for _ in range(3):
                with Attached(session.name) as client:
                    client.leave()
                assert process.stdout.readline(), words
            self.sessions.gone(process)

    # -- output

    def flood(self, size: int) -> None:
        """A program prints some MiB to a client that counts every byte, or with no client."""
        session = self._any("flood")
        self.flooded(session)
        kind = self.dice.choices(*zip(*programs.WEIGHTS.items(), strict=True))[0]
        data = self.sessions.material[kind]
        times = max(1, size // programs.MIB)
        session.floods += 1
        session.flooding = True
        line = f"{kind} {times}\n".encode()
        if self.dice.random() < 0.5:
            with Attached(session.name) as client:
                wire.ask(session.name, requests.SEND, line, timeout=SETTLING)
                expected = zlib.crc32(data * times)
                assert client.checksum(len(data) * times) == expected, f"{session}: {times} times {kind} differ"
                client.leave()
        else:
            wire.ask(session.name, requests.SEND, line, timeout=SETTLING)
            if session.reloads and self.dice.random() < 0.1:
                self.reload(session, flooded=True)
        self.output += len(data) * times

    def flooded(self, session: Session) -> None:
        """Waits until the last flood of a session is over, and its end on the screen."""
        end = b"%s END %07d" % (session.token.encode(), session.floods)
        wait_until(lambda: end in self._screen(session), FLOOD_ENDS, what=f"{end!r} on the screen")
        session.flooding = False

    def _screen(self, session: Session) -> bytes:
        return wire.ask(session.name, requests.SCREEN, timeout=FLOOD_ENDS)[1]

    # -- the life of sessions

    def run(self) -> None:
        """A live shell runs a command; its output and its code."""
        session, number = self._any("shell"), self.dice.randrange(1 << 30)
        code = number % 3
        done = Api(session.name).run(f"echo {session.token} $(({number} + 1)); (exit {code})", timeout=SETTLING)
        assert (done.output, done.exit_code) == (f"{session.token} {number + 1}\n", code), done

    def rename(self) -> None:
        """A session gets another name, or its first name back."""
        session = self._any()
        new = session.token if session.name != session.token else f"{session.token}-renamed"
        done = self.home.sesh("--rename", session.name, new)
        assert (done.code, done.stderr) == (0, ""), done
        session.name = new
        assert answers(new)

    def reload(self, session: Session | None = None, *, flooded: bool = False) -> None:
        """A daemon reloads: the process and the program stay the same. `flooded`: it may also refuse."""
        session = session or self.dice.choice([each for each in self.sessions.every if each.reloads])
        before = self.pids(session)
        done = self.home.sesh("--reload", session.name, "--json", timeout=60)
        if not (flooded and "goes on unchanged" in done.stdout):
            assert (done.code, done.json().get("reloaded")) == (0, [session.name]), done
        assert self.pids(session) == before, f"{session} has other pids"

    @staticmethod
    def pids(session: Session) -> tuple[int, int]:
        status = wire.ask(session.name, requests.STATUS, timeout=60)[0]["session"]
        return status["daemon_pid"] or 0, status["pid"] or 0

    def job(self) -> None:
        """A job from beginning to end: output and code."""
        done = self.home.sesh("--exec", "brief", "--print", "--", "sh", "-c", "echo brief; exit 7", timeout=SETTLING)
        assert (done.code, done.stdout.split(), done.stderr) == (7, ["brief"], ""), done

    def abandoned_job(self) -> None:
        """A job whose creator was killed is ended; its exit code is found; another job takes its place."""
        session = self._any("job")
        code = self.dice.randrange(1, 120)
        waiter = self.home.start("--wait", session.name, "--exit")
        wire.ask(session.name, requests.SEND, f"{code}\n".encode(), timeout=SETTLING)
        waiter.communicate(timeout=SETTLING)
        assert waiter.returncode == code, (waiter.returncode, code)
        wait_until(lambda: session.name not in self.home.names(), SETTLING)
        self.sessions.create(session)

    def killed_creator(self) -> None:
        """A command that creates a session is killed at some moment: the session exists completely or not at all."""
        process = self.home.start("--open", "half", "--", "sleep", "1000")
        try:
            process.wait(self.dice.random() * 0.2)
        except subprocess.TimeoutExpired:
            pass
        process.kill()
        process.communicate()
        wait_until(self._half_decided, SETTLING, what="a session whose creator was killed runs, or nothing of it does")
        self.end_half()

    def end_half(self) -> None:
        """Ends the session whose creator was killed, if it exists."""
        if answers("half"):
            done = self.home.sesh("--kill", "half")
            assert (done.code, done.stderr) == (0, ""), done

    def _half_decided(self) -> bool:
        """Whether the session runs, or nothing of it is left."""
        left = [name for name in os.listdir(self.home.directory) if name.startswith("half")]
        return not left or answers("half")

    def restart(self) -> None:
        """A session is killed, and created again under its name."""
        session = self._any("brief")
        done = self.home.sesh("--kill", session.name)
        assert (done.code, done.stderr) == (0, ""), done
        self.sessions.create(session)

    # -- the network

    def cut_link(self) -> None:
        """A client of a session on a host loses its link, and comes back: no line is lost or doubled."""
        assert self.far is not None
        words = [] if self._remote else ["--", "bash", "-c", NUMBERED]
        with self._terminal(self.far.at, "numbers", *words) as terminal:
            self._remote = True
            terminal.wait_for_raw(b"line-", SETTLING)
            for _ in range(3):
                start = len(terminal.raw)
                self.far.proxy.cut()
                until = time.monotonic() + 60
                while not re.search(rb"line-\d+-", terminal.raw[start + 100 :]):
                    assert time.monotonic() < until, terminal.portrait()
                    terminal.pump(0.02)
            terminal.type(DETACH)
            assert terminal.exit_code(SETTLING) == 0, terminal.portrait()
            numbers = [int(number) for number in re.findall(r"line-(\d+)-", terminal.text())]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))), numbers


def has_size(session: Session, wanted: tuple[int, int]) -> bool:
    """Whether a session has that size."""
    summary = wire.ask(session.name, requests.SUMMARY, timeout=SETTLING)[0]["session"]
    return (summary["columns"], summary["rows"]) == wanted
