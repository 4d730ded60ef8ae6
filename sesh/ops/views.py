"""The facts of a session, its screen, its last lines, and new lines as they come."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from sesh import errors, gate, identity, paths, protocol, wire
from sesh.about import SESH
from sesh.errors import NotFound, SeshError, UsageError
from sesh.messages import Answer, Words
from sesh.names import printable
from sesh.ops import dormant
from sesh.protocol import parse
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.reach.stream import Stream
from sesh.reach.target import Target
from sesh.remote import known
from sesh.schema import Overview, Status, Styled, Summary
from sesh.shapes import MOST_VALUES
from sesh.store import listing, records
from sesh.vt.render.screen_data import Screen, ScreenText

if TYPE_CHECKING:
    from sesh.vt.lines import Line, LineReader  # whose tables take as long to load as a list to draw

_FORMATS = ("text", "ansi", "json")
"""The formats of a screen, each with the one that the daemon is asked for."""
_MOST_FAR = MOST_VALUES // 2
"""Lines that come over a link: commas in them may count as values too."""
_STATUS_TIMEOUT, _SCREEN_TIMEOUT = 5.0, 30.0
_PATIENCE = 25
"""Seconds that a daemon may wait for its emulator before it answers: fewer than the asker waits."""


def bears(session: Summary, labels: dict[str, str]) -> bool:
    """Returns whether a session has all of these labels."""
    return labels.items() <= (session.get("labels") or {}).items()


@op(reads=True)
def overview(caller: Caller) -> Overview:
    """The `sessions` of this machine, the lines on untrusted files (`refusals`), and the user's `home`."""
    sessions, refusals = listing.overview()
    if caller.origin is None and not caller.local and paths.knows_remotes():
        refusals += known.damage()
    return {"sessions": sessions, "refusals": refusals, "home": paths.home()}


@op(reads=True)
def status(caller: Caller, name: str) -> Status:
    """All facts of a session: from its daemon, or from its record if it has none or is silent; of a job that is gone
    from its result. Raises NotFound."""
    try:
        summary = find.described(find.read(name, "status", timeout=_STATUS_TIMEOUT)[0])
    except (errors.TimedOut, errors.Unreachable, NotFound) as error:
        summary = _unanswered(name, error)
    session: Status = dict(summary)  # type: ignore[assignment]  # more is known of one that runs
    if "daemon_pid" not in session:
        record = records.read(name) or {}
        session["clients"], session["scrollback"], session["link"] = [], None, None
        session["daemon_pid"], session["version"] = record.get("daemon_pid"), record.get("version")
    session["current"] = False
    if tty := identity.controlling_tty():
        here = listing.current(tty)
        session["current"] = here is not None and here["name"] == session["name"]
    if caller.origin is not None:
        session["link"] = "up"
    return session


def _unanswered(name: str, error: SeshError) -> Summary:
    """The summary of a session whose daemon has not answered. Raises NotFound."""
    if not isinstance(error, NotFound):
        if (summary := listing.unanswered(name)) is None:
            raise find.absent(name) from None
    elif (summary := find.dormant(name) or listing.of_job(name)) is None:
        raise error
    return summary


def check_format(form: str) -> None:
    """Raises UsageError for an unknown format of a screen."""
    if form not in _FORMATS:
        raise UsageError(f"unknown format {printable(form)}; use {', '.join(_FORMATS)}")


@op(reads=True)
def screen(_caller: Caller, name: str, form: str = "text") -> Screen | ScreenText:
    """The visible rows: as `text` and its `lines`, or as runs of cells (json).

    Raises UsageError for another format, NotFound.
    """
    check_format(form)
    try:
        answer, data = find.read(name, "screen", timeout=_SCREEN_TIMEOUT, format=form, patience=_PATIENCE)
        continued = answer["continued"]
    except NotFound:
        data, continued = dormant.screen(name, form)
    if form != "json":
        text = data.decode("utf-8", "replace")
        return {"text": text, "lines": text.split("\n"), "continued": continued}
    cells: Screen = parse(data)  # type: ignore[assignment]  # as the daemon drew it
    return cells


def cells(target: Target, name: str) -> Screen:
    """The visible rows as runs of cells. Raises NotFound."""
    answer: Screen = gate.screen(target.call(screen, name=name, form="json"), "json")
    return answer


def drawn(target: Target, name: str, form: str) -> ScreenText:
    """The visible rows as text, plain or with colours."""
    text: ScreenText = gate.screen(target.call(screen, name=name, form=form), form)
    return text


@op(reads=True)
def logs(caller: Caller, name: str, lines: int, ansi: bool = False) -> list[Styled]:
    """The last lines of scrollback and screen, at most so many; that a full-screen program shows is noted. Raises
    NotFound."""
    texts, alternate = last_lines(name, lines, ansi=ansi)
    if caller.origin is not None and (fitting := _last_that_fit(texts)) < len(texts):
        caller.note(f"only the last {fitting:,} lines of {name} come over a link")
        texts = texts[len(texts) - fitting :]
    if alternate:
        caller.note(f"a full-screen program runs in {name}; to see it: {SESH} --screen {name}")
    return texts


def last_lines(name: str, lines: int, *, ansi: bool = False) -> tuple[list[str], bool]:
    """The last lines, and whether a full-screen program shows, whose rows are not among them. Raises NotFound."""

    def ask(left: int, until: int) -> tuple[Answer, bytes]:
        return find.read(name, "logs", timeout=_SCREEN_TIMEOUT, lines=left, ansi=ansi, until=until, patience=_PATIENCE)

    try:
        texts, answer = in_turns(ask, lines)
    except NotFound:
        return dormant.last_lines(name, lines, ansi=ansi)
    return texts, answer.get("alternate") is True


def in_turns(ask: Callable[[int, int], tuple[Answer, bytes]], lines: int) -> tuple[list[str], Answer]:
    """The last lines, as many as a daemon gives at a time, and its first answer, which stands for the newest ones.

    `ask`: for so many lines before the one of that number.
    """
    texts: list[str] = []
    answer, data = ask(lines, protocol.MOST)
    newest = answer
    while True:
        page = data.decode("utf-8", "replace").removesuffix("\n").split("\n") if data else []
        texts = [*page, *texts]
        first = answer.get("first")
        if not first or not page or len(texts) >= lines:
            return texts, newest
        answer, data = ask(lines - len(texts), first)


def _last_that_fit(texts: list[str]) -> int:
    """How many of the last lines fit into one answer over a link."""
    left = gate.LARGEST
    for count, text in enumerate(reversed(texts[-_MOST_FAR:])):
        left -= 4 * len(text) + 3  # in JSON: up to four bytes for a character, quotes and a comma
        if left < 0:
            return count
    return min(len(texts), _MOST_FAR)


_WAIT, _LOGS = 1, 2
_FOLLOWED = {"position", "columns", "open", "blank", "start"}
"""The keys of the answer with the last lines that tell how to go on from there."""


class LiveLog:
    """The lines of one session until it ends; over another connection it goes on behind the last byte that has come.

    `count`: the number of existing lines that come first. `ansi`: lines keep their SGR. `write`: gets lines, several at
    a time; `skipped`: gets the number of bytes that came faster than they could be read; `shortened`: gets the number
    of existing lines that one answer holds, if that is fewer than were asked for.
    """

    def __init__(
        self,
        stream: Stream,
        count: int,
        *,
        ansi: bool,
        write: Callable[[list[str]], None],
        skipped: Callable[[int], None],
        shortened: Callable[[int], None],
    ) -> None:
        self._stream, self._count, self._ansi = stream, count, ansi
        self._write, self._skipped, self._shortened = write, skipped, shortened
        self._lines: LineReader | None = None
        self._early: list[tuple[int, bytes]] = []
        """Output that came before the last lines."""
        self._held = 0
        """Bytes of `_early`."""
        self._carried = bytearray()
        self._over = False
        """True if the session had ended before it was asked: then the last lines are all."""

    def follow(self) -> None:
        """Writes lines until the session ends. Raises DaemonDied."""
        try:
            for kind, position, data in self._stream.frames(self._ask):
                if kind == protocol.OUTPUT:
                    self._output(position, data)
                elif kind == protocol.DATA:
                    gate.carry(self._carried, data)
                elif kind == protocol.RESPONSE and self._answered(data):
                    return
        except errors.Ended as ended:  # while the link was down, or before its answer: its kept output comes at once
            position, data = self._stream.rest(ended)
            from sesh.vt.lines import LineReader

            lines = self._lines or LineReader(position, 80)
            self._take(lines, position, data)
            self._write_unfinished(lines)

    def _answered(self, data: bytes) -> bool:
        """Takes in an answer of the daemon; returns whether it was the last one."""
        answer: Answer = wire.checked(self._stream.connection.message(protocol.RESPONSE, data))
        if answer.get("id") == _LOGS:
            text = gate.lines(bytes(self._carried), far=self._stream.connection.far)
            lines = text.removesuffix("\n").split("\n")
            if answer.get("older") and len(lines) < self._count:
                self._shortened(len(lines))
            if self._over:
                self._write_last(lines if answer.get("lines") else [])
                return True
            self._lines = self._begin(answer, lines if text else [])
            for early in self._early:
                self._take(self._lines, *early)
        elif self._lines is not None:
            self._write_unfinished(self._lines)
            return True
        else:
            self._over = True
        return False

    def _ask(self) -> None:
        """Asks for bytes before lines, so that none is missing between the two."""
        self._early, self._held, self._carried, self._over = [], 0, bytearray(), False
        words: Words = {"follow": True, "from": "screen" if self._lines is None else self._lines.position}
        asked = wire.asking("wait", _WAIT, **words)
        if self._lines is None:
            asked += wire.asking(
                "logs", _LOGS, lines=max(1, self._count), ansi=self._ansi, until=protocol.MOST, end=True
            )
        self._stream.greet(asked)

    def _output(self, position: int, data: bytes) -> None:
        if self._lines is not None:
            self._take(self._lines, position, data)
            return
        self._early.append((position, data))
        self._held += len(data)
        if self._held > gate.LARGEST:
            raise gate.malformed("OUTPUT", "came instead of the last lines")

    def _begin(self, answer: Answer, lines: list[str]) -> LineReader:
        """Writes the existing lines; returns the reader of new ones. One that the cursor stands on is unfinished."""
        if missing := _FOLLOWED - answer.keys():
            raise gate.malformed("RESPONSE", f".{min(missing)} is missing")
        unfinished = lines.pop() if answer["open"] and lines else ""
        self._write_last([*lines, *[""] * int(answer["blank"])])
        from sesh.vt.lines import LineReader

        start = unfinished.encode() + str(answer["start"]).encode("latin-1", "replace")
        return LineReader(int(answer["position"] or 0), int(answer["columns"]), start)

    def _write_last(self, lines: list[str]) -> None:
        if self._count and lines:
            self._write(lines[-self._count :])

    def _take(self, lines: LineReader, position: int, data: bytes) -> None:
        """Writes the lines that a block of output ends; the part that the existing lines hold is passed over."""
        if position > lines.position:
            self._skipped(position - lines.position)
            lines.position = position
        fresh = data[lines.position - position :]
        whole = [self._text(line) for line in lines.feed(fresh) if line.final] if fresh else []
        if whole:
            self._write(whole)

    def _write_unfinished(self, lines: LineReader) -> None:
        if lines.current.text:
            self._write([self._text(lines.current)])

    def _text(self, line: Line) -> str:
        return line.ansi if self._ansi else line.text
