"""Types a text at the program's pace: for an input box with Enter behind it, for a shell line by line.

An input box that reads a text and its Enter at once takes them for a paste, and inserts a newline. So `Delivery` types
Enter alone, once the program has read the text and its screen has changed and settled.

A shell reads a line and its Enter at once, but what is behind them may be for the command. So `ShellLines` types a line
with its Enter, and the next one once the shell reads again.

Neither waits until the last Enter is read: the next request does (`Typing`, `Pump.enter_unread`).
"""

from __future__ import annotations

import re
import time
from collections import deque
from collections.abc import Generator

from sesh.daemon.pty import syscalls
from sesh.daemon.session import Session
from sesh.daemon.shell import shells
from sesh.text.keys import ESCAPE, PASTE, PASTE_END
from sesh.vt.modes import BRACKETED_PASTE

POLL = 0.02  # seconds between two looks at the program
STALLED = 3.0  # seconds that the program has to read a piece, and to change its screen; else no Enter is typed
STILL = 0.1  # seconds without a change after which the screen has settled
RESTLESS = 1.0  # seconds after which Enter is typed although the screen still changes
LINE_POLL = 0.002  # seconds between two looks at a shell that has got a line
LINES_TIME = 20.0  # seconds for all lines, so that the sender still waits; then the rest is typed at once
LINE_TIME = 0.3  # seconds; a command that takes longer gets the next lines, unless the shell still makes its prompt
_ASKED = b"\x1b[?2004h"  # a shell that begins to read a line asks for pastes
_TAB = re.compile(rb"\t+")
_PIECE = re.compile(rb"(?s).{1,1000}(?![\x80-\xbf])|.{1,1000}")
"""Bytes typed at once, cut between characters: some programs read 1,024 at a time, and the kernel counts only 4,095."""
_MODAL = frozenset(("vi", "vim", "nvim", "view", "vimdiff", "nvi", "kak", "hx"))
"""Editors with a command mode, where a pasted line would become text of the file: it is typed as keys."""
_MAX_NESTED = 8  # paste markers within each other that are removed


class _Stopped(Exception):
    """Nothing more may be typed, for the reason that it contains."""


class Delivery:
    """A text and the Enter after it, on their way to the program."""

    def __init__(self, session: Session, text: bytes) -> None:
        self._session = session
        self._pump = session.pump
        self._pty = pty = session.pump.pty
        self._reader = pty.input_reader()
        self._question = session.activity.declared_question
        self._input_at = 0.0  # time (monotonic) of the last piece; a later input means that somebody has typed
        # Use a bracketed paste if the program has switched it on: keys may open completion menus, which swallow Enter.
        takes_pastes = session.feed.emulator.mode(BRACKETED_PASTE) is True
        to_editor = b"\n" not in text and shells.foreground_name(pty) in _MODAL
        self._pieces = deque(_PIECE.findall(text) or [b""])  # those that are not typed yet
        if takes_pastes and not to_editor:
            self._pieces[0] = PASTE + self._pieces[0]
            self._pieces[-1] += PASTE_END
        self._shown = self._screen()  # at the last look
        self._answered_at: float | None = None  # when the screen first changed after the last piece
        self._changed_at: float | None = None  # when the screen last changed

    def steps(self) -> Generator[float, None, str]:
        """Type the text, then Enter if it may follow; return what is missing and why."""
        try:
            while self._pieces:
                self._answered_at = None
                self._pump.type(self._pieces.popleft())
                self._input_at = self._pump.input_line.input_at
                yield from self._until_read()
            yield from self._until_shown()
        except _Stopped as why:
            if not self._pieces:
                return f"{why}, so there was no Enter"
            if self._pieces[-1].endswith(PASTE_END) and self._pty.input_reader() == self._reader:
                self._pump.type(PASTE_END)  # the paste must not stay open
            return f"{why}, so the rest of the text was not typed"
        self._session.activity.key_typed(b"\r")
        self._pump.type(b"\r")
        return ""

    def _until_read(self) -> Generator[float, None, None]:
        """Wait until the last piece is read."""
        # Two looks in a row must find no unread bytes: the kernel reports none for a moment after a write.
        typed_at = time.monotonic()
        empty_looks = 0
        while empty_looks < 2:
            now = yield from self._look()
            empty_looks = 0 if self._pump.unread else empty_looks + 1
            if not empty_looks and now - typed_at > STALLED:
                raise _Stopped("it has not read all of the text")

    def _until_shown(self) -> Generator[float, None, None]:
        """Wait until the changed screen has settled."""
        read_at = time.monotonic()
        while True:
            now = yield from self._look()
            if self._answered_at is not None and self._changed_at is not None:
                if now - self._changed_at >= STILL or now - max(read_at, self._answered_at) >= RESTLESS:
                    return
            elif now - read_at >= STALLED:
                if self._changed_at is None:
                    raise _Stopped("its screen has not changed")
                return

    def _look(self) -> Generator[float, None, float]:
        """Look at the program a moment later; return the time of the look. Raises _Stopped."""
        yield POLL
        shown = self._screen()
        now = time.monotonic()
        if shown != self._shown:
            self._shown = shown
            self._changed_at = now
            self._answered_at = self._answered_at or now
        elif self._answered_at is not None and syscalls.runs(self._reader[0], self._session.facts.pid):
            self._changed_at = now  # on a busy machine, it may not have drawn the whole text yet
        self._check()
        return now

    def _screen(self) -> tuple[list[str], tuple[int, int]]:
        """Return the text of the screen's rows, and the cursor."""
        if self._pump.wants_read:
            self._session.read_output()  # on a busy machine, the poll may lag behind the program's output
        self._session.feed.catch_up()
        emulator = self._session.feed.emulator
        return emulator.text(), emulator.cursor

    def _check(self) -> None:
        """Raise _Stopped if the program takes no more of this text now."""
        asks = self._session.activity.declared_question
        if not self._session.life.running:
            raise _Stopped("it has ended")
        if self._pump.input_line.input_at != self._input_at:
            raise _Stopped("somebody typed meanwhile")
        if asks is not None and asks != self._question:
            raise _Stopped("it asks something now")
        if self._pty.input_reader() != self._reader:
            raise _Stopped("another program reads the terminal now")


class ShellLines:
    """A text for a shell that takes pastes: each line is a paste, so a tab in it is a tab, and each line end is Enter.

    The next line waits until the shell reads again, as a command may read it instead, which takes no pastes.
    """

    def __init__(self, session: Session, text: bytes) -> None:
        self._session = session
        self._pump = session.pump
        # The terminal takes its own characters out of a paste, too: the shell would run what comes after a Ctrl-C. For
        # bash a line ends at NUL, and it would run what comes before.
        text = unmarked(text).translate(None, ESCAPE + b"\0" + session.pump.pty.acts_on())
        self._lines = deque(text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").split(b"\n"))

    def steps(self) -> Generator[float, None, str]:
        """Type the lines; return what is missing and why."""
        until = time.monotonic() + LINES_TIME
        marks = True
        while self._lines:
            line = self._lines.popleft()
            typed_from = self._pump.log.head
            line_end = b"\r" if self._lines else b""
            self._pump.type((_pasted(line) if marks else _TAB.sub(lambda tab: _pasted(tab[0]), line)) + line_end)
            if not any(self._lines):  # only Enters are left
                line_ends = b"\r" * (len(self._lines) - 1)
                self._lines.clear()
                self._pump.type(line_ends)
                break
            typed_at = self._pump.input_line.input_at
            marks = yield from self._until_it_reads(typed_from, until)
            if self._pump.input_line.input_at != typed_at:
                return "somebody typed meanwhile, so the rest of the text was not typed"
            if not self._session.life.running:
                return "it has ended, so the rest of the text was not typed"
            if not shell_takes_pastes(self._session):  # a command reads, or will: what it leaves is the shell's
                self._pump.type(b"\n".join(self._lines))
                break
        return ""

    def _until_it_reads(self, typed_from: int, until: float) -> Generator[float, None, bool]:
        """Wait until the shell reads, or a command does; return whether the next line may be a paste.

        It may if the shell has asked for pastes since position `typed_from`: bash and zsh do so at each prompt, also at
        one that goes on with the line before. fish goes on without a prompt, and then only tabs are pasted. If the time
        is out, it may if the shell takes pastes.
        """
        began = time.monotonic()
        until = min(until, began + STALLED)
        while (now := time.monotonic()) < until and self._session.life.running:
            yield LINE_POLL
            takes = shell_takes_pastes(self._session)
            if takes and _ASKED in self._pump.log.content(typed_from):
                return True
            if takes and not self._pump.enter_unread and not self._shell_works():
                return False  # fish, where a paste within a quote would escape another quote
            if now - began > LINE_TIME and not (self._pump.enter_unread or self._makes_prompt()):
                break
        return shell_takes_pastes(self._session)

    def _shell_works(self) -> bool:
        """Return whether the foreground runs: a shell that has just read Enter may not have said what it does next."""
        return syscalls.runs(self._pump.pty.foreground(), self._session.facts.pid)

    def _makes_prompt(self) -> bool:
        """Return whether a shell is in the foreground, and does not read, as a builtin such as `read` would."""
        pty = self._pump.pty
        reads = syscalls.reads_terminal(pty.foreground(), self._session.facts.pid, pty.device)
        return self._session.activity.shell_in_front and reads is False


def _pasted(text: bytes) -> bytes:
    return PASTE + text + PASTE_END if text else b""


def shell_takes_pastes(session: Session) -> bool:
    """Return whether a shell is in the foreground, reads key by key, and takes pastes: so it reads a line."""
    if not session.pump.pty.raw() or not session.activity.shell_in_front:
        return False
    if session.pump.wants_read:
        session.read_output()
    session.feed.catch_up()
    return session.feed.emulator.mode(BRACKETED_PASTE) is True


def unmarked(text: bytes) -> bytes:
    """Return the text without paste markers; without any Escape if removals form too many."""
    for _ in range(_MAX_NESTED):
        text = text.replace(PASTE, b"").replace(PASTE_END, b"")
    return text.replace(ESCAPE, b"") if PASTE in text or PASTE_END in text else text
