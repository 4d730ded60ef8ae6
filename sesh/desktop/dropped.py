r"""Find the paths in what a terminal pastes for files that are dropped on it.

Each terminal has a form of its own. Several files are on lines of their own, or have a space between them; a space or
a line end may follow the last one.

| terminal | form |
|---|---|
| kitty, Alacritty, VS Code, Terminal.app | the plain path, blanks too |
| Ghostty, iTerm2 | backslashes before what a shell would take for its own |
| GNOME Terminal, Konsole, VS Code, kitty at a prompt | `'…'`, with `'\''` for a quote |
| WezTerm | a backslash before blanks alone |
| Windows Terminal, WezTerm on Windows | `"…"`, or `C:\…` as it is |
| file managers that paste | `file://…%20…` |

A text may be read in several ways: which of them was meant, the files that exist tell.
"""

from __future__ import annotations

import os
import re
from typing import Optional
from urllib.parse import unquote_to_bytes

from sesh.wire.messages import MAX_PATHS

_MAX_PATH = 4096  # bytes
_LINE_END = re.compile("\r\n|\r|\n")
_LAST_BLANK = re.compile(r"((?<!\\)(?:\\\\)*) \Z")  # one that no backslash quotes
_CONTROL = re.compile("[\x00-\x09\x0b\x0c\x0e-\x1f\x7f]")  # all but line ends
_BEGINNING = re.compile(r"""['"]?(?:/|file:/|[a-z]:[\\/])""", re.IGNORECASE)
_BEGUN = re.compile(r"""['"]?(?:f(?:i(?:le?)?)?:?|[a-z]:?)?""", re.IGNORECASE)  # may become a beginning
_WORD = re.compile(r"""(?:'[^']*'|"(?:[^"\\]|\\.)*"|\\.|[^ '"\\])+""")
_QUOTED = re.compile(r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*)"|\\(?P<escaped>.)""")
_ESCAPED = re.compile(r"""\\(["\\$`])""")  # within double quotes, all that a backslash quotes
_SPACED = re.compile(r"""'[^']*'|"[^"]*"|(?:\\ |[^ '"])(?:\\ |[^ ])*""")
_NEXT_PATH = re.compile(r" (?=/|file:/|[a-z]:[\\/])", re.IGNORECASE)
_DRIVE = re.compile(r"([A-Za-z]):[\\/]")
_FILE_URI = re.compile(r"file:(?://(?P<host>[^/]*))?(?P<path>/.*)", re.IGNORECASE)

Paths = list[str]


def may_begin(pasted: bytes) -> bool:
    """Return whether the beginning of a paste may become paths alone."""
    text = os.fsdecode(pasted)
    if _CONTROL.search(text):
        return False
    *whole, last = _lines(text)
    if len(whole) > MAX_PATHS or not all(map(_BEGINNING.match, whole)):
        return False
    return bool(_BEGINNING.match(last) or _BEGUN.fullmatch(last))


def readings(pasted: bytes) -> list[Paths]:
    """Return the lists of paths that a paste may stand for, the likeliest first; none if it is anything else."""
    text = os.fsdecode(pasted)
    lines = _lines(text)
    while lines and not lines[-1]:
        del lines[-1]
    lines = [_LAST_BLANK.sub(r"\1", line) for line in lines]
    if not lines or len(lines) > MAX_PATHS or _CONTROL.search(text) or not all(map(_BEGINNING.match, lines)):
        return []
    found: list[Paths] = []
    for read in (_as_lines, _as_words, _as_spaced, _as_several):
        words = read(lines)
        paths = None if words is None or len(words) > MAX_PATHS else [*map(_path, words)]
        if paths and all(paths) and paths not in found:
            found.append([path for path in paths if path])
    return found


def _lines(text: str) -> list[str]:
    return _LINE_END.split(text)


def _as_lines(lines: list[str]) -> list[str]:
    """Read each line as a plain path."""
    return lines


def _as_words(lines: list[str]) -> Optional[list[str]]:
    """Read words as a shell does; None if a quotation has no end."""
    words = _words(_WORD, lines)
    return None if words is None else [_QUOTED.sub(_unquoted, word) for word in words]


def _words(word: re.Pattern[str], lines: list[str]) -> Optional[list[str]]:
    """Return the words of lines; None if there is more than words and blanks."""
    if any(word.sub("", line).strip(" ") for line in lines):
        return None
    return [each for line in lines for each in word.findall(line)]


def _unquoted(match: re.Match[str]) -> str:
    if match["double"] is not None:
        return _ESCAPED.sub(r"\1", match["double"])
    return match["single"] if match["single"] is not None else match["escaped"]


def _as_spaced(lines: list[str]) -> Optional[list[str]]:
    """Read words in which only a blank has a backslash, or which are between quotes as they are."""
    words = _words(_SPACED, lines)
    return words and [word[1:-1] if word[0] in "'\"" else word.replace("\\ ", " ") for word in words]


def _as_several(lines: list[str]) -> list[str]:
    """Read several plain paths on a line, each with blanks."""
    return [word for line in lines for word in _NEXT_PATH.split(line)]


def _path(word: str) -> str:
    """Return the path that a word stands for on this machine; empty if it stands for none."""
    if (uri := _FILE_URI.fullmatch(word)) is not None:
        word = os.fsdecode(unquote_to_bytes(os.fsencode(uri["path"]))) if _is_here(uri["host"]) else ""
    elif (drive := _DRIVE.match(word)) is not None:  # in WSL, Windows' files are below /mnt
        word = f"/mnt/{drive[1].lower()}/" + word[drive.end() :].replace("\\", "/")
    is_path = word.startswith("/") and "\0" not in word and len(os.fsencode(word)) <= _MAX_PATH
    return word if is_path else ""


def _is_here(host: str | None) -> bool:
    return (host or "").lower() in ("", "localhost", os.uname().nodename.lower())
