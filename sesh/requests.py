"""The requests to a daemon and to a bridge, each with the type of its answer: the JSON of its RESPONSE.

A class of `daemon.request_methods` or `daemon.typed_text` has a method with the name of each request to a daemon. Its
parameters are the keys of the request, and it answers with the type that this table names. The asker gets this type;
`sesh.wire` checks a host's answer against it.
"""

from __future__ import annotations

from types import UnionType
from typing import Generic, TypedDict, TypeVar, final

from sesh.schema import (
    JobResult,
    Latin,
    Moment,
    Name,
    Outcome,
    RunFacts,
    Sentence,
    ShellCode,
    Size,
    Status,
    Styled,
    Text,
    Time,
)

Answer = TypeVar("Answer")


class RequestType(str, Generic[Answer]):
    """The name of a request, and the type of its `answer`. `reads`: it changes nothing."""

    answer: type[Answer] | UnionType
    reads: bool

    def __new__(cls, name: str, answer: type[Answer] | UnionType, *, reads: bool = False) -> RequestType[Answer]:
        made = super().__new__(cls, name)
        made.answer, made.reads = answer, reads
        return made


class NoAnswer(TypedDict):
    """The answer of a request that has nothing to report."""


# -- requests that read


class SessionAnswer(TypedDict):
    """The answer of `summary` and `status`. A summary lacks some keys of a status."""

    session: Status


class CursorPlace(TypedDict):
    """A cursor's row and column, from 0."""

    row: Size
    column: Size


class ScreenAnswer(TypedDict):
    """The answer of `screen`, whose DATA is the screen. `continued`: the rows that continue the row before."""

    columns: Size
    rows: Size
    cursor: CursorPlace
    position: int
    title: str
    alternate: bool
    continued: list[int]


class ModesAnswer(TypedDict):
    """The modes that change the bytes of keys. `cursor`: application cursor keys (DECCKM)."""

    cursor: bool


class _Page(TypedDict):
    lines: int
    first: int
    older: bool
    position: int
    alternate: bool


class LogsAnswer(_Page, total=False):
    """The answer of `logs`, whose DATA is a page of lines. `lines`: their number; `first`: the number of the first;
    `older`: there are lines before it. The keys of a `LineState` follow if the request wants the `end`."""

    open: bool
    blank: int
    columns: Size
    start: Latin


class HistoryAnswer(TypedDict, total=False):
    """The command that `history` was asked for, whose DATA is its output. Without a number it has no keys, and its DATA
    is the list of commands."""

    n: int
    command: list[Text]
    cwd: Text | None
    started: Time
    duration: float | None
    exit_code: ShellCode | None
    output_bytes: int


class TypedAnswer(TypedDict):
    """The answer of `typed`. `at`: when a key was typed on a terminal that shows notifications; `watched`: a person
    looks at the session."""

    at: float | None
    watched: bool


class AskedAnswer(TypedDict):
    """The question of a program. `hides`: echo is off, as for a password; `line`: the program reads a line."""

    since: Moment | None
    question: Sentence
    hides: bool
    line: bool


# -- requests that are answered later


class _Met(TypedDict):
    met: str
    position: int


@final
class MetAnswer(_Met, total=False):
    """A condition of `wait` holds: prompt, idle, or waiting with a `question`."""

    question: Sentence


@final
class EndAnswer(Outcome):
    """The session has ended, after `position` bytes of output."""

    position: int


WaitAnswer = MetAnswer | EndAnswer


# -- requests that change the session


class SendAnswer(TypedDict, total=False):
    """The answer of `send`, and of an `interrupt` that is repeated. `position`: of the output, before the program got
    the bytes; `reason`: why Enter was not pressed, or empty."""

    position: int | None
    reason: str


class DetachAnswer(TypedDict):
    detached: int


class RenameAnswer(TypedDict):
    name: Name


class LabelAnswer(TypedDict):
    labels: dict[str, str]


class SwitchAnswer(TypedDict):
    switched: bool


class TellAnswer(TypedDict):
    told: bool


class FeedAnswer(TypedDict):
    """The state of a job's stdin: the number of bytes `received`, and whether it takes more."""

    received: int
    open: bool


class ReloadAnswer(TypedDict):
    name: Name
    version: str


# -- the request to a bridge


class _Notes(TypedDict, total=False):
    """Lines for the user, and whether to show each on the first screen, not now."""

    notes: list[tuple[Sentence, bool]]


class _Question(_Notes):
    question: Sentence
    answers: list[tuple[str, Sentence]]
    default: str


class _Entered(_Notes):
    name: Name
    session_id: str


@final
class ResultAnswer(_Notes):
    """The op has returned; its result is in DATA. Each answer is `ok`, but this one has no other key."""

    ok: bool


@final
class QuestionAnswer(_Question, total=False):
    """A choice for the user: `answers` (letter, meaning), the `default` letter, and text to show `above`."""

    above: Styled


@final
class EnteredAnswer(_Entered, total=False):
    """The link carries the frames of a session's daemon from now on. The caller may keep the other facts."""

    daemon_pid: int | None
    cwd: Text | None
    command: list[Text]


@final
class EndedAnswer(_Notes):
    """The session to enter has ended; its output is in DATA."""

    name: Name
    result: JobResult


EntryAnswer = EnteredAnswer | EndedAnswer
OpAnswer = QuestionAnswer | EndedAnswer | EnteredAnswer | ResultAnswer  # a check takes the first that fits


SUMMARY = RequestType("summary", SessionAnswer, reads=True)
STATUS = RequestType("status", SessionAnswer, reads=True)
SCREEN = RequestType("screen", ScreenAnswer, reads=True)
MODES = RequestType("modes", ModesAnswer, reads=True)
LOGS = RequestType("logs", LogsAnswer, reads=True)
HISTORY = RequestType("history", HistoryAnswer, reads=True)
TYPED = RequestType("typed", TypedAnswer, reads=True)
ASKED = RequestType("asked", AskedAnswer, reads=True)
WAIT: RequestType[WaitAnswer] = RequestType("wait", WaitAnswer, reads=True)
EVENTS: RequestType[WaitAnswer] = RequestType("events", WaitAnswer, reads=True)
RUN = RequestType("run", RunFacts)
RUN_INTERRUPT = RequestType("run_interrupt", SendAnswer)
SEND = RequestType("send", SendAnswer)
INTERRUPT = RequestType("interrupt", SendAnswer)
FEED = RequestType("feed", FeedAnswer)
DETACH = RequestType("detach", DetachAnswer)
KILL: RequestType[WaitAnswer] = RequestType("kill", WaitAnswer)
RENAME = RequestType("rename", RenameAnswer)
LABEL = RequestType("label", LabelAnswer)
RESUME = RequestType("resume", NoAnswer)
STATE = RequestType("state", NoAnswer)
SWITCH = RequestType("switch", SwitchAnswer)
TELL = RequestType("tell", TellAnswer)
RELOAD = RequestType("reload", ReloadAnswer)
TO_DAEMON = tuple(each for each in list(vars().values()) if isinstance(each, RequestType))
"""The requests above; those below are not to a daemon."""

START = RequestType("start", NoAnswer)  # to a zygote
OP: RequestType[OpAnswer] = RequestType("op", OpAnswer)  # to a bridge
