"""Types of what one op returns, and of the error that every verb prints. See `sesh.schema.facts`."""

from typing import Optional, TypedDict, Union

from sesh.errors import ErrorFacts, NotFound
from sesh.schema import facts


class _PrintedError(TypedDict):
    code: str
    message: str


class PrintedError(_PrintedError, total=False):
    """An error. `typed`: true if a text was typed that the program has not accepted."""

    typed: bool


class PrintedDeployError(PrintedError):
    """The failure of a deployment at `step`. `foreign`: an unrelated sesh is installed, and untouched."""

    step: Optional[str]
    foreign: bool


class _DeployedHost(TypedDict):
    host: str
    ok: bool


class DeployedHost(_DeployedHost, total=False):
    """The result of a deployment: facts of the installed sesh, or the error.

    `integration`: the line that loads the shell integration there, and its place; null if it is loaded, or if sesh was
    installed already.
    """

    version: str
    python: str
    platform: str
    path: str
    bytes: int
    seconds: float
    changed: bool
    integration: Optional[str]
    error: PrintedDeployError


class LayoutEntry(TypedDict):
    """One session of a layout. `resume`: the command of `resume-with`, or null.

    `host`: null for this machine; `command`: null for your shell.
    """

    name: facts.Name
    host: Optional[str]
    directory: Optional[facts.Exact]
    command: Optional[list[facts.Exact]]
    resume: Optional[list[facts.Exact]]
    labels: dict[str, str]


class Layout(TypedDict):
    """A layout, as `export` prints and `import` reads it."""

    version: int
    sessions: list[LayoutEntry]


class Named(TypedDict):
    """The name of a session."""

    name: facts.Name


class Created(Named):
    created: bool


class Made(Created, total=False):
    """The result for a session that was imported or restored.

    `again`: it had ended or was lost, and was started again; `command`: its command after a restore; `awaits_enter`:
    the command starts only after Enter.
    """

    host: Optional[str]
    again: bool
    command: Optional[list[facts.Text]]
    awaits_enter: bool
    error: Union[ErrorFacts, PrintedError]


class Sent(TypedDict):
    """The result of `send`."""

    bytes: int
    position: Optional[int]
    typed: bool


class SentFile(TypedDict):
    """A file that was sent to a session. `path`: where it lies on the session's machine."""

    path: facts.Text
    bytes: int


class Detached(Named):
    """The number of clients that were detached from a session."""

    detached: Optional[int]


class Renamed(Named):
    """The new name of a session, and its old one."""

    renamed_from: facts.Name


class ActedOn(TypedDict):
    """The sessions for which a verb is done, and the other sessions' errors by name."""

    done: list[facts.Name]
    failed: dict[str, ErrorFacts]


class SessionHere(Named):
    """The session of a directory, and whether it exists."""

    directory: facts.Text
    there: bool


class Overview(TypedDict):
    """The sessions of a machine, the errors of unusable records, and the user's home directory."""

    sessions: list[facts.Summary]
    refusals: list[str]
    home: facts.Text


class JobOutput(facts.JobResult):
    output: bytes


class _RunResult(TypedDict):
    session: str
    host: Optional[str]
    command: Optional[list[str]]
    exit_code: Optional[int]
    output: str
    duration: Optional[float]
    timed_out: bool
    truncated: bool


class RunResult(_RunResult, total=False):
    """A command that has ended. `duration`: seconds; `truncated`: `output` is only the end. With `exec --follow` the
    lines came before, and `output` is empty; `truncated`: some of them were not kept.

    `output_base64`: the exact output, if it is not UTF-8. Only for `run`: `session_ended`: true if the session ended
    with the command. Only for `exec`: `signal`. `reason`: why a job, or such a session, ended: exited, killed (by
    sesh), terminated (by a signal to its daemon), timed out, or killed, perhaps for memory.
    """

    output_base64: str
    session_ended: bool
    signal: Optional[int]
    reason: Optional[str]


class Command(TypedDict):
    """A command of a session's history.

    `exit_code`: null if the shell did not report it; `output_bytes`: null if the output, or its length,
    is not known exactly.
    """

    n: int
    command: list[facts.Text]
    cwd: Optional[facts.Text]
    started: Optional[facts.Moment]
    duration: float
    exit_code: Optional[facts.ShellCode]
    output_bytes: Optional[int]


class _CommandOutput(Command):
    output: bytes


class CommandOutput(_CommandOutput, total=False):
    """A command of a session's history, with its output. `truncated`: `output` is only the end."""

    truncated: bool


class Condition(TypedDict):
    """The end of a wait: exit, prompt, waiting, idle or for. `match`: text or question."""

    met: str
    match: Optional[str]
    exit_code: Optional[facts.Code]
    position: Optional[int]
    reason: Optional[str]


Plain = Union[str, int, float, bool, None]


class RemoteLog(TypedDict):
    path: facts.Text
    events: list[dict[str, Union[Plain, list[Plain], dict[str, Plain]]]]


class Hit(TypedDict):
    """A line that `grep` found. `line`: its number among the kept lines, from 1."""

    session: facts.Name
    line: int
    text: facts.Text
    before: list[facts.Text]
    after: list[facts.Text]
    command: Optional[list[facts.Text]]
    started: Optional[facts.Moment]
    host: Optional[str]


class Hits(TypedDict):
    """The lines that `grep` found on one machine, and errors of unsearched sessions by name."""

    hits: list[Hit]
    failed: dict[str, ErrorFacts]


class Counts(TypedDict):
    """How many lines match in each session of one machine, and errors of unsearched sessions by name."""

    counts: dict[facts.Name, int]
    failed: dict[str, ErrorFacts]


class _Leftover(TypedDict):
    kind: str
    what: facts.Text
    age: float
    pid: Optional[int]


class LeftoverFacts(_Leftover, total=False):
    """A leftover that `sweep` removes. `age`: seconds since its last use; `left`: why it stays; `id`: of a session."""

    id: str
    cleared: bool
    left: str
    error: Union[ErrorFacts, PrintedError]


class Finding(TypedDict):
    """A finding of `doctor`. `state`: ok, warning or error."""

    check: str
    state: str
    message: str
    remedy: Optional[str]


class SessionPort(TypedDict):
    """A port on which a process of a session listens. `program`: the name of that process's program."""

    port: int
    pid: int
    program: facts.Text


class SessionPorts(TypedDict):
    """The ports on which the processes of a session listen. `id`: of the session."""

    id: facts.Id
    ports: list[SessionPort]


class Ended(NotFound):
    """The session `name` has ended meanwhile. `result`: its stored result; `output`: a job's output."""

    def __init__(self, name: str, result: facts.JobResult, output: bytes) -> None:
        super().__init__(f"{name} has ended")
        self.name, self.result, self.output = name, result, output
