"""A stand-in for an agent's composer, which draws on a raw terminal and logs submissions.

`python composer.py PROOF JSON` runs a composer. JSON has the fields of `Behaviour` that differ from their defaults. The
file PROOF gets a JSON line `{"submitted": TEXT}` for each prompt, and `{"answered": true}` if an Enter has answered a
menu. Real composers have been seen to behave in these ways. They take an Enter for a new line if it comes soon after a
paste, or in one read with text. They read in pieces, or late, and show even later what they have read.
"""

from __future__ import annotations

import codecs
import json
import os
import re
import select
import sys
import time
import tty
from dataclasses import dataclass

_PASTE, _PASTE_END = "\x1b[200~", "\x1b[201~"
_TOKEN = re.compile(r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[^\[]|[^\x1b]", re.DOTALL)
_SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"


@dataclass(frozen=True)
class Behaviour:
    """The behaviour of a composer; times are in seconds, and 0 means never."""

    paste: bool = True
    """Asks for bracketed paste."""
    window: float = 0.0
    """An Enter less than so many seconds after a paste is a new line."""
    burst: float = 0.0
    """An Enter less than so many seconds after a key, or in one read with it, is a new line."""
    piece: int = 65_536
    """The most bytes of one read."""
    edge: bool = False
    """Reads one piece when something arrives, and no other before more arrives, except within a paste."""
    busy: float = 0.0
    """Does something else for so many seconds before it reads the first bytes of a prompt."""
    ahead: float = 0.0
    """Reads at once, but handles what it has read so many seconds later, and measures its times from then."""
    late: float = 0.0
    """Shows what it has read after so many seconds."""
    placeholder: int = 0
    """A paste of more characters than this is shown as a mark."""
    shows: bool = True
    spinner: bool = False
    """A spinner turns all the time."""
    thinks: float = 0.0
    """A spinner turns for so many seconds after a prompt."""
    deaf: int = 0
    """Reads so many bytes of a prompt and no more."""
    menu: str = ""
    """A menu opens while a text arrives, and is reported as OSC 7501: at the first bytes of the text (`early`), or once
    the text is shown (`shown`)."""
    alternate: bool = False
    """Uses the alternate screen."""


class Composer:
    """A composer that runs until its terminal is gone."""

    def __init__(self, proof: str, behaviour: Behaviour) -> None:
        self.proof, self.how = proof, behaviour
        self.text = self.shown = ""
        """The text, and the text as it is drawn, where pastes may be marks."""
        self.pasting: list[str] | None = None
        self.decoder, self.rest = codecs.getincrementaldecoder("utf-8")("replace"), ""
        self.prompts = self.read = 0
        self.pasted_at = self.key_at = self.draws_at = self.handles_at = self.thinks_until = 0.0
        self.menu = self.opened = False
        self.queued, self.drawn = b"", ""

    # -- keys

    def take(self, data: bytes) -> None:
        """Handle the bytes of one read."""
        now, typed = time.monotonic(), False
        self.rest += self.decoder.decode(data)
        while token := _TOKEN.match(self.rest):
            self.rest, key = self.rest[token.end() :], token[0]
            if key in (_PASTE, _PASTE_END) and self.how.paste:
                self._mark(begins=key == _PASTE, now=now)
            elif self.pasting is not None:
                self.pasting.append(key)
            elif key == "\r":
                self._enter(now, typed=typed)
            elif key == "\x04":
                raise EOFError
            elif key == "\x15":
                self.text = self.shown = ""
            elif (key == "\n" or ord(key[0]) >= 0x20) and not self.menu:
                self.text, self.shown, self.key_at, typed = self.text + key, self.shown + key, now, True

    def _mark(self, *, begins: bool, now: float) -> None:
        """Handle the mark that begins or ends a paste."""
        if self.pasting is not None and not begins and not self.menu:
            text = "".join(self.pasting).replace("\r", "\n")
            self.text, self.pasted_at = self.text + text, now
            self.shown += "[Pasted]" if 0 < self.how.placeholder < len(text) else text
        self.pasting = [] if begins else None

    def _enter(self, now: float, *, typed: bool) -> None:
        if self.menu:
            self.menu = False
            self._note(answered=True)
        elif now - self.pasted_at < self.how.window or (
            self.how.burst and (typed or now - self.key_at < self.how.burst)
        ):
            self.text, self.shown = self.text + "\n", self.shown + "\n"
        elif self.text:
            self._note(submitted=self.text)
            self.thinks_until = now + self.how.thinks
            self.text = self.shown = ""
            self.prompts, self.read, self.opened = self.prompts + 1, 0, False

    def _note(self, **facts: object) -> None:
        with open(self.proof, "a", encoding="utf-8") as file:
            file.write(json.dumps(facts) + "\n")

    # -- the screen

    def draw(self) -> None:
        now = time.monotonic()
        turns = self.how.spinner or now < self.thinks_until
        text = "Allow this command?\n› 1. Yes\n  2. No" if self.menu else self.shown if self.how.shows else ""
        rows = [row[start : start + 30] for row in text.split("\n") for start in range(0, len(row) or 1, 30)]
        above = f"{_SPINNER[int(now / 0.08) % len(_SPINNER)]} Thinking…" if turns else f"{self.prompts} prompts"
        screen = "\r\n".join([above, *(f"> {row}" for row in rows[-12:]), "? for shortcuts"])
        if screen != self.drawn:
            self.drawn, data = screen, f"\x1b[H\x1b[2J{screen}".encode()
            while data:
                data = data[os.write(1, data) :]

    # -- its life

    def run(self) -> None:
        """Read and draw until the terminal is gone."""
        tty.setraw(0)
        os.write(1, (b"\x1b[?1049h" if self.how.alternate else b"") + (b"\x1b[?2004h" if self.how.paste else b""))
        poll = select.epoll() if self.how.edge and hasattr(select, "epoll") else None  # Linux
        if poll is not None:
            poll.register(0, select.EPOLLIN | select.EPOLLET)
        while True:
            if time.monotonic() >= self.draws_at:
                self.draw()
            if 0 < self.how.deaf <= self.read:
                time.sleep(60)
            elif poll.poll(0.02) if poll and self.pasting is None else select.select([0], [], [], 0.02)[0]:
                self._read()
            if self.queued and time.monotonic() >= self.handles_at:
                data, self.queued = self.queued, b""
                self.take(data)
            if self.how.menu == "shown" and self.shown and not self.opened and self.pasting is None:
                self.draw()
                time.sleep(0.06)
                self._open()

    def _read(self) -> None:
        time.sleep(0 if self.read else self.how.busy)
        data = os.read(0, min(self.how.piece, self.how.deaf or self.how.piece))
        if not data:
            raise EOFError
        self.read += len(data)
        now = time.monotonic()
        self.draws_at = now + self.how.late
        if self.how.menu == "early" and not self.opened:
            self._open()
        self.handles_at = self.handles_at if self.queued else now + self.how.ahead
        self.queued += data

    def _open(self) -> None:
        self.menu = self.opened = True
        os.write(1, b"\x1b]7501;state=blocked:app=stand-in:kind=permission\x1b\\")


if __name__ == "__main__":
    try:
        Composer(sys.argv[1], Behaviour(**json.loads(sys.argv[2]))).run()
    except (EOFError, OSError):
        pass  # its terminal is gone
