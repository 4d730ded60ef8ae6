"""Types of the files of a session: its record, the facts of its daemon, its checkpoint.

A file is checked against its type when it is read (`sesh.files`).
"""

from typing import Annotated, TypedDict

from sesh.measures import LARGEST_SIDE, MOST_SCROLLBACK
from sesh.schema import Code, Id, Moment, Pid, RunFacts

Side = Annotated[int, range(1, LARGEST_SIDE + 1)]


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
    resume: list[str] | None
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
    state: str | None  # done or failed, once the session has ended
    version: str
    found_lost: bool  # a sweep has found the session lost, when it last wrote this file


class Facts(TypedDict):
    """The facts that a daemon knows of its session. The daemon's snapshot keeps them across a reload."""

    name: str
    id: str
    created: float  # seconds since 1970
    directory: str
    command: list[str]
    labels: dict[str, str]
    keep: bool
    job: bool
    shell: bool
    persist: bool  # write checkpoints, and keep the session if it ends without a client, as `outlive` says
    outlive: str | None  # never, failed or always
    scrollback: int
    ends_at: float | None  # when a job times out, in seconds since 1970
    pid: int
    resume: list[str] | None  # the command that starts the session again
    resumed: bool  # that command runs instead of a shell
    env: list[str]  # the names of `--env`


class ScrolledOff(TypedDict):
    """The scrollback of a checkpoint, which is in a file of its own (see `sesh.store.checkpoints`)."""

    file: Annotated[int, range(2)]
    bytes: int  # the part of the file that counts, from its start
    lines: Annotated[int, range(MOST_SCROLLBACK + 1)]  # the limit of the session


class CheckpointHeader(TypedDict, total=False):
    """The first line of a checkpoint. The bytes of the screen follow it."""

    format: int
    written: Moment
    last_activity: Moment
    cwd: str
    title: str
    history: list[RunFacts]
    drawn: list[Side]  # columns and rows of the terminal to feed the bytes to
    size: list[Side]  # columns and rows of the session, which may have been resized since
    scrollback: ScrolledOff
    screen: int  # the number of bytes that follow
