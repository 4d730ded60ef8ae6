"""One command line being carried out: its words, its caller, and its target."""

from __future__ import annotations

import os
import termios
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext

from sesh import bounds, errors, paths, reach, system
from sesh.about import CALLED, SESH
from sesh.cli import printing, slips
from sesh.cli.parser import CommandLine
from sesh.cli.waiting import WaitingLine
from sesh.errors import NotFound, Refused, SeshError, UsageError, for_host
from sesh.names import LONG_ENOUGH
from sesh.ops import lookup
from sesh.reach import find
from sesh.reach.caller import NOTHING, Answers, Caller
from sesh.reach.target import Target
from sesh.schema import ErrorFacts, Spec
from sesh.store import listing, results
from sesh.tui import question as questions

_REMEMBERED = 3
"""Lines of a greeting."""
_CHANGES = {
    "--kill": "End it?",
    "--rename": "Rename it?",
    "--send": "Type into it?",
    "--detach": "Detach its clients?",
    "--label": "Label it?",
    "--resume-with": "Change how it is started again?",
}
"""The verbs that change a session, each with the question before it does so to one that was found elsewhere."""
_OF_ENDED = ("--logs", "--screen", "--status", "--wait", "--history")
"""The verbs that read the result of a job that has ended; no other machine than the one where it ran has it."""

_NUMBERED = ("--logs", "--history")
"""The verbs of NAME and a number behind it."""


class Invocation(Caller):
    """The first argument of a verb's function, before its options; the caller of the ops that it uses.

    Notes go to stderr, questions to the terminal. `hosts`: the named ones, groups resolved.
    """

    ssh_prompts = None
    audience = printing.STDOUT

    def __init__(self, line: CommandLine) -> None:
        self.line = line
        self.json, self.tail, self.verb, self.local = line.json, line.tail, line.verb, line.local
        self._remembered: list[str] = []
        self._waiting: WaitingLine | None = None
        self.hosts = line.hosts  # a note about the settings names the host too
        if line.hosts:
            self.hosts = self.settings().hosts_of(line.hosts)
        self._questioned = False
        self.sure = False
        """True if the line says `-y`: nothing is asked before sessions end."""
        self.branched = self.overseen = False
        """True in a child for one of several hosts; and if a person sees the notes of that."""
        self.sought: str | None = None
        """The one session that the line names, until `target` has looked for it."""
        self._looked = False
        """True once `target` has looked for it on known remotes."""
        self.meant = ""
        """The hint of the error that there is no such session, if a known remote has one of a similar name."""

    @property
    def can_ask(self) -> bool:  # type: ignore[override]
        """True if stdin and stdout are terminals."""
        return printing.on_terminal()

    @property
    def watched(self) -> bool:  # type: ignore[override]
        """True if stderr is a terminal."""
        return os.isatty(printing.STDERR)

    @property
    def hears_questions(self) -> bool:  # type: ignore[override]
        """True if a person sees notes at once, or one of several hosts' jobs runs for such a person; or if input waits
        that the command does not get."""
        return self.watched or self.overseen or self.piped

    @property
    def piped(self) -> bool:  # type: ignore[override]
        """True if stdin is a pipe in which bytes wait, and notes are wanted."""
        if self.json or not printing.from_pipe():
            return False
        return system.unread(0) > 0

    def tell_link(self, line: str) -> None:
        """Print what became of a link, the host's name once."""
        self.note(line.replace(f" to @{self.host}", "", 1) if self.branched else line)
        self._hand_over()

    def tell_question(self, name: str, question: str, feeding: str, *, passing: bool = False) -> None:
        """Print what a command asks; an empty line has the process that gathers notes of several hosts print it now."""
        self._questioned = True
        super().tell_question(name, question, feeding, passing=passing and self.watched)
        self._hand_over()

    def _hand_over(self) -> None:
        """Have the process that gathers notes of several hosts print the last one now: an empty line does that."""
        if self.branched:
            printing.write(b"\n", printing.STDERR)

    def drop_misdirected(self) -> None:
        """Drop what was typed at this terminal, which a command that asked did not get: no shell is to run it."""
        if not self._questioned or not os.isatty(0):
            return
        try:
            if os.tcgetpgrp(0) != os.getpgrp():
                return  # in the background it would stop this process
            typed = system.unread(0)
            termios.tcflush(0, termios.TCIFLUSH)
        except (OSError, termios.error):
            return  # the terminal has gone
        if typed:
            self.note("what was typed here meanwhile was dropped: the command did not get it")

    def note(self, line: str) -> None:
        """Print one line of sesh's own on stderr; commands in it are written as `{SESH} --verb`."""
        self.status("")
        printing.note(line, self.host)

    def heard(self, line: str) -> None:
        """Show a person what ssh says while it connects."""
        if self.watched and not self.json:
            self.status("")
            printing.said(line)

    def status(self, line: str) -> None:
        """Show a person what is waited for; a terminal that cannot move its cursor keeps the line."""
        if not line and self._waiting is not None:
            self._waiting.clear()
        elif line and self.watched and not self.json:
            if printing.dumb():
                self.note(line)
            else:
                self._line().show(for_host(line, self.host))

    def connecting(self, host: str) -> AbstractContextManager[None]:
        """Return a block in which a person who waits for a host is told so."""
        if not self.watched or self.json or printing.dumb():
            return nullcontext()
        return self._line().connecting(host)

    def _line(self) -> WaitingLine:
        if self._waiting is None:
            self._waiting = WaitingLine()
        return self._waiting

    def remember(self, line: str) -> None:
        """Keep a line for `greeting`; only the last ones are kept."""
        line = for_host(line, None)
        self._remembered = [*(other for other in self._remembered if other != line), line][-_REMEMBERED:]

    @property
    def greeting(self) -> str:
        """The text over the first screen of an attachment; empty for none."""
        return "; ".join(self._remembered)

    def ask(self, question: str, answers: Answers, default: str, above: str = "") -> str:
        """Ask the person; return the letter of the answer, empty for none."""
        self.status("")
        if above:
            printing.write(printing.encoded(f"{above}\x1b[m\n"), printing.STDERR)
        answers = [(letter, for_host(meaning, self.host)) for letter, meaning in answers]
        return questions.ask(for_host(question, self.host), answers, default, dumb=printing.dumb())

    @property
    def host(self) -> str | None:
        """The only host of the line; None for this machine, and for several hosts."""
        return self.hosts[0] if len(self.hosts) == 1 else None

    def set_host(self, host: str | None) -> None:
        """Set the target of the line: a host, None for this machine."""
        self.hosts = [host] if host is not None else []

    def look_for(self, name: str, *, creates: bool = False, described: bool = False) -> str:
        """Set the target to the known remote that has the session, unless it is here; print the remote's name.

        `creates`: the session is created if there is none, unless the person meant one there whose name is returned
        then; `described`: with a DIR or CMD. Raises NotFound, and Refused if that cannot be known.
        """
        if find.is_here(name, ended=self.verb == "--history"):
            return name
        if creates and not paths.knows_remotes():
            return name
        verb, brief = "" if creates else self.verb, self.verb not in _CHANGES
        host = lookup.host_of(self, name, verb, creates=creates, described=described, brief=brief)
        if host:
            self.found(name, host)
            self.remember(f"{name} on @{host}")
            self.set_host(host)
        elif creates:
            if host is None and self.can_ask and len(name) >= LONG_ENOUGH and not described:
                return self._near_elsewhere(name)
        else:
            if results.newest(name) is not None:
                return name  # it ended here
            if near_one := lookup.near_elsewhere(self, name):
                self.meant = f"did you mean {near_one[0]} on @{near_one[1]}?"
            elif self.verb in _OF_ENDED:
                self.meant = lookup.ended_elsewhere(self, name, self.verb)
        return name

    def _near_elsewhere(self, name: str) -> str:
        """Return the name of the session of a known remote that the person meant by a new name, and set the target to
        that remote; else the name itself. Raises Refused if they decline."""
        if (meant := lookup.near_elsewhere(self, name, running=True)) is None:
            return name
        other, host = meant
        answers = (("a", f"Attach to {other}"), ("c", f"Create {name}"), NOTHING)
        answer = self.ask(f"{other} runs on @{host}; attach to it, or create {name} here?", answers, "a")
        if answer not in ("a", "c"):
            raise Refused("nothing was done")
        if answer != "a":
            return name
        self.set_host(host)
        return other

    def elsewhere(self, failed: dict[str, SeshError], act: Callable[[Target, str], Mapping[str, ErrorFacts]]) -> None:
        """Call `act` for each of several sessions that is not here but on a known remote; those leave `failed`.

        `failed`: errors by the sessions' names; `act` returns such. A single session was looked for before.
        """
        absent = [name for name, error in failed.items() if isinstance(error, NotFound)]
        if not absent or self.hosts or self._looked:
            return
        places = lookup.located(self, absent)
        lookup.note_unknown(self, places.values())
        for name, whereabouts in places.items():
            try:
                if (host := whereabouts.chosen(self, self.verb)) is None:
                    continue
                self.found(name, host)
                for facts in act(self.target_of(host), name).values():
                    raise errors.rebuild(facts)
            except SeshError as error:
                failed[name] = error
            else:
                del failed[name]

    def found(self, name: str, host: str) -> None:
        """Print where a session was found; on a terminal ask before the verb changes it there. Raises Refused."""
        question = _CHANGES.get(self.verb)
        if question is None or self.sure or self.json or not self.can_ask:
            printing.write(f"[{name} on @{host}]\n".encode(), printing.STDERR)
        elif not self.agrees(f"{name} runs on @{host}. {question}"):
            raise Refused("nothing was done")

    def explain(self, error: SeshError) -> None:
        """Give an error its host, and as its hint what was probably meant, as far as known remotes tell."""
        error.host = error.host or self.host
        if isinstance(error, NotFound) and (named := self._named()):
            error.hint = f"write: {named}"
        elif isinstance(error, NotFound) and self.meant:
            error.hint = self.meant
        elif self.verb in ("--open", "--new") and isinstance(error, Refused):
            slips.propose_command(error, self.line)

    def _named(self) -> str:
        """Return the line with the session it is typed in before N, if the line has only N; else empty."""
        plain = [word for word in self.line.words if word[:1] != "-"]
        if self.verb not in _NUMBERED or self.hosts or len(plain) != 1:
            return ""
        current = listing.current() if bounds.is_decimal(plain[0]) else None
        return " ".join([SESH, self.verb, str(current["name"]), *self.line.words]) if current is not None else ""

    @property
    def target(self) -> Target:
        """The target of the line. The first use looks for the session of the line, on known remotes too.

        Raises NotFound, and Refused if the session may be on a host that cannot be asked.
        """
        if self.sought is not None:
            name, self.sought, self._looked = self.sought, None, True
            self.look_for(name)
        return self.target_of(self.host, offer=not self.json)

    def target_of(self, host: str | None, *, offer: bool = False) -> Target:
        """Return the target for a host, None for this machine. `offer`: ask the person to install a missing sesh."""
        return reach.target_of(self, host, offer=offer)

    def spec(self, directory: str | None, env: Sequence[str], label: Sequence[str], size: str | None = None) -> Spec:
        """Return the description of a new session: its command stands behind `--`, None for the user's shell."""
        spec: Spec = {"directory": directory, "command": self.tail or None, "env": list(env), "label": list(label)}
        if size is not None:
            spec["size"] = size
        return spec

    def value(self, thing: object) -> int:
        """Print one JSON value; return 0."""
        printing.value(thing)
        return 0

    def session(self, name: str | None) -> str:
        """Return the session that the line means: NAME, else the one it is typed in. Raises UsageError, InvalidName."""
        if name is not None:
            return find.checked(name, self.verb)
        if self.host is not None:
            raise UsageError(f"no session given; write: {CALLED} @{self.host} {self.verb} NAME")
        return listing.required(self.verb)

    def done(self, **facts: object) -> int:
        """End a verb that only acts: print `{"ok": true, …}` if JSON is wanted, else nothing; return 0."""
        if self.json:
            printing.value({"ok": True, **facts})
        return 0
