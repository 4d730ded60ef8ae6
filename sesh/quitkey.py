r"""Ctrl-\ while the terminal is not raw: the kernel makes SIGQUIT of it, which would end sesh with a core dump.

Typed before the session exists it stops sesh as Ctrl-C does. Typed later, but before the terminal of the attachment is
raw, it leaves the session once that is attached.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType

Handler = Callable[[int, FrameType | None], object] | int | None

KEY = b"\x1c"


class QuitKey:
    """Notes SIGQUIT within its block; programs that are started get their own. `typed`: true if it came."""

    def __init__(self) -> None:
        self.typed = False
        self._armed = False
        self._before: Handler = None

    def __enter__(self) -> QuitKey:
        self.typed = self._armed = False
        try:
            self._before = signal.signal(signal.SIGQUIT, self._note)
        except ValueError:
            self._before = None  # not the main thread, which gets no signals
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGQUIT, self._before)
            self._before = None

    def release(self) -> None:
        """End the block for a verb that attaches nothing; a SIGQUIT that came meanwhile acts now."""
        self.__exit__()
        if self.typed:
            signal.raise_signal(signal.SIGQUIT)

    def arm(self) -> None:
        """Have the key raise KeyboardInterrupt from now on; at once if it was typed before."""
        self._armed = self._before is not None
        if self.typed:
            self._note()

    def disarm(self) -> None:
        """Only note the key from now on: the session exists, and is to be left properly."""
        self._armed = False

    def taken(self) -> bool:
        """Return whether the key was typed, once for each time."""
        typed, self.typed = self.typed, False
        return typed

    def _note(self, *_: object) -> None:
        self.typed = True
        if self._armed:
            self._armed = False  # once: the clean-up is not to be stopped again
            raise KeyboardInterrupt


quit_key = QuitKey()
