"""One command line being carried out: its words, its caller, and the machine that it is for."""

from __future__ import annotations

import os

from sesh.about import CALLED
from sesh.cli import printing
from sesh.errors import UsageError, for_host
from sesh.reach.caller import Caller

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.cli.parser import Line
    from sesh.reach.caller import Answers
    from sesh.reach.target import Target
    from sesh.schema import Spec

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
        """Print a line on stderr."""
        printing.note(line, self.host)

    def remember(self, line: str) -> None:
        """Keep a line for `greeting`."""
        line = for_host(line, None)
        self._remembered = [*(other for other in self._remembered if other != line), line][-_REMEMBERED:]

    @property
    def greeting(self) -> str:
        """The text over the first screen of an attachment, empty for none."""
        return "; ".join(self._remembered)

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """The letter that the person chooses; empty for none."""
        from sesh.cli.tui import console

        if above:
            printing.write(printing.encoded(f"{above}\x1b[m\n"), printing.STDERR)
        return console.ask(for_host(question, self.host), answers, default)


class Invocation:
    """The first argument of a verb's function, before its options.

    `hosts`: those that were named, groups resolved; `host`: the only one, None for this machine.
    """

    def __init__(self, line: Line) -> None:
        self.line = line
        self.json, self.tail, self.verb = line.json, line.tail, line.verb
        self.caller = Person(line.hosts[0] if len(line.hosts) == 1 else None, local=line.local)
        self.hosts = self.caller.settings().hosts_of(line.hosts) if line.hosts else []
        self.caller.host = self.host
        self.sought: str | None = None
        """The one session that the line names, until its machine is known."""

    @property
    def host(self) -> str | None:
        """The host that the line is for; None for this machine, and for several."""
        return self.hosts[0] if len(self.hosts) == 1 else None

    def at(self, host: str | None) -> None:
        """Make the line be for a host, or for this machine."""
        self.hosts, self.caller.host = ([host], host) if host is not None else ([], None)

    def look_for(self, name: str, *, creates: bool = False) -> None:
        """Make the line be for the known remote that has a session which is not here, and say so in a line.

        `creates`: the session is created if there is none. Raises NotFound, Refused if that cannot be known.
        """
        from sesh.reach import find

        if find.is_here(name, ended=self.verb == "--history"):
            return
        from sesh.remote import known

        if creates and not known.exist():
            return
        from sesh.ops import lookup

        host = lookup.host_of(self.caller, name, "" if creates else self.verb, creates=creates)
        if host is not None:
            printing.write(f"[{name} on @{host}]\n".encode(), printing.STDERR)
            self.caller.remember(f"{name} on @{host}")
            self.at(host)

    @property
    def target(self) -> Target:
        """The machine that the line is for; a known remote if that has the session which the line names.

        Raises NotFound, Refused if it may be on a host, and that cannot be known.
        """
        if self.sought is not None:
            name, self.sought = self.sought, None
            self.look_for(name)
        return self.target_of(self.host, offer=not self.json)

    def target_of(self, host: str | None, *, offer: bool = False) -> Target:
        """This machine or a host. `offer`: the person may be asked to install sesh there."""
        if host is None:
            from sesh.reach.target import Target

            return Target(self.caller)
        from sesh.reach.host_target import HostTarget

        return HostTarget(self.caller, host, offer=offer)

    def spec(self, directory: str | None, env: Sequence[str], label: Sequence[str]) -> Spec:
        """The description of a new session; its command stands behind `--`, None for the user's shell."""
        return {"directory": directory, "command": self.tail or None, "env": list(env), "label": list(label)}

    def note(self, line: str) -> None:
        """One line of sesh's own on stderr; commands in it are written as `$sesh --verb`."""
        self.caller.note(line)

    def value(self, thing: object) -> int:
        """Print one JSON value; 0."""
        printing.value(thing)
        return 0

    def session(self, name: str | None) -> str:
        """The session that a line means: NAME, else the one that it is typed in. Raises UsageError, InvalidName."""
        from sesh.reach import find
        from sesh.store import listing

        if name is not None:
            return find.checked(name, self.verb)
        if self.host is not None:
            raise UsageError(f"no session given; write: {CALLED} @{self.host} {self.verb} NAME")
        return listing.required(self.verb)

    def done(self, **facts: object) -> int:
        """The end of a verb that only acts: `{"ok": true, …}` if JSON is wanted, else silence; 0."""
        if self.json:
            printing.value({"ok": True, **facts})
        return 0
