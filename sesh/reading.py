"""Read stdin, the files of sesh's own, which must be private, and those of the user."""

from __future__ import annotations

import errno
import os
import select
import stat
from collections.abc import Callable, Iterator

from sesh import paths
from sesh.errors import Refused

_TO_READ = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOCTTY
_BLOCK = 1 << 16


def stdin_block(size: int) -> bytes | None:
    """Read at most `size` bytes of stdin: empty at its end, None if none are available yet.

    Only a stdin that does not block, such as a parent in Node.js may leave, has none. Raises Refused.
    """
    try:
        return os.read(0, size)
    except BlockingIOError:
        return None
    except OSError as error:
        raise Refused(f"cannot read stdin: {error.strerror}") from error


def stdin(size: int = _BLOCK) -> Iterator[bytes]:
    """Yield stdin in blocks of at most `size` bytes, to its end. Raises Refused."""
    while (block := stdin_block(size)) != b"":
        if block is None:
            select.select([0], [], [])
        else:
            yield block


def whole_stdin(largest: int) -> bytes:
    """Return stdin, of which no more than one byte beyond `largest` is kept. Raises Refused."""
    content = bytearray()
    for block in stdin():
        content += block
        if len(content) > largest:
            break
    return bytes(content[: largest + 1])


def read_own(path: str, largest: int, *, whole: bool = True, start: int = 0) -> bytes | None:
    """Return the content of a file of sesh's own; None if it is missing. Follows no link, waits for nothing.

    `largest`: bytes from `start` on; a larger file is cut to them if it need not be `whole`. Raises Refused, with the
    fix, as `check_file` does and for a file that cannot be read, and OSError if no descriptor is left.
    """
    try:
        return _content(path, largest, paths.check_status, links=False, whole=whole, start=start)
    except FileNotFoundError:
        return None
    except OSError as error:
        if paths.lacks_descriptors(error):
            raise
        raise damaged(path, str(error.strerror)) from error


def read_regular(path: str, largest: int) -> bytes:
    """Return the content of a file that the user may have put there, through links too.

    Raises OSError, also for a larger file, and for one that is not regular: a FIFO would block.
    """
    return _content(path, largest, _check_regular, links=True, whole=True)


def _check_regular(path: str, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "not a regular file", path)


def _content(
    path: str,
    largest: int,
    check: Callable[[str, os.stat_result], None],
    *,
    links: bool,
    whole: bool,
    start: int = 0,
) -> bytes:
    """Return the content of a file that passes a check, at most `largest` bytes from `start` on.

    Raises OSError, also if the file has more and `whole` is wanted.
    """
    check(path, os.stat(path, follow_symlinks=links))  # before it is opened, which may make a device act
    descriptor = os.open(path, _TO_READ if links else _TO_READ | os.O_NOFOLLOW)
    try:
        check(path, os.fstat(descriptor))  # another one may have taken its place
        if start:
            os.lseek(descriptor, start, os.SEEK_SET)
        content = bytearray()
        while len(content) <= largest and (data := os.read(descriptor, min(_BLOCK, largest + 1 - len(content)))):
            content += data
    finally:
        os.close(descriptor)
    if whole and len(content) > largest:
        raise OSError(errno.EFBIG, f"larger than {largest} bytes")
    return bytes(content[:largest])


def damaged(path: str, why: str) -> Refused:
    return Refused(f"{path} is damaged ({why}); check it and move it away")
