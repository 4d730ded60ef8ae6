"""What a session asks, kept while somebody types the answer: no event and no list tells of keys."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.daemon.pty.pump import Pump

_TAILS = 4 << 10, 128 << 10
"""Bytes of the output in which a question is looked for; the more if the fewer hold no whole line."""


class Asked:
    """The question of one session. `rows` returns those of the screen down to the cursor's, None if not known yet."""

    def __init__(self, pump: Pump, rows: Callable[[], list[str] | None]) -> None:
        self._pump, self._rows = pump, rows
        self.answered = False
        """True if somebody has typed an answer since the last look: what is asked then is asked anew."""
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

    def typed(self, keys: bytes, *, attended: bool) -> bool:
        """Notes that keys were typed; returns whether they enter a line."""
        self._keys, self._typed_at, self._attended = self._keys + len(keys), self._pump.log.head, attended
        entered = b"\r" in keys or b"\n" in keys
        if entered:
            self._words, self.answered = "", True
        return entered

    def left(self) -> None:
        """Notes that the last person has left."""
        self._attended = False

    def restore(self, words: str) -> None:
        """Goes on with a question of which nothing else is known."""
        self._words, self._keys = words, 2  # neither no key nor a single one, see `words`

    def words(self, *, line: bool) -> str | None:
        """The question of a program that reads a line, or keys; None as long as the screen is not known that has it.

        A key that a new line follows was an answer by itself; so were all keys, once the program reads lines again.
        While a person types, the question stays; where keys came otherwise, another menu may stand on the screen.
        """
        log = self._pump.log
        by_key = not self._by_line if line else self._keys == 1
        answered = by_key and b"\n" in log.bytes(max(log.base, self._typed_at))
        self.answered = self.answered or answered
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
        self._words = words
        return words

    def last_row(self) -> str:
        """The last row of the output that says anything, without a line that somebody has begun to type."""
        from sesh.daemon.activity import question

        tail, cut = self._tail()
        return question.last_row(tail, cut=cut, whole=self._pump.line_begun)

    def _in_output(self, *, line: bool) -> str | None:
        from sesh.daemon.activity import question

        tail, cut = self._tail()
        return question.in_output(tail, line=line, cut=cut)

    def _tail(self) -> tuple[bytes, bool]:
        """The end of the output, and whether it begins within a line."""
        log, tail, start = self._pump.log, b"", 0
        for size in _TAILS:
            start = max(log.base, log.head - size)
            tail = log.bytes(start)
            if not start or b"\n" in tail:
                break
        return tail, start > 0 and b"\n" in tail

    def _on_screen(self, *, typed: bool) -> str | None:
        from sesh.daemon.activity import question

        rows = self._rows()
        if rows is None:
            return None
        before, self._above = self._above, question.in_rows([*rows[:-1], ""])
        if not typed:
            return question.in_rows(rows)
        return self._words if self._above == before else self._above  # the cursor's row has what was typed
