"""A session as plain data, and back: what a daemon that executes itself anew hands to itself (see `handover`)."""

from __future__ import annotations

import base64

from sesh.daemon.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.pty import Pty

FORMAT = 1


def dump(session: Session) -> dict[str, Any]:
    """Everything of a session but its descriptors and its clients, as JSON can carry it.

    Shape: `facts`, `size` (columns, rows, width, height), `stream` (base, head, bytes), `model` (position, and the
    emulator's state, None where it was never needed), `watch` (an unfinished sequence), `input` (units not typed),
    `seen`, `title`, `last_activity`, `sent_at`, `end` (code, signal, moment, whether its time ran
    out, processor time, memory), `departed` (clients that may come back), `unseen` (bells, notifications, the last).
    """
    stream, model = session.stream, session.model
    return {
        "format": FORMAT,
        "facts": session.facts,
        "size": list(session.clients.size),
        "stream": {"base": stream.base, "head": stream.head, "bytes": packed(stream.bytes(stream.base))},
        "model": model.dump(),
        "watch": packed(session.watch.carry),
        "input": [packed(unit) for unit in session.input.pending()],
        "seen": session.relay.seen,
        "title": session.title,
        "last_activity": session.last_activity,
        "sent_at": session.sent_at,
        "end": [session.exit_code, session.exit_signal, session.ended_at, session.timed_out, *session.spent],
        "departed": [[token, *place] for token, place in session.departed.items()],
        "unseen": session.missed.dump(),
        "past": [[facts, packed(output)] for facts, output in session.past or ()] if session.runs is None else [],
    }


def load(state: dict[str, Any], pty: Pty | None) -> Session:
    """The session that `dump` described, on this pty (None where its program has ended).

    Raises ValueError for another format.
    """
    if state.get("format") != FORMAT:
        raise ValueError(f"a state of format {state.get('format')}, not {FORMAT}")
    columns, rows, width, height = state["size"]
    session = Session(state["facts"], (columns, rows, width, height), pty)
    session.stream.restore(state["stream"]["base"], base64.b64decode(state["stream"]["bytes"]))
    session.model.restore(state["model"])
    session.watch.carry = base64.b64decode(state["watch"])
    for number, unit in enumerate(state["input"]):
        session.input.add(("kept", number), base64.b64decode(unit))
    session.relay.seen = state["seen"]
    session.title = state["title"]
    session.last_activity = state["last_activity"]
    session.sent_at = state["sent_at"]
    session.exit_code, session.exit_signal, session.ended_at, session.timed_out, *spent = state["end"]
    session.spent = (spent[0], spent[1])
    for token, sequence, position, was_raw in state["departed"]:
        session.departed[token] = (sequence, position, was_raw)
    session.missed.restore(state["unseen"])
    for facts, output in state.get("past", ()):
        session.history().keep(facts, base64.b64decode(output))
    return session


def packed(data: bytes) -> str:
    """Bytes as JSON carries them."""
    return base64.b64encode(data).decode("ascii")
