"""Types of what a clipboard holds: MIME types, and the names that X11 and Wayland tools have for them."""

from __future__ import annotations

from collections.abc import Iterable

TEXT, PNG = "text/plain", "image/png"
FILES = "text/uri-list"  # addresses of files that were copied, one on a line
_X11_TEXT = ("UTF8_STRING", "STRING", "TEXT")
_TEXTS = (TEXT, f"{TEXT};charset=utf-8", *_X11_TEXT)
"""The names of text, as programs list them. X11's come without a slash."""
PICTURES = (PNG, "image/jpeg", "image/gif", "image/webp")
"""Pictures that pass as they are, the best first."""
_SIGNATURES = (
    (b"\x89PNG\r\n\x1a\n", PNG), (b"\xff\xd8\xff", "image/jpeg"), (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"), (b"BM", "image/bmp"),
)  # fmt: skip
_SUFFIXES = {TEXT: "txt", "image/jpeg": "jpg"}  # others are called as their type
_TEXT_ENDS = ("script", "xml", "yaml", "json")


def mime(target: str) -> str:
    """Return the MIME type that a tool's name of a target means: itself, unless it is one of text."""
    plain = target.partition(";")[0].strip().lower()
    return TEXT if target.upper() in _X11_TEXT or plain == TEXT else target


def is_text(target: str) -> bool:
    """Return whether a tool takes content of a type for text, as wl-paste does."""
    plain = mime(target).partition(";")[0]
    return plain.startswith("text/") or plain.endswith(_TEXT_ENDS)


def names(types: Iterable[str]) -> list[str]:
    """Return the names by which tools list types: text has several."""
    listed: dict[str, None] = {}
    for each in types:
        listed |= dict.fromkeys(_TEXTS if mime(each) == TEXT else (each,))
    return list(listed)


def choose(wanted: str, types: Iterable[str]) -> str:
    """Return which of the types is meant; empty if none is.

    `wanted`: a name of a type; `text` or `image` for any of these; empty for text, else whatever comes first.
    """
    there = list(dict.fromkeys(map(mime, types)))
    if wanted == "image":
        pictures = [each for each in there if each.startswith("image/")]
        return next((each for each in PICTURES if each in pictures), pictures[0] if pictures else "")
    if wanted == "text":
        return TEXT if TEXT in there else next(filter(is_text, there), "")
    if wanted == "":
        return choose("text", there) or (there[0] if there else "")
    return mime(wanted) if mime(wanted) in there else ""


def suffix(mime_type: str) -> str:
    """Return how the name of a file of a type ends, after the dot."""
    return _SUFFIXES.get(mime_type) or mime_type.rpartition("/")[2]


def guess(data: bytes) -> str:
    """Return the type of content by its first bytes: of a picture, else text."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next((name for signature, name in _SIGNATURES if data.startswith(signature)), TEXT)
