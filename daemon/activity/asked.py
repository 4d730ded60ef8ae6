"""What a session asks, kept while somebody types the answer: no event and no list tells of keys."""

from __future__ import annotations

from collections.abc import Callable

from sesh.daemon.activity import question
from sesh.daemon.pty.pump import Pump

AskedState = tuple[int, int, str, str]

_TAILS = 4 << 10, 128 << 10
"""Bytes of the output in which a question is looked for; the more if the fewer hold no whole line."""
_SOME_KEYS = 2
"""Bytes typed behind a question, if all that is known is that they were not a single key."""


class Shown:
    """What a screen shows: its `rows` as text down to the cursor's, those `below` if that is hidden, its size, and
    whether it is the alternate one."""

    __slots__ = ("alternate", "below", "columns", "height", "rows")

    def __init__(
        self, rows: list[str], columns: int, height: int, below: list[str] | None = None, *, alternate: bool = False
    ) -> None:
        self.rows, self.columns, self.height, self.below, self.alternate = rows, columns, height, below, alternate


class Asked:
    """The question of one session. `screen` returns what it shows, None if that is not known yet."""

    def __init__(self, pump: Pump, screen: Callable[[], Shown | None]) -> None:
        self._pump, self._screen = pump, screen
        self._answered = False
        """True if somebody has answered since it was last asked (`take_answered`): what is asked then is asked anew."""
        self._words = ""
        """The question when nobody had typed behind it yet; empty once a line was entered."""
        self._by_line = True
        """True if a program that reads lines asked it."""
        self._above: str | None = None
        """What the rows above the cursor said if the question came from the screen; None if the output had it."""
        self._keys, self._typed_at = 0, 0
        """Bytes that were typed behind the question, and the log's head at the last of them."""
        self._attended = False
        """True if the last of them came from an attached person, who has not left since."""
        self._entered = (0, 0)
        """The log's head when lines were entered last, and how many: what was printed before is asked no more."""
        self._bare_mark = ""
        """The mark that the question stood above, such as `#?`; empty if the cursor's row said it."""
        self._before = "", ""
        """The question that was answered last, and its mark."""

    def typed(self, keys: bytes, *, attended: bool) -> bool:
        """Notes that keys were typed; returns whether they enter a line."""
        self._keys, self._typed_at, self._attended = self._keys + len(keys), self._pump.log.head, attended
        lines = keys.count(b"\r") + keys.count(b"\n")
        if lines:
            self._enter(self._typed_at, lines)
            self._words = ""
            self.note_answer()
        return lines > 0

    def note_answer(self) -> None:
        """Notes that somebody has answered what the session asks."""
        self._answered = True

    def take_answered(self) -> bool:
        """Returns whether somebody has answered since this was called last."""
        answered, self._answered = self._answered, False
        return answered

    def _enter(self, position: int, lines: int) -> None:
        """Notes that lines were entered when the log's head was there."""
        before, earlier = self._entered
        self._entered = position, lines + (earlier if position == before else 0)
        if self._words:
            self._before = self._words, self._bare_mark

    def forget(self) -> None:
        """Notes that the shell is at its prompt: what was asked is no more."""
        self._words, self._before = "", ("", "")

    def left(self) -> None:
        """Notes that the last person has left."""
        self._attended = False

    def dump(self) -> AskedState:
        """What was answered last, as plain data."""
        return *self._entered, *self._before

    def restore(self, words: str, answered: AskedState) -> None:
        """Goes on with a question, and with what `dump` returned."""
        self._words, self._keys = words, _SOME_KEYS
        position, lines, question_before, mark = answered
        self._entered, self._before = (position, lines), (question_before, mark)

    def words(self, *, line: bool) -> str | None:
        """The question of a program that reads a line, or keys; None as long as the screen is not known that has it.

        A key that a new line follows was an answer by itself; so were all keys, once the program reads lines again.
        While a person types, the question stays; where keys came otherwise, another menu may stand on the screen.
        """
        log = self._pump.log
        by_key = not self._by_line if line else self._keys == 1
        answered = by_key and b"\n" in log.bytes(max(log.base, self._typed_at))
        self._answered = self._answered or answered
        if answered and self._typed_at > self._entered[0]:
            self._enter(self._typed_at, 1)
        typed = self._keys > 0 and not answered and self._pump.line_begun
        if typed and (line or self._attended or self._above is None):
            return self._words
        words = None if typed else self._in_output(line=line)
        if words is not None:
            self._above = None
        else:
            words = self._on_screen(typed=typed)
            if words is None:
                return None
        if not typed:
            self._keys, self._by_line = 0, line
            words = self._with_menu(words)
        self._words = words
        return words

    def _with_menu(self, words: str) -> str:
        """The question, or the menu that stood before if there is nothing but its mark: it did not take the answer."""
        self._bare_mark = question.bare_mark(self._printed(_TAILS[:1])[0])
        return self._before[0] if words and words == self._bare_mark == self._before[1] else words

    def last_row(self) -> str:
        """The last row of the output that says anything, without a line that somebody has begun to type."""
        whole = self._pump.line_begun
        tail, start = self._tail(ends=b"\n" if whole else b"\r\n")
        return question.last_row(tail, cut=start > 0 and b"\n" in tail, whole=whole)

    def _in_output(self, *, line: bool) -> str | None:
        tail, lines = self._printed(ends=b"\n" if line else b"\r\n")
        cut = lines is None and b"\n" in tail
        return question.in_output(tail.split(b"\n", lines or 0)[-1], line=line, cut=cut)

    def _printed(self, sizes: tuple[int, ...] = _TAILS, ends: bytes = b"\n") -> tuple[bytes, int | None]:
        """The output since lines were entered, and how many of them end in it; None if it is only the end of that.
        `sizes` and `ends`: as for `_tail`."""
        position, lines = self._entered
        tail, start = self._tail(position, sizes, ends)
        fresh = question.fresh_part(tail)
        if fresh is not None:
            return fresh, 0
        return tail, lines if start == position else None

    def _tail(self, since: int = 0, sizes: tuple[int, ...] = _TAILS, ends: bytes = b"\n") -> tuple[bytes, int]:
        """The end of the output, but nothing before `since`, and its position: of the first of these sizes in which a
        line ends, by one of the bytes `ends`."""
        log, tail, start = self._pump.log, b"", 0
        for size in sizes:
            start = max(log.base, log.head - size, since)
            tail = log.bytes(start)
            if start == since or any(end in tail for end in ends):
                break
        return tail, start

    def _on_screen(self, *, typed: bool) -> str | None:
        shown = self._screen()
        if shown is None:
            return None
        rows = shown.rows
        if not shown.alternate:  # what was there before the last line was entered is asked no more
            printed, entered = self._printed(_TAILS[-1:])
            if entered is not None:
                rows = rows[-(question.rows_written(printed, shown.columns, entered, shown.height) or len(rows)) :]
        before, self._above = self._above, question.in_rows([*rows[:-1], ""])
        if not typed:
            if shown.below is not None:
                return question.in_new_rows(list(map(question.words_of, [*rows, *shown.below])))
            return question.in_rows(rows)
        return self._words if self._above == before else self._above  # the cursor's row has what was typed
