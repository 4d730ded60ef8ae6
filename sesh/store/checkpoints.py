"""Checkpoints: the screen of a session not long ago, in a file beside its record, read when its daemon has died.

A checkpoint is `.checkpoint.ID` in the directory of sessions, 0600: one line of JSON (`CheckpointHeader` in
`sesh.schema`), then bytes as a terminal takes them. It holds the screen, and the commands of its shell. Before these
bytes belong those of `.scrollback0.ID` or `.scrollback1.ID`, as many as the checkpoint says: what scrolled off, or all
output that no emulator has read. They grow, and now and then the other file takes their place.
"""

from __future__ import annotations

import os

from sesh import bounds, paths, protocol
from sesh.errors import Refused
from sesh.names import is_id
from sesh.shapes import exact_natural, items, keys, loose, system_line, whole
from sesh.store import files, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.stored import CheckpointHeader, Kept
    from sesh.vt.emulator import Emulator

FORMAT = 1
LARGEST = 1 << 20
"""Bytes of a checkpoint, its first line apart."""
_LEAST_READ = 4 << 20
"""Bytes of what scrolled off that are read in any case, however few lines a session keeps."""
_LONGEST_HEADER = 64 << 10
_KEPT = {"file": whole(0, 1), "bytes": exact_natural, "lines": whole(0, bounds.MOST_SCROLLBACK)}
_FIELDS = {
    **keys("written last_activity cwd title", system_line),
    "model": loose({}),
    "scrollback": loose(_KEPT, complete=True),
    "history": items(loose(files.RUN)),
}


def write(session_id: str, header: CheckpointHeader, data: bytes) -> None:
    """Puts the checkpoint of a session in place, in one step. Raises OSError."""
    paths.write_whole(records.checkpoint_path(session_id), protocol.encode({"format": FORMAT, **header}) + b"\n" + data)


def kept_of(header: CheckpointHeader) -> Kept:
    """What a checkpoint says of what scrolled off; an older sesh has written none, or all into the checkpoint."""
    kept = header.get("scrollback")
    return {"file": 0, "bytes": 0, "lines": bounds.SCROLLBACK} if not kept or None in kept.values() else kept


def keep(session_id: str, kept: Kept, data: bytes) -> Kept:
    """Adds to the file of what scrolled off, behind what is `kept` there; returns what is then. Raises OSError."""
    path = records.scrollback_paths(session_id)[kept["file"]]
    if kept["bytes"]:
        paths.extend(path, kept["bytes"], data)
    else:
        paths.write_whole(path, data)
    return {**kept, "bytes": kept["bytes"] + len(data)}


def drop(session_id: str, kept: Kept) -> None:
    """Removes a file of what scrolled off, which no checkpoint needs any more. Raises OSError."""
    try:
        os.unlink(records.scrollback_paths(session_id)[kept["file"]])
    except FileNotFoundError:
        return  # nothing had scrolled off


def restore(session_id: str, header: CheckpointHeader, data: bytes) -> None:
    """Puts what `read` returned in place again. Raises OSError."""
    write(session_id, {**header, "scrollback": keep(session_id, {**kept_of(header), "bytes": 0}, data)}, b"")


def read(session_id: object, most: int = LARGEST) -> tuple[CheckpointHeader, bytes] | None:
    """The checkpoint of a session with at least its first `most` bytes, None if there is none.

    Before them comes what scrolled off, if any bytes are wanted. Raises Refused for a foreign file, and a damaged one.
    """
    if not is_id(session_id):
        return None
    path = records.checkpoint_path(session_id)
    content = paths.read_own(path, _LONGEST_HEADER + most, whole=False)
    if content is None:
        return None
    first, _, data = content.partition(b"\n")
    header: CheckpointHeader = files.parse(path, first, _FIELDS)
    if header.get("format") != FORMAT:
        return None
    if most and (kept := kept_of(header))["bytes"]:
        path = records.scrollback_paths(session_id)[kept["file"]]
        start = max(0, kept["bytes"] - max(_LEAST_READ, bounds.scrollback_bytes(kept["lines"])))
        data = (paths.read_own(path, kept["bytes"] - start, whole=False, start=start) or b"") + data
    return header, data


def header(session_id: object) -> CheckpointHeader:
    """The header of a checkpoint; empty if there is none that can be read."""
    try:
        checkpoint = read(session_id, 0)
    except Refused:
        return {}
    return checkpoint[0] if checkpoint is not None else {}


def emulator(header: CheckpointHeader, data: bytes) -> Emulator:
    """The terminal that a checkpoint describes. Raises ValueError if the checkpoint makes no sense."""
    from sesh.vt.emulator import Emulator

    try:
        model = header["model"]
        born, size = _sides(*model["born"]), _sides(*model["size"])
        resizes = [(position, _sides(*sides)) for position, *sides in model["resizes"]]
        if model["position"] != 0 or model["emulator"] is not None:
            raise ValueError("not from the beginning")
        lines = kept_of(header)["lines"]
        terminal, fed = Emulator(*born, max_lines=lines, max_bytes=bounds.scrollback_bytes(lines)), 0
        for position, sides in resizes:
            if position > len(data):
                break
            if position > fed:
                terminal.feed(data[fed:position])
                fed = position
            terminal.resize(*sides)
        terminal.feed(data[fed:])
        if (terminal.columns, terminal.rows) != size:
            terminal.resize(*size)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"unreadable checkpoint: {error}") from error
    return terminal


def _sides(columns: int, rows: int) -> tuple[int, int]:
    """These columns and rows. Raises ValueError if no screen has them."""
    if not all(bounds.is_integer(side, 1, bounds.LARGEST_SIDE) for side in (columns, rows)):
        raise ValueError("a size that no terminal has")
    return columns, rows
