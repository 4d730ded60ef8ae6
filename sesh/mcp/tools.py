"""The tools: what an agent may do with sessions, each a thin layer over the Python API.

A tool is a method marked `@tool`: its parameters and its docstring are what the client reads, the model that it returns
is the schema of its answer.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from mcp.types import ToolAnnotations
from pydantic import BaseModel, Field, WithJsonSchema

from sesh import json_schema, wording
from sesh.api import Met, Result, Session, Stop, execute, sessions
from sesh.errors import NotFound, SeshError, TimedOut, Unreachable
from sesh.mcp.worklog import SessionTable, UsedSession, log_action
from sesh.ops.views import bears
from sesh.schema import Status, Summary

Name = Annotated[str, Field(description="The session's name: letters, digits, . _ + -")]
Host = Annotated[
    str | None, Field(description="An ssh destination or alias, user@host; without it the session is on this machine.")
]
Limit = Annotated[
    int, Field(description="Most characters to return. Longer output is cut to its end; see `hint` for more.", ge=0)
]
Size = Annotated[
    str | None, Field(description="Columns and rows until a terminal attaches, such as 200x50; 80x24 by default.")
]
Command = str | list[str]

_MOST_LINES = 10_000
"""Lines that `logs` reads at once."""
READING = ToolAnnotations(read_only_hint=True, open_world_hint=False)
DOING = ToolAnnotations(read_only_hint=False)
ENDING = ToolAnnotations(read_only_hint=False, destructive_hint=True)

CHARACTERS = 30_000
PATIENCE = 100.0
"""Seconds that a call waits by default: less than most clients wait for an answer."""
_AT_ONCE = 8
"""Sessions that are ended at a time."""


_Method = TypeVar("_Method", bound=Callable[..., object])
_Answer = TypeVar("_Answer")


def tool(hints: ToolAnnotations) -> Callable[[_Method], _Method]:
    """Marks a method of Tools as a tool; its name is the method's, less a `_` at the end."""

    def mark(method: _Method) -> _Method:
        method.hints = hints  # type: ignore[attr-defined]
        return method

    return mark


class Tools:
    """The tools of one server, and the sessions that it has heard of."""

    def __init__(self) -> None:
        self.table = SessionTable()

    @tool(READING)
    def list_(
        self,
        host: Host = None,
        remotes: bool = False,
        labels: Annotated[dict[str, str] | None, Field(description="Only sessions that have all of these.")] = None,
    ) -> Rows:
        """List the sessions of this machine, of one host, or with remotes=true of all known remotes. Use it to find a
        session, and to see which waits for a person: `activity` has its state, and the question that it asks."""
        rows = [session for session in sessions(host, remotes=remotes) if bears(session, labels or {})]
        return Rows(sessions=wording.encodable(rows))

    @tool(DOING)
    def open(
        self,
        name: Name,
        host: Host = None,
        directory: Annotated[str | None, Field(description="Its directory; on a host, HOME by default.")] = None,
        command: Annotated[Command | None, Field(description="The program; by default the user's shell.")] = None,
        env: dict[str, str] | None = None,
        labels: dict[str, str] | None = None,
        size: Size = None,
    ) -> Opened:
        """Make sure that a session runs: a shell that keeps directory and variables between calls. Use it before run,
        and again where one is expired: if only the link was lost, all in it is still there (created=false)."""
        with self.table.during_call(Session(name, host)) as entry:
            created = entry.session.ensure(directory=directory, command=command, env=env, labels=labels, size=size)
            if created:
                entry.created()
        return Opened(**_named(entry), created=created, connection="connected", log=entry.log)

    @tool(DOING)
    def run(
        self,
        name: Name,
        command: Annotated[Command, Field(description="Shell source; or a list of words, quoted for the shell.")],
        host: Host = None,
        timeout: Annotated[
            float, Field(description="Seconds to wait; afterwards the command goes on.", gt=0)
        ] = PATIENCE,
        output_limit: Limit = CHARACTERS,
        *,
        stop: Stop,
    ) -> Ran:
        """Run a command in an open session's shell and get exactly its output and exit code. Use it for what ends by
        itself; `cd` and variables stay for the next call. busy: a program has the terminal: send, or send C-c."""
        with self.table.during_call(Session(name, host)) as entry:
            result = entry.session.run(command, timeout=timeout, stop=stop)
        return _ran(entry, "run", command, result, output_limit)

    @tool(DOING)
    def exec(  # noqa: PLR0913 (a job has that many sides)
        self,
        command: Annotated[Command, Field(description="A program and its arguments as a list, or a line for sh.")],
        name: Annotated[str | None, Field(description="A free name; without it, the lowest free number.")] = None,
        host: Host = None,
        directory: str | None = None,
        env: dict[str, str] | None = None,
        timeout: Annotated[float | None, Field(description="End the job after this many seconds.", gt=0)] = None,
        background: Annotated[
            bool, Field(description="Return at once; `wait` with until=exit returns the exit code.")
        ] = False,
        output_limit: Limit = CHARACTERS,
        *,
        size: Size = None,
        stop: Stop,
    ) -> Ran:
        """Run a job in a session of its own and get its exit code and output. Use it for builds, tests and servers,
        with background=true if it takes longer than a minute; a person may watch it with `sesh NAME`."""
        if background:
            begun = Session.job(command, name, host, directory=directory, env=env, timeout=timeout, size=size)
            result = Result(begun.name, begun.host, [], None, b"")
        else:
            result = execute(command, name, host, directory=directory, env=env, timeout=timeout, size=size, stop=stop)
        with self.table.during_call(Session(result.session, result.host), "started") as entry:
            if background:
                entry.created()
        return _ran(entry, "exec", command, result, output_limit)

    @tool(DOING)
    def send(
        self,
        name: Name,
        text: Annotated[str, Field(description="Text to type, unchanged.")] = "",
        enter: Annotated[bool, Field(description="Press Enter after the text.")] = False,
        keys: Annotated[
            list[str], Field(description="Keys to press afterwards, in tmux's spelling: C-c, Escape, Up, F5.")
        ] = [],  # noqa: B006 (read only; the schema shows it)
        if_waiting: Annotated[
            bool | str,
            Field(
                description="Only if it waits for a person; or only if what it asks matches this regular expression. "
                "Otherwise nothing is typed, and the error `refused` gives its state."
            ),
        ] = False,
        force: Annotated[
            bool, Field(description="With enter: type into somebody's draft, or where the program asks something, too.")
        ] = False,
        host: Host = None,
    ) -> Sent:
        """Type into what runs in a session. Use it for a program that asks, a REPL, an editor or another agent; then
        wait, and look with screen. For a shell command use run, which gives its output and exit code."""
        with self.table.during_call(Session(name, host)) as entry:
            sent = entry.session.send(text, enter=enter, keys=keys, if_waiting=if_waiting, force=force)
        pressed = [*(["Enter"] if enter else []), *keys]
        log_action(
            entry.log, "send", " ".join([f"{len(text)} character{'s' if len(text) != 1 else ''}", *pressed]), "sent"
        )
        return Sent(**_named(entry), position=sent.position, typed=sent.typed)

    @tool(READING)
    def wait(
        self,
        name: Name,
        until: Annotated[
            list[Literal["exit", "prompt", "waiting"]],
            Field(
                description="exit: it has ended; prompt: its shell is at the prompt; waiting: it waits for a person, "
                "and match is what it asks."
            ),
        ] = [],  # noqa: B006
        pattern: Annotated[
            str | None, Field(description="Or a line of output matches this regular expression.")
        ] = None,
        idle: Annotated[float | None, Field(description="Or nothing was printed for this many seconds.", gt=0)] = None,
        since: Annotated[
            int | None, Field(description="Look at output from this position on; by default, after the last send.")
        ] = None,
        timeout: Annotated[float, Field(description="Seconds to wait; then `met` is timeout.", gt=0)] = PATIENCE,
        host: Host = None,
        *,
        stop: Stop,
    ) -> Waited:
        """Wait until the first of the conditions holds; without any, for the end. Use it after send, and for jobs in
        the background. met=timeout is no error: wait again with the same arguments, and nothing is lost."""
        with self.table.during_call(Session(name, host)) as entry:
            try:
                met = entry.session.wait(
                    exit="exit" in until,
                    prompt="prompt" in until,
                    waiting="waiting" in until,
                    idle=idle,
                    pattern=pattern,
                    since=since,
                    timeout=timeout,
                    stop=stop,
                )
            except TimedOut:
                met = Met("timeout", None, None, since)
        return Waited(**_named(entry), **vars(met))

    @tool(READING)
    def logs(
        self,
        name: Name,
        lines: Annotated[
            int, Field(description="Number of last lines of scrollback and screen.", ge=1, le=_MOST_LINES)
        ] = 100,
        host: Host = None,
        output_limit: Limit = CHARACTERS,
        skip: Annotated[int, Field(description="Number of last lines to leave out, to page back.", ge=0)] = 0,
    ) -> Text:
        """Read the last lines that a session has printed, of a job also when it has ended. Use it for what scrolled by,
        and to page back with skip; what a full-screen program shows has the tool screen."""
        with self.table.during_call(Session(name, host)) as entry:
            last = entry.session.logs(lines + skip)
            hint = _screen_hint(entry.session)
        text, left_out = _end(entry.session, "\n".join(last[: len(last) - skip]), output_limit, skip)
        return Text(**_named(entry), text=text, hint=" ".join(filter(None, (hint, left_out))) or None)

    @tool(READING)
    def screen(self, name: Name, host: Host = None) -> Text:
        """See what a session's screen shows now, as a person would. Use it for full-screen programs, before you answer
        a question, and when something was refused."""
        with self.table.during_call(Session(name, host)) as entry:
            text = entry.session.screen()
        return Text(**_named(entry), text=text.rstrip())

    @tool(READING)
    def status(self, name: str | None = None, host: Host = None) -> Standing:
        """See all that is known of one session; without a name how all stand that you have used. Use it when a call
        failed: `connection` says whether the session is there, and `reason` why not."""
        if name is None:
            return Standing(sessions=wording.encodable(self._standings(host)))
        entry = self.table.entry(Session(name, host))
        try:
            row = _row(entry, entry.session.status())
        except NotFound as error:
            if not entry.reached:
                raise
            row = _row(entry, None) | {"reason": str(error)}
        except Unreachable as error:
            row = _row(entry, error)
        return Standing(sessions=wording.encodable([row]))

    @tool(ENDING)
    def kill(self, name: Name, host: Host = None) -> Closed:
        """End a session and what runs in it. Use it when nothing in it is needed any more,
        and when it does not react to the key C-c."""
        with self.table.during_call(Session(name, host)) as entry:
            entry.session.kill()
        return _closed({entry: None})

    @tool(ENDING)
    def close_all(
        self,
        host: Host = None,
        others: Annotated[
            bool,
            Field(
                description="Also sessions that you did not create: every one on that machine, including people's own."
            ),
        ] = False,
    ) -> Closed:
        """End the sessions that were created through this server, here and on all hosts, or only those of one host. Use
        it when your work is done; others=true ends people's sessions too."""
        ends: dict[UsedSession, Callable[[], None]] = {}
        if others:
            for name in sorted({str(row["name"]) for row in sessions(host)}):
                entry = self.table.entry(Session(name, host))
                ends[entry] = entry.session.kill
        else:
            ends = {entry: entry.close for entry in self.table.all() if entry.ours and _is_on(entry, host)}
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            return _closed(dict(zip(ends, pool.map(_attempt, ends.values()), strict=True)))

    def _standings(self, host: str | None) -> list[dict[str, object]]:
        """Rows of the used sessions of a host, or of all hosts, which are asked at once."""
        entries = [entry for entry in self.table.all() if _is_on(entry, host)]
        hosts = list(dict.fromkeys(entry.session.host for entry in entries))
        with ThreadPoolExecutor(max(1, len(hosts))) as pool:
            answers = dict(zip(hosts, pool.map(partial(_attempt, sessions), hosts), strict=True))
        rows = []
        for entry in entries:
            answer = answers[entry.session.host]
            if isinstance(answer, SeshError):
                rows.append(_row(entry, answer))
            else:
                rows.append(_row(entry, next((row for row in answer if row["name"] == entry.session.name), None)))
        return rows


def _attempt(call: Callable[..., _Answer], *words: object) -> _Answer | SeshError:
    """The answer of a call, or its error."""
    try:
        return call(*words)
    except SeshError as error:
        return error


def _closed(ends: dict[UsedSession, SeshError | None]) -> Closed:
    """The answer for sessions that were to be ended, each with its error; those that are gone are left out."""
    closed, failed = [], []
    for entry, error in ends.items():
        if error is None:
            entry.ours = None
            log_action(entry.log, "kill", entry.session.name, "closed")
            closed.append(_OfSession(**_named(entry)))
        elif not isinstance(error, NotFound):
            failed.append(NotClosed(**_named(entry), code=error.code, message=str(error)))
    return Closed(closed=closed, failed=failed)


def _named(entry: UsedSession) -> dict[str, Any]:
    return {"session": entry.session.name, "host": entry.session.host}


def _row(entry: UsedSession, answer: Summary | SeshError | None) -> dict[str, object]:
    """The row of a session: its host's facts about it, None if there are none, or the error that came instead."""
    row = {**_named(entry), "log": entry.log, "connection": entry.standing(answer)}
    return {**row, "reason": str(answer)} if isinstance(answer, SeshError) else {**(answer or {}), **row}


def _screen_hint(session: Session) -> str | None:
    """The words for a session whose full-screen program shows what is in no line."""
    try:
        alternate = session.screen("json")["alternate"]
    except SeshError:
        return None
    return "A full-screen program shows: see it with the tool screen." if alternate else None


def _is_on(entry: UsedSession, host: str | None) -> bool:
    return host is None or entry.session.host == host.removeprefix("@")


def _ran(entry: UsedSession, verb: str, command: Command, result: Result, limit: int) -> Ran:
    """The answer for a command, which is logged first."""
    output, hint = _end(entry.session, result.output, limit)
    ending = "begun" if result.exit_code is None else f"exit code {result.exit_code}, {result.duration:g} s"
    if result.timed_out:
        ending = "timed out" + (", still running" if verb == "run" else "")
    log_action(entry.log, verb, command if isinstance(command, str) else shlex.join(command), ending, result.output)
    return Ran(
        **_named(entry),
        exit_code=result.exit_code,
        output=output,
        duration=result.duration,
        timed_out=result.timed_out,
        truncated=result.truncated or hint is not None,
        hint=hint,
    )


class _OfSession(BaseModel):
    session: str
    host: str | None


class Opened(_OfSession):
    """A session that runs now."""

    created: bool = Field(description="False: it already ran, with its state.")
    connection: str
    log: str | None = Field(description="The work log of this session, a file on this machine.")


class Ran(_OfSession):
    """A command that has ended, or whose time ran out."""

    exit_code: int | None = Field(description="128+N: ended by signal N; 124: timed out; null: not waited for.")
    output: str
    duration: float | None
    timed_out: bool = Field(description="The command goes on; wait with until=prompt, or look with logs.")
    truncated: bool = Field(description="There was more output; this is the end.")
    hint: str | None = Field(description="How to read the output before this.")


class Waited(_OfSession):
    """What a wait has come to."""

    met: str = Field(
        description="exit, prompt, waiting, idle, for; or timeout: none of them yet, and the session goes on."
    )
    match: str | None
    exit_code: int | None
    position: int | None = Field(
        description="Pass it as `since` to continue from here. After timeout it is `since` itself: nothing is skipped."
    )


class Sent(_OfSession):
    """Where the output stood when it was sent."""

    position: int | None = Field(description="Pass it to `wait` as `since`.")
    typed: bool = Field(description="Always true: what was not typed is an error.")


class Text(_OfSession):
    """Lines of a session."""

    text: str
    hint: str | None = Field(default=None, description="Where to look for what is not in the text.")


def _shown(kind: Any, *required: str) -> WithJsonSchema:
    """The schema of a type of `sesh.schema`, for a dict of it: pydantic does not read its types."""
    return WithJsonSchema({**json_schema.of(kind), "required": [*required]})


class Rows(BaseModel):
    """Sessions, with the keys of `sesh --list --json`."""

    sessions: list[Annotated[dict[str, Any], _shown(Summary, "name", "host", "state")]]


class _Used(Status, total=False):
    """A session that was used here. `connection`: connecting, connected, idle (nothing happened for five minutes),
    expired (its host does not answer, or its daemon died: open it again) or closed (it has ended)."""

    session: str
    log: str | None
    connection: str


class Standing(BaseModel):
    """How sessions stand, with the keys of `sesh --status --json` as far as they are known."""

    sessions: list[Annotated[dict[str, Any], _shown(_Used, "session", "host", "log", "connection")]]


class NotClosed(_OfSession):
    """A session that could not be ended."""

    code: str
    message: str


class Closed(BaseModel):
    """Sessions that were ended, and those that could not be."""

    closed: list[_OfSession]
    failed: list[NotClosed]


def _end(session: Session, text: str, limit: int, skip: int = 0) -> tuple[str, str | None]:
    """The end of a text, from the start of a line if that is near, and how to read what is before it, if anything.

    `skip`: lines behind the text. One line is read twice: a prompt may stand below the output of a command.
    """
    if len(text) <= limit:
        return text, None
    end = text[len(text) - limit :]
    line = end.find("\n") + 1
    end = end[line if line < limit // 2 else 0 :]
    before = text[: len(text) - len(end)]
    where = f", host={session.host}" if session.host else ""
    more = "" if before.endswith("\n") else f", output_limit={len(text)}"
    count, skip = before.count("\n") + 1, skip + end.count("\n")
    words = f"name={session.name}{where}, lines={min(count, _MOST_LINES)}, skip={skip}{more}"
    hint = f"{len(before):,} characters before this were left out; read them with logs: {words}"
    if count > _MOST_LINES:
        hint += f" (then with skip={skip + _MOST_LINES}, if the session keeps so many lines; else run the command again"
        hint += f" with output_limit={len(text)}, or into a file)"
    return end, hint
