"""The requests that type into the program, and their checks."""

from __future__ import annotations

import signal
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from sesh import descriptors, processes, protocol, wording
from sesh.about import SESH
from sesh.daemon.activity.rules import Why
from sesh.daemon.clients.connection import PeerConnection, PeerRequest, Steps
from sesh.daemon.delivery import POLL, Delivery, Step, unmarked
from sesh.daemon.pty import reads
from sesh.daemon.pty.program import is_gate
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import LIMIT, Writer
from sesh.daemon.session import Session
from sesh.daemon.shell import shells
from sesh.errors import Busy, ExitCode, Refused
from sesh.requests import AskedAnswer, SendAnswer
from sesh.vt.modes import BRACKETED_PASTE

MOST_READS = 16  # reads of pending output before a check; a program that prints more is working
MAX_OUTCOMES = 64  # outcomes kept for repeated requests; the oldest is dropped
MAX_QUEUED = 64  # texts that wait for the active one; more are refused
_LINE_ENDS = bytes.maketrans(b"\r\x04", b"\n\n")
_MODAL = frozenset(("vi", "vim", "nvim", "view", "vimdiff", "nvi", "kak", "hx"))
"""Editors with a command mode, where a pasted line would become text of the file: it is typed as keys."""
_NO_ENTER = {Step.STUCK: "it has not read all of the text", Step.UNSHOWN: "its screen has not changed"}


@dataclass
class Text:
    """A text that is being typed."""

    request: PeerRequest[SendAnswer]
    key: str  # of the request
    delivery: Delivery
    reader: tuple[int, bool]  # `Pty.reader` before the text
    asks_since: float | None  # the time of the question that the program asked before the text
    began_at: float
    disturbed: bool = False  # other input came meanwhile


class Typing:
    """The requests of one session that type, one for each public method.

    One text at a time is delivered; keys do not wait for it. `begin` begins a request that has waited.
    """

    def __init__(self, session: Session, begin: Callable[[PeerRequest[SendAnswer]], None]) -> None:
        self._session, self._pump, self._begin = session, session.pump, begin
        self._active: Text | None = None
        self._queued: deque[PeerRequest[SendAnswer]] = deque()
        self.outcomes: dict[str, str] = {}  # by `key`: why no Enter was typed, or empty

    def forget(self, connection: PeerConnection) -> None:
        """Drop the queued texts of a closed connection; the active text is typed to its end."""
        self._queued = deque(request for request in self._queued if request.connection is not connection)

    # -- requests

    def send(
        self,
        request: PeerRequest[SendAnswer],
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
            self._active.disturbed = True
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

    def asked(self, request: PeerRequest[AskedAnswer], since: str | None = None, question: str = "") -> None:
        """Answer with the question and the terminal's modes. `since`, `question`: refuse if it is another one."""
        request.respond(self._check_question(since, question, types=False))

    def interrupt(self, request: PeerRequest[SendAnswer], key: str = "") -> None:
        """Interrupt the program, as Ctrl-C does; with the same `key` only once."""
        session = self._session
        if self._repeats(request, key):
            return
        if session.pty is not None and session.running:
            session.life.interrupt()
            session.pty.signal_foreground(signal.SIGINT)
        self._keep_outcome(key, "")
        request.respond({})

    def run_interrupt(self, request: PeerRequest[SendAnswer], key: str = "") -> None:
        """Interrupt the commands that this connection has asked for; with the same `key` only once."""
        if self._repeats(request, key):
            return
        if self._session.runs.interrupt(request.connection):
            self._session.life.interrupt()
        self._keep_outcome(key, "")
        request.respond({})

    def _type(self, request: PeerRequest[SendAnswer], data: bytes, key: str, *, more: bool) -> None:
        self._admit(data, more=more)
        self._keep_outcome(key, "")
        pump, position = self._pump, self._pump.typed_line.sent_at

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

    def _repeats(self, request: PeerRequest[SendAnswer], key: str) -> bool:
        """Return whether this request repeats one from an earlier link. If so, answer it with the same outcome."""
        reason = self.outcomes.get(key)
        if reason is not None:
            request.respond({"position": self._pump.typed_line.sent_at, "reason": reason})
        return reason is not None

    def _keep_outcome(self, key: str, reason: str) -> None:
        if key:
            self.outcomes[key] = reason
        if len(self.outcomes) > MAX_OUTCOMES:
            del self.outcomes[next(iter(self.outcomes))]

    # -- a text and its Enter

    def _deliver(self, request: PeerRequest[SendAnswer], text: bytes, pty: Pty, key: str) -> Steps:
        """Type a text at the program's pace, and Enter after it.

        Use a bracketed paste if the program has switched it on: keys may open completion menus, which swallow Enter.
        """
        session = self._session
        self._admit(text)
        to_editor = b"\n" not in text and shells.foreground_name(pty) in _MODAL
        session.model.catch_up()
        pasted = session.model.emulator.mode(BRACKETED_PASTE) is True and not to_editor
        blocked = session.activity.declared_question
        asks_since = blocked.since if blocked is not None else None
        delivery = Delivery(text, self._screen(), pasted=pasted)
        self._active = active = Text(request, key, delivery, pty.reader(), asks_since, time.monotonic())
        try:
            while (reason := self._advance(active)) is None:
                yield POLL
        except Exception as error:  # the next text must not wait for ever
            session.faults.note("a fault in typing", error)
            reason = "the session's daemon failed"
        self._finish(active, reason)

    def _advance(self, text: Text) -> str | None:
        """Take one step. Return None to go on; at the end, why Enter was not pressed, or an empty string if it was."""
        session, pump, delivery = self._session, self._pump, text.delivery
        if not session.relay.paused():
            pump.read_output()  # on a busy machine, the poll may lag behind the program's output
        pty = session.pty
        runs = pty is not None and reads.runs(text.reader[0], pty.pid)
        step = delivery.next_step(time.monotonic(), pump.unread, self._screen(), busy=runs)
        text.disturbed = text.disturbed or pump.typed_line.person_at > text.began_at
        if pump.running and not text.disturbed and step in (Step.TYPE, Step.WAIT):
            if step is Step.TYPE:
                pump.type(Writer.REQUEST, delivery.take(time.monotonic()))
            return None
        if reason := self._obstacle(text, step):
            pump.type(Writer.REQUEST, b"".join(delivery.pieces))  # even now: a paste needs its end
        else:
            session.activity.typed(b"\r")
            pump.type(Writer.REQUEST, b"\r")
        return reason

    def _finish(self, text: Text, reason: str) -> None:
        self._active = None
        self._keep_outcome(text.key, reason)
        text.request.respond({"position": self._pump.typed_line.sent_at, "reason": reason})
        while self._queued and self._active is None:
            self._begin(self._queued.popleft())

    def _obstacle(self, text: Text, step: Step) -> str:
        """Return why Enter must not follow a text; empty if it may."""
        blocked, pty = self._session.activity.declared_question, self._session.pty
        if pty is None or not self._pump.running:
            reason = "it has ended"
        elif text.disturbed:
            reason = "somebody typed meanwhile"
        elif blocked is not None and blocked.since != text.asks_since:
            reason = "it asks something now"
        elif pty.reader() != text.reader:
            reason = "another program reads the terminal now"
        else:
            reason = _NO_ENTER.get(step, "")
        return reason and f"{reason}, so there was no Enter"

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
        longest = descriptors.longest_line(pty.descriptor)
        unfinished = pump.typed_line.length(pty)
        if unfinished + len(data) > longest and not pty.raw():
            lengths = [len(line) for line in data.translate(_LINE_ENDS).split(b"\n")]
            if max(unfinished + lengths[0], *lengths) > longest:
                rest = "the rest was not" if more else "nothing was"
                message = f"the program of {name} reads lines of at most {longest:,} bytes; {rest} typed"
                raise Refused(message, hint="send shorter lines, or put the text into a file")
        if not more:
            pump.typed_line.sent_at = session.log.head
        session.activity.typed(data)

    def _check_untouched(self, data: bytes, *, answers: bool) -> None:
        """Raise Busy if a text would start the gated command, answer a question by chance, or join a person's line."""
        session, name, pty = self._session, self._session.name, self._session.pty
        asks = session.activity.declared_question
        confirms = data.strip().lower() in (b"", b"y")
        if pty is not None and not confirms and is_gate(processes.command_of(pty.foreground())):
            command = wording.command_line(session.facts["command"])
            way = f"start it: {SESH} --send {name} --key Enter; --force types all the same"
            raise _busy(f"{name} waits for Enter to run again: {command}", way)
        if answers:
            return
        if asks is not None and not session.activity.shell_reads:
            words = f'asks "{asks.question}"' if asks.question else "asks something"
            way = f"answer it: {SESH} --send {name} ANSWER --enter --question REGEX, or --key KEY"
            raise _busy(f"{name} {words}", f"{way}; --force types all the same")
        if pty is not None and self._pump.typed_line.drafted(pty):
            way = f"enter or erase it: {SESH} {name}"
            raise _busy(f"somebody has typed in {name} and not pressed Enter", f"{way}; --force types behind it")

    def _check_question(self, since: str | None, question: str, *, types: bool) -> AskedAnswer:
        """Return the session's question. Raises Refused if it asks none, or another than `since` and `question` say."""
        session, pump, name = self._session, self._pump, self._session.name
        if not session.running or session.pty is None:
            raise _ended(name)
        taken = 0
        while not session.relay.paused() and taken < MOST_READS and pump.read_output():
            taken += 1
        standing = session.activity.standing(fresh=True)
        if taken == MOST_READS or session.relay.paused() or not session.activity.waits:
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
