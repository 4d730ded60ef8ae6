"""A session as plain data, and back: what a daemon that executes itself anew hands to itself (see `handover`)."""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from sesh.daemon.session import Session

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.past import Past
    from sesh.daemon.pty import Pty

FORMAT = 1


def dump(session: Session) -> dict[str, Any]:
    """Everything of a session but its descriptors and its clients, as JSON can carry it.

    Shape: `facts`, `size` (columns, rows, width, height), `stream` (base, head, bytes), `model` (position, and the
    emulator's state, None where it was never needed), `watch` (an unfinished sequence), `input` (units not typed),
    `seen`, `title`, `last_activity`, `sent_at`, `end` (code, signal, moment, whether its time ran
    out, processor time, memory), `departed` (clients that may come back), `unseen` (what nobody was
    there to see), `past` (commands that were run or typed), `marks` (the one that is under way).
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
        "past": _past(session.past) if session.past is not None else None,
        "marks": session.marks.kept() if session.marks is not None else None,
    }


def load(state: dict[str, Any], pty: Pty | None) -> Session:
    """The session that `dump` described, on this pty (None where its program has ended).

    Raises ValueError for another format.
    """
    if state.get("format") != FORMAT:
        raise ValueError(f"a state of format {state.get('format')}, not {FORMAT}")
    columns, rows, width, height = state["size"]
    session = Session(state["facts"], (columns, rows, width, height), pty)
    session.stream.restore(state["stream"]["base"], unpacked(state["stream"]["bytes"]))
    session.model.restore(state["model"])
    session.watch.carry = unpacked(state["watch"])
    for number, unit in enumerate(state["input"]):
        session.input.add(("kept", number), unpacked(unit))
    session.relay.seen = state["seen"]
    session.title = state["title"]
    session.last_activity = state["last_activity"]
    session.sent_at = state["sent_at"]
    session.exit_code, session.exit_signal, session.ended_at, session.timed_out, *spent = state["end"]
    session.spent = (spent[0], spent[1])
    for token, sequence, position, was_raw in state["departed"]:
        session.departed[token] = (sequence, position, was_raw)
    session.missed.restore(state["unseen"])
    if state["past"] is not None:
        count, last, runs, answers = state["past"]
        session.history().resume(count, last, [(facts, unpacked(output)) for facts, output in runs], answers)
    if state["marks"] is not None:
        session.resume_marks(*state["marks"])
    return session


def _past(past: Past) -> list[Any]:
    count, last, runs, answers = past.kept()
    return [count, last, [[facts, packed(output)] for facts, output in runs], answers]


def packed(data: bytes) -> str:
    """Bytes as JSON carries them."""
    return b2a_base64(data, newline=False).decode("ascii")


def unpacked(text: str) -> bytes:
    """The bytes that `packed` has made text of."""
    return a2b_base64(text)
