"""The machine that an op is asked from over a link, and what of it holds on this one: size, directory, locale."""

from __future__ import annotations

import os

from sesh import paths

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_LOCALE = ("LANG", "LC_ALL", "LC_CTYPE")


class Origin:
    """The machine that an op is asked from over a link, as it describes itself in its HELLO.

    `host`: this machine as the person named it. `home`: the home directory there. `size`: columns, rows, width and
    height of the person's terminal, or zeros. `term`, `colorterm`: the terminal's kind, or None. `locale`: LANG, LC_*.
    """

    def __init__(self, facts: dict[str, Any]) -> None:
        self.host = str(facts.get("host") or "") or None
        self.home = str(facts.get("home") or "")
        size = facts.get("size")
        known = [each for each in size if isinstance(each, int)] if isinstance(size, list) else []
        self.size = (known[0], known[1], known[2], known[3]) if len(known) == 4 else (0, 0, 0, 0)
        self.term = str(facts["term"])[:64] if facts.get("term") else None
        self.colorterm = str(facts["colorterm"])[:64] if facts.get("colorterm") else None
        locale = facts.get("locale")
        pairs = locale.items() if isinstance(locale, dict) else ()
        self.locale = {str(key): str(value)[:64] for key, value in pairs if str(key) == "LANG" or str(key)[:3] == "LC_"}

    def directory(self, word: str) -> str:
        """A directory as it is meant here: under the home there it is the same one under the home here.

        The person's shell has put its own home where `~` was written; a relative one is relative to this home.
        """
        home = paths.home()
        if self.home and (word == self.home or word.startswith(self.home.rstrip("/") + "/")):
            return os.path.join(home, os.path.relpath(word, self.home)) if word != self.home else home
        return os.path.join(home, word)

    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        """This machine's environment with the person's locale, where it exists here, else C.UTF-8."""
        if not self.locale:
            return dict(variables)
        kept = {key: value for key, value in variables.items() if key != "LANG" and key[:3] != "LC_"}
        for key, value in self.locale.items():
            if value and locale_exists(value):
                kept[key] = value
            elif value and key == "LANG":
                kept[key] = "C.UTF-8"
        if not any(key in kept for key in _LOCALE):
            kept["LANG"] = "C.UTF-8"
        return kept


def locale_exists(locale: str) -> bool:
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
