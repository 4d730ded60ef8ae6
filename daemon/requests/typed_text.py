"""The requests that type into the program, and their checks."""

from __future__ import annotations

import os
import re
import signal
import time
from collections.abc import Generator
from typing import Optional

from sesh.about import SESH
from sesh.daemon.activity.rules import Reason, State
from sesh.daemon.clients.connection import PeerRequest, Steps
from sesh.daemon.requests.delivery import POLL, STALLED, Delivery, ShellLines, shell_takes_pastes, unmarked
from sesh.daemon.session import Session
from sesh.desktop.file_names import as_word
from sesh.errors import Busy, ExitCode, Interrupted, Refused, SeshError
from sesh.system import platforms
from sesh.text.keys import ESCAPE, PASTE, PASTE_END
from sesh.vt.modes import BRACKETED_PASTE
from sesh.wire import protocol
from sesh.wire.messages import SendResponse

MAX_OUTCOMES = 64  # outcomes kept for repeated requests; the oldest is dropped
_MAX_READS = 16  # reads of pending output before a check; a program that prints more is working
_ENTER = b"\r"
_UNTIL_ENTERS = re.compile(rb"\r|[^\r]+")  # each Enter, and the keys before it
_LINE_ENDS = bytes.maketrans(b"\r\x04", b"\n\n")


class Typing:
    """The requests that type; each public method is the request of its name."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._pump = session.pump
        self._turns: list[PeerRequest[SendResponse]] = []  # the first one's text is typed
        self._presses: list[PeerRequest[SendResponse]] = []  # the first one's keys are typed
        self._kept_until = 0.0  # time (monotonic) until which a text keeps its turn for its next chunk
        self._as_keys = False  # the first chunk of the text was keys, so its other chunks are, too
        self.busy = 0  # the number of texts and keys that are typed at the program's pace
        self.outcomes: dict[str, SendResponse] = {}  # by a request's `key`
        session.desk.files.type_path = self._type_path

    def send(
        self,
        request: PeerRequest[SendResponse],
        key: str = "",
        since: Optional[str] = None,
        question: str = "",
        *,
        enter: bool = False,
        force: bool = False,
        more: bool = False,
        goes_on: bool = False,
    ) -> Steps:
        """Type a text in its turn; without Enter, wait for room.

        `since`, `question`: an answer to this question, with or without Enter. `enter`: press Enter after the text; if
        it was not pressed, `reason` in the response says why. `force`: type although the bytes may reach what they are
        not meant for. `more`: the bytes are the next chunk of the previous request's text. `goes_on`: one with `more`
        follows; the text keeps its turn for it, but not for long, as its sender may be stopped. `key`: a repeated
        request with this key is not typed again.
        """
        self._turns.insert(0 if more and self._is_kept else len(self._turns), request)
        try:
            awaits_room = since is None and not enter
            while (
                self._turns[0] is not request
                or (self._is_kept and not more)
                or (awaits_room and self._is_full(request.data) and request.time_left > 0)
            ):
                yield POLL
                self._check_sender(request)
            response = self.outcomes.get(key)
            if response is None:
                yield from self._until_alone(request)
            request.check_deadline(self._session.name)
            if response is None:
                self._check(since, question, enter=enter, force=force)
                self._kept_until = 0.0
                response = yield from self._type(request.data, enter=enter, more=more)
            if goes_on and not response.get("reason"):
                self._kept_until = time.monotonic() + STALLED
            self._respond(request, key, response)
        finally:
            self._turns.remove(request)

    @property
    def _is_kept(self) -> bool:
        return time.monotonic() < self._kept_until

    def press(self, request: PeerRequest[SendResponse], key: str = "") -> Steps:
        """Type keys, with the same `key` only once; the text that is being typed gets no Enter after them.

        They do not wait for that text, but an Enter is alone: it waits until the program has read all that was typed,
        and the next key until it has read the Enter. A key that interrupts the program waits for nothing.
        """
        self._presses.append(request)
        try:
            while self._presses[0] is not request and not self._interrupts(request.data):
                yield POLL
                self._check_sender(request)
            response = self.outcomes.get(key)
            if response is None:
                response = yield from self._press(request)
            self._respond(request, key, response)
        finally:
            self._presses.remove(request)

    def interrupt(self, request: PeerRequest[SendResponse], key: str = "") -> None:
        """Interrupt the program, as Ctrl-C does; with the same `key` only once."""
        if key not in self.outcomes and self._session.life.running:
            self._pump.pty.signal_foreground(signal.SIGINT)
            self._session.life.note_interrupt(interrupts=True)
        self._respond(request, key, {})

    def run_interrupt(self, request: PeerRequest[SendResponse], key: str = "") -> None:
        """Interrupt the commands of this connection's runs; send SIGINT once for a `key`."""
        if self._session.runs.interrupt(request.connection, signals=key not in self.outcomes):
            self._session.life.note_interrupt(interrupts=True)
        self._respond(request, key, {})

    def _respond(self, request: PeerRequest[SendResponse], key: str, response: SendResponse) -> None:
        """Respond, and keep the response for a request that comes again."""
        if key:
            self.outcomes[key] = response
        if len(self.outcomes) > MAX_OUTCOMES:
            del self.outcomes[next(iter(self.outcomes))]
        request.respond(response)

    # -- what was typed before

    def _until_alone(self, request: PeerRequest[SendResponse], keys: bytes = b"") -> Steps:
        """Wait until the program has read the Enter before this text, and all before it if `keys` begin with Enter.

        Raises Busy if it does not, and Interrupted if the sender goes.
        """
        pump = self._pump
        until = time.monotonic() + STALLED
        while pump.enter_unread or (
            keys[:1] == _ENTER and pump.text_unread and not self._session.activity.shell_in_front
        ):
            if time.monotonic() > until:
                raise self._unread()
            yield POLL
            self._check_sender(request)

    def _unread(self) -> Busy:
        what = "the Enter" if self._pump.enter_unread else "the text"
        way = f"look: {SESH} screen {self._session.name}"
        return _busy(f"the program of {self._session.name} has not read {what} that was typed before", way)

    def _check_sender(self, request: PeerRequest[SendResponse]) -> None:
        if request.connection.closing:
            raise Interrupted("its sender has gone")

    def _interrupts(self, keys: bytes) -> bool:
        """Return whether the terminal makes a signal of one of these keys, whatever the program has read.

        Not with NOFLSH, though: then the terminal makes one, but discards nothing (`Pty.flushes_at`).
        """
        return self._pump.pty.flushes_at(keys)

    # -- typing

    def _press(self, request: PeerRequest[SendResponse]) -> Generator[float, None, SendResponse]:
        """Type keys: at once, or each Enter alone to a program that reads key by key."""
        keys = request.data
        if self._interrupts(keys) or not self._pump.pty.raw():
            return self._type_at_once(keys)
        yield from self._until_alone(request, keys)
        request.check_deadline(self._session.name)
        if self._session.activity.shell_in_front:
            return self._type_at_once(keys)
        first, *rest = _UNTIL_ENTERS.findall(keys) or [b""]
        response = self._type_at_once(first)
        self.busy += 1
        try:
            for part in rest:
                if not (yield from self._is_read()):
                    return {**response, "reason": "it has not read all of the keys, so the rest was not typed"}
                self._type_at_once(part, more=True)
        except SeshError as error:
            raise error.but(typed=True) from error
        finally:
            self.busy -= 1
        return response

    def _is_read(self) -> Generator[float, None, bool]:
        """Wait until the program has read all that was typed; return whether it has."""
        until = time.monotonic() + STALLED
        while self._pump.enter_unread or self._pump.text_unread:
            if time.monotonic() > until:
                return False
            yield POLL
        return True

    def _type_path(self, path: str, *, by_person: bool) -> bool | None:
        """Type the path of a file, alone in the marks of a paste: so programs take it for the file.

        To a program that takes no paste it is typed as it is; but not if a person has dropped the file (`by_person`),
        since they expect a paste. Return whether it was typed, None while another text is. Raises Refused or Busy.
        """
        if self._turns or self._presses or self._is_kept:
            return None
        session = self._session
        if self._pump.enter_unread:
            entered_at = self._pump.input_line.entered_at
            if entered_at is not None and time.monotonic() - entered_at > STALLED:
                raise self._unread()
            return None
        session.feed.catch_up()
        takes_pastes = session.feed.emulator.mode(BRACKETED_PASTE) is True
        if by_person and not takes_pastes:
            return False
        word = os.fsencode(as_word(path))
        text = PASTE + word + PASTE_END if takes_pastes else word
        self._admit(text)
        self._pump.type(text, drafts=by_person)
        return True

    def _type(self, data: bytes, *, enter: bool, more: bool) -> Generator[float, None, SendResponse]:
        """Type a text: line by line to a shell that takes pastes, at its pace with Enter to a box, else at once.

        A box is any program that reads key by key and is no shell.
        """
        self._as_keys = self._as_keys if more else _is_keys(data)
        if not self._as_keys and shell_takes_pastes(self._session):
            return (yield from self._type_at_its_pace(ShellLines, data + b"\r" * enter, more=more))
        text = unmarked(data) if enter else data
        if not enter or not self._pump.pty.raw() or self._session.activity.shell_in_front:
            return self._type_at_once(text + b"\r" * enter, more=more)
        return (yield from self._type_at_its_pace(Delivery, text))

    def _type_at_its_pace(
        self, way: type[Delivery] | type[ShellLines], text: bytes, *, more: bool = False
    ) -> Generator[float, None, SendResponse]:
        """Type a text in one of the two ways that wait for the program to read what it has got."""
        self._admit(text, more=more)
        self.busy += 1
        try:
            reason = yield from way(self._session, text).steps()
        finally:
            self.busy -= 1
        return {"position": self._pump.input_line.sent_at, "reason": reason}

    def _type_at_once(self, data: bytes, *, more: bool = False) -> SendResponse:
        self._admit(data, more=more)
        self._pump.type(data)
        return {"position": self._pump.input_line.sent_at}

    def _admit(self, data: bytes, *, more: bool = False) -> None:
        """Note bytes that will be typed. Raises Refused or Busy."""
        pump = self._pump
        rest = "the rest was not" if more else "nothing was"
        if not self._session.life.running:
            raise Refused(f"the program of {self._session.name} has ended and reads no more input")
        if self._is_full(data):
            story = f"the program of {self._session.name} does not read its input ({pump.unread:,} bytes wait)"
            raise _busy(story, f"try again later, or end it: {SESH} kill {self._session.name}", rest)
        if not pump.pty.raw():
            longest = platforms.longest_line(pump.pty.descriptor)
            lengths = [len(line) for line in data.translate(_LINE_ENDS).split(b"\n")]
            if max(pump.input_line.length(pump.pty) + lengths[0], *lengths) > longest:
                message = f"the program of {self._session.name} reads lines of at most {longest:,} bytes; {rest} typed"
                raise Refused(message, hint="send shorter lines, or put the text into a file")
        if not more:
            pump.input_line.sent_at = pump.log.head
        self._session.activity.key_typed(data)

    def _is_full(self, data: bytes) -> bool:
        """Return whether these bytes must wait until the program has read more of its input."""
        waiting = len(self._pump.unwritten)
        return waiting > 0 and waiting + len(data) >= protocol.CHUNK

    # -- checks

    def _check(self, since: str | None, question: str, *, enter: bool, force: bool) -> None:
        """Raise Refused or Busy before a text misses its question or joins a draft."""
        # No output is read between this check and the typing.
        name = self._session.name
        activity = self._session.activity
        joins_line = enter
        if since is not None:
            self._check_question(since, question)
            joins_line = not self._pump.pty.raw() or activity.shell_in_front
        elif enter and not force and (asks := activity.declared_question) is not None and not activity.shell_in_front:
            words = f'asks "{asks.question}"' if asks.question else "asks something"
            way = f"answer it: {SESH} send {name} ANSWER --enter --question REGEX, or --key KEY"
            raise _busy(f"{name} {words}", f"{way}; --force types all the same")
        if joins_line and not force and self._pump.input_line.drafted(self._pump.pty):
            way = f"enter or erase it: {SESH} {name}"
            raise _busy(f"somebody has typed in {name} and not pressed Enter", f"{way}; --force types behind it")

    def _check_question(self, since: str, question: str) -> None:
        """Raise Refused if the program asks nothing, or something else."""
        pump = self._pump
        activity = self._session.activity
        taken = 0
        while pump.wants_read and taken < _MAX_READS and self._session.read_output():
            taken += 1
        found = activity.observe(fresh=True)
        if taken == _MAX_READS or not pump.wants_read or not activity.waits:
            # A "waiting" that fails `waits` is out of date: the question was answered, or output followed it.
            problem = f"asks nothing now, it is {'working' if found.state == State.WAITING else found.state}"
        elif found.why == Reason.XOFF:
            problem = "asks nothing that can be seen, its output is stopped (Ctrl-S)"
        elif (since, question) != (found.as_json()["since"], found.question):
            other = f'"{found.question}"' if found.question else "something without words"
            problem = f"is waiting, but asks {other} now"
        else:
            return
        raise Refused(f"{self._session.name} {problem}; nothing was typed")


def _is_keys(text: bytes) -> bool:
    """Return whether a text is one control byte, or begins with Escape: then it is typed as keys, never as a paste."""
    return text[:1] == ESCAPE or (len(text) == 1 and text < b" ") or text == b"\x7f"


def _busy(story: str, hint: str, what: str = "nothing was") -> Busy:
    return Busy(f"{story}; {what} typed", hint=hint, exit_code=ExitCode.FAILED)
