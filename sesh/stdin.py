"""Read the standard input of this process, or a copy of it."""

from __future__ import annotations

import os
import select
from collections.abc import Iterator

from sesh.errors import Refused

_BLOCK = 1 << 16


def block(size: int, descriptor: int = 0) -> bytes | None:
    """Read at most `size` bytes of stdin; empty at its end, None if no bytes are available yet. Raises Refused.

    None is possible only for a non-blocking stdin, such as Node.js may leave to its children.
    """
    try:
        return os.read(descriptor, size)
    except BlockingIOError:
        return None
    except OSError as error:
        raise Refused(f"cannot read stdin: {error.strerror}") from error


def blocks(size: int = _BLOCK, descriptor: int = 0) -> Iterator[bytes]:
    """Yield stdin in blocks of at most `size` bytes. Raises Refused."""
    while (data := block(size, descriptor)) != b"":
        if data is None:
            select.select([descriptor], [], [])
        else:
            yield data


def whole(largest: int) -> bytes:
    """Return stdin, at most `largest` + 1 bytes, so that callers can detect more. Raises Refused."""
    content = bytearray()
    for data in blocks():
        content += data
        if len(content) > largest:
            break
    return bytes(content[: largest + 1])
