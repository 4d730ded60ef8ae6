"""What is to happen later: named deadlines, none of them set while nothing is waited for."""

from __future__ import annotations

import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable


class Timers:
    """Callbacks by name; setting a name again moves its deadline."""

    def __init__(self) -> None:
        self._due: dict[Hashable, tuple[float, Callable[[], None]]] = {}

    def __len__(self) -> int:
        return len(self._due)

    def set(self, name: Hashable, seconds: float, call: Callable[[], None]) -> None:
        """Has `call` run in `seconds`."""
        self._due[name] = (time.monotonic() + seconds, call)

    def ensure(self, name: Hashable, seconds: float, call: Callable[[], None]) -> None:
        """As `set`, but a deadline that stands already is left alone."""
        if name not in self._due:
            self.set(name, seconds, call)

    def stands(self, name: Hashable) -> bool:
        """Whether a deadline of this name is set."""
        return name in self._due

    def left(self, name: Hashable) -> float | None:
        """Seconds until a deadline, None where none of this name is set."""
        return max(0.0, self._due[name][0] - time.monotonic()) if name in self._due else None

    def clear(self, name: Hashable) -> None:
        """Forgets a deadline; one that is not set is no error."""
        self._due.pop(name, None)

    def wait(self) -> float | None:
        """Seconds until the next deadline, 0 where one has passed, None where none is set."""
        if not self._due:
            return None
        first = 0.0
        for due, _ in self._due.values():
            if due < first or not first:
                first = due
        return max(0.0, first - time.monotonic())

    def run(self) -> None:
        """RunQueue the callbacks whose time has come, each once."""
        if not self._due:
            return
        now = time.monotonic()
        for name, entry in list(self._due.items()):
            due, call = entry
            if due <= now and self._due.get(name) is entry:  # another's callback may have moved or cleared it
                del self._due[name]
                call()
