"""Slips of the tongue: a verb without its dashes, a command where a directory belongs, a name with one letter wrong."""

from __future__ import annotations

import os

from sesh import paths
from sesh.cli import printing
from sesh.cli.parser import VERBS
from sesh.errors import Refused, UsageError
from sesh.names import differ_by_one, printable
from sesh.ops import create, find
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.wire import Connection

_LONG_ENOUGH = 4
_OTHERWISE = {"ls": "--list", "rm": "--kill", "ps": "--list", "create": "--new", "start": "--new", "stop": "--kill"}
_UNNAMED = ("--list", "--help", "--version", "--kill-all")


def verb_like(name: str) -> str:
    """The verb that a name looks like, empty where it looks like none."""
    verb = f"--{name}"
    return verb if verb in VERBS else _OTHERWISE.get(name, "")


def check_words(words: Sequence[str]) -> None:
    """Raises UsageError where there are more plain words than NAME and DIR."""
    if len(words) <= 2:
        return
    if verb := verb_like(words[0]):
        raise UsageError(f"too many words; did you mean {_meant(verb, words[1:])}?")
    raise UsageError("too many words", hint=f"to run a command: $sesh {printable(words[0])} -- {_shown(words[1:])}")


def check_directory(name: str, directory: str | None) -> None:
    """Raises Refused, with the words that were meant, where a new session's DIR is not there."""
    place = create.meant(directory or "")
    if not directory or os.path.isdir(place.replace("\0", "/")):
        return
    if verb := verb_like(name):
        raise Refused(f"{create.no_directory(place)}; did you mean {_meant(verb, [directory])}?")
    raise Refused(f"{create.no_directory(place)}", hint=f"to run a command: $sesh {name} -- {printable(directory)}")


def _meant(verb: str, words: Sequence[str]) -> str:
    """The command line that was probably meant."""
    return f"sesh {verb}" if verb in _UNNAMED else f"sesh {verb} {_shown(words)}"


def _shown(words: Sequence[str]) -> str:
    return " ".join(printable(word) for word in words)


def hint(name: str) -> None:
    """A line for who creates a session that is named like a verb."""
    if verb := verb_like(name):
        meaning = {"--list": "to list sessions", "--help": "for help", "--version": "for the version"}
        placed = "" if verb in _UNNAMED else " NAME" if verb != "--new" else ""
        printing.entering(f"a new session named {name}; {meaning.get(verb, 'for the verb')}: sesh {verb}{placed}")


def near(name: str) -> tuple[str, Connection | None]:
    """The name to use for one that is new, and a connection where it is another one that runs.

    Asks only on a terminal, and only for names of four letters or more that differ by one. Raises Refused where the
    person declines.
    """
    if len(name) < _LONG_ENOUGH or not printing.can_ask():
        return name, None
    for other in paths.names():
        if not differ_by_one(name, other):
            continue
        summary = listing.unanswered(other)
        if summary is None or summary["state"] != "running" or "machine" in summary:
            continue
        from sesh.cli import prompts

        answers = (("a", f"Attach to {other}"), ("c", f"Create {name}"))
        answer = prompts.ask(f"there is {other}; attach to it, or create {name}?", answers, "a")
        if not answer:
            raise Refused("nothing was done")
        return (other, find.required(other)) if answer == "a" else (name, None)
    return name, None
