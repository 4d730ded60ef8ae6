"""The machine that an op is asked from over a link; its directories and locale as they hold on this one."""

from __future__ import annotations

import locale as library
import os

from sesh import check, paths, wording
from sesh.messages import Near

_LONGEST = 64
"""Characters of a variable, and of its value."""


class Origin:
    """The machine that an op is asked from over a link, as it describes itself in its HELLO.

    `host`: the person's name for this machine. `home`: the home directory there. `size`: columns, rows, width and
    height (pixels) of the person's terminal, or zeros. `term`, `colorterm`: the terminal's kind, or None. `locale`:
    LANG, LC_*.
    """

    def __init__(self, facts: object) -> None:
        """Take what the HELLO says, which may be anything; a malformed one says nothing."""
        near: Near = facts if check.fits(Near, facts) else {}  # type: ignore[assignment]  # it fits
        self.host = _value(near.get("host"), wording.LONGEST_LINE) or None
        self.home = near.get("home", "")
        size = near.get("size", [])
        self.size = (size[0], size[1], size[2], size[3]) if len(size) == 4 else (0, 0, 0, 0)
        self.term, self.colorterm = _value(near.get("term")) or None, _value(near.get("colorterm")) or None
        self.locale = {key: _value(value) for key, value in near.get("locale", {}).items() if _is_locale(key)}

    def directory(self, path: str) -> str:
        """Map a path under the person's home, which their shell writes for `~`, to this machine's home.

        A relative one is relative to this home.
        """
        home = paths.home()
        if self.home and (path == self.home or path.startswith(self.home.rstrip("/") + "/")):
            return os.path.normpath(os.path.join(home, os.path.relpath(path, self.home)))
        return os.path.join(home, path)

    def environment(self, variables: dict[str, str]) -> dict[str, str]:
        """Return this machine's environment with the person's locale if it exists here, else C.UTF-8."""
        if not self.locale:
            return dict(variables)
        adapted = {key: value for key, value in variables.items() if not _is_locale(key)}
        adapted |= {key: value for key, value in self.locale.items() if value and locale_exists(value)}
        adapted.setdefault("LANG", "C.UTF-8")
        return adapted


def _value(value: str | None, longest: int = _LONGEST) -> str:
    """Return text for the value of a variable; empty if it is not printable."""
    return value[:longest] if value and value.isprintable() else ""


def _is_locale(key: str) -> bool:
    return key == "LANG" or (key[:3] == "LC_" and key.isidentifier() and len(key) <= _LONGEST)


def locale_exists(locale: str) -> bool:
    """Return whether the C library has a locale; the process's own locale stays as it was."""
    before = library.setlocale(library.LC_CTYPE)
    try:
        library.setlocale(library.LC_CTYPE, locale)
    except library.Error:
        return False
    library.setlocale(library.LC_CTYPE, before)
    return True
