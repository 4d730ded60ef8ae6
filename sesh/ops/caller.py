"""Who asks for an op: where from, what their terminal is like, how they are spoken to.

A Caller is passed to every op. The plain one is a program that is told nothing and cannot be asked (the Python API);
the command line's prints notes and asks on the terminal; the bridge's carries both over the link.
"""

from __future__ import annotations

import os

from sesh.errors import SeshError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Any, TypeVar

    from sesh.config import Config

    Answers = Sequence[tuple[str, str]]
    Op = TypeVar("Op", bound=Callable[..., Any])

_LOCALE = ("LANG", "LC_ALL", "LC_CTYPE")
YES_NO = (("y", "Yes"), ("n", "No"))


def op(function: Op) -> Op:
    """Marks a function as an op: `(caller, **data) -> data`, which a host may be asked for by name (`target`)."""
    function.is_op = True  # type: ignore[attr-defined]
    return function


class Caller:
    """The one who asks. `local`: no remote is to be asked. `session_id`: the id for a session that the op creates."""

    origin: Origin | None = None
    """The machine that the question came from over a link; None for this one."""
    can_ask = False
    """Whether a person can be asked."""
    ssh_prompts: bool | None = False
    """Whether ssh may ask for a password; None where a person sits at the terminal."""
    watched = False
    """Whether a person sees at once what is noted."""
    local = False
    session_id: str | None = None
    _warned: frozenset[str] = frozenset()

    def note(self, line: str) -> None:
        """Tells the person something, in one line; commands in it are written as `$sesh --verb`."""

    def remember(self, line: str) -> None:
        """Keeps a line for the first screen of the session that is entered now: it covers what was noted."""

    def ask(self, question: str, answers: Answers, default: str) -> str:
        """The letter of the answer that the person chooses, empty where they choose none. Only where `can_ask`.

        `answers`: a small letter or digit and what it means, each. Raises Interrupted.
        """
        raise Question(question, answers, default)

    def agrees(self, question: str) -> bool:
        """Whether the person answers a question with yes; Enter means no."""
        return self.ask(question, YES_NO, "n") == "y"

    def entering(self, line: str) -> None:
        """Notes a line, and has it said again on the first screen of the session."""
        self.note(line)
        self.remember(line)

    def settings(self) -> Config:
        """The user's settings; what is wrong with their file is noted once, and the rest holds."""
        from sesh import config

        found = config.load()
        self.warn(found)
        return found

    def warn(self, settings: Config) -> None:
        """Notes what is wrong with the settings, once."""
        for warning in map(str, settings.warnings):
            if warning not in self._warned:
                self._warned |= {warning}
                self.note(warning)
                self.remember("config.toml has mistakes; `$sesh --doctor` shows them")


class Question(SeshError):
    """What only the person can decide: the `text`, the `answers` (letter and meaning), the `default` one."""

    def __init__(self, text: str, answers: Answers, default: str) -> None:
        super().__init__(text)
        self.text, self.answers, self.default = text, answers, default


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
        home = os.path.expanduser("~")
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
