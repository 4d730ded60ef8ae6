"""Ops that act on sessions as a whole."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Sequence

from sesh import attached_last, errors, wire
from sesh.about import SESH
from sesh.errors import Exists, NotFound, Refused, SeshError, UsageError
from sesh.names import check_name
from sesh.ops import agents, create, dormant, end, enter
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.schema import Created, Detached, ErrorFacts, Killed, Name, Named, Reloaded, Renamed, Spec, Summary
from sesh.store import listing

_ANSWER_TIMEOUT = 5.0
"""Seconds for a daemon to answer, whatever else it does."""
_MOST_NAMED = 10
"""Sessions that a question names; there may be hundreds."""
_RELOAD_TIMEOUT = 45.0
"""Seconds for a daemon to have its emulator catch up, to try the new sesh and to become it."""


@op(reads=True)
def summaries(_caller: Caller) -> list[Summary]:
    """Returns the sessions of this machine, as `listing.summaries` does."""
    return listing.summaries()


@op(reads=True)
def there(_caller: Caller, name: str, required: bool = False) -> bool:
    """Returns whether a session runs, or has ended and is kept. `required`: raises NotFound if not."""
    name = check_name(name)
    connection = find.required(name) if required else find.running(name)
    if connection is not None:
        connection.close()
    return connection is not None


# -- creating


@op()
def open_(caller: Caller, name: str, spec: Spec | None = None) -> bool:
    """Makes sure that a session runs; returns whether it was created now.

    A dormant one is started again, unless DIR or CMD is given. Raises Exists for one that has ended and is kept,
    CannotStart, Refused, UsageError, Unreachable.
    """
    spec = spec or {}
    deadline = time.monotonic() + _ANSWER_TIMEOUT
    while (session := _summary(name)) is None:
        launch_spec = create.launch_spec(caller, **spec)
        try:
            if (summary := find.dormant(name)) is not None:
                plain = spec.get("directory") is None and spec.get("command") is None
                dormant.start(caller, launch_spec, name, summary, again=plain).close()
            else:
                create.start(launch_spec, name).close()
            return True
        except Exists:  # another process was faster, or the session is just ending
            if time.monotonic() > deadline:
                raise
            time.sleep(create.PAUSE)
    if session["state"] == "exited":
        raise find.taken(name)
    enter.apply(caller, name, spec)
    return False


def _summary(name: str) -> Summary | None:
    """Returns a session's description of itself; None if there is none, or it ends meanwhile."""
    connection = find.running(name)
    try:
        return find.summary(connection, _ANSWER_TIMEOUT) if connection is not None else None
    except errors.Unreachable:
        return None


@op()
def new(
    caller: Caller, name: str | None = None, spec: Spec | None = None, choice: str = "", quiet: bool = False
) -> Created:
    """Creates a session without a client; returns its `name`, and whether it was `created` now.

    `choice`: for a name that is taken, see `enter.made`. `quiet`: the person is not asked for it.
    """
    name, connection, created = enter.made(caller, name, spec or {}, choice, asks=not quiet)
    connection.close()
    return {"name": name, "created": created}


@op()
def job(
    caller: Caller,
    name: str | None = None,
    spec: Spec | None = None,
    keep: bool = False,
    timeout: float | None = None,
) -> Name:
    """Begins a job that nothing waits for; returns the name of its session."""
    name, connection = enter.job(caller, name, spec, keep, timeout)
    connection.close()
    return name


# -- changing


@op()
def detach(_caller: Caller, name: str | None = None) -> Detached:
    """Detaches all clients of a session; without a name the client that typed here. Their number is `detached`."""
    which = "all" if name is not None else "last"
    name = listing.required("--detach") if name is None else check_name(name)
    answer, _ = find.ask(name, "detach", which=which)
    return {"name": name, "detached": answer.get("detached")}


@op()
def rename(_caller: Caller, name: str | None, new: str) -> Renamed:
    """Renames a session; without a name the one that the caller types in. Raises NotFound, Exists."""
    if name is None:
        if (here := listing.current()) is None:
            raise UsageError(f"no session given; write: {SESH} --rename OLD NEW")
        name = str(here["name"])
    old, new = check_name(name), check_name(new)
    if old == new:
        find.required(old).close()
        return {"name": new, "renamed_from": old}
    try:
        if find.dormant(old) is not None:
            dormant.rename(old, new)
        else:
            find.ask(old, "rename", to=new)
    except Exists:
        occupant = find.dormant(new)
        raise find.taken(new) if occupant is None else find.occupied(occupant) from None
    attached_last.rename(old, new)
    return {"name": new, "renamed_from": old}


@op()
def label(_caller: Caller, name: str, labels: dict[str, str]) -> dict[str, str]:
    """Sets labels, an empty value removes one; returns all labels of the session."""
    answer, _ = find.ask(check_name(name), "label", set=labels)
    return {str(key): str(value) for key, value in (answer.get("labels") or {}).items()}


@op()
def resume_with(_caller: Caller, name: str | None, command: Sequence[str]) -> Named:
    """Keeps the command by which a session is started again, forgets it without words; without a name that of the
    session that the caller runs in. A dormant one's is kept in its record. Raises NotFound, Refused."""
    if name is None:
        name = agents.session("--resume-with", " -- CMD…")
    check_name(name)
    if find.dormant(name) is not None:
        dormant.resume_with(name, command)
        return {"name": name}
    find.ask(name, "resume", command=command)
    return {"name": name}


@op()
def reload(caller: Caller, names: Sequence[str] = ()) -> Reloaded:
    """Has daemons adopt this sesh, without names all of this machine; the answer says what was `reloaded` and `failed`.

    Raises the error of a single session.
    """
    if not names:
        find.note_damage(caller)
    chosen = [check_name(name) for name in dict.fromkeys(names)]
    chosen = chosen or [name for name in of_this_machine() if find.dormant(name) is None]
    failed: dict[str, SeshError] = {}
    for name in chosen:
        try:
            _reload(name)
        except SeshError as error:
            failed[name] = error
    done, refused = outcome(chosen, failed)
    return {"reloaded": done, "failed": refused}


def of_this_machine() -> list[str]:
    """Returns the names of this machine's sessions, without those of others that share the home directory."""
    return [session["name"] for session in listing.summaries() if "machine" not in session]


def _reload(name: str) -> None:
    path = [os.path.abspath(folder) for folder in sys.path]
    deadline = time.monotonic() + _RELOAD_TIMEOUT
    with find.required(name) as connection:
        connection.send(wire.greeting("request"), deadline)
        find.welcomed(connection, name, any_protocol=True)
        connection.request("reload", deadline=deadline, python=sys.executable, path=path)


# -- ending


@op()
def kill(caller: Caller, names: Sequence[str] = ()) -> Killed:
    """Ends sessions, without names the one that the caller types in; the answer says what was `killed` and `failed`.

    Raises the error of a single session; Refused if the person does not want to end the one they are in.
    """
    chosen = [check_name(name) for name in dict.fromkeys(names)]
    if not chosen:
        chosen = [listing.required("--kill")]
        if caller.can_ask and not caller.agrees(f"end {chosen[0]}, this session, and all that runs in it?"):
            raise Refused("no session was ended")
    killed, failed = outcome(chosen, end.end_all(chosen))
    return {"killed": killed, "failed": failed}


@op()
def kill_all(caller: Caller, ask: bool = True) -> Killed:
    """Ends all sessions of this machine, as `kill`; `ask`: only if the person agrees. Raises Refused if not."""
    chosen = of_this_machine()
    find.note_damage(caller)
    if chosen and ask and caller.can_ask:
        many = f"{len(chosen)} sessions" if len(chosen) > 1 else "1 session"
        on_host = f" on @{caller.origin.host}" if caller.origin is not None else ""
        shown = [*chosen[:_MOST_NAMED], *([f"and {len(chosen) - _MOST_NAMED} more"] if chosen[_MOST_NAMED:] else [])]
        if not caller.agrees(f"end {many}{on_host} ({', '.join(shown)})?"):
            raise Refused("no session was ended")
    refused = {name: error for name, error in end.end_all(chosen).items() if not isinstance(error, NotFound)}
    killed, failed = outcome(chosen, refused)  # what has ended meanwhile counts
    return {"killed": killed, "failed": failed}


def outcome(chosen: Sequence[str], failed: dict[str, SeshError]) -> tuple[list[str], dict[str, ErrorFacts]]:
    """Returns the sessions for which something worked, and the errors of the others as an op answers them.

    Raises the error of a single one.
    """
    if failed and len(chosen) == 1:
        raise failed[chosen[0]]
    done = [name for name in chosen if name not in failed]
    return done, {name: error.facts() for name, error in failed.items()}
