"""A daemon's last errors, in memory; `status` shows them, and the log of errors has them if it is wanted."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

from sesh.config import debug_log
from sesh.text import times

if TYPE_CHECKING:
    from typing_extensions import ParamSpec

    Arguments = ParamSpec("Arguments")

Result = TypeVar("Result")
KEPT = 50  # lines that a daemon keeps in memory; older ones are dropped


class FaultLog:
    """Keeps lines about errors that the daemon survived, without bytes of the session."""

    def __init__(self) -> None:
        self.lines: list[str] = []  # newest last; replaced, never changed

    def note(self, text: str, error: BaseException | None = None) -> None:
        """Add one line, with an error's description."""
        text = text if error is None else f"{text}: {debug_log.described(error)}"
        self.lines = [*self.lines, f"{times.stamp()} {text}"][-KEPT:]
        debug_log.write("daemon", text)

    def guard(
        self, call: Callable[Arguments, Result], part: str, *args: Arguments.args, **kwargs: Arguments.kwargs
    ) -> Result | None:
        """Return the result of `call`, or None after an error, which is only logged."""
        try:
            return call(*args, **kwargs)
        except Exception as error:
            self.note(f"a fault in {part}", error)
            return None
