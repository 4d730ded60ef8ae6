"""Suggestions for slips: a verb without its dashes, a command in the place of a directory."""

from __future__ import annotations

from sesh.cli.verbs import BY_NAME
from sesh.errors import UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_OTHERWISE = {
    "ls": "--list", "ps": "--list", "rm": "--kill", "stop": "--kill", "create": "--new", "start": "--new",
    "connect": "--attach", "last": "-",
}  # fmt: skip
"""The words of other programs."""
_UNLIKELY = frozenset(("ls", "ps", "rm", "list", "help", "new", "kill", "attach", "connect", "last"))
"""Names that somebody who types them hardly wants for a session."""
_NAMELESS = ("--list", "--help", "--version", "--kill-all", "-")


def verb_like(name: str) -> str:
    """The verb that a name looks like, empty if it looks like none."""
    verb = f"--{name}"
    return verb if name and verb in BY_NAME else _OTHERWISE.get(name, "")


def check_words(words: Sequence[str]) -> None:
    """Raise UsageError for more plain words than NAME and DIR."""
    if meant := verb_line(words[0], words[1:]):
        raise UsageError(f"too many arguments; did you mean {meant}?")
    raise UsageError("too many arguments", hint=f"to run a command: $sesh {printable(words[0])} -- {_shown(words[1:])}")


def verb_line(name: str, words: Sequence[str]) -> str:
    """The command line that was probably meant by a name that looks like a verb, and further words; empty for none."""
    verb = verb_like(name)
    if not verb:
        return ""
    return f"$sesh {verb}" if verb in _NAMELESS else f"$sesh {verb} {_shown(words)}"


def other_line(name: str) -> str:
    """The line that was probably meant by a session's name that looks like a verb; empty for any other."""
    verb = verb_like(name)
    if not verb or name not in _UNLIKELY:
        return ""
    return f"$sesh {verb}{'' if verb in (*_NAMELESS, '--new') else ' NAME'}"


def _shown(words: Sequence[str]) -> str:
    return " ".join(printable(word) for word in words)
