"""The acts of a soak: each does something to a session, and checks the result."""

from __future__ import annotations

import os
import random
import re
import signal
import subprocess
import termios
import time
import zlib
from collections.abc import Callable
from functools import partial

from bench.soak import programs
from bench.soak.attaching import Attached
from bench.soak.ground import SETTLING, Session, Sessions, answers
from sesh.api import Session as Api
from sesh.reach import find
from sesh.wire import messages
from tests.remote.farm import SshHost
from tests.support import Terminal, wait_until

DETACH = b"\x1c"
FLOOD_ENDS = 60.0
SIZES = ((80, 24), (132, 43), (40, 12), (80, 25))


class Acts:
    """The acts by name, each with the seconds from one to the next."""

    def __init__(self, sessions: Sessions, far: SshHost | None, dice: random.Random) -> None:
        self.sessions, self.home, self.far, self.dice = sessions, sessions.home, far, dice
        self.attaches = self.output = 0
        self._remote = False
        self.every: dict[str, tuple[Callable[[], None], float]] = {
            "resizes": (self.resize, 3),
            "runs": (self.run, 1),
            "renames": (self.rename, 7),
            "clients": (self.client, 4),
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
        return self.dice.choice(self.sessions.of(*kinds) if kinds else self.sessions.every)

    # -- clients

    def attach(self) -> None:
        """Attach to any session, take the screen, and detach, or vanish; the cheap cycle."""
        session = self._any()
        columns, rows = SIZES[0] if self.dice.random() < 0.98 else self.dice.choice(SIZES)
        with Attached(session.name, columns, rows, lines=1000 if self.dice.random() < 0.05 else 0) as client:
            self.attaches += 1
            self.sessions.look(session, client.screen)
            if self.dice.random() < 0.8:
                client.leave()

    def resize(self) -> None:
        """Change a client's size some times; in the end the session has the last size."""
        session = self._any()
        with Attached(session.name) as client:
            for _ in range(self.dice.randrange(1, 30)):
                client.resize(self.dice.randrange(20, 200), self.dice.randrange(5, 60))
            for last in (self.dice.choice(SIZES), SIZES[0]):
                client.resize(*last)
                wait_until(partial(_has_size, session, last), f"{session} has the size {last}", timeout=SETTLING)
            client.leave()

    def _terminal(self, *words: str) -> Terminal:
        home = self.home
        mark = home.mark if home.forks(home.env) else None
        command = [home.launcher] if mark else home.command
        return Terminal([*command, *words], env=home.env, cwd=home.path, mark=mark)

    def client(self) -> None:
        """Attach the real client; its key, a kill or a lost terminal ends it."""
        session, end = self._any(), self.dice.choice(("key", "kill", "close"))
        with self._terminal(session.name) as terminal:
            terminal.wait_for_raw(session.token.encode(), SETTLING)
            if end == "kill":
                terminal.signal(signal.SIGKILL)
                assert terminal.exit_code(SETTLING) == -signal.SIGKILL
            elif end == "key":
                terminal.type(DETACH)
                assert terminal.exit_code(SETTLING) == 0, terminal.portrait()
                assert terminal.termios()[3] & termios.ICANON, "the terminal is left in raw mode"
                assert b"[detached from" in terminal.raw, terminal.portrait()

    def follower(self) -> None:
        """Follow events and logs for a moment, while somebody attaches."""
        session = self._any("steady")
        for words in (("events", session.name, "--json"), ("logs", session.name, "-f")):
            process = self.home.start(*words)
            assert process.stdout is not None
            for _ in range(3):
                with Attached(session.name) as client:
                    client.leave()
                assert process.stdout.readline(), words
            process.kill()
            process.communicate()

    # -- output

    def flood(self, size: int) -> None:
        """Have a program print some MiB, to a client that counts bytes or to none."""
        session = self._any("flood")
        self.flooded(session)
        (kind,) = self.dice.choices(*zip(*programs.WEIGHTS.items(), strict=True))
        data, times = self.sessions.material[kind], size // programs.MIB
        session.floods += 1
        session.flooding = True
        line = f"{kind} {times}\n".encode()
        if self.dice.random() < 0.5:
            with Attached(session.name) as client:
                find.request(session.name, messages.SEND, data=line, timeout=SETTLING)
                expected = zlib.crc32(data * times)
                assert client.checksum(len(data) * times) == expected, f"{session}: {times} times {kind} differ"
                client.leave()
        else:
            find.request(session.name, messages.SEND, data=line, timeout=SETTLING)
            if session.reloads and self.dice.random() < 0.1:
                self.reload(session, flooded=True)
        self.output += len(data) * times

    def flooded(self, session: Session) -> None:
        """Wait until the last flood's end is on the screen."""
        end = b"%s END %07d" % (session.token.encode(), session.floods)

        def shown() -> bool:
            return end in find.request(session.name, messages.SCREEN, timeout=FLOOD_ENDS)[1]

        wait_until(shown, f"{end!r} on the screen", timeout=FLOOD_ENDS)
        session.flooding = False

    # -- the life of sessions

    def run(self) -> None:
        """Run a command in a live shell: its output and its code."""
        session, number = self._any("shell"), self.dice.randrange(1 << 30)
        done = Api(session.name).run(f"echo {session.token} $(({number} + 1)); (exit {number % 3})", timeout=SETTLING)
        assert (done.output, done.exit_code) == (f"{session.token} {number + 1}\n", number % 3), done

    def rename(self) -> None:
        """Give a session another name, or its first name back."""
        session = self._any()
        new = session.token if session.name != session.token else f"{session.token}-renamed"
        self._done("rename", session.name, new)
        session.name = new
        assert answers(new)

    def _done(self, *words: str) -> None:
        done = self.home.sesh(*words)
        assert (done.code, done.stderr) == (0, ""), done

    def reload(self, session: Session | None = None, *, flooded: bool = False) -> None:
        """Reload a daemon: the process and the program stay. In a flood it may refuse."""
        session = session or self.dice.choice([each for each in self.sessions.every if each.reloads])
        before = _pids(session)
        done = self.home.sesh("reload", session.name, "--json", timeout=60)
        if not (flooded and "goes on unchanged" in done.stdout):
            assert (done.code, done.json().get("reloaded")) == (0, [session.name]), done
        assert _pids(session) == before, f"{session} has other pids"

    def job(self) -> None:
        """Run a job from beginning to end: output and code."""
        done = self.home.sesh("exec", "brief", "--print", "--", "sh", "-c", "echo brief; exit 7", timeout=SETTLING)
        assert (done.code, done.stdout.split(), done.stderr) == (7, ["brief"], ""), done

    def abandoned_job(self) -> None:
        """End a job whose creator was killed, find its exit code, and start another job."""
        session, code = self._any("job"), self.dice.randrange(1, 120)
        waiter = self.home.start("wait", session.name, "--exit")
        find.request(session.name, messages.SEND, data=f"{code}\n".encode(), timeout=SETTLING)
        waiter.communicate(timeout=SETTLING)
        assert waiter.returncode == code, (waiter.returncode, code)
        wait_until(lambda: session.name not in self.home.names(), f"{session.name} is forgotten", timeout=SETTLING)
        self.sessions.create(session)

    def killed_creator(self) -> None:
        """Kill a command that creates a session: the session exists completely or not at all."""
        process = self.home.start("open", "half", "--", "sleep", "1000")
        try:
            process.wait(self.dice.random() * 0.2)
        except subprocess.TimeoutExpired:
            process.kill()
        process.communicate()
        wait_until(
            self._half_decided, "a session whose creator was killed runs, or nothing of it does", timeout=SETTLING
        )
        self.end_half()

    def end_half(self) -> None:
        """End the session whose creator was killed, if it exists."""
        if answers("half"):
            self._done("kill", "half")

    def _half_decided(self) -> bool:
        left = [name for name in os.listdir(self.home.directory) if name.startswith("half")]
        return not left or answers("half")

    def restart(self) -> None:
        """Kill a session, and create it again under its name."""
        session = self._any("brief")
        self._done("kill", session.name)
        self.sessions.create(session)

    # -- the network

    def cut_link(self) -> None:
        """Cut a client's link to a host: it comes back, with each line once."""
        assert self.far is not None
        words = [] if self._remote else ["--", "bash", "-c", programs.NUMBERED]
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


def _has_size(session: Session, wanted: tuple[int, int]) -> bool:
    summary = find.request(session.name, messages.SUMMARY, timeout=SETTLING)[0]
    return (summary["columns"], summary["rows"]) == wanted


def _pids(session: Session) -> tuple[int, int]:
    status = find.request(session.name, messages.STATUS, timeout=60)[0]
    return status["daemon_pid"] or 0, status["pid"] or 0
