"""The class Session, a named session, and the results of its calls."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from typing import Literal, Union, overload

from sesh.errors import Busy, Fate, NotFound, UsageError, fated
from sesh.names import check_host, check_label, check_name, pair
from sesh.ops import enter, events, jobs, lookup, send, send_file, shell, views, wait
from sesh.ops import sessions as session_ops
from sesh.ops.pattern import check_pattern
from sesh.reach import target_of
from sesh.reach.caller import NEVER, Caller
from sesh.reach.cancelling import Interrupts
from sesh.reach.outcome import exiting_as
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.schema import check
from sesh.schema.facts import MAX_NUMBER, Event, JobResult, JobSpec, RunFacts, Seconds, Spec, Status, Summary
from sesh.schema.outcomes import Command
from sesh.system.workers import Stop
from sesh.vt.render.screen_data import ScreenFacts

AnyCommand = Union[str, Sequence[str]]
Pairs = Mapping[str, str]
AnyPath = Union[str, os.PathLike[str]]


@dataclass(frozen=True)
class Result:
    """The result of a command that has ended or timed out.

    `host`: None for this machine. `exit_code`: 128+N if signal N ended the command, 124 if it timed out, None if it was
    not waited for. `data`: the output as bytes, with the line ends of a pipe. `duration`: seconds. `truncated`: `data`
    is only the end of the output.
    """

    session: str
    host: str | None
    command: list[str]
    exit_code: int | None
    data: bytes = field(repr=False)
    duration: float | None = None
    timed_out: bool = False
    truncated: bool = False

    @property
    def output(self) -> str:
        """The output as text; invalid UTF-8 becomes U+FFFD."""
        return self.data.decode("utf-8", "replace")

    @property
    def ok(self) -> bool:
        return self.exit_code == 0


def _result_of(
    session: str, host: str | None, command: Sequence[str], facts: JobResult | RunFacts, data: bytes
) -> Result:
    timed_out, truncated = bool(facts.get("timed_out")), bool(facts.get("truncated"))
    code, duration = facts.get("exit_code"), facts.get("duration")
    return Result(session, host, list(command), code, data, duration, timed_out, truncated)


@dataclass(frozen=True)
class Sent:
    """The `bytes` typed, and the output's `position` then, for `since`. `typed` is True."""

    bytes: int
    position: int | None
    typed: bool


@dataclass(frozen=True)
class Met:
    """The condition that ended a wait.

    `met`: `exit`, `prompt`, `waiting`, `idle` or `for`. `match`: the text that matched the pattern, or the question.
    `exit_code`: that of the session, if it has ended. `position`: that of the output, for `since` of the next wait.
    """

    met: str
    match: str | None
    exit_code: int | None
    position: int | None


@dataclass(unsafe_hash=True)
class Session:
    """The session `name` on this machine, or on `host`; only methods connect to it.

    Each call opens its own connection, so threads may share a Session, and there is nothing to close. No call asks a
    person; ssh never prompts, and no signal is handled. Raises UsageError; every call may raise NotFound, Unreachable,
    and for a host NotDeployed.
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
        command: AnyCommand | None = None,
        directory: AnyPath | None = None,
        env: Pairs | None = None,
        labels: Pairs | None = None,
        size: str | None = None,
    ) -> Session:
        """Start the session unless it runs; a running one only gets the `labels`.

        `directory`: by default the current directory, or HOME on a host. `command`: by default the user's shell; a
        string is a line for `sh`, a list is a program and its arguments. `size`: columns and rows until a terminal
        attaches (`"200x50"`); by default 80x24. Raises Exists for an ended session, SeshError (127, 126), Refused,
        UsageError.
        """
        session = cls(name, host)
        session.ensure(command=command, directory=directory, env=env, labels=labels, size=size)
        return session

    def ensure(
        self,
        *,
        command: AnyCommand | None = None,
        directory: AnyPath | None = None,
        env: Pairs | None = None,
        labels: Pairs | None = None,
        size: str | None = None,
    ) -> bool:
        """Start this session unless it runs, as `open` does; return whether it was created."""
        spec = _spec(command, directory, env, labels, size)
        return self._target.begin(enter.open_, name=self.name, spec=spec)[1]

    def exists(self) -> bool:
        """Return whether the session runs or is kept; False for a lost one."""
        try:
            return self._target.call(views.status, name=self.name)["state"] != "lost"
        except NotFound:
            return False

    def status(self) -> Status:
        """Return everything known about the session: the keys of `sesh status NAME --json`. Raises NotFound."""
        return {**self._target.call(views.status, name=self.name), "host": self.host}

    def kill(self) -> None:
        """End the session and its programs: SIGHUP, and SIGKILL after two seconds. Raises NotFound."""
        self._target.call(session_ops.kill, names=[self.name])

    def signal(self, signal: str) -> None:
        """Send a signal, such as INT or USR1, to the program in the foreground, and nothing else.

        Raises NotFound, UsageError.
        """
        self._target.call(session_ops.signal_foreground, [self.name], signal)

    def run(
        self,
        command: AnyCommand,
        *,
        timeout: float | None = None,
        wait: bool = True,
        ansi: bool = False,
        stop: Stop | None = None,
    ) -> Result:
        """Run a command in the session's live shell; return its exact output and exit code.

        `command`: a string is source for that shell, a list is quoted for it. `timeout`: seconds, after which the
        result is `timed_out` and the command goes on. `wait`: if False, return once the command has begun. `ansi`: keep
        escape sequences. Ctrl-C in the main thread, and `stop`, interrupt the command. Raises Busy if the shell is not
        at its prompt, or a person types meanwhile; NotFound.
        """
        words = _words(command)
        limit = _seconds(timeout, "timeout")
        stop = stop or Stop()
        interrupts = Interrupts(tie=False, message=stop.message)
        with (
            exiting_as("run"),
            fated(Fate.NOT_BEGUN),
            closing(interrupts),
            Stream.open(self._target, self.name, limit) as stream,
            stop.calling(interrupts.stop),
        ):
            facts, output = shell.run(stream, words, limit, interrupts=interrupts, wait=wait)
        return _result_of(self.name, self.host, words, facts, output if ansi else shell.without_sequences(output))

    def exec(
        self,
        command: AnyCommand,
        *,
        directory: AnyPath | None = None,
        env: Pairs | None = None,
        labels: Pairs | None = None,
        size: str | None = None,
        timeout: float | None = None,
        keep: bool = False,
        stop: Stop | None = None,
    ) -> Result:
        """Run a command as the program of this new session; wait for its end.

        `command`: a list is a program and its arguments, a string a line for `sh`. `timeout`: seconds, after which the
        job is ended, with exit code 124. `keep`: keep the session until `kill`. The result's `data` is the output, or
        the last 32 MiB of it. A job outlives its caller, and a lost link to its host; `stop` interrupts it. Raises
        Exists, SeshError (127, 126), Refused.
        """
        return execute(
            command, self.name, self.host, directory=directory, env=env, labels=labels, size=size,
            timeout=timeout, keep=keep, stop=stop,
        )  # fmt: skip

    @classmethod
    def job(  # noqa: PLR0913 (a job has that many sides)
        cls,
        command: AnyCommand,
        name: str | None = None,
        host: str | None = None,
        *,
        directory: AnyPath | None = None,
        env: Pairs | None = None,
        labels: Pairs | None = None,
        size: str | None = None,
        timeout: float | None = None,
        keep: bool = False,
    ) -> Session:
        """Start a job as `exec` does, without waiting; return its session.

        By default its name is the lowest free number. `wait()` returns its exit code, also once the session is gone.
        """
        data = _job(_spec(command, directory, env, labels, size), name, timeout, keep)
        target = _target(host)
        return cls(target.begin(enter.job, **data)[0], target.host)

    def result(self) -> Result:
        """Return the result of the last job of this name, kept for a week.

        It has the last MiB of output. Raises Busy while the job runs, NotFound if there is no result.
        """
        if self.exists() and self.status()["state"] == "running":
            raise Busy(f"{self.name} still runs; wait for its end")
        facts = self._target.call(jobs.result, name=self.name)
        output = facts["output"].replace(b"\r\n", b"\n")
        return _result_of(self.name, self.host, facts.get("command") or [], facts, output)

    def history(self) -> list[Command]:
        """Return the session's commands, the newest last, with the keys of `sesh history NAME --json`."""
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
        """Type a text, press Enter once the program has shown it, then press keys.

        `keys`: tmux's names, such as `C-c`, `Up`, `F5`. `if_waiting`: type only if the session waits for a person; a
        regular expression has to match the question, too. `force`: with `enter`, type even after a person's unfinished
        input, or while the program asks; without `force`, both raise Busy. Raises Busy also if the program does not
        read, Refused if `if_waiting` does not hold, and Refused, `typed`, if the text was typed without its Enter.
        """
        if not text and not enter and not keys:
            raise UsageError("nothing to send; give text, enter=True, or keys")
        question = None
        if if_waiting is not False:
            question = "." if if_waiting is True else if_waiting
        return Sent(**send.send_input(
            self._target, self.name, os.fsencode(text), keys=list(keys), enter=enter, force=force, question=question
        ))  # fmt: skip

    def send_file(self, file: AnyPath | bytes, *, name: str | None = None) -> str:
        """Put a file on the session's machine, and paste its path there; return the path.

        `file`: a path here, or the content. `name`: the one that it gets there, for content a must; blanks and the like
        become `-`, and a taken name gets a number. To a program that takes no pastes the path is typed. The file is
        there as long as the session. Raises Refused, also if the path could not be pasted.
        """
        if isinstance(file, bytes):
            source = send_file.of_bytes(file, name or "")
        else:
            source = send_file.of_path(os.fspath(file), name or "")
        return send_file.send_file(self._target, self.name, source)["path"]

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

        `exit`: it has ended, perhaps days ago. `prompt`: its shell is at the prompt. `waiting`: it waits for a person;
        `match` is the question. `idle`: it printed nothing for that many seconds. `pattern`: a line matches the regular
        expression. Output counts from `since` on: a position, or "start" for all that is kept; by default from the last
        `send` or `run`. Raises TimedOut after `timeout` seconds, Refused if the session ends and `exit` is not among
        the conditions, Interrupted if `stop` ends the wait, UsageError for an invalid pattern.
        """
        if isinstance(since, Sent):
            since = since.position
        if since is not None and since != "start" and not check.fits(int, since):
            raise UsageError('since must be a position returned by send or wait, or "start"')
        pattern = check_pattern(pattern) if pattern is not None else None
        conditions: wait.Conditions = {
            "exit": exit, "prompt": prompt, "waiting": waiting, "idle": _seconds(idle, "idle"), "pattern": pattern,
            "begin": since if since is not None else "sent", "timeout": _seconds(timeout, "timeout"),
        }  # fmt: skip
        condition = wait.wait_until_met(_target(self.host, stop), self.name, conditions)
        return Met(condition["met"], condition["match"], condition["exit_code"], condition["position"])

    def logs(self, lines: int | None = 300, *, ansi: bool = False, seconds: float | None = None) -> list[str]:
        """Return the last lines of scrollback and screen.

        `lines`: how many at most, None for all; `ansi`: with colours; `seconds`: only those of the last seconds.
        """
        if lines is not None and not check.fits(int, lines):
            raise UsageError("lines must be an integer, 0 or more")
        if (age := _seconds(seconds, "seconds")) is None:
            return self._target.call(
                views.logs, name=self.name, lines=MAX_NUMBER if lines is None else lines, ansi=ansi
            )
        moment = session_ops.moment_there(self._target, self.name, time.time() - age)
        return self._target.call(views.logs_since, name=self.name, since=moment, lines=lines, ansi=ansi)

    @overload
    def screen(self, format: Literal["text", "ansi"] = "text") -> str: ...

    @overload
    def screen(self, format: Literal["json"]) -> ScreenFacts: ...

    def screen(self, format: str = "text") -> str | ScreenFacts:  # noqa: A002 (the word of the command line)
        """Return what the screen shows now: rows as text, or with colours (`ansi`).

        `json` is a dict with cells, cursor and size: the keys of `sesh screen NAME --format json`.
        """
        if format == "json":
            return self._target.call(views.cells, name=self.name)
        return self._target.call(views.screen, name=self.name, form=format)["text"]

    def events(self, since: int | None = None, *, stop: Stop | None = None) -> Iterator[Event]:
        """Yield events until the session ends, with the keys of `sesh events NAME --json`.

        `since`: begin with the kept events after that number, 0 for all. Leaving the loop closes the connection.
        """
        with Stream.open(_target(self.host, stop), self.name) as stream:
            for event in events.follow(stream, since):
                event["host"] = self.host
                yield event

    def label(self, **labels: str) -> dict[str, str]:
        """Set labels; an empty value removes its label. Return all labels of the session."""
        checked = dict(map(check_label, _pairs(labels)))
        return self._target.call(session_ops.label, name=self.name, labels=checked)

    def resume_with(self, command: Sequence[str]) -> None:
        """Set the command that restarts the session after its end; an empty one removes it."""
        if not check.fits(Sequence[str], command):
            raise UsageError("a resume command is a list of words", hint="for a line of shell: ['sh', '-c', LINE]")
        self._target.call(session_ops.resume_with, name=self.name, command=list(command))


def execute(  # noqa: PLR0913 (a job has that many sides)
    command: AnyCommand,
    name: str | None = None,
    host: str | None = None,
    *,
    directory: AnyPath | None = None,
    env: Pairs | None = None,
    labels: Pairs | None = None,
    size: str | None = None,
    timeout: float | None = None,
    keep: bool = False,
    stop: Stop | None = None,
) -> Result:
    """Run a job as `Session.exec` does, by default with the lowest free number as name."""
    job = _job(_spec(command, directory, env, labels, size), name, timeout, keep)
    target, stop = _target(host), stop or Stop()
    interrupts = Interrupts(tie=False, message=f"{name or 'the job'} keeps running")
    with exiting_as("exec"), closing(interrupts), stop.calling(interrupts.stop):
        session, facts, output = jobs.run(target, job, interrupts)
    return _result_of(session, target.host, job["spec"]["command"] or [], facts, output.replace(b"\r\n", b"\n"))


def sessions(host: str | None = None, *, remotes: bool = False) -> list[Summary]:
    """Return the sessions of this machine, or of `host`: the keys of `sesh list --json`.

    `remotes`: include all known remotes, which are asked in parallel, as are the hosts of a group. If one of them does
    not answer within two seconds, its last known sessions are returned, with the key `stale`. Raises Unreachable or
    NotDeployed for a single `host`.
    """
    if host is not None and len(hosts := hosts_of(host)) > 1:
        return [{**row, "host": group.host} for group in lookup.of_hosts(Caller(), hosts) for row in group.sessions]
    target = _target(host)
    if remotes and host is None:
        return [{**row, "host": group.host or None} for group in lookup.of_all(target) for row in group.sessions]
    return [{**row, "host": target.host} for row in target.call(views.overview)["sessions"]]


def hosts_of(host: str) -> list[str]:
    """Return the hosts that a word names: itself, or those of a group in the settings. Raises UsageError."""
    return Caller().settings().hosts_of([check_host(host.removeprefix("@"))])


def _target(host: str | None, stop: Stop | None = None) -> Target:
    """Return the target for a host, which may be given as a group of one. Raises UsageError."""
    caller = Caller(stop or NEVER)
    return target_of(caller, None if host is None else caller.settings().host_of(check_host(host.removeprefix("@"))))


def _pairs(values: Pairs | None) -> list[str]:
    return [pair(key, value) for key, value in (values or {}).items()]


def _words(command: AnyCommand) -> list[str]:
    """Return the words of a command; a string is one. Raises UsageError."""
    words = [command] if isinstance(command, str) else command
    if not (words and check.fits(Sequence[str], words)):
        raise UsageError("a command must be a string or a list of words, without NUL")
    return list(words)


def _spec(
    command: AnyCommand | None, directory: AnyPath | None, env: Pairs | None, labels: Pairs | None, size: str | None
) -> Spec:
    program = _words(command) if command is not None else None
    program = ["sh", "-c", *program] if program and isinstance(command, str) else program
    path = os.fspath(directory) if directory is not None else None
    words: Spec = {"command": program, "directory": path, "env": _pairs(env), "label": _pairs(labels), "size": size}
    return {**words, "browser": False}


def _job(spec: Spec, name: str | None, timeout: float | None, keep: bool) -> JobSpec:
    name = check_name(name) if name is not None else None
    return {"spec": spec, "name": name, "timeout": _seconds(timeout, "timeout"), "keep": keep}


def _seconds(value: float | None, name: str) -> float | None:
    """Return `value`. Raises UsageError unless it is None or a positive number."""
    if value is not None and not (value and check.fits(Seconds, value)):
        raise UsageError(f"{name} must be a positive number of seconds")
    return value
