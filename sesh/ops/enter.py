"""Ops that lead to a session: found or created, its name and a connection to its daemon.

What only the person can decide (a name one letter off, a lost session, a name that is taken) is asked of the caller.
"""

from __future__ import annotations

import os
import time

from sesh import moments, paths, wording
from sesh.errors import Exists, NotFound, Refused, SeshError, Unreachable
from sesh.names import differ_by_one, printable
from sesh.reach import find
from sesh.reach.op import op
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.reach.caller import Caller
    from sesh.reach.op import Entered
    from sesh.schema import LaunchSpec, Spec, Summary
    from sesh.wire import Connection

_PATIENCE = 1.5
"""Seconds in which a daemon that is well answers a question."""
_PAUSE = 0.01
"""Seconds between two tries to take a name."""
_LONG_ENOUGH = 4
"""Letters of a name that one letter makes no other word of."""


@op("enter.go", creates=True)
def go(
    caller: Caller,
    name: str,
    spec: Spec | None = None,
    meant: str = "",
    other: str = "",
) -> Entered:
    """The session NAME, created if there is none.

    `meant`: the line that was probably meant, should DIR not be there; `other`: the one that was perhaps meant by a
    name that looks like a verb.
    """
    return Entry(caller, name, spec or {}, meant, other).enter()


class Entry:
    """The way into the session NAME, in two steps: what stands against it is raised first, what it takes is done then.

    `connection`: to the session that runs, None where there is none; `dormant`: whether it has no daemon.
    """

    def __init__(self, caller: Caller, name: str, spec: Spec, meant: str, other: str) -> None:
        self.name = find.checked(name)
        self.connection = find.running(name)
        self.dormant = self.connection is None and find.dormant(name) is not None
        self._caller, self._spec, self._meant, self._other = caller, spec, meant, other
        self._plain = spec.get("directory") is None and spec.get("command") is None
        self._order: LaunchSpec | None = None

    def check(self) -> None:
        """Raises what is wrong with the words; those that a running session ignores are checked all the same."""
        from sesh.ops import create

        if self.connection is None:
            check_directory(self._caller, self.name, self._spec.get("directory"), self._meant)
            self._order = create.order(self._caller, **self._spec)
        else:
            create.check_words(self._spec)

    def enter(self) -> Entered:
        """The session, created if it does not exist. Raises Refused if the person declines."""
        if self._order is None:
            self.check()
        name, connection = self.name, self.connection
        if connection is None and not self.dormant:
            name, connection = _near(self._caller, name)
        if connection is not None:
            apply(self._caller, name, self._spec)
            return name, connection
        if self._other and not self.dormant:
            _confirm(self._caller, name, self._other)
        return name, self._created()

    def _created(self) -> Connection:
        """A new session, one of that name created by another process meanwhile, or a dormant one started again."""
        from sesh.ops import create

        if self._order is None:
            raise Unreachable(f"{self.name} has just ended; try again")
        while True:
            try:
                if (known := find.dormant(self.name)) is not None:
                    from sesh.ops import dormant

                    return dormant.enter(self._caller, self._order, self.name, known, plain=self._plain)
                return create.start(self._order, self.name)
            except Exists:
                if (connection := find.running(self.name)) is not None:
                    apply(self._caller, self.name, self._spec)
                    return connection
                time.sleep(_PAUSE)  # it is just ending


def apply(caller: Caller, name: str, spec: Spec) -> None:
    """Applies the words for a new session to one that runs: sets the labels, and notes what is ignored.

    Raises UsageError for an invalid variable or label; then nothing is changed.
    """
    from sesh.ops import create

    _, labels = create.check_words(spec)
    places = ["DIR", "CMD"] if spec.get("directory") is not None or spec.get("command") is not None else []
    ignored = [*places, *(["--env"] if spec.get("env") else [])]
    if labels:
        find.ask(name, "label", set=labels)
    if ignored:
        words = " and ".join(filter(None, (", ".join(ignored[:-1]), ignored[-1])))
        caller.entering(f"{name} already runs; {words} {'are' if len(ignored) > 1 else 'is'} ignored")


def check_directory(caller: Caller, name: str, directory: str | None, meant: str = "") -> None:
    """Raises Refused, with the words that were meant, where a new session's DIR is not there."""
    from sesh.ops import create

    place = create.meant(caller, directory or "")
    if not directory or os.path.isdir(place.replace("\0", "/")):
        return
    if meant:
        raise Refused(f"{create.no_directory(place)}; did you mean {meant}?")
    raise Refused(create.no_directory(place), hint=f"to run a command: $sesh {name} -- {printable(directory)}")


def _confirm(caller: Caller, name: str, other: str) -> None:
    """Asks before a session is created whose name looks like a verb, or notes it. Raises Refused."""
    if not caller.can_ask:
        caller.note(f"this creates a session named {name}; did you mean: {other}?")
        return
    answers = (("c", "Create it"), ("n", "Nothing"))
    if caller.ask(f"{name} is no session yet. Create it, or did you mean: {other}?", answers, "c") != "c":
        raise Refused("nothing was done")


def _near(caller: Caller, name: str) -> tuple[str, Connection | None]:
    """The name to use for one that is new, and a connection where it is another one that runs.

    Asks only where a person can be asked, and only for names of four letters or more that differ by one. Raises Refused
    where they decline.
    """
    if len(name) < _LONG_ENOUGH or not caller.can_ask:
        return name, None
    for other in paths.names():
        if not differ_by_one(name, other):
            continue
        try:
            summary = listing.unanswered(other)
        except Refused:
            continue  # a list names it
        if summary is None or summary["state"] != "running" or "machine" in summary:
            continue
        answers = (("a", f"Attach to {other}"), ("c", f"Create {name}"))
        answer = caller.ask(f"session {other} exists; attach to it, or create {name}?", answers, "a")
        if not answer:
            raise Refused("nothing was done")
        return (other, find.required(other)) if answer == "a" else (name, None)
    return name, None


@op("enter.attach")
def attach(_caller: Caller, name: str) -> Entered:
    """A session that must be there; `-` is the one attached last. Raises NotFound."""
    if name != "-":
        return name, find.required(find.checked(name, "--attach"))
    for _, last in recent():
        connection = find.running(last)
        if connection is not None:
            return last, connection
    raise NotFound("there is no previous session", hint="`$sesh` lists the sessions")


def recent() -> list[tuple[str, str]]:
    """Host (empty for this machine) and name of the sessions attached last, the newest first."""
    paths.trusted(paths.directory())
    found = []
    for entry in paths.recent():
        host, _, name = entry.rpartition(" ")
        try:
            found.append((host.removeprefix("@"), find.checked(name)))
        except SeshError:
            continue
    return found


@op("enter.new", creates=True)
def new(
    caller: Caller,
    name: str | None = None,
    spec: Spec | None = None,
    choice: str = "",
    asks: bool = True,
) -> Entered:
    """A session that was not there; see `made`."""
    from sesh.ops import create

    what = create.order(caller, **(spec or {}))
    name, connection, created = made(caller, what, name, choice, asks=asks)
    if not created:
        apply(caller, name, spec or {})
    return name, connection


def made(
    caller: Caller, what: LaunchSpec, name: str | None, choice: str, *, asks: bool = True
) -> tuple[str, Connection, bool]:
    """A new session: its name, a connection, and whether it was created now.

    Without a name it gets the lowest free number. `choice`: what to do where the name is taken: `join`, `replace`,
    `new` (the next free NAME-2), or the empty word to ask. Raises Exists where nobody can be asked, or not `asks`.
    """
    from sesh.ops import create

    if name is None:
        return *create.start_numbered(what), True
    found = find.running(find.checked(name, "--new"))
    if found is None and (known := find.dormant(name)) is not None:
        return *_instead(caller, name, known, what, choice, asks=asks), True
    if found is None:
        try:
            return name, create.start(what, name), True
        except Exists:
            found = find.running(name)
        if found is None:  # it has ended meanwhile
            return made(caller, what, name, choice, asks=asks)
    return _settled(caller, name, found, what, choice, asks=asks)


def _instead(caller: Caller, name: str, known: Summary, what: LaunchSpec, choice: str, *, asks: bool) -> Entered:
    """A new session where a dormant one has the name: in its place, or beside it. Raises Exists, Refused."""
    from sesh.ops import create

    if not choice:
        if not (asks and caller.can_ask):
            raise find.occupied(known, "--replace", "--new-name")
        answers = (("r", "Replace"), ("n", f"New: {create.next_name(name)}"), ("c", "Cancel"))
        choice = {"r": "replace", "n": "new"}.get(caller.ask(find.how(known), answers, "n"), "")
        if not choice:
            raise Refused("nothing was done")
    if choice == "join":
        raise find.occupied(known)
    if choice == "new":
        return _beside(name, what)
    from sesh.ops import dormant

    return name, dormant.start(caller, what, name, known, again=False)


def _settled(
    caller: Caller, name: str, found: Connection, what: LaunchSpec, choice: str, *, asks: bool
) -> tuple[str, Connection, bool]:
    """What becomes of a name that is taken; `found`: a connection to the session that has it."""
    from sesh.ops import create, end

    if not choice:
        if not (asks and caller.can_ask):
            found.close()
            raise Exists(f"{name} {_state(name)}; choose --join, --replace or --new-name")
        with found:
            choice = _asked(caller, name, found)
        if choice == "join":
            found = find.required(name)
    if choice == "join":
        return name, found, False
    found.close()
    if choice == "new":
        return *_beside(name, what), True
    here = listing.current()
    if here is not None and here["name"] == name:
        raise Refused(f"you are in {name}, and it cannot replace itself; detach first")
    for error in end.end_all([name]).values():
        raise error
    return name, create.start(what, name), True


def _asked(caller: Caller, name: str, found: Connection) -> str:
    """What the person chooses; joining is proposed where the daemon answers, replacing where it does not."""
    from sesh.ops import create

    session = _summary(found)
    about = f"{name} runs but does not answer" if session is None else f"{name} {_state(name)}{_about(session)}"
    answers = (("j", "Join"), ("r", "Replace"), ("n", f"New: {create.next_name(name)}"), ("c", "Cancel"))
    answer = caller.ask(about, answers, "r" if session is None else "j")
    choice = {"j": "join", "r": "replace", "n": "new"}.get(answer)
    if choice is None:
        raise Refused("nothing was done")
    return choice


def _state(name: str) -> str:
    return "has ended, but is kept" if find.ended(name) else "already runs"


def _summary(connection: Connection) -> Summary | None:
    """What the session says of itself; None where its daemon does not answer."""
    deadline = time.monotonic() + _PATIENCE
    try:
        connection.hello("request", deadline=deadline)
        answer, _ = connection.request("summary", deadline=deadline)
    except SeshError:
        return None
    return find.described(answer)


def _about(session: Summary) -> str:
    """What helps to decide: who is there, how long it is idle, where it is, what it runs."""
    idle = moments.age(session.get("last_activity"), time.time())
    facts = (
        wording.state(session) if session["state"] == "running" else "",
        f"idle {idle}" if idle else "",
        wording.at_home(session.get("cwd") or ""),
        " ".join(session.get("command") or []),
    )
    return f" ({', '.join(wording.cut(wording.plain(fact), 40) for fact in facts if fact)})"


def _beside(name: str, what: LaunchSpec) -> Entered:
    """The session under the next free name, also where another one takes that name first."""
    from sesh.ops import create

    while True:
        free = create.next_name(name)
        try:
            return free, create.start(what, free)
        except Exists:
            continue
