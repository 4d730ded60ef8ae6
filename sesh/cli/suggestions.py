"""Suggestions for slips: a verb without its dashes, a command in the place of a directory."""

from __future__ import annotations

from sesh.cli.verbs import BY_NAME
from sesh.errors import UsageError
from sesh.names import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

_FOREIGN = {
    "ls": "--list", "ps": "--list", "rm": "--kill", "stop": "--kill", "create": "--new", "start": "--new",
    "connect": "--attach", "last": "-",
}  # fmt: skip
"""The verbs for words of other programs."""
_UNLIKELY = frozenset(("ls", "ps", "rm", "list", "help", "new", "kill", "attach", "connect", "last"))
"""Names that somebody who types them hardly wants for a session."""
_NAMELESS = ("--list", "--help", "--version", "--kill-all", "-")


def verb_like(name: str) -> str:
    """Return the verb that a name looks like, empty for none."""
    verb = f"--{name}"
    return verb if name and verb in BY_NAME else _FOREIGN.get(name, "")


def too_many(words: Sequence[str]) -> UsageError:
    """Return the error for more plain words than NAME and DIR."""
    if meant := verb_line(words[0], words[1:]):
        return UsageError(f"too many arguments; did you mean {meant}?")
    return UsageError(
        "too many arguments", hint=f"to run a command: $sesh {printable(words[0])} -- {_shown(words[1:])}"
    )


def verb_line(name: str, words: Sequence[str]) -> str:
    """Return the line that was probably meant by a verb without its dashes and further words; empty for other names."""
    verb = verb_like(name)
    if not verb:
        return ""
    return f"$sesh {verb}" if verb in _NAMELESS else f"$sesh {verb} {_shown(words)}"


def other_line(name: str) -> str:
    """Return the line that was probably meant by a session's name that looks like a verb; empty for other names."""
    verb = verb_like(name)
    if not verb or name not in _UNLIKELY:
        return ""
    return f"$sesh {verb}{'' if verb in (*_NAMELESS, '--new') else ' NAME'}"


def _shown(words: Sequence[str]) -> str:
    return " ".join(printable(word) for word in words)
