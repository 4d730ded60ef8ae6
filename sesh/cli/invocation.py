"""One command line being carried out: its words, its caller, and the machine that it is for."""

from __future__ import annotations

import os

from sesh.about import CALLED
from sesh.cli import printing
from sesh.errors import UsageError, for_host
from sesh.reach.caller import Caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.cli.parser import Line
    from sesh.reach.caller import Answers
    from sesh.reach.target import Target

_REMEMBERED = 3


class Person(Caller):
    """The caller at this command line: notes go to stderr, questions to the terminal.

    `host`: the one that commands in notes are to name.
    """

    ssh_prompts = None
    audience = printing.STDOUT

    def __init__(self, host: str | None = None, *, local: bool = False) -> None:
        self.host, self.local = host, local
        self._remembered: list[str] = []

    @property
    def can_ask(self) -> bool:  # type: ignore[override]
        """Whether stdin and stdout are terminals."""
        return printing.on_terminal()

    @property
    def watched(self) -> bool:  # type: ignore[override]
        """Whether stderr is a terminal."""
        return os.isatty(printing.STDERR)

    def note(self, line: str) -> None:
        """Prints a line on stderr."""
        printing.note(line, self.host)

    def remember(self, line: str) -> None:
        """Keeps a line for `greeting`."""
        line = for_host(line, None)
        self._remembered = [*(each for each in self._remembered if each != line), line][-_REMEMBERED:]

    @property
    def greeting(self) -> str:
        """What an attachment lays over its first screen, empty for nothing."""
        return "; ".join(self._remembered)

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """The letter that the person chooses; empty for none."""
        from sesh.cli.tui import console

        if above:
            printing.write(printing.encoded(f"{above}\x1b[m\n"), printing.STDERR)
        return console.ask(for_host(question, self.host), answers, default)


class Invocation:
    """What a verb's function gets beside its options.

    `hosts`: those that were named, groups resolved; `host`: the only one, None for this machine.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.json, self.tail, self.verb = line.json, line.tail, line.verb
        self.caller = Person(line.hosts[0] if len(line.hosts) == 1 else None, local=line.local)
        self.hosts = self.caller.settings().hosts_of(line.hosts) if line.hosts else []
        self.caller.host = self.host
        self.sought: str | None = None
        """The one session that the line names, as long as nobody knows where it is."""

    @property
    def host(self) -> str | None:
        """The host that the line is for; None for this machine, and where several are named."""
        return self.hosts[0] if len(self.hosts) == 1 else None

    @property
    def command(self) -> list[str] | None:
        """What to run, None for the user's shell."""
        return self.line.command

    @property
    def target(self) -> Target:
        """The machine that the line is for: where the session is that it names, if that is on a known remote.

        Raises NotFound, Refused where it may be on a host, and that cannot be known.
        """
        if self.sought is not None:
            name, self.sought = self.sought, None
            self._look_for(name)
        if self.host is None:
            from sesh.reach.target import Target

            return Target(self.caller)
        from sesh.reach.host_target import HostTarget

        return HostTarget(self.caller, self.host, offer=not self.json)

    def _look_for(self, name: str) -> None:
        """Has the line be for the known remote that has a session which is not here."""
        from sesh.reach import find

        if find.is_here(name, ended=self.verb == "--history"):
            return
        from sesh.ops import lookup

        host = lookup.host_of(self.caller, name, self.verb)
        if host is not None:
            self.at(host)

    def lead_to(self, host: str | None) -> None:
        """Has the line be for a host, or for this machine."""
        self.hosts, self.caller.host = ([host], host) if host is not None else ([], None)

    def at(self, host: str) -> None:
        """Has the line be for the host that has the session which it names: that is said in one line."""
        words = self.line.words
        printing.write(f"[{words[0]} on @{host}]\n".encode(), printing.STDERR)
        self.caller.remember(f"{words[0]} on @{host}")
        self.lead_to(host)

    def note(self, line: str) -> None:
        """One line of sesh's own on stderr; commands in it are written as `$sesh --verb`."""
        self.caller.note(line)

    def value(self, thing: object) -> int:
        """Prints one JSON value; 0."""
        printing.value(thing)
        return 0

    def session(self, name: str | None, verb: str) -> str:
        """The session that a line means: NAME, else the one that it is typed in. Raises UsageError, InvalidName."""
        from sesh.reach import find
        from sesh.store import listing

        if name is not None:
            return find.checked(name, verb)
        if self.host is not None:
            raise UsageError(f"no session given; write: {CALLED} @{self.host} {verb} NAME")
        return listing.required(verb)

    def done(self, **facts: object) -> int:
        """The end of a verb that only acts: `{"ok": true, …}` where JSON is wanted, else silence; 0."""
        if self.json:
            printing.value({"ok": True, **facts})
        return 0
