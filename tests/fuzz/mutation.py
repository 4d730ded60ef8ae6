"""Changes of a case: bytes flipped, left out, doubled, inserted, or taken from other cases."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

#: Bytes at which formats break: ends of strings, of lines and of numbers, and the largest of one, two and four bytes.
ODD = (
    b"\0", b"\x1b", b"\n", b"\r", b"\x7f", b"\x80", b"\xff", b"\xff\xff", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff",
    b"\xed\xa0\x80", b"\xc3", b"\xf0\x9f", b"\xef\xbb\xbf", b'"', b"'", b"\\", b"\\ud800", b"\\u0000", b"{", b"}", b"[",
    b"]", b",", b":", b";", b"=", b"#", b"/", b"..", b"%s", b"-1", b"0", b"1e999", b"NaN", b"99999999999999999999",
    b"null", b"true", "²".encode(), "\u202e".encode(), "\x9b".encode(),
)  # fmt: skip


def _span(rng: random.Random, size: int) -> tuple[int, int]:
    """Return the start and the end of a part, mostly a short one."""
    start = rng.randrange(size + 1)
    return start, min(size, start + rng.choice((1, 1, 2, 4, 8, 30, 200)))


def _flipped(rng: random.Random, data: bytearray, _words: Sequence[bytes], _others: Sequence[bytes]) -> None:
    if data:
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def _left_out(rng: random.Random, data: bytearray, _words: Sequence[bytes], _others: Sequence[bytes]) -> None:
    start, end = _span(rng, len(data))
    del data[start:end]


def _doubled(rng: random.Random, data: bytearray, _words: Sequence[bytes], _others: Sequence[bytes]) -> None:
    start, end = _span(rng, len(data))
    data[start:start] = data[start:end] * rng.choice((1, 1, 2, 20))


def _put_in(rng: random.Random, data: bytearray, words: Sequence[bytes], _others: Sequence[bytes]) -> None:
    at = rng.randrange(len(data) + 1)
    kind = rng.random()
    if kind < 0.3:
        data[at:at] = rng.randbytes(rng.randint(1, 4))
    elif words and kind < 0.7:
        data[at:at] = rng.choice(words)
    else:
        data[at : at + rng.choice((0, 1))] = rng.choice(ODD)


def _spliced(rng: random.Random, data: bytearray, _words: Sequence[bytes], others: Sequence[bytes]) -> None:
    if others:
        other = rng.choice(others)
        start, end = _span(rng, len(other))
        at = rng.randrange(len(data) + 1)
        data[at:at] = other[start : max(end, rng.randint(start, len(other)))]


def _cut_off(rng: random.Random, data: bytearray, _words: Sequence[bytes], _others: Sequence[bytes]) -> None:
    del data[rng.randrange(len(data) + 1) :]


_CHANGES: dict[Callable[[random.Random, bytearray, Sequence[bytes], Sequence[bytes]], None], int] = {
    _flipped: 6,
    _left_out: 5,
    _doubled: 3,
    _put_in: 8,
    _spliced: 2,
    _cut_off: 1,
}


def mutated(rng: random.Random, data: bytes, words: Sequence[bytes] = (), others: Sequence[bytes] = ()) -> bytes:
    """Return `data` with a few changes; `words` and parts of `others` may be put in."""
    changed = bytearray(data)
    for change in rng.choices(list(_CHANGES), list(_CHANGES.values()), k=rng.choice((1, 1, 2, 3, 6))):
        change(rng, changed, words, others)
    return bytes(changed)
