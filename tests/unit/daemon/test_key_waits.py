"""Which program of a terminal waits for a key, and how sure that is."""

from __future__ import annotations

import os
import pty
import signal
import sys
from collections.abc import Callable, Iterator

import pytest

from sesh.daemon.pty.key_waits import Sureness, key_reader
from sesh.daemon.pty.pty import Pty
from tests.support import says_who_reads, wait_until

pytestmark = says_who_reads

NOT, PERHAPS, CERTAIN = Sureness
RAW = "import os, select, socket, threading, time, tty; tty.setraw(0); key = lambda: os.read(0, 1)\n"
EPOLL = "wait = select.epoll(); wait.register(0, select.EPOLLIN); "
PIPE = "inner, outer = os.pipe(); "
CHILD = f"{PIPE}pid = os.fork(); os.close(outer if pid else inner); "

Play = Callable[..., Pty]


@pytest.fixture
def play() -> Iterator[Play]:
    """Yield what starts a Python program on a terminal of its own, and waits until it has said that it is ready."""
    opened: list[Pty] = []

    def plays(text: str) -> Pty:
        pid, descriptor = pty.fork()
        if not pid:
            os.execv("/bin/sh", ["sh", "-c", '"$@"; :', "sh", sys.executable, "-IS", "-c", text])
        opened.append(Pty.adopt(descriptor, pid))
        said = b""

        def is_ready() -> bool:
            nonlocal said
            said += opened[-1].read()[0]
            return b"ready" in said

        wait_until(is_ready, "the program says that it is ready")
        return opened[-1]

    yield plays
    for each in opened:
        os.killpg(each.pid, signal.SIGKILL)
        os.waitpid(each.pid, 0)
        each.close()


def found(terminal: Pty, besides: int = 0) -> Sureness:
    return key_reader(terminal, terminal.pid, besides)[0]


def ready(text: str) -> str:
    """Return a program that is in raw mode, says `ready`, and goes on with this line."""
    before, _, last = text.rpartition("; ")
    return f"{RAW}{before}\nos.write(1, b'ready')\n{last}"


@pytest.mark.parametrize(
    ("text", "sureness"),
    [
        ("key()", CERTAIN),
        ("select.select([0], [], [])", CERTAIN),
        ("select.select([0], [], [], 60)", CERTAIN),
        ("wait = select.poll(); wait.register(0, select.POLLIN); wait.poll()", CERTAIN),
        (f"{EPOLL}wait.poll()", CERTAIN),
        (f"{PIPE}select.select([0, inner], [], [])", CERTAIN),  # a pipe to itself, as of a signal handler
        ("threading.Thread(target=key).start(); time.sleep(60)", CERTAIN),
        ("pid = os.fork(); key() if pid else time.sleep(60)", CERTAIN),
        (f"{CHILD}key() if pid else time.sleep(60)", CERTAIN),  # as a pager behind a pipe
        ("near, far = socket.socketpair(); key()", PERHAPS),  # as ssh
        (f"near, far = socket.socketpair(); {EPOLL}wait.register(near, select.EPOLLIN); wait.poll()", PERHAPS),
        ("master = os.open('/dev/ptmx', os.O_RDWR); key()", PERHAPS),  # as script
        (f"{CHILD}select.select([0, inner], [], []) if pid else time.sleep(60)", PERHAPS),  # or for the pipe
        ("time.sleep(60)", NOT),
        (f"{PIPE}os.read(inner, 1)", NOT),
        ("threading.Thread(target=key).start(); [None for _ in iter(int, 1)]", NOT),
        ("tty.setcbreak(0); key()", CERTAIN),
        ("mode = tty.tcgetattr(0); mode[3] |= tty.ICANON; tty.tcsetattr(0, tty.TCSANOW, mode); key()", NOT),
    ],
)  # fmt: skip
def test_of_a_program_in_raw_mode_it_is_seen_what_it_waits_for(play: Play, text: str, sureness: Sureness) -> None:
    terminal = play(ready(text))
    wait_until(lambda: found(terminal) == sureness, f"it is found {sureness.name}")


def test_a_stopped_program_waits_for_no_key_until_it_goes_on(play: Play) -> None:
    terminal = play(ready("key()"))
    wait_until(lambda: found(terminal) == CERTAIN, "it waits for a key")
    os.killpg(terminal.pid, signal.SIGSTOP)
    wait_until(lambda: found(terminal) == NOT, "it waits for nothing")
    os.killpg(terminal.pid, signal.SIGCONT)
    wait_until(lambda: found(terminal) == CERTAIN, "it waits for a key again")
