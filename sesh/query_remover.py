"""Take queries out of output for a terminal whose answers nobody reads: a shell would take them for typed text."""

from __future__ import annotations

from sesh.queries import GIVEN_UP, QueryScanner

_ANSWERED = frozenset(("query", "talk", "status query"))
"""The kinds of finding that a terminal may answer."""
_ST, _CANCEL, _ENQUIRY = b"\x1b\\", b"\x18", b"\x05"


class QueryRemover:
    """Put CAN in place of each: what stands before it neither joins what follows nor becomes a whole string.

    A sequence that has not ended is held back, and is lost if it never does.
    """

    def __init__(self) -> None:
        self._scanner = QueryScanner()
        self._held = b""

    def take(self, block: bytes) -> bytes:
        """Return the output that can be shown now, without what a terminal answers."""
        block = block.replace(_ENQUIRY, b"")
        before, data = len(self._held), self._held + block
        parts, start = [], 0
        for kind, _, behind in self._scanner.find(block):
            end = before + behind
            if end == start or kind not in _ANSWERED:  # several colours have one end
                continue
            last = end - len(_ST) if data.endswith(_ST, start, end) else end
            parts += [data[start : data.rfind(_ST[:1], start, last)], _CANCEL]
            start = end
        carry = self._scanner.carry
        held = len(carry) - (2 + len(GIVEN_UP) if carry[2:3] == GIVEN_UP else 0)  # a string that is too long passes
        parts.append(data[start : len(data) - held])
        self._held = data[len(data) - held :]
        return b"".join(parts)
