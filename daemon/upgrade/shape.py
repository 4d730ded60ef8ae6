"""The types of a daemon as plain data: `state` dumps and loads it, and `reload` hands it over as JSON.

Bytes are base64. A connection is given by its index in `connections`. Loaded under `TYPE_CHECKING` only.
"""

from __future__ import annotations

from typing import Any, TypedDict

from sesh.daemon.activity.activity import ActivityState
from sesh.daemon.clients.connection import Wanted
from sesh.daemon.clients.listener import ListenerState
from sesh.daemon.pty.pty import PtyState
from sesh.daemon.shell.history import Begun
from sesh.daemon.waits import Sought
from sesh.schema import Event, RunFacts
from sesh.stored import Facts, ModelState

History = tuple[int, RunFacts | None, list[tuple[RunFacts, str]], list[list[Any]]]
"""The number of commands, the last answer, the commands with their output, the answers by their keys."""

Done = tuple[str, int, int, int | None]
"""The answer that is due once a unit of input is taken: `input` or `send`, the connection, the request's number, and
the input's size or the log's position."""


Attributes = dict[str, Any]
"""The attributes of an object by their names."""


class ReaderState(TypedDict):
    """A reader of the log: its position, and the bytes that it has skipped."""

    position: int
    skipped: int


class ConnectionState(TypedDict):
    """A connection. `client`: its attributes by their names, with `replies` and `flow`."""

    descriptor: int
    creator: bool
    role: str
    closing: bool
    progress_at: float
    unanswered: int
    unfinished: str
    data: str
    backlog: list[tuple[int, str]]
    waits: list[tuple[int, Wanted]]
    unsent: str
    acknowledged: int
    reader: ReaderState | None
    client: Attributes | None


class StdinState(TypedDict):
    """The pipe that is a job's standard input.

    `waiting`: bytes to be written, the number of the request that sent them, and true if they are the last. `left`:
    seconds until the pipe is closed without its feeder.
    """

    descriptor: int
    received: int
    linger: float
    feeder: int | None
    waiting: tuple[str, int, bool]
    left: float | None


class RunState(TypedDict):
    """A command of `--run`. `left`: seconds until it times out."""

    number: int
    words: list[str]
    key: str
    request: int
    wait: bool
    connection: int | None
    left: float | None
    attributes: Attributes
    output: str
    shell: tuple[int, str, bool, bool] | None
    files: tuple[str, str, str] | None
    live: list[int] | None


class RunsState(TypedDict):
    """The commands of `--run`: those that wait, and before them the one under way if `active` is true.

    `between`: the prompt behind the last command. `outer`: the outer tokens. `part`: the beginning of a mark.
    """

    secret: str
    prompted: bool
    between: str
    outer: list[str]
    part: str
    active: bool
    runs: list[RunState]


class SessionState(ActivityState):
    """A session without its descriptors, its clients and its input.

    `size`: columns, rows, width, height. `log`: its base and bytes. `scanner`: an unfinished sequence. `end`: code,
    signal, time, true if its time ran out, processor time, memory. `departed`: clients that may come back. `marks`: the
    typed command that is under way. `clock`, `clock_step`: the origin and the step of `SteadyClock`, for all moments;
    but `deadline` in `facts` is by the wall clock.
    """

    facts: Facts
    clock: float
    clock_step: float
    size: list[int]
    log: tuple[int, str]
    model: ModelState
    scanner: str
    seen: bool
    title: str
    titled_by: int
    last_activity: float
    sent_at: int | None
    end: tuple[int | None, int | None, float | None, bool, float | None, int | None]
    departed: list[tuple[str, int, int, bool]]
    missed: list[object]
    history: History | None
    marks: tuple[Begun | None, int | None] | None


class Back(TypedDict):
    """The interpreter and the `sys.path` that execute the sesh that wrote the state."""

    python: str
    path: list[str]


class _State(TypedDict):
    format: int
    session: SessionState
    input: list[tuple[object, str, Done | None]]
    listener: ListenerState
    pty: PtyState | None
    open: bool
    stdin: StdinState | None
    done: bool
    connections: list[ConnectionState]
    clients: list[int]
    turn: tuple[int, int]
    followers: list[int]
    events: tuple[int, list[Event], list[tuple[int, int]]]
    waits: list[tuple[int, int, float | None, Sought]]
    runs: RunsState | None
    hooks: list[tuple[int, str]]
    typed_line: Attributes
    outcomes: list[tuple[str, str]]
    faults: list[str]
    checkpoint: float | None


class State(_State, total=False):
    """A daemon. `outcomes`: the last outcomes of texts with Enter. `input`: units with their writers. `request`: the
    connection that requested the reload, and the request's number; `back`: the way back, if there is one."""

    request: tuple[int | None, int]
    back: Back
