"""Types of the data that crosses rooms and links: output of `--json`, arguments and answers of ops.

A class named `_X` holds the keys that are always there, `X` adds those that may be missing. `sesh.check` derives from
these types, and those of `sesh.messages` and `sesh.stored`, the checks of data from outside. A `str` is one line, an
`int` is not negative; the annotations below say it where it is otherwise.
"""

from collections.abc import Sequence
from typing import Annotated, TypedDict

Moment = Annotated[str, "date-time"]
"""RFC 3339 in UTC."""
Name = Annotated[str, "name"]
Id = Annotated[str, "id"]
"""The id of a session, which is part of file names."""
Resume = Annotated[list[str], "resume"]
"""The command by which a session is started again."""
Text = Annotated[str, "text"]
"""Text of several lines, such as a word of a command, a path."""
Sentence = Annotated[str, "sentence"]
"""A line of sesh's own, in which a command of sesh may stand: see `errors.for_host`."""
Styled = Annotated[str, "styled"]
"""Text with SGR and links (OSC 8)."""
Latin = Annotated[str, "latin"]
"""Bytes carried as latin-1; they are never shown."""
Code = Annotated[int, range(256)]
"""An exit code, or the number of a signal."""
Failure = Annotated[int, range(1, 256)]
"""The exit code of an error."""
ShellCode = Annotated[int, range(-(1 << 31), 1 << 31)]
"""The exit code that a shell reported with OSC 133: any number."""
Size = Annotated[int, range(1 << 16)]
"""Columns or rows of a terminal, 0 if there is none."""
Pid = Annotated[int, range(1 << 31)]
Seconds = Annotated[float, range(10**9)]
"""A length of time, below thirty years."""
Time = Annotated[float, range(253402300800)]
"""Seconds from 1970, before the year 10000, which no calendar of the C library has."""


class ErrorFacts(TypedDict):
    """An error as it goes over the wire: what happened, what to do, and the exit code."""

    code: str
    what: Sentence
    hint: Sentence
    exit: Failure


class _PrintedError(TypedDict):
    code: str
    message: Sentence


class PrintedError(_PrintedError, total=False):
    """An error. `typed`: true if a text was typed that the program has not taken."""

    typed: bool


class PrintedDeployError(PrintedError):
    """The reason why a deployment failed.

    `step`: the step that failed; `foreign`: true if another sesh is installed, which is left alone.
    """

    step: str | None
    foreign: bool


class _DeployedHost(TypedDict):
    host: str
    ok: bool


class DeployedHost(_DeployedHost, total=False):
    """The result for a host: the facts of the installed sesh, or the error."""

    version: str
    python: str
    platform: str
    path: str
    bytes: int
    seconds: float
    changed: bool
    error: PrintedDeployError


# -- sessions


From = TypedDict("From", {"from": int}, total=False)


class _RunFacts(TypedDict):
    exit_code: ShellCode | None


class RunFacts(_RunFacts, From, total=False):
    """A daemon's account of a run.

    `n`: its number; `key`: a client finds it by this after a lost link; `from`: bytes of its output before the answer;
    `reason`: why the session ended, if it ended with the run.
    """

    n: int
    command: list[Text]
    cwd: Text | None
    started: Time
    duration: float | None
    timed_out: bool
    truncated: bool
    output_bytes: int
    position: int
    key: str
    output_lost: bool
    session_ended: bool
    reason: str | None


class ActivityFacts(TypedDict):
    """The activity of a session's program (docs/ACTIVITY.md): working, waiting, idle, done or failed.

    `kind`: permission, question or auth, if the program reports what it asks for.
    """

    state: str
    why: str | None
    since: Moment | None
    question: str | None
    kind: str | None


class ReportFacts(TypedDict):
    """The report of a program (OSC 7501), or of its part with this `id`."""

    id: str | None
    state: str
    kind: str | None
    progress: int | None
    app: str | None
    title: str | None
    message: str | None


class Loss(TypedDict):
    """The loss of a session's daemon. `reason`: reboot or crash; `saved`: when its screen was last saved."""

    reason: str
    saved: Moment | None


class Foreground(TypedDict):
    """The program that has the terminal. `pid`: its process group; `command`: its words; `title`: the one that it has
    set, not the shell's."""

    pid: int
    command: list[Text]
    title: str | None


class Unseen(TypedDict):
    """Changes since the last client left: the number of bells, the text of the last notification, and the number of
    failed commands."""

    bells: int
    notification: str | None
    failed: int


class Staleness(TypedDict):
    """A host that does not answer. `since`: when it last answered; `reason`: why it does not now."""

    since: Moment
    reason: str


class _Summary(TypedDict):
    name: Name
    host: str | None
    state: str
    attached: int | None
    current: bool
    pid: int | None
    created: Moment | None
    last_activity: Moment | None
    cwd: Text | None
    command: list[Text] | None
    title: str | None
    exit_code: Code | None
    columns: Size | None
    rows: Size | None
    labels: dict[str, str]
    foreground: Foreground | None
    unseen: Unseen | None
    activity: ActivityFacts | None


class Summary(_Summary, total=False):
    """A session in a list. `state`: running, exited or lost. `attached`: the number of clients; `current`: the verb was
    typed in it. `command`: the one that it was started with; `title`: the last one that its program has set.

    `last_line`: the last line printed, while the program works. `resume`: the command of `--resume-with`. `machine`:
    the machine that it runs on, if that is another one with the same home directory. For a session on a host: `home`:
    the home directory on it; `clock`: seconds that the host's clock is ahead; `stale`: the host does not answer.
    """

    last_line: str | None
    resume: list[Text] | None
    id: str
    shell: bool
    ended: Moment | None
    reason: str | None
    responding: bool
    machine: str | None
    lost: Loss
    home: Text
    clock: float
    stale: Staleness


class AttachedClient(TypedDict):
    """A client that is attached to a session. `mode`: raw (it gets the program's own bytes), drawn (the screen, as its
    terminal has another size) or aside (nothing until it reads again)."""

    id: int
    pid: int
    tty: str
    machine: str | None
    columns: Size
    rows: Size
    since: Moment
    read_only: bool
    mode: str


class ScrollbackSize(TypedDict):
    """The size of a session's scrollback."""

    lines: int
    bytes: int


class TerminalModes(TypedDict):
    """The modes of a session's terminal. `canonical`: the program reads lines; `echo`: typed keys are shown."""

    bracketed_paste: bool
    alternate_screen: bool
    canonical: bool
    echo: bool


class Status(Summary, total=False):
    """Everything about a session. `link`: up for a session on a host; `position`: bytes of output since its start;
    `faults`: recent errors of its daemon, such as failed hooks."""

    clients: list[AttachedClient]
    scrollback: ScrollbackSize | None
    modes: TerminalModes
    daemon_pid: int | None
    version: str | None
    link: str | None
    position: int
    faults: list[str]
    reports: list[ReportFacts]


class Spec(TypedDict, total=False):
    """A caller's description of a session to create; `env` and `label` are lists of `KEY=VALUE`, `size` is `200x50`."""

    directory: str | None
    command: list[str] | None
    env: Sequence[str]
    label: Sequence[str]
    size: str


class JobSpec(TypedDict):
    """A caller's description of a job. `keep`: it stays when it has ended; `timeout`: seconds until it is ended."""

    name: str | None
    spec: Spec
    keep: bool
    timeout: float | None


class LaunchSpec(TypedDict, total=False):
    """All that a daemon needs to start its session.

    `environment`: the creator's variables, with TERM if it has a terminal; `extra`: those of `--env`; `env`: names of
    those that it had before. `width`, `height`: pixels. `outlive`: which sessions that end unseen are kept; `before`:
    text that the log begins with; `history`: the commands run before; `gate`: Enter starts the command. `resume`: the
    command of `--resume-with`; `resumes`: it runs instead of `command`. `instead_of`: the id of the dormant session
    whose name it takes, no other one's.
    """

    name: str
    id: str | None
    directory: str
    command: list[str] | None
    environment: dict[str, str]
    extra: dict[str, str]
    env: list[str]
    labels: dict[str, str]
    columns: int
    rows: int
    width: int
    height: int
    keep: bool
    job: bool
    timeout: float | None
    stdin: bool
    login: bool
    persist: bool
    outlive: str
    scrollback: int
    umask: int
    before: str
    history: list[RunFacts]
    gate: bool
    resume: list[str] | None
    resumes: bool
    instead_of: str


class LayoutEntry(TypedDict):
    """One session of a layout. `host`: null for this machine; `command`: null for your shell; `resume`: the command of
    `--resume-with`, or null."""

    name: Name
    host: str | None
    directory: Text | None
    command: list[Text] | None
    resume: list[Text] | None
    labels: dict[str, str]


class Layout(TypedDict):
    """A layout, as `--export` prints and `--import` reads it."""

    version: int
    sessions: list[LayoutEntry]


# -- what verbs that act came to


class Named(TypedDict):
    """The session that was acted on."""

    name: Name


class Created(Named):
    created: bool


class Made(Created, total=False):
    """The result for a session of a layout, or for a lost one. `again`: it was there, had ended or was lost, and was
    started again; `command`: what a restored session runs; `awaits_enter`: it waits for Enter first."""

    host: str | None
    again: bool
    command: list[Text] | None
    awaits_enter: bool
    error: ErrorFacts | PrintedError


class Sent(TypedDict):
    """The text that `--send` has typed."""

    bytes: int
    position: int | None
    typed: bool


class Detached(Named):
    """The number of clients of a session that were detached."""

    detached: int | None


class Renamed(Named):
    """The new name of a session, and its old one."""

    renamed_from: Name


class Killed(TypedDict):
    """The sessions that were ended, and by name the errors of the others."""

    killed: list[Name]
    failed: dict[str, ErrorFacts]


class Reloaded(TypedDict):
    """The sessions whose daemons are this version now, and by name the errors of the others."""

    reloaded: list[Name]
    failed: dict[str, ErrorFacts]


class SessionHere(Named):
    """The session of a directory, and whether it exists."""

    directory: Text
    there: bool


class Overview(TypedDict):
    """The sessions of a machine, why files of others are not believed, and the user's home directory."""

    sessions: list[Summary]
    refusals: list[str]
    home: Text


# -- jobs, commands, waits


class Outcome(TypedDict):
    """The end of a session's program. `cpu`: seconds; `memory`: bytes, at most; `truncated`: output was dropped.

    `reason`: exited, killed (by sesh), terminated (by a signal to the daemon), timed out, or `BY_KERNEL`.
    """

    exit_code: Code | None
    signal: Code | None
    duration: float
    timed_out: bool
    truncated: bool
    cpu: float | None
    memory: int | None
    reason: str | None


class JobResult(Outcome, total=False):
    """The result of a session, kept for a week. `columns`, `rows`: of its terminal; `state`: done or failed; `run`: the
    command of `--run` that ended with it; `shell`: whether its program was the person's shell."""

    name: Name
    id: Id
    command: list[Text]
    directory: Text
    labels: dict[str, str]
    ended: Time
    position: int
    columns: Size
    rows: Size
    events: int
    state: str | None
    run: RunFacts | None
    job: bool
    shell: bool


class JobOutput(JobResult):
    output: bytes


class _RunResult(TypedDict):
    session: str
    host: str | None
    command: list[str] | None
    exit_code: int | None
    output: str
    duration: float | None
    timed_out: bool
    truncated: bool


class RunResult(_RunResult, total=False):
    """A command that has ended. `duration`: seconds; `truncated`: only the end of the output is here.

    `output_base64`: the exact output, if it is not UTF-8. Only for `--run`: `session_ended`, true if the session ended
    with the command. Only for `--exec`: `signal`. `reason`: why a job, or such a session, ended: exited, killed (by
    sesh), terminated (by a signal to its daemon), timed out, or killed, perhaps for memory.
    """

    output_base64: str
    session_ended: bool
    signal: int | None
    reason: str | None


class Command(TypedDict):
    """A command of a session's history. `exit_code`: null while it runs, or if the shell did not report it."""

    n: int
    command: list[Text]
    cwd: Text | None
    started: Moment | None
    duration: float
    exit_code: ShellCode | None
    output_bytes: int | None


class CommandOutput(Command):
    output: bytes


class Condition(TypedDict):
    """The condition that ended a wait: exit, prompt, waiting, idle or for. `match`: the text, or the question."""

    met: str
    match: str | None
    exit_code: Code | None
    position: int | None
    reason: str | None


# -- events


class Event(TypedDict, total=False):
    """An event of a session. `seq` counts from 1 in each session; the other keys depend on `event`.

    When all sessions are followed, two objects have no other keys: `begun`, the time from which events count, and
    `note`, a line for the person.
    """

    seq: int
    ts: str
    host: str | None
    event: str
    session: str
    id: str
    begun: str
    note: str
    count: int
    client: int
    tty: str
    columns: Size
    rows: Size
    reason: str | None
    command: Text | list[Text] | None
    directory: Text
    before: str
    exit_code: ShellCode | None
    signal: Code | None
    title: str
    text: str
    state: str
    why: str | None
    question: str | None
    kind: str | None
    n: int
    pid: int
    read_only: bool


Plain = str | int | float | bool | None


class RemoteLog(TypedDict):
    path: Text
    events: list[dict[str, Plain | list[Plain] | dict[str, Plain]]]


# -- what a session shows


class _Hit(TypedDict):
    session: Name
    line: int
    text: Text
    before: list[Text]
    after: list[Text]
    command: list[Text] | None
    started: Moment | None


class Hit(_Hit, total=False):
    """A line that `--grep` found. `line`: its number among the kept lines, from 1."""

    host: str | None


class Hits(TypedDict):
    """The lines that `--grep` found on one machine, and by name the errors of sessions that it could not search."""

    hits: list[Hit]
    failed: dict[str, ErrorFacts]


# -- upkeep


class _Leftover(TypedDict):
    kind: str
    what: Text
    age: float
    pid: int | None


class LeftoverFacts(_Leftover, total=False):
    """A leftover that `--sweep` clears. `age`: seconds since its last use; `left`: why it was not cleared."""

    cleared: bool
    left: str
    error: ErrorFacts | PrintedError


class Finding(TypedDict):
    """A finding of `--doctor`. `state`: ok, warning or error."""

    check: str
    state: str
    message: str
    remedy: Sentence | None
