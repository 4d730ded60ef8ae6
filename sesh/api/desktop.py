"""The desktop of the person of the session in which this program runs: its clipboard and its browser."""

from __future__ import annotations

from typing import Union

from sesh.ops import desktop


def copy(content: Union[str, bytes], type: str = "") -> None:  # noqa: A002 (the word of the command line)
    """Put text or bytes on the person's clipboard; the type of bytes is guessed if none is given. Raises SeshError."""
    desktop.copy(content.encode() if isinstance(content, str) else content, type)


def paste(type: str = "text") -> bytes:  # noqa: A002 (the word of the command line)
    """Return what the person's clipboard has of a MIME type, or of `text` or `image`. Raises SeshError."""
    return desktop.paste(type).data


def browse(url: str) -> None:
    """Open a page in the person's browser. Raises SeshError."""
    desktop.browse(url)
