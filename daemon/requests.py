"""What a daemon does when it is asked: one function a verb, each a reader of the session or a small change to it."""

from __future__ import annotations

import os
import time

from sesh import names, paths, protocol
from sesh.daemon.clients.connection import Reader
from sesh.daemon.pty.input import LIMIT
from sesh.daemon.shell.variables import refresh
from sesh.errors import Busy, Refused, UsageError
from sesh.lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from sesh.daemon.clients.connection import Connection
    from sesh.daemon.server import Server
    from sesh.daemon.session import Session

    Words = dict[str, Any]
    Verb = Callable[[Server, Connection, int, Words, bytes], None]

MOST_LINES = 1_000_000
MOST_LABELS = 64
MOST_WAITS = 16
MENDING = 600.0
"""Seconds in which a lost link may be mended before the job that was fed over it sees the end of its input."""
SEEING = frozenset(("screen", "logs", "modes"))
"""Verbs that show what the emulator has seen: it is let catch up before they are carried out."""


def _text(words: Words, key: str) -> str:
    """A word that must be text; empty where it is not there."""
    value = words.get(key, "")
    if not isinstance(value, str):
        raise UsageError(f"{key} is a text")
    return value


def _change(session: Session, **facts: Any) -> None:
    """Changes facts and the record of them, or neither. Raises Refused where the record cannot be written."""
    before = {key: session.facts[key] for key in facts}
    session.facts.update(facts)
    try:
        session.write_record()
    except OSError as error:
        session.facts.update(before)
        raise Refused(f"{paths.directory()} cannot be written: {error.strerror}; nothing was changed") from error


def summary(server: Server, connection: Connection, asked: int, _words: Words, _data: bytes) -> None:
    """The session as lists show it."""
    connection.respond(asked, session=server.session.summary())


def status(server: Server, connection: Connection, asked: int, _words: Words, _data: bytes) -> None:
    """Everything known of the session."""
    connection.respond(asked, session=server.session.status())


def detach(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """Detaches the client that typed last, or all of them."""
    clients = server.session.clients
    leader = clients.leader
    chosen = ([leader] if leader else []) if words.get("which") == "last" else list(clients.all)
    for client in chosen:
        server.handler.part(client, "detached")
    connection.respond(asked, detached=len(chosen))


def kill(server: Server, connection: Connection, asked: int, _words: Words, _data: bytes) -> None:
    """Ends the session; the answer comes when nothing of it is left."""
    server.killers.append((connection, asked))
    server.end()


def rename(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """Gives the session another name."""
    session = server.session
    new = names.check_name(_text(words, "to"))
    if new != session.name:
        old = session.name
        server.restore()  # something may have removed the socket that is to be moved
        server.listener.rename(new, lambda: _change(session, name=new))
        try:
            os.unlink(paths.record_path(old))
        except FileNotFoundError:
            pass  # somebody removed it: that is what was wanted
        session.events.add("renamed", new, before=old)
        refresh(session.facts["id"], new, {}, renamed=True)
    connection.respond(asked, name=new)


def send(server: Server, connection: Connection, asked: int, words: Words, data: bytes) -> None:
    """Types bytes into the program, whole; the answer comes when they are queued, and there is room for more."""
    session = server.session
    if not session.running:
        raise Refused(f"the program of {session.name} has ended; nobody reads what is sent")
    if session.input.size + len(data) > LIMIT:
        raise Busy(f"the program in {session.name} does not read what was sent before; try again when it does")
    if words.get("more") is not True:
        session.sent_at = session.log.head
    session.last_activity = time.time()
    if session.waits is not None:
        session.waits.stirred()
    taken = Sent(session, connection, asked, session.sent_at)
    if session.input.size + len(data) <= protocol.CHUNK:
        server.type(("send", asked, connection.descriptor), data, None)
        taken(True)
    else:
        server.type(("send", asked, connection.descriptor), data, taken)


class Sent:
    """What is answered to `send` when the program has taken in what was sent, or has ended before."""

    __slots__ = ("asked", "connection", "position", "session")

    def __init__(self, session: Session, connection: Connection, asked: int, position: int | None) -> None:
        self.session, self.connection, self.asked, self.position = session, connection, asked, position

    def __call__(self, whole: bool) -> None:
        if whole:
            self.connection.respond(self.asked, position=self.position)
            return
        told = f"the program of {self.session.name} ended before it read all that was sent"
        self.connection.refuse(self.asked, Refused(told))


def screen(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """What the screen shows now."""
    form = words.get("format") or "text"
    if form not in ("text", "ansi", "json"):
        raise UsageError(f"there is no screen format {names.printable(str(form))}; take text, ansi or json")
    model = server.session.model
    model.catch_up(0)  # the server has let it catch up, as far as that was quick
    emulator = model.emulator
    row, column = emulator.cursor
    from sesh.vt.render.export import export

    connection.respond(
        asked,
        export(emulator, form),
        columns=emulator.columns,
        rows=emulator.rows,
        cursor={"row": row, "column": column},
        position=model.position,
        title=server.session.title,
        alternate=emulator.alternate,
    )


def modes(server: Server, connection: Connection, asked: int, _words: Words, _data: bytes) -> None:
    """The modes that decide what keys send: `cursor`, whether cursor keys are the application's (DECCKM)."""
    model = server.session.model
    model.catch_up(0)
    connection.respond(asked, cursor=model.emulator.mode(1) is True, position=model.position)


def logs(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """The last lines of scrollback and screen."""
    count = words.get("lines", 300)
    if not isinstance(count, int) or isinstance(count, bool) or count < 0:
        raise UsageError("the number of lines is a whole number from 0 on")
    model = server.session.model
    model.catch_up(0)  # the server has let it catch up, as far as that was quick
    lines = model.emulator.last_lines(min(count, MOST_LINES), ansi=words.get("ansi") is True)
    text = "".join(f"{line}\n" for line in lines)
    end: dict[str, Any] = {}
    if words.get("end") is True:
        from sesh.vt.render.export import follow_state

        end = follow_state(model.emulator)
    connection.respond(asked, text.encode("utf-8", "replace"), lines=len(lines), position=model.position, **end)


def message(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """Shows a line to the attached clients; the program never sees it."""
    clients = server.session.clients
    text = "".join(each for each in _text(words, "text") if each.isprintable())[:4096]
    for client in clients.all:
        server.session.relay.hold(client, text)
    connection.respond(asked, clients=len(clients))


def label(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """Sets and removes labels."""
    session = server.session
    given = words.get("set")
    changes = [names.check_label(f"{key}={value}") for key, value in given.items()] if isinstance(given, dict) else []
    if changes:
        labels = dict(session.facts["labels"])
        for key, value in changes:
            if value:
                labels[key] = value
            else:
                labels.pop(key, None)
        if len(labels) > MOST_LABELS:
            raise UsageError(f"a session has at most {MOST_LABELS} labels; KEY= removes one")
        _change(session, labels=labels)
    connection.respond(asked, labels=session.facts["labels"])


def switch(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """Sends the client that typed last to another session; with `probe` only says whether that could be done."""
    client = server.session.clients.leader
    host = words.get("host")
    name = names.check_name(_text(words, "to"))
    where = names.check_host(host) if isinstance(host, str) else None
    if client is not None and client.remote and where is not None:
        raise Refused(f"this session's client came over a link of its own; detach, then: sesh @{where} {name}")
    if client is not None and words.get("probe") is not True:
        client.connection.queue(protocol.message(protocol.SWITCH, {"name": name, "host": where}))
    connection.respond(asked, switched=client is not None)


def interrupt(server: Server, connection: Connection, asked: int, _words: Words, _data: bytes) -> None:
    """Sends SIGINT to the foreground process group."""
    session = server.session
    if session.pty is not None and session.running:
        session.pty.signal_foreground(signal.SIGINT)
    connection.respond(asked)


def wait(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """Answers when the program has ended; with `follow` its output comes before, from position `from` on."""
    session = server.session
    if asked in connection.waits or len(connection.waits) >= MOST_WAITS:
        raise UsageError("one connection waits for the end once, or a few times under other numbers")
    waits = session.waiting() if any(words.get(key) is not None for key in ("prompt", "idle", "timeout")) else None
    conditions = waits.conditions(words) if waits is not None else {}
    connection.waits[asked] = {"output": words.get("output") is True}
    if words.get("follow") is True and connection.reader is None:
        since = words.get("from")
        if since == "sent" and session.sent_at is None:
            began = words.get("else")  # who comes back says where it began to wait
            since = began if isinstance(began, int) else session.log.head
        elif since == "head":
            since = session.log.head
        elif since == "sent":
            since = session.sent_at
        known = isinstance(since, int) and session.log.base <= since <= session.log.head
        connection.reader = Reader(connection, since if known and isinstance(since, int) else session.log.base)
        session.relay.followers.append(connection.reader)
        connection.feed(session.log)
    if waits is not None:
        waits.add(connection, asked, **conditions)


def events(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """Tells of each event as a DATA frame, those behind number `since` first; answers at the session's end."""
    since = words.get("since")
    if connection.waits:
        raise UsageError("one connection follows the events once, and waits for nothing else")
    connection.waits[asked] = {"output": False}
    server.session.events.follow(connection, since if isinstance(since, int) else None)


def run(server: Server, connection: Connection, asked: int, words: Words, data: bytes) -> None:
    """Has the live shell run a command (its words, a NUL between each two); the answer comes when it has ended."""
    session = server.session
    if not session.running:
        raise Refused(f"the program of {session.name} has ended; nothing can be run in it")
    timeout = words.get("timeout")
    if timeout is not None and (isinstance(timeout, bool) or not isinstance(timeout, (int, float)) or timeout < 0):
        raise UsageError("timeout is a number of seconds")
    if session.runs is None:
        from sesh.daemon.shell.queue import RunQueue

        session.runs = RunQueue(session, server.pump)
    command = data.decode("utf-8", "surrogateescape").split("\0")
    wait, key, since = words.get("wait") is not False, _text(words, "key"), words.get("since")
    follows = since if isinstance(since, int) and since >= 0 and wait else None
    session.runs.add(connection, asked, command, timeout=timeout, wait=wait, key=key, follows=follows)


def run_interrupt(server: Server, connection: Connection, asked: int, _words: Words, _data: bytes) -> None:
    """Interrupts the commands that this connection waits for."""
    if server.session.runs is not None:
        server.session.runs.interrupt(connection)
    connection.respond(asked)


def history(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """The commands that were run, or with `n` one command's output."""
    past = list(server.session.past) if server.session.past is not None else []
    number = words.get("n")
    if number is None:
        connection.respond(asked, protocol.encode({"commands": [facts for facts, _ in past]}))
        return
    for facts, output in past:
        if facts["n"] == number:
            connection.respond(asked, output, **facts)
            return
    raise Refused(
        f"{server.session.name} remembers no command {number}", hint=f"see: $sesh --history {server.session.name}"
    )


def feed(server: Server, connection: Connection, asked: int, words: Words, data: bytes) -> None:
    """Feeds the standard input of a job, from offset `at` on; answers when the job has it. `ends`: there is no more."""
    session, at = server.session, words.get("at")
    into = session.stdin
    if into is None or not isinstance(at, int) or at > into.received:
        raise UsageError(f"{session.name} takes no input of this kind")
    into.patience = MENDING if words.get("mends") is True else 0.0
    session.timers.clear("feed")
    if not into.open:
        connection.respond(asked, received=into.received, open=False)
        return
    into.take(connection, asked, at, data, ends=words.get("ends") is True)


def reload(server: Server, connection: Connection, asked: int, words: Words, _data: bytes) -> None:
    """Has the daemon go on as another sesh: `python` (its path) with `path` (where modules are looked for)."""
    python, path = _text(words, "python"), words.get("path")
    if not isinstance(path, list) or not all(isinstance(each, str) for each in path):
        raise UsageError("path is a list of texts")
    from sesh.daemon.upgrade.reload import Reload

    Reload(server, connection, asked, python, path).begin()


VERBS: dict[str, Verb] = {
    "summary": summary,
    "status": status,
    "detach": detach,
    "kill": kill,
    "rename": rename,
    "send": send,
    "screen": screen,
    "modes": modes,
    "logs": logs,
    "message": message,
    "label": label,
    "switch": switch,
    "interrupt": interrupt,
    "wait": wait,
    "run": run,
    "run_interrupt": run_interrupt,
    "history": history,
    "events": events,
    "feed": feed,
    "reload": reload,
}
