"""Convert between UTF-8, in which sesh keeps all text, and the coding of a locale.

A locale whose coding is not UTF-8 is that of a session's programs, or of the terminal in front of a person. Bytes that
are no characters of it pass unchanged in both directions, as control strings do, which are ASCII. One that would be the
last of a character of UTF-8 beside the others becomes a private character between, and itself again at the end.
"""

from __future__ import annotations

import codecs
import locale
import re
import sys
from collections.abc import Mapping
from contextlib import suppress
from functools import cache

UTF8 = "utf-8"
_AS_IT_IS, _MARKS = "sesh.as-it-is", "sesh.question-marks"  # what becomes of a character that a coding lacks
_ESCAPED = re.compile("[\udc80-\udcff]")
_PRIVATE = 0x10FF00  # the last characters that are private stand for bytes
_AS_BYTES = {_PRIVATE + byte: 0xDC00 + byte for byte in range(0x80, 0xFE)}  # as surrogateescape has them
_NO_CONTROLS = {character: byte for character, byte in _AS_BYTES.items() if byte >= 0xDCA0}
_ASCII = "ascii"  # of the locales C and POSIX, whose programs pass any bytes on: those of a terminal, UTF-8


def coding_of(variables: Mapping[str, str]) -> str:
    """Return the name of the coding in which programs with these variables of the environment print."""
    name = next((value for key in ("LC_ALL", "LC_CTYPE", "LANG") if (value := variables.get(key))), "C")
    if "UTF-8" in name.upper() or "UTF8" in name.upper():
        return UTF8
    before = locale.setlocale(locale.LC_CTYPE)
    with suppress(locale.Error, ValueError):  # the system lacks it, and takes C in its place
        locale.setlocale(locale.LC_CTYPE, name)
        codeset = locale.nl_langinfo(locale.CODESET)
        locale.setlocale(locale.LC_CTYPE, before)
        return _known(codeset)
    return UTF8


@cache
def own_coding() -> str:
    """Return the name of the coding of this process's locale."""
    return _known(sys.getfilesystemencoding())


def _known(name: str) -> str:
    """Return Python's name for a coding; UTF-8 for ASCII and for one that Python does not know."""
    try:
        known = codecs.lookup(name).name
    except LookupError:
        return UTF8
    return UTF8 if known == _ASCII else known


class Coding:
    """Converts two streams of text, one in each direction. Sans-I/O."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._reader = codecs.getincrementaldecoder(name)("surrogateescape")
        self._writer = codecs.getincrementaldecoder(UTF8)("surrogateescape")
        self._pairs = codecs.getincrementaldecoder(UTF8)("surrogateescape")  # what the bytes in a row would be

    @classmethod
    def named(cls, name: str) -> Coding | None:
        """Return the coding of that name; None for UTF-8, in which nothing is converted."""
        return None if name == UTF8 else cls(name)

    def to_utf8(self, data: bytes) -> bytes:
        """Convert the next bytes of a locale's text; hold back the beginning of a character."""
        text = self._reader.decode(data)
        if _ESCAPED.search(text):
            text = "".join(map(self._apart, text))
        elif text:
            self._pairs.reset()
        return text.encode(UTF8, "surrogateescape")

    def _apart(self, character: str) -> str:
        """Return a character, or a byte that cannot end a character of UTF-8 with those before."""
        byte = _escaped(character)
        if byte is None:
            self._pairs.reset()
            return character
        ends = any(_escaped(each) is None for each in self._pairs.decode(byte))
        return chr(_PRIVATE + byte[0]) if ends else character

    def from_utf8(self, data: bytes) -> bytes:
        """Convert the next bytes of a text in UTF-8, to be read; what the coding lacks stays as it is."""
        return encoded(self._writer.decode(data), self.name)

    def to_show(self, data: bytes) -> bytes:
        """Convert the next bytes of what a program prints, in UTF-8, to be shown (see `shown_bytes`)."""
        return shown(self._writer.decode(data).translate(_AS_BYTES), self.name)


def encoded(text: str, name: str) -> bytes:
    """Return a text in a coding, to be read; what the coding lacks stays as it is."""
    return text.encode(name, "surrogateescape") if name == UTF8 else text.translate(_AS_BYTES).encode(name, _AS_IT_IS)


def shown(text: str, name: str) -> bytes:
    """Return a text in a coding, to be shown; what the coding lacks, and a control, is `?` in each of its columns."""
    return text.encode(name, "surrogateescape") if name == UTF8 else text.translate(_NO_CONTROLS).encode(name, _MARKS)


def shown_bytes(data: bytes, name: str) -> bytes:
    """Return what a program prints, in UTF-8, as `shown` does, with its controls."""
    return data if name == UTF8 else shown(data.decode(UTF8, "surrogateescape").translate(_AS_BYTES), name)


def _escaped(character: str) -> bytes | None:
    """Return the byte that stands for itself in a text; None for a character."""
    return bytes([ord(character) - 0xDC00]) if "\udc80" <= character <= "\udcff" else None


def _as_it_is(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lacking = error.object[error.start : error.end]
    return b"".join(_escaped(each) or each.encode(UTF8, "replace") for each in lacking), error.end


def _question_marks(error: UnicodeError) -> tuple[bytes, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    from wcwidth import wcwidth  # noqa: PLC0415 - only what a coding lacks needs it

    lacking = error.object[error.start : error.end]
    return b"".join(_escaped(each) or b"?" * max(0, wcwidth(each)) for each in lacking), error.end


codecs.register_error(_AS_IT_IS, _as_it_is)
codecs.register_error(_MARKS, _question_marks)
