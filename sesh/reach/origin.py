"""The machine that opened the link: map its directories and locale to this machine."""

from __future__ import annotations

import locale as library
import os
from contextlib import suppress

from sesh.errors import ProtocolError
from sesh.schema.facts import TerminalSettings
from sesh.system import paths
from sesh.text import safe
from sesh.wire.messages import OriginFacts


class Origin:
    """The machine that opened the link, as its HELLO describes it.

    `host`: the person's name for this machine. `home`: that machine's home directory. `size`: columns, rows, width and
    height (pixels) of the person's terminal, or zeros. `term`, `colorterm`: the terminal's type, or None. `locale`:
    LANG, LC_*. `opens_pages`: that machine has a desktop that shows pages. `terminal`: the terminal's settings, if any.
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
        self.locale = {key: value for key, value in known.get("locale", {}).items() if _is_locale(key)}

    def directory(self, path: str) -> str:
        """Map a path below the other machine's home to this machine's home.

        Its shell has expanded `~`. A relative path is relative to this machine's home; any other path stays as it is.
        """
        home = paths.home()
        if self.home and (path == self.home or path.startswith(self.home.rstrip("/") + "/")):
            return os.path.normpath(os.path.join(home, os.path.relpath(path, self.home)))
        return os.path.join(home, path)

    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        """Return the environment with the person's locale, or C.UTF-8 if this machine lacks that locale."""
        if not self.locale:
            return dict(variables)
        adapted = {key: value for key, value in variables.items() if not _is_locale(key)}
        adapted |= {key: value for key, value in self.locale.items() if value and locale_exists(value)}
        adapted.setdefault("LANG", "C.UTF-8")
        return adapted


def _is_locale(key: str) -> bool:
    return key == "LANG" or (key[:3] == "LC_" and key.isidentifier())


def locale_exists(locale: str) -> bool:
    """Return whether the C library has a locale; restore the process's own."""
    before = library.setlocale(library.LC_CTYPE)
    try:
        library.setlocale(library.LC_CTYPE, locale)
    except library.Error:
        return False
    library.setlocale(library.LC_CTYPE, before)
    return True
