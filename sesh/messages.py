"""Types of the JSON in frames. A daemon checks HELLO and REQUEST, `sesh.wire` checks a host's frames."""

from collections.abc import Mapping
from typing import Any, TypedDict

from sesh.schema import (
    Code,
    ErrorFacts,
    From,
    Id,
    JobResult,
    Latin,
    Moment,
    Name,
    Pid,
    RunFacts,
    Sentence,
    Size,
    Status,
    Styled,
    Text,
)


class Near(TypedDict, total=False):
    """The machine at the near end of a link, described to the bridge in HELLO (see `sesh.reach.origin`)."""

    host: str
    home: str
    size: list[Size]
    term: str | None
    colorterm: str | None
    locale: dict[str, str]


class Hello(TypedDict, total=False):
    """A client's terminal and options. `client`: a secret that identifies a returning client; `since`: its position in
    the output of the session `id`; `seen`: the positions that its terminal has shown, by session id."""

    near: Near
    client: str
    columns: int
    rows: int
    width: int
    height: int
    term: str
    colorterm: str
    tty: str
    machine: str
    read_only: bool
    replace: bool
    replay: bool
    lines: int | None
    remote: bool
    tells: bool
    got: bool
    auth_sock: str
    renewed: Mapping[str, str]
    id: str
    since: int
    seen: Mapping[str, int]


class Introduction(Hello, total=False):
    """A complete HELLO. `role`: `attach`, `request` or `bridge`."""

    protocol: int
    version: str
    role: str
    pid: Pid


Words = dict[str, Any]  # the arguments of a REQUEST: all keys but those of its `Envelope`


class Envelope(TypedDict, total=False):
    """The keys of every REQUEST. `begin_by`: the deadline to begin, in seconds since the start of the machine."""

    id: int
    verb: str
    begin_by: float | None


class OpRequest(Envelope, total=False):
    """The REQUEST `op` to a bridge (see `sesh.bridge`)."""

    op: str | None
    asks: bool
    answers: list[str]
    session_id: Id
    greeting: dict[str, object]
    pings: bool


class Message(TypedDict, total=False):
    """NOTICE, TELL, EXIT or DETACH to an attached client. `rows_below`: used rows below the cursor; `queries`: the
    terminal's replies to the program may still come; `command`: the foreground program after a detach."""

    name: Name
    text: str
    state: str
    question: str
    code: Code | None
    signal: Code | None
    reason: str | None
    rows_below: int | None
    queries: bool
    command: Text
    host: str | None


class Switch(TypedDict, total=False):
    """SWITCH: the name and the host of the session to attach to."""

    name: str
    host: str | None
    rows_below: int | None


class Welcome(TypedDict, total=False):
    """The first message of a daemon or a bridge. `missed`: a line about events while no client was attached;
    `now`, `uptime`: the machine's time, and the time since its start."""

    protocol: int
    version: str
    id: str
    name: Name
    position: int
    last_input: int
    new: bool
    missed: str
    events: int
    home: Text
    now: float
    auth_sock: Text
    renewed: Mapping[str, Text]
    uptime: float


class CursorPlace(TypedDict):
    """A cursor's row and column, from 0."""

    row: Size
    column: Size


class Answer(From, total=False):
    """A RESPONSE: an `error`, or some of the keys below. `notes`: lines for the user, and whether to show
    each again on the first screen; `question`: a choice for the user, with `answers` (letter, meaning), a `default`,
    and text `above`."""

    id: int | None
    ok: bool
    error: ErrorFacts
    notes: list[tuple[Sentence, bool]]
    question: Sentence
    answers: list[tuple[str, Sentence]]
    default: str
    above: Styled
    session: Status
    name: Name
    session_id: str
    result: JobResult
    run: RunFacts | None
    met: str
    signal: Code | None
    reason: str | None
    daemon_pid: int | None
    lines: int
    first: int
    older: bool
    columns: Size
    rows: Size
    title: str
    open: bool
    blank: int
    alternate: bool
    start: Latin
    cursor: bool | CursorPlace
    continued: list[int]
    line: bool
    labels: dict[str, str]
    clients: int
    detached: int
    received: int
    switched: bool
    at: float | None
    watched: bool
    told: bool
    since: Moment | None
    hides: bool
    version: str
    exit_code: Code | None
    duration: float | None
    timed_out: bool
    truncated: bool
    output_bytes: int
    position: int | None
    n: int
    command: list[Text]
    cwd: Text | None
    started: float
    key: str
    output_lost: bool
    session_ended: bool
    cpu: float | None
    memory: int | None
