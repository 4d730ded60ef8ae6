"""What the sesh of a test has printed: each failure shows it, because most assertions judge only a part of it."""

from __future__ import annotations

import shlex
from collections import deque
from collections.abc import Sequence

_NEWEST = 8
"""The commands of a test that its failure shows."""
_MAX_OUTPUT = 4000
"""The characters of an output that a failure shows."""

_noted: deque[tuple[Sequence[str], int | None, bytes, bytes]] = deque(maxlen=_NEWEST)


def forget() -> None:
    """Drop what the last test has noted."""
    _noted.clear()


def note(command: Sequence[str], code: int | None, stdout: bytes | None, stderr: bytes | None) -> None:
    """Keep what an ended command has printed."""
    _noted.append((command, code, stdout or b"", stderr or b""))


def told() -> str:
    """Return what was kept, the newest last; empty if no command has ended."""
    return "\n".join(_shown(*each) for each in _noted)


def _shown(command: Sequence[str], code: int | None, stdout: bytes, stderr: bytes) -> str:
    lines = [f"$ {shlex.join(command)}  [{code}]"]
    for name, printed in (("stdout", stdout), ("stderr", stderr)):
        # Foreign bytes must not act on the developer's terminal.
        text = "".join(
            char if char.isprintable() or char == "\n" else repr(char)[1:-1]
            for char in printed.decode("utf-8", "backslashreplace")
        )
        if len(text) > _MAX_OUTPUT:
            text = f"(the last of {len(text)} characters) {text[-_MAX_OUTPUT:]}"
        lines += [f"{name}| {line}" for line in text.splitlines()]
    return "\n".join(lines)
