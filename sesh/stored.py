"""Types of sesh's files: a session's record, its daemon's facts, its checkpoint; a known remote.

`_X` and `Moment` are explained in `sesh.schema`. A file is checked when it is read (`sesh.files`).
"""

from typing import Annotated, TypedDict

from sesh.measures import LARGEST_SIDE, MOST_SCROLLBACK
from sesh.schema import Code, Id, Moment, Name, Pid, Resume, RunFacts, Text

Side = Annotated[int, range(1, LARGEST_SIDE + 1)]


class Record(TypedDict, total=False):
    """The file NAME.json of a session: facts available without its daemon. `state`: done or failed, after its end."""

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
    resume: Resume | None
    env: list[str]
    labels: dict[str, str]
    columns: int
    rows: int
    tty: str | None
    tty_number: Annotated[int, range(-(1 << 63), 1 << 63)]
    terminals: int
    keep: bool
    shell: bool
    job: bool
    exit_code: Code | None
    signal: Code | None
    ended: Moment | None
    reason: str | None
    state: str | None
    version: str
    found_lost: bool


class Facts(TypedDict):
    """A daemon's facts of its session, without the program's state; `created`, and `ends_at` (when a job
    times out): seconds since 1970.

    `persist`: write checkpoints, and keep the session if it ends without a client, as `outlive` says (never, failed,
    always). `resume`: the command that starts it again; `resumed`: that command runs instead of a shell; `env`: names
    of `--env`.
    """

    name: str
    id: str
    created: float
    directory: str
    command: list[str]
    labels: dict[str, str]
    keep: bool
    job: bool
    shell: bool
    persist: bool
    outlive: str | None
    scrollback: int
    ends_at: float | None
    pid: int
    resume: list[str] | None
    resumed: bool
    env: list[str]


class ScrolledOff(TypedDict):
    """The scrollback of a checkpoint: the first `bytes` of `file`; `lines`: its limit."""

    file: Annotated[int, range(2)]
    bytes: int
    lines: Annotated[int, range(MOST_SCROLLBACK + 1)]


class CheckpointHeader(TypedDict, total=False):
    """The first line of a checkpoint. `drawn`: columns and rows to feed its bytes to; `size`: those of the session;
    `screen`: the number of bytes that follow."""

    format: int
    written: Moment
    last_activity: Moment
    cwd: str
    title: str
    history: list[RunFacts]
    drawn: list[Side]
    size: list[Side]
    scrollback: ScrolledOff
    screen: int


class HostFailure(TypedDict):
    """The failure of a host to answer. `at`: seconds since 1970; `refused`: the host refused the login."""

    at: float
    reason: str
    refused: bool


class _KeptSession(TypedDict):
    name: Name


class KeptSession(_KeptSession, total=False):
    """The cached keys of the Summary of a session on a host. `seen`: when it was last known to run, if that was
    after its host `listed` it (seconds since 1970)."""

    id: str
    state: str
    cwd: Text
    created: Moment
    last_activity: Moment
    home: Text
    pid: int
    exit_code: int
    clock: float
    seen: float
    command: list[Text]
    labels: dict[str, str]


class KnownHost(TypedDict, total=False):
    """The cached facts of a host. `asks`: the last login needed a person; `round_trip`: seconds; `listed`: when the
    host last listed its sessions (seconds since 1970); `sessions`: that list, with later updates of single sessions;
    `failure`: the last one, unless the host answered since."""

    last_used: Moment
    version: str
    asks: bool
    round_trip: float
    listed: float
    sessions: list[KeptSession]
    failure: HostFailure
