"""Whether a person looks at a terminal, as it reports in mode 1004 (XTerm's control sequences)."""

from __future__ import annotations

from enum import Enum


class Focus(str, Enum):
    """What a report says; a terminal that has not reported counts as looked at, as one does that only watches."""

    IN = "in"
    OUT = "out"

    @property
    def report(self) -> bytes:
        """The sequence that says it."""
        return b"\x1b[I" if self is Focus.IN else b"\x1b[O"


def focus_in(report: bytes) -> Focus:
    """Return what a report says."""
    return Focus.IN if report == Focus.IN.report else Focus.OUT
