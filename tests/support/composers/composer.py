"""A stand-in for an agent's composer: it draws itself on a raw terminal, and logs what is submitted.

`python composer.py PROOF JSON` runs one; JSON has the fields of `Behaviour` that are not as usual. PROOF gets a JSON
line `{"submitted": TEXT}` for each prompt, and `{"answered": true}` where an Enter has answered a menu. What it does is
what real composers have been seen to do: they take an Enter that comes soon after a paste, or in one read with text,
for a new line; they hide the cursor or keep it elsewhere; they read in pieces, or late.
"""

from __future__ import annotations

import codecs
import fcntl
import json
import os
import re
import select
import struct
import sys
import termios
import time
import tty
import unicodedata
from dataclasses import dataclass

_PASTE, _PASTE_END = "\x1b[200~", "\x1b[201~"
_CSI = re.compile(r"\x1b\[([0-?]*)([ -/]*[@-~])")
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"
_HINTS = ("? for shortcuts", "@ names a file", "/ opens the menu", "! runs a command")
_MENU = ("Allow this command?", "› 1. Yes", "  2. No")


@dataclass(frozen=True)
class Behaviour:
    """How a composer behaves. Times are in seconds; what is 0 or empty does not happen."""

    paste: bool = True
    """Asks for bracketed paste."""
    window: float = 0.0
    """An Enter so soon after a paste is a new line."""
    burst: float = 0.0
    """An Enter so soon after a key, or in one read with it, is a new line."""
    piece: int = 65_536
    """Bytes of one read."""
    edge: bool = False
    """Reads one piece when something arrives, and not again before more arrives; not within a paste."""
    work: float = 0.0
    """Does something else before each read."""
    busy: float = 0.0
    """Does something else before it reads the first bytes of a prompt."""
    ahead: float = 0.0
    """Reads at once, but handles all that it has read so much later: it takes the times from then."""
    late: float = 0.0
    """Shows what it has read so much later."""
    cursor: str = "there"
    """Where the cursor stands: there, hidden, elsewhere."""
    box: bool = False
    grows_up: bool = False
    """Stands at the bottom of the screen."""
    placeholder: int = 0
    """A paste of more characters is shown as a mark."""
    shows: bool = True
    spinner: str = ""
    """A spinner turns all the time: above, below."""
    hints: float = 0.0
    """Shows another hint below so often."""
    flicker: float = 0.0
    """Clears the screen before it draws, and draws so much later."""
    thinks: float = 0.0
    """After a prompt a spinner turns for so long before the answer."""
    deaf: int = 0
    """Reads so many bytes of a prompt and no more."""
    menu: str = ""
    """A menu opens while a text is on its way, and is reported as OSC 7501: at its first bytes (early), or once it is
    shown (shown)."""
    alternate: bool = False
    """Uses the alternate screen, and mode 2026 around what it draws."""
    kitty: int = 0
    """Flags of the kitty keyboard protocol that it asks for."""


def _width(character: str) -> int:
    if unicodedata.combining(character) or unicodedata.category(character) in {"Cf", "Mn", "Me"}:
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def _wrapped(text: str, columns: int) -> list[str]:
    """The text in rows of so many columns."""
    rows = []
    for line in text.split("\n"):
        row, used = "", 0
        for character in line.replace("\t", " "):
            width = _width(character)
            if used + width > columns:
                rows.append(row)
                row, used = "", 0
            row, used = row + character, used + width
        rows.append(row)
    return rows


class Composer:
    """One that runs until its terminal is gone."""

    def __init__(self, proof: str, behaviour: Behaviour) -> None:
        self.proof, self.how = proof, behaviour
        self.text = ""
        self.shown = ""
        """The text as it is drawn: pastes may be marks."""
        self.drawn: list[str] = []
        self.history: list[str] = ["Welcome to the stand-in."]
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")
        self.rest = ""
        """What was read and is no whole key yet."""
        self.pasting: list[str] | None = None
        self.pastes = self.read = 0
        self.pasted_at = self.key_at = self.due = self.thinking_until = 0.0
        self.menu = self.opened = False
        self.queued, self.handled_at = b"", 0.0

    # -- keys

    def take(self, data: bytes) -> None:
        """Handles what one read gave."""
        now = time.monotonic()
        self.rest += self.decoder.decode(data)
        typed = False
        while self.rest:
            if self.pasting is not None:
                before, mark, after = self.rest.partition(_PASTE_END)
                if not mark:
                    held = next((n for n in range(len(_PASTE_END) - 1, 0, -1) if before.endswith(_PASTE_END[:n])), 0)
                    self.pasting.append(before[: len(before) - held])
                    self.rest = before[len(before) - held :]
                    break
                self.rest, self.pasted_at = after, now
                self._paste("".join([*self.pasting, before]))
                self.pasting = None
            elif self.rest[0] == "\x1b":
                if len(self.rest) < 3 or (self.rest[1] == "[" and not _CSI.match(self.rest)):
                    break
                typed = self._sequence(now, typed=typed)
            else:
                key, self.rest = self.rest[0], self.rest[1:]
                typed = self._key(key, now, typed=typed)

    def _sequence(self, now: float, *, typed: bool) -> bool:
        sequence = _CSI.match(self.rest)
        if sequence is None:
            self.rest = self.rest[2:]
            return typed
        self.rest = self.rest[sequence.end() :]
        if sequence[0] == _PASTE and self.how.paste:
            self.pasting = []
        elif sequence[0] == "\x1b[13u":
            self._enter(now, typed=typed)
        return typed

    def _key(self, key: str, now: float, *, typed: bool) -> bool:
        """Handles a key; whether text has come in this read."""
        if key == "\r":
            self._enter(now, typed=typed)
            return typed
        if key == "\x04":
            raise EOFError
        if key in "\x03\x15":
            self.text = self.shown = ""
        elif key == "\x7f":
            self.text, self.shown = self.text[:-1], self.shown[:-1]
        elif (key == "\n" or key.isprintable() or _width(key) == 0) and not self.menu:
            self.text, self.shown, self.key_at = self.text + key, self.shown + key, now
            return True
        return typed

    def _paste(self, text: str) -> None:
        if self.menu:
            return
        text = text.replace("\r\n", "\n").replace("\r", "\n")
        self.text += text
        if self.how.placeholder and len(text) > self.how.placeholder:
            self.pastes += 1
            lines = text.count("\n")
            text = f"[Pasted text #{self.pastes} +{lines} lines]"
        self.shown += text

    def _enter(self, now: float, *, typed: bool) -> None:
        if self.menu:
            self.menu = False
            self._note(answered=True)
            return
        swallowed = now - self.pasted_at < self.how.window
        if self.how.burst:
            swallowed = swallowed or typed or now - self.key_at < self.how.burst
        if swallowed:
            self.text, self.shown = self.text + "\n", self.shown + "\n"
        elif self.text:
            self._submit(now)

    def _submit(self, now: float) -> None:
        self._note(submitted=self.text)
        if self.how.shows:
            rows = _wrapped(self.shown, 70)
            self.history += ["", f"> {rows[0]}", *(f"  {row}" for row in rows[1:])]
        if self.how.thinks:
            self.thinking_until = now + self.how.thinks
        else:
            self.history += ["", "ok."]
        self.text = self.shown = ""
        self.read, self.opened = 0, False

    def _note(self, **facts: object) -> None:
        with open(self.proof, "a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")

    # -- the screen

    def rows(self, columns: int, now: float) -> tuple[list[str], int]:
        """All rows, of which the screen shows the last, and the number of those below the end of the text."""
        mark = _SPINNER[int(now / 0.08) % len(_SPINNER)]
        inner = columns - (8 if self.how.box else 4)
        text = list(_MENU) if self.menu else _wrapped(self.shown if self.how.shows else "", inner)
        composer = [f"{'> ' if number == 0 else '  '}{row}" for number, row in enumerate(text[-12:])]
        if self.how.box:
            filled = [row + " " * max(0, inner + 2 - sum(map(_width, row))) for row in composer]
            composer = [f"╭{'─' * (inner + 4)}╮", *(f"│ {row} │" for row in filled), f"╰{'─' * (inner + 4)}╯"]
        hint = _HINTS[int(now / self.how.hints) % len(_HINTS) if self.how.hints else 0]
        above, below = [""], [f"  {hint:<35} stand-in · ~/project"]
        if now < self.thinking_until or self.how.spinner == "above":
            above = ["", f"{mark} Thinking… ({int(now) % 60}s · esc to interrupt)"]
        if self.how.spinner == "below":
            below = [f"  {mark} {int(now * 10) % 1000} tokens", *below]
        return [*self.history, *above, *composer, *below], len(below) + (1 if self.how.box else 0)

    def draw(self) -> None:
        """Draws the rows that have changed."""
        now = time.monotonic()
        rows, columns = struct.unpack("HHHH", fcntl.ioctl(0, termios.TIOCGWINSZ, bytes(8)))[:2]
        if not self.menu and self.thinking_until and now >= self.thinking_until:
            self.thinking_until = 0.0
            self.history += ["", "ok."]
        self.history = self.history[-100:]
        lines, below = self.rows(columns, now)
        last = lines[-rows:]
        lines = [*[""] * (rows - len(last)), *last] if self.how.grows_up else last
        self.drawn += [""] * (rows - len(self.drawn))
        out = []
        for number in range(rows):
            line = lines[number] if number < len(lines) else ""
            if self.drawn[number] != line:
                out.append(f"\x1b[{number + 1};1H\x1b[K{line}")
                self.drawn[number] = line
        if not out:
            return
        if self.how.flicker:
            os.write(1, b"\x1b[2J")
            time.sleep(self.how.flicker)
            out = [f"\x1b[{number};1H{line}" for number, line in enumerate(lines, 1)]
        if self.how.cursor == "there":
            row = len(lines) - below
            out.append(f"\x1b[{row};{1 + sum(map(_width, lines[row - 1]))}H")
        elif self.how.cursor == "elsewhere":
            out.append(f"\x1b[{rows};1H")
        data = "".join(out)
        if self.how.alternate:
            data = f"\x1b[?2026h{data}\x1b[?2026l"
        rest = data.encode()
        while rest:
            rest = rest[os.write(1, rest) :]

    # -- its life

    def start(self) -> None:
        """Sets the terminal's modes."""
        tty.setraw(0)
        modes = "\x1b[?1049h" if self.how.alternate else ""
        modes += "\x1b[?2004h" if self.how.paste else ""
        modes += f"\x1b[>{self.how.kitty}u" if self.how.kitty else ""
        modes += "\x1b[?25l" if self.how.cursor == "hidden" else ""
        os.write(1, f"{modes}\x1b[2J".encode())

    def run(self) -> None:
        """Reads and draws until the terminal is gone."""
        self.start()
        self.draw()
        poll = select.epoll() if self.how.edge and hasattr(select, "epoll") else None  # Linux
        if poll is not None:
            poll.register(0, select.EPOLLIN | select.EPOLLET)
        while True:
            now = time.monotonic()
            turning = self.how.spinner or self.how.hints or now < self.thinking_until
            wait = 0.02 if self.due or self.queued else 0.08 if turning or self.thinking_until else 60
            if self.how.deaf and self.read >= self.how.deaf:
                time.sleep(wait)
            elif poll is not None:
                if poll.poll(wait) if self.pasting is None else select.select([0], [], [], wait)[0]:
                    self._read()
            elif select.select([0], [], [], wait)[0]:
                self._read()
            if self.queued and time.monotonic() >= self.handled_at:
                data, self.queued = self.queued, b""
                self.take(data)
            self._open_menu()
            now = time.monotonic()
            if now >= self.due:
                self.due = 0.0
                self.draw()

    def _read(self) -> None:
        time.sleep(self.how.work if self.read else max(self.how.busy, self.how.work))
        data = os.read(0, min(self.how.piece, self.how.deaf or self.how.piece))
        if not data:
            raise EOFError
        self.read += len(data)
        self.due = time.monotonic() + self.how.late
        if self.how.menu == "early" and not self.opened:
            self._open()
        if self.how.ahead:
            self.handled_at = self.handled_at if self.queued else time.monotonic() + self.how.ahead
            self.queued += data
        else:
            self.take(data)

    def _open_menu(self) -> None:
        """Opens the menu once the text has been drawn."""
        if self.how.menu == "shown" and self.shown and not self.opened and self.pasting is None:
            self.draw()
            time.sleep(0.06)
            self._open()

    def _open(self) -> None:
        self.menu = self.opened = True
        os.write(1, b"\x1b]7501;state=blocked:app=stand-in:kind=permission\x1b\\")


if __name__ == "__main__":
    try:
        Composer(sys.argv[1], Behaviour(**json.loads(sys.argv[2]))).run()
    except (EOFError, OSError):
        pass
