"""The program that a text is typed to, and changes since the text began."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sesh.daemon.pty import reads
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Writer
from sesh.daemon.session import Session

DISTURBED = "somebody typed meanwhile"


@dataclass(frozen=True)
class Look:
    unread: int  # typed bytes that it has not read
    screen: object
    runs: bool  # it is running at this moment
    disturbance: str = ""  # why nothing more may be typed


class Recipient:
    """The program of a session, for one text that begins now."""

    def __init__(self, session: Session, pty: Pty) -> None:
        self._session, self._pump = session, session.pump
        self._began_at = time.monotonic()
        self._reader = pty.input_reader()
        self._question = session.activity.declared_question

    def look(self) -> Look:
        session, pump = self._session, self._pump
        if not pump.paused:
            pump.read_output()  # on a busy machine, the poll may lag behind the program's output
        disturbance = ""
        if session.pty is None or not pump.life.running:
            disturbance = "it has ended"
        elif pump.input_line.person_at > self._began_at:
            disturbance = DISTURBED
        session.model.catch_up()
        screen = session.model.emulator.text(), session.model.emulator.cursor
        group, _ = self._reader
        return Look(pump.unread, screen, reads.runs(group, session.facts["pid"]), disturbance)

    def obstacle(self) -> str:
        """Return why it takes no more of this text now; empty if it does."""
        asks, before = self._session.activity.declared_question, self._question
        if asks is not None and (before is None or asks.since != before.since):
            return "it asks something now"
        return "" if self.still_reads() else "another program reads the terminal now"

    def still_reads(self) -> bool:
        pty = self._session.pty
        return pty is not None and pty.input_reader() == self._reader

    def type(self, data: bytes) -> None:
        self._pump.type(Writer.REQUEST, data)

    def enter(self) -> None:
        self._session.activity.note_input(b"\r")
        self.type(b"\r")
