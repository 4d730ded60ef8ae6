"""Requests that read: the session's state, its screen and its lines, the commands of its shell."""

from __future__ import annotations

from sesh import protocol
from sesh.daemon import description
from sesh.daemon.clients.client import Client
from sesh.daemon.clients.connection import Request
from sesh.daemon.session import Session
from sesh.errors import UsageError
from sesh.messages import Answer
from sesh.moments import STEADY
from sesh.names import printable
from sesh.vt.render.export import continued, export, follow_state

PAGE, MOST_OF_PAGE = 50_000, 512 << 10
"""Lines, and characters, of one answer to `logs`."""


class Reading:
    VERBS = ("summary", "status", "screen", "modes", "logs", "history", "typed")

    def __init__(self, session: Session) -> None:
        self._session = session

    def summary(self, request: Request) -> None:
        request.respond(session=description.summary(self._session))

    def status(self, request: Request) -> None:
        request.respond(session=description.status(self._session))

    def screen(self, request: Request) -> None:
        form = request.words.get("format") or "text"
        if form not in ("text", "ansi", "json"):
            raise UsageError(f"unknown format {printable(form)}; use text, ansi or json")
        model = self._session.model
        model.catch_up(0)
        emulator = model.emulator
        row, column = emulator.cursor
        request.respond(
            export(emulator, form),
            columns=emulator.columns,
            rows=emulator.rows,
            cursor={"row": row, "column": column},
            position=model.position,
            title=self._session.findings.title,
            alternate=emulator.alternate,
            continued=continued(emulator),
        )

    def modes(self, request: Request) -> None:
        """Answer with the mode that decides what keys send. `cursor`: cursor keys are the application's (DECCKM)."""
        self._session.model.catch_up(0)
        request.respond(cursor=self._session.model.emulator.mode(1) is True)

    def logs(self, request: Request) -> None:
        """Answer with a page of the lines of scrollback and screen, the last ones before the line `until`."""
        count, until = request.words.get("lines"), request.words.get("until")
        count, until = PAGE if count is None else min(count, PAGE), protocol.MOST if until is None else until
        model, emulator = self._session.model, self._session.model.emulator
        model.catch_up(0)
        ansi = request.words.get("ansi", False)
        lines, first = emulator.lines_before(until, count, MOST_OF_PAGE, ansi=ansi)
        state: Answer = {"lines": len(lines), "position": model.position, "alternate": emulator.alternate}
        state["first"], state["older"] = first, first > emulator.scrollback.first
        if request.words.get("end", False):
            state = {**state, **follow_state(emulator)}
        request.respond("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"), **state)

    def history(self, request: Request) -> None:
        """Answer with the commands that were run, or with `n` one command's output."""
        commands, number = self._session.runs.history, request.words.get("n")
        if number is None:
            request.respond(protocol.encode({"commands": [entry for entry, _ in commands.entries]}))
            return
        entry, output = commands.find(number, self._session.name)
        request.respond(output, **entry)

    def typed(self, request: Request) -> None:
        """Answer when somebody last typed on a terminal that can tell a person something; None for never.

        `watched`: somebody looks at this session.
        """
        client = teller(self._session)
        watched = self._session.clients.watched
        request.respond(at=STEADY.told(client.typed_at) if client is not None else None, watched=watched)


def teller(session: Session) -> Client | None:
    """Return the client that typed last, if it can tell a person something; after the program's end there is none."""
    client = session.clients.leader
    return client if client is not None and client.terminal.tells and session.running else None
