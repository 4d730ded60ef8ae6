"""The requests that type into the program, and their checks."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Generator

from sesh import machine, protocol
from sesh.about import SESH
from sesh.daemon.activity.rules import Why
from sesh.daemon.clients.connection import PeerRequest, Steps
from sesh.daemon.delivery import POLL, Delivery, unmarked
from sesh.daemon.session import Session
from sesh.daemon.shell import shells
from sesh.errors import Busy, ExitCode, Interrupted, Refused
from sesh.messages import AskedResponse, SendResponse
from sesh.vt.modes import BRACKETED_PASTE

MOST_READS = 16  # reads of pending output before a check; a program that prints more is working
MAX_OUTCOMES = 64  # outcomes kept for repeated requests; the oldest is dropped
MAX_QUEUED = 64  # texts that wait for their turn; more are refused
_LINE_ENDS = bytes.maketrans(b"\r\x04", b"\n\n")
_MODAL = frozenset(("vi", "vim", "nvim", "view", "vimdiff", "nvi", "kak", "hx"))
"""Editors with a command mode, where a pasted line would become text of the file: it is typed as keys."""


class Typing:
    """The requests that type; each public method is the request of its name."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pump = session.pump
        self._turns: deque[PeerRequest[SendResponse]] = deque()  # the first one's text is typed
        self.busy = False  # a text is typed at the program's pace
        self.outcomes: dict[str, SendResponse] = {}  # by a request's `key`

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
    ) -> Steps:
        """Type a text in its turn; without Enter it also waits for room.

        `since`, `question`: an answer to this question, with or without Enter. `enter`: press Enter after the text; if
        it was not pressed, `reason` in the response says why. `force`: type although the bytes may reach what they are
        not meant for. `more`: the bytes continue those of the previous request. `key`: a repeated request with this key
        is not typed again.
        """
        if len(self._turns) == MAX_QUEUED:
            raise _busy(f"{MAX_QUEUED} texts wait to be typed here", "try again later")
        self._turns.append(request)
        try:
            awaits_room = since is None and not enter
            while self._turns[0] is not request or (
                awaits_room and self._is_full(request.data) and request.time_left > 0
            ):
                yield POLL
                if request.connection.closed:
                    raise Interrupted("its sender has gone")
            request.check_deadline(self._session.name)
            if key in self.outcomes:
                request.respond(self.outcomes[key])
                return
            if since is not None:
                self._check_answer(since, question, force=force)
            elif enter and not force:
                self._check_text()
            response = yield from self._type(request.data, enter=enter, more=more)
            self._respond(request, key, response)
        finally:
            self._turns.remove(request)

    def press(self, request: PeerRequest[SendResponse]) -> None:
        """Type keys at once; the text that is being typed gets no Enter after them."""
        self._admit(request.data)
        self._pump.type(request.data)
        request.respond({"position": self._pump.input_line.sent_at})

    def asked(self, request: PeerRequest[AskedResponse], since: str | None = None, question: str = "") -> None:
        """Respond with the question and modes; refuse if `since` and `question` name another."""
        request.respond(self._find_question(since, question))

    def interrupt(self, request: PeerRequest[SendResponse], key: str = "") -> None:
        """Interrupt the program, as Ctrl-C does; with the same `key` only once."""
        if key not in self.outcomes and self._session.life.running:
            self._pump.pty.signal_foreground(signal.SIGINT)
            self._session.life.note_input(interrupts=True)
        self._respond(request, key, {})

    def run_interrupt(self, request: PeerRequest[SendResponse], key: str = "") -> None:
        """Interrupt the commands of this connection's runs; send SIGINT once for a `key`."""
        if self._session.runs.interrupt(request.connection, signals=key not in self.outcomes):
            self._session.life.note_input(interrupts=True)
        self._respond(request, key, {})

    def _respond(self, request: PeerRequest[SendResponse], key: str, response: SendResponse) -> None:
        """Respond, and keep the response for a request that comes again."""
        if key:
            self.outcomes[key] = response
        if len(self.outcomes) > MAX_OUTCOMES:
            del self.outcomes[next(iter(self.outcomes))]
        request.respond(response)

    # -- typing

    def _is_full(self, data: bytes) -> bool:
        """Return whether these bytes must wait until the program has read more of its input."""
        waiting = len(self._pump.unwritten)
        return waiting > 0 and waiting + len(data) >= protocol.CHUNK

    def _type(self, data: bytes, *, enter: bool, more: bool) -> Generator[float, None, SendResponse]:
        """Type a text: at once to a reader of lines, else at its pace."""
        pty = self._session.pump.pty
        text = unmarked(data) if enter else data
        if not enter or not pty.raw() or self._session.activity.shell_reads:
            text += b"\r" if enter else b""
            self._admit(text, more=more)
            self._pump.type(text)
            return {"position": self._pump.input_line.sent_at}
        self._admit(text)
        position = self._pump.input_line.sent_at
        # Use a bracketed paste if the program has switched it on: keys may open completion menus, which swallow Enter.
        to_editor = b"\n" not in text and shells.foreground_name(pty) in _MODAL
        takes_pastes = self._session.model.emulator.mode(BRACKETED_PASTE) is True
        self.busy = True
        try:
            reason = yield from Delivery(self._session, pty, text, pasted=takes_pastes and not to_editor).steps()
        finally:
            self.busy = False
        return {"position": position, "reason": reason}

    def _admit(self, data: bytes, *, more: bool = False) -> None:
        """Note bytes that will be typed. Raises Refused or Busy."""
        session = self._session
        pump = self._pump
        name = self._session.name
        pty = session.pump.pty
        rest = "the rest was not" if more else "nothing was"
        if not session.life.running:
            raise _ended(name)
        if self._is_full(data):
            story = f"the program of {name} does not read its input ({pump.unread:,} bytes wait)"
            raise _busy(story, f"try again later, or end it: {SESH} kill {name}", rest)
        longest = machine.longest_line(pty.descriptor)
        unfinished = pump.input_line.length(pty)
        if unfinished + len(data) > longest and not pty.raw():
            lengths = [len(line) for line in data.translate(_LINE_ENDS).split(b"\n")]
            if max(unfinished + lengths[0], *lengths) > longest:
                message = f"the program of {name} reads lines of at most {longest:,} bytes; {rest} typed"
                raise Refused(message, hint="send shorter lines, or put the text into a file")
        if not more:
            pump.input_line.sent_at = session.pump.log.head
        session.activity.note_input(data)

    # -- checks

    def _check_text(self) -> None:
        """Raise Busy if the text would answer, or join a draft."""
        session = self._session
        name = self._session.name
        asks = session.activity.declared_question
        if asks is not None and not session.activity.shell_reads:
            words = f'asks "{asks.question}"' if asks.question else "asks something"
            way = f"answer it: {SESH} send {name} ANSWER --enter --question REGEX, or --key KEY"
            raise _busy(f"{name} {words}", f"{way}; --force types all the same")
        self._check_draft()

    def _check_draft(self) -> None:
        """Raise Busy if a person has begun a line, which a text would join."""
        name = self._session.name
        if self._pump.input_line.drafted(self._pump.pty):
            way = f"enter or erase it: {SESH} {name}"
            raise _busy(f"somebody has typed in {name} and not pressed Enter", f"{way}; --force types behind it")

    def _check_answer(self, since: str, question: str, *, force: bool) -> None:
        """Raise Refused or Busy if the answer would not go to this question."""
        # No output is read between this check and the typing.
        asked = self._find_question(since, question)
        if not force and (asked["line"] or self._session.activity.shell_reads):
            self._check_draft()

    def _find_question(self, since: str | None, question: str) -> AskedResponse:
        """Return the session's question. Raises Refused if there is none, or another one."""
        session = self._session
        pump = self._pump
        name = self._session.name
        if not session.life.running:
            raise _ended(name)
        taken = 0
        while not pump.paused and taken < MOST_READS and pump.read_output():
            taken += 1
        standing = session.activity.observe(fresh=True)
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
        raw = session.pump.pty.raw()
        hides = not raw and not session.pump.pty.echoes()  # a password prompt
        return {"since": stands, "question": standing.question, "hides": hides, "line": not raw}


def _busy(story: str, hint: str, what: str = "nothing was") -> Busy:
    return Busy(f"{story}; {what} typed", hint=hint, exit_code=ExitCode.FAILED)


def _ended(name: str) -> Refused:
    return Refused(f"the program of {name} has ended and reads no more input")
