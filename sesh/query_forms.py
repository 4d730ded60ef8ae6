"""The form by which a terminal's reply belongs to a query: a control sequence or string without numbers and content.

`?c` of `CSI ? 62 c`; `]11` of an OSC; `P>|` of a DCS; `_G` of an APC. Most replies have the form of their query.
Sources: XTerm's control sequences, DEC's manuals, kitty's protocols.
"""

from __future__ import annotations

import re

_HEADER = re.compile(rb"\x1b([\]_P])(?:(?<=\])([0-9]{1,5}|[lL])|(?<=_)([!-~])|(?<=P)[0-9;]*([!$+>][@-~]|@))")
_PARAMETERS = b"0123456789:;"
_REPLIES = {
    b"c": b"?c", b"=c": b"P!|", b">q": b"P>|", b"5n": b"n", b"6n": b"R", b"?6n": b"?R", b"?62n": b"*{", b"?63n": b"P!~",
    b"$p": b"$y", b"?$p": b"?$y", b"?m": b">m", b"?g": b">f", b"20t": b"]L", b"21t": b"]l", b"*y": b"P!~",
    b"$w": b"P$u", b"$u": b"P$s", b"&u": b"P!u", b"'|": b"&w", b"#R": b"?#Q", b'"v': b'"w',
    b"P$q": b"P$r", b"P+q": b"P+r",
}  # fmt: skip
"""The forms of replies that differ from their query's."""


def form(sequence: bytes) -> bytes:
    """Return what a control sequence or a string is without its parameters and content; empty if it has no form."""
    if sequence[1:2] == b"[":
        return sequence[2:].translate(None, _PARAMETERS)
    header = _HEADER.match(sequence)
    return header[1] + (header[2] or header[3] or header[4]) if header is not None else b""


def reply_form(query: bytes) -> bytes:
    """Return the form of the reply to a query."""
    own = form(query)
    return _REPLIES.get(query[2:]) or _REPLIES.get(own, own)
