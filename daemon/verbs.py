"""The requests that read, follow or change a session, one method each. `typing` has those that type."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from sesh import names, paths, protocol
from sesh.about import CALLED
from sesh.daemon import description
from sesh.daemon.activity.declared import By
from sesh.daemon.clients.client import Client
from sesh.daemon.clients.connection import Reader, Request
from sesh.daemon.ending import Ending
from sesh.daemon.files import SessionFiles
from sesh.daemon.handler import ClientHandler
from sesh.daemon.screen.model import STEP_TIME
from sesh.daemon.session import Session
from sesh.daemon.shell.run import Run
from sesh.daemon.waits import Wait
from sesh.errors import Refused, UsageError
from sesh.measures import STEADY
from sesh.messages import Answer, Message
from sesh.names import printable
from sesh.vt.render.export import continued, export, follow_state

PAGE, MOST_OF_PAGE = 50_000, 512 << 10  # lines, and characters, in one answer to `logs` at most
MAX_LABELS = 64
MAX_NEWS = 1024  # characters of each text of a notification; the rest is cut
RELINK_TIME = 600.0  # seconds that a job's stdin stays open after its feeder's link was lost
Reload = Callable[[Request, str, list[str]], None]  # request, Python's path, its module search path


class Verbs:
    """The requests of one session, except those that type. `reload` handles the request `reload`."""

    NAMES = (
        "summary", "status", "screen", "modes", "logs", "history", "typed",
        "wait", "events", "run", "run_interrupt",
        "detach", "kill", "rename", "label", "resume", "state", "switch", "tell", "feed", "reload",
    )  # fmt: skip

    def __init__(
        self, session: Session, handler: ClientHandler, ending: Ending, files: SessionFiles, reload: Reload
    ) -> None:
        self._session, self._handler, self._ending, self._files = session, handler, ending, files
        self._reload = reload

    # -- requests that read

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
        """Answer with the modes that change the bytes of keys. `cursor`: application cursor keys (DECCKM)."""
        self._session.model.catch_up(0)
        request.respond(cursor=self._session.model.emulator.mode(1) is True)

    def logs(self, request: Request) -> None:
        """Answer with a page of scrollback and screen: the last lines before line `until`.

        A page ends early if rendering it takes longer than one step of the emulator.
        """
        count, until = request.words.get("lines"), request.words.get("until")
        count = PAGE if count is None else min(count, PAGE)
        until = protocol.MOST if until is None else until
        model, emulator = self._session.model, self._session.model.emulator
        model.catch_up(0)
        ansi = request.words.get("ansi", False)
        lines, first = emulator.lines_before(until, count, MOST_OF_PAGE, ansi=ansi, seconds=STEP_TIME)
        state: Answer = {"lines": len(lines), "position": model.position, "alternate": emulator.alternate}
        state["first"] = first
        state["older"] = first > emulator.scrollback.first
        if request.words.get("end", False):
            state = {**state, **follow_state(emulator)}
        request.respond("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"), **state)

    def history(self, request: Request) -> None:
        """Answer with the list of commands, or with the output of command `n`."""
        commands = self._session.runs.history
        number = request.words.get("n")
        if number is None:
            request.respond(protocol.encode({"commands": [entry for entry, _ in commands.entries]}))
            return
        entry, output = commands.find(number, self._session.name)
        request.respond(output, **entry)

    def typed(self, request: Request) -> None:
        """Answer with the time of the last key on a terminal that shows notifications, None for never."""
        client = notifiable_client(self._session)
        watched = self._session.clients.watched
        request.respond(at=STEADY.wall_time(client.typed_at) if client is not None else None, watched=watched)

    # -- requests that are answered later

    def wait(self, request: Request) -> None:
        """Answer when the program has ended. `follow`: send its output before, from position `from` on."""
        session, connection = self._session, request.connection
        first = _first_position(session, request)
        session.waits.add(wait_of(session, request))
        if request.words.get("follow", False) and connection.reader is None:
            connection.reader = Reader(connection, first)
            session.relay.followers.append(connection.reader)
            connection.feed(session.log)

    def events(self, request: Request) -> None:
        """Send each event after number `since` as a DATA frame; answer at the session's end."""
        since = request.position("since")
        if self._session.waits.of(request.connection):
            raise UsageError("a connection can follow events only once, and cannot wait as well")
        self._session.waits.add(Wait(request))
        self._session.events.follow(request.connection, since if isinstance(since, int) else None)

    def run(self, request: Request) -> None:
        """Run a command (its words, separated by NUL) in the live shell; answer when it has ended."""
        session = self._session
        if not session.running:
            raise Refused(f"the program of {session.name} has ended; it cannot run commands")
        command = request.data.decode("utf-8", "surrogateescape").split("\0")
        wait, key = request.words.get("wait", True), request.words.get("key", "")
        timeout = request.words.get("timeout")
        since = request.position("since")
        sent = since if wait and isinstance(since, int) else None
        session.runs.add(Run(command, request, wait=wait, key=key, sent=sent), timeout)

    def run_interrupt(self, request: Request) -> None:
        if self._session.runs.interrupt(request.connection):
            self._session.life.interrupt()
        request.respond()

    # -- requests that change the session

    def detach(self, request: Request) -> None:
        """Detach clients. `which`: `last` for the one that typed last, `others` for all but that; else all."""
        clients = self._session.clients
        which = request.words.get("which")
        chosen = list(clients.all)
        if which in ("last", "others"):
            chosen = [client for client in chosen if (client is clients.leader) == (which == "last")]
        for client in chosen:
            self._handler.detach(client, "detached")
        request.respond(detached=len(chosen))

    def kill(self, request: Request) -> None:
        """End the session, and answer when its processes are gone. Refuse if `session_id` names another session."""
        if (request.words.get("session_id") or self._session.facts["id"]) != self._session.facts["id"]:
            raise paths.absent(self._session.name)
        self._ending.requests.append(request)
        self._ending.end_session()

    def rename(self, request: Request) -> None:
        new = names.check_name(request.words.get("to", ""))
        if new != self._session.name:
            self._files.rename(new)
        request.respond(name=new)

    def label(self, request: Request) -> None:
        session = self._session
        given = request.words.get("set", {})
        if changes := [names.check_label(f"{key}={value}") for key, value in given.items()]:
            labels = {key: value for key, value in {**session.facts["labels"], **dict(changes)}.items() if value}
            if len(labels) > MAX_LABELS:
                raise UsageError(f"a session has at most {MAX_LABELS} labels; remove one with KEY=")
            description.change(session, {**session.facts, "labels": labels})
        request.respond(labels=session.facts["labels"])

    def resume(self, request: Request) -> None:
        """Set the command that restores the session; an empty one removes it."""
        command = names.check_resume(request.words.get("command", []))
        if command != (self._session.facts["resume"] or []):
            description.change(self._session, {**self._session.facts, "resume": command or None})
        request.respond()

    def state(self, request: Request) -> None:
        """Set the state that the program declares. `hook`: declared by an agent's hook; OSC 7501 overrides it."""
        session = self._session
        state = request.words.get("state", "")
        if state not in protocol.STATES:
            raise UsageError(f"unknown state {printable(state)}; use {', '.join(protocol.STATES)}")
        if not session.running:
            raise Refused(f"the program of {session.name} has ended")
        by = By.HOOK if request.words.get("hook", False) else By.VERB
        session.activity.declare(state, request.words.get("question", ""), by=by)
        request.respond()

    def switch(self, request: Request) -> None:
        """Switch the client that typed last to another session. `probe`: only answer whether one is attached."""
        client = self._session.clients.leader
        host = request.words.get("host")
        name = names.check_name(request.words.get("to", ""))
        target = names.check_host(host) if host is not None else None
        if client is not None and client.terminal.remote and target is not None:
            line = f"{CALLED} @{target} {name}"
            raise Refused("you came here from another machine", hint=f"leave this session, and type there: {line}")
        if client is not None and not request.words.get("probe", False):
            message: Message = {"name": name, "host": target, "rows_below": self._handler.rows_below(client)}
            client.connection.queue(protocol.message(protocol.SWITCH, message))
        request.respond(switched=client is not None)

    def tell(self, request: Request) -> None:
        """Show a notification on the client that typed last; about this session only if nobody watches it."""
        session = self._session
        of_another = request.words.get("name", "") != session.name
        client = notifiable_client(session) if of_another or not session.clients.watched else None
        if client is not None:
            news: Message = {
                "name": request.words.get("name", "")[:MAX_NEWS],
                "state": request.words.get("state", "")[:MAX_NEWS],
                "question": request.words.get("question", "")[:MAX_NEWS],
            }
            client.connection.queue(protocol.message(protocol.TELL, news))
        request.respond(told=client is not None)

    def feed(self, request: Request) -> None:
        """Write to a job's stdin, from offset `at` on; answer when the pipe has taken it. `ends`: close it then."""
        session = self._session
        offset = request.words.get("at")
        stdin = session.pump.stdin
        if stdin is None or offset is None or offset > stdin.received:
            raise UsageError(f"{session.name} has no input pipe")
        stdin.linger = RELINK_TIME if request.words.get("mends", False) else 0.0
        session.timers.clear("stdin")
        if not stdin.open:
            request.respond(received=stdin.received, open=False)
            return
        stdin.feed(request.connection, request.respond, offset, request.data, ends=request.words.get("ends", False))

    def reload(self, request: Request) -> None:
        """Replace the daemon by another sesh: `python` is its interpreter, `path` its module search path."""
        python = request.words.get("python", "")
        path = request.words.get("path", [])
        self._reload(request, python, path)


def notifiable_client(session: Session) -> Client | None:
    """Return the client that typed last, if it shows notifications and the program runs; else None."""
    client = session.clients.leader
    return client if client is not None and client.terminal.tells and session.running else None


def wait_of(session: Session, request: Request) -> Wait:
    """Return the wait that a request asks for. Raises UsageError."""
    since = request.position("since" if "since" in request.words else "from")
    if since == "sent":
        since = session.pump.sent_at
    run, stale = session.runs.active, None
    own = run is None or run.connection is request.connection
    if own and request.words.get("from_now", False) and session.activity.waits:
        stale = session.activity.standing().since
    idle, timeout = request.words.get("idle"), request.words.get("timeout")
    return Wait(
        request,
        output=request.words.get("output", False),
        prompt=request.words.get("prompt", False),
        since=since if isinstance(since, int) else None,
        waiting=request.words.get("waiting", False),
        stale=stale,
        idle=math.inf if idle is None else idle,
        until=math.inf if timeout is None else time.monotonic() + timeout,
    )


def _first_position(session: Session, request: Request) -> int:
    """Return the position from which to follow the output; it may be above the log's head."""
    log = session.log
    since = request.position("from")
    began = request.words.get("else")
    if since == "screen":  # a `logs` that follows shows this position, or a later one
        return session.model.position
    if since == "sent":
        since = session.pump.sent_at
        if since is None:
            since = log.head if began is None else began  # where a client that reconnects began to wait
    return max(since, log.base) if isinstance(since, int) else log.base
