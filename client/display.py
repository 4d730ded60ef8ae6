"""The display: shows output, sesh's own lines and notifications; resets the terminal's settings."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping

from sesh.about import PROGRAM
from sesh.client.before import Before
from sesh.client.reports import ASK_RESET, Answers, ResetReplies
from sesh.client.terminal import RawTerminal
from sesh.client.terminal_queue import Own, TerminalQueue
from sesh.client.terminal_reset import TerminalReset
from sesh.text.safe import cut, plain
from sesh.vt.queries import Kind, QueryScanner
from sesh.vt.render.clean_screen import CANCEL, NEUTRAL, clean_screen
from sesh.wire.messages import Message

MAX_PENDING = 256 << 10  # stop reading from the daemon while this many bytes are queued for the terminal
_WRITE_TIMEOUT = 1.0  # seconds for a terminal to accept a byte of a leaving client; then the last bytes are dropped
_LATE_REPLIES = 0.1  # seconds in which a client whose link is lost drops late replies of its terminal
_RESET_TIMEOUT = 1.0  # seconds for a terminal to tell that it has processed the reset; nearly all tell at once
_SILENT_TIMEOUT = 0.1  # the same for a terminal that has never told
_MAX_LATEST = 4 << 10  # bytes of the latest output, in which queries are looked for
_LAST_ROW = 9999  # more than any terminal has: the cursor stops at the last row
_CLEAR_LAST_ROW = b"\x1b7\x1b[?6l\x1b[%d;1H\x1b[0m\x1b[2K\x1b8" % _LAST_ROW  # overwrites the saved cursor
_BEGIN_UPDATE, _END_UPDATE = b"\x1b[?2026h", b"\x1b[?2026l"  # a synchronized update

_ADDRESS = re.compile(r"https?://[!-~]*[!-'*-+\--:<-~]")  # the stop behind an address is not its own
_MAX_LINK = 2083  # bytes of a link that VTE takes

_OSC_9_PROGRAMS = ("iTerm.app", "WezTerm", "ghostty", "WarpTerminal", "rio")
MAX_NOTIFICATION = 200
_MAX_INSERTED = 32 << 20  # bytes
BELL = b"\a"


class Display:
    """A queue of bytes for the terminal, and the settings that those bytes have changed.

    `started`: the terminal shows the session. `covered`: sesh's own line covers the last row. `held`: the queue waits,
    though the terminal would take bytes.
    """

    def __init__(self, terminal: RawTerminal) -> None:
        self.terminal = terminal
        self.queue = TerminalQueue()
        self._notification = b""
        self._inserted = b""  # sequences that wait for the end of the program's
        self._was_alternate = False
        self.held = False
        self.answers_reset = Answers.UNTRIED
        self._latest, self._latest_at = b"", 0.0  # output, and when it was shown
        self._reset()

    def _reset(self) -> None:
        self.started = False
        self.covered = False
        self.terminal_reset = TerminalReset(prints_strings=_prints_strings(os.environ))

    def show(
        self, data: bytes, position: int | None = None, before: bytes = b"", after: bytes = b"", *, line: str = ""
    ) -> None:
        """Show output between bytes that change no setting.

        `position`: in the session's output, of the end of `data`; None if it is unknown. `before`: where a line covers
        the last row, they put the row back. `line`: draw it over the last row, in the same write.
        """
        rest = len(self.terminal_reset.held)
        shown = self._follow(data)
        self._latest, self._latest_at = (self._latest + shown[-_MAX_LATEST:])[-_MAX_LATEST:], time.monotonic()
        output_from = None
        if position is not None:
            output_from = position - len(shown) - len(self.terminal_reset.held)
        self._show(shown, position, output_from, before, after, line, rest=rest)

    def show_screen(self, data: bytes, position: int | None, before: bytes = b"", *, line: str = "") -> None:
        """Show the replay of a screen, or one of its parts, which has no `position`."""
        held = len(self.terminal_reset.held)  # the screen has what it has become
        self._show(self._follow(data, is_screen=True)[held:], position, None, before, b"", line, dropped=held)

    def _follow(self, data: bytes, *, is_screen: bool = False) -> bytes:
        """Follow what the terminal is shown; return it without what waits for more."""
        if not data:
            return b""
        self.started = True
        return self.terminal_reset.feed(data, is_screen=is_screen)

    def _show(
        self,
        data: bytes,
        position: int | None,
        output_from: int | None,
        before: bytes,
        after: bytes,
        line: str,
        *,
        rest: int = 0,
        dropped: int = 0,
    ) -> None:
        """Show output or a screen. `dropped`: bytes before `data` that are not shown."""
        if self.covered:
            self.covered = False
            before = (_BEGIN_UPDATE if line else b"") + (before or _CLEAR_LAST_ROW)
        if line:
            after += self._line(line)
            self.covered = True
        at, questions = self.terminal_reset.questions(time.monotonic())
        own = Own(max(0, at - dropped), questions)
        is_idle = not self.queue.waiting
        if position is None:
            self.queue.add(before + own.within(data) + after)
        else:
            self.queue.add_session(data, position, output_from, before, after, rest=rest, own=own)
        if is_idle:
            self.flush()
        if self._notification or self._inserted:
            self._send_inserted()

    def write(self, data: bytes) -> None:
        """Write or queue bytes that change no setting."""
        is_idle = not self.queue.waiting
        self.queue.add(data)
        if is_idle:
            self.flush()

    def flush(self) -> None:
        if self.queue.waiting and not self.held:
            self.queue.take(self.terminal.write(self.queue.waiting))

    def drain(self, seconds: float) -> bool:
        """Write the whole queue; return False if the terminal takes no byte for `seconds`."""
        self.held = False
        while self.queue.waiting:
            self.flush()
            if self.queue.waiting and not self.terminal.wait_for_room(seconds):
                return False
        return True

    def notify(self, sequence: bytes) -> None:
        """Send a notification, between two sequences; it replaces one that waits."""
        self._notification = sequence
        self._send_inserted()

    def insert(self, sequence: bytes) -> None:
        """Send sequences, between two of the program's; none if they would be too many."""
        if len(self._inserted) + len(sequence) <= _MAX_INSERTED:
            self._inserted += sequence
        self._send_inserted()

    def _send_inserted(self) -> None:
        if self.started and not self.terminal_reset.unfinished:
            self.write(self._inserted + self._notification)
            self._inserted = self._notification = b""

    def draw_over_last_row(self, text: str) -> None:
        """Draw a line over the last row; the caller must put the row back later."""
        self.covered = True
        self.write(self._line(text))

    def _line(self, text: str) -> bytes:
        """Return the bytes that draw a line over the last row.

        They cancel an unfinished sequence, and change the saved cursor (DECSC), margins, and other settings of drawing.
        """
        columns, _ = self.terminal.grid()
        line = f" {_linked(plain(text), columns - 2)} ".encode("utf-8", "replace")
        # ECH, not EL: EL would break the row off from a wrapped line above it. Without auto-wrap, because a terminal
        # may draw a character wider than expected.
        row = b"\x1b[%d;1H\x1b[0;7m\x1b[%dX\x1b[?7l%s\x1b[?7h\x1b[0m" % (_LAST_ROW, columns, line)
        return CANCEL + b"\x1b7%s%s\x1b8" % (NEUTRAL, row) + _END_UPDATE

    def print_line(self, text: str) -> None:
        """Print a line on a terminal that does not show the session."""
        self.terminal.write_all(_printed(text), _WRITE_TIMEOUT)

    def drop_unread(self) -> None:
        """Drop what was typed and not read, but keep what the terminal tells there."""
        self.terminal_reset.before.take(self.terminal.take_unread(), time.monotonic())

    def leave(self, line: str, last_message: Message) -> None:
        """Reset the settings; print `line`, unless empty, on an empty row.

        What the terminal sends before it has processed the reset would be typed into the outer shell: it is waited for.
        `last_message`: the daemon's, with `used_rows`, and whether queries are open; empty without one.
        """
        was_started, left = self.started, self.terminal_reset
        reset = self._take_reset(last_message)
        others = last_message.get("queries", self._has_asked()) is True
        asks = was_started and (others or left.expects_input)
        if not self._write_reset(reset + (_printed(line) if line else b"") + ASK_RESET * asks):
            return
        if asks:
            self._await_reset(left.before, others=others)
        elif was_started and not last_message:
            self.terminal.drop_input(_LATE_REPLIES)

    def _has_asked(self) -> bool:
        """Return whether a query of the program, which only a DETACH tells of, may be open."""
        is_new = time.monotonic() < self._latest_at + _RESET_TIMEOUT
        return is_new and any(kind in (Kind.QUERY, Kind.TALK) for kind, _, _ in QueryScanner().scan(self._latest))

    def _await_reset(self, before: Before, *, others: bool) -> None:
        """Drop reports until the terminal has processed the reset; give back what it tells only now."""
        told = {*before.known()}
        replies = ResetReplies(others=others)
        seconds = _SILENT_TIMEOUT if self.answers_reset is Answers.NO else _RESET_TIMEOUT
        before.flush()  # what it holds is in what is dropped
        before.take(self.terminal.drop_until(replies, seconds), time.monotonic())
        self.answers_reset = self.answers_reset.after(replies.wait)
        if late := b"".join(back for name, back in before.known() if (name, back) not in told):
            self.terminal.write_all(b"\x1b7" + late + b"\x1b8", _WRITE_TIMEOUT)

    def _take_reset(self, last_message: Message) -> bytes:
        """Return the bytes that reset all settings and go to an empty row; from now on, all settings are reset."""
        if not (self.started or self.covered):
            return b""
        alternate = self.terminal_reset.alternate
        used_rows = last_message.get("used_rows")
        if self.queue.waiting or not isinstance(used_rows, int):
            # The cursor's row is unknown: go to the last row. But leaving the alternate screen returns to the row from
            # which the program entered that screen, as a rule the last used one.
            used_rows = 1 if alternate else _LAST_ROW
        out = (_CLEAR_LAST_ROW if self.covered else b"") + self.terminal_reset.reset_bytes(self.terminal.grid()[0])
        if used_rows > 1:
            out += b"\x1b[%dB" % (min(used_rows, _LAST_ROW) - 1)
        self._reset()
        return out + (b"\r\n" if used_rows else b"\r")

    def _write_reset(self, reset: bytes) -> bool:
        """Write a reset behind what the terminal has begun to take; return False if the terminal takes no byte."""
        self.queue.drop_later()
        self.queue.add(reset)
        is_written = self.drain(_WRITE_TIMEOUT)
        self.queue.drop()
        return is_written

    def suspend(self) -> None:
        """Reset a terminal that shows the session, until `resume`; drop what waits for it."""
        self._was_alternate = self.terminal_reset.alternate if self.started else self._was_alternate
        left, others = self.terminal_reset, self._has_asked()
        asks = self.started and (others or left.expects_input)
        if self._write_reset(self._take_reset({}) + ASK_RESET * asks) and asks:
            self._await_reset(left.before, others=others)

    def resume(self) -> None:
        """After `suspend`, enter the alternate screen again, or clear the main one."""
        if not self.started:
            self.show(b"\x1b[?1049h" if self._was_alternate else clean_screen(*self.terminal.grid()))


def _printed(text: str) -> bytes:
    return f"[{plain(text)}]\r\n".encode("utf-8", "replace")


def _linked(text: str, columns: int) -> str:
    """Cut a line to columns; make its address a link to click (OSC 8), which leads to the whole address."""
    shown = cut(text, columns)
    address = _ADDRESS.search(text)
    if address is None or address.start() >= len(shown) or len(address[0]) > _MAX_LINK:
        return shown
    start, end = address.span()
    return f"{shown[:start]}\x1b]8;;{address[0]}\x1b\\{shown[start:end]}\x1b]8;;\x1b\\{shown[end:]}"


def _prints_strings(environment: Mapping[str, str]) -> bool:
    """Return whether this environment's terminal prints the content of a DCS, as GNU screen and older consoles do."""
    term = environment.get("TERM", "")
    return term.startswith("linux") or (term.startswith("screen") and not environment.get("TMUX"))


def notification(line: str, environment: Mapping[str, str]) -> bytes:
    """Return a notification for this environment's terminal; BELL if the terminal shows none.

    Sources: iTerm2's proprietary escape codes (OSC 9), kitty's desktop notifications (OSC 99), and the `notify` of
    rxvt-unicode, also in VTE and foot (OSC 777).
    """
    text = plain(line)[:MAX_NOTIFICATION].encode("utf-8", "replace")
    term = environment.get("TERM", "")
    if environment.get("TMUX") or term.startswith(("screen", "tmux")):
        return BELL
    if environment.get("KITTY_WINDOW_ID") or "kitty" in term:
        return b"\x1b]99;;%s\x1b\\" % text
    if environment.get("TERM_PROGRAM") in _OSC_9_PROGRAMS or "ghostty" in term or "wezterm" in term:
        return b"\x1b]9;%s\x1b\\" % text
    if environment.get("VTE_VERSION") or term.startswith(("foot", "rxvt")):
        return b"\x1b]777;notify;%s;%s\x1b\\" % (PROGRAM.encode(), text.replace(b";", b","))
    return BELL
