"""A session as one JSON record, for the sesh that takes the process over by `--reload`.

Connections are not in it: their peers come back, and say how far they have come. Bytes are base64. All moments count by
`SteadyClock`, whose origin and step are in `clock`; but `facts.deadline` is by the wall clock.
"""

from __future__ import annotations

import time
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sesh.daemon.clients.listener import Listener
from sesh.daemon.phase import Phase, ProgramEnd
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.session import Session
from sesh.moments import STEADY
from sesh.stored import Facts

FORMAT = 5
"""The number of the record's format; a sesh refuses any other."""
Record = dict[str, Any]


def of(session: Session, listener: Listener, texts: Mapping[str, str]) -> Record:
    """Return the record of a session that has no `--run` under way; `texts`: see `Typing.outcomes`."""
    pump, clients, findings, events = session.pump, session.clients, session.findings, session.events
    for client in clients.all:
        session.model.mark(client.position)  # its terminal goes on from there
    left, history, marks = session.timers.remaining("timeout"), session.runs.history, findings.marks
    return {
        "format": FORMAT,
        "facts": {**session.facts, "deadline": time.time() + left if left is not None else None},
        "clock": (STEADY.origin, STEADY.step),
        "size": clients.size,
        "log": (session.log.base, _text(session.log.bytes(session.log.base))),
        "model": session.model.dump(),
        "input": _text(pump.input.content()),
        "pump": (_text(pump.scanner.carry), pump.last_activity, pump.sent_at, pump.open),
        "title": (findings.title, findings.titled_by),
        "end": asdict(session.life.end),
        "phase": session.life.phase.value,
        "clients": (clients.last_number, list(clients.places().items())),
        "missed": vars(events.missed),
        "events": (events.last, events.after(0)),
        "history": (history.count, [(entry, _text(output)) for entry, output in history.entries], history.answers),
        "marks": (marks.begun, marks.number),
        "activity": session.activity.dump(),
        "texts": list(texts.items()),
        "faults": session.faults.lines(),
        "hooks": list(session.hook.running),
        "listener": listener.dump(),
        "pty": (pump.pty.descriptor, pump.pty.slave) if pump.pty is not None and pump.pty.descriptor >= 0 else None,
        # Bytes that the pipe has not taken are not answered, so their peer sends them again.
        "stdin": (pump.stdin.descriptor, pump.stdin.received - len(pump.stdin.waiting)) if pump.stdin else None,
    }


def session_of(state: Record, *, with_descriptors: bool = True) -> Session:
    """Return the session of a record, on the descriptors in it.

    Raises ValueError for another format, KeyError and TypeError for a record that is not of this form.
    """
    if state.get("format") != FORMAT:
        raise ValueError(f"a session of format {state.get('format')}, not {FORMAT}")
    STEADY.origin, STEADY.step = state["clock"]
    facts: Facts = state["facts"]
    if facts["deadline"] is not None:
        facts["deadline"] += STEADY.now() - time.time()
    columns, rows, width, height = state["size"]
    pty = Pty(state["pty"][0], state["pty"][1], facts["pid"]) if state["pty"] is not None and with_descriptors else None
    session = Session(facts, (columns, rows, width, height), pty)
    pump, clients, findings = session.pump, session.clients, session.findings
    session.log.restore(state["log"][0], a2b_base64(state["log"][1]))
    session.model.restore(state["model"])
    session.life.end = ProgramEnd(**state["end"])
    session.life.become(Phase(state["phase"]))
    findings.title, findings.titled_by = state["title"]
    carry, pump.last_activity, pump.sent_at, pump.open = state["pump"]
    pump.scanner.carry = a2b_base64(carry)
    if state["input"]:
        pump.input.add("handover", a2b_base64(state["input"]))
    if state["stdin"] is not None and with_descriptors:
        pump.stdin = StdinPipe(state["stdin"][0], session.loop)
        pump.stdin.received = state["stdin"][1]
    clients.last_number = state["clients"][0]
    clients.departed.update((token, (number, raw)) for token, (number, raw) in state["clients"][1])
    vars(session.events.missed).update(state["missed"])
    session.events.restore(*state["events"])
    count, entries, answers = state["history"]
    session.runs.history.restore(count, [(entry, a2b_base64(output)) for entry, output in entries])
    session.runs.history.answers.update(answers)
    session.findings.marks.begun, session.findings.marks.number = state["marks"]
    session.activity.restore(state["activity"])
    session.faults.restore(state["faults"])
    session.hook.running.update(state["hooks"])
    return session


def descriptors(state: Record) -> list[int]:
    numbers = [state["listener"][0], *(state["stdin"] or ())[:1], *(state["pty"] or ())]
    return [number for number in numbers if number >= 0]


def _text(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")
