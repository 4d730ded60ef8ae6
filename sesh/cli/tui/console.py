r"""The terminal in sesh's own lists and questions: keys by name, a screen drawn row by row, a marked row, answers.

The answers of a question stand beside each other; the letter of one chooses it, or the arrow keys and Enter. Escape,
q, and n and c if they stand for no answer, decline; Ctrl-C and Ctrl-\ interrupt; any other key rings. A terminal that
cannot move its cursor gets a numbered question.
"""

from __future__ import annotations

import os
import select
import signal
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sesh import keynames, reading, typed, wording
from sesh.cli import printing
from sesh.client import terminal as terminals
from sesh.client.keys import FLUSH_DELAY
from sesh.client.terminal import RawTerminal
from sesh.errors import Interrupted
from sesh.names import printable
from sesh.wording import columns

Answers = Sequence[tuple[str, str]]


class Keys:
    """Bytes of the terminal into keys: printable characters as they are, all others by name (`up`, `enter`, `C-c`).

    Pure: feed it reads of any size. Keys without a name here, key releases, mouse and other reports are dropped.
    """

    def __init__(self) -> None:
        self.partial = b""
        """The held beginning of a longer key."""

    def feed(self, data: bytes) -> list[str]:
        """Return the keys that `data` completes."""
        data, self.partial = self.partial + data, b""
        keys = []
        for token, whole in typed.tokens(data):
            if not whole:
                self.partial = token
            elif name := _name(token):
                keys.append(name)
        return keys

    def flush(self) -> list[str]:
        """Return the held key, since nothing more came."""
        partial, self.partial = self.partial, b""
        return ["escape"] if partial == typed.ESCAPE else []


def _name(token: bytes) -> str:
    """Return the name of a key, empty for none."""
    code = token[0]
    if code == 0x1B and len(token) > 1:
        if token[1:2] == b"O":
            return keynames.name_of((chr(token[-1]), 1, 0))
        chord, event = typed.chord(token) or (None, typed.RELEASE)
        return keynames.name_of(chord) if chord is not None and event != typed.RELEASE else ""
    if code < 0x20 or code == 0x7F:
        return keynames.name_of(("u", code, 0)) or f"C-{chr(code + 0x40).lower()}"
    text = token.decode("utf-8", "replace")
    return text if text.isprintable() and text != "\ufffd" else ""


_SIGNAL_KEYS: dict[int, str] = {signal.SIGINT: "C-c", signal.SIGWINCH: "resize", signal.SIGTSTP: "resume"}
_BLOCK = 1 << 12
_FOREVER = float("inf")
_PATIENCE = 2.0
"""Seconds to wait for a terminal that takes nothing."""
_BEGIN, _END = b"\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[m\x1b[2J", b"\x1b[m\x1b[?7h\x1b[?25h\x1b[?1049l"
"""The alternate screen, without cursor and wrapping; and back."""
_BEGIN_UPDATE, _END_UPDATE = b"\x1b[?2026h", b"\x1b[?2026l"
"""Synchronized output (mode 2026): a terminal that knows it draws all rows at once."""


class Console:
    """Keys of a raw terminal.

    `single`: read the terminal byte by byte, so that whatever is typed behind a key stays for the next reader; Ctrl-Z
    is a key as any other then, else it stops the process.
    """

    def __init__(self, terminal: RawTerminal, *, single: bool = False) -> None:
        self.terminal, self._single = terminal, single
        self._keys = Keys()

    def wait(self, others: Iterable[int] = (), seconds: float = _FOREVER) -> tuple[list[str], set[int]]:
        """Wait for keys, for one of the other descriptors to be readable, or for so many seconds; return both.

        Beside keys there are `resize`, `resume` (the process was stopped meanwhile), `hangup` (the terminal has gone)
        and `C-c` for SIGINT. A signal that ends sesh raises SystemExit.
        """
        poll = select.poll()
        for descriptor in (self.terminal.inbound, self.terminal.signals, *others):
            poll.register(descriptor, select.POLLIN)
        deadline = time.monotonic() + seconds
        while True:
            left = max(0.0, deadline - time.monotonic())
            pause = min(FLUSH_DELAY, left) if self._keys.partial else left
            ready = {descriptor for descriptor, _ in poll.poll(None if pause == _FOREVER else pause * 1000)}
            keys = self._signalled() if self.terminal.signals in ready else []
            if self.terminal.inbound in ready:
                keys += self._read()
            elif not ready:
                keys += self._keys.flush()
            ready -= {self.terminal.inbound, self.terminal.signals}
            if keys or ready or time.monotonic() >= deadline:
                return keys, ready

    def typed(self) -> list[str]:
        """Return the keys that are there already, without waiting."""
        poll = select.poll()
        poll.register(self.terminal.inbound, select.POLLIN)
        return self._read() if poll.poll(0) else []

    def _read(self) -> list[str]:
        try:
            data = os.read(self.terminal.inbound, 1 if self._single else _BLOCK)
        except BlockingIOError:
            return []
        except OSError:
            data = b""
        if not data:
            return ["hangup"]
        keys = self._keys.feed(data)
        if self._single or "C-z" not in keys:
            return keys
        self.stop()
        return ["resume" if key == "C-z" else key for key in keys]

    def _signalled(self) -> list[str]:
        keys = []
        for number in sorted(self.terminal.take_signals()):
            if number in terminals.EXIT_SIGNALS and number != signal.SIGINT:
                raise SystemExit(128 + number)
            if number == signal.SIGTSTP:
                self.stop()
            if number in _SIGNAL_KEYS:
                keys.append(_SIGNAL_KEYS[number])
        return keys

    def stop(self) -> None:
        """Stop this process, the terminal restored; return once it is continued."""
        self.terminal.suspend()


class Stage(Console):
    """A console on the terminal's alternate screen, as a context manager; the normal screen comes back."""

    def __init__(self, terminal: RawTerminal) -> None:
        super().__init__(terminal)
        self._drawn: list[str] = []

    def __enter__(self) -> Stage:
        self.terminal.write_all(_BEGIN, _PATIENCE)
        self._drawn = []
        return self

    def __exit__(self, *_: object) -> None:
        self.terminal.write_all(_END, _PATIENCE)

    @property
    def size(self) -> tuple[int, int]:
        """Columns and rows."""
        columns, rows = self.terminal.size()[:2]
        return columns or 80, rows or 24

    def draw(self, lines: Sequence[str]) -> None:
        """Show these rows, each of which fits; only those that have changed are written."""
        lines = list(lines[: self.size[1]])
        out = []
        for number, line in enumerate(lines):
            if self._drawn[number : number + 1] != [line]:
                out.append(f"\x1b[{number + 1};1H{line}\x1b[m\x1b[K")
        if len(lines) < len(self._drawn):
            out.append(f"\x1b[{len(lines) + 1};1H\x1b[J")
        if out:
            data = "".join(out).encode("utf-8", "replace")
            whole = self.terminal.write_all(_BEGIN_UPDATE + data + _END_UPDATE, _PATIENCE)
            self._drawn = lines if whole else []

    def wait(self, others: Iterable[int] = (), seconds: float = _FOREVER) -> tuple[list[str], set[int]]:
        """Wait as `Console.wait` does, without the keys `resize` and `resume`. A new size has all rows drawn again."""
        keys, ready = super().wait(others, seconds)
        if "resize" in keys:
            self._drawn = []
            self.terminal.write_all(b"\x1b[m\x1b[2J", _PATIENCE)
        return [key for key in keys if key not in ("resize", "resume")], ready

    def stop(self) -> None:
        """Stop this process, the terminal restored; once it is continued, enter the alternate screen again."""
        self.__exit__()
        super().stop()
        self.__enter__()


LEAVING = ("q", "escape", "C-c", "C-d", "C-\\", "hangup")
"""Keys that leave a list in which nothing is typed."""
STEPS = {"up": -1, "C-p": -1, "C-k": -1, "btab": -1, "down": 1, "C-n": 1, "C-j": 1, "tab": 1}
"""Keys that move the mark, by so many rows."""


class MarkedList:
    """Rows of which one is marked, and the part of them that fits the screen; any values that can be compared.

    `steps`: the keys that move the mark by one row; `around`: they lead from the last row to the first.
    """

    def __init__(self, steps: Mapping[str, int], rows: Sequence[Any] = (), *, around: bool = False) -> None:
        self._steps, self._around = steps, around
        self._first = 0
        """The index of the top row, as it was drawn last."""
        self.rows = rows
        self.mark: Any = next(iter(rows), None)

    def show(self, rows: Sequence[Any], instead: Iterable[Any] = (), *, stays: bool = False) -> None:
        """Set the rows. If the marked one is gone, mark the first of `instead`, else the first row; none if the mark
        `stays`."""
        self.rows = rows
        if self.mark not in rows and not stays:
            self.mark = next(iter(instead), next(iter(rows), None))

    def press(self, key: str, page: int = 0) -> bool:
        """Move the mark if `key` is one that does; return whether it is. `page`: rows of a page, 0 for no paging."""
        paging = {"pageup": -page, "pagedown": page, "home": -len(self.rows), "end": len(self.rows)} if page else {}
        if (key not in self._steps and key not in paging) or not self.rows:
            return False
        step = self._steps.get(key) or paging.get(key, 0)
        index = self._index() + (step if self.mark in self.rows or step < 0 else step - 1)
        if self._around and key in self._steps:
            index %= len(self.rows)
        self.mark = self.rows[min(max(0, index), len(self.rows) - 1)]
        return True

    def fitting(self, height: int) -> Sequence[Any]:
        """Return as many rows as fit, the marked one among them; they scroll no more than they must."""
        self._first = min(max(self._first, self._index() - height + 1), self._index())
        return self.rows[self._first : self._first + height]

    def _index(self) -> int:
        return self.rows.index(self.mark) if self.mark in self.rows else 0


def edited(text: str, key: str) -> str:
    """Return the text after a key that is typed at its end."""
    if key == "bspace":
        return text[:-1]
    if key in ("C-u", "C-w"):
        return ""
    return text + key if len(key) == 1 else text


def hint(hints: Sequence[str], width: int) -> str:
    """Return the first hint that fits, else as much of the last one as fits."""
    return wording.cut(next((text for text in hints if wording.columns(text) <= width), hints[-1]), width)


_DECLINING = ("q", "n", "c")
"""Letters that decline a question of which they are no answer: those of Quit, No and Cancel."""
_MENU_STEPS = {"right": 1, "down": 1, "tab": 1, "left": -1, "up": -1, "btab": -1}


def ask(question: str, answers: Answers, default: str) -> str:
    r"""Return the letter of the chosen answer, empty for none (Escape, n, c, end of input).

    `answers`: a small letter or digit and its meaning, each; `default`: the letter that Enter takes. Whatever is typed
    after the answer stays for the next reader. Raises Interrupted upon Ctrl-C and Ctrl-\.
    """
    if printing.dumb():
        return numbered(question, answers, default)
    outbound = printing.STDERR if os.isatty(printing.STDERR) else printing.STDOUT
    with terminals.RawTerminal(0, outbound) as terminal:
        return _menu(terminal, question, answers, default)


def numbered(question: str, answers: Answers, default: str, names: Mapping[str, str] | None = None) -> str:
    """Print numbered answers and read a line: a number, a letter, or one of `names`, which stands for a letter, or for
    several answers, which are printed; q leaves. Ask again for anything else."""
    by_number = {str(number): letter for number, (letter, _) in enumerate(answers, 1)}
    lines = [f"  {number}) {label}\n" for number, (_, label) in enumerate(answers, 1)]
    printing.write(printing.encoded(f"{question}\n{''.join(lines)}"), printing.STDERR)
    prompt = next(number for number, letter in by_number.items() if letter == default)
    what = "number or name" if names else "number"
    while True:
        printing.write(f"{what}, or q to leave [{prompt}]: ".encode(), printing.STDERR)
        data = next(reading.stdin(), b"")
        if not data:
            printing.write(b"\n", printing.STDERR)
            return ""
        typed = data.decode("utf-8", "replace").strip()
        answer = typed.lower()
        letter = by_number.get(answer) or (names or {}).get(typed, "")
        if not letter and answer in ("quit", "no", "cancel"):
            return ""
        if not letter and not names:
            letter = answer[:1] if answer.isalpha() else answer
        letter = letter or ("" if typed else default)
        if letter in by_number.values():
            return letter
        if answer in _DECLINING:
            return ""
        said = (names or {}).get(typed, "none of the answers")
        printing.write(printing.encoded(f"{printable(typed)} is {said}\n"), printing.STDERR)


def _menu(terminal: RawTerminal, question: str, answers: Answers, default: str) -> str:
    """Ask on a raw terminal; the answers are stacked if they do not fit beside each other."""
    labels = dict(answers)
    marked = MarkedList(_MENU_STEPS, list(labels), around=True)
    marked.mark = default
    stacked = sum(columns(label) + 3 for label in labels.values()) > printing.width(terminal.outbound)
    console = Console(terminal, single=True)

    def write(text: str) -> None:
        terminal.write_all(printing.encoded(text), 5.0)

    def draw() -> None:
        cells = [
            f"\x1b[7m {wording.plain(label)} \x1b[27m" if letter == marked.mark else f" {wording.plain(label)} "
            for letter, label in labels.items()
        ]
        write("\r" + ("\r\n" if stacked else " ").join(cells))

    letters = "/".join(letter.upper() if letter == default else letter for letter in labels)
    write(f"{wording.plain(question)} [{letters}]\r\n")
    draw()
    try:
        while True:
            keys, _ = console.wait()  # no byte behind the first key is read
            key = keys[0] if keys else ""
            if key == "resume":
                draw()
            letter = marked.mark if key in ("enter", "C-j") else key.lower()
            if key in ("escape", "C-d", "hangup") or (letter in _DECLINING and letter not in labels):
                return ""
            if key in ("C-c", "C-\\"):
                raise Interrupted("interrupted")
            if letter in labels:
                marked.mark = letter
            if letter in labels or marked.press(key):
                write(f"\x1b[{len(labels) - 1}A" if stacked else "")
                draw()
            elif key not in ("", "resize", "resume"):
                write("\a")
            if letter in labels:
                return str(letter)
    finally:
        write("\r\n")
