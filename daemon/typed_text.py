"""The requests that type into the program, and their checks."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable
from functools import partial

from sesh import machine, protocol, wording
from sesh.about import SESH
from sesh.daemon.activity.rules import Standing, Why
from sesh.daemon.clients.connection import PeerConnection, PeerRequest, Steps
from sesh.daemon.delivery import Delivery, unmarked
from sesh.daemon.pty import reads
from sesh.daemon.pty.program import is_gate
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import LIMIT, Writer
from sesh.daemon.session import Session
from sesh.daemon.shell import shells
from sesh.errors import Busy, ExitCode, Refused
from sesh.messages import AskedResponse, SendResponse
from sesh.vt.modes import BRACKETED_PASTE

MOST_READS = 16  # reads of pending output before a check; a program that prints more is working
MAX_OUTCOMES = 64  # outcomes kept for repeated requests; the oldest is dropped
MAX_QUEUED = 64  # texts that wait for the active one; more are refused
_DISTURBED = "somebody typed meanwhile"
_LINE_ENDS = bytes.maketrans(b"\r\x04", b"\n\n")
_MODAL = frozenset(("vi", "vim", "nvim", "view", "vimdiff", "nvi", "kak", "hx"))
"""Editors with a command mode, where a pasted line would become text of the file: it is typed as keys."""


class Typing:
    """The requests of one session that type, one for each public method.

    One text at a time is delivered; keys do not wait for it. `begin` begins a request that has waited.
    """

    def __init__(self, session: Session, begin: Callable[[PeerRequest[SendResponse]], None]) -> None:
        self._session, self._pump, self._begin = session, session.pump, begin
        self._active: Delivery | None = None
        self._queued: deque[PeerRequest[SendResponse]] = deque()
        self.outcomes: dict[str, str] = {}  # by `key`: why no Enter was typed, or empty

    def forget(self, connection: PeerConnection) -> None:
        """Drop the queued texts of a closed connection; the active text goes on."""
        self._queued = deque(request for request in self._queued if request.connection is not connection)

    # -- requests

    def send(
        self,
        request: PeerRequest[SendResponse],
        key: str = "",
        since: str | None = None,
        question: str = "",
        *,
        enter: bool = False,
        force: bool = False,
        more: bool = False,
        keys: bool = False,
    ) -> Steps | None:
        """Type bytes as one unit, behind the active text; answer once the input queue has room.

        `enter`: press Enter after them; if it was not pressed, `reason` in the answer says why. `since`, `question`:
        refuse unless the session still asks that question; no output is read between check and typing. `force`: skip
        `_check_untouched`. `key`: a repeated request with this key is not typed again. `more`: the bytes continue those
        of the previous request. `keys`: do not wait for the active text, but cancel its Enter.
        """
        if self._active is not None and not keys:
            if len(self._queued) == MAX_QUEUED:
                raise Busy(f"{MAX_QUEUED} texts wait to be typed here; try again later")
            self._queued.append(request)
            return None
        if self._active is not None:
            self._active.cancelled = _DISTURBED
        if self._repeats(request, key):
            return None
        answers = since is not None
        if answers:
            self._check_question(since, question, types=True)
        if (enter or answers) and not force:
            self._check_untouched(request.data, answers=answers)
        pty = self._session.pty
        text = unmarked(request.data) if enter else request.data
        if enter and pty is not None and pty.raw() and not self._session.activity.shell_reads:
            return self._deliver(request, text, pty, key)
        self._type(request, text + b"\r" if enter else text, key, more=more)
        return None

    def asked(self, request: PeerRequest[AskedResponse], since: str | None = None, question: str = "") -> None:
        """Answer with the question and the terminal's modes. `since`, `question`: refuse if it is another one."""
        request.respond(self._check_question(since, question, types=False))

    def interrupt(self, request: PeerRequest[SendResponse], key: str = "") -> None:
        """Interrupt the program, as Ctrl-C does; with the same `key` only once."""
        session = self._session
        if self._repeats(request, key):
            return
        if session.pty is not None and session.running:
            session.life.interrupt()
            session.pty.signal_foreground(signal.SIGINT)
        self._keep_outcome(key, "")
        request.respond({})

    def run_interrupt(self, request: PeerRequest[SendResponse], key: str = "") -> None:
        """Interrupt the commands that this connection has asked for; with the same `key` only once."""
        if self._repeats(request, key):
            return
        if self._session.runs.interrupt(request.connection):
            self._session.life.interrupt()
        self._keep_outcome(key, "")
        request.respond({})

    def _type(self, request: PeerRequest[SendResponse], data: bytes, key: str, *, more: bool) -> None:
        self._admit(data, more=more)
        self._keep_outcome(key, "")
        pump, position = self._pump, self._pump.input_line.sent_at

        def taken(whole: bool) -> None:
            if whole:
                request.respond({"position": position})
            else:
                message = f"the program of {self._session.name} ended before it read all its input"
                request.refuse(Refused(message))

        waits = pump.input.size + len(data) > protocol.CHUNK
        pump.type(Writer.REQUEST, data, taken if waits else None)
        if not waits:
            taken(True)

    def _repeats(self, request: PeerRequest[SendResponse], key: str) -> bool:
        """Return whether this request repeats one from an earlier link. If so, answer it with the same outcome."""
        reason = self.outcomes.get(key)
        if reason is not None:
            request.respond({"position": self._pump.input_line.sent_at, "reason": reason})
        return reason is not None

    def _keep_outcome(self, key: str, reason: str) -> None:
        if key:
            self.outcomes[key] = reason
        if len(self.outcomes) > MAX_OUTCOMES:
            del self.outcomes[next(iter(self.outcomes))]

    # -- a text and its Enter

    def _deliver(self, request: PeerRequest[SendResponse], text: bytes, pty: Pty, key: str) -> Steps:
        """Type a text at the program's pace, and Enter after it.

        Use a bracketed paste if the program has switched it on: keys may open completion menus, which swallow Enter.
        """
        session, pump, activity = self._session, self._pump, self._session.activity
        self._admit(text)
        to_editor = b"\n" not in text and shells.foreground_name(pty) in _MODAL
        screen, reader, asked = self._screen(), pty.reader(), activity.declared_question
        pasted = session.model.emulator.mode(BRACKETED_PASTE) is True and not to_editor
        write = partial(pump.type, Writer.REQUEST)

        def look() -> tuple[int, object, bool]:
            return self._look(delivery, asked, reader)

        self._active = delivery = Delivery(text, screen, write, look, pasted=pasted)
        try:
            unready = yield from delivery.steps()
            why = delivery.cancelled or self._obstacle(asked, reader) or unready
            if not why:
                activity.note_input(b"\r")
                write(b"\r")
            elif pty.reader() == reader:
                write(delivery.rest())
            cut = delivery.cancelled and delivery.pieces
            reason = why and f"{why}, so {'the rest of the text was not typed' if cut else 'there was no Enter'}"
            self._keep_outcome(key, reason)
            request.respond({"position": pump.input_line.sent_at, "reason": reason})
        finally:
            self._begin_next()

    def _begin_next(self) -> None:
        self._active = None
        while self._queued and self._active is None:
            self._begin(self._queued.popleft())

    def _look(self, delivery: Delivery, asked: Standing | None, reader: tuple[int, bool]) -> tuple[int, object, bool]:
        """Return what a delivery asks for; cancel it at the program's end, or if a person has typed.

        Cancel it also if the rest of its text would reach another program, or answer a question.
        """
        session, pump = self._session, self._pump
        if not pump.paused:
            pump.read_output()  # on a busy machine, the poll may lag behind the program's output
        if session.pty is None or not pump.life.running:
            delivery.cancelled = "it has ended"
        elif pump.input_line.person_at > delivery.began_at:
            delivery.cancelled = _DISTURBED
        elif delivery.pieces and not delivery.cancelled:
            delivery.cancelled = self._obstacle(asked, reader)
        return pump.unread, self._screen(), reads.runs(reader[0], session.facts["pid"])

    def _obstacle(self, asked: Standing | None, reader: tuple[int, bool]) -> str:
        """Return why nothing more may be typed; empty if it may. `asked`, `reader`: as before the text."""
        asks, pty = self._session.activity.declared_question, self._session.pty
        if asks is not None and (asked is None or asks.since != asked.since):
            return "it asks something now"
        return "another program reads the terminal now" if pty is None or pty.reader() != reader else ""

    def _screen(self) -> object:
        self._session.model.catch_up()
        emulator = self._session.model.emulator
        return emulator.text(), emulator.cursor

    # -- checks

    def _admit(self, data: bytes, *, more: bool = False) -> None:
        """Note bytes that are about to be typed. Raises Refused or Busy if the program could not take them whole."""
        session, pump, name = self._session, self._pump, self._session.name
        pty = session.pty
        if not session.running or pty is None:
            raise _ended(name)
        if pump.input.size + len(data) > LIMIT:
            raise Busy(f"the program in {name} has not read earlier input; try again later")
        longest = machine.longest_line(pty.descriptor)
        unfinished = pump.input_line.length(pty)
        if unfinished + len(data) > longest and not pty.raw():
            lengths = [len(line) for line in data.translate(_LINE_ENDS).split(b"\n")]
            if max(unfinished + lengths[0], *lengths) > longest:
                rest = "the rest was not" if more else "nothing was"
                message = f"the program of {name} reads lines of at most {longest:,} bytes; {rest} typed"
                raise Refused(message, hint="send shorter lines, or put the text into a file")
        if not more:
            pump.input_line.sent_at = session.log.head
        session.activity.note_input(data)

    def _check_untouched(self, data: bytes, *, answers: bool) -> None:
        """Raise Busy if a text would start the gated command, answer a question by chance, or join a person's line."""
        session, name, pty = self._session, self._session.name, self._session.pty
        asks = session.activity.declared_question
        confirms = data.strip().lower() in (b"", b"y")
        if pty is not None and not confirms and is_gate(machine.command_of(pty.foreground())):
            command = wording.command_line(session.facts["command"])
            way = f"start it: {SESH} --send {name} --key Enter; --force types all the same"
            raise _busy(f"{name} waits for Enter to run again: {command}", way)
        if answers:
            return
        if asks is not None and not session.activity.shell_reads:
            words = f'asks "{asks.question}"' if asks.question else "asks something"
            way = f"answer it: {SESH} --send {name} ANSWER --enter --question REGEX, or --key KEY"
            raise _busy(f"{name} {words}", f"{way}; --force types all the same")
        if pty is not None and self._pump.input_line.drafted(pty):
            way = f"enter or erase it: {SESH} {name}"
            raise _busy(f"somebody has typed in {name} and not pressed Enter", f"{way}; --force types behind it")

    def _check_question(self, since: str | None, question: str, *, types: bool) -> AskedResponse:
        """Return the session's question. Raises Refused if it asks none, or another than `since` and `question` say."""
        session, pump, name = self._session, self._pump, self._session.name
        if not session.running or session.pty is None:
            raise _ended(name)
        taken = 0
        while not pump.paused and taken < MOST_READS and pump.read_output():
            taken += 1
        standing = session.activity.standing(fresh=True)
        if taken == MOST_READS or pump.paused or not session.activity.waits:
            # A "waiting" that fails `waits` is out of date: the question was answered, or output followed it.
            state = "working" if standing.state == "waiting" else standing.state
            raise Refused(f"{name} asks nothing now, it is {state}; nothing was typed")
        if standing.why == Why.XOFF:  # not a question of the program
            raise Refused(
                f"the output of {name} is stopped (Ctrl-S), so its question is not on the screen; nothing was typed"
            )
        stands = standing.as_json()["since"]
        if since is not None and (since, question) != (stands, standing.question):
            other = f'"{standing.question}"' if standing.question else "something without words"
            raise Refused(f"{name} is waiting, but asks {other} now; nothing was typed")
        if types and session.activity.line_begun:  # the answer would be appended to that line
            raise Refused(
                f"{name} is waiting, but somebody has begun to type a line there; nothing was typed",
                hint=f"enter or erase it: {SESH} {name}",
            )
        raw = session.pty.raw()
        hides = not raw and not session.pty.echoes()  # a password prompt
        return {"since": stands, "question": standing.question, "hides": hides, "line": not raw}


def _busy(story: str, hint: str) -> Busy:
    return Busy(f"{story}; nothing was typed", hint=hint, exit_code=ExitCode.FAILED)


def _ended(name: str) -> Refused:
    return Refused(f"the program of {name} has ended and reads no more input")
