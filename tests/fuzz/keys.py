"""The target of what is typed: the detach key is found, and all else passes."""

from __future__ import annotations

import random
import zlib
from collections import Counter

from sesh.client.keys import KeyParser
from sesh.text.keys import DetachKey
from tests.fuzz.target import pure
from tests.unit.vt.streams import cut

_KEYS = ("C-\\", "C-b d", "F12", "M-x", "C-Space", "C-] ]", "S-F3", "C-M-a", "none")
_TYPED = (
    b"\x1c", b"\x1b[92;5u", b"\x1b[92;5:3u", b"\x1b[92:124:92;5:1u", b"\x1b[27;5;92~", b"\x02", b"d", b"\x1b[98;5u",
    b"\x1b", b"\x1b[200~", b"\x1b[201~", b"\x1bx", b"\x1b[24~", b"\x1bOR", b"\x1b[1;2R", b"\x1b[M !!",
    b"\x1b[M\x1c\x1c\x1c", b"\x1b[<0;3;4M", b"\x1b[I", b"\x1b[?1;2c", b"\x1b]10;rgb:0/0/0\x07", b"text",
    "é中".encode(), b"\0", b"\x1d", b"]", b"\x1b[57442;5u", b"\x1b[57442;1:3u", b"\x1b[1;1:3A", b"\x1bO", b"\x1b[",
    b"\x1b[" + b"1;" * 60, b"\x1b[;;;u", b"\r", b"\x1b[" + b"9" * 50 + b"u", b"\x1b[1:2:3:4:5u",
    b"\x1b[92;" + b"9" * 40 + b"u",
)  # fmt: skip


def _make(rng: random.Random) -> bytes:
    return rng.randbytes(1) + b"".join(rng.choice(_TYPED) for _ in range(rng.randint(0, 12)))


def _run(parser: KeyParser, pieces: list[bytes]) -> tuple[bytes, bool]:
    """Return the input up to the detach key, and whether it was pressed."""
    passed = b""
    for piece in pieces:
        part, detaches = parser.feed(piece)
        passed += part
        if detaches:
            return passed, True
    part, detaches = parser.flush()
    return passed + part, detaches


def check(case: bytes) -> None:
    """Check that cuts change no meaning, and that only typed bytes pass."""
    choice, data = (case[:1] or b"\0")[0], case[1:]
    key = DetachKey.parse(_KEYS[choice % len(_KEYS)])
    whole = _run(KeyParser(key), [data])
    assert _run(KeyParser(key), cut(random.Random(zlib.crc32(case)), data)) == whole
    passed, _ = whole
    assert not Counter(passed) - Counter(data)  # not the order: reports overtake the first of two keys, which waits
    if key is None:
        assert passed == data


TARGETS = (pure("keys", _make, check, _TYPED),)
