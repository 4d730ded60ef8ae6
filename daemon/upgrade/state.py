"""A daemon as plain data and back: its session, its descriptors, and all its connections.

`dump` writes what `load` reads in another process image of the same pid, perhaps of a newer sesh. `FORMAT` changes with
the shape of the data, and `load` refuses any other. Both directions are imported before they are needed: later the
files may already be those of the newer sesh.
"""

from __future__ import annotations

from binascii import a2b_base64, b2a_base64

from sesh import protocol
from sesh.daemon.clients.connection import DRAWN, HANDED_OVER, Client, Connection, Reader
from sesh.daemon.clients.listener import Listener
from sesh.daemon.clients.replies import ReplyFilter
from sesh.daemon.events import Missed
from sesh.daemon.handler import InputTaken
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import StdinPipe, TypedLine
from sesh.daemon.requests import SendTaken
from sesh.daemon.server import Server
from sesh.daemon.session import Session
from sesh.daemon.shell.run import RUNNING, LiveOutput, Run
from sesh.daemon.shell.shells import Shell
from sesh.daemon.shell.wrapper import Wrapper
from sesh.lean import socket

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sesh.daemon.server import Reload
    from sesh.daemon.shell.queue import RunQueue
    from sesh.daemon.upgrade.shape import (
        Attributes,
        ConnectionState,
        Done,
        History,
        RunsState,
        RunState,
        SessionState,
        State,
        StdinState,
    )
    from sesh.daemon.waits import Sought

    Indexes = dict[Connection, int]

FORMAT = 2
_REPLY_BYTES = ("_begun",)
"""Attributes of `ReplyFilter` that are bytes."""


def pack(data: bytes) -> str:
    """Bytes as a text for JSON."""
    return b2a_base64(data, newline=False).decode("ascii")


def unpack(text: str) -> bytes:
    """The bytes of a text that `pack` has made."""
    return a2b_base64(text)


def _attributes(instance: object, names: tuple[str, ...]) -> Attributes:
    return {name: getattr(instance, name) for name in names}


def _set_attributes(instance: object, values: Mapping[str, object]) -> None:
    for name, value in values.items():
        setattr(instance, name, value)


# -- the daemon


def dump(server: Server) -> State:
    """The state of a daemon that is not ending, and whose shell is not just beginning a command.

    Drops the connections that have failed.
    """
    session, pump = server.session, server.session.pump
    for connection in list(server.connections.values()):
        if connection.closed:
            server.drop(connection)
    for client in session.clients.all:
        session.relay.uncover(client)
    indexes = {connection: index for index, connection in enumerate(server.connections.values())}
    last, events, followers = session.events.dump()
    return {
        "format": FORMAT,
        "session": dump_session(session),
        "input": [(writer, pack(bytes(data)), _dump_done(done, indexes)) for writer, data, done in pump.input.units()],
        "listener": server.listener.dump(),
        "pty": pump.pty.dump() if pump.pty is not None and pump.pty.descriptor >= 0 else None,
        "open": pump.open,
        "stdin": _dump_stdin(session, indexes),
        "done": server.ending.done,
        "connections": [_dump_connection(connection) for connection in server.connections.values()],
        "clients": [indexes[client.connection] for client in session.clients.all],
        "titled": [indexes[client.connection] for client in session.clients.all if client.titled],
        "turn": (session.clients.turn, session.clients.last_number),
        "followers": [indexes[reader.connection] for reader in session.relay.followers],
        "events": (last, events, [(indexes[reader], seen) for reader, seen in followers.items() if reader in indexes]),
        "waits": _dump_waits(session, indexes),
        "runs": dump_runs(session.runs, indexes) if session.runs is not None else None,
        "hooks": list(session.hooks.running.items()) if session.hooks is not None else [],
        "typed_line": _attributes(pump.typed_line, TypedLine.__slots__) if pump.typed_line is not None else None,
        "faults": session.faults.lines(),
        "checkpoint": session.timers.remaining("checkpoint"),
    }


def load(state: State, load_reload: Callable[[], Reload]) -> tuple[Server, list[Connection]]:
    """The daemon that `dump` described, on descriptors that this process has, and its connections in their order.

    Raises ValueError for another format, KeyError and TypeError for invalid data.
    """
    check_format(state)
    session = load_session(state["session"], Pty(state["pty"]) if state["pty"] is not None else None, load_reload)
    server = Server(session, Listener.adopt(state["listener"]), None, load_reload)
    session.pump.open, server.ending.done = state["open"], state["done"]
    connections = [_load_connection(row) for row in state["connections"]]
    for connection in connections:
        server.admit(connection)
    session.clients.turn, session.clients.last_number = state["turn"]
    session.clients.all += [client for index in state["clients"] if (client := connections[index].client)]
    for index in state.get("titled", ()):  # an older sesh does not know it
        if client := connections[index].client:
            client.titled = True
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
    if state["typed_line"] is not None:
        session.pump.typed_line = TypedLine()
        _set_attributes(session.pump.typed_line, state["typed_line"])
    if state["stdin"] is not None:
        _load_stdin(server, connections, state["stdin"])
    for index, request, seconds, conditions in state["waits"]:
        session.get_waits().add(connections[index], request, conditions, seconds)
    _set_timers(server, state)
    return server, connections


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


def _set_timers(server: Server, state: State) -> None:
    """Sets the timers that neither output nor a frame would set again."""
    session = server.session
    for client in session.clients.all:
        if client.replies.held:
            server.handler.release_later(client)
    if any(client.mode == DRAWN for client in session.clients.all):
        session.timers.set("draw", 0, session.relay.draw)
    if state["checkpoint"] is not None:
        session.timers.set("checkpoint", state["checkpoint"], session.output_settled)


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
    replies = _attributes(client.replies, ReplyFilter.__slots__)
    packed = {name: pack(replies[name]) for name in _REPLY_BYTES}
    flow = client.flow.dump() if client.flow is not None else None
    return {**_attributes(client, HANDED_OVER), "replies": {**replies, **packed}, "flow": flow}


def _load_client(connection: Connection, state: Attributes) -> Client:
    replies, flow = state.pop("replies"), state.pop("flow", None)
    if flow is not None:
        from sesh.daemon.clients.flow import Flow

        flow = Flow(*flow)
    client = Client(connection, state["number"], {})
    if state["shown"] is not None:
        from sesh.vt.screen import Stacks

        alternate, (main_flags, alternate_flags, titles) = state["shown"]
        state["shown"] = alternate, Stacks(main_flags, alternate_flags, tuple(titles))
    state["size"] = tuple(state["size"])
    _set_attributes(client, {name: state[name] for name in HANDED_OVER if name in state})  # an older sesh has fewer
    client.flow = flow
    _set_attributes(client.replies, {**replies, **{name: unpack(replies[name]) for name in _REPLY_BYTES}})
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
    client = connections[index].client
    if kind == "input":
        return InputTaken(server.handler, client, number, size_or_position or 0) if client is not None else None
    return SendTaken(server.session, connections[index], number, size_or_position)


def _dump_waits(session: Session, indexes: Indexes) -> list[tuple[int, int, float | None, Sought]]:
    if session.waits is None:
        return []
    return [
        (indexes[wait.connection], wait.request, session.timers.remaining(wait.key("wait")), wait.sought)
        for wait in session.waits.all
        if wait.pending and wait.connection in indexes
    ]


def _dump_stdin(session: Session, indexes: Indexes) -> StdinState | None:
    stdin = session.pump.stdin
    if stdin is None:
        return None
    waiting, request, ends = stdin.dump()
    return {
        "descriptor": stdin.descriptor,
        "received": stdin.received,
        "linger": stdin.linger,
        "feeder": indexes.get(stdin.feeder) if isinstance(stdin.feeder, Connection) else None,
        "waiting": (pack(waiting), request, ends),
        "left": session.timers.remaining("stdin"),
    }


def _load_stdin(server: Server, connections: list[Connection], state: StdinState) -> None:
    stdin = server.session.pump.stdin = StdinPipe(state["descriptor"])
    stdin.received, stdin.linger = state["received"], state["linger"]
    stdin.feeder = connections[state["feeder"]] if state["feeder"] is not None else None
    data, request, ends = state["waiting"]
    stdin.restore(unpack(data), request, ends=ends)
    if state["left"] is not None:
        server.session.timers.set("stdin", state["left"], server.files.close_stdin)


# -- its session


def dump_session(session: Session) -> SessionState:
    """A session without its descriptors, its clients and its input."""
    pump, log = session.pump, session.log
    return {
        "facts": session.facts,
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
        "history": _dump_history(session),
        "marks": session.marks.dump() if session.marks is not None else None,
        "activity": session.activity.dump(),
    }


def load_session(state: SessionState, pty: Pty | None, preload: Callable[[], object] = lambda: None) -> Session:
    """The session that `dump_session` described, on this pty (None if its program has ended)."""
    columns, rows, width, height = state["size"]
    session = Session(state["facts"], (columns, rows, width, height), pty, preload)
    base, data = state["log"]
    session.log.restore(base, unpack(data))
    session.model.restore(state["model"])
    pump = session.pump
    pump.scanner.carry = unpack(state["scanner"])
    session.relay.seen = state["seen"]
    session.title = state["title"]
    session.titled_by = state.get("titled_by", 0)  # an older sesh does not know it
    pump.last_activity = state["last_activity"]
    pump.sent_at = state["sent_at"]
    session.restore_end(state["end"])
    for token, last_input, position, was_raw in state["departed"]:
        session.clients.departed[token] = (last_input, position, was_raw)
    _set_attributes(session.missed, dict(zip(Missed.__slots__, state["missed"], strict=False)))
    if state["history"] is not None:
        count, last, entries, answers = state["history"]
        session.get_history().restore(count, last, [(entry, unpack(output)) for entry, output in entries], answers)
    if state["marks"] is not None:
        session.get_marks().restore(*state["marks"])
    if "activity" in state:  # an older sesh does not know it
        session.activity.restore(*state["activity"])
    return session


def _dump_history(session: Session) -> History | None:
    if session.history is None:
        return None
    count, last, entries, answers = session.history.dump()
    return count, last, [(entry, pack(output)) for entry, output in entries], answers


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
    runs = [_load_run(row, connections) for row in state["runs"]]
    queue.restore(state["secret"], unpack(state["part"]), runs, active=state["active"])
    for run, row in zip(runs, state["runs"], strict=True):
        if row["left"] is not None:
            queue.set_timeout(run, row["left"])


def _dump_run(run: Run, indexes: Indexes, left: float | None) -> RunState:
    attributes, output = run.dump()
    shell, wrapper, live = run.shell, run.wrapper, run.live
    return {
        "number": run.number,
        "words": run.words,
        "key": run.key,
        "request": run.request,
        "wait": run.wait,
        "connection": indexes.get(run.connection) if run.connection is not None else None,
        "left": left,
        "attributes": attributes,
        "output": pack(output),
        "shell": (shell.pid, shell.kind, shell.ready, shell.other_user) if shell is not None else None,
        "files": (wrapper.kind, wrapper.outer, wrapper.inner) if wrapper is not None and run.state == RUNNING else None,
        "live": live.dump() if live is not None else None,
    }


def _load_run(state: RunState, connections: list[Connection]) -> Run:
    run = Run(state["number"], state["words"], None, state["request"], wait=state["wait"], key=state["key"])
    run.connection = connections[state["connection"]] if state["connection"] is not None else None
    run.restore(state["attributes"], unpack(state["output"]))
    if state["shell"] is not None:
        pid, kind, ready, other_user = state["shell"]
        run.shell = Shell(pid, kind, ready=ready, other_user=other_user)
    if state["files"] is not None:
        kind, outer, inner = state["files"]
        run.wrapper = Wrapper("", run.token, kind)
        run.wrapper.outer, run.wrapper.inner = outer, inner
    if state["live"] is not None:
        run.live = LiveOutput(run)
        run.live.restore(state["live"])
    return run
