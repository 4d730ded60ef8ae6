"""Checkpoints: a session's recent screen and scrollback, readable after its daemon has died.

`.checkpoint.ID` is a line of JSON (`CheckpointHeader` in `sesh.schema`), then the screen as bytes for a terminal. The
scrollback is in `.scrollback0.ID` or `.scrollback1.ID`; the header says which. The daemon appends to that file, and
from time to time writes the other one to replace it.
"""

from __future__ import annotations

import os
from contextlib import suppress

from sesh import files, measures, schema
from sesh.errors import Refused
from sesh.names import is_id
from sesh.schema import CheckpointHeader, ScrolledOff
from sesh.store import records

FORMAT = 2  # a checkpoint of another format is refused
LARGEST = 32 << 20  # bytes of a screen: 32 for each cell of the largest one
LEAST_READ = 4 << 20  # bytes of scrollback to read even if the session keeps few lines


def _scrollback(session_id: str, file: int) -> str:
    return records.file_of(session_id, f"scrollback{file}")


def write(session_id: str, header: CheckpointHeader, screen: bytes) -> None:
    """Replace the checkpoint of a session in one step. Raises OSError."""
    facts = {"format": FORMAT, **header, "screen": len(screen)}
    files.write_headed(records.file_of(session_id, "checkpoint"), facts, screen)


def extend(session_id: str, off: ScrolledOff, data: bytes) -> ScrolledOff:
    """Append to a scrollback file; return `off` with its new size. Raises OSError, see `files.write_after`."""
    files.write_after(_scrollback(session_id, off["file"]), off["bytes"], data)
    return {**off, "bytes": off["bytes"] + len(data)}


def drop(session_id: str, file: int) -> None:
    with suppress(FileNotFoundError):
        os.unlink(_scrollback(session_id, file))


def restore(session_id: str, header: CheckpointHeader, data: bytes) -> None:
    """Write back a checkpoint that `read` returned: all of it, or nothing. Raises OSError."""
    off: ScrolledOff = {**scrolled_off(header), "bytes": 0}
    screen = max(0, len(data) - (header.get("screen") or 0))
    try:
        write(session_id, {**header, "scrollback": extend(session_id, off, data[:screen])}, data[screen:])
    except OSError:
        drop(session_id, off["file"])
        raise


def read(session_id: object) -> tuple[CheckpointHeader, bytes] | None:
    """Return a checkpoint's header, and its scrollback before its screen; None if missing.

    After a power loss, files may be shorter than the header says: whole lines count. Raises Refused for a foreign or
    damaged file, or one of another format.
    """
    if (found := _read(session_id, LARGEST)) is None:
        return None
    header, screen = found
    off = scrolled_off(header)
    path = _scrollback(str(session_id), off["file"])
    start = max(0, off["bytes"] - max(LEAST_READ, measures.scrollback_bytes(off["lines"])))
    lines = files.read_own(path, off["bytes"] - start, whole=False, start=start) or b""
    begin = lines.find(b"\n") + 1 if start else 0  # after the rest of a line that begins before `start`
    return header, lines[begin : lines.rfind(b"\n") + 1] + screen


def header(session_id: object) -> CheckpointHeader:
    """Return the header of a checkpoint; empty if it is missing or not readable."""
    try:
        found = _read(session_id, 0)
    except Refused:
        return {}
    return found[0] if found is not None else {}


def _read(session_id: object, most: int) -> tuple[CheckpointHeader, bytes] | None:
    """Return a checkpoint's header and at least the screen's first `most` bytes."""
    if not is_id(session_id):
        return None
    path = records.file_of(session_id, "checkpoint")
    found: tuple[CheckpointHeader, bytes] | None = files.read_headed(path, CheckpointHeader, most)
    if found is not None and (number := found[0].get("format")) != FORMAT:
        raise files.damaged(path, f"format {number!a}, not {FORMAT}")
    return found


def scrolled_off(header: CheckpointHeader) -> ScrolledOff:
    off = header.get("scrollback")
    return {"file": 0, "bytes": 0, "lines": schema.SCROLLBACK} if not off or None in off.values() else off
