"""Make other programs' text safe for a terminal, and fit it into columns."""

from __future__ import annotations

import json
import re
from typing import Any

from sesh.about import ON_HOST, SESH
from sesh.errors import Malformed, malformed
from sesh.schema.check import Check, test_of

_MAX_MARKS = 256  # zero-width characters after which `cut` stops looking for columns
MAX_LINE = 4096  # characters at which a line of a host is cut
STYLES = "(\x1b\\[[0-9:;]{0,99}m|\x1b\\]8;[ -~\xa0-\ud7ff]{0,2200}\x1b\\\\)"  # SGR and links (OSC 8)
_CONTROLS = "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069]"
"""Controls except tab and line feed, and marks that change the direction of text."""
_SURROGATES = "[\ud800-\udfff]"


def plain(value: object, keep: str = "") -> str:
    """Return a program's text without unprintable characters, except those in `keep`."""
    text = str(value)
    if text.isprintable():
        return text
    return "".join(character for character in text if character.isprintable() or character in keep)


def line(text: str) -> str:
    """Return a printable line of a host, with placeholders of its sesh (see `errors.for_host`)."""
    return plain(text[:MAX_LINE], SESH + ON_HOST)


def paragraphs(text: str) -> str:
    """Return a host's text without controls; keep tabs, line feeds, and bytes outside UTF-8."""
    return text if text.isprintable() else re.sub(_CONTROLS, "", text)


def without_controls(text: str) -> str:
    """Return a host's text without controls and surrogates; keep SGR and links."""
    return text if text.isprintable() else re.sub(f"{STYLES}|{_CONTROLS}|{_SURROGATES}", r"\1", text)


CLEANERS = {"line": line, "text": paragraphs, "styled": without_controls}
"""What makes a host's text safe, by the kind of text that its type names."""


def checked_text(hint: Any, value: object) -> Any:
    """Return a host's value, checked as a type, with its text made safe. Raises Malformed."""
    return test_of(hint)(Check(CLEANERS), value)


def checked_from_host(hint: Any, value: object, name: str) -> Any:
    """Return as `checked_text`. Raises ProtocolError, which calls the value `name`."""
    try:
        return checked_text(hint, value)
    except Malformed as error:
        raise malformed(name, str(error)) from None


def one_line(message: str) -> str:
    """Return a message on one line: join runs of white space, drop other controls."""
    return plain(" ".join(message.split()))


def encodable(value: Any) -> Any:
    """Return a JSON value with all strings encodable as UTF-8: without lone surrogates."""
    text = json.dumps(value, ensure_ascii=False)
    return json.loads(text.encode("utf-16", "surrogatepass").decode("utf-16", "replace"))


def columns(text: str) -> int:
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth  # noqa: PLC0415 - most text is ASCII

    width: int = wcswidth(text)
    return width if width >= 0 else columns(plain(text))  # controls have no width


def cut(text: str, limit: int, *, keeps_end: bool = False, mark: str = "…") -> str:
    """Return a text cut to `limit` columns; `mark` replaces its end, or its beginning."""
    if limit < 1:
        return ""  # even of a text without width: a mark is drawn on the character before it
    most = limit + _MAX_MARKS
    near = text[-most:] if keeps_end else text[:most]
    if near == text and columns(text) <= limit:
        return text
    kept = ""
    for character in reversed(near) if keeps_end else near:
        longer = character + kept if keeps_end else kept + character
        if columns(longer) + len(mark) > limit:
            break
        kept = longer
    return mark + kept if keeps_end else kept + mark
