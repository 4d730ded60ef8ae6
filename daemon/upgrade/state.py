"""A daemon as plain data and back: its session, its descriptors, and all its connections.

`dump` writes what `load` reads in another process image of the same pid, perhaps of another sesh. `FORMAT` changes with
the shape of the data, and `load` refuses any other number. Both directions are imported before they are needed: later
the files may already be those of the other sesh.
"""

from __future__ import annotations

import socket
import time
from binascii import a2b_base64 as unpack
from binascii import b2a_base64
from collections.abc import Callable, Mapping

from sesh import protocol
from sesh.daemon.clients.connection import DRAWN, HANDED_OVER, Client, Connection, Reader
from sesh.daemon.clients.flow import Flow
from sesh.daemon.clients.listener import Listener
from sesh.daemon.clients.replies import ReplyFilter
from sesh.daemon.events import Missed
from sesh.daemon.handler import InputTaken
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import StdinPipe
from sesh.daemon.pty.typed_line import TypedLine
from sesh.daemon.server import Reload, Server
from sesh.daemon.session import Session
from sesh.daemon.shell.queue import RunQueue
from sesh.daemon.shell.run import RUNNING, LiveOutput, Run
from sesh.daemon.shell.shells import Shell
from sesh.daemon.shell.wrapper import Wrapper
from sesh.daemon.typing import SendTaken
from sesh.daemon.upgrade.shape import (
    Attributes,
    ConnectionState,
    Done,
    RunsState,
    RunState,
    SessionState,
    State,
    StdinState,
)
from sesh.moments import STEADY
from sesh.vt.modes import Stacks

Indexes = Mapping[object, int]

FORMAT = 1
_RUN = (
    "state", "token", "attempts", "requested_at", "turn_at", "typed_at", "began_at", "started", "duration", "cwd",
    "interrupted", "nested_at", "follows",
)  # fmt: skip
_LIVE = ("sent", "position", "safe", "seen")
"""Attributes that go over as they are: of a run, and of what is sent of its output meanwhile."""


def pack(data: bytes) -> str:
    """Bytes as a text for JSON; `unpack` gives them back."""
    return b2a_base64(data, newline=False).decode("ascii")


def _attributes(instance: object, names: tuple[str, ...]) -> Attributes:
    """The attributes of these names; bytes as `pack` makes them."""
    values = {name: getattr(instance, name) for name in names}
    return {name: pack(value) if isinstance(value, bytes) else value for name, value in values.items()}


def _set_attributes(instance: object, names: tuple[str, ...], values: Mapping[str, object]) -> None:
    """Sets the attributes of these names."""
    for name in names:
        value = values[name]
        if isinstance(getattr(instance, name), bytes) and isinstance(value, str):
            value = unpack(value)
        setattr(instance, name, value)


# -- the daemon


def dump(server: Server) -> State:
    """The state of a daemon that is not ending. Drops the connections that have failed.

    While the shell is just beginning a command (`RunQueue.holding`), the state is good for a trial alone.
    """
    session, pump = server.session, server.session.pump
    for connection in list(server.connections.values()):
        if connection.closed:
            server.drop(connection)
    for client in session.clients.all:
        session.relay.uncover(client)
    indexes: Indexes = {connection: index for index, connection in enumerate(server.connections.values())}
    last, events, followers = session.events.dump()
    return {
        "format": FORMAT,
        "session": dump_session(session),
        "input": [(writer, pack(bytes(data)), _dump_done(done, indexes)) for writer, data, done in pump.input.units()],
        "listener": server.listener.dump(),
        "pty": pump.pty.state if pump.pty is not None and pump.pty.descriptor >= 0 else None,
        "open": pump.open,
        "stdin": _dump_stdin(session, indexes),
        "done": server.ending.done,
        "connections": [_dump_connection(connection) for connection in server.connections.values()],
        "clients": [indexes[client.connection] for client in session.clients.all],
        "turn": (session.clients.turn, session.clients.last_number),
        "followers": [indexes[reader.connection] for reader in session.relay.followers],
        "events": (last, events, [(indexes[reader], seen) for reader, seen in followers.items() if reader in indexes]),
        "waits": [
            (indexes[wait.connection], wait.request, session.timers.remaining(wait.key("wait")), wait.sought)
            for wait in (session.waits.all if session.waits is not None else ())
            if wait.pending and wait.connection in indexes
        ],
        "runs": dump_runs(session.runs, indexes) if session.runs is not None else None,
        "hooks": list(session.hooks.running.items()) if session.hooks is not None else [],
        "typed_line": _attributes(pump.typed_line, TypedLine.STATE),
        "outcomes": list(server.requests.typing.outcomes.items()),
        "faults": session.faults.lines(),
        "checkpoint": session.timers.remaining("checkpoint"),
    }


def load(state: State, reload: Reload) -> tuple[Server, list[Connection]]:
    """The daemon that `dump` described, on descriptors that this process has, and its connections in their order.

    Raises ValueError for another format, KeyError and TypeError for invalid data.
    """
    check_format(state)
    _load_clock(state["session"])
    session = load_session(state["session"], Pty(state["pty"]) if state["pty"] is not None else None)
    server = Server(session, Listener.adopt(state["listener"]), None, reload)
    session.pump.open, server.ending.done = state["open"], state["done"]
    connections = [_load_connection(row) for row in state["connections"]]
    for connection in connections:
        server.admit(connection)
    session.clients.turn, session.clients.last_number = state["turn"]
    session.clients.all += [client for index in state["clients"] if (client := connections[index].client)]
    session.watch_titles()
    session.relay.followers += [reader for index in state["followers"] if (reader := connections[index].reader)]
    last, events, followers = state["events"]
    session.events.restore(last, events, {connections[index]: seen for index, seen in followers})
    session.faults.restore(state["faults"])
    for writer, data, done in state["input"]:
        writer = tuple(writer) if isinstance(writer, list) else writer
        session.pump.input.add(writer, unpack(data), _load_done(server, connections, done))
    if state["runs"] is not None:
        load_runs(session.get_runs(), state["runs"], connections)
    if state["hooks"]:
        session.get_hooks().running.update(state["hooks"])
    _set_attributes(session.pump.typed_line, TypedLine.STATE, state["typed_line"])
    server.requests.typing.outcomes.update(state["outcomes"])
    if state["stdin"] is not None:
        _load_stdin(server, connections, state["stdin"])
    for index, request, seconds, conditions in state["waits"]:
        session.get_waits().add(connections[index], request, conditions, seconds)
    # The timers that neither output nor a frame would set again.
    for client in session.clients.all:
        if client.replies.held:
            server.handler.release_later(client)
    if any(client.mode == DRAWN for client in session.clients.all):
        session.timers.set("draw", 0, session.relay.draw)
    if state["checkpoint"] is not None:
        session.timers.set("checkpoint", state["checkpoint"], session.output_settled)
    return server, connections


def _load_clock(state: SessionState) -> None:
    """Goes on with the clock by which the moments of a session were measured."""
    STEADY.origin, STEADY.step = float(state["clock"]), float(state["clock_step"])


def check_format(state: Mapping[str, object]) -> None:
    """Raises ValueError if the data is of another format."""
    if state.get("format") != FORMAT:
        raise ValueError(f"a state of format {state.get('format')}, not {FORMAT}")


def descriptors(state: State) -> list[int]:
    """The descriptors in a state."""
    parts = [*state["connections"], state["listener"], state["stdin"], state["pty"]]
    numbers = [part["descriptor"] for part in parts if part is not None]
    numbers += [state["pty"]["slave"]] if state["pty"] is not None else []
    return [number for number in numbers if number >= 0]


# -- its connections


def _dump_connection(connection: Connection) -> ConnectionState:
    unsent, acknowledged = connection.dump()
    reader, client = connection.reader, connection.client
    return {
        "descriptor": connection.descriptor,
        "creator": connection.creator,
        "role": connection.role,
        "closing": connection.closing,
        "progress_at": connection.progress_at,
        "unanswered": connection.unanswered,
        "unfinished": pack(connection.decoder.unfinished),
        "data": pack(bytes(connection.data)),
        "backlog": [(kind, pack(payload)) for kind, payload in connection.backlog],
        "waits": list(connection.waits.items()),
        "unsent": pack(unsent),
        "acknowledged": acknowledged,
        "reader": {"position": reader.position, "skipped": reader.skipped} if reader is not None else None,
        "client": _dump_client(client) if client is not None else None,
    }


def _load_connection(state: ConnectionState) -> Connection:
    opened = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, 0, state["descriptor"])
    connection = Connection(opened, creator=state["creator"])
    connection.role, connection.closing = state["role"], state["closing"]
    connection.progress_at, connection.unanswered = state["progress_at"], state["unanswered"]
    connection.decoder = protocol.Decoder(unpack(state["unfinished"]))
    connection.data += unpack(state["data"])
    connection.backlog += [(kind, unpack(payload)) for kind, payload in state["backlog"]]
    connection.waits = dict(state["waits"])
    connection.queue(unpack(state["unsent"]))
    connection.due_ack = state["acknowledged"]
    if state["client"] is not None:
        connection.client = connection.reader = _load_client(connection, dict(state["client"]))
    elif state["reader"] is not None:
        connection.reader = Reader(connection, 0)
    if connection.reader is not None and state["reader"] is not None:
        connection.reader.position, connection.reader.skipped = state["reader"]["position"], state["reader"]["skipped"]
    return connection


def _dump_client(client: Client) -> Attributes:
    flow = client.flow.dump() if client.flow is not None else None
    replies = _attributes(client.replies, ReplyFilter.__slots__)
    return {**_attributes(client, HANDED_OVER), "replies": replies, "flow": flow}


def _load_client(connection: Connection, state: Attributes) -> Client:
    replies, flow = state.pop("replies"), state.pop("flow")
    if flow is not None:
        flow = Flow(*flow)
    client = Client(connection, state["number"], {})
    if state["shown"] is not None:
        alternate, (main_flags, alternate_flags, titles) = state["shown"]
        state["shown"] = alternate, Stacks(main_flags, alternate_flags, tuple(titles))
    state["size"] = tuple(state["size"])
    _set_attributes(client, HANDED_OVER, state)
    client.flow = flow
    _set_attributes(client.replies, ReplyFilter.__slots__, replies)
    return client


def _dump_done(done: Callable[[bool], None] | None, indexes: Indexes) -> Done | None:
    """The answer that is due once the program has taken a unit of input; None if nobody waits for one."""
    if isinstance(done, InputTaken) and done.client.connection in indexes:
        return "input", indexes[done.client.connection], done.number, done.size
    if isinstance(done, SendTaken) and done.connection in indexes:
        return "send", indexes[done.connection], done.number, done.position
    return None


def _load_done(server: Server, connections: list[Connection], done: Done | None) -> Callable[[bool], None] | None:
    if done is None:
        return None
    kind, index, number, size_or_position = done
    connection = connections[index]
    if kind == "send":
        return SendTaken(server.session, connection, number, size_or_position)
    return InputTaken(server.handler, connection.client, number, size_or_position or 0) if connection.client else None


def _dump_stdin(session: Session, indexes: Indexes) -> StdinState | None:
    stdin = session.pump.stdin
    if stdin is None:
        return None
    return {
        "descriptor": stdin.descriptor,
        "received": stdin.received,
        "linger": stdin.linger,
        "feeder": indexes.get(stdin.feeder),
        "waiting": (pack(bytes(stdin.waiting)), stdin.request, stdin.ends),
        "left": session.timers.remaining("stdin"),
    }


def _load_stdin(server: Server, connections: list[Connection], state: StdinState) -> None:
    stdin = server.session.pump.stdin = StdinPipe(state["descriptor"])
    stdin.received, stdin.linger = state["received"], state["linger"]
    stdin.feeder = connections[state["feeder"]] if state["feeder"] is not None else None
    waiting, stdin.request, stdin.ends = state["waiting"]
    stdin.waiting = memoryview(unpack(waiting))
    if state["left"] is not None:
        server.session.timers.set("stdin", state["left"], server.files.close_stdin)


# -- its session


def dump_session(session: Session) -> SessionState:
    """A session without its descriptors, its clients and its input."""
    pump, log, history, marks = session.pump, session.log, session.history, session.marks
    entries = [(entry, pack(output)) for entry, output in history or ()]
    left = session.timers.remaining("timeout")
    return {
        "facts": {**session.facts, "deadline": time.time() + left if left is not None else None},
        "clock": STEADY.origin,
        "clock_step": STEADY.step,
        "size": list(session.clients.size),
        "log": (log.base, pack(log.bytes(log.base))),
        "model": session.model.dump(),
        "scanner": pack(pump.scanner.carry),
        "seen": session.relay.seen,
        "title": session.title,
        "titled_by": session.titled_by,
        "last_activity": pump.last_activity,
        "sent_at": pump.sent_at,
        "end": session.end.dump(),
        "departed": [(token, *fed) for token, fed in session.clients.departed.items()],
        "missed": list(_attributes(session.missed, Missed.__slots__).values()),
        "history": (history.count, history.last, entries, history.answers()) if history is not None else None,
        "marks": (marks.begun, marks.number) if marks is not None else None,
        **session.activity.dump(),
    }


def load_session(state: SessionState, pty: Pty | None) -> Session:
    """The session that `dump_session` described, on this pty (None if its program has ended)."""
    columns, rows, width, height = state["size"]
    deadline = state["facts"]["deadline"]  # by the wall clock
    steady = deadline + STEADY.now() - time.time() if deadline is not None else None
    session = Session({**state["facts"], "deadline": steady}, (columns, rows, width, height), pty)
    base, data = state["log"]
    session.log.restore(base, unpack(data))
    session.model.restore(state["model"])
    pump = session.pump
    pump.scanner.carry = unpack(state["scanner"])
    session.relay.seen = state["seen"]
    session.title = state["title"]
    session.titled_by = state["titled_by"]
    pump.last_activity = state["last_activity"]
    pump.sent_at = state["sent_at"]
    session.restore_end(state["end"])
    for token, last_input, position, was_raw in state["departed"]:
        session.clients.departed[token] = (last_input, position, was_raw)
    _set_attributes(session.missed, Missed.__slots__, dict(zip(Missed.__slots__, state["missed"], strict=True)))
    if state["history"] is not None:
        count, last, entries, answers = state["history"]
        session.get_history().restore(count, last, [(entry, unpack(output)) for entry, output in entries], answers)
    if state["marks"] is not None:
        marks = session.get_marks()
        marks.begun, marks.number = state["marks"]
    session.activity.restore(state)
    return session


# -- its runs


def dump_runs(runs: RunQueue, indexes: Indexes) -> RunsState:
    """The run under way and those that wait."""
    return {
        "secret": runs.secret,
        "prompted": runs.prompted,
        "between": pack(runs.prompt),
        "outer": list(runs.outer_tokens),
        "part": pack(runs.mark_filter.part),
        "active": runs.active is not None,
        "runs": [_dump_run(run, indexes, runs.timers.remaining(("run", run.number))) for run in runs.every()],
    }


def load_runs(queue: RunQueue, state: RunsState, connections: list[Connection]) -> None:
    """Gives a new queue the runs that `dump_runs` described."""
    queue.prompted, queue.prompt = state["prompted"], unpack(state["between"])
    queue.outer_tokens.extend(state["outer"])
    runs = [_load_run(queue, row, connections) for row in state["runs"]]
    queue.restore(state["secret"], unpack(state["part"]), runs, active=state["active"])


def _dump_run(run: Run, indexes: Indexes, left: float | None) -> RunState:
    shell, wrapper, output = run.shell, run.wrapper, run.output
    of_output = {"translated": output.translated, "output_at": output.appended_at, "dropped": output.base}
    return {
        "number": run.number,
        "words": run.words,
        "key": run.key,
        "request": run.request,
        "wait": run.wait,
        "connection": indexes.get(run.connection),
        "left": left,
        "attributes": {**_attributes(run, _RUN), **of_output, "truncated": output.base > 0},
        "output": pack(output.bytes(output.base)),
        "shell": (shell.pid, shell.kind, shell.ready, shell.other_user) if shell is not None else None,
        "files": (wrapper.kind, wrapper.outer, wrapper.inner) if wrapper is not None and run.state == RUNNING else None,
        "live": list(_attributes(run.live, _LIVE).values()) if run.live is not None else None,
    }


def _load_run(queue: RunQueue, state: RunState, connections: list[Connection]) -> Run:
    connection = connections[state["connection"]] if state["connection"] is not None else None
    run = Run(state["words"], connection, state["request"], wait=state["wait"], key=state["key"])
    run.number = state["number"]
    _set_attributes(run, _RUN, state["attributes"])
    run.output.restore(state["attributes"]["dropped"], unpack(state["output"]))
    run.output.translated = state["attributes"]["translated"]
    run.output.appended_at = state["attributes"]["output_at"]
    if state["shell"] is not None:
        pid, kind, ready, other_user = state["shell"]
        run.shell = Shell(pid, kind, ready=ready, other_user=other_user)
    if state["files"] is not None:
        kind, outer, inner = state["files"]
        run.wrapper = Wrapper("", run.token, kind)
        run.wrapper.outer, run.wrapper.inner = outer, inner
    if state["live"] is not None:
        run.live = LiveOutput(run)
        _set_attributes(run.live, _LIVE, dict(zip(_LIVE, state["live"], strict=True)))
    if state["left"] is not None:
        queue.set_timeout(run, state["left"])
    return run
