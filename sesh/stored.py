"""Types of what is kept of a session: its record, the facts of its daemon, its checkpoint; and of a known remote.

See `sesh.schema`, which says what `_X` and `Moment` mean. A file is checked when it is read (`sesh.files`).
"""

from typing import Annotated, Any, TypedDict

from sesh.measures import LARGEST_SIDE, MOST_SCROLLBACK
from sesh.schema import Code, Id, Moment, Name, Pid, Resume, RunFacts, Text

Side = Annotated[int, range(1, LARGEST_SIDE + 1)]


class Record(TypedDict, total=False):
    """The file NAME.json of a session: facts that need no daemon. `state`: done or failed, once it has ended."""

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
    """A daemon's facts of its session beside the program's state; `created` and `deadline`: seconds since 1970.

    `persist`: checkpoints are written, and it is kept when it ends unseen, as `outlive` says (never, failed, always).
    `resume`: the command by which it is started again; `resumed`: it runs instead of a shell; `env`: names of
    `--env`.
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
    deadline: float | None
    pid: int
    resume: list[str] | None
    resumed: bool
    env: list[str]


class ModelState(TypedDict):
    """A daemon's model of the screen as plain data.

    `resizes`: position, columns and rows of each that is still ahead. `marks`: positions to which clients were fed,
    with the state there, None for one still ahead. `screen`: the bytes that restore the emulator, as latin-1, for
    `drawn`, its columns and rows. `completed`: the number of the newest line that scrolled off. `used`: see `vt.grid`.
    """

    position: int
    size: list[int]
    resizes: list[list[int]]
    marks: list[tuple[int, Any]]
    drawn: list[int]
    screen: str
    completed: int
    used: list[str]


class ScrolledOff(TypedDict):
    """The scrollback of a checkpoint: in which `file`, how many `bytes` of it; `lines`: its bound."""

    file: Annotated[int, range(2)]
    bytes: int
    lines: Annotated[int, range(MOST_SCROLLBACK + 1)]


class CheckpointHeader(TypedDict, total=False):
    """The first line of a checkpoint. `drawn`: columns and rows of its bytes; `size`: those of the session; `screen`:
    how many bytes follow."""

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
    """A host did not answer `at` that moment (seconds since 1970). `refused`: it refused a login."""

    at: float
    reason: str
    refused: bool


class _KeptSession(TypedDict):
    name: Name


class KeptSession(_KeptSession, total=False):
    """The keys of Summary that are kept of a session on a host. `seen`: when it was last known to run, if that was
    after its host listed it (seconds since 1970)."""

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
    """What is known of a host. `asks`: the last login asked a person; `round_trip`: seconds; `sessions`: as the host
    `listed` them last (seconds since 1970), with later news of single ones; `failure`: the last one, unless it answered
    since."""

    first_used: Moment
    last_used: Moment
    version: str
    asks: bool
    round_trip: float
    listed: float
    sessions: list[KeptSession]
    failure: HostFailure
