"""The machine that opened the link: map its directories and locale to this machine."""

from __future__ import annotations

import locale as library
import os
from contextlib import suppress

from sesh.errors import ProtocolError
from sesh.names import is_locale
from sesh.schema.facts import TerminalSettings
from sesh.system import paths
from sesh.text import safe
from sesh.wire.messages import OriginFacts


class Origin:
    """The machine that opened the link, as its HELLO describes it.

    `host`: the person's name for this machine. `home`: that machine's home directory. `size`: columns, rows, width and
    height (pixels) of the person's terminal, or zeros. `term`, `colorterm`: the terminal's type, or None. `locale`:
    LANG, LC_*. `opens_pages`: that machine has a desktop that shows pages. `terminal`: the terminal's settings, if any.
    `set_by_ssh`: the variables that the login has by the person's ssh_config.
    """

    def __init__(self, facts: object) -> None:
        """Parse `origin` of a HELLO; ignore it if it is malformed."""
        known: OriginFacts = {}
        with suppress(ProtocolError):
            known = safe.checked_from_host(OriginFacts, facts, "origin")
        self.host = known.get("host") or None
        self.home = known.get("home", "")
        self.size = known.get("size", (0, 0, 0, 0))
        self.term = known.get("term") or None
        self.colorterm = known.get("colorterm") or None
        self.opens_pages = known.get("opens_pages", False)
        self.terminal: TerminalSettings = known.get("terminal", {})
        self.set_by_ssh = {*known.get("set_by_ssh", ())}
        self.locale = {key: value for key, value in known.get("locale", {}).items() if self._carries(key)}

    def directory(self, path: str) -> str:
        """Map a path below the other machine's home to this machine's home.

        Its shell has expanded `~`. A relative path is relative to this machine's home; any other path stays as it is.
        """
        home = paths.home()
        if self.home and (path == self.home or path.startswith(self.home.rstrip("/") + "/")):
            return os.path.normpath(os.path.join(home, os.path.relpath(path, self.home)))
        return os.path.join(home, path)

    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        """Return the environment with the person's terminal, and locale, or C.UTF-8 where that is missing."""
        adapted = {**variables, "TERM": self.term or ""}
        if self.colorterm is not None and "COLORTERM" not in self.set_by_ssh:
            adapted["COLORTERM"] = self.colorterm
        if not self.locale:
            return adapted
        adapted = {key: value for key, value in adapted.items() if not self._carries(key)}
        adapted |= {key: value for key, value in self.locale.items() if value and locale_exists(value)}
        if self._carries("LANG"):
            adapted.setdefault("LANG", "C.UTF-8")
        return adapted

    def _carries(self, key: str) -> bool:
        """Return whether a variable is of the locale that the link carries."""
        return is_locale(key) and key not in self.set_by_ssh


def locale_exists(locale: str) -> bool:
    """Return whether the C library has a locale; restore the process's own."""
    before = library.setlocale(library.LC_CTYPE)
    try:
        library.setlocale(library.LC_CTYPE, locale)
    except library.Error:
        return False
    library.setlocale(library.LC_CTYPE, before)
    return True
