"""Ops that lead to a session: they find or create it, and return its name and a connection to its daemon.

Of a name that is taken, lost or ended a person decides what becomes of it; nobody is asked anything else.
"""

from __future__ import annotations

import time

from sesh import attached_last, measures, moments, paths, wording
from sesh.about import SESH
from sesh.errors import Exists, ExitCode, NotFound, Refused, SeshError
from sesh.names import check_name, is_name, printable_path, subject
from sesh.ops import create, dormant, end
from sesh.reach import find
from sesh.reach.caller import CANCEL, Caller
from sesh.reach.op import Entered, op
from sesh.schema import LaunchSpec, Seconds, Spec, Summary
from sesh.store import records, results
from sesh.wire import Connection

_PATIENCE = 1.5
"""Seconds for a daemon to answer before a question about its session."""


@op(creates=True)
def go(caller: Caller, name: str, spec: Spec | None = None, near: str = "") -> Entered:
    """Enter the session NAME, created if there is none.

    `near`: the verb that NAME may be a slip of: then nothing is created. Raises Refused, also if the person declines.
    """
    spec, name = spec or {}, check_name(name)
    plain = spec.get("directory") is None and spec.get("command") is None
    while True:
        if (connection := find.running(name)) is not None:
            apply(caller, name, spec)
            return name, connection
        summary = find.dormant(name)
        if summary is None and near:
            hint = f"did you mean: {SESH} {near}? (to create it: {SESH} -A {name})"
            raise Refused(f"no session {name}", hint=hint)
        launch_spec = create.launch_spec(caller, **spec)
        try:
            if summary is not None:
                return name, dormant.enter(caller, launch_spec, name, summary, plain=plain)
            connection = create.start(launch_spec, name)
        except Exists:  # another process has created it meanwhile, or it is just ending
            time.sleep(create.PAUSE)
            continue
        if plain and caller.can_ask:
            _remember_end(caller, name)
        return name, connection


def _remember_end(caller: Caller, name: str) -> None:
    """Show on the first screen how the program or job that had this name ended; a shell ends every day."""
    last = results.newest(name)
    if last is not None and (last.get("job") or last.get("shell") is False):
        ended = moments.ago(time.time() - float(last.get("ended") or 0))
        caller.remember(f"new session {name}; the one before ended {ended}: {last.get('exit_code')}")


@op()
def attach(_caller: Caller, name: str) -> Entered:
    """Enter a session that must be there; `-` is the one attached last. Raises NotFound."""
    if name != "-":
        return name, find.required(check_name(name))
    for _, last in recent():
        connection = find.running(last)
        if connection is not None:
            return last, connection
    raise NotFound("there is no previous session", hint=f"`{SESH}` lists the sessions")


def recent() -> list[tuple[str, str]]:
    """Return host (empty for this machine) and name of the sessions attached last, the newest first."""
    paths.trusted(paths.directory())
    entries = [entry.rpartition(" ") for entry in attached_last.recent()]
    return [(host.removeprefix("@"), name) for host, _, name in entries if is_name(name)]


@op(creates=True)
def new(
    caller: Caller, name: str | None = None, spec: Spec | None = None, choice: str = "", asks: bool = True
) -> Entered:
    """Enter a new session; see `made`."""
    name, connection, _ = made(caller, name, spec or {}, choice, asks=asks)
    return name, connection


def made(caller: Caller, name: str | None, spec: Spec, choice: str, *, asks: bool) -> tuple[str, Connection, bool]:
    """Create a session; return its name, a connection, and whether it was created now.

    Without a name it gets the lowest free number. `choice`: for a name that is taken: `join`, `replace`, `new` (the
    next free NAME-2), or empty to ask. Raises Exists if nobody can be asked, or not `asks`.
    """
    launch_spec = create.launch_spec(caller, **spec)
    if name is None:
        return *create.start_numbered(launch_spec), True
    check_name(name)
    while True:
        connection = find.running(name)
        summary = find.dormant(name) if connection is None else None
        if connection is None and summary is None:
            try:
                return name, create.start(launch_spec, name), True
            except Exists:
                time.sleep(create.PAUSE)  # another process was faster, or it is just ending
                continue
        choice = choice or _choice(caller, name, connection, summary, asks=asks and caller.can_ask)
        if connection is not None:
            connection.close()
        if choice == "new":
            return *create.start_numbered(launch_spec, f"{name}-", 2), True
        if summary is not None:
            if choice == "join":
                raise find.occupied(summary)
            return name, dormant.start(caller, launch_spec, name, summary, again=False), True
        if choice == "join":
            apply(caller, name, spec)
            return name, find.required(name), False
        end.end_for(name, "replace")
        return name, create.start(launch_spec, name), True


def _choice(caller: Caller, name: str, connection: Connection | None, summary: Summary | None, *, asks: bool) -> str:
    """Ask the person what `--new` is to do with a name that is taken. Raises Exists if nobody can be asked."""
    if connection is None:
        assert summary is not None  # noqa: S101 (else the name is free)
        if not asks:
            raise find.occupied(summary, "--replace", "--new-name")
        return _asked(caller, name, find.how(summary), "n")
    state = f"{subject(name)} {'has ended, but is kept' if find.ended(name) else 'already runs'}"
    if not asks:
        raise Exists(f"{state}; choose --join, --replace or --new-name")
    try:
        session = find.summary(connection, _PATIENCE)
    except SeshError:
        return _asked(caller, name, f"{subject(name)} runs but does not answer", CANCEL[0])
    return _asked(caller, name, f"{state}{_about(session)}", "j", ("j", "Join"))


def _asked(caller: Caller, name: str, question: str, default: str, *more: tuple[str, str]) -> str:
    answers = (*more, ("r", "Replace"), ("n", f"New: {create.numbered(f'{name}-', 2)}"), CANCEL)
    choice = {"j": "join", "r": "replace", "n": "new"}.get(caller.ask(question, answers, default))
    if choice is None:
        raise Refused("nothing was done")
    return choice


def _about(session: Summary) -> str:
    idle = moments.age(session.get("last_activity"), time.time())
    facts = (
        wording.state(session) if session["state"] == "running" else "",
        f"idle {idle}" if idle else "",
        wording.at_home(session.get("cwd") or ""),
        " ".join(session.get("command") or []),
    )
    return f" ({', '.join(wording.cut(wording.plain(fact), 40) for fact in facts if fact)})"


def apply(caller: Caller, name: str, spec: Spec) -> None:
    """Apply the options for a new session to one that runs: set the labels, and note those that are ignored.

    Raises UsageError for an invalid variable or label; then nothing is changed.
    """
    _, labels = create.check_words(spec)
    if (size := spec.get("size")) is not None:
        measures.parse_size(size)
    directory = spec.get("directory")
    ignored = [f"the directory {printable_path(directory)}"] if directory is not None else []
    ignored += ["the command"] if spec.get("command") is not None else []
    ignored += [f"--{key}" for key in ("env", "size") if spec.get(key)]
    if labels:
        find.ask(name, "label", set=labels)
        caller.remember(f"labels set: {', '.join(map('='.join, labels.items()))}")
    if ignored:
        words = " and ".join(filter(None, (", ".join(ignored[:-1]), ignored[-1])))
        caller.entering(f"{subject(name)} already runs; {words} {'are' if len(ignored) > 1 else 'is'} ignored")


@op(creates=True)
def job(
    caller: Caller,
    name: str | None = None,
    spec: Spec | None = None,
    keep: bool = False,
    timeout: Seconds | None = None,
    stdin: bool = False,
) -> Entered:
    """Begin a job: the command of `spec` is its session's program, under the lowest free number if unnamed.

    Errors exit with 125, unless they have a code of their own.
    """
    name = check_name(name) if name is not None else None
    try:
        launch_spec = create.launch_spec(caller, **(spec or {}))
        launch_spec |= {"job": True, "keep": keep, "timeout": timeout, "stdin": stdin}
        if name is None:
            return create.start_numbered(launch_spec)
        if (summary := find.dormant(name)) is None:
            return name, _start_job(launch_spec, name)
        # A job that was lost is replaced, for what runs it each night; no other session is.
        if (records.readable(name) or {}).get("job") is not True:
            raise find.occupied(summary)
        return name, dormant.start(caller, launch_spec, name, summary, again=False)
    except SeshError as error:
        error.exit_code = ExitCode.SESH_FAILED if error.exit_code == ExitCode.FAILED else error.exit_code
        raise


def _start_job(launch_spec: LaunchSpec, name: str) -> Connection:
    """Start a job under a name. Raises Exists with the line that runs the command in the session of that name."""
    try:
        return create.start(launch_spec, name)
    except Exists:
        if find.ended(name):
            raise
        line = f"{SESH} run {name} -- {wording.command_line(launch_spec['command'] or [])}"
        raise Exists(f"{subject(name)} runs", hint=f"in its shell: {line}") from None
