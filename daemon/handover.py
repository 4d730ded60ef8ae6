"""A session as one JSON record, for the sesh that takes the process over by `--reload`.

Connections are not in it: their peers come back, and say how far they have come. Bytes are base64.
"""

from __future__ import annotations

import time
from binascii import a2b_base64, b2a_base64
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any, TypedDict

from sesh.daemon.clients.listener import Listener, ListenerState
from sesh.daemon.phase import Phase, ProgramEnd
from sesh.daemon.pty.pty import Pty, PtyState
from sesh.daemon.pty.stdin_pipe import StdinPipe
from sesh.daemon.session import Session
from sesh.daemon.shell.history import Begun, History
from sesh.moments import STEADY
from sesh.schema import Event, RunFacts
from sesh.stored import Facts, ModelState

FORMAT = 3
"""The number of the record's form; a sesh refuses any other."""


class StdinState(TypedDict):
    """The pipe that feeds a job: its descriptor, the bytes received so far, those of them not written yet, and whether
    they are the last."""

    descriptor: int
    received: int
    waiting: str
    ends: bool


class Handover(TypedDict):
    """A session and its descriptors.

    `clock`: origin and step of `SteadyClock`, by which all moments count; but `facts.deadline` is by the wall clock.
    `log`: its base and bytes. `input`: bytes that the pty has not taken. `scanner`: an unfinished sequence. `clients`:
    the number of the newest. `departed`: token, last INPUT, and whether its terminal shows the program's own bytes,
    of each client that may come back. `events`: the newest number, and the events kept. `history`: number of commands,
    those kept with their outputs, and the answers to those that may be requested again. `marks`: the command under way,
    and its number.
    """

    format: int
    facts: Facts
    clock: tuple[float, float]
    size: list[int]
    log: tuple[int, str]
    model: ModelState
    input: str
    scanner: str
    seen: bool
    title: str
    titled_by: int
    last_activity: float
    sent_at: int | None
    end: dict[str, Any]
    phase: str
    clients: int
    departed: list[tuple[str, int, bool]]
    missed: dict[str, Any]
    events: tuple[int, list[Event]]
    history: tuple[int, list[tuple[RunFacts, str]], list[list[Any]]]
    marks: tuple[Begun | None, int | None]
    activity: dict[str, Any]
    texts: list[tuple[str, str]]
    faults: list[str]
    hooks: list[int]
    listener: ListenerState
    pty: PtyState | None
    open: bool
    stdin: StdinState | None


def of(session: Session, listener: Listener, texts: Mapping[str, str]) -> Handover:
    """Return the record of a session that has no `--run` under way; `texts`: see `Typing.outcomes`."""
    pump = session.pump
    for client in session.clients.all:
        session.model.mark(client.position)  # its terminal goes on from there
    left, commands = session.timers.remaining("timeout"), session.commands
    last, events = session.events.dump()
    return {
        "format": FORMAT,
        "facts": {**session.facts, "deadline": time.time() + left if left is not None else None},
        "clock": (STEADY.origin, STEADY.step),
        "size": list(session.clients.size),
        "log": (session.log.base, _text(session.log.bytes(session.log.base))),
        "model": session.model.dump(),
        "input": _text(b"".join(bytes(data) for data, _ in pump.input.units())),
        "scanner": _text(pump.scanner.carry),
        "seen": session.relay.seen,
        "title": session.findings.title,
        "titled_by": session.findings.titled_by,
        "last_activity": pump.last_activity,
        "sent_at": pump.sent_at,
        "end": asdict(session.life.end),
        "phase": session.life.phase.value,
        "clients": session.clients.last_number,
        "departed": [(token, *place) for token, place in session.clients.places().items()],
        "missed": vars(session.events.missed),
        "events": (last, events),
        "history": _history(commands.history),
        "marks": (commands.marks.begun, commands.marks.number),
        "activity": session.activity.dump(),
        "texts": list(texts.items()),
        "faults": session.faults.lines(),
        "hooks": list(session.hook.running),
        "listener": listener.dump(),
        "pty": pump.pty.state if pump.pty is not None and pump.pty.descriptor >= 0 else None,
        "open": pump.open,
        "stdin": _stdin(pump.stdin) if pump.stdin is not None else None,
    }


def session_of(state: Handover, *, with_descriptors: bool = True) -> Session:
    """Return the session of a record, on the descriptors in it.

    Raises ValueError for another format, KeyError and TypeError for a record that is not of this form.
    """
    if state.get("format") != FORMAT:
        raise ValueError(f"a session of format {state.get('format')}, not {FORMAT}")
    STEADY.origin, STEADY.step = state["clock"]
    deadline, (columns, rows, width, height) = state["facts"]["deadline"], state["size"]
    facts: Facts = {**state["facts"], "deadline": deadline and deadline + STEADY.now() - time.time()}
    pty = Pty(state["pty"]) if state["pty"] is not None and with_descriptors else None
    session = Session(facts, (columns, rows, width, height), pty)
    session.log.restore(state["log"][0], a2b_base64(state["log"][1]))
    session.model.restore(state["model"])
    session.life.end = ProgramEnd(**state["end"])
    session.life.become(Phase(state["phase"]))
    session.relay.seen = state["seen"]
    session.findings.title, session.findings.titled_by = state["title"], state["titled_by"]
    _restore_pump(session, state, with_descriptors=with_descriptors)
    session.clients.last_number = state["clients"]
    session.clients.departed.update((token, (number, raw)) for token, number, raw in state["departed"])
    vars(session.events.missed).update(state["missed"])
    session.events.restore(*state["events"])
    count, entries, answers = state["history"]
    session.commands.history.restore(count, [(entry, a2b_base64(output)) for entry, output in entries], answers)
    session.commands.marks.begun, session.commands.marks.number = state["marks"]
    session.activity.restore(state["activity"])
    session.faults.restore(state["faults"])
    session.hook.running.update(state["hooks"])
    return session


def _restore_pump(session: Session, state: Handover, *, with_descriptors: bool) -> None:
    pump, stdin = session.pump, state["stdin"]
    pump.scanner.carry = a2b_base64(state["scanner"])
    pump.last_activity, pump.sent_at, pump.open = state["last_activity"], state["sent_at"], state["open"]
    if state["input"]:
        pump.input.add("handover", a2b_base64(state["input"]))
    if stdin is not None and with_descriptors:
        pipe = pump.stdin = StdinPipe(stdin["descriptor"], session.loop)
        pipe.received, pipe.ends = stdin["received"], stdin["ends"]
        pipe.waiting = memoryview(a2b_base64(stdin["waiting"]))
        pipe.watch()


def descriptors(state: Handover) -> list[int]:
    """Return the descriptors in a record."""
    parts = [state["listener"], state["stdin"], state["pty"]]
    numbers = [part["descriptor"] for part in parts if part is not None]
    numbers += [state["pty"]["slave"]] if state["pty"] is not None else []
    return [number for number in numbers if number >= 0]


def _history(history: History) -> tuple[int, list[tuple[RunFacts, str]], list[list[Any]]]:
    return history.count, [(entry, _text(output)) for entry, output in history], history.answers()


def _stdin(stdin: StdinPipe) -> StdinState:
    waiting = _text(bytes(stdin.waiting))
    return {"descriptor": stdin.descriptor, "received": stdin.received, "waiting": waiting, "ends": stdin.ends}


def _text(data: bytes) -> str:
    return b2a_base64(data, newline=False).decode("ascii")
