"""What programs want when they call a clipboard tool or a browser, and what they expect to hear.

A shim is called like a real tool. `parse` reads its words into a `Call`; for words that are not ours it says so, and
the next program of that name is run instead. The answers have the words, newlines and exit codes of the real tools
(xclip 0.13, xsel 1.2.0, wl-clipboard 2.1), since programs read those: what is on stderr tells them an empty clipboard
from a broken tool. Whatever the reason why nothing is delivered, a reader hears what an empty clipboard says.
"""

from __future__ import annotations

import getopt
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Optional

from sesh.desktop import targets
from sesh.desktop.install import BROWSERS
from sesh.desktop.targets import TEXT

_PAGE = re.compile(r"https?://", re.IGNORECASE)


class Act(Enum):
    """What a call wants."""

    LIST = "list"
    READ = "read"
    WRITE = "write"
    OPEN = "open"


@dataclass(frozen=True)
class Call:
    """A call of a shim.

    `tool`: its name. `primary`: it is about X11's other clipboard, which stays in the session. `target`: the type by
    the tool's name; `text` or `image` for any of these; empty for none. `text`: what to write; None for stdin, or for
    the `files`. `trims`: the last newline goes. `adds`: text gets a newline. `url`: what to open.
    """

    tool: str
    act: Act
    primary: bool = False
    target: str = ""
    text: Optional[bytes] = None
    files: tuple[str, ...] = ()
    trims: bool = False
    adds: bool = False
    url: str = ""

    def type_of(self, data: bytes) -> str:
        """Return the type of what is written."""
        if self.target in ("", "text", "image"):
            return targets.guess(data) if self.tool == "wl-copy" else TEXT
        return targets.mime(self.target)


@dataclass(frozen=True)
class Answer:
    """What a program hears: bytes on stdout, lines on stderr, the exit code."""

    out: bytes = b""
    error: str = ""
    code: int = 0


class _NotOurs(Exception):
    """The words are for another program."""


def parse(name: str, words: Sequence[str], *, stdin_is_terminal: bool = False) -> Optional[Call]:
    """Return what a call wants; None if the next program of that name is to be run."""
    try:
        return _PARSERS[name](name, list(words), stdin_is_terminal)
    except (_NotOurs, KeyError, getopt.GetoptError):
        return None


def _browser(tool: str, words: list[str], _: bool) -> Call:
    if len(words) != 1 or not _PAGE.match(words[0]):
        raise _NotOurs
    return Call(tool, Act.OPEN, url=words[0])


# -- xclip, whose options may be cut as long as they are unambiguous (XrmParseCommand)

_XCLIP = {
    "display": True, "filter": False, "help": False, "in": False, "loops": True, "noutf8": False, "out": False,
    "quiet": False, "rmlastnl": False, "selection": True, "silent": False, "target": True, "verbose": False,
    "version": False,
}  # fmt: skip
"""Each option, and whether it has a value."""
_XCLIP_IGNORED = frozenset(("loops", "quiet", "silent", "verbose"))


def _xclip(tool: str, words: list[str], _: bool) -> Call:
    options: dict[str, str] = {}
    files: list[str] = []
    while words:
        word = words.pop(0)
        found = [name for name in _XCLIP if len(word) > 1 and word[0] == "-" and name.startswith(word[1:])]
        if len(found) != 1:
            if word[:1] == "-":
                raise _NotOurs  # a file may be called so; a mistake is more likely, and the real one says what it is
            files.append(word)
            continue
        if _XCLIP[found[0]] and not words:
            raise _NotOurs
        options[found[0]] = words.pop(0) if _XCLIP[found[0]] else ""
    if not {*options} <= {"in", "out", "rmlastnl", "selection", "target"} | _XCLIP_IGNORED:
        raise _NotOurs
    selection = options.get("selection", "p")[:1].lower()
    if selection not in ("p", "c"):
        raise _NotOurs
    primary, target, trims = selection == "p", options.get("target", ""), "rmlastnl" in options
    if "out" not in options:
        if target == "TARGETS":
            raise _NotOurs
        return Call(tool, Act.WRITE, primary, target, files=tuple(files), trims=trims)
    if target == "TARGETS":
        return Call(tool, Act.LIST, primary, target)
    return Call(tool, Act.READ, primary, target or "UTF8_STRING", trims=trims)


# -- the others, whose options are GNU's: each long name with its letter; `=` behind a name that has a value

_XSEL = {
    "i": "input", "o": "output", "c": "clear", "p": "primary", "b": "clipboard", "n": "nodetach", "v": "verbose",
    "t": "selectionTimeout=",
}  # fmt: skip
_WL_COPY = {"o": "paste-once", "f": "foreground", "c": "clear", "p": "primary", "n": "trim-newline", "t": "type="}
_WL_PASTE = {"n": "no-newline", "l": "list-types", "p": "primary", "t": "type="}


def _options(words: list[str], letters: dict[str, str], *more: str) -> tuple[dict[str, str], list[str]]:
    """Return the options by their long names, and the words that are none. Raises GetoptError.

    `letters`: the long names by letter; `more`: those without one.
    """
    short = "".join(f"{letter}:" if name.endswith("=") else letter for letter, name in letters.items())
    pairs, rest = getopt.gnu_getopt(words, short, [*letters.values(), *more])
    named = {f"-{letter}": name.rstrip("=") for letter, name in letters.items()}
    return {named.get(option, option[2:]): value for option, value in pairs}, rest


def _xsel(tool: str, words: list[str], stdin_is_terminal: bool) -> Call:
    options, rest = _options(words, _XSEL)
    acts = [name for name in ("input", "output", "clear") if name in options]
    if rest or len(acts) > 1 or {"primary", "clipboard"} <= {*options}:
        raise _NotOurs
    primary = "clipboard" not in options
    act = acts[0] if acts else "output" if stdin_is_terminal else "input"
    if act == "output":
        return Call(tool, Act.READ, primary, "UTF8_STRING")
    return Call(tool, Act.WRITE, primary, text=b"" if act == "clear" else None)


def _wl_copy(tool: str, words: list[str], _: bool) -> Call:
    options, rest = _options(words, _WL_COPY, "sensitive")
    text = " ".join(rest).encode("utf-8", "surrogateescape") if rest else None
    text = b"" if "clear" in options else text
    target = options.get("type", "")
    return Call(tool, Act.WRITE, "primary" in options, target, text=text, trims="trim-newline" in options)


def _wl_paste(tool: str, words: list[str], _: bool) -> Call:
    options, rest = _options(words, _WL_PASTE)
    if rest:
        raise _NotOurs
    primary = "primary" in options
    if "list-types" in options:
        return Call(tool, Act.LIST, primary)
    return Call(tool, Act.READ, primary, options.get("type", ""), adds="no-newline" not in options)


def _lemonade(tool: str, words: list[str], _: bool) -> Call:
    if words == ["paste"]:
        return Call(tool, Act.READ, target=TEXT)
    if words[:1] == ["copy"] and len(words) <= 2 and not "".join(words[1:]).startswith("-"):
        text = words[1].encode("utf-8", "surrogateescape") if words[1:] else None
        return Call(tool, Act.WRITE, text=text)
    if words[:1] == ["open"]:
        return _browser(tool, words[1:], False)
    raise _NotOurs


def _pbcopy(tool: str, words: list[str], _: bool) -> Call:
    pairs = list(zip(words[::2], words[1::2]))
    if len(words) % 2 or any(pair not in (("-pboard", "general"), ("-Prefer", "txt")) for pair in pairs):
        raise _NotOurs
    if tool == "pbcopy":
        return Call(tool, Act.WRITE)
    return Call(tool, Act.READ, target=TEXT)


_PARSERS: dict[str, Callable[[str, list[str], bool], Call]] = {
    **dict.fromkeys(BROWSERS, _browser), "xclip": _xclip, "xsel": _xsel, "wl-copy": _wl_copy, "wl-paste": _wl_paste,
    "lemonade": _lemonade, "pbcopy": _pbcopy, "pbpaste": _pbcopy,
}  # fmt: skip


# -- the answers


def listed(call: Call, types: Sequence[str]) -> Answer:
    """Return the answer to LIST: the types that are there."""
    names = targets.names(types)
    if not names:
        return nothing(call)
    first = ["TARGETS"] if call.tool == "xclip" else []
    return Answer("".join(f"{name}\n" for name in [*first, *names]).encode())


def delivered(call: Call, type_: str, data: bytes) -> Answer:
    """Return the answer to READ: the content, of the type `type_`."""
    if call.tool in ("xsel", "pbpaste", "lemonade") and not targets.is_text(type_):
        return Answer()
    if call.trims and data.endswith(b"\n"):
        data = data[:-1]
    return Answer(data + b"\n" if call.adds and targets.is_text(type_) else data)


def nothing(call: Call, types: Sequence[str] = ()) -> Answer:
    """Return the answer to LIST and READ if nothing is delivered. `types`: what is there, and was not wanted."""
    if call.tool == "xclip":
        # Without -t the real one asks for UTF8_STRING, then for STRING.
        target = "STRING" if call.target == "UTF8_STRING" else call.target
        return Answer(error=f"Error: target {target} not available", code=1)
    if call.tool == "wl-paste":
        if not types:
            return Answer(error="Nothing is copied", code=1)
        if call.target in ("", "text", "image"):
            return Answer(error="No suitable type of content copied", code=1)
        advice = 'Use "wl-paste --list-types" to view available types.'
        error = f'Clipboard content is not available as requested type "{call.target}"\n{advice}'
        return Answer(error=error, code=1)
    return Answer()


def written(_: Call) -> Answer:
    """Return the answer to WRITE: all has been read, and is on the clipboard."""
    return Answer()


def not_written(call: Call) -> Answer:
    """Return the answer to WRITE if nobody takes it: what the tool says without a display."""
    words = {
        "xclip": "Error: Can't open display: (null)",
        "xsel": "xsel: Can't open display: (null)",
        "wl-copy": "Failed to connect to a Wayland server",
    }
    return Answer(error=words.get(call.tool, ""), code=1)


def not_opened(call: Call) -> Answer:
    """Return the answer to OPEN if no page is shown: the address.

    It succeeds, or the caller would try the next browser, which may be one that takes the person's screen.
    """
    return Answer(error=call.url)
