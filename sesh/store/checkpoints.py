"""Checkpoints: the screen of a session not long ago, in a file beside its record, read when its daemon has died.

A checkpoint is `.checkpoint.ID` in the directory of sessions, 0600: one line of JSON (`CheckpointHeader` in
`sesh.schema`), then bytes as a terminal takes them. It holds the screen, the scrollback, and the commands of its shell.
"""

from __future__ import annotations

from sesh import bounds, paths, protocol
from sesh.errors import Refused
from sesh.names import is_id
from sesh.shapes import items, keys, loose, system_line
from sesh.store import files, records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.schema import CheckpointHeader
    from sesh.vt.emulator import Emulator

FORMAT = 1
LARGEST = 1 << 20
"""Bytes of a checkpoint, its first line apart."""
_LONGEST_HEADER = 64 << 10
_FIELDS = {
    **keys("written last_activity cwd title", system_line),
    "model": loose({}),
    "history": items(loose(files.RUN)),
}


def write(session_id: str, header: CheckpointHeader, data: bytes) -> None:
    """Puts the checkpoint of a session in place, in one step. Raises OSError."""
    paths.write_whole(records.checkpoint_path(session_id), protocol.encode({"format": FORMAT, **header}) + b"\n" + data)


def read(session_id: object, most: int = LARGEST) -> tuple[CheckpointHeader, bytes] | None:
    """The checkpoint of a session with at least its first `most` bytes, None if there is none.

    Raises Refused for a foreign file, and a damaged one.
    """
    if not is_id(session_id):
        return None
    path = records.checkpoint_path(session_id)
    content = paths.read_own(path, _LONGEST_HEADER + most, whole=False)
    if content is None:
        return None
    first, _, data = content.partition(b"\n")
    header: CheckpointHeader = files.parse(path, first, _FIELDS)
    return (header, data) if header.get("format") == FORMAT else None


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
        terminal, fed = Emulator(*born), 0
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
