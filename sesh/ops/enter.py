"""Sessions found or created, for who goes on with a connection to the daemon.

What only the person can decide (a name one letter off, a lost session, a name that is taken) is asked of the caller.
"""

from __future__ import annotations

import os
import time

from sesh import paths
from sesh.errors import Exists, ExitCode, NotFound, Refused, SeshError, Unreachable, UsageError
from sesh.lean import Lock
from sesh.names import check_label, check_variable, differ_by_one, printable
from sesh.ops import find
from sesh.ops.caller import op
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.ops.caller import Caller
    from sesh.wire import Connection

    Order = dict[str, Any]
    """What a daemon is told of its session."""
    Spec = dict[str, Any]
    """What the caller says of a session: `directory`, `command`, `env` and `label`, as `order` takes them."""
    from sesh.store.listing import Summary

    Entered = tuple[str, Connection]

_starting = Lock()
"""Held while a session is created, which changes what belongs to the whole process (its umask) for a moment."""


def order(
    caller: Caller,
    *,
    directory: str | None = None,
    command: list[str] | None = None,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
) -> Order:
    """What a new session is to be, without its name: the caller's surroundings, and what the words say.

    Raises Refused for a directory that is not there, UsageError for a variable or label that is none.
    """
    extra = dict(check_variable(word) for word in env)
    labels = dict(check_label(word) for word in label)
    origin = caller.origin
    if origin is not None:
        (columns, rows, width, height), term, colorterm = origin.size, origin.term, origin.colorterm
        environment, home = origin.environment(dict(os.environ)), os.path.expanduser("~")
    else:
        terminal = next((descriptor for descriptor in (0, 1, 2) if os.isatty(descriptor)), None)
        columns, rows, width, height = (0, 0, 0, 0) if terminal is None else size(terminal)
        term, colorterm = (None, None) if terminal is None else (os.environ.get("TERM"), os.environ.get("COLORTERM"))
        environment, home = dict(os.environ), ""
    return {
        "directory": checked_directory(caller, directory) if directory is not None else home,
        "command": command,
        "environment": environment,
        "extra": extra,
        "labels": {key: value for key, value in labels.items() if value},
        "columns": columns,
        "rows": rows,
        "width": width,
        "height": height,
        "term": term,
        "colorterm": colorterm,
        "keep": False,
        "job": False,
        "timeout": None,
        "login": origin is not None,
        "persist": _persists(caller),
        "id": caller.session_id,
    }


def _persists(caller: Caller) -> bool:
    """Whether sessions are kept for when their daemon has died; without settings nothing is loaded for that."""
    return not os.path.exists(paths.settings_file()) or caller.settings().persist


def size(terminal: int) -> tuple[int, int, int, int]:
    """Columns, rows, width and height in pixels of a terminal."""
    import fcntl
    import termios

    packed = fcntl.ioctl(terminal, termios.TIOCGWINSZ, bytes(8))
    rows, columns, width, height = memoryview(packed).cast("H")
    return columns, rows, width, height


def checked_directory(caller: Caller, word: str) -> str:
    """A directory as an absolute path, written as the caller wrote it where that is possible.

    Raises Refused where there is none, or where the caller may not enter it; InvalidName is for names alone.
    """
    if not word:
        raise Refused("the directory is an empty word; write . for this one")
    word = directory_meant(caller, word)
    try:
        path = word if word[0] == "/" else os.path.join(os.getcwd(), word)
    except FileNotFoundError:
        raise Refused("this directory was removed; step into another one first") from None
    if "\0" in path or not os.path.isdir(path):
        raise Refused(f"{no_directory(word)}; make it first, or name another")
    if not os.access(path, os.X_OK):
        raise Refused(f"{printable(word)} may not be entered by you; take another directory")
    return os.path.realpath(path) if ".." in path.split("/") else os.path.normpath(path)


def directory_meant(caller: Caller, word: str) -> str:
    """A directory as it is meant on this machine: what was typed on another one may name that one's home.

    `~` that no shell has taken, as from Python or JSON, is the home of whoever has the session.
    """
    if word == "~" or word[:2] == "~/":
        word = os.path.expanduser(word)
    return caller.origin.directory(word) if caller.origin is not None else word


def no_directory(word: str) -> str:
    """Says what is wrong with a word that names no directory."""
    if os.path.lexists(word.replace("\0", "")):
        return f"{printable(word)} is no directory"
    return f"there is no directory {printable(word)}"


def start(what: Order, name: str) -> Connection:
    """Has a daemon run the session; the connection is its first, and nothing was said on it yet.

    Raises Exists, CannotStart, Refused.
    """
    from sesh.daemon.spawn import launch

    try:
        with _starting:
            return launch.start_daemon({**what, "name": name})
    except Exists:
        raise find.taken(name) from None


def start_numbered(what: Order) -> tuple[str, Connection]:
    """The same under the lowest free number from 1; when another takes that number first, under the next."""
    number = 0
    while True:
        taken = set(paths.names())
        number += 1
        while str(number) in taken:
            number += 1
        try:
            return str(number), start(what, str(number))
        except Exists:
            continue


def next_name(name: str) -> str:
    """`NAME-2`, or the next that is free. Raises UsageError where it would be too long."""
    from sesh.names import is_name

    taken = set(paths.names())
    number = 2
    while f"{name}-{number}" in taken:
        number += 1
    if not is_name(f"{name}-{number}"):
        raise UsageError(f"{name}-{number} is too long for a session's name; take another one")
    return f"{name}-{number}"


_PATIENCE = 1.5
"""Seconds in which a daemon that is well answers a question."""
_LONG_ENOUGH = 4
"""Letters of a name that one letter makes no other word of."""


@op
def go(
    caller: Caller,
    name: str,
    spec: Spec | None = None,
    meant: str = "",
    remark: str = "",
) -> Entered:
    """The session NAME, created if there is none.

    `meant`: the line that was probably meant, should DIR not be there; `remark`: what to note if it is created.
    """
    return Entry(caller, name, spec or {}, meant, remark).enter()


class Entry:
    """The way into the session NAME, in two steps: what stands against it is raised first, what it takes is done then.

    `connection`: to the session that runs, None where there is none; `lost`: whether its daemon died.
    """

    def __init__(self, caller: Caller, name: str, spec: Spec, meant: str, remark: str) -> None:
        self.name = find.checked(name)
        self.connection = find.running(name)
        self.lost = self.connection is None and find.lost_record(name) is not None
        self._caller, self._spec, self._meant, self._remark = caller, spec, meant, remark
        self._plain = spec.get("directory") is None and spec.get("command") is None
        self._order: Order | None = None

    def check(self) -> None:
        """Raises what is wrong with the words; those that a running session ignores are checked all the same."""
        if self.connection is None:
            check_directory(self._caller, self.name, self._spec.get("directory"), self._meant)
            self._order = order(self._caller, **self._spec)
        elif self._spec.get("env") or self._spec.get("label"):
            order(self._caller, env=self._spec.get("env") or (), label=self._spec.get("label") or ())

    def enter(self) -> Entered:
        """The session, created where it is not there. Raises Refused where the person declines."""
        if self._order is None:
            self.check()
        name, connection = self.name, self.connection
        if connection is None and not self.lost:
            name, connection = _near(self._caller, name)
        if connection is not None:
            if not self._plain:
                self._caller.entering(f"{name} runs already; DIR and CMD are not applied")
            return name, connection
        if self._remark:
            self._caller.entering(self._remark)
        return name, self._created()

    def _created(self) -> Connection:
        """A new session, or the one of that name that somebody else has made meanwhile; a lost one started again."""
        if self._order is None:
            raise Unreachable(f"{self.name} ended while it was asked; try again")
        try:
            if (known := find.lost_record(self.name)) is not None:
                from sesh.ops import lost

                return lost.begun(self._caller, self._order, self.name, known, plain=self._plain)
            return start(self._order, self.name)
        except Exists:
            return find.required(self.name)


def check_directory(caller: Caller, name: str, directory: str | None, meant: str = "") -> None:
    """Raises Refused, with the words that were meant, where a new session's DIR is not there."""
    place = directory_meant(caller, directory or "")
    if not directory or os.path.isdir(place.replace("\0", "/")):
        return
    if meant:
        raise Refused(f"{no_directory(place)}; did you mean {meant}?")
    raise Refused(no_directory(place), hint=f"to run a command: $sesh {name} -- {printable(directory)}")


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
        summary = listing.unanswered(other)
        if summary is None or summary["state"] != "running" or "machine" in summary:
            continue
        answers = (("a", f"Attach to {other}"), ("c", f"Create {name}"))
        answer = caller.ask(f"there is {other}; attach to it, or create {name}?", answers, "a")
        if not answer:
            raise Refused("nothing was done")
        return (other, find.required(other)) if answer == "a" else (name, None)
    return name, None


@op
def attach(_caller: Caller, name: str) -> Entered:
    """A session that must be there; `-` is the one attached last. Raises NotFound."""
    if name != "-":
        return name, find.required(find.checked(name, "--attach"))
    for _, last in recent():
        connection = find.running(last)
        if connection is not None:
            return last, connection
    raise NotFound("no session was attached before", hint="`$sesh` lists what there is")


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


@op
def new(
    caller: Caller,
    name: str | None = None,
    spec: Spec | None = None,
    choice: str = "",
) -> Entered:
    """A session that was not there; see `made`."""
    what = order(caller, **(spec or {}))
    name, connection, _ = made(caller, what, name, choice)
    return name, connection


def made(
    caller: Caller, what: Order, name: str | None, choice: str, *, asks: bool = True
) -> tuple[str, Connection, bool]:
    """A new session: its name, a connection, and whether it was created now.

    Without a name it gets the lowest free number. `choice`: what to do where the name is taken: `join`, `replace`,
    `new` (the next free NAME-2), or the empty word to ask. Raises Exists where nobody can be asked, or not `asks`.
    """
    if name is None:
        return *start_numbered(what), True
    found = find.running(find.checked(name, "--new"))
    if found is None:
        try:
            return name, start(what, name), True
        except Exists:
            found = find.required(name)
    return _settled(caller, name, found, what, choice, asks=asks)


def _settled(
    caller: Caller, name: str, found: Connection, what: Order, choice: str, *, asks: bool
) -> tuple[str, Connection, bool]:
    """What becomes of a name that is taken; `found`: a connection to the session that has it."""
    from sesh.ops import end

    if not choice:
        if not (asks and caller.can_ask):
            found.close()
            raise Exists(f"{name} {_state(name)}; say which: --join, --replace or --new-name")
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
        raise Refused(f"this is {name}, and it cannot replace itself; detach first")
    for error in end.end_all([name]).values():
        raise error
    return name, start(what, name), True


def _asked(caller: Caller, name: str, found: Connection) -> str:
    """What the person chooses; joining is proposed where the daemon answers, replacing where it does not."""
    session = _summary(found)
    about = f"{name} runs and does not answer" if session is None else f"{name} {_state(name)}{_about(session)}"
    answers = (("j", "Join"), ("r", "Replace"), ("n", f"New: {next_name(name)}"), ("c", "Cancel"))
    answer = caller.ask(about, answers, "r" if session is None else "j")
    choice = {"j": "join", "r": "replace", "n": "new"}.get(answer)
    if choice is None:
        raise Refused("nothing was done")
    return choice


def _state(name: str) -> str:
    return "has ended and is kept" if find.ended(name) else "runs already"


def _summary(connection: Connection) -> Summary | None:
    """What the session says of itself; None where its daemon does not answer."""
    deadline = time.monotonic() + _PATIENCE
    try:
        connection.hello("request", deadline=deadline)
        answer, _ = connection.request("summary", deadline=deadline)
    except SeshError:
        return None
    session: Summary = answer["session"]
    return session


def _about(session: Summary) -> str:
    """What helps to decide: who is there, how long it is idle, where it is, what it runs."""
    from sesh import wording

    idle = wording.age(session.get("last_activity"), time.time())
    facts = (
        wording.state(session) if session["state"] == "running" else "",
        f"idle {idle}" if idle else "",
        wording.at_home(session.get("cwd") or ""),
        " ".join(session.get("command") or []),
    )
    return f" ({', '.join(wording.cut(wording.plain(fact), 40) for fact in facts if fact)})"


def _beside(name: str, what: Order) -> Entered:
    """The session under the next free name, also where another one takes that name first."""
    while True:
        free = next_name(name)
        try:
            return free, start(what, free)
        except Exists:
            continue


@op
def job(
    caller: Caller,
    name: str | None = None,
    spec: Spec | None = None,
    keep: bool = False,
    timeout: float | None = None,
    stdin: bool = False,
) -> Entered:
    """A job that has begun: the command of `spec` is its session's program, under the lowest free number if unnamed.

    Raises what keeps it from beginning, as 125 where no other code says more.
    """
    name = find.checked(name, "--exec") if name is not None else None
    what = order(caller, **(spec or {}))
    what |= {"job": True, "keep": keep, "timeout": timeout, "stdin": stdin}
    try:
        return start_numbered(what) if name is None else (name, start(what, name))
    except SeshError as error:
        error.exit_code = ExitCode.SESH_FAILED if error.exit_code == ExitCode.FAILED else error.exit_code
        raise
