"""Sessions as a whole: listed, renamed, labelled, detached, reloaded, ended."""

from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from functools import partial
from typing import Optional

from sesh import errors
from sesh.about import SESH
from sesh.errors import Exists, NotFound, Refused, SeshError, Unreachable, UsageError
from sesh.names import check_name, printable
from sesh.ops import agents, dormant
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.reach.target import Target
from sesh.schema.facts import Record
from sesh.schema.outcomes import ActedOn, Detached, Named, Renamed
from sesh.store import listing, recent, records
from sesh.system import descriptors, paths, processes
from sesh.system.workers import Stop, each
from sesh.text import safe
from sesh.wire import protocol
from sesh.wire.connection import hello_frame, request_frames
from sesh.wire.messages import DETACH, KILL, LABEL, RELOAD, RENAME, RESUME, SIGNAL

_END_TIMEOUT = protocol.WELCOME_TIMEOUT  # seconds until a daemon that sends no WELCOME is killed
_KILL_TIMEOUT = 2.0  # seconds to wait for a daemon's death after SIGKILL
_COLUMNS = 200  # a question cuts its list of names off here


@op(reads=True)
def there(_caller: Caller, name: str, required: bool = False) -> bool:
    """Return whether a session runs or is dormant; `required`: raise NotFound without a daemon."""
    name = check_name(name)
    if required:
        find.connect(name).close()
    return find.exists(name)


def moment_there(target: Target, name: str, moment: float) -> float:
    """Return a moment of this machine (since 1970) by the clock of a session's machine, which a call asks for."""
    if target.host is None:
        return moment
    target.call(there, name)
    return moment + target.clock


def chosen(caller: Caller, names: Sequence[str]) -> list[str]:
    """Return the names, each once; without any, all sessions here, and note untrusted files."""
    if not names:
        find.note_damage(caller)
        # The list has the sessions of machines that share the home directory, too.
        return [session["name"] for session in listing.summaries() if "machine" not in session]
    return [check_name(name) for name in dict.fromkeys(names)]


def act_on(caller: Caller, names: Sequence[str], act: Callable[[str], object]) -> dict[str, SeshError]:
    """Call `act` with each name; return the errors by name."""
    failed: dict[str, SeshError] = {}
    for name in names:
        try:
            act(name)
        except SeshError as error:
            failed[name] = error
        caller.progress()
    return failed


def acted_on(names: Sequence[str], failed: dict[str, SeshError]) -> ActedOn:
    """Return the names that worked, and the errors' facts. Raises a single name's error."""
    if failed and len(names) == 1:
        raise failed[names[0]]
    done = [name for name in names if name not in failed]
    return {"done": done, "failed": {name: error.facts() for name, error in failed.items()}}


@op()
def detach(_caller: Caller, name: Optional[str] = None) -> Detached:
    """Detach all clients of a session; without a name, the one that typed here."""
    which = "all" if name is not None else "last"
    name = listing.required("detach") if name is None else check_name(name)
    detached, _ = find.request(name, DETACH, which=which, asker=os.getpid())
    return {"name": name, "detached": detached}


@op(frees=lambda result: ([result["renamed_from"]], result["name"]))
def rename(_caller: Caller, name: Optional[str], new: str) -> Renamed:
    """Rename a session; without a name, the caller's own. Raises NotFound, Exists."""
    if name is None:
        if (here := listing.current()) is None:
            raise UsageError(f"no session given; write: {SESH} rename OLD NEW")
        name = str(here["name"])
    old, new = check_name(name), check_name(new)
    try:
        if find.dormant(old) is not None:
            dormant.rename(old, new)
        else:
            find.request(old, RENAME, to=new)
    except Exists:
        raise find.taken(new) from None
    recent.rename(old, new)
    return {"name": new, "renamed_from": old}


@op()
def label(_caller: Caller, name: str, labels: dict[str, str]) -> dict[str, str]:
    """Set labels, and remove labels whose value is empty; return all labels of the session."""
    return find.request(check_name(name), LABEL, set=labels)[0]


@op()
def resume_with(_caller: Caller, name: Optional[str], command: Sequence[str]) -> Named:
    """Store the command that resumes a session; an empty command removes it.

    Without a name, the session is the caller's own. Raises NotFound, Refused.
    """
    if name is None:
        name = agents.own_session("resume-with", f"{SESH} resume-with -- CMD…")
    if find.dormant(check_name(name)) is None:
        try:
            find.request(name, RESUME, command=command)
            return {"name": name}
        except Unreachable:
            if find.dormant(name) is None:
                raise  # else the session has ended meanwhile, and its daemon with it
    dormant.resume_with(name, command)
    return {"name": name}


@op()
def reload(caller: Caller, names: Sequence[str] = ()) -> ActedOn:
    """Make the daemons of sessions execute this sesh, while their programs keep running.

    Without names, these are all daemons of this machine. If there is only one session, its error is raised.
    """
    daemons = [name for name in chosen(caller, names) if names or find.dormant(name) is None]
    return acted_on(daemons, act_on(caller, daemons, _reload))


def _reload(name: str) -> None:
    path = [os.path.abspath(folder) for folder in sys.path]
    deadline = time.monotonic() + protocol.RELOAD_TIMEOUT
    with find.connect(name) as connection:
        with suppress(errors.ProtocolError):  # every number understands the request
            connection.handshake()
        connection.request(RELOAD, deadline=deadline, python=sys.executable, path=path)
        connection.reconnect()  # a verb that follows would take a daemon that still loads for one that hangs
        connection.send(hello_frame("request"), deadline)
        connection.expect_welcome(deadline)


@op(frees=lambda result: (result["done"], ""))
def kill(caller: Caller, names: Sequence[str], ids: Optional[dict[str, str]] = None) -> ActedOn:
    """End sessions. If there is only one, its error is raised.

    `ids`: of sessions that were chosen from a list, by name. Each is ended only while its name belongs to this id, and
    counts as ended once it is gone.
    """
    named = list(dict.fromkeys(map(check_name, names)))
    failed = _end_all(caller, named, ids or {})
    return acted_on(named, failed if ids is None else _present(failed))


def _present(failed: Mapping[str, SeshError]) -> dict[str, SeshError]:
    """Return the errors of sessions that are still there: one that has just ended counts as ended."""
    return {name: error for name, error in failed.items() if not isinstance(error, NotFound)}


@op()
def signal_foreground(caller: Caller, names: Sequence[str], signal_name: str) -> ActedOn:
    """Send a signal to the foreground of sessions, and nothing else. Raises UsageError, a single session's error."""
    number = signal_number(signal_name)  # by its name: its number may be another one here
    named = list(dict.fromkeys(map(check_name, names)))
    return acted_on(named, act_on(caller, named, lambda name: find.request(name, SIGNAL, signal=number)))


def signal_number(word: str) -> int:
    """Return the number of `TERM`, `SIGTERM`, `term` or `15`. Raises UsageError."""
    name = word.upper()
    for known in signal.Signals:
        if name in (known.name, known.name.removeprefix("SIG"), str(int(known))):
            return int(known)
    raise UsageError(f"{printable(word)} is no signal here", hint="write one as INT, TERM, HUP, USR1 or STOP")


@op(frees=lambda result: (result["done"], ""))
def kill_all(caller: Caller, ask: bool = True) -> ActedOn:
    """End all sessions of this machine; `ask`: confirm first. Raises Refused if the person declines."""
    names = chosen(caller, ())
    if names and ask and caller.can_answer:
        many = f"{len(names)} sessions" if len(names) > 1 else "1 session"
        on_host = f" on @{caller.origin.host}" if caller.origin is not None else ""
        if not caller.agrees(f"end {many}{on_host} ({safe.cut(', '.join(names), _COLUMNS)})?"):
            raise Refused("no session was ended")
    return acted_on(names, _present(_end_all(caller, names, {})))


def _end_all(caller: Caller, names: Sequence[str], ids: Mapping[str, str]) -> dict[str, SeshError]:
    """End sessions in parallel, the caller's own last; return the errors by name. `ids`: see `kill`."""

    def end_one(name: str, _stop: Stop) -> dict[str, SeshError]:
        return act_on(caller, [name], lambda name: end(name, ids.get(name, "")))

    here = listing.current()
    own = [name for name in names if here is not None and name == here["name"]]
    calls = {name: partial(end_one, name) for name in names if name not in own}
    failed: dict[str, SeshError] = {}
    for name, result in each(calls, most=descriptors.most_connections(), stop=caller.stop):
        failed |= {name: result} if isinstance(result, SeshError) else result
    for name in own:
        failed |= end_one(name, caller.stop)
    return {name: failed[name] for name in names if name in failed}


def end(name: str, session_id: str = "") -> None:
    """End a session, also if it has no daemon or its daemon does not answer.

    Without a daemon, its files are removed. A daemon that does not answer in time is killed. `session_id`: end only the
    session with this id. Raises NotFound if the name belongs to another session.
    """
    deadline = time.monotonic() + _END_TIMEOUT
    record = records.readable(name) if paths.check_directory(paths.directory()) else None
    try:
        connection = find.connect(name)
    except NotFound:
        if dormant.forget(name, session_id):
            return
        connection = find.connect(name)  # another process has started it again, or ended it
    with connection:
        request = request_frames(KILL, 1, begin_by=connection.begin_by(deadline), session_id=session_id)
        try:
            with suppress(errors.Unreachable, errors.TimedOut):  # reading the response fails in the same way
                connection.send(hello_frame("request") + request, time.monotonic() + 1)
            connection.expect_welcome(deadline)
            connection.await_response(KILL, 1, time.monotonic() + protocol.ENDING_TIMEOUT)
        except errors.Unreachable:
            here = record if record is not None and records.here(record) else None
            if here is not None and not await_end(partial(records.alive, here), deadline):
                raise
            dormant.forget(name)  # the files that a daemon leaves when it dies
        except errors.TimedOut:
            if session_id and record is not None and record.get("id") != session_id:
                raise paths.absent(name) from None
            if not _kill_daemon(name, record):
                raise


def await_end(is_alive: Callable[[], bool], deadline: float) -> bool:
    """Wait until a process has ended; return False after the deadline (monotonic)."""
    while is_alive():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)  # the process is no child, so the kernel sends no event
    return True


def _kill_daemon(name: str, record: Record | None) -> bool:
    """Kill a silent daemon and its session's programs; return whether the session is gone."""
    if record is None or not records.here(record):
        return records.read(name) is None
    groups = processes.groups_of_session(int(record.get("pid") or 0)) if records.alive(record) else []
    if records.alive(record):
        with suppress(ProcessLookupError):
            os.kill(int(record["daemon_pid"]), signal.SIGKILL)
    await_end(partial(records.alive, record), time.monotonic() + _KILL_TIMEOUT)
    for group in groups:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(group, signal.SIGKILL)
    return dormant.forget(name)
