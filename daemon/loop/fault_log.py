"""The last faults of a daemon, kept in memory for `--status`: what a log file would hold, without one that grows."""

from __future__ import annotations

import time

from sesh.lean import deque

KEPT = 50


class FaultLog:
    """Lines about what went wrong and was survived, the newest last. No bytes of the session stand in them."""

    def __init__(self) -> None:
        self._lines: deque[str] = deque(maxlen=KEPT)

    def note(self, what: str, error: BaseException | None = None) -> None:
        """Keeps one line, with the error's kind and the place where it was raised."""
        stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        self._lines.append(f"{stamp} {what}" if error is None else f"{stamp} {what}: {_told(error)}")

    def resume(self, lines: list[str]) -> None:
        """Takes over what another one has kept."""
        self._lines.extend(lines)

    def lines(self) -> list[str]:
        """All lines kept."""
        return list(self._lines)


def _told(error: BaseException) -> str:
    """An exception in one line, with the innermost place in it."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" ({trace.tb_frame.f_code.co_filename.rpartition('/')[2]}:{trace.tb_lineno})" if trace else ""
    return f"{type(error).__name__}: {error}{place}"
