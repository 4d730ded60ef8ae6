"""For a command line that another machine's sesh has sent here: who asked, and what its terminal is like."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.wire import Connection

VARIABLE = "SESH_FAR"
"""Carries the facts to a command that the bridge runs; no session's environment keeps it."""

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
        if not any(key in kept for key in _LOCALE):
            kept["LANG"] = "C.UTF-8"
        return kept


class _Asked:
    """What this process knows of who asked, and the session that it found for them."""

    known = False
    near: Near | None = None
    handed: tuple[str, Connection] | None = None


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
