"""Write to the standard streams, and ask what they are."""

from __future__ import annotations

import json
import os
import select
from collections.abc import Sequence
from contextlib import suppress

from sesh import names, wording
from sesh.about import PROGRAM
from sesh.errors import ExitCode, Refused, for_host

STDOUT, STDERR = 1, 2
MAX_PIECE = 1 << 16  # bytes; a longer unfinished line is printed in pieces
_C1 = {code: f"\\u{code:04x}" for code in range(0x7F, 0xA0)}


def write(data: bytes, descriptor: int = STDOUT) -> None:
    """Write all bytes, also to a non-blocking descriptor. Raises BrokenPipeError, Refused for other errors."""
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select([], [descriptor], [])
        except BrokenPipeError:
            raise
        except OSError as error:
            raise Refused(f"cannot write output: {error.strerror}") from error


def pieces(line: bytes) -> tuple[list[bytes], bytes]:
    """Return the printable pieces of an unfinished line, and the rest; cut no UTF-8 character."""
    cut: list[bytes] = []
    while len(line) > MAX_PIECE:
        ends = range(MAX_PIECE, MAX_PIECE - 4, -1)
        end = next((end for end in ends if line[end] & 0xC0 != 0x80), MAX_PIECE)
        cut.append(line[:end])
        line = line[end:]
    return cut, line


def aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of cells as lines with aligned columns."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]


def on_host(host: str | None, line: str) -> str:
    """Return a line after the name of its host; None is this machine."""
    return f"@{host}: {line}" if host is not None else line


def stderr_line(line: str) -> None:
    """Print a line on stderr; it is lost if stderr is closed."""
    with suppress(BrokenPipeError, Refused):
        write(encoded(f"{line}\n"), STDERR)


def note(line: str, host: str | None = None) -> None:
    """Print a note on stderr, its commands rewritten for `host`; it is lost if stderr is closed."""
    stderr_line(f"{PROGRAM}: {wording.one_line(for_host(line, host))}")


def fresh_line() -> None:
    """Start a new line after the `^C` that the terminal printed, if stderr is a terminal."""
    if os.isatty(STDERR):
        write(b"\n", STDERR)


def interrupted() -> int:
    """Start a new line for the shell's prompt; return the exit code for Ctrl-C."""
    fresh_line()
    return ExitCode.INTERRUPTED


def json_line(thing: object) -> bytes:
    """Return a line of JSON in UTF-8: invalid bytes become U+FFFD, control characters (C1 too) are escaped."""
    return json.dumps(wording.encodable(thing), ensure_ascii=False).translate(_C1).encode() + b"\n"


def encoded(line: str) -> bytes:
    """Return text as bytes; file names that are not UTF-8 keep their bytes."""
    try:
        return line.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:  # a lone surrogate, from an escape in JSON
        return str(wording.encodable(line)).encode()


def on_terminal() -> bool:
    """Return whether stdin and stdout are terminals, so that sesh can ask a person, or attach."""
    return os.isatty(0) and os.isatty(1)


def dumb() -> bool:
    """Return whether TERM names a terminal without cursor movement and colours."""
    return os.environ.get("TERM", "") in ("", "dumb", "unknown")


def coloured() -> bool:
    """Return whether stdout is a terminal with colours, and `NO_COLOR` is not set."""
    return not dumb() and not os.environ.get("NO_COLOR") and os.isatty(STDOUT)


def width(terminal: int) -> int:
    """Return the columns of a terminal; COLUMNS overrides them."""
    wanted = os.environ.get("COLUMNS", "")
    if names.is_decimal(wanted) and int(wanted) > 0:
        return min(int(wanted), 10_000)
    try:
        return os.get_terminal_size(terminal).columns or 80
    except OSError:
        return 80
