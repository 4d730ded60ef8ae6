"""Takes the marks of `--run` out of the program's output, and holds back the echo of the typed line.

The echo comes from the shell's line editor, which nothing keeps from printing it. So clients and the screen get the
command instead, as if somebody had typed it, and of the echo only sequences that set modes and move no cursor.
"""

from __future__ import annotations

import re
from collections.abc import Callable

_BEGIN = b"\x1b]7373;"
_MARK = re.compile(rb"\x1b\]7373;([.0-9a-f]+);([BCE])(?:;([0-9]+))?\x07")
_LONGEST = 96
_MOST_HELD = 64 << 10
_MODES = re.compile(rb"\x1b\[[?>=<][0-9;:]*[ -/]*[@-~]|\x1b\[[0-9;]*[cn]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[=>]")
"""The private modes, keyboard modes, strings and queries in an echo (ECMA-48 5.4, XTerm ctlseqs)."""
_NAMED = re.compile(rb"(?<=\x1b\]133;C);cmdline_url=[^;\x07\x1b]*")
"""The command that a mark names. Where a shell keeps lines with a leading blank out of its history, it is not ours but
the one before."""


class MarkFilter:
    """A filter of the program's output.

    `marked` is called with every mark (token, letter, exit code) and returns its replacement. `passed` is called with
    the output between marks.
    """

    def __init__(
        self, secret: str, marked: Callable[[str, str, int | None], bytes], passed: Callable[[bytes], None]
    ) -> None:
        self._secret, self._start = secret, _BEGIN + secret.encode()
        self._marked, self._passed = marked, passed
        self._held: bytearray | None = None
        self._part = b""
        """The end of the last block, if it may be the beginning of a mark."""

    def hold(self) -> None:
        """Hold output back until `drop` or `release`."""
        if self._held is None:
            self._held = bytearray()

    def drop(self) -> bytes:
        """Return the held sequences that set the terminal's modes, without the text; hold nothing any more."""
        return _NAMED.sub(b"", b"".join(_MODES.findall(self.release())))

    def release(self) -> bytes:
        """Return all held output; hold nothing any more."""
        held, self._held = bytes(self._held or b""), None
        return held

    def finish(self) -> bytes:
        """Return all held output, also the beginning of a mark, as no more output will come."""
        part, self._part = self._part, b""
        return self.release() + self._pass(part)

    def filter(self, block: bytes) -> bytes:
        """Return the block as clients and the emulator see it."""
        data, self._part = self._part + block, b""
        start = data.rfind(b"\x1b", max(0, len(data) - _LONGEST))
        if start >= 0 and self._may_begin(data[start:]):
            data, self._part = data[:start], data[start:]
        out, position = [], 0
        for mark in _MARK.finditer(data) if self._start in data else ():
            token, letter, digits = (group.decode() if group else "" for group in mark.groups())
            if not token.startswith(self._secret):
                continue  # another session's, whose shell runs in this one
            out.append(self._pass(data[position : mark.start()]))
            out.append(self._marked(token, letter, int(digits) if digits else None))
            position = mark.end()
        out.append(self._pass(data[position:]))
        return b"".join(out)

    def _may_begin(self, end: bytes) -> bool:
        return self._start.startswith(end) or (end.startswith(self._start) and b"\x07" not in end)

    def _pass(self, piece: bytes) -> bytes:
        if not piece:
            return b""
        if self._held is None:
            self._passed(piece)
            return piece
        self._held += piece
        return self.release() if len(self._held) > _MOST_HELD else b""
