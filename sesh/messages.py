"""Types of the JSON in frames.

They describe the frames that this sesh sends. Those that come may be of another sesh, or of none: a daemon checks each
value that it takes, and an asker lets its frames through the gate. Loaded under `TYPE_CHECKING` only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

from sesh.schema import ErrorFacts, From, JobResult, Moment, RunFacts, Status


class Near(TypedDict, total=False):
    """The machine at the near end of a link, as HELLO describes it to the bridge (see `sesh.reach.origin`)."""

    host: str
    home: str
    size: list[int]
    term: str | None
    colorterm: str | None
    locale: dict[str, str]


class Hello(TypedDict, total=False):
    """A HELLO beside its protocol, version, role and pid: a client's terminal and wishes.

    `client`: a secret by which a client that comes back is known; `since`: its position in the output of the session
    `id`. `seen`: the positions of its terminal, by session id.
    """

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
    lang: str
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
    """All of a HELLO. `role`: `attach`, `request` or `bridge`."""

    protocol: int
    version: str
    role: str
    pid: int


_Positions = TypedDict("_Positions", {"from": int | str | None, "else": int | None}, total=False)


class Words(_Positions, total=False):
    """A REQUEST beside its id and verb: the keys of all verbs, which are functions of `sesh.daemon.requests`.

    `from`, `since`: a position, or `head`, `sent`, `start`; `since` of `events` is a number, of `answer` a moment.
    `else`: the position that stands for `sent` if nothing was sent. `probe`: only say what would be done. `lasts`:
    carry it out even if the asker gives up. `keys`: they wait for no text that is on its way. `name`, `session_id`,
    `passing`, `op`, `arguments`, `asks`, `answers`, `greeting` and `pings` are the bridge's.
    """

    name: str
    which: str
    session_id: str
    lasts: bool
    to: str
    host: str | None
    more: bool
    keys: bool
    since: int | str | None
    question: str
    probe: bool
    whole: bool
    enter: bool
    force: bool
    single: bool
    format: str
    lines: int
    ansi: bool
    end: bool
    until: int
    text: str
    set: Mapping[str, str]
    state: str
    bound: bool
    hook: bool
    command: Sequence[str]
    exit: bool
    output: bool
    follow: bool
    prompt: bool
    waiting: bool | None
    anew: bool
    idle: float | None
    wait: bool
    key: str
    n: int | None
    at: int
    ends: bool
    mends: bool
    python: str
    path: list[str]
    passing: bool
    patience: int
    op: str
    arguments: Mapping[str, object]
    asks: bool
    answers: Sequence[str]
    greeting: Introduction
    pings: bool


class TimedWords(Words, total=False):
    """`Words` with `timeout`, the seconds that the daemon gives a command or a wait."""

    timeout: float | None


class Message(TypedDict, total=False):
    """A message to an attached client: NOTICE, TELL, EXIT, DETACH or SWITCH, the session's `name` in each.

    `rows_below`: rows in use below the cursor. `queries`: True if answers of the terminal to the program may come yet.
    """

    name: str
    text: str
    state: str
    question: str
    code: int | None
    signal: int | None
    reason: str | None
    rows_below: int | None
    queries: bool
    host: str | None


class Welcome(TypedDict, total=False):
    """The first message of a daemon or a link's far end. `missed`: a line on what happened while nobody was attached.
    `now`: the time there. `account`: a text for that machine and account, by which they are known under another name.
    """

    protocol: int
    version: str
    id: str
    name: str
    position: int
    last_input: int
    new: bool
    missed: str
    events: int
    home: str
    now: float
    auth_sock: str
    renewed: Mapping[str, str]
    account: str


class CursorPlace(TypedDict):
    """Row and column of a cursor, from 0."""

    row: int
    column: int


class Answer(From, total=False):
    """A RESPONSE: the `id` of its request, an `error`, or the answer: the keys of all requests.

    `notes`: lines for the person, and whether each is shown again on the first screen. `question`: a decision for the
    person, with `answers` (letter, meaning), a `default` and text `above` it. `session`: a creator is told its name
    alone. `record`: see `records.believed`.
    """

    id: int | None
    ok: bool
    error: ErrorFacts
    record: str
    notes: list[tuple[str, bool]]
    question: str
    answers: list[tuple[str, str]]
    default: str
    above: str
    session: Status
    name: str
    session_id: str
    result: JobResult
    run: RunFacts | None
    met: str
    signal: int | None
    reason: str | None
    daemon_pid: int | None
    lines: int
    first: int
    older: bool
    columns: int
    rows: int
    title: str
    open: bool
    blank: int
    column: int
    alternate: bool
    unfinished: str
    cursor: bool | CursorPlace
    continued: list[int]
    line: bool
    waits: bool
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
    exit_code: int | None
    duration: float | None
    timed_out: bool
    truncated: bool
    output_bytes: int
    position: int | None
    n: int
    command: list[str]
    cwd: str | None
    started: float
    key: str
    output_lost: bool
    session_ended: bool
    cpu: float | None
    memory: int | None
