"""A person's terminal: a real PTY with a program, driven by keys and read."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tests.support import forking
from tests.support.glass import Glass
from tests.support.waiting import PATIENCE, Value, wait_until

_TICK = 0.02
_QUIET_TICKS = 50


class Terminal:
    """A PTY of `columns` x `rows`, with `command` as the leader of its session.

    Nothing reads in the background: output is read whenever a method waits or looks. `raw` has every byte that came.
    `glass` shows them, and is fed only when somebody looks, so that megabytes cost nothing. The terminal answers no
    query unless `answers` is set. Then it answers that it is a plain VT220 (DA1), and where its cursor is (DSR).
    """

    def __init__(
        self,
        command: Sequence[str],
        *,
        columns: int = 80,
        rows: int = 24,
        pixels: tuple[int, int] = (0, 0),
        env: Mapping[str, str] | None = None,
        cwd: str | None = None,
        answers: bool = False,
        mark: str | None = None,
        held: bool = False,
    ) -> None:
        self.command = list(command)
        self.raw = bytearray()
        self.answers = answers
        self.glass = Glass(columns, rows)
        self._shown = 0
        self._over = False
        self._master, self._line = pty.openpty()
        os.set_blocking(self._master, False)
        self._resize(columns, rows, pixels)
        self.first_termios = self._last_termios = termios.tcgetattr(self._line)
        """The attributes before the program began."""
        self.tty = os.ttyname(self._line)
        environment = dict(os.environ if env is None else env)
        self._process = self._start(environment, cwd or os.getcwd(), mark, held)
        self.pid = self._process.pid

    def _start(self, env: Mapping[str, str], cwd: str, mark: str | None, held: bool) -> subprocess.Popen[bytes]:
        """Start the program as the leader of its session; with `mark`, as a fork (`forking`)."""
        streams = (self._line, self._line, self._line)
        if mark is not None:
            return forking.start(self.command, env=env, cwd=cwd, streams=streams, mark=mark, tty=True, held=held)

        def lead() -> None:
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        return subprocess.Popen(
            self.command,
            stdin=streams[0],
            stdout=streams[1],
            stderr=streams[2],
            env=env,
            cwd=cwd,
            start_new_session=True,
            preexec_fn=lead,  # noqa: PLW1509 - one system call
        )

    # -- looking

    def pump(self, seconds: float = 0) -> bool:
        """Read what has come within `seconds`; return False if nothing came."""
        if self._over or not select.select([self._master], [], [], seconds)[0]:
            return False
        try:
            data = os.read(self._master, 1 << 18)
        except BlockingIOError:
            return False
        except OSError:  # EIO: nobody holds the other side any more
            data = b""
        self._over = not data
        self.raw += data
        if self.answers and data:
            self._show()
            reply, self.glass.replies[:] = bytes(self.glass.replies), b""
            if reply:
                self.type(reply)
        return bool(data)

    def _show(self) -> Glass:
        if self._shown < len(self.raw):
            self.glass.feed(bytes(self.raw[self._shown :]))
            self._shown = len(self.raw)
        return self.glass

    def _look(self) -> Glass:
        while self.pump():
            pass
        return self._show()

    def screen(self) -> list[str]:
        """Return the rows as they are now, without trailing blanks."""
        return self._look().rows()

    def text(self) -> str:
        """Return the terminal's scrollback and its screen: all that a person can scroll to."""
        return self._look().text()

    @property
    def cursor(self) -> tuple[int, int]:
        """Row and column, from 0."""
        cursor = self._look().cursor
        return cursor.y, min(cursor.x, self.glass.columns - 1)

    @property
    def modes(self) -> set[int]:
        """The private modes that are on (1049, 2004, …)."""
        return self._look().modes

    def termios(self) -> list[Any]:
        """Return the attributes of the terminal's line; the last ones after its end."""
        if self._line >= 0:
            self._last_termios = termios.tcgetattr(self._line)
        return self._last_termios

    # -- waiting

    def wait_until(self, condition: Callable[[], Value | None], what: str, *, timeout: float = PATIENCE) -> Value:
        """Return the first true value of `condition`, called after output and now and then.

        The error says `what` was awaited, and shows the screen.
        """
        return wait_until(condition, what, timeout=timeout, interval=_TICK, pause=self._wait, portrait=self.portrait)

    def _wait(self, seconds: float) -> None:
        """Read output for up to `seconds`; sleep after its end, when `pump` returns at once."""
        if not self.pump(seconds) and self._over:
            time.sleep(seconds)

    def wait_for(self, pattern: str | re.Pattern[str], timeout: float = PATIENCE) -> re.Match[str]:
        """Wait until the rows, joined by line feeds, contain a text or match it."""
        expression = re.compile(re.escape(pattern)) if isinstance(pattern, str) else pattern
        return self.wait_until(
            lambda: expression.search("\n".join(self._show().rows())),
            f"{expression.pattern!r} on the screen",
            timeout=timeout,
        )

    def wait_for_raw(
        self, pattern: bytes | re.Pattern[bytes], timeout: float = PATIENCE, start: int = 0
    ) -> re.Match[bytes]:
        """Wait until the bytes from `start` on contain some bytes or match an expression."""
        expression = re.compile(re.escape(pattern)) if isinstance(pattern, bytes) else pattern
        return self.wait_until(
            lambda: expression.search(self.raw, start), f"{expression.pattern!r} in the bytes", timeout=timeout
        )

    def exit_code(self, timeout: float = PATIENCE) -> int:
        """Wait for the end and all output; return the exit code, negative for a signal."""
        self.wait_until(self.ended, f"the end of {' '.join(self.command)}", timeout=timeout)
        if self._line >= 0:
            # With our end closed the kernel says when there is nothing left to read.
            self.termios()
            os.close(self._line)
            self._line = -1
            quiet = 0  # another process may hold the other side open
            while not self._over and quiet < _QUIET_TICKS:
                quiet = 0 if self.pump(_TICK) else quiet + 1
        return self._process.wait()

    def ended(self) -> bool:
        return self._process.poll() is not None

    @property
    def alive(self) -> bool:
        """Whether the program still runs."""
        return not self.ended()

    # -- acting

    def type(self, data: bytes | str, timeout: float = PATIENCE) -> None:
        """Send keys, and read meanwhile, so that neither side waits for ever."""
        rest = memoryview(data.encode() if isinstance(data, str) else data)
        deadline = time.monotonic() + timeout
        while rest:
            if time.monotonic() >= deadline:
                raise AssertionError(f"{len(rest)} bytes were not accepted within {timeout:g} s\n{self.portrait()}")
            readable, writable, _ = select.select([self._master], [self._master], [], _TICK)
            if readable:
                self.pump()
            if writable:
                try:
                    rest = rest[os.write(self._master, rest[: 1 << 16]) :]
                except BlockingIOError:
                    continue

    def type_unread(self, data: bytes) -> None:
        """Send a few keys, and read no output meanwhile, as a terminal that stands still."""
        os.write(self._master, data)

    def resize(self, columns: int, rows: int, pixels: tuple[int, int] = (0, 0)) -> None:
        """Resize the window. The output until now is shown at the old size."""
        self._look()
        self.glass.resize(rows, columns)
        self._resize(columns, rows, pixels)

    def _resize(self, columns: int, rows: int, pixels: tuple[int, int]) -> None:
        fcntl.ioctl(self._master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, *pixels))

    def signal(self, number: int) -> None:
        """Send a signal to the program itself."""
        os.kill(self.pid, number)

    def hang_up(self) -> None:
        for descriptor in (self._line, self._master):
            if descriptor >= 0:
                os.close(descriptor)
        self._line = self._master = -1
        self._over = True

    def close(self) -> None:
        """Close the window, and kill the program if it does not end."""
        self.hang_up()
        try:
            self._process.wait(1)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(30)

    def __enter__(self) -> Terminal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def portrait(self) -> str:
        """Return the screen, the program's state and the last bytes, for a failing test."""
        glass = self._show()
        frame = "+" + "-" * glass.columns + "+"
        rows = "\n".join(f"|{row:<{glass.columns}}|" for row in glass.rows())
        state = "runs" if self.alive else f"ended, {self._process.returncode}"
        return f"{' '.join(self.command)} ({state})\n{frame}\n{rows}\n{frame}\nlast bytes: {bytes(self.raw[-300:])!r}"
