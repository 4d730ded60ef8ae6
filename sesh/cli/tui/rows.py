"""The rows of lists: one of them marked, a line that is typed, hints that fit."""

from __future__ import annotations

from sesh import wording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from typing import Any

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

    def show(self, rows: Sequence[Any], instead: Iterable[Any] = ()) -> None:
        """Set the rows. If the marked one is gone, mark the first of `instead`, else the first row."""
        self.rows = rows
        if self.mark not in rows:
            self.mark = next(iter(instead), next(iter(rows), None))

    def press(self, key: str, page: int = 0) -> bool:
        """Move the mark if `key` is one that does; return whether it is. `page`: rows of a page, 0 for no paging."""
        paging = {"pageup": -page, "pagedown": page, "home": -len(self.rows), "end": len(self.rows)} if page else {}
        if (key not in self._steps and key not in paging) or not self.rows:
            return False
        index = self._index() + (self._steps.get(key) or paging.get(key, 0))
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
