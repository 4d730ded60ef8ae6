"""The last faults of a daemon, kept in memory for `--status` instead of a log file that grows."""

from __future__ import annotations

from sesh import moments
from sesh.lean import deque

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeVar

    from typing_extensions import TypeVarTuple, Unpack

    Result = TypeVar("Result")
    Words = TypeVarTuple("Words")

KEPT = 50


class FaultLog:
    """Lines about faults that the daemon survived, the newest last. They hold no bytes of the session."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT)
        self.on_fault: Callable[[BaseException], None] | None = None
        """Called with each error that is noted."""

    def note(self, what: str, error: BaseException | None = None) -> None:
        """Adds one line, with the error's kind and the place where it was raised."""
        stamp = moments.stamp()
        self._lines.append(f"{stamp} {what}" if error is None else f"{stamp} {what}: {_describe(error)}")
        if error is not None and self.on_fault is not None:
            self.on_fault(error)

    def guard(self, call: Callable[[Unpack[Words]], Result], what: str, *args: Unpack[Words]) -> Result | None:
        """Calls `call`. A fault in it is noted and costs this step, not the session; the result is None then."""
        try:
            return call(*args)
        except Exception as error:
            self.note(f"a fault in {what}", error)
            return None

    def restore(self, lines: list[str]) -> None:
        """Adds the lines of a log before this one."""
        self._lines.extend(lines)

    def lines(self) -> list[str]:
        """All lines kept."""
        return list(self._lines)


def _describe(error: BaseException) -> str:
    """An exception in one line, with the innermost place in it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})" if trace else ""
    return f"{type(error).__name__}: {error}{place}"
