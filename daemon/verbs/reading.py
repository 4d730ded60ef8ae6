"""Requests that read: the session's state, its screen and its lines, the commands of its shell."""

from __future__ import annotations

from sesh import protocol
from sesh.daemon import description
from sesh.daemon.clients.connection import Client
from sesh.daemon.request import Request
from sesh.daemon.verbs.parts import Parts
from sesh.errors import UsageError
from sesh.messages import Answer
from sesh.moments import STEADY
from sesh.names import printable
from sesh.vt.render.export import continued, export, follow_state

MAX_LINES = 1_000_000
"""Lines of one answer to `logs`."""
PAGE, MOST_OF_PAGE = 50_000, 512 << 10
"""Lines, and characters, of one answer to `logs` where more are asked for in turn."""


def summary(parts: Parts, request: Request) -> None:
    """The session as lists show it."""
    request.respond(session=description.summary(parts.session), record=description.mark(parts.session))


def status(parts: Parts, request: Request) -> None:
    """Everything known of the session."""
    request.respond(session=description.status(parts.session))


def screen(parts: Parts, request: Request) -> None:
    """The screen's content."""
    form = request.words.get("format") or "text"
    if form not in ("text", "ansi", "json"):
        raise UsageError(f"unknown format {printable(str(form))}; use text, ansi or json")
    model = parts.session.model
    model.catch_up(0)
    emulator = model.emulator
    row, column = emulator.cursor
    request.respond(
        export(emulator, form),
        columns=emulator.columns,
        rows=emulator.rows,
        cursor={"row": row, "column": column},
        position=model.position,
        title=parts.session.title,
        alternate=emulator.alternate,
        continued=continued(emulator),
    )


def modes(parts: Parts, request: Request) -> None:
    """The modes that decide what keys send, as booleans.

    `cursor`: cursor keys are the application's (DECCKM). `line`: the terminal reads lines (ICANON). `hides`: it shows
    nothing of them (no ECHO). `waits`: the program waits for a person, and nobody has answered.
    """
    session, model, pty = parts.session, parts.session.model, parts.session.pty
    model.catch_up(0)
    request.respond(
        cursor=model.emulator.mode(1) is True,
        line=pty is None or not pty.raw(),
        hides=session.hides,
        waits=session.activity.waits,
        position=model.position,
    )


def logs(parts: Parts, request: Request) -> None:
    """The last lines of scrollback and screen; with `until` a page of them, those before the line of that number."""
    count = request.integer("lines")
    model = parts.session.model
    model.catch_up(0)
    count, until, ansi = 300 if count is None else min(count, MAX_LINES), request.integer("until"), request.flag("ansi")
    if until is None:
        lines, first = model.emulator.last_lines(count, ansi=ansi), None
    else:
        lines, first = model.emulator.lines_before(until, min(count, PAGE), MOST_OF_PAGE, ansi=ansi)
    state: Answer = {"lines": len(lines), "position": model.position, "alternate": model.emulator.alternate}
    if first is not None:
        state["first"], state["older"] = first, first > model.emulator.scrollback.first
    if request.flag("end"):
        state = {**state, **follow_state(model.emulator)}
    request.respond("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"), **state)


def history(parts: Parts, request: Request) -> None:
    """The commands that were run, or with `n` one command's output."""
    commands, number = parts.session.get_history(), request.integer("n")
    if number is None:
        request.respond(protocol.encode({"commands": [entry for entry, _ in commands]}))
        return
    entry, output = commands.find(number, parts.session.name)
    request.respond(output, **entry)


def typed(parts: Parts, request: Request) -> None:
    """The time at which somebody last typed on a terminal that can tell a person something; None for never. `watched`:
    somebody looks at this session."""
    client = teller(parts)
    watched = parts.session.clients.watched
    request.respond(at=STEADY.told(client.typed_at) if client is not None else None, watched=watched)


def teller(parts: Parts) -> Client | None:
    """Return the client that typed last, if it can tell a person something; after the program's end there is none."""
    client = parts.session.clients.leader
    return client if client is not None and client.tells and parts.session.running else None
