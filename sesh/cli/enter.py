"""`sesh NAME`, `sesh -`, `--attach`, `--open` and `--new`: making a session be there, and going into it."""

from __future__ import annotations

import time

from sesh import paths
from sesh.cli import printing
from sesh.errors import Exists, NotFound, Refused, Unreachable, UsageError
from sesh.names import is_name, printable
from sesh.ops import caller, find
from sesh.store import listing

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.cli.parser import Line
    from sesh.client.attach import AttachOptions, Outcome
    from sesh.ops.create import Order
    from sesh.store.listing import Summary
    from sesh.store.records import Record
    from sesh.wire import Connection


_PATIENCE = 5.0


class Manner:
    """How to attach: the attach options of the command line. Raises UsageError where they contradict each other."""

    __slots__ = ("no_detach_key", "no_replay", "read_only", "replace")

    def __init__(
        self,
        *,
        join: bool = False,
        replace: bool = False,
        read_only: bool = False,
        no_replay: bool = False,
        no_detach_key: bool = False,
    ) -> None:
        if join and replace:
            raise UsageError("--join and --replace exclude each other; take one")
        self.replace, self.read_only, self.no_replay, self.no_detach_key = replace, read_only, no_replay, no_detach_key

    def options(self) -> AttachOptions:
        """The client's options. Raises UsageError for a `SESH_DETACH_KEY` that is none."""
        from sesh.cli import settings
        from sesh.client.attach import AttachOptions

        key = None if self.no_detach_key else settings.detach_key()
        lines = settings.loaded().replay_lines
        return AttachOptions(
            read_only=self.read_only, replace=self.replace, replay=not self.no_replay, detach_key=key, lines=lines
        )

    def words(self) -> str:
        """The options that mean something only where a client begins anew."""
        return ", ".join(f"--{name.replace('_', '-')}" for name in self.__slots__ if getattr(self, name))


def go(
    line: Line, places: Sequence[str] = (), *, env: Sequence[str] = (), label: Sequence[str] = (), **manner: bool
) -> int:
    """`sesh`, `sesh NAME [DIR] [-- CMD…]` and `sesh -`: the list; or attach, having created what was not there."""
    if not places:
        if line.tail is not None or env or label or manner or line.create:
            instead = f"sesh --label NAME {printable(label[0])}" if label else "sesh NAME"
            raise UsageError(f"which session? write: {instead}, or for the lowest free number: $sesh --new")
        from sesh.ops import view

        return view.list_(line)
    name, directory = places[0], places[1] if len(places) > 1 else None
    if len(places) > 2:
        from sesh.cli import slips

        slips.check_words(places)
    how = Manner(**manner)
    if name == "-":
        return back(line, how, plain=directory is None)
    find.checked(name)
    connection = find.running(name)
    what: Order = {}
    if connection is None:
        from sesh.cli import slips
        from sesh.ops import create, lookup

        lost = find.lost_record(name) is not None
        if not lost and printing.on_terminal() and (host := lookup.find(line, name, creates=True)):
            return on(host, line)
        slips.check_directory(name, directory)
        what = create.order(directory=directory, command=line.command, env=env, label=label)
    elif env or label:
        from sesh.ops import create

        create.order(env=env, label=label)  # they are not applied, and are checked all the same
    needs_terminal(name, there=connection is not None)
    options = how.options()
    here = listing.current()
    if here is not None and here["name"] == name:
        return already(name)
    check_switch(here, how)
    if connection is None and not lost:
        name, connection = slips.near(name)
    if connection is not None:
        if directory is not None or line.command is not None:
            printing.entering(f"{name} runs already; DIR and CMD are not applied")
    else:
        slips.hint(name)
        return into(_begun(what, name, plain=directory is None and line.command is None), name, options, here)
    try:
        return into(connection, name, options, here)
    except Unreachable:
        if find.running(name) is not None:
            raise
        return go(line, places, env=env, label=label, **manner)  # it ended between our knock and its answer


def _begun(what: Order, name: str, *, plain: bool) -> Connection:
    """A new session, or the one of that name that somebody else has made meanwhile; a lost one started again.

    `plain`: whether neither DIR nor CMD was written.
    """
    from sesh.ops import create

    try:
        if (known := find.lost_record(name)) is not None:
            from sesh.ops import lost

            return lost.begun(what, name, known, plain=plain)
        return create.start(what, name)
    except Exists:
        return find.required(name)


def attach(line: Line, name: str, **manner: bool) -> int:
    """`--attach NAME`: attach to what is there. Raises NotFound."""
    if line.tail is not None:
        raise UsageError("--attach runs no command", hint="to create and attach: $sesh NAME -- CMD")
    how = Manner(**manner)
    return back(line, how) if name == "-" else attach_to(find.checked(name, "--attach"), how)


def attach_to(name: str, how: Manner) -> int:
    """Attaches to a session that must be there; the exit code."""
    connection = find.required(name)
    needs_terminal(name, there=True)
    options = how.options()
    here = listing.current()
    if here is not None and here["name"] == name:
        return already(name)
    check_switch(here, how)
    return into(connection, name, options, here)


def open_(
    line: Line, name: str, directory: str | None = None, *, env: Sequence[str] = (), label: Sequence[str] = ()
) -> int:
    """`--open NAME [DIR] [-- CMD…]`: the session runs when this returns 0, made now or there before."""
    from sesh.ops import create

    find.checked(name, "--open")
    created = opened(name, directory, line.command, env=env, label=label)
    if not created and (directory is not None or line.command is not None):
        printing.note(f"{name} runs already; DIR and CMD are not applied")
    return create.made(line.json, name, created=created)


def opened(
    name: str, directory: str | None, command: list[str] | None, *, env: Sequence[str], label: Sequence[str]
) -> bool:
    """Makes sure that a session runs; whether it was created now.

    Raises Exists for one that has ended and is kept, CannotStart, Refused, UsageError, Unreachable.
    """
    from sesh.ops import create

    session = _summary(name)
    if session is None:
        what = create.order(directory=directory, command=command, env=env, label=label)
        try:
            create.start(what, name).close()
            return True
        except Exists:
            session = _summary(name)
    if session is None:
        raise Unreachable(f"{name} ended while it was asked; try again")
    if session["state"] == "exited":
        raise find.taken(name)
    return False


def _summary(name: str) -> Summary | None:
    """What a session tells of itself; None where there is none, also where it ends while it is asked."""
    connection = find.running(name)
    if connection is None:
        return None
    deadline = time.monotonic() + _PATIENCE
    try:
        with connection:
            connection.hello("request", deadline=deadline)
            summary: Summary = connection.request("summary", deadline=deadline)[0]["session"]
    except Unreachable:
        return None
    return summary


def new(
    line: Line,
    name: str | None = None,
    directory: str | None = None,
    *,
    detached: bool = False,
    new_name: bool = False,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
    **manner: bool,
) -> int:
    """`--new [NAME] [DIR] [-d] [-- CMD…]`: a session that was not there. With `--json` it does not attach."""
    from sesh.ops import create

    how = Manner(**manner)
    if new_name and (manner.get("join") or how.replace):
        raise UsageError("--join, --replace and --new-name exclude each other; take one")
    if name is not None:
        find.checked(name, "--new")
    detached = detached or line.json
    options, here = None, None
    if not detached:
        needs_terminal(name or "NAME")
        here = listing.current()
        check_switch(here, Manner(**{**manner, "replace": False}))
        options = how.options()
    what = create.order(directory=directory, command=line.command, env=env, label=label)
    created = True
    if name is None:
        name, connection = create.start_numbered(what)
    else:
        found = find.running(name)
        if found is None:
            try:
                connection = create.start(what, name)
            except Exists:
                found = find.required(name)
        if found is not None:
            from sesh.cli import collision

            chosen = "join" if manner.get("join") else "replace" if how.replace else "new" if new_name else ""
            name, connection, created = collision.settled(name, found, what, chosen, quiet=line.json)
            how.replace = False  # the old session is gone, and with it its clients
            if options is not None:
                options = how.options()
    if options is None:
        connection.close()
        if not line.json:
            printing.text(name)
        return create.made(line.json, name, created=created)
    if here is not None and here["name"] == name:
        return already(name)
    return into(connection, name, options, here)


def on(host: str, line: Line) -> int:
    """The line on another host, where the session that it means was found; said in one line."""
    from sesh.cli import there

    printing.write(f"[{line.words[0]} on @{host}]\n".encode(), printing.STDERR)
    printing.recall(f"{line.words[0]} on @{host}")
    line.hosts = [host]
    return there.found(line)


def needs_terminal(name: str, *, there: bool = False) -> None:
    """Raises Refused where nothing can be attached here, with what does without a terminal; `there`: NAME exists."""
    if printing.on_terminal() or caller.entering():
        return
    from sesh.cli import slips

    verb = slips.verb_like(name)
    instead = f"`sesh --open {name}` creates a session without attaching"
    if there:
        instead = f"`sesh --screen {name}` shows what is there, `sesh --send {name}` types into it"
    elif verb:
        instead = f"did you mean sesh {verb}?"
    raise Refused(f"attaching needs a terminal; {instead}")


def already(name: str) -> int:
    """`sesh SELF`: nothing to do."""
    printing.note(f"this is {name} already")
    return 0


def back(line: Line, how: Manner, *, plain: bool = True) -> int:
    """`sesh -`: the session attached last that is still there; typed inside one, the one before it. Raises NotFound.

    `plain`: whether no DIR was written, which makes no sense with it, no more than a command.
    """
    if not plain or line.tail is not None:
        raise UsageError("`$sesh -` attaches to the session attached last and creates none; leave out DIR and CMD")
    paths.trusted(paths.directory())
    here = listing.current()
    for entry in paths.recent():
        host, _, name = entry.rpartition(" ")
        try:
            if host:
                return _back_to(host, find.checked(name), line)
            if here is not None and name == here["name"]:
                continue
            connection = find.running(find.checked(name))
        except (Refused, UsageError, NotFound):
            continue
        if connection is not None:
            connection.close()
            return attach_to(name, how)
    raise NotFound("no session was attached before", hint="`$sesh` lists what there is")


def _back_to(host: str, name: str, line: Line) -> int:
    """The same on another host. Raises NotFound where it has ended."""
    from sesh.cli import parser, there

    options = [word for word in line.words if word[:1] == "-" and word != "-"]
    return there.found(parser.split([host, "--attach", name, *options]))


def check_switch(here: Record | None, how: Manner, name: str = "", host: str | None = None) -> None:
    """Raises Refused where the session that this is typed in cannot switch its client to `name` (on `host`)."""
    if here is None:
        return
    if how.words():
        raise Refused(f"inside a session sesh only switches its client; detach first to use {how.words()}")
    to = name if is_name(name) else "NAME"
    if not find.ask(str(here["name"]), "switch", to=to, host=host, probe=True)[0].get("switched"):
        raise Refused(f"no client is attached to {here['name']} that could switch; type it in another terminal")


def into(connection: Connection, name: str, options: AttachOptions, here: Record | None) -> int:
    """Attaches this terminal, or has the client that it already belongs to switch over; the exit code."""
    if here is not None and not caller.entering():
        connection.close()
        return switch(here, name)
    paths.remember(name)
    if caller.entering():
        return caller.handed(connection, name)
    from sesh.client.attach import attach as run

    options.first_notice = printing.greeting()
    return code(run(connection, name, options=options, connect=reopened, reconnect=reconnect))


def reconnect(name: str, host: str, number: str, since: int, heard: float) -> Connection:
    """The way back to a session on a host, for a client that was switched there and whose link was lost."""
    from sesh.ops import links

    return links.back(name, host, number, since, heard)


def switch(here: Record, name: str, host: str | None = None) -> int:
    """Has the client that types here attach to another session; the exit code."""
    answer, _ = find.ask(str(here["name"]), "switch", to=name, host=host)
    if not answer.get("switched"):
        raise Refused(f"no client of {here['name']} is there to switch to {name}; type it in another terminal")
    return 0


def reopened(name: str, host: str | None) -> Connection:
    """The connection for a client that goes to another session, here or on a host."""
    if host is not None:
        from sesh.ops import links

        return links.reopened(name, host)
    connection = find.required(name)
    paths.remember(name)
    return connection


def code(outcome: Outcome) -> int:
    """The exit code for the way in which an attachment ended."""
    if outcome.kind == "ended":
        if outcome.signal:
            return 128 + outcome.signal
        return outcome.code or 0
    return 0 if outcome.kind == "detached" else 1
