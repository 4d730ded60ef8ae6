"""What verbs and options do, in a few words, for completion: taken from their help, which is slow to load, and kept.

They lie in `sesh/gist.json` of `XDG_CACHE_HOME` (`~/.cache`). Where they are not those of this sesh, a child makes them
anew, and the next Tab shows them.
"""

from __future__ import annotations

import os
import time

from sesh import __version__, lean, paths
from sesh.cli.printing import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_AGAIN = 60.0
"""Seconds after which what did not come is asked for once more."""
_LONGEST = 100


def of(verb: str) -> dict[str, str]:
    """What the options of a verb do, by their words; for the empty word what the verbs do, too. Empty where unknown."""
    kept = _read()
    if kept.get("of") != _mark() or ("verbs" not in kept and _age() > _AGAIN):
        if _write({"of": _mark()}):
            from sesh.ops import child

            child.aside(["--complete", "--gist"])
        return {}
    options = kept.get("options")
    found = options.get(verb) if isinstance(options, dict) else None
    found = dict(found) if isinstance(found, dict) else {}
    verbs = kept.get("verbs")
    if not verb and isinstance(verbs, dict):
        found |= verbs
    return {str(word): plain(told)[:_LONGEST] for word, told in found.items()}


def keep() -> int:
    """Takes the words from the help of all verbs; the exit code."""
    from sesh.cli import verbs

    told, options = verbs.gists()
    return 0 if _write({"of": _mark(), "verbs": told, "options": options}) else 1


def _mark() -> str:
    """What tells the help of this sesh from that of another."""
    folder = os.path.join(os.path.dirname(__file__), "verbs")
    try:
        newest = max(os.stat(os.path.join(folder, entry)).st_mtime_ns for entry in os.listdir(folder))
    except OSError:
        newest = 0
    return f"{__version__} {newest} {folder}"


def _path() -> str:
    named = os.environ.get("XDG_CACHE_HOME", "")
    return os.path.join(named if os.path.isabs(named) else os.path.expanduser("~/.cache"), "sesh", "gist.json")


def _read() -> dict[str, Any]:
    try:
        with open(os.open(_path(), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            kept = lean.parse_json(file.read().decode())
    except (OSError, ValueError, RecursionError):
        return {}
    return kept if isinstance(kept, dict) else {}


def _write(facts: dict[str, Any]) -> bool:
    """Puts the file in place; False where that cannot be done, and completion goes without it."""
    try:
        os.makedirs(os.path.dirname(_path()), exist_ok=True)
        paths.write_whole(_path(), lean.to_json(facts, ascii_only=True).encode())
    except OSError:
        return False
    return True


def _age() -> float:
    try:
        return time.time() - os.lstat(_path()).st_mtime
    except OSError:
        return _AGAIN + 1
