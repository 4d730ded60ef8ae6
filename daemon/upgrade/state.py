"""A session as plain data, and back: what a daemon that executes itself anew hands to itself (see `handover`).

The runs of a session as plain data, and back: a command goes on while its daemon becomes another sesh.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from sesh.daemon.session import Session
from sesh.daemon.shell.run import RUNNING, Run

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.pty.pty import Pty
    from sesh.daemon.server import Server
    from sesh.daemon.shell.history import History
    from sesh.daemon.shell.queue import RunQueue

FORMAT = 1


def dump(session: Session) -> dict[str, Any]:
    """Everything of a session but its descriptors and its clients, as JSON can carry it.

    Shape: `facts`, `size` (columns, rows, width, height), `log` (base, head, bytes), `model` (position, and the
    emulator's state, None where it was never needed), `watch` (an unfinished sequence), `input` (units not typed),
    `seen`, `title`, `last_activity`, `sent_at`, `end` (code, signal, moment, whether its time ran
    out, processor time, memory), `departed` (clients that may come back), `unseen` (what nobody was
    there to see), `past` (commands that were run or typed), `marks` (the one that is under way).
    """
    log, model = session.log, session.model
    return {
        "format": FORMAT,
        "facts": session.facts,
        "size": list(session.clients.size),
        "log": {"base": log.base, "head": log.head, "bytes": packed(log.bytes(log.base))},
        "model": model.dump(),
        "watch": packed(session.scanner.carry),
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
    session.log.restore(state["log"]["base"], unpacked(state["log"]["bytes"]))
    session.model.restore(state["model"])
    session.scanner.carry = unpacked(state["watch"])
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


def _past(past: History) -> list[Any]:
    count, last, runs, answers = past.kept()
    return [count, last, [[facts, packed(output)] for facts, output in runs], answers]


def packed(data: bytes) -> str:
    """Bytes as JSON carries them."""
    return b2a_base64(data, newline=False).decode("ascii")


def unpacked(text: str) -> bytes:
    """The bytes that `packed` has made text of."""
    return a2b_base64(text)


def dump_runs(runs: RunQueue, places: dict[Connection, int]) -> dict[str, Any]:
    """The runs that are under way and those that wait; `places`: the numbers of the connections."""
    every = [each for each in (runs.active, *runs.queue) if each is not None]
    return {
        "secret": runs.secret,
        "prompted": runs.prompted,
        "between": packed(runs.between),
        "outer": list(runs.outer),
        "part": packed(runs.filter.part),
        "active": runs.active is not None,
        "runs": [_run(each, places, runs.session.timers.left(("run", each.number))) for each in every],
    }


def load_runs(server: Server, told: dict[str, Any], connections: list[Connection]) -> RunQueue:
    """The runs that `dump` told of."""
    from sesh.daemon.shell.queue import HALF, RunQueue
    from sesh.daemon.shell.wrapper import MarkerFilter

    runs = RunQueue(server.session, server.pump)
    runs.secret, runs.prompted = told["secret"], told["prompted"]
    runs.filter = MarkerFilter(runs.secret, runs.marked, runs.wrote)
    runs.between, runs.filter.part = unpacked(told["between"]), unpacked(told["part"])
    runs.outer.extend(told["outer"])
    timers = server.session.timers
    if runs.filter.part:
        timers.set("mark", HALF, runs.let_go)
    for each in told["runs"]:
        run = _resumed(each, connections)
        runs.queue.append(run)
        if each["left"] is not None:
            _set_timeout(runs, run, each["left"])
    if told["active"]:
        runs.active = runs.queue.popleft()
    if told["runs"]:
        timers.set("run", 0, runs.look)
    return runs


def _set_timeout(runs: RunQueue, run: Run, left: float) -> None:
    runs.session.timers.set(("run", run.number), left, lambda: runs.time_out(run))


def _run(run: Run, places: dict[Connection, int], left: float | None) -> dict[str, Any]:
    facts, output = run.kept()
    shell, files, trickle = run.shell, run.wrapper, run.live
    return {
        "number": run.number,
        "words": run.words,
        "key": run.key,
        "asked": run.asked,
        "wait": run.wait,
        "connection": places.get(run.connection) if run.connection is not None else None,
        "left": left,
        "facts": facts,
        "output": packed(output),
        "shell": [shell.pid, shell.kind, shell.ready, shell.theirs] if shell is not None else None,
        "files": [files.kind, files.outer, files.inner] if files is not None and run.state == RUNNING else None,
        "trickle": trickle.kept() if trickle is not None else None,
    }


def _resumed(told: dict[str, Any], connections: list[Connection]) -> Run:
    from sesh.daemon.shell.run import LiveOutput
    from sesh.daemon.shell.shells import Shell
    from sesh.daemon.shell.wrapper import Wrapper

    run = Run(told["number"], told["words"], None, told["asked"], wait=told["wait"], key=told["key"])
    run.connection = connections[told["connection"]] if told["connection"] is not None else None
    run.resume(told["facts"], unpacked(told["output"]))
    if told["shell"] is not None:
        pid, kind, ready, theirs = told["shell"]
        run.shell = Shell(pid, kind, ready=ready, theirs=theirs)
    if told["files"] is not None:
        kind, outer, inner = told["files"]
        run.wrapper = Wrapper("", run.token, kind, None)
        run.wrapper.outer, run.wrapper.inner = outer, inner
    if told["trickle"] is not None:
        run.live = LiveOutput(run)
        run.live.resume(told["trickle"])
    return run
