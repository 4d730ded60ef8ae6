r"""Ctrl-\ before the terminal is raw, when the key sends SIGQUIT, which would end sesh with a core dump.

Before the session exists, the key stops sesh as Ctrl-C does. After that, until the terminal is raw, the key makes the
client detach from the session as soon as it is attached.
"""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import suppress
from types import FrameType

Handler = Callable[[int, FrameType | None], object] | int | None

KEY = b"\x1c"


class QuitKey:
    """Catches SIGQUIT inside its block; child processes get the default action. `typed`: the key was typed."""

    def __init__(self) -> None:
        self.typed = False
        self._armed = False
        self._before: Handler = None

    def __enter__(self) -> QuitKey:
        self.typed = self._armed = False
        with suppress(ValueError):  # only the main thread handles signals
            self._before = signal.signal(signal.SIGQUIT, self._note)
        return self

    def __exit__(self, *_: object) -> None:
        if self._before is not None:
            signal.signal(signal.SIGQUIT, self._before)
            self._before = None

    def release(self) -> None:
        """End the block, for a verb that does not attach; raise a SIGQUIT that came meanwhile."""
        self.__exit__()
        if self.typed:
            signal.raise_signal(signal.SIGQUIT)

    def arm(self) -> None:
        """Let the key raise KeyboardInterrupt from now on, at once if it was typed before."""
        self._armed = self._before is not None
        if self.typed:
            self._note()

    def disarm(self) -> None:
        """Only record the key from now on; if it was typed, the client detaches once it is attached."""
        self._armed = False

    def taken(self) -> bool:
        """Return whether the key was typed, and forget it."""
        typed, self.typed = self.typed, False
        return typed

    def _note(self, *_: object) -> None:
        self.typed = True
        if self._armed:
            self._armed = False  # once only: a second key must not interrupt the clean-up
            raise KeyboardInterrupt


quit_key = QuitKey()
