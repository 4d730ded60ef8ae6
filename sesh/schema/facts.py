"""Types of the facts that files, frames, ops and `--json` share.

`sesh.schema.outcomes` has the types of what a single op returns, `sesh.wire.messages` those of frames, and
`sesh.cli.printed` those of what verbs print.

A class named `_X` has the required keys, `X` adds the optional ones. `sesh.schema.check` derives the checks of data
from outside from these types and from those of `sesh.wire.messages`. A `str` is one line and an `int` is not
negative, unless one of the annotations below says otherwise.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, NamedTuple, Optional, TypedDict, Union

MAX_NUMBER = 1 << 62  # the largest accepted position, count or number
MAX_SIDE = 1000  # columns or rows of a terminal
SCROLLBACK, MAX_SCROLLBACK = 10_000, 1_000_000  # lines of a session's scrollback

Moment = Annotated[str, "date-time"]  # RFC 3339 in UTC
Name = Annotated[str, "name"]
Id = Annotated[str, "id"]  # the id of a session, which is part of file names
Text = Annotated[str, "text"]  # text that may have several lines, such as an argument or a path
Exact = Annotated[str, "exact"]  # a host's text with all its controls, such as a word to run; printed as JSON only
Styled = Annotated[str, "styled"]  # text with SGR and links (OSC 8)
Latin = Annotated[str, "latin"]  # bytes carried as latin-1, never shown
Code = Annotated[int, range(256)]  # an exit code, or the number of a signal
ShellCode = Annotated[int, range(-(1 << 31), 1 << 31)]  # the exit code that a shell reported with OSC 133: any number
Size = Annotated[int, range(1 << 16)]  # columns or rows of a terminal, 0 if there is none
Pid = Annotated[int, range(1 << 31)]
TerminalSettings = dict[str, Code]
"""Control characters and flags of a terminal by the names of RFC 4254 (`sesh.system.terminal_modes`)."""
Seconds = Annotated[float, range(10**9)]  # a length of time, below thirty years
Time = Annotated[float, range(253402300800)]
"""Seconds from 1970, before the year 10000, at which the C library's calendar ends."""


class _RunFacts(TypedDict):
    exit_code: Optional[ShellCode]


class RunFacts(_RunFacts, total=False):
    """A daemon's facts of a run.

    `n`: its number; `key`: identifies it after a lost link; `reason`: why the session ended, if it ended with the run;
    `output_bytes`: None if the output, or its length, is not known exactly; `truncated`: the output is only the end.
    """

    n: int
    command: list[Text]
    cwd: Optional[Text]
    started: Time
    duration: Optional[float]
    timed_out: bool
    truncated: bool
    output_bytes: Optional[int]
    position: int
    key: str
    output_lost: bool
    session_ended: bool
    reason: Optional[str]


class ActivityFacts(TypedDict):
    """The activity of a session's program (docs/ACTIVITY.md): working, waiting, idle, done or failed.

    `kind`: permission, question or auth, if the program reports it with its question.
    """

    state: str
    why: Optional[str]
    since: Optional[Moment]
    question: Optional[str]
    kind: Optional[str]


class ReportFacts(TypedDict):
    """The report of a program (OSC 7501), or of the part named by `id`."""

    id: Optional[str]
    state: str
    kind: Optional[str]
    progress: Optional[int]
    app: Optional[str]
    title: Optional[str]
    message: Optional[str]


class Loss(TypedDict):
    """The loss of a daemon. `reason`: reboot or crash; `saved`: when the screen was saved."""

    reason: str
    saved: Optional[Moment]


class Foreground(TypedDict):
    """The foreground program. `pid`: its process group.

    `command`: its arguments, program included; `title`: the title that it set; null if only the shell set one.
    """

    pid: int
    command: list[Text]
    title: Optional[str]


class Unseen(TypedDict):
    """Changes since the last client left: counts of bells and failed commands, the last notification."""

    bells: int
    notification: Optional[str]
    failed: int


class LoginFacts(TypedDict, total=False):
    """What a login brings. `renewed`: variables (`sesh.system.programs`); `auth_sock`: its ssh agent."""

    auth_sock: str
    renewed: Mapping[str, str]


class Staleness(TypedDict):
    """A host that does not answer. `since`: when it last answered; `reason`: the cause."""

    since: Moment
    reason: str


class Place(NamedTuple):
    """Where a session is: its host, None for this machine, and its name."""

    host: Optional[str]
    name: str


class _Summary(TypedDict):
    name: Name
    host: Optional[str]
    state: str
    attached: Optional[int]
    current: bool
    pid: Optional[int]
    created: Optional[Moment]
    last_activity: Optional[Moment]
    cwd: Optional[Text]
    command: Optional[list[Text]]
    title: Optional[str]
    exit_code: Optional[Code]
    columns: Optional[Size]
    rows: Optional[Size]
    labels: dict[str, str]
    foreground: Optional[Foreground]
    unseen: Optional[Unseen]
    activity: Optional[ActivityFacts]


class Summary(_Summary, total=False):
    """A session in a list. `state`: running, exited or lost; `attached`: the number of clients.

    `current`: the verb was typed in it; `command`: the command that it was started with; `title`: the last title that
    its program set; `last_line`: the last line printed, while the program works or once it has ended; `resume`: the
    command of `resume-with`; `machine`: the machine that it runs on, if another one with the same home directory. For a
    session on a host: `home`: the home directory there; `clock`: seconds by which the host's clock is ahead; `stale`:
    the host does not answer.
    """

    last_line: Optional[str]
    resume: Optional[list[Text]]
    id: str
    shell: bool
    ended: Optional[Moment]
    reason: Optional[str]
    responding: bool
    machine: Optional[str]
    lost: Loss
    home: Text
    clock: float
    stale: Staleness


# The keys that each session has, null where its fact is unknown.
SUMMARY_KEYS = (*(key for key in Summary.__annotations__ if key in Summary.__required_keys__), "last_line")


class AttachedClient(TypedDict):
    """A client that is attached to a session. `mode`: raw, drawn or aside.

    A raw client gets the program's own bytes; a drawn one gets the screen, as its terminal has another size; one that
    is aside gets nothing until it gets a screen: it has just attached, or reads too slowly.
    """

    id: int
    pid: int
    tty: str
    machine: Optional[str]
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
    """The modes of a terminal. `canonical`: the program reads lines; `echo`: typed keys are shown."""

    bracketed_paste: bool
    alternate_screen: bool
    canonical: bool
    echo: bool


class IntegrationFacts(TypedDict):
    """The integration of a shell. `shell`: bash, zsh or fish; `missing`: why it is not whole, empty if it is.

    The reasons, which `doctor` explains: old-shell, readonly, promptvars, restricted, not-first, replaced,
    no-number.
    """

    shell: Optional[str]
    missing: list[str]


class Status(Summary, total=False):
    """All facts of a session. `link`: up for a session on a host.

    `integration`: of the session's shell, null without `shell-init`.

    `position`: bytes of output since the session's start; `faults`: recent errors of its daemon, such as failed hooks.
    """

    clients: list[AttachedClient]
    scrollback: Optional[ScrollbackSize]
    modes: TerminalModes
    daemon_pid: Optional[int]
    version: Optional[str]
    link: Optional[str]
    position: int
    faults: list[str]
    reports: list[ReportFacts]
    integration: Optional[IntegrationFacts]


class Spec(TypedDict, total=False):
    """A session to create. `env`, `label`: lists of `KEY=VALUE`; `size`: such as `200x50`.

    `browser`: False if its programs are never to be offered a browser.
    """

    directory: Optional[str]
    command: Optional[list[str]]
    env: Sequence[str]
    label: Sequence[str]
    size: Optional[str]
    browser: bool


class JobSpec(TypedDict):
    """A job to create. `keep`: list it after its end; `timeout`: seconds until its end."""

    name: Optional[str]
    spec: Spec
    keep: bool
    timeout: Optional[float]


class Inherited(TypedDict, total=False):
    """What a session inherits from its creator, and no environment has (`sesh.system.inherited`).

    `memory_policy`: as in /proc/PID/numa_maps. `keyring`, `keyring_id`: name and number of a named session keyring.
    """

    memory_policy: str
    keyring: str
    keyring_id: int


class LaunchSpec(TypedDict, total=False):
    """All data that a daemon needs to start its session.

    By default a new `id` is made, and the user's shell runs. `directory`: as it was entered; empty, the creator's own,
    which a restart does not need, so that it may be gone. `environment`: the creator's variables, with TERM if it
    has a terminal; `extra`: those of `--env`; `env`: the names of the `--env` variables before a restart. `width`,
    `height`: pixels, all sizes 0 without a terminal. `timeout`: seconds of a job; `stdin`: the creator feeds the job's
    input. `outlive`: which sessions are kept if they end without a client; `before`: text at the start of the log;
    `history`: earlier commands; `gate`: start the command only after Enter. `resume`: the command of `resume-with`;
    `resumes`: run it instead of `command`. `instead_of`: the id of the only dormant session whose name it may take.
    `numbered`: sesh has chosen the name, and may not take that of a job whose result is kept. `browser`: the desktop of
    the creator opens pages, so programs are offered a browser; None if they never are. `files`: the id of the directory
    of files that it takes over. `terminal`: the settings of the creator's terminal, none without one.
    `resolved`: the directory without symbolic links.
    """

    name: str
    id: Optional[str]
    directory: str
    command: Optional[list[str]]
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
    timeout: Optional[float]
    stdin: bool
    login: bool
    persist: bool
    outlive: str
    scrollback: int
    umask: int
    resolved: str
    terminal: TerminalSettings
    inherited: Inherited
    before: str
    history: list[RunFacts]
    gate: bool
    resume: Optional[list[str]]
    resumes: bool
    instead_of: str
    numbered: bool
    browser: Optional[bool]
    files: str


class EndFacts(TypedDict):
    """The end of a program. `cpu`: seconds; `memory`: peak in bytes; `truncated`: output was dropped.

    `reason`: exited, killed (by sesh), terminated (by a signal to the daemon), timed out, or `BY_KERNEL`.
    """

    exit_code: Optional[Code]
    signal: Optional[Code]
    duration: float
    timed_out: bool
    truncated: bool
    cpu: Optional[float]
    memory: Optional[int]
    reason: Optional[str]


class Event(TypedDict, total=False):
    """An event of a session. `seq` counts from 1; other keys depend on `event`.

    Between machines, two objects have only one key: `begun`, the time from which events are complete, and `note`, a
    line for the user. The command line prints no JSON for them.
    """

    seq: int
    ts: str
    host: Optional[str]
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
    reason: Optional[str]
    command: Union[Text, list[Text], None]
    directory: Text
    before: str
    exit_code: Optional[ShellCode]
    signal: Optional[Code]
    wish: str
    program: str
    bytes: int
    title: str
    text: str
    state: str
    why: Optional[str]
    question: Optional[str]
    kind: Optional[str]
    n: int
    pid: int
    read_only: bool


class JobResult(EndFacts, total=False):
    """The result of a session, kept for a week. `state`: done or failed.

    `run`: the command of `sesh run` that ended with it; `shell`: true if its program was the user's shell. `times`:
    seconds since 1970, each with the place in a job's kept output from which on it came in that second.
    """

    name: Name
    id: Id
    command: list[Text]
    directory: Text
    labels: dict[str, str]
    ended: Time
    position: int
    columns: Size
    rows: Size
    events: list[Event]  # the last ones
    state: Optional[str]
    run: Optional[RunFacts]
    job: bool
    shell: bool
    times: list[tuple[int, int]]


# -- the files of a session, checked when they are read (`sesh.system.files`)


Side = Annotated[int, range(1, MAX_SIDE + 1)]


class Record(TypedDict, total=False):
    """The file NAME.json of a session: the facts that can be read without its daemon."""

    name: str
    id: Id
    machine: str
    machine_name: str
    boot: str
    daemon_pid: Pid
    daemon_start: str
    pid: Pid
    created: Moment
    last_activity: Moment
    cwd: str
    command: list[str]
    resume: Optional[list[str]]
    env: list[str]
    files: Id  # by which the directory of the files is named that were sent to it: its own, or that of an earlier start
    labels: dict[str, str]
    columns: int
    rows: int
    tty: Optional[str]
    tty_number: Annotated[int, range(-(1 << 63), 1 << 63)]
    terminals: int
    keep: bool
    shell: bool
    job: bool
    exit_code: Optional[Code]
    signal: Optional[Code]
    ended: Optional[Moment]
    reason: Optional[str]
    state: Optional[str]  # done or failed, once the session has ended
    last_line: Optional[str]  # the last line with words that the program has printed, once it has ended
    version: str
    found_lost: bool  # a sweep has found the session lost, when it last wrote this file


class CheckpointHeader(TypedDict, total=False):
    """The first line of a checkpoint's screen. The bytes that draw it follow."""

    format: int
    drawn: list[Side]  # columns and rows of the terminal to feed the bytes to
    size: list[Side]  # columns and rows of the session, which may have been resized since
    cell_height: Annotated[int, range(1, 1 << 16)]  # in pixels, for the rows of images
    lines: Annotated[int, range(MAX_SCROLLBACK + 1)]  # the limit of the session's scrollback


class CheckpointFacts(TypedDict, total=False):
    """What a checkpoint knows of its session, besides the screen.

    `times`: seconds since 1970, each with the lines from the first that came in it down to the cursor's, where the last
    `untimed` bytes of the screen's file begin; `last_activity` is all that is known of those.
    """

    written: Moment
    last_activity: Moment
    cwd: str
    title: str
    history: list[RunFacts]
    times: list[tuple[int, int]]
    untimed: int


class ForwardedPort(TypedDict):
    """A port of a host that is reached at `url` here, or on the person's machine (host null) one of a session's.

    `port`: there; `local`: here; `session`: the one with which it ends; `connections`: that are open now; `up`: the
    link is.
    """

    host: Optional[str]
    port: int
    local: int
    url: str
    session: Optional[Name]
    connections: int
    up: bool
