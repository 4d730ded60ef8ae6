"""Requests that type into the program: bytes as they are, the answer to a question, a text with its Enter; and the one
that interrupts it."""

from __future__ import annotations

import signal
from collections.abc import Callable, Sequence

from sesh import protocol
from sesh.about import SESH
from sesh.daemon import typing_checks
from sesh.daemon.clients.connection import Connection
from sesh.daemon.request import Request
from sesh.daemon.session import Session
from sesh.daemon.shell import shells
from sesh.daemon.submission import Outcome, Submissions, unmarked
from sesh.errors import Refused


class TypingRequests:
    """The requests of one session that type."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._submissions: Submissions | None = None

    @property
    def pending(self) -> bool:
        """True if a request waits for a program that is to take a text."""
        return self._submissions is not None and self._submissions.active is not None

    def defer(self, request: Request, begin: Callable[[], None]) -> bool:
        """Returns whether a request has to wait for the Enter of another; `begin` is called then."""
        return self._submissions is not None and self._submissions.defer(request.text("key"), begin)

    def outcomes(self) -> list[tuple[str, Outcome]]:
        """The last outcomes of submissions by their keys, as plain data."""
        return list(self._submissions.outcomes.items()) if self._submissions is not None else []

    def restore(self, outcomes: Sequence[tuple[str, Outcome]]) -> None:
        """Goes on from what `outcomes` returned."""
        for key, (submitted, why) in outcomes:
            self._get_submissions().keep(key, (submitted, why))

    def _get_submissions(self) -> Submissions:
        if self._submissions is None:
            session = self._session
            self._submissions = Submissions(session.pump, session.model, session.activity, session.timers, session.sent)
        return self._submissions

    def send(self, request: Request) -> None:
        """Types bytes into the program as one unit; the answer comes once there is room for more.

        `keys`: a text that is on its way gets no Enter then.
        """
        session, pump, data = self._session, self._session.pump, request.data
        more = request.flag("more")
        typing_checks.check_room(session, data, more=more)
        if request.flag("keys") and self._submissions is not None and self._submissions.active is not None:
            self._submissions.active.disturbed = True
        if not more:
            pump.sent_at = session.log.head
        session.sent(data)
        writer = ("send", request.number, request.connection.descriptor)
        taken = SendTaken(session, request.connection, request.number, pump.sent_at)
        if pump.input.size + len(data) <= protocol.CHUNK:
            pump.type(writer, data)
            taken(True)
        else:
            pump.type(writer, data, taken)

    def answer(self, request: Request) -> None:
        """Types as `send` does, if the session waits and still asks what is answered.

        It is one step: the program's output so far is read, the session looked at anew, and the answer typed, before
        anything else can happen. `enter`: as `submit`. `probe`: only returns the question.
        """
        if self._begun_before(request):
            return
        question = request.text("question") if "question" in request.words else None
        asked = typing_checks.asked(self._session, request.text("since"), question)
        if request.flag("probe"):
            request.respond(**asked)
            return
        enters = self._check_answer(request)
        (self._submit if enters else self.send)(request)
        if not enters and request.text("key"):
            self._get_submissions().keep(request.text("key"), (True, ""))

    def submit(self, request: Request) -> None:
        """Types a text and Enter so that the program takes both; answers whether it has `submitted` it.

        See `submission`. `key`: the asker's name for it; asked for again over another link, it is not typed again.
        `before`, `after`: keys. `force`: also into a draft, and where the program asks something.
        """
        session = self._session
        if self._begun_before(request):
            return
        if not request.flag("force"):
            typing_checks.check_gate(session)
            if not typing_checks.reads_lines(session):
                typing_checks.check_question(session)
            if not typing_checks.reads_lines(session) or session.pump.check_line_begun():
                typing_checks.check_draft(session)
        self._submit(request)

    def interrupt(self, request: Request) -> None:
        """Sends SIGINT to the foreground process group; `key` as of `submit`."""
        pty, key = self._session.pty, request.text("key")
        if self._begun_before(request):
            return
        if pty is not None and self._session.running:
            self._session.activity.interrupted()
            pty.signal_foreground(signal.SIGINT)
        if key:
            self._get_submissions().keep(key, (True, ""))
        request.respond()

    def _begun_before(self, request: Request) -> bool:
        """Returns whether what has this key was asked for before, over another link: its outcome is this request's."""
        submissions, key = self._submissions, request.text("key")
        if submissions is None or not key:
            return False
        if submissions.active is not None and submissions.active.key == key:
            submissions.active.told = self._told(request)
        elif key in submissions.outcomes:
            self._told(request)(*submissions.outcomes[key])
        else:
            return False
        return True

    def _submit(self, request: Request) -> None:
        """Types keys, the text, Enter and keys: in one step where a line is read, else as `submission` does."""
        session, text = self._session, request.data
        before, after = (request.text(key).encode("latin-1") for key in ("before", "after"))
        submissions = self._get_submissions()
        if typing_checks.reads_lines(session):
            if b"\x1b" in text and session.pty is not None and shells.reads_next(session.pty):
                # The shell would take a mark for the begin of a paste, and Enter for a part of it.
                text = unmarked(text)
            request.data = before + text + b"\r" + after
            self.send(request)
            submissions.keep(request.text("key"), (True, ""))
            return
        typing_checks.check_room(session, text)
        session.pump.sent_at = session.log.head
        submissions.begin(request.text("key"), before, text, after, self._told(request))

    def _told(self, request: Request) -> Callable[[bool | None, str], None]:
        """Returns a function that answers with the outcome of a submission."""

        def tell(submitted: bool | None, why: str) -> None:
            if not request.connection.closed:
                request.respond(position=self._session.pump.sent_at, submitted=submitted, reason=why)

        return tell

    def _check_answer(self, request: Request) -> bool:
        """Returns whether Enter follows an answer that `typing_checks.asked` has let pass.

        `whole`: it is complete, and gets its Enter if the program reads lines, or if it is more than a key. `single`:
        one key that was pressed alone, and may be the first of a secret. Raises Refused for such a key if the session
        hides it, and if a line that somebody has begun stands there, which the answer would enter with itself; Busy for
        a draft.
        """
        session = self._session
        if request.flag("single") and session.hides:
            raise Refused(
                f"{session.name} does not show what is typed, so the answer must be a line; nothing was typed"
            )
        if session.activity.line_begun:
            raise Refused(
                f"{session.name} is waiting, but somebody has begun to type a line there; nothing was typed",
                hint=f"enter or erase it: {SESH} {session.name}",
            )
        text, pty = request.data, session.pty
        if text.strip().lower() not in (b"", b"y") and not request.flag("force"):
            typing_checks.check_gate(session)
        is_key = len(text.decode("utf-8", "replace")) == 1 and pty is not None and pty.raw()
        enters = request.flag("enter") or (request.flag("whole") and not is_key)
        if enters and not request.flag("force"):
            typing_checks.check_draft(session)
        return enters


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
