"""The queries that wait for a reply of one client's terminal, by the form of that reply (`query_forms.reply_form`)."""

from __future__ import annotations

from collections import deque

OPEN_FOR = 5.0
"""Seconds for which a query is open, and a conversation after its last word."""
_LATE = 30.0
"""Seconds after the newest query in which late replies are expected: so long a lone Escape has to wait a little."""
_MOST_FORMS, _MOST_QUERIES = 64, 512
"""Forms that are remembered, and queries of one form."""


class OpenQueries:
    """A query is closed by the first reply of its form. A conversation stays open while anything is said in it.

    All times are monotonic.
    """

    def __init__(self) -> None:
        self._waiting: dict[bytes, deque[tuple[int, float]]] = {}
        """Number and closing time of each unanswered query, the oldest first."""
        self._talks: dict[bytes, float] = {}
        self._asked = self._answered = 0
        """Numbers of the newest query, and of the newest answered one."""
        self._late = 0.0
        """Time from which on no late reply is expected."""

    def ask(self, form: bytes, now: float, seconds: float = OPEN_FOR) -> None:
        if now >= self._late or (form not in self._waiting and len(self._waiting) >= _MOST_FORMS):
            self._waiting.clear()
        self._asked, self._late = self._asked + 1, now + _LATE
        self._waiting.setdefault(form, deque(maxlen=_MOST_QUERIES)).append((self._asked, now + seconds))

    def converse(self, form: bytes, now: float) -> None:
        """Begin or continue a conversation."""
        if form not in self._talks and len(self._talks) >= _MOST_FORMS:
            self._talks.clear()
        self._talks[form] = now + OPEN_FOR

    def due(self, now: float) -> bool:
        """Return whether a reply may still come, a late one too. None does once a later query has its reply."""
        return self._asked > self._answered and now < self._late

    def expects(self, form: bytes, now: float) -> bool:
        """Return whether a reply of this form may still come, a late one too."""
        return now < max(self._late if form in self._waiting else 0.0, self._talks.get(form, 0.0))

    def take(self, form: bytes, now: float) -> bool:
        """Give a reply to the oldest query that can have it, or to a conversation; return whether that is open."""
        if now < self._talks.get(form, 0.0):
            self.converse(form, now)
            return True
        waiting = self._waiting.get(form)
        if not waiting:
            return False
        is_open = now < waiting[-1][1]
        while is_open and waiting[0][1] <= now:
            waiting.popleft()
        self._answered = max(self._answered, waiting.popleft()[0])
        if not waiting:
            del self._waiting[form]
        return is_open
