"""The requests that type into the program, and the checks before them."""

from __future__ import annotations

import signal
import time
from collections import OrderedDict, deque
from collections.abc import Callable
from dataclasses import dataclass

from sesh import platform, proc, protocol, wording
from sesh.about import SESH
from sesh.daemon.activity.rules import Why
from sesh.daemon.clients.connection import Connection
from sesh.daemon.delivery import POLL, Delivery, Step, unmarked
from sesh.daemon.pty import reads
from sesh.daemon.pty.program import is_gate
from sesh.daemon.pty.pump import LIMIT
from sesh.daemon.request import Request
from sesh.daemon.session import Session
from sesh.daemon.shell import shells
from sesh.errors import Busy, ExitCode, Refused
from sesh.messages import Answer

MOST_READS = 16
"""Reads of the terminal before an answer; a program that prints more than that at once does not wait."""
KEPT = 64
"""Outcomes that are kept for askers whose link was lost, and requests that wait for the active text."""
_LINE_ENDS = bytes.maketrans(b"\r\x04", b"\n\n")
"""Enter and Ctrl-D, which end a line as LF does."""
_MODAL = frozenset(("vi", "vim", "nvim", "view", "vimdiff", "nvi", "kak", "hx"))
"""Editors with a command mode: a pasted line would become text of the file, so it is typed."""
_NO_ENTER = {Step.STUCK: "it has not read all of the text", Step.UNSHOWN: "its screen has not changed"}


@dataclass
class Text:
    """A text whose Enter is still to come: its `key`, and how its asker is told the outcome.

    `reader`: who read the terminal when it was begun, and how. `asks_since`: of the question then.
    """

    key: str
    tell: Callable[[str], None]
    delivery: Delivery
    reader: tuple[int, bool]
    asks_since: float | None
    began_at: float
    disturbed: bool = False


class Typing:
    """The requests of one session that type. A text whose Enter is to come lets other texts wait, and no keys."""

    VERBS = ("send", "answer", "submit", "interrupt")

    def __init__(self, session: Session) -> None:
        self._session, self._pump = session, session.pump
        self._active: Text | None = None
        self._later: deque[Callable[[], None]] = deque()
        """The requests that wait for the end of the active text."""
        self.outcomes: OrderedDict[str, str] = OrderedDict()
        """Why the last texts got no Enter, empty if they did, by their askers' keys."""
        self._line = 0
        """Bytes behind the last line end of what requests have typed."""

    @property
    def pending(self) -> bool:
        """True while a text waits for its Enter."""
        return self._active is not None

    def defer(self, request: Request, begin: Callable[[], None]) -> bool:
        """Tell whether a request has to wait for the active text; `begin` is called then. Raises Busy."""
        key = request.text("key")
        if self._active is None or (key and key == self._active.key):
            return False
        if len(self._later) == KEPT:
            raise Busy(f"{KEPT} texts wait to be typed here; try again later")
        self._later.append(begin)
        return True

    # -- requests

    def send(self, request: Request) -> None:
        """Type bytes as one unit; the answer comes once there is room for more.

        `more`: they go on with the request before. `keys`: a text that is on its way gets no Enter.
        """
        session, pump, data, more = self._session, self._pump, request.data, request.flag("more")
        self._check_room(data, more=more)
        if request.flag("keys") and self._active is not None:
            self._active.disturbed = True
        if not more:
            pump.sent_at = session.log.head
        _, ended, rest = data.translate(_LINE_ENDS).rpartition(b"\n")
        self._line = len(rest) + (self._line if more and not ended else 0)
        session.sent(data)
        writer = ("send", request.number, request.connection.descriptor)
        taken = SendTaken(session, request.connection, request.number, pump.sent_at)
        if pump.input.size + len(data) <= protocol.CHUNK:
            pump.type(writer, data)
            taken(True)
        else:
            pump.type(writer, data, taken)

    def submit(self, request: Request) -> None:
        """Type a text and its Enter; the answer's `reason` says why there was no Enter.

        `key`: the asker's name for it; asked for again over another link, it is not typed again. `force`: also into
        somebody's line, and where the program asks something.
        """
        if not self._told_before(request):
            if not request.flag("force"):
                self._check_free()
            self._enter(request)

    def answer(self, request: Request) -> None:
        """Type as `send` or `submit` does, if the session still asks what is answered.

        It is one step: the output so far is read, the session looked at anew, and the answer typed, before anything
        else can happen. `enter`: as `submit`. `whole`: the same, but one key that a program gets at once stays alone.
        `single`: one key that was pressed alone, maybe the first of a secret. `probe`: only returns the question.
        """
        if self._told_before(request):
            return
        asked = self._asked(request)
        if request.flag("probe"):
            request.respond(**asked)
            return
        session, name, text = self._session, self._session.name, request.data
        if request.flag("single") and session.hides:
            raise Refused(f"{name} does not show what is typed, so the answer must be a line; nothing was typed")
        if session.activity.line_begun:  # the answer would enter it with itself
            raise Refused(
                f"{name} is waiting, but somebody has begun to type a line there; nothing was typed",
                hint=f"enter or erase it: {SESH} {name}",
            )
        if text.strip().lower() not in (b"", b"y") and not request.flag("force"):
            self._check_gate()
        is_key = len(text.decode("utf-8", "replace")) == 1 and session.pty is not None and session.pty.raw()
        if request.flag("enter") or (request.flag("whole") and not is_key):
            self._enter(request)
        else:
            self.send(request)
            self._keep(request.text("key"), "")

    def interrupt(self, request: Request) -> None:
        """Send SIGINT to the foreground process group; `key` as of `submit`."""
        session = self._session
        if self._told_before(request):
            return
        if session.pty is not None and session.running:
            session.activity.interrupted()
            session.pty.signal_foreground(signal.SIGINT)
        self._keep(request.text("key"), "")
        request.respond()

    # -- a text and its Enter

    def _enter(self, request: Request) -> None:
        """Type a text with its Enter where a line is read; else the text, and begin to look at the program."""
        session, pump, key, text = self._session, self._pump, request.text("key"), unmarked(request.data)
        pty, activity = session.pty, session.activity
        if pty is None or not pty.raw() or activity.shell_reads:
            request.data = text + b"\r"
            self.send(request)
            self._keep(key, "")
            return
        self._check_room(text)
        pump.sent_at = session.log.head
        session.sent(text)
        command = b"\n" not in text and shells.foreground_name(pty) in _MODAL
        delivery = Delivery(text, self._screen(), pasted=session.model.pastes() and not command)
        asks_since = activity.blocked.since if activity.blocked is not None else None
        self._active = Text(key, self._teller(request), delivery, pty.reader(), asks_since, time.monotonic())
        self._look(self._active)

    def _look(self, text: Text) -> None:
        """Look at the program, and do the next step; begin with the next text after the last."""
        try:
            reason = self._advance(text)
        except Exception:
            self._finish(text, "the session's daemon failed")
            raise
        if reason is None:
            self._session.timers.set("text", POLL, lambda: self._look(text))
        else:
            self._finish(text, reason)

    def _advance(self, text: Text) -> str | None:
        """Type what is due. Return why there is no Enter, empty if it was typed, None before that."""
        session, pump, delivery = self._session, self._pump, text.delivery
        if not session.relay.paused():
            pump.take()  # on a busy machine this may have waited for long
        pty = session.pty
        runs = pty is not None and reads.runs(text.reader[0], pty.pid)
        step = delivery.look(time.monotonic(), pump.unread, self._screen(), runs=runs)
        text.disturbed = text.disturbed or pump.typed_line.attended_at > text.began_at
        if pump.running and not text.disturbed and step in (Step.TYPE, Step.LOOK):
            if step is Step.TYPE:
                pump.type("text", delivery.take(time.monotonic()))
            return None
        if reason := self._obstacle(text, step):
            pump.type("text", b"".join(delivery.pieces))  # a paste has to end
        else:
            session.sent(b"\r")
            pump.type("text", b"\r")
        return reason

    def _finish(self, text: Text, reason: str) -> None:
        self._active = None
        self._keep(text.key, reason)
        text.tell(reason)
        while self._later and self._active is None:
            self._later.popleft()()

    def _obstacle(self, text: Text, step: Step) -> str:
        """Tell why a text gets no Enter; empty if it does."""
        blocked, pty = self._session.activity.blocked, self._session.pty
        if pty is None or not self._pump.running:
            reason = "it has ended"
        elif text.disturbed:
            reason = "somebody typed meanwhile"
        elif blocked is not None and blocked.since != text.asks_since:
            reason = "it asks something now"
        elif pty.reader() != text.reader:
            reason = "something else reads there now"
        else:
            reason = _NO_ENTER.get(step, "")
        return reason and f"{reason}, so there was no Enter"

    def _screen(self) -> object:
        self._session.model.catch_up()
        emulator = self._session.model.emulator
        return emulator.text(), emulator.cursor

    def _teller(self, request: Request) -> Callable[[str], None]:
        """Return what answers a request with the outcome of a text."""

        def tell(reason: str) -> None:
            if not request.connection.closed:
                request.respond(position=self._pump.sent_at, reason=reason)

        return tell

    def _told_before(self, request: Request) -> bool:
        """Tell whether this was asked before, over another link: that outcome is the answer."""
        key = request.text("key")
        if self._active is not None and key and key == self._active.key:
            self._active.tell = self._teller(request)
        elif key in self.outcomes:
            self._teller(request)(self.outcomes[key])
        else:
            return False
        return True

    def _keep(self, key: str, reason: str) -> None:
        """Keep an outcome for an asker whose link was lost."""
        if key:
            self.outcomes[key] = reason
        while len(self.outcomes) > KEPT:
            self.outcomes.popitem(last=False)

    # -- checks

    def _check_room(self, data: bytes, *, more: bool = False) -> None:
        """Raise Refused or Busy if the program does not take these bytes whole."""
        pty, name = self._session.pty, self._session.name
        if not self._session.running or pty is None:
            raise _ended(name)
        if self._pump.input.size + len(data) > LIMIT:
            raise Busy(f"the program in {name} has not read earlier input; try again later")
        longest, begun = platform.longest_line(pty.descriptor), self._line if more else 0
        if begun + len(data) > longest and not pty.raw():
            lengths = [len(line) for line in data.translate(_LINE_ENDS).split(b"\n")]
            if max(begun + lengths[0], *lengths) > longest:
                rest = "the rest was not" if more else "nothing was"
                message = f"the program of {name} reads lines of at most {longest:,} bytes; {rest} typed"
                raise Refused(message, hint="send shorter lines, or put the text into a file")

    def _check_free(self) -> None:
        """Raise Busy if an Enter would start a command, answer a question or enter a person's line."""
        self._check_gate()
        session, name, asks = self._session, self._session.name, self._session.activity.blocked
        if asks is not None and not session.activity.shell_reads:
            words = f'asks "{asks.question}"' if asks.question else "asks something"
            way = f"answer it: {SESH} --send {name} ANSWER --enter --question REGEX, or --key KEY"
            raise _busy(f"{name} {words}", f"{way}; --force types all the same")
        if self._pump.drafted:
            way = f"enter or erase it: {SESH} {name}"
            raise _busy(f"somebody has typed in {name} and not pressed Enter", f"{way}; --force types behind it")

    def _check_gate(self) -> None:
        """Raise Busy if the session's command begins only after Enter: it would start, and not get the text."""
        pty, name = self._session.pty, self._session.name
        if pty is not None and is_gate(proc.command_of(pty.foreground())):
            command = wording.command_line(self._session.facts["command"])
            way = f"start it: {SESH} --send {name} --key Enter; --force types all the same"
            raise _busy(f"{name} waits for Enter to run again: {command}", way)

    def _asked(self, request: Request) -> Answer:
        """Return what the session asks. Raises Refused if that is not what `since` and `question` name."""
        session, pump, name = self._session, self._pump, self._session.name
        if not session.running:
            raise _ended(name)
        taken = 0
        while not session.relay.paused() and taken < MOST_READS and pump.take():
            taken += 1
        standing = session.activity.standing(fresh=True)
        if taken == MOST_READS or session.relay.paused() or not session.activity.waits:
            # What it asked before is answered, or something came after it.
            state = "working" if standing.state == "waiting" else standing.state
            raise Refused(f"{name} asks nothing now, it is {state}; nothing was typed")
        if standing.why == Why.XOFF:  # that is no question of the program's
            raise Refused(f"the output of {name} is stopped (Ctrl-S): what it asks is not seen; nothing was typed")
        began = standing.as_json()["since"]
        words = f'"{standing.question}"' if standing.question else "something without words"
        if "question" in request.words and request.text("question") != standing.question:
            raise Refused(f"{name} is waiting, but asks {words}; nothing was typed")
        if request.text("since") not in ("", began):
            raise Refused(f"{name} is waiting, but has asked again: {words}; nothing was typed")
        return {"since": began, "question": standing.question, "hides": session.hides}


class SendTaken:
    """Answers `send` when the program has taken what was sent, or has ended before."""

    __slots__ = ("_session", "connection", "number", "position")

    def __init__(self, session: Session, connection: Connection, number: int, position: int | None) -> None:
        self._session, self.connection, self.number, self.position = session, connection, number, position

    def __call__(self, whole: bool) -> None:
        if whole:
            self.connection.respond(self.number, position=self.position)
            return
        message = f"the program of {self._session.name} ended before it read all its input"
        self.connection.refuse(self.number, Refused(message))


def _busy(story: str, hint: str) -> Busy:
    return Busy(f"{story}; nothing was typed", hint=hint, exit_code=ExitCode.FAILED)


def _ended(name: str) -> Refused:
    return Refused(f"the program of {name} has ended and reads no more input")
