"""One session, named: all that can be done with it, here or on another host."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import Literal, overload

from sesh import check
from sesh.api.results import Met, Result, Sent, result_of
from sesh.errors import Busy, NotFound, Silent, UsageError, rebuild
from sesh.names import check_host, check_label, check_name
from sesh.ops import enter, events, jobs, lookup, search, send, shell, views, wait
from sesh.ops import sessions as session_ops
from sesh.outcomes import Command
from sesh.reach import target_of
from sesh.reach.caller import Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.schema import Event, JobSpec, Seconds, Spec, Status, Summary
from sesh.stop import Stop
from sesh.vt.render.screen_data import Screen

Words = str | Sequence[str]
Pairs = Mapping[str, str]
Directory = str | os.PathLike[str]


@dataclass(unsafe_hash=True)
class Session:
    """The session `name` on this machine, or on `host`; nothing is asked before a method is called.

    Each call opens a connection of its own, so threads may share a Session, and there is nothing to close. No call asks
    a person; ssh never prompts. SIGVTALRM bounds the search for a pattern in a process of one thread; no other signal
    is handled. Raises InvalidName, InvalidHost; every call may raise NotFound, Unreachable, and for a host NotDeployed.
    """

    name: str
    host: str | None = None

    def __post_init__(self) -> None:
        check_name(self.name)
        self._target = _target(self.host)
        self.host = self._target.host

    @classmethod
    def open(
        cls,
        name: str,
        host: str | None = None,
        *,
        command: Words | None = None,
        directory: Directory | None = None,
        env: Pairs | None = None,
        labels: Pairs | None = None,
        size: str | None = None,
    ) -> Session:
        """Make sure that the session runs. If it does already, `labels` are set, and the other words not applied.

        `directory`: the current one by default, on a host HOME. `command`: its program, the user's shell by default; a
        text is a line for `sh`, a list one program and its words. `size`: its columns and rows until a terminal
        attaches, `"200x50"`; 80x24 by default. Raises Exists for one that has ended and is kept, CannotStart, Refused,
        UsageError.
        """
        session = cls(name, host)
        session.ensure(command=command, directory=directory, env=env, labels=labels, size=size)
        return session

    def ensure(
        self,
        *,
        command: Words | None = None,
        directory: Directory | None = None,
        env: Pairs | None = None,
        labels: Pairs | None = None,
        size: str | None = None,
    ) -> bool:
        """Make sure, as `open` does, that this session runs. Returns whether it had to be created."""
        spec = _spec(command, directory, env, labels, size)
        self._target.sync()
        return self._target.call(enter.open_, name=self.name, spec=spec)

    def exists(self) -> bool:
        """Return whether it is there, running or kept; a lost one is not."""
        try:
            return self._target.call(session_ops.there, name=self.name)
        except NotFound:
            return False

    def status(self) -> Status:
        """Everything known of it: the keys of `sesh --status NAME --json`. Raises NotFound."""
        return {**self._target.call(views.status, name=self.name), "host": self.host}

    def kill(self) -> None:
        """End it and its programs: SIGHUP, and SIGKILL after two seconds. Raises NotFound."""
        for error in self._target.call(session_ops.kill, names=[self.name])["failed"].values():
            raise rebuild(error)

    def run(
        self,
        command: Words,
        *,
        timeout: float | None = None,
        wait: bool = True,
        ansi: bool = False,
        stop: Stop | None = None,
    ) -> Result:
        """Have the session's live shell run a command. Returns exactly its output, and its exit code.

        `command`: a text is source of that shell, a list is quoted for it. `timeout`: after so many seconds the result
        says `timed_out`, and the command goes on. `ansi`: with escape sequences. Without `wait` it returns when the
        command has begun. Ctrl-C in the main thread, and `stop`, interrupt the command. Raises Busy if the shell is not
        at its prompt, or a person typed in between; NotFound.
        """
        words = [command] if isinstance(command, str) else list(command)
        if not words or any("\0" in word for word in words):
            raise UsageError("a command must be a string or a list of words, without NUL")
        limit, stop = _seconds(timeout, "timeout"), stop or Stop()
        with shell.run_errors(), self._stream(stop, limit) as stream:
            facts, output = shell.run(stream, words, limit, stop=stop, wait=wait)
        return result_of(self.name, self.host, words, facts, output if ansi else shell.plain(output))

    def exec(
        self,
        command: Words,
        *,
        directory: Directory | None = None,
        env: Pairs | None = None,
        labels: Pairs | None = None,
        size: str | None = None,
        timeout: float | None = None,
        keep: bool = False,
        stop: Stop | None = None,
    ) -> Result:
        """Run a command as the program of this session, which must not exist yet, and waits for its end.

        `command`: a list is a program and its words, a text a line for `sh`. `timeout`: the job is ended then, 124.
        `keep`: the session stays, to be looked at, until `kill`. The result's `data` is its output, of more than 32 MiB
        the end. A job outlives its caller, and a link to its host that is lost; `stop` interrupts it. Raises Exists,
        CannotStart (127, 126), Refused.
        """
        spec = _spec(command, directory, env, labels, size)
        return _executed(self._target, _job(spec, self.name, timeout, keep), stop)

    @classmethod
    def job(  # noqa: PLR0913 (a job has that many sides)
        cls,
        command: Words,
        name: str | None = None,
        host: str | None = None,
        *,
        directory: Directory | None = None,
        env: Pairs | None = None,
        labels: Pairs | None = None,
        size: str | None = None,
        timeout: float | None = None,
        keep: bool = False,
    ) -> Session:
        """Begin a job as `exec` does, without waiting; return its session, without a name under the lowest free number.

        `wait()` gives its exit code, also after it has removed itself.
        """
        data = _job(_spec(command, directory, env, labels, size), name, timeout, keep)
        target = _target(host)
        target.sync()
        return cls(target.call(enter.job_detached, **data), target.host)

    def result(self) -> Result:
        """Return the result of the last job of this name, with the last MiB of output; kept for a week.

        Raises Busy while it runs, NotFound if nothing is known.
        """
        if self.exists() and self.status()["state"] == "running":
            raise Busy(f"{self.name} still runs; wait for its end")
        facts = self._target.call(jobs.result, name=self.name)
        output = facts["output"].replace(b"\r\n", b"\n")
        return result_of(self.name, self.host, facts.get("command") or [], facts, output)

    def history(self) -> list[Command]:
        """Return the commands that `run` saw, the newest last: the keys of `sesh --history NAME --json`."""
        return self._target.call(shell.history, name=self.name)

    def send(
        self,
        text: str = "",
        *,
        enter: bool = False,
        keys: Sequence[str] = (),
        if_waiting: bool | str = False,
        force: bool = False,
    ) -> Sent:
        """Type a text, Enter once the program has read and shown it, then keys by tmux's names (`C-c`, `Up`, `F5`).

        `if_waiting`: only if it waits for a person at that moment; given a regular expression, only if its question
        matches. `force`: with `enter`, also after what a person has typed, or where the program says that it asks.
        Raises Busy if so, or if the program does not read; Refused if it does not wait for a person, or asks something
        else; NotSubmitted if a text that was typed got no Enter.
        """
        if not text and not enter and not keys:
            raise UsageError("nothing to send; give text, enter=True, or keys")
        question = None if if_waiting is False else "." if if_waiting is True else if_waiting
        return Sent(**send.type_into(
            self._target, self.name, os.fsencode(text), keys=list(keys), enter=enter, force=force, question=question
        ))  # fmt: skip

    def wait(
        self,
        *,
        exit: bool = False,  # noqa: A002 (the word of the command line)
        prompt: bool = False,
        waiting: bool = False,
        idle: float | None = None,
        pattern: str | None = None,
        since: int | Sent | Literal["start"] | None = None,
        timeout: float | None = None,
        stop: Stop | None = None,
    ) -> Met:
        """Wait until the first of the conditions holds; without any, for the end.

        `exit`: it has ended, also days ago. `prompt`: its shell reads a command line. `waiting`: it waits for a person;
        its question is the `match`. `idle`: it printed nothing for so many seconds. `pattern`: a line holds a match of
        the regular expression. Only output after the last `send` or `run` of anybody counts, or from `since` on: a
        position, or "start" for all that is kept. Raises TimedOut after `timeout` seconds, Refused if it ends and that
        was not waited for, Interrupted if `stop` ended the waiting, UsageError for an invalid pattern.
        """
        if isinstance(since, Sent):
            since = since.position
        if since is not None and since != "start" and not check.fits(int, since):
            raise UsageError('since must be a position returned by send or wait, or "start"')
        pattern = search.checked(pattern) if pattern is not None else None
        stop = stop or Stop()
        begin, limit = since if since is not None else "sent", _seconds(timeout, "timeout")
        conditions: wait.Conditions = {
            "exit_": exit, "prompt": prompt, "waiting": waiting, "idle": _seconds(idle, "idle"), "pattern": pattern,
            "begin": begin, "limit": limit,
        }  # fmt: skip
        try:
            with self._stream(stop, limit) as stream, stop.calling(stream.cut):
                condition = wait.met(stream, conditions)
        except NotFound as missing:  # it has ended already
            condition = wait.after_end(self._target, self.name, missing, conditions)
        return Met(condition["met"], condition["match"], condition["exit_code"], condition["position"])

    def logs(self, lines: int = 300, *, ansi: bool = False) -> list[str]:
        """Return the last lines of scrollback and screen; `ansi`: with their colours."""
        if not check.fits(int, lines):
            raise UsageError("lines must be an integer, 0 or more")
        return self._target.call(views.logs, name=self.name, lines=lines, ansi=ansi)

    @overload
    def screen(self, format: Literal["text", "ansi"] = "text") -> str: ...

    @overload
    def screen(self, format: Literal["json"]) -> Screen: ...

    def screen(self, format: str = "text") -> str | Screen:  # noqa: A002 (the word of the command line)
        """Return the screen as it is now: rows as text, or with colours (`ansi`).

        `json` is a dict of runs of cells, with the cursor and the size: the keys of `sesh --screen NAME --format json`.
        """
        if format == "json":
            return views.cells(self._target, self.name)
        return views.drawn(self._target, self.name, format)["text"]

    def events(self, since: int | None = None, *, stop: Stop | None = None) -> Iterator[Event]:
        """Yield its events as they happen, until it ends: the keys of `sesh --events NAME --json`.

        `since`: those after that number first, 0 for all that are kept. Leaving the loop closes the connection.
        """
        stop = stop or Stop()
        with self._stream(stop, None) as stream, stop.calling(stream.cut):
            for event in events.follow(stream, since):
                event["host"] = self.host
                yield event

    def label(self, **labels: str) -> dict[str, str]:
        """Set labels, an empty value removes one. Returns all that it has then."""
        checked = dict(map(check_label, _pairs(labels)))
        return self._target.call(session_ops.label, name=self.name, labels=checked)

    def resume_with(self, command: Sequence[str]) -> None:
        """Keep the command by which it is started again after its end; without words it is forgotten."""
        if isinstance(command, str):
            raise UsageError("a resume command is a list of words", hint="for a line of shell: ['sh', '-c', LINE]")
        self._target.call(session_ops.resume_with, name=self.name, command=list(command))

    def _stream(self, stop: Stop, timeout: float | None) -> Stream:
        """Open a stream of the session's daemon, which reconnects for `timeout` seconds, or until `stop`."""
        deadline = None if timeout is None else time.monotonic() + timeout

        def sleep(seconds: float) -> None:
            if deadline is not None and time.monotonic() > deadline:
                raise Silent(f"@{self.host} does not answer; what you started there goes on, and you can wait for it")
            stop.sleep(seconds)

        stop.check()
        stream = self._target.open_stream(self.name, timeout, sleep)
        stream.deadline = None  # from here on `timeout` counts for the op itself
        return stream


def execute(  # noqa: PLR0913 (a job has that many sides)
    command: Words,
    name: str | None = None,
    host: str | None = None,
    *,
    directory: Directory | None = None,
    env: Pairs | None = None,
    labels: Pairs | None = None,
    size: str | None = None,
    timeout: float | None = None,
    keep: bool = False,
    stop: Stop | None = None,
) -> Result:
    """Run a job and waits for it, as `Session.exec` does; without a name under the lowest free number."""
    spec = _spec(command, directory, env, labels, size)
    return _executed(_target(host), _job(spec, name, timeout, keep), stop)


def _executed(target: Target, job: JobSpec, stop: Stop | None) -> Result:
    stop = stop or Stop()
    interrupts = Interrupts(tie=False, message=f"{job['name'] or 'the job'} keeps running")
    with closing(interrupts), stop.calling(interrupts.stop):
        session, facts, retained = jobs.run(target, job, interrupts)
    return result_of(session, target.host, job["spec"]["command"] or [], facts, retained.replace(b"\r\n", b"\n"))


def sessions(host: str | None = None, *, remotes: bool = False) -> list[Summary]:
    """Return the sessions of this machine, or of `host`: the keys of `sesh --list --json`.

    `remotes`: also those of all known remotes, asked at once; of one that does not answer within two seconds what was
    last known, with the key `stale`. Raises Unreachable, NotDeployed for `host`.
    """
    target = _target(host)
    rows: list[Summary] = [{**row, "host": target.host} for row in target.call(session_ops.summaries)]
    if remotes and host is None:
        for _, own, _ in lookup.lists(Caller()):
            rows += own
    return rows


def _target(host: str | None) -> Target:
    """Return the machine that calls go to. Raises InvalidHost."""
    return target_of(Caller(), None if host is None else check_host(host.removeprefix("@")))


def _pairs(values: Pairs | None) -> list[str]:
    """Return variables or labels as `K=V`."""
    return [f"{key}={value}" for key, value in (values or {}).items()]


def _spec(
    command: Words | None, directory: Directory | None, env: Pairs | None, labels: Pairs | None, size: str | None
) -> Spec:
    """Return the session as the ops take it; a command that is a text is a line for the shell `sh`."""
    program = ["sh", "-c", command] if isinstance(command, str) else list(command) if command is not None else None
    path = os.fspath(directory) if directory is not None else None
    spec: Spec = {"command": program, "directory": path, "env": _pairs(env), "label": _pairs(labels)}
    if size is not None:
        spec["size"] = size
    return spec


def _job(spec: Spec, name: str | None, timeout: float | None, keep: bool) -> JobSpec:
    name = check_name(name) if name is not None else None
    return {"spec": spec, "name": name, "timeout": _seconds(timeout, "timeout"), "keep": keep}


def _seconds(value: float | None, name: str) -> float | None:
    """Return the value. Raises UsageError if it is no positive number."""
    if value is not None and not (value and check.fits(Seconds, value)):
        raise UsageError(f"{name} must be a positive number of seconds")
    return value
