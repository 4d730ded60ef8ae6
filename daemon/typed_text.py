"""The requests that type into the program, and their checks."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable

from sesh import machine, protocol, wording
from sesh.about import SESH
from sesh.daemon.activity.rules import Why
from sesh.daemon.clients.connection import PeerRequest, Steps
from sesh.daemon.delivery import DISTURBED, POLL, Delivery, unmarked
from sesh.daemon.pty.program import is_gate
from sesh.daemon.pty.pty import Pty
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
    """The requests that type. Keys do not wait for a text."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pump = session.pump
        self._active: Delivery | None = None
        self._queued: deque[PeerRequest[SendResponse]] = deque()
        self.outcomes: dict[str, SendResponse] = {}  # by a request's `key`

    @property
    def busy(self) -> bool:
        """True while a text is typed at the program's pace."""
        return self._active is not None

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
        """Type a text or an answer in its turn.

        `since`, `question`: an answer to this question, with or without Enter. `enter`: press Enter after the text; if
        it was not pressed, `reason` in the response says why. `force`: type although the bytes may reach what they are
        not meant for. `more`: the bytes continue those of the previous request. `key`: a repeated request with this key
        is not typed again.
        """
        yield from self._until_turn(request, awaits_room=since is None and not enter)
        if key in self.outcomes:
            request.respond(self.outcomes[key])
            return
        if since is not None:
            self._check_answer(request.data, since, question, force=force)
        elif enter and not force:
            self._check_text(request.data)
        elif more and self._is_full(request.data):
            request.respond({"reason": "it has not read all of the text, so the rest of the text was not typed"})
            return
        if enter:
            yield from self._type_with_enter(request, unmarked(request.data), key)
        else:
            self._type(request, request.data, key, more=more)

    def press(self, request: PeerRequest[SendResponse]) -> None:
        """Type keys at once; the text that is being typed gets no Enter after them."""
        if self._active is not None:
            self._active.cancel(DISTURBED)
        self._type(request, request.data, "")

    def asked(self, request: PeerRequest[AskedResponse], since: str | None = None, question: str = "") -> None:
        """Respond with the question and modes; refuse if `since` and `question` name another."""
        request.respond(self._find_question(since, question))

    def interrupt(self, request: PeerRequest[SendResponse], key: str = "") -> None:
        """Interrupt the program, as Ctrl-C does; with the same `key` only once."""
        self._interrupt(request, key, self._signal_program)

    def run_interrupt(self, request: PeerRequest[SendResponse], key: str = "") -> None:
        """Interrupt the commands of this connection's runs; with the same `key` only once."""
        self._interrupt(request, key, lambda: self._session.runs.interrupt(request.connection))

    def _interrupt(self, request: PeerRequest[SendResponse], key: str, interrupts: Callable[[], bool]) -> None:
        if key not in self.outcomes and interrupts():
            self._session.life.note_input(interrupts=True)
        self._keep_outcome(key, {})
        request.respond({})

    def _signal_program(self) -> bool:
        pty = self._session.pty
        if pty is None or not self._session.running:
            return False
        pty.signal_foreground(signal.SIGINT)
        return True

    # -- requests that come again, or wait

    def _keep_outcome(self, key: str, response: SendResponse) -> None:
        if key:
            self.outcomes[key] = response
        if len(self.outcomes) > MAX_OUTCOMES:
            del self.outcomes[next(iter(self.outcomes))]

    def _until_turn(self, request: PeerRequest[SendResponse], *, awaits_room: bool) -> Steps:
        """Yield until the earlier texts are typed.

        `awaits_room`: also until the program has read enough, or the response is due. Raises Busy if too many texts
        wait, TimedOut, Interrupted.
        """
        if len(self._queued) == MAX_QUEUED:
            raise _busy(f"{MAX_QUEUED} texts wait to be typed here", "try again later")
        self._queued.append(request)
        try:
            while (
                self._active is not None
                or self._queued[0] is not request
                or (awaits_room and self._is_full(request.data) and request.time_left > 0)
            ):
                yield POLL
                if request.connection.closed:
                    raise Interrupted("its sender has gone")
        finally:
            self._queued.remove(request)
        request.check_deadline(self._session.name)

    # -- typing

    def _is_full(self, data: bytes) -> bool:
        """Return whether these bytes must wait until the program has read more of its input."""
        waiting = len(self._pump.unwritten)
        return waiting > 0 and waiting + len(data) >= protocol.CHUNK

    def _type(self, request: PeerRequest[SendResponse], data: bytes, key: str, *, more: bool = False) -> None:
        """Type bytes as one unit, see `_admit`."""
        self._admit(data, more=more)
        response: SendResponse = {"position": self._pump.input_line.sent_at}
        self._keep_outcome(key, response)
        self._pump.type(data)
        request.respond(response)

    def _type_with_enter(self, request: PeerRequest[SendResponse], text: bytes, key: str) -> Steps:
        """Type text and Enter: at once to a reader of lines, else one after another."""
        pty = self._session.pty
        if pty is not None and pty.raw() and not self._session.activity.shell_reads:
            yield from self._deliver(request, text, pty, key)
        else:
            self._type(request, text + b"\r", key)

    def _deliver(self, request: PeerRequest[SendResponse], text: bytes, pty: Pty, key: str) -> Steps:
        """Type a text at the program's pace, and Enter after it."""
        # Use a bracketed paste if the program has switched it on: keys may open completion menus, which swallow Enter.
        self._admit(text)
        position = self._pump.input_line.sent_at
        to_editor = b"\n" not in text and shells.foreground_name(pty) in _MODAL
        takes_pastes = self._session.model.emulator.mode(BRACKETED_PASTE) is True
        self._active = Delivery(self._session, pty, text, pasted=takes_pastes and not to_editor)
        try:
            reason = yield from self._active.steps()
            response: SendResponse = {"position": position, "reason": reason}
            self._keep_outcome(key, response)
            request.respond(response)
        finally:
            self._active = None

    def _admit(self, data: bytes, *, more: bool = False) -> None:
        """Note bytes that will be typed. Raises Refused or Busy."""
        session = self._session
        pump = self._pump
        name = self._session.name
        pty = session.pty
        if not session.running or pty is None:
            raise _ended(name)
        if self._is_full(data):
            story = f"the program of {name} does not read its input ({pump.unread:,} bytes wait)"
            raise _busy(story, f"try again later, or end it: {SESH} kill {name}")
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

    # -- checks

    def _check_text(self, data: bytes) -> None:
        """Raise Busy if the text would start the gated command, answer, or join a draft."""
        session = self._session
        name = self._session.name
        pty = self._session.pty
        self._check_gate(data)
        asks = session.activity.declared_question
        if asks is not None and not session.activity.shell_reads:
            words = f'asks "{asks.question}"' if asks.question else "asks something"
            way = f"answer it: {SESH} send {name} ANSWER --enter --question REGEX, or --key KEY"
            raise _busy(f"{name} {words}", f"{way}; --force types all the same")
        if pty is not None and self._pump.input_line.drafted(pty):
            way = f"enter or erase it: {SESH} {name}"
            raise _busy(f"somebody has typed in {name} and not pressed Enter", f"{way}; --force types behind it")

    def _check_gate(self, data: bytes) -> None:
        """Raise Busy if a text, except `y` or none, would start the command again."""
        session = self._session
        pty = self._session.pty
        confirms = data.strip().lower() in (b"", b"y")
        if pty is not None and not confirms and is_gate(machine.command_of(pty.foreground())):
            command = wording.command_line(session.facts.command)
            way = f"start it: {SESH} send {session.name} --key Enter; --force types all the same"
            raise _busy(f"{session.name} waits for Enter to run again: {command}", way)

    def _check_answer(self, data: bytes, since: str, question: str, *, force: bool) -> None:
        """Raise Refused or Busy if the answer would not go to this question."""
        # No output is read between this check and the typing.
        name = self._session.name
        self._find_question(since, question)
        if force:
            return
        if self._session.activity.would_join_line:  # the answer would be appended to that line
            raise Refused(
                f"{name} is waiting, but somebody has begun to type a line there; nothing was typed",
                hint=f"enter or erase it: {SESH} {name}",
            )
        self._check_gate(data)

    def _find_question(self, since: str | None, question: str) -> AskedResponse:
        """Return the session's question. Raises Refused if there is none, or another one."""
        session = self._session
        pump = self._pump
        name = self._session.name
        if not session.running or session.pty is None:
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
        raw = session.pty.raw()
        hides = not raw and not session.pty.echoes()  # a password prompt
        return {"since": stands, "question": standing.question, "hides": hides, "line": not raw}


def _busy(story: str, hint: str) -> Busy:
    return Busy(f"{story}; nothing was typed", hint=hint, exit_code=ExitCode.FAILED)


def _ended(name: str) -> Refused:
    return Refused(f"the program of {name} has ended and reads no more input")
