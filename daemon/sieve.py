"""The marks of a run taken out of the program's output, and the echo of what was typed to make it print them.

While a line of ours is on its way, what the shell echoes is held back; the command takes its place, as if it had been
typed. Of what was held only that is passed on which sets modes and moves no cursor.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_OPENING = b"\x1b]7373;"
_LONGEST_MARK = 96
_LONGEST_HELD = 64 << 10


class Sieve:
    """Passes output through. `marked` is told every mark (its token and what follows it), and returns what stands in
    its place; `passed` is given the output between marks.
    """

    def __init__(self, secret: str, marked: Callable[[str, str], bytes], passed: Callable[[bytes], None]) -> None:
        self._start = _OPENING + secret.encode()
        self._marked, self._passed = marked, passed
        self._held: bytearray | None = None
        self.part = b""
        """The beginning of what may become a mark."""

    def hold(self) -> None:
        """Holds back what comes, until `drop` or `release`."""
        if self._held is None:
            self._held = bytearray()

    def drop(self) -> bytes:
        """Ends the holding back: what of it a terminal has to know, without the text."""
        held, self._held = bytes(self._held or b""), None
        return _settings(held)

    def release(self) -> bytes:
        """Ends the holding back: all of it."""
        held, self._held = bytes(self._held or b""), None
        return held

    def let_go(self) -> bytes:
        """What had looked like the beginning of a mark and was none."""
        part, self.part = self.part, b""
        return self._through(part)

    def sift(self, block: bytes) -> bytes:
        """The block as clients and the emulator are to see it."""
        data = self.part + block
        self.part = b""
        out = []
        at = 0
        while (found := data.find(self._start, at)) >= 0:
            out.append(self._through(data[at:found]))
            end = data.find(b"\x07", found)
            if end < 0:
                if len(data) - found <= _LONGEST_MARK:
                    self.part = data[found:]
                    return b"".join(out)
                out.append(self._through(data[found : found + 1]))
                at = found + 1
                continue
            token, _, rest = data[found + len(_OPENING) : end].decode("ascii", "replace").partition(";")
            out.append(self._marked(token, rest))
            at = end + 1
        tail = data[at:]
        cut = _begun(tail, self._start)
        self.part = tail[len(tail) - cut :]
        out.append(self._through(tail[: len(tail) - cut]))
        return b"".join(out)

    def _through(self, piece: bytes) -> bytes:
        if not piece:
            return b""
        if self._held is None:
            self._passed(piece)
            return piece
        self._held += piece
        if len(self._held) > _LONGEST_HELD:  # no echo is that long
            return self.release()
        return b""


def _begun(data: bytes, whole: bytes) -> int:
    """How many bytes at the end of `data` may begin `whole`."""
    at = data.rfind(b"\x1b", max(0, len(data) - len(whole)))
    return len(data) - at if at >= 0 and whole.startswith(data[at:]) else 0


def _settings(held: bytes) -> bytes:
    """The private modes, keyboards, strings and questions in an echo (ECMA-48 5.4, XTerm ctlseqs)."""
    import re

    kept = re.findall(
        rb"\x1b\[[?>=<][0-9;:]*[ -/]*[@-~]|\x1b\[[0-9;]*[cn]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>]", held
    )
    return b"".join(kept)
