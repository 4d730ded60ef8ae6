"""Checkpoints: the screen of a session not long ago, in a file beside its record, read when its daemon has died.

A checkpoint is `.checkpoint.ID` in the directory of sessions, 0600: one line of JSON (`CheckpointHeader` in
`sesh.stored`), then bytes as a terminal takes them. It holds the screen, and the commands of its shell. Before these
bytes belong those of `.scrollback0.ID` or `.scrollback1.ID`, as many as the checkpoint says: what scrolled off. They
grow, and now and then the other file takes their place.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from sesh import measures, protocol, reading, writing
from sesh.errors import Refused
from sesh.names import is_id
from sesh.store import files, records
from sesh.stored import CheckpointHeader, ScrolledOff

if TYPE_CHECKING:
    from sesh.vt.emulator import Emulator

FORMAT = 2
"""A checkpoint of another format is refused."""
LARGEST = 32 << 20
"""Bytes of a screen: 32 for each cell of the largest one."""
_LONGEST_HEADER = 1 << 20
LEAST_READ = 4 << 20
"""Bytes of what scrolled off that are read in any case, however few lines a session keeps."""
_MISSING = b"\x18\x1b[m\x1b[2m-- %d bytes that came here are missing: they were not on the disk yet --\x1b[m\r\n"
"""What stands at the end of a torn file, behind its last whole line. CAN ends a sequence that is not finished."""


def write(session_id: str, header: CheckpointHeader, screen: bytes) -> None:
    """Puts the checkpoint of a session in place, in one step. Raises OSError."""
    first = protocol.encode({"format": FORMAT, **header, "screen": len(screen)})
    writing.write_whole(records.checkpoint_path(session_id), first + b"\n" + screen)


def scrolled_off(header: CheckpointHeader) -> ScrolledOff:
    """What a checkpoint says of what scrolled off: nothing if it says none."""
    off = header.get("scrollback")
    return {"file": 0, "bytes": 0, "lines": measures.SCROLLBACK} if not off or None in off.values() else off


def extend(session_id: str, off: ScrolledOff, data: bytes) -> ScrolledOff:
    """Writes behind what scrolled off before; returns what has then. Raises OSError, see `writing.extend`."""
    writing.extend(records.scrollback_paths(session_id)[off["file"]], off["bytes"], data)
    return {**off, "bytes": off["bytes"] + len(data)}


def drop(session_id: str, file: int) -> None:
    """Removes a file of what scrolled off, if it is there. Raises OSError."""
    try:
        os.unlink(records.scrollback_paths(session_id)[file])
    except FileNotFoundError:
        return


def restore(session_id: str, header: CheckpointHeader, data: bytes) -> None:
    """Puts what `read` returned in place again, whole or not at all. Raises OSError."""
    off: ScrolledOff = {**scrolled_off(header), "bytes": 0}
    screen = max(0, len(data) - (header.get("screen") or 0))
    try:
        write(session_id, {**header, "scrollback": extend(session_id, off, data[:screen])}, data[screen:])
    except OSError:
        drop(session_id, off["file"])
        raise


def read(session_id: object) -> tuple[CheckpointHeader, bytes] | None:
    """The checkpoint of a session, what scrolled off before its screen; None if there is none.

    Raises Refused for a foreign file, and a damaged one, or one of another format. Of one that lacks its end the rest
    is read.
    """
    if (found := _read(session_id, LARGEST)) is None:
        return None
    header, screen = found
    screen = _told(screen, header.get("screen") or 0)
    off = scrolled_off(header)
    if not off["bytes"]:
        return header, screen
    path = records.scrollback_paths(str(session_id))[off["file"]]
    start = max(0, off["bytes"] - max(LEAST_READ, measures.scrollback_bytes(off["lines"])))
    size = off["bytes"] - start
    lines = reading.read_own(path, size, whole=False, start=start) or b""
    torn = lines.find(b"\n") + 1 if start else 0  # bytes of a line whose beginning is not read
    return header, _told(lines[torn:], size - torn) + screen


def header(session_id: object) -> CheckpointHeader:
    """The header of a checkpoint; empty if there is none that can be read."""
    try:
        found = _read(session_id, 0)
    except Refused:
        return {}
    return found[0] if found is not None else {}


def _read(session_id: object, most: int) -> tuple[CheckpointHeader, bytes] | None:
    """The header of a checkpoint, and at least the first `most` bytes behind it."""
    if not is_id(session_id):
        return None
    path = records.checkpoint_path(session_id)
    content = reading.read_own(path, _LONGEST_HEADER + most, whole=False)
    if content is None:
        return None
    first, _, screen = content.partition(b"\n")
    header: CheckpointHeader = files.parse(path, first, CheckpointHeader)
    if (number := header.get("format")) != FORMAT:
        raise reading.damaged(path, f"format {number!a}, not {FORMAT}")
    return header, screen


def _told(data: bytes, size: int) -> bytes:
    """The data, `size` bytes as they were written; a line says it if the last of them are missing, as after a loss of
    power."""
    missing = size - len(data)
    return data if missing <= 0 else data[: data.rfind(b"\n") + 1] + _MISSING % missing


def new_terminal(columns: int, rows: int, lines: int = measures.SCROLLBACK) -> Emulator:
    """A blank terminal with a scrollback of so many lines. Outside of daemons, only who needs one loads pyte: here."""
    from sesh.vt.emulator import Emulator

    return Emulator(columns, rows, max_lines=lines, max_bytes=measures.scrollback_bytes(lines))


def emulator(header: CheckpointHeader, data: bytes) -> Emulator:
    """The terminal that a checkpoint describes. Raises ValueError if the checkpoint makes no sense."""
    try:
        drawn, size = _sides(*header["drawn"]), _sides(*header["size"])
        terminal = new_terminal(*drawn, scrolled_off(header)["lines"])
        terminal.feed(data)
        if drawn != size:
            terminal.resize(*size)
    except (LookupError, TypeError, ValueError) as error:
        raise ValueError(f"unreadable checkpoint: {error}") from error
    return terminal


def _sides(columns: int, rows: int) -> tuple[int, int]:
    """These columns and rows. Raises ValueError if no screen has them."""
    if not all(1 <= side <= measures.LARGEST_SIDE for side in (columns, rows)):
        raise ValueError("a size that no terminal has")
    return columns, rows
