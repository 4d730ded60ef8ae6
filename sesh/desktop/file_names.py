"""The names of files that come from another machine: what a shell would quote becomes a dash.

So the path of such a file is one word for a shell, for a program that looks for paths in what is pasted, and for a
person who types it. Letters and digits of every script stay, in the composed form: macOS sends `é` as two characters.
"""

from __future__ import annotations

import re
import shlex
import unicodedata

MAX_BYTES = 128  # of a name; file systems that encrypt names take 143
_MAX_SUFFIX = 16  # bytes of a suffix that stays when a name is cut
_QUOTED = re.compile(r"[^\w@%+=:,./-]")  # as of `shlex`, but letters of all scripts pass
_DASHES = re.compile(r"-*\.-+|-+\.|-{2,}")
_FALLBACK = "file"


def _is_plain(character: str) -> bool:
    return _QUOTED.match(character) is None or unicodedata.category(character)[0] == "M"  # a mark belongs to a letter


def safe_name(name: str) -> str:
    """Return a name of one word for a file; of a path only the last part counts."""
    last = unicodedata.normalize("NFC", name.rstrip("/").rpartition("/")[2])
    dashed = "".join(character if _is_plain(character) else "-" for character in last)
    dashed = _DASHES.sub(lambda found: "." if "." in found[0] else "-", dashed).strip("-")
    if not dashed.strip("."):
        return _FALLBACK
    if dashed.startswith(".") and not last.startswith("."):  # of a name that nobody can read the suffix is left
        dashed = _FALLBACK + dashed
    return cut(dashed, MAX_BYTES)


def numbered(name: str, number: int) -> str:
    """Return the name for a file whose own one is taken: `shot-2.png`."""
    stem, suffix = _split(name)
    return f"{cut(stem, MAX_BYTES - len(suffix.encode()))}-{number}{suffix}"


def cut(name: str, most: int) -> str:
    """Cut a name to `most` bytes, between two characters; a short suffix stays."""
    if len(name.encode()) <= most:
        return name
    stem, suffix = _split(name)
    return stem.encode()[: most - len(suffix.encode())].decode("utf-8", "ignore") + suffix


def _split(name: str) -> tuple[str, str]:
    """Return a name's stem, and its suffix with the dot, if it is a short one."""
    stem, dot, suffix = name.rpartition(".")
    return (stem, dot + suffix) if stem and len(suffix.encode()) < _MAX_SUFFIX else (name, "")


def as_word(path: str) -> str:
    """Return a path as a shell reads it: quoted only if it has to be."""
    return path if all(map(_is_plain, path)) else shlex.quote(path)
