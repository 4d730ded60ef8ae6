"""For a command line that another machine's sesh has sent here: who asked, and what its terminal is like."""

from __future__ import annotations

import os

from sesh.errors import SeshError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.wire import Connection

VARIABLE = "SESH_FAR"
"""Carries the facts to a command that the bridge runs; no session's environment keeps it."""

_COMMANDS = r"(?:(?<=`)|(?<=: )|(?<=mean )|(?<=, or ))sesh(?=`| (?!@))"
"""`sesh …` where a message tells what to type."""
_LOCALE = ("LANG", "LC_ALL", "LC_CTYPE")


class Near:
    """The machine in front of which somebody sits, as it describes itself.

    `host`: this machine as the person named it. `home`: the home directory over there. `size`: columns, rows, width and
    height of the terminal, or zeros. `term`, `colorterm`: the terminal's kind, or None. `locale`: LANG and LC_*.
    """

    def __init__(self, told: dict[str, Any]) -> None:
        self.host = str(told.get("host") or "") or None
        self.home = str(told.get("home") or "")
        size = told.get("size")
        known = [each for each in size if isinstance(each, int)] if isinstance(size, list) else []
        self.size = (known[0], known[1], known[2], known[3]) if len(known) == 4 else (0, 0, 0, 0)
        self.term = str(told["term"])[:64] if told.get("term") else None
        self.colorterm = str(told["colorterm"])[:64] if told.get("colorterm") else None
        locale = told.get("locale")
        pairs = locale.items() if isinstance(locale, dict) else ()
        self.locale = {str(key): str(value)[:64] for key, value in pairs if str(key) == "LANG" or str(key)[:3] == "LC_"}

    def directory(self, word: str) -> str:
        """A directory as it is meant here: under the other home it is the same one under this home.

        The caller's shell has put its own home where `~` was written; a relative one is relative to this home.
        """
        home = os.path.expanduser("~")
        if self.home and (word == self.home or word.startswith(self.home.rstrip("/") + "/")):
            return os.path.join(home, os.path.relpath(word, self.home)) if word != self.home else home
        return os.path.join(home, word)

    def surroundings(self, environment: dict[str, str]) -> dict[str, str]:
        """This machine's environment with the other's locale, where it exists here, else C.UTF-8."""
        kept = {key: value for key, value in environment.items() if key != VARIABLE}
        if not self.locale:
            return kept
        kept = {key: value for key, value in kept.items() if key != "LANG" and key[:3] != "LC_"}
        for key, value in self.locale.items():
            if value and exists(value):
                kept[key] = value
            elif value and key == "LANG":
                kept[key] = "C.UTF-8"
        if not any(key in kept for key in _LOCALE):
            kept["LANG"] = "C.UTF-8"
        return kept


class Question(SeshError):
    """What only the person over there can decide: the `text`, the `answers` (letter and meaning), the `default` one."""

    def __init__(self, text: str, answers: Sequence[tuple[str, str]], default: str) -> None:
        super().__init__(text)
        self.text, self.answers, self.default = text, answers, default


class _Asked:
    """What this process knows of who asked, and the session that it found for them."""

    known = False
    near: Near | None = None
    handed: tuple[str, Connection] | None = None
    answers: list[str] | None = None
    entering = False
    number: str | None = None


def near() -> Near | None:
    """The machine that this command line came from; None where it was typed here."""
    if not _Asked.known:
        _Asked.known = True
        if told := os.environ.get(VARIABLE):
            import json

            try:
                values = json.loads(told)
            except ValueError:
                values = None
            _Asked.near = Near(values) if isinstance(values, dict) else None
    return _Asked.near


def use(told: dict[str, Any]) -> None:
    """Has the command lines of this process count as sent by the machine that describes itself so."""
    _Asked.near, _Asked.known = Near(told), True


def host() -> str | None:
    """This machine as the person named it who asked from elsewhere; None for a command line typed here."""
    asked = near()
    return asked.host if asked is not None else None


def exists(locale: str) -> bool:
    """Whether this machine has a locale; asked of the C library, the process's own locale left as it was."""
    if locale in ("C", "POSIX"):
        return True
    import locale as library

    before = library.setlocale(library.LC_CTYPE)
    try:
        library.setlocale(library.LC_CTYPE, locale)
    except library.Error:
        return False
    library.setlocale(library.LC_CTYPE, before)
    return True


def handed(connection: Connection, name: str) -> int:
    """Keeps a session that somebody elsewhere is to be attached to, for the bridge to take."""
    _Asked.handed = (name, connection)
    return 0


def taken() -> tuple[str, Connection] | None:
    """What was handed over, once."""
    found, _Asked.handed = _Asked.handed, None
    return found


def expect(answers: object, number: str | None = None) -> None:
    """The command line that comes now leads to a session.

    `answers`: what the person over there has answered so far, None where there is nobody who can be asked. `number`:
    the id that a session which it creates is to have, chosen over there to find it again.
    """
    _Asked.entering = True
    _Asked.number = number
    _Asked.answers = [str(answer)[:1] for answer in answers] if isinstance(answers, list) else None


def entering() -> bool:
    """Whether somebody over there is to be attached to the session that this command line leads to."""
    return _Asked.entering


def number() -> str | None:
    """The id for a session that this command line creates; None for any."""
    return _Asked.number


def asks() -> bool:
    """Whether there is somebody over there who can be asked."""
    return _Asked.answers is not None


def answer(text: str, answers: Sequence[tuple[str, str]], default: str) -> str:
    """The answer of the person over there. Raises Question, which leads to it, where there is none yet."""
    if _Asked.answers:
        return _Asked.answers.pop(0)
    raise Question(text, answers, default)


def worded(message: str, name: str | None = None) -> str:
    """A message of a sesh as it is right where the person sits: with the host in what is to be typed.

    `name`: the host that it came from; this machine, as the person named it, where none is given.
    """
    name = name or host()
    if not name:
        return message
    import re

    return re.sub(_COMMANDS, f"sesh @{name}", message)
