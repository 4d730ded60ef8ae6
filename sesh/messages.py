"""Types of the JSON in frames. A daemon checks HELLO and REQUEST, `sesh.wire` checks a host's frames."""

from collections.abc import Mapping
from typing import Any, TypedDict

from sesh.schema import Code, Id, Name, Pid, Size, Text


class Near(TypedDict, total=False):
    """The machine at the near end of a link, described to the bridge in HELLO (see `sesh.reach.origin`)."""

    host: str
    home: str
    size: list[Size]
    term: str | None
    colorterm: str | None
    locale: dict[str, str]


class Hello(TypedDict, total=False):
    """HELLO. `role`: `attach`, `request` or `bridge`. Further keys are a client's terminal and options, `client`: a
    secret that identifies a returning client; `since`: its position in the output of the session `id`; `seen`: the
    positions that its terminal has shown, by session id."""

    protocol: int
    version: str
    role: str
    pid: Pid
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
