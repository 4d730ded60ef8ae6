"""Whether a person looks at a terminal, as it reports in mode 1004 (XTerm's control sequences)."""

from __future__ import annotations

from enum import Enum


class Focus(str, Enum):
    """What a report says. Who has sent none looks; so does a read-only client, which passes none on."""

    IN = "in"
    OUT = "out"

    @classmethod
    def of(cls, report: bytes) -> Focus:
        """Return what a report says."""
        return cls.IN if report == cls.IN.report else cls.OUT

    @property
    def report(self) -> bytes:
        """The sequence that says it."""
        return b"\x1b[I" if self is Focus.IN else b"\x1b[O"
