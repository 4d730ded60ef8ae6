"""Ops that lead to a session: they find or create it, and answer its name and a connection to its daemon.

The caller is asked if only the person can decide: a name one letter off, a lost session, a name that is taken.
"""

from __future__ import annotations

import os
import time

from sesh import attached_last, bounds, moments, paths
from sesh.about import SESH
from sesh.errors import ENDS, Exists, ExitCode, NotFound, Refused, SeshError
from sesh.names import LONG_ENOUGH, is_name, near, printable, printable_path, subject
from sesh.ops import create, dormant
from sesh.reach import find
from sesh.reach.caller import NOTHING, Caller
from sesh.reach.op import Entered, op
from sesh.schema import LaunchSpec, Spec
from sesh.store import listing, records, results
from sesh.wire import Connection


@op(creates=True)
def go(caller: Caller, name: str, spec: Spec | None = None, meant: str = "") -> Entered:
    """The session NAME, created if there is none. `meant`: the line to propose if DIR does not exist."""
    entry = Entry(caller, name, spec or {}, meant)
    entry.check()
    return entry.enter()


class Entry:
    """Entering the session NAME, in two steps: `check` raises errors, `enter` finds or creates the session.

    `connection`: to the session that runs, None if there is none; `dormant`: whether it has no daemon. `tells`: whether
    a person is told of a job of this name that has failed, once a session was created.
    """

    def __init__(self, caller: Caller, name: str, spec: Spec, meant: str) -> None:
        self.name = find.checked(name)
        self.connection = find.running(name)
        self.dormant = self.connection is None and find.dormant(name) is not None
        self._caller, self._spec, self._meant = caller, spec, meant
        self._plain = self.tells = spec.get("directory") is None and spec.get("command") is None
        self._launch_spec: LaunchSpec | None = None

    def check(self) -> None:
        """Raises the errors of the options; also of those that a running session ignores."""
        if self.connection is None:
            check_directory(self._caller, self.name, self._spec.get("directory"), self._meant)
            self._launch_spec = create.launch_spec(self._caller, **self._spec)
        else:
            _labels(self._spec)

    def enter(self) -> Entered:
        """The session, created if it does not exist; `check` comes first. Raises Refused if the person declines."""
        name, connection = self.name, self.connection
        if connection is None and not self.dormant and self._plain:  # a DIR or CMD is for a new one
            name, connection = _near(self._caller, name)
        if connection is not None:
            apply(self._caller, name, self._spec)
            return name, connection
        launch_spec = self._launch_spec
        assert launch_spec is not None  # noqa: S101 (`check` has made it)
        while True:
            try:
                if (summary := find.dormant(name)) is not None:
                    return name, dormant.enter(self._caller, launch_spec, name, summary, plain=self._plain)
                connection = create.start(launch_spec, name)
                if self.tells:
                    self._tell_of_end()
                return name, connection
            except Exists:
                if (connection := find.running(name)) is not None:  # another process has created it meanwhile
                    apply(self._caller, name, self._spec)
                    return name, connection
                time.sleep(create.PAUSE)  # it is just ending

    def _tell_of_end(self) -> None:
        """Tells a person who may have looked for a job of this name that it has failed, and where its output is; of a
        program that was the session of this name before, how it ended."""
        if not self._caller.can_ask:
            return
        end = results.newest(self.name)
        if end is not None and not end.get("job") and (end.get("shell") is not False or end.get("reason") in ENDS):
            end = results.of_job(self.name)  # of a shell, or of what was ended, there is nothing to say
        if end is None:
            return
        passed, code = moments.ago(time.time() - float(end.get("ended") or 0)), end.get("exit_code")
        if not end.get("job"):
            self._caller.remember(f"new session {self.name}; the one before ended {passed}: {code}")
        elif code:
            line = f"{SESH} --logs {self.name}"
            self._caller.remember(f"job {self.name} ended {passed}: {code}; once this session has ended: {line}")


def apply(caller: Caller, name: str, spec: Spec) -> None:
    """Applies the options for a new session to one that runs: sets the labels, and notes those that are ignored.

    Raises UsageError for an invalid variable or label; then nothing is changed.
    """
    labels = _labels(spec)
    if (size := spec.get("size")) is not None:
        bounds.parse_size(size)
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


def _labels(spec: Spec) -> dict[str, str]:
    """The labels of the options. Raises UsageError for an invalid variable or label."""
    return create.check_words(spec)[1]


def check_directory(caller: Caller, name: str, directory: str | None, meant: str = "") -> None:
    """Raises Refused if a new session's DIR does not exist; `meant`: the line to propose."""
    path = create.mapped(caller, directory or "")
    if not directory or os.path.isdir(path.replace("\0", "/")):
        return
    if meant:
        message = f"there is no session {name}, and no directory {printable(directory)} to start it in"
        raise Refused(message, hint=f"did you mean {meant}?")
    raise Refused(create.no_directory(path), hint=f"to run a command: {SESH} {name} -- {printable(directory)}")


def _near(caller: Caller, name: str) -> tuple[str, Connection | None]:
    """The new name, or a running session's that differs by one letter, with a connection to that session.

    Asks only if a person can be asked, and only for names of four letters or more. Raises Refused if they decline.
    """
    if not caller.can_ask or len(name) < LONG_ENOUGH:
        return name, None
    for other in near(name, paths.names()):
        try:
            summary = listing.unanswered(other)
        except Refused:
            continue  # a list names it
        if summary is None or summary["state"] != "running" or "machine" in summary:
            continue
        answers = (("a", f"Attach to {other}"), ("c", f"Create {name}"), NOTHING)
        answer = caller.ask(f"session {other} exists; attach to it, or create {name}?", answers, "a")
        if answer not in ("a", "c"):
            raise Refused("nothing was done")
        return (other, find.required(other)) if answer == "a" else (name, None)
    return name, None


@op()
def attach(_caller: Caller, name: str) -> Entered:
    """A session that must be there; `-` is the one attached last. Raises NotFound."""
    if name != "-":
        return name, find.required(find.checked(name, "--attach"))
    for _, last in recent():
        connection = find.running(last)
        if connection is not None:
            return last, connection
    raise NotFound("there is no previous session", hint=f"`{SESH}` lists the sessions")


def recent() -> list[tuple[str, str]]:
    """Host (empty for this machine) and name of the sessions attached last, the newest first."""
    paths.trusted(paths.directory())
    entries = [entry.rpartition(" ") for entry in attached_last.recent()]
    return [(host.removeprefix("@"), name) for host, _, name in entries if is_name(name)]


@op(creates=True)
def job(
    caller: Caller,
    name: str | None = None,
    spec: Spec | None = None,
    keep: bool = False,
    timeout: float | None = None,
    stdin: bool = False,
) -> Entered:
    """Begins a job: the command of `spec` is its session's program, under the lowest free number if unnamed.

    Errors exit with 125, unless they have a code of their own.
    """
    name = find.checked(name, "--exec") if name is not None else None
    if timeout is not None:
        timeout = bounds.seconds(timeout, "timeout")
    try:
        launch_spec = create.launch_spec(caller, **(spec or {}))
        launch_spec |= {"job": True, "keep": keep, "timeout": timeout, "stdin": stdin}
        if name is None:
            return create.start_numbered(launch_spec)
        if (summary := find.dormant(name)) is None:
            return name, create.start(launch_spec, name)
        # A job that was lost is replaced, for what runs it each night; no other session is.
        if (records.readable(name) or {}).get("job") is not True:
            raise find.occupied(summary)
        return name, dormant.start(caller, launch_spec, name, summary, again=False)
    except SeshError as error:
        error.exit_code = ExitCode.SESH_FAILED if error.exit_code == ExitCode.FAILED else error.exit_code
        raise
