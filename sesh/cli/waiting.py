"""The line that says what a person waits for, while that lasts.

It stands in the row below the cursor, so that a prompt of ssh, which comes unannounced, stands on a row of its own.
"""

from __future__ import annotations

import os
import signal
import termios
import threading
import time
from contextlib import AbstractContextManager, nullcontext

from sesh.cli import printing
from sesh.errors import Refused

_CONNECTING_AFTER, _STILL_AFTER = 0.5, 5.0
"""Seconds of waiting for a host before a line says so, and before it names the key that leaves."""
_LOOK = 0.1
"""Seconds between two looks whether somebody is asked for a password, while the line stands."""
_SHOW = b"\x1b[K\x1bD\x1b7\r%s\x1b[K\x1b8\x1b[A"
_CLEAR = b"\x1b[K\x1b7\x1b[B\r\x1b[K\x1b8"
"""ECMA-48 EL, CUU, CUD, IND, and DEC's DECSC and DECRC. Cleared is the rest of the cursor's row too: the cursor is on
the line if a person has pressed Enter."""


class WaitingLine:
    """The line, on stderr. It is neither shown nor cleared while another job has the terminal."""

    def __init__(self) -> None:
        self.text = ""
        """What stands there; empty for nothing."""
        self._lock = threading.RLock()  # a signal may clear it meanwhile

    def show(self, text: str) -> None:
        """Show a text in place of the one before; not while somebody types unseen."""
        with self._lock:
            if not _asks() and self._write(_SHOW % _cut(text)):
                self.text = text

    def clear(self) -> str:
        """Leave the rows as they were; return what stood there."""
        with self._lock:
            shown, self.text = self.text, ""
            if shown:
                self._write(_CLEAR)
            return shown

    def connecting(self, host: str) -> AbstractContextManager[None]:
        """Return a block in which a host is waited for: a line says so once that takes a while."""
        return _Connecting(self, host) if threading.current_thread() is threading.main_thread() else nullcontext()

    def _write(self, data: bytes) -> bool:
        try:
            if os.tcgetpgrp(printing.STDERR) != os.getpgrp():
                return False
        except OSError:
            pass  # it is a terminal, but not the one that makes signals for this process
        try:
            printing.write(data, printing.STDERR)
        except (BrokenPipeError, Refused):
            return False
        return True


class _Connecting(AbstractContextManager[None]):
    r"""Says that a host is waited for. Ctrl-\ is as Ctrl-C meanwhile: it would end sesh with a core dump."""

    def __init__(self, line: WaitingLine, host: str) -> None:
        self._line, self._host = line, host
        self._over = threading.Event()
        self._replaced: list[int] = []
        """The signals whose effect was the default one."""
        self._thread = threading.Thread(target=self._say, daemon=True)

    def __enter__(self) -> None:
        for number, handler in ((signal.SIGQUIT, _interrupt), (signal.SIGTSTP, self._suspend)):
            if signal.getsignal(number) == signal.SIG_DFL:
                signal.signal(number, handler)
                self._replaced.append(number)
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()
        self._line.clear()
        for number in self._replaced:
            signal.signal(number, signal.SIG_DFL)

    def _suspend(self, *_: object) -> None:
        text = self._line.clear()
        signal.signal(signal.SIGTSTP, signal.SIG_DFL)
        signal.raise_signal(signal.SIGTSTP)
        signal.signal(signal.SIGTSTP, self._suspend)
        if text:
            self._line.show(text)

    def _say(self) -> None:
        began, line = time.monotonic(), self._line
        texts = [
            (began + _CONNECTING_AFTER, f"connecting to {self._host} …"),
            (began + _STILL_AFTER, f"still connecting to {self._host}; Ctrl-C leaves"),
        ]
        while not self._over.wait(_LOOK):
            if _asks():  # the host has answered: the line does not come back
                line.clear()
                return
            if texts and time.monotonic() >= texts[0][0]:
                line.show(texts.pop(0)[1])


def _asks() -> bool:
    """Return whether the terminal shows no keys: ssh turns that off before it asks for a secret."""
    try:
        return not termios.tcgetattr(printing.STDERR)[3] & termios.ECHO
    except termios.error:
        return False


def _cut(text: str) -> bytes:
    """Return a text that stays on one row."""
    try:
        columns = os.get_terminal_size(printing.STDERR).columns or 80
    except OSError:
        columns = 80
    return printing.encoded(text[: columns - 1])


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt
