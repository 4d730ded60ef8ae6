"""Types of the JSON in frames: HELLO, messages, and each request with its response.

A daemon checks HELLO and REQUEST, `sesh.wire.connection` checks a host's frames. `REQUESTS` in `daemon.requests` has
the method for each request to a daemon. The method's parameters are the keys of the request; the `result` in the
RESPONSE has the type that the table at the end of this file names.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum
from typing import Any, Generic, Optional, TypedDict, TypeVar, Union, final, overload

from sesh.schema.facts import (
    Code,
    EndFacts,
    Exact,
    ForwardedPort,
    Id,
    JobResult,
    Latin,
    LoginFacts,
    Name,
    Pid,
    RunFacts,
    Size,
    Status,
    Styled,
    Summary,
    TerminalSettings,
    Text,
)


class OriginFacts(TypedDict, total=False):
    """The machine that opened the link, as its HELLO describes it (see `sesh.reach.origin`).

    `opens_pages`: it has a desktop that shows pages. `terminal`: the settings of the person's terminal. `set_by_ssh`:
    variables that the login on the host has by the person's ssh_config.
    """

    host: str
    home: str
    size: tuple[Size, Size, Size, Size]
    term: Optional[str]
    colorterm: Optional[str]
    locale: dict[str, str]
    opens_pages: bool
    terminal: TerminalSettings
    set_by_ssh: list[str]


class Hello(LoginFacts, total=False):
    """HELLO, the first frame of a client. `role`: `attach`, `request` or `bridge`.

    Further keys are a client's terminal and options. `client`: a secret that identifies a returning client; `position`:
    of the first byte that it lacks, in the output of the session `id`; `seen`: the positions that its terminal has
    shown, by session id; `begun`: of each within a frame, how many bytes of this frame it has shown, and how many lines
    end in them; `acknowledges`: it sends GOT.
    """

    protocol: int
    version: str
    role: str
    pid: Pid
    origin: OriginFacts
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
    lines: Optional[int]
    remote: bool
    acknowledges: bool
    id: str
    position: int
    seen: Mapping[str, int]
    begun: Mapping[str, tuple[int, int]]


RequestKeys = dict[str, Any]  # the arguments of a REQUEST: all keys but those of its `Envelope`


class Envelope(TypedDict, total=False):
    """The keys of every REQUEST. `begin_by`: the deadline in seconds since the machine's start."""

    id: int
    verb: str
    begin_by: Optional[float]


class OpRequest(Envelope, total=False):
    """The REQUEST `op` to a bridge (see `sesh.bridge.bridge`)."""

    op: Optional[str]
    can_answer: bool  # a person can answer the op's questions
    answers: list[str]
    session_id: Id
    beside: bool  # the link goes on meanwhile; the response has the result in `data`


class Message(TypedDict, total=False):
    """NOTICE, TELL, EXIT, DETACH or SWITCH to an attached client.

    `left_out`, `kept`: the lines that the terminal lacks, and how many of them `logs` has; `name`, `host`: for SWITCH,
    those of the session to attach to; `used_rows`: from the cursor's on; `queries`: the terminal's replies to the
    program may still come; `command`: the foreground program after a detach.
    """

    name: Name
    text: str
    left_out: int
    kept: int
    state: str
    question: str
    code: Optional[Code]
    signal: Optional[Code]
    reason: Optional[str]
    used_rows: Optional[int]
    queries: bool
    command: Text
    host: Optional[str]


MAX_PATHS = 16  # in one FIND
MAX_CLIENT_JSON = 64 << 10  # bytes of an ASK, TOLD or DESKTOP of a client


class Wish(str, Enum):
    """What is wished in an ASK. A daemon asks for the first five of a client, a client for the others of its daemon.

    SESSION is asked only by `sesh.forward`, which asks its far end for that and for STREAM.
    """

    LIST = "list"  # the types that the clipboard has: TOLD has `types`
    READ = "read"  # the clipboard's content as `type`: pieces, then TOLD
    WRITE = "write"  # put pieces on the clipboard as `type`; TOLD once that is done
    OPEN = "open"  # show the page `url`
    LISTEN = "listen"  # connections to a port here are carried to `port` there: a piece names it, as `Listening`
    STREAM = "stream"  # a connection to `port` of the daemon's machine: pieces both ways
    SESSION = "session"  # TOLD (gone) once the session with the id `session` has ended over there
    SHIMS = "shims"  # TOLD with `words`, once, if the program in the foreground does not find the shims
    PORT = "port"  # TOLD (gone) once nobody listens on `port` there any more, or it may not be reached
    FIND = "find"  # which of `paths` exist on the daemon's machine: TOLD has `found`
    PUT = "put"  # pieces are a file for the session's directory of files, where TOLD says its `path`


class Why(str, Enum):
    """Why a wish was not fulfilled."""

    CONSENT = "consent"  # the person has not agreed
    EMPTY = "empty"  # the clipboard has nothing of that type
    NONE = "none"  # nobody is attached whose client can do it
    TOOLS = "tools"  # the machine of the person has no program for it
    SIZE = "size"  # more bytes than are carried
    REFUSED = "refused"  # what was asked is not done for anybody, such as an address that is no page
    TAKEN = "taken"  # another program listens on the port
    GONE = "gone"  # the client, the link, the caller or the far port has gone meanwhile
    TIME = "time"  # no answer came in time


class Ask(TypedDict, total=False):
    """ASK. `wish`: one of `Wish`, or one that a newer sesh knows. `number`: even if the daemon asks, else odd.

    `type`: a MIME type; `size`: of the bytes that follow, if known; `program`: what asks, in one word; `ports`: those
    that `url` names and on which the session's user listens over there. `paths`: absolute ones, at most `MAX_PATHS`;
    `name`: the one that a file has here, without folders; `paste`: have its path pasted once it is there. `any`: on
    `port` others than the session's user may listen.
    """

    number: int
    wish: str
    type: str
    url: Exact
    port: int
    ports: list[int]
    program: str
    size: int
    session: Id
    any: bool
    paths: list[Exact]
    name: Exact
    paste: bool


class Told(TypedDict, total=False):
    """TOLD, and the response to `desk` and `put`. `why`: one of `Why`, empty if `ok`.

    `types`: those that the clipboard has; `type`: that of the bytes; `words`: one line for the person at the caller.
    `found`: those of the `paths` that exist, or of which nobody knows in time; `path`: where a file lies; `pasted`: its
    path was, and nobody needs to be told.
    """

    number: int
    ok: bool
    why: str
    types: list[str]
    type: str
    words: str
    found: list[Exact]
    path: Exact
    pasted: bool


def refusal(why: Why, words: str = "") -> Told:
    """Return what is told of a wish that is not fulfilled."""
    return {"ok": False, "why": why.value, "words": words}


def why_of(told: Told) -> Optional[Why]:
    """Return why a wish was not fulfilled; None if it was, or for a reason that only a newer sesh knows."""
    return next((each for each in Why if each.value == told.get("why")), None)


class Listening(TypedDict):
    """The bytes of a LISTEN: the port here."""

    local: int


class DesktopFacts(TypedDict, total=False):
    """DESKTOP: what the machine of a client's person can do. `pictures`: the types of pictures that it reads.

    `open`: show a page; `listen`: on its loopback, for a login that comes home; `read`, `write`: its clipboard.
    """

    open: bool
    listen: bool
    read: bool
    write: bool
    pictures: list[str]


class Welcome(TypedDict, total=False):
    """The first message of a daemon or a bridge.

    `keys`: the daemon carries out each request once that changes something and has a `key`; `missed`: events while no
    client was attached; `coding`: that of the programs' locale, by Python's name; `now`, `uptime`: the machine's time,
    and seconds since its start; `beside`: the bridge takes requests with this key.
    """

    protocol: int
    version: str
    id: str
    name: Name
    position: int
    last_input: int
    new: bool
    missed: str
    coding: Text
    events: int
    keys: bool
    home: Text
    now: float
    uptime: float
    beside: bool


Response = TypeVar("Response")


class RequestType(str, Generic[Response]):
    """The name of a request, and the type of its `response`. `reads`: it changes nothing."""

    response: object
    reads: bool

    @overload
    def __new__(cls, name: str, response: type[Response], *, reads: bool = False) -> RequestType[Response]: ...
    @overload
    def __new__(cls, name: str, response: object, *, reads: bool = False) -> RequestType[Any]: ...  # a Union

    def __new__(cls, name: str, response: object, *, reads: bool = False) -> RequestType[Any]:
        made = super().__new__(cls, name)
        made.response = response
        made.reads = reads
        return made


# -- requests that read


class _Page(TypedDict):
    first: int
    older: bool
    position: int
    alternate: bool


class LogsResponse(_Page, total=False):
    """The response to `logs`, whose DATA is a page of lines.

    `first`: the number of the first; `older`: there are lines before it. `since`: the number of the first line that may
    be on a page; a daemon that does not know the times of lines does not send it. The keys of a `LineState` follow if
    the request wants the `end`.
    """

    since: int
    open: bool
    blank: int
    columns: Size
    start: Latin


# -- requests whose response comes later


class _Met(TypedDict):
    met: str
    position: int


@final
class MetResponse(_Met, total=False):
    """A condition of `wait` holds: prompt, idle, or waiting with a `question`."""

    question: str


@final
class EndResponse(EndFacts):
    """The session has ended, after `position` bytes of output."""

    position: int


WaitResponse = Union[MetResponse, EndResponse]


# -- requests that change the session


class SendResponse(TypedDict, total=False):
    """The response to `send`; empty to an interrupt.

    `position`: of the output, before the program got the bytes; `reason`: why the rest of the
    text, or Enter, was not typed; or empty.
    """

    position: Optional[int]
    reason: str


# -- the request to a bridge


class _Notes(TypedDict, total=False):
    lines: list[str]  # for the user
    created: bool  # the request has created the session that it connects to
    data: Text  # the result, as JSON; in DATA without the key `beside`


@final
class ResultResponse(_Notes):
    """The op has returned; its result is in DATA."""


@final
class QuestionResponse(_Notes):
    """A choice for the user: `answers` (letter, meaning), the `default`, and text to show `above`."""

    question: str
    answers: list[tuple[str, str]]
    default: str
    above: Styled


@final
class ConnectedResponse(_Notes):
    """The link is connected: from now on it carries the frames of a session's daemon."""

    name: Name
    session_id: str
    daemon_pid: Optional[int]


@final
class EndedResponse(_Notes):
    """The session to connect to has ended; its output is in DATA."""

    name: Name
    result: JobResult


# A check takes the first that fits.
OpResponse = Union[QuestionResponse, EndedResponse, ConnectedResponse, ResultResponse]


SUMMARY = RequestType("summary", Summary, reads=True)
STATUS = RequestType("status", Status, reads=True)
SCREEN = RequestType("screen", list[int], reads=True)  # rows that continue the row before; DATA is the screen
MODES = RequestType("modes", bool, reads=True)  # application cursor keys (DECCKM)
LOGS = RequestType("logs", LogsResponse, reads=True)
HISTORY: RequestType[RunFacts | None] = RequestType("history", Optional[RunFacts], reads=True)
TYPED: RequestType[float | None] = RequestType("typed", Optional[float], reads=True)
WAIT: RequestType[WaitResponse] = RequestType("wait", WaitResponse, reads=True)
EVENTS: RequestType[WaitResponse] = RequestType("events", WaitResponse, reads=True)
RUN = RequestType("run", RunFacts)
RUN_INTERRUPT = RequestType("run_interrupt", SendResponse)
SEND = RequestType("send", SendResponse)
PRESS = RequestType("press", SendResponse)
INTERRUPT = RequestType("interrupt", SendResponse)
FEED = RequestType("feed", bool)  # the job's stdin takes more
DETACH = RequestType("detach", int)  # so many clients
KILL: RequestType[WaitResponse] = RequestType("kill", WaitResponse)
SIGNAL = RequestType("signal", type(None))  # to the foreground
RENAME = RequestType("rename", type(None))
LABEL = RequestType("label", dict[str, str])
RESUME = RequestType("resume", type(None))
STATE = RequestType("state", type(None))
SWITCH = RequestType("switch", bool)
TELL = RequestType("tell", bool)
RELOAD = RequestType("reload", type(None))
DESK = RequestType("desk", Told)  # what a program wants of its person's desktop; DATA is the clipboard
PUT = RequestType("put", Told)  # a file for the session

START = RequestType("start", type(None))  # to a zygote
FORWARD = RequestType("forward", list[ForwardedPort])  # to what forwards a host's ports in the background
OP: RequestType[OpResponse] = RequestType("op", OpResponse)  # to a bridge
