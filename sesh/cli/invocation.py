"""A command line while it executes: its words, and the machines of its sessions."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

from sesh import reach
from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.line import CommandLine
from sesh.cli.person import PersonCaller
from sesh.cli.printing import Output
from sesh.cli.render import Failure, failures_of
from sesh.cli.verbs import GO, find_verb
from sesh.errors import ErrorFacts, Interrupted, NotDeployed, Refused, SeshError, UsageError, for_host
from sesh.names import check_host, is_decimal
from sesh.reach import find
from sesh.reach.caller import YES_NO
from sesh.reach.target import Target
from sesh.store import listing
from sesh.system.workers import Stop
from sesh.text.describe import shell_word

Act = Callable[[Target, list[str]], Mapping[str, ErrorFacts]]  # acts on sessions of a machine; returns its failures


class Invocation(PersonCaller):
    """A command line while it executes: the caller of its ops, which finds sessions.

    `line`: the command line, with the hosts of its groups. A verb reaches machines by `line_target` if it takes no
    name, by `find_target` for one session, by `on_each` for several, and by `fanout` for several hosts at once.
    `stdin`: the descriptor of its standard input.
    """

    def __init__(self, line: CommandLine, out: Output | None = None) -> None:
        super().__init__(out or Output(json=line.json), line.host)
        self.line = line
        self.local = line.local
        self.stop = Stop()
        self.stdin = 0
        if hosts := [check_host(host) for host in line.hosts]:
            self.line = replace(line, hosts=self.settings().hosts_of(hosts))
            self.host = self.line.host

    @property
    def line_target(self) -> Target:
        """The host of the line; else this machine."""
        return self.target_of(self.line.host)

    def target_of(self, host: str | None) -> Target:
        """Return the target for a host, None for this machine."""
        return reach.target_of(self, host)

    def agrees_to_install(self, missing: NotDeployed) -> bool:
        """Ask whether to install sesh on the line's host, unless it was reached."""
        asks = missing.host in (None, self.line.host) and self.can_answer and not (self.line.json or self.has_reached)
        return asks and self.ask(f"@{self.line.host} has no sesh; deploy it there?", YES_NO, "y") == "y"

    def search(
        self, names: Sequence[str], *, creates: bool = False, safely: bool = False
    ) -> dict[str, str | SeshError | None]:
        """Search for sessions; return the host of each, None for this machine, or the error.

        All sessions are on the host that the line names. If the line names none, this machine comes before the known
        remotes. `creates`: the line creates a session that no machine has. `safely`: Enter chooses none of several.
        """
        hosts: dict[str, str | SeshError | None] = dict.fromkeys(names, self.line.host)
        absent = [name for name in hosts if not find.exists(name)] if self.line.host is None else []
        if absent:
            from sesh.ops import lookup  # noqa: PLC0415 - a session here does without known remotes

            to_write = partial(self._line_for, names)
            hosts |= lookup.locate(self, absent, to_write, creates=creates, safely=safely)
        return hosts

    def _line_for(self, names: Sequence[str], name: str) -> str:
        """Return this line, without hosts, for one of its names: an error tells to write it behind a host.

        Who names the machine is not asked, so -y has nothing to leave out.
        """
        others = {*names, "-y", "--yes"} - {name}
        words = [word for word in self.line.words if word not in others]
        tail = [] if self.line.tail is None else ["--", *self.line.tail]
        return " ".join(map(shell_word, [self.line.verb.word, *words, *tail]))

    def find_target(self, name: str | None, *, creates: bool = False, question: str = "") -> Target:
        """Return the target that has the session; print its host if the line omits it.

        Without a name, return the target of the line. `creates`: see `search`. `question`: see `_check_place`. Raises
        NotFound, Refused.
        """
        if name is None:
            return self.line_target
        host = self.search([name], creates=creates, safely=bool(question))[name]
        if isinstance(host, SeshError):
            raise host
        self._check_place(host, name, self._line_for([name], name), question)
        return self.target_of(host)

    def note_verb(self, name: str, host: str | None, *, attaching: bool = False) -> None:
        """Note a session's name that is a verb, too; when `attaching`, only on its screen."""
        if find_verb(name) is not None:
            note = self._notes.append if attaching else self.note
            note(for_host(f"{name} is a verb, too: `{SESH} {GO} {name}` goes to the session", host))

    def on_each(self, names: Sequence[str], act: Act, *, question: str = "", yes: bool = False) -> dict[str, Failure]:
        """Call `act` for each machine with some of the sessions; return the failures by session.

        Without names, call it for the target of the line. `question`, `yes`: see `_check_place`. The error of a single
        session is raised.
        """
        failed: dict[str, Failure] = {}
        groups: dict[str | None, list[str]] = {} if names else {self.line.host: []}
        for name, host in self.search(names, safely=bool(question)).items():
            try:
                if isinstance(host, SeshError):
                    raise host
                self._check_place(host, name, self._line_for(names, name), question, yes=yes)
            except Interrupted:
                raise
            except SeshError as error:
                failed[name] = Failure(error)
            else:
                groups.setdefault(host, []).append(name)
        for host, group in groups.items():
            target = self.target_of(host)
            try:
                failed |= failures_of(act(target, group), host)
            except Interrupted:
                raise
            except SeshError as error:
                if not names:
                    raise
                of_host = host is not None and not error.in_response  # else an op raises the error of its only session
                failure = Failure(error.told_by(host), shared=of_host or len(group) > 1)
                failed |= dict.fromkeys(group, failure)
        if len({*names}) == 1 and failed:
            raise failed[names[0]].error
        return {name: failed[name] for name in dict.fromkeys(names) if name in failed} or failed

    def _check_place(self, host: str | None, name: str, line: str, question: str = "", *, yes: bool = False) -> None:
        """Print and remember the host of a session, unless the line names it.

        `question`: what to ask before the verb acts on such a session, so that no stale name ends one of another
        machine; a script has to name the host, as in `line`. `yes`: do not ask. Raises Refused.
        """
        if host == self.line.host:
            return
        if question and not self.can_answer:
            raise Refused(f"{name} runs on @{host}, not here", hint=for_host(f"write: {SESH} {line}", host))
        if question and not yes:
            if not self.agrees(f"{name} runs on @{host}. {question}"):
                raise Refused(f"{name} was left as it is")
            return
        where = f"{name} on @{host}"
        printing.write(f"[{where}]\n".encode(), printing.STDERR)
        self._notes.append(where)

    def session_name(self, name: str | None) -> str:
        """Return `name`, or by default that of the session in which sesh runs. Raises UsageError."""
        verb = self.line.verb.word
        if name is not None:
            return name
        if self.line.host is not None:
            raise UsageError("no session given", hint=f"write: {SESH} {verb} NAME", host=self.line.host)
        return listing.required(verb)

    def name_and_number(self, name: str | None, number: int | None) -> tuple[str, int | None]:
        """Return the session and the number of a line whose words are `[NAME] [N]`; see `session_name`.

        Inside a session a number alone is N, whether or not a session has it as its name.
        """
        alone = number is None and name is not None and is_decimal(name) and self.line.host is None
        if name is None or not alone or (record := listing.current()) is None:
            return self.session_name(name), number
        return record["name"], int(name)
