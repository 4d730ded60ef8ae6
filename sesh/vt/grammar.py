r"""The grammar of control functions (ECMA-48 5.2 to 5.6, ISO 2022), as pieces of regular expressions.

They are plain strings; `.encode()` makes them fit for bytes. Output is UTF-8: controls are the seven-bit ones, and C1
(0x80 to 0x9f) has no meaning.

    control sequence   ESC [  parameters 0x30-0x3f  intermediates 0x20-0x2f  final 0x40-0x7e
    control string     ESC ] (OSC), P (DCS), X (SOS), ^ (PM), _ (APC), and k (the title of screen(1))
    other escapes      ESC  intermediates 0x20-0x2f  final 0x30-0x7e

As in xterm, any ESC ends a string (ST is ESC \), BEL ends an OSC, and CAN and SUB cancel everything. Parameters and
intermediates in the wrong order make a sequence invalid, but it ends where it would have ended.

The stack of titles (XTWINOPS 22 and 23) is here too.
"""

from __future__ import annotations

from typing import TypeVar

T = TypeVar("T")

CSI_START = r"\[[\x20-?]*"
OSC_START = r"\][^\x07\x18\x1a\x1b]*"
STRING_START = r"[PX^_k][^\x18\x1a\x1b]*"
ESCAPE_START = r"[\x20-/]*"
"""The starts of what may be unfinished, without ESC."""

CSI = rf"\x1b{CSI_START}[@-~]"
"""A control sequence."""
CSI_PARTS = r"\x1b\[([<=>?]?)([0-9;:]*)([\x20-/]*)([@-~])"
"""Its parts: private prefix, parameters, intermediates, final byte. What does not match is invalid."""
ESCAPE = rf"\x1b(?:{OSC_START}(?:\x07|(?=\x1b))|{STRING_START}(?=\x1b)|[\x20-/]+[0-~]|[0-OQ-WYZ\\`-jl-~])"
"""A control string up to its end (BEL is part of it, an ESC is not), or an escape of another kind."""
ABORTED = rf"\x1b(?:{CSI_START}|{OSC_START}|{STRING_START}|{ESCAPE_START})"
"""The start of a sequence before a character that cannot be part of it."""
UNFINISHED = rf"{ABORTED}\Z"
"""The start of a sequence at the end of the text."""
STRINGS = "]PX^_k"
STRING_END = r"[\x07\x18\x1a\x1b]"
"""The letters after ESC that begin a string, and the characters that end one."""

LIMIT = 65536
"""Characters of a sequence that are kept while it is unfinished; a sequence of so many or more is ignored."""
PARAMETERS = 256
"""Parameters of a sequence that count; terminals ignore those after so many, each with a bound of its own."""


def parameter(text: str) -> int:
    """A decimal parameter: empty is 0; everything over 65535 is 65535, however long it is."""
    if len(text) < 5:
        return int(text) if text else 0
    if len(text) > 5:
        text = text.lstrip("0")
        if len(text) > 5:
            return 65535
    return min(int(text), 65535) if text else 0


BOTH, ICON, WINDOW = 0, 1, 2


def pop(stack: list[tuple[int, T]], part: int) -> T | None:
    """Take ICON or WINDOW from the latest push that holds it, and return what that push saved; None without one.

    The stack holds (BOTH, ICON or WINDOW, what was saved). Of a push of BOTH the other part stays on it.
    """
    for index in range(len(stack) - 1, -1, -1):
        pushed, saved = stack[index]
        if pushed in (BOTH, part):
            stack[index : index + 1] = [] if pushed else [(ICON + WINDOW - part, saved)]
            return saved
    return None
