"""The tools for agents, each a thin layer over the Python API.

A tool is a method of Tools. The client reads its parameters, its docstring, and the schema of its result.
"""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from contextvars import ContextVar
from functools import partial
from typing import Annotated, Any, Literal, TypeVar

from mcp.types import ToolAnnotations
from pydantic import Field

from sesh.api import Met, Result, Session, Stop, execute, sessions
from sesh.api.session import AnyCommand, hosts_of
from sesh.desktop.targets import TEXT
from sesh.errors import NotFound, SeshError, TimedOut, UsageError
from sesh.mcp import models
from sesh.mcp.table import SessionTable, UsedSession
from sesh.mcp.worklog import log_action
from sesh.ops import desktop
from sesh.ops.lookup import has_labels
from sesh.system.workers import each
from sesh.text import safe

NameField = Annotated[str, Field(description="The session's name: letters, digits, . _ + -")]
HostField = Annotated[
    str | None, Field(description="An ssh destination or alias, user@host; without it the session is on this machine.")
]
LimitField = Annotated[
    int, Field(description="Most characters to return; of longer output only the end comes, see `hint`.", ge=0)
]
SizeField = Annotated[
    str | None, Field(description="Columns and rows until a terminal attaches, such as 200x50; 80x24 by default.")
]

OUTPUT_LIMIT = 30_000  # characters
TIMEOUT = 100.0  # seconds; most clients wait longer for a result
_MAX_THREADS = 32  # sessions that are queried or ended at a time

Done = TypeVar("Done")

STOP: ContextVar[Stop] = ContextVar("stop")  # stops the call of the current thread


class Tools:
    """The tools of a server, a method for each."""

    def __init__(self) -> None:
        self.table = SessionTable()

    def list_(
        self,
        host: HostField = None,
        remotes: bool = False,
        labels: Annotated[dict[str, str] | None, Field(description="Only sessions that have all of these.")] = None,
    ) -> models.SessionRows:
        """List the sessions of this machine, of one host, or (remotes=true) of known remotes.
        Use it to find a session, and to see which waits for a person: `activity` has its state and its question."""
        rows = [session for session in sessions(host, remotes=remotes) if has_labels(session, labels or {})]
        return models.SessionRows(sessions=safe.encodable(rows))

    def open(
        self,
        name: NameField,
        host: HostField = None,
        directory: Annotated[str | None, Field(description="Its directory; on a host, HOME by default.")] = None,
        command: Annotated[AnyCommand | None, Field(description="The program; by default the user's shell.")] = None,
        env: dict[str, str] | None = None,
        labels: dict[str, str] | None = None,
        size: SizeField = None,
    ) -> models.Opened:
        """Make sure that a session runs: a shell that keeps directory and variables between calls.
        Use it before run, and again for an expired session: if only the link was lost, everything in it goes on
        (created=false)."""
        with self.table.during_call(Session(name, host)) as entry:
            created = entry.session.ensure(directory=directory, command=command, env=env, labels=labels, size=size)
            if created:
                entry.note_created()
        return models.Opened(**_identity(entry), created=created, connection="connected", log=entry.log)

    def run(
        self,
        name: NameField,
        command: Annotated[AnyCommand, Field(description="Shell source; or a list of words, quoted for the shell.")],
        host: HostField = None,
        timeout: Annotated[float, Field(description="Seconds to wait; then the command goes on.", gt=0)] = TIMEOUT,
        output_limit: LimitField = OUTPUT_LIMIT,
    ) -> models.Ran:
        """Run a command in an open session's shell; get exactly its output and exit code.
        Use it for commands that end by themselves; `cd` and variables stay for the next call. After the error busy, a
        program has the terminal: use send, for example the key C-c."""
        with self.table.during_call(Session(name, host)) as entry:
            result = entry.session.run(command, timeout=timeout, stop=STOP.get())
        return _log_run(entry, "run", command, result, output_limit)

    def exec(  # noqa: PLR0913 (a job has that many sides)
        self,
        command: Annotated[AnyCommand, Field(description="A program and its arguments as a list, or a line for sh.")],
        name: Annotated[str | None, Field(description="A free name; without it, the lowest free number.")] = None,
        host: HostField = None,
        directory: str | None = None,
        env: dict[str, str] | None = None,
        timeout: Annotated[float | None, Field(description="End the job after this many seconds.", gt=0)] = None,
        background: Annotated[bool, Field(description="Return at once; `wait` until=exit has the exit code.")] = False,
        output_limit: LimitField = OUTPUT_LIMIT,
        *,
        size: SizeField = None,
    ) -> models.Ran:
        """Run a job in its own session and get its exit code and output.
        Use it for builds, tests and servers, with background=true if it takes longer than a minute; a person may watch
        it with `sesh NAME`."""
        if background:
            begun = Session.job(command, name, host, directory=directory, env=env, timeout=timeout, size=size)
            result = Result(begun.name, begun.host, [], None, b"")
        else:
            stop = STOP.get()
            result = execute(command, name, host, directory=directory, env=env, timeout=timeout, size=size, stop=stop)
        with self.table.during_call(Session(result.session, result.host), "started") as entry:
            if background:
                entry.note_created()
        return _log_run(entry, "exec", command, result, output_limit)

    def send(
        self,
        name: NameField,
        text: Annotated[str, Field(description="Text to type, unchanged.")] = "",
        enter: Annotated[bool, Field(description="Press Enter after the text.")] = False,
        keys: Annotated[
            list[str], Field(description="Keys to press afterwards, in tmux's spelling: C-c, Escape, Up, F5.")
        ] = [],  # noqa: B006 (read only; the schema shows it)
        if_waiting: Annotated[
            bool | str, Field(description="Only if it waits for a person, or its question matches this regex.")
        ] = False,
        force: Annotated[
            bool, Field(description="With enter: also after a person's unfinished input, or while the program asks.")
        ] = False,
        host: HostField = None,
        file: Annotated[
            str | None,
            Field(
                description="Alone: the path of a file here, which is put on the session's machine; its path there "
                "is pasted, as for an agent that takes pictures."
            ),
        ] = None,
    ) -> models.SentText:
        """Type into what runs in a session.
        Use it for a program that asks, a REPL, an editor or another agent; then wait, and look with screen. For a shell
        command use run, which gives its output and exit code."""
        if file is not None:
            return self._send_file(name, host, file, alone=not (text or enter or keys or if_waiting or force))
        with self.table.during_call(Session(name, host)) as entry:
            sent = entry.session.send(text, enter=enter, keys=keys, if_waiting=if_waiting, force=force)
        pressed = [f"{len(text)} character{'s' if len(text) != 1 else ''}", *(["Enter"] if enter else []), *keys]
        log_action(entry.log, "send", " ".join(pressed), "sent")
        return models.SentText(**_identity(entry), position=sent.position, typed=sent.typed)

    def _send_file(self, name: str, host: str | None, file: str, *, alone: bool) -> models.SentText:
        """Send a file, and paste its path."""
        if not alone:
            raise UsageError("a file is sent alone; call send again for text, Enter or keys")
        with self.table.during_call(Session(name, host)) as entry:
            path = entry.session.send_file(file)
        log_action(entry.log, "send", path, "sent")
        return models.SentText(**_identity(entry), position=None, typed=True, path=path)

    def wait(
        self,
        name: NameField,
        until: Annotated[
            list[Literal["exit", "prompt", "waiting"]],
            Field(description="exit: it ended; prompt: at its prompt; waiting: for a person, match is its question."),
        ] = [],  # noqa: B006
        pattern: Annotated[str | None, Field(description="Or a line matches this regular expression.")] = None,
        idle: Annotated[float | None, Field(description="Or nothing was printed for this many seconds.", gt=0)] = None,
        since: Annotated[
            int | None, Field(description="Look at output from this position on; by default, after the last send.")
        ] = None,
        timeout: Annotated[float, Field(description="Seconds to wait; then `met` is timeout.", gt=0)] = TIMEOUT,
        host: HostField = None,
    ) -> models.Waited:
        """Wait until the first of the conditions holds; without any, for the end.
        Use it after send, and for jobs in the background. met=timeout is no error: wait again with the same arguments,
        and nothing is lost."""
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
                    stop=STOP.get(),
                )
            except TimedOut:
                met = Met("timeout", None, None, since)
        return models.Waited(**_identity(entry), **vars(met))

    def logs(
        self,
        name: NameField,
        lines: Annotated[int, Field(description="Number of last lines of scrollback and screen.", ge=1)] = 100,
        host: HostField = None,
        output_limit: LimitField = OUTPUT_LIMIT,
        skip: Annotated[int, Field(description="Number of last lines to leave out, to page back.", ge=0)] = 0,
        seconds: Annotated[float | None, Field(description="Only lines printed within so many seconds.", gt=0)] = None,
    ) -> models.SessionText:
        """Read the last lines of a session, also of a job that has ended.
        Use it for output that scrolled by, and page back with skip; for a full-screen program use screen."""
        with self.table.during_call(Session(name, host)) as entry:
            last = entry.session.logs(lines + skip, seconds=seconds)
        text, hint = models.cut(name, entry.session.host, "\n".join(last[: len(last) - skip]), output_limit, skip)
        return models.SessionText(**_identity(entry), text=text, hint=hint)

    def screen(self, name: NameField, host: HostField = None) -> models.SessionText:
        """See what a session's screen shows now, as a person would.
        Use it for full-screen programs, before you answer a question, and when something was refused."""
        with self.table.during_call(Session(name, host)) as entry:
            text = entry.session.screen()
        return models.SessionText(**_identity(entry), text=text.rstrip())

    def status(self, name: str | None = None, host: HostField = None) -> models.Statuses:
        """See everything known about one session, or without a name about all you used.
        Use it when a call failed: `connection` says whether the session can be used, and `reason` why not."""
        known = [each for each in self.table.all() if _is_on(each, host)]
        entries = known if name is None else [self.table.entry(Session(name, host))]
        rows = _each(entries, _row)
        if name is not None and rows[0]["connection"] == "closed" and not entries[0].reached:
            raise NotFound(str(rows[0]["reason"]))
        return models.Statuses(sessions=safe.encodable(rows))

    def kill(self, name: NameField, host: HostField = None) -> models.Closed:
        """End a session and what runs in it.
        Use it when nothing in it is needed any more, or when it does not react to the key C-c."""
        with self.table.during_call(Session(name, host)) as entry:
            entry.session.kill()
        return models.Closed(closed=[_note_closed(entry)], failed=[])

    def close_all(
        self,
        host: HostField = None,
        others: Annotated[
            bool, Field(description="Also sessions that you did not create: all on that machine, people's own too.")
        ] = False,
    ) -> models.Closed:
        """End the sessions that this server created, on all machines or only on one host.
        Use it when your work is done; others=true ends people's sessions too."""
        if others:
            places = [(row["name"], row.get("host")) for row in sorted(sessions(host), key=lambda row: row["name"])]
            entries = [self.table.entry(Session(name, place)) for name, place in places]
        else:
            entries = [entry for entry in self.table.all() if entry.created_id and _is_on(entry, host)]
        ends = _each(entries, partial(_end, others=others))
        failed = [end for end in ends if isinstance(end, models.NotClosed)]
        return models.Closed(closed=[end for end in ends if end is not None and end not in failed], failed=failed)

    def copy(self, text: str) -> models.Copied:
        """Put text on the clipboard of the person who is attached to the session in which this server runs.
        Use it when they ask for it, or for what they are to type elsewhere. What they have copied no tool reads: ask
        them to paste it."""
        content = text.encode()
        return models.Copied(type=desktop.copy(content, TEXT), bytes=len(content))

    def browse(
        self, url: Annotated[str, Field(description="An address of http or https; of this machine too, with its port.")]
    ) -> models.Browsed:
        """Open a page in the browser of the person who is attached to the session in which this server runs.
        Use it for a page that they are to see or log in at; they may have to press a key first."""
        return models.Browsed(url=desktop.browse(url))


READING = ToolAnnotations(read_only_hint=True, open_world_hint=False)
DOING = ToolAnnotations(read_only_hint=False)
ENDING = ToolAnnotations(read_only_hint=False, destructive_hint=True)
HINTS = {  # by method; a `_` at the end is not part of the tool's name
    "list_": READING, "open": DOING, "run": DOING, "exec": DOING, "send": DOING, "wait": READING, "logs": READING,
    "screen": READING, "status": READING, "kill": ENDING, "close_all": ENDING, "copy": DOING,
    "browse": DOING,
}  # fmt: skip


def _each(entries: Sequence[UsedSession], call: Callable[[UsedSession], Done]) -> list[Done]:
    """Make a call for each session, at once; return the results in order. Raises the first error, Interrupted."""

    def one(entry: UsedSession, _stop: Stop) -> Done:
        return call(entry)

    calls = {number: partial(one, entry) for number, entry in enumerate(entries)}
    results = dict(each(calls, most=_MAX_THREADS, stop=STOP.get()))
    done: list[Done] = []
    for number in calls:
        if isinstance(result := results[number], SeshError):
            raise result
        done.append(result)
    return done


def _end(entry: UsedSession, *, others: bool) -> models.OfSession | None:
    """End a session, or without `others` only this server's; return None if it is gone."""
    try:
        end = entry.session.kill if others else entry.close
        end()
    except NotFound:
        return None
    except SeshError as error:
        return models.NotClosed(**_identity(entry), code=error.code, message=str(error))
    return _note_closed(entry)


def _note_closed(entry: UsedSession) -> models.OfSession:
    entry.created_id = None
    log_action(entry.log, "kill", entry.session.name, "closed")
    return models.OfSession(**_identity(entry))


def _identity(entry: UsedSession) -> dict[str, Any]:
    return {"session": entry.session.name, "host": entry.session.host}


def _row(entry: UsedSession) -> dict[str, object]:
    own = {**_identity(entry), "log": entry.log}
    try:
        status = entry.session.status()
    except SeshError as error:
        if isinstance(error, NotFound):
            entry.created_id = None  # nothing is left to be closed
        return {**own, "connection": entry.connection(error), "reason": str(error)}
    return {**status, **own, "connection": entry.connection(status)}


def _is_on(entry: UsedSession, host: str | None) -> bool:
    return host is None or entry.session.host in hosts_of(host)


def _log_run(entry: UsedSession, verb: str, command: AnyCommand, result: Result, limit: int) -> models.Ran:
    output, hint = models.cut(entry.session.name, entry.session.host, result.output, limit)
    ending = "begun" if result.exit_code is None else f"exit code {result.exit_code}, {result.duration:g} s"
    if result.timed_out:
        ending = "timed out" + (", still running" if verb == "run" else "")
    log_action(entry.log, verb, command if isinstance(command, str) else shlex.join(command), ending, result.output)
    cut = result.truncated or hint is not None
    return models.Ran(**{**vars(result), "output": output, "truncated": cut, "hint": hint})
