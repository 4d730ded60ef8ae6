"""Checkpoints: a session's recent screen and scrollback, readable after its daemon has died.

`.screen.ID` is a line of JSON (`CheckpointHeader` in `sesh.schema.facts`), bytes that draw scrollback and screen, and
behind them the output that has come since, as it is. It is rewritten as `.new-screen.ID`. `.checkpoint.ID` is JSON
(`CheckpointFacts`), written after it.
"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from contextlib import suppress
from itertools import chain

from sesh.errors import Refused
from sesh.names import is_id
from sesh.schema import codec
from sesh.schema.check import checker
from sesh.schema.facts import CheckpointFacts, CheckpointHeader
from sesh.store import records
from sesh.system import files

FORMAT = 3  # a screen of another format is refused
MAX_CHECKPOINT = 1 << 30  # bytes of a screen with the largest scrollback, see `sizes.scrollback_bytes`
_MAX_FACTS = 8 << 20  # bytes: each character of the history may take twelve


def write(session_id: str, header: CheckpointHeader, parts: Iterable[bytes]) -> Generator[None, None, int]:
    """Replace a session's screen, and yield after each part; return the size. Raises OSError."""
    first = codec.encode({"format": FORMAT, **header}) + b"\n"
    path, unfinished = (records.file_of(session_id, kind) for kind in ("screen", "new-screen"))
    size = 0
    with files.replacing(path, unfinished=unfinished) as descriptor:
        for part in chain([first], parts):
            files.write_all(descriptor, part)
            size += len(part)
            yield
    return size


def restore(session_id: str, header: CheckpointHeader, data: bytes) -> None:
    """Write back what `read` returned. Raises OSError."""
    for _ in write(session_id, header, [data]):
        pass


def extend(session_id: str, size: int, data: bytes) -> int:
    """Append output to a screen's file of that size; return the new one. Raises OSError."""
    files.write_after(records.file_of(session_id, "screen"), size, data)
    return size + len(data)


def write_facts(session_id: str, facts: CheckpointFacts) -> None:
    files.write_whole(records.file_of(session_id, "checkpoint"), codec.encode(facts))


def read(session_id: object) -> tuple[CheckpointHeader, bytes] | None:
    """Return a screen and its header; None if missing.

    Raises Refused for a foreign or damaged file, or one of another format.
    """
    if not is_id(session_id):
        return None
    path = records.file_of(session_id, "screen")
    found: tuple[CheckpointHeader, bytes] | None = files.read_headed(path, checker(CheckpointHeader), MAX_CHECKPOINT)
    if found is not None and (number := found[0].get("format")) != FORMAT:
        raise files.damaged(path, f"format {number!a}, not {FORMAT}")
    return found


def facts(session_id: object) -> CheckpointFacts:
    """Return the facts of a checkpoint; empty if they are missing or not readable."""
    found: CheckpointFacts | None = None
    if is_id(session_id):
        with suppress(Refused):
            found = files.read_json(records.file_of(session_id, "checkpoint"), checker(CheckpointFacts), _MAX_FACTS)
    return found or {}
