r"""Control functions (ECMA-48 5.2 to 5.6, ISO 2022) as pieces of regular expressions.

The pieces are strings; `.encode()` gives patterns for bytes. Output is UTF-8, so only 7-bit controls count, and C1
(0x80 to 0x9f) is ignored.

    control sequence   ESC [  parameters 0x30-0x3f  intermediates 0x20-0x2f  final 0x40-0x7e
    control string     ESC ] (OSC), P (DCS), X (SOS), ^ (PM), _ (APC), and k (the title of screen(1))
    other escapes      ESC  intermediates 0x20-0x2f  final 0x30-0x7e

As in xterm, any ESC ends a string (ST is ESC \), BEL ends an OSC, and CAN and SUB cancel any sequence. Parameters and
intermediates in the wrong order make a sequence invalid, but do not change its end.
"""

from __future__ import annotations

# Unfinished sequences, without ESC.
CSI_START = r"\[[\x20-?]*"
OSC_START = r"\][^\x07\x18\x1a\x1b]*"
STRING_START = r"[PX^_k][^\x18\x1a\x1b]*"
ESCAPE_START = r"[\x20-/]*"

CSI = rf"\x1b{CSI_START}[@-~]"  # a control sequence
CSI_PARTS = r"\x1b\[([<=>?]?)([0-9;:]*)([\x20-/]*)([@-~])"  # private prefix, parameters, intermediates, final byte
SGR = r"\x1b\[([0-9;:]*)m"  # its parameters
ESCAPE = rf"\x1b(?:{OSC_START}(?:\x07|(?=\x1b))|{STRING_START}(?=\x1b)|[\x20-/]+[0-~]|[0-OQ-WYZ\\`-jl-~])"
"""A control string (with BEL, without ESC at its end), or another escape sequence."""
ABORTED = rf"\x1b(?:{CSI_START}|{OSC_START}|{STRING_START}|{ESCAPE_START})"  # a sequence that breaks off
UNFINISHED = rf"{ABORTED}\Z"  # the start of a sequence at the end of the text
STRINGS = "]PX^_k"  # characters after ESC that begin a string
STRING_END = r"[\x07\x18\x1a\x1b]"

LIMIT = 65536  # characters of a sequence; one that reaches the limit is ignored
PARAMETERS = 256  # of a sequence; further ones are ignored, as terminals do at different limits


def parameter(text: str) -> int:
    """Return a decimal parameter, at most 65535; 0 if empty."""
    digits = text.lstrip("0")
    return 65535 if len(digits) > 5 else min(int(digits or 0), 65535)
