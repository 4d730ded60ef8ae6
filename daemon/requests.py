"""Handles requests: one function for each, which reads from the session or changes it."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping

from sesh import bounds, names, paths, protocol
from sesh.about import CALLED, __version__
from sesh.daemon import description
from sesh.daemon.activity.rules import By
from sesh.daemon.clients.client import Client
from sesh.daemon.clients.connection import FOREIGN, Connection, Reader
from sesh.daemon.ending import Ending, SessionFiles
from sesh.daemon.handler import ClientHandler
from sesh.daemon.request import Request
from sesh.daemon.session import Session
from sesh.daemon.shell.run import Run
from sesh.daemon.typing import Typing
from sesh.daemon.waits import Sought
from sesh.errors import Refused, SeshError, UsageError, daemon_failed
from sesh.messages import Answer, Message
from sesh.moments import STEADY
from sesh.shapes import fits
from sesh.store import files
from sesh.vt.render.export import continued, export, follow_state

RequestFunction = Callable[["Requests", "Request"], None]

MAX_DATA = 4 << 20
"""Bytes of DATA before one REQUEST."""
MAX_LINES = 1_000_000
"""Lines of one answer to `logs`."""
PAGE, MOST_OF_PAGE = 50_000, 512 << 10
"""Lines, and characters, of one answer to `logs` where more are asked for in turn."""
MAX_LABELS = 64
"""Labels of a session."""
MAX_WAITS = 16
"""`wait` requests of one connection at a time."""
MAX_TOLD = 1024
"""Characters of each text that a person is told."""
RELINK_TIME = 600.0
"""Seconds in which a lost link may be restored before the job that is fed over it sees the end of its input."""
CATCH_UP, MOST_PATIENCE, CATCH_UP_PRINTING = 5, 60, 0.02
"""Seconds that a request for the screen waits for the emulator: at most, unless its asker says that it waits longer
(`patience`); as long as that may be; and if the emulator is far behind, and the program has printed more since."""
_LOOK = 0.01
"""Seconds between two looks at the requests that wait for the emulator."""
TYPING = frozenset(("send", "answer", "submit"))
"""Requests that type: all but keys wait for a text whose Enter is still to come."""
NEEDS_SCREEN = frozenset(("screen", "logs", "modes"))
"""Requests for the emulator's state: it may catch up before they are carried out."""

REQUESTS: dict[str, RequestFunction] = {}
ACTIONS: set[RequestFunction] = set()
"""Requests that change something: they are dropped if the asker has given up before. `run` begins at its turn."""


class Requests:
    """Carries out requests, at once or when the emulator has caught up.

    `reload` goes on as another sesh, by a request's connection and number, Python's path and its module search path.
    """

    def __init__(
        self,
        session: Session,
        handler: ClientHandler,
        ending: Ending,
        files: SessionFiles,
        reload: Callable[[Connection, int, str, list[str]], None],
    ) -> None:
        self.session, self.handler, self.ending, self.files, self.reload = session, handler, ending, files, reload
        self.deferred: list[tuple[int, float, RequestFunction, Request]] = []
        """Requests that wait for the emulator: the position, since when (monotonic), the function, the request."""
        self.typing = Typing(session)

    def handle(self, connection: Connection, words: Mapping[str, object]) -> None:
        """Handles a REQUEST; an error is its answer."""
        self.handler.creator_served(connection)
        if connection.role == FOREIGN and words.get("verb") != "reload":
            connection.close_when_sent()  # WELCOME has said why
            return
        data, connection.data = bytes(connection.data), bytearray()
        number = words.get("id", 0)
        connection.unanswered += 1
        self._guard(Requests._begin, Request(connection, number if bounds.is_integer(number) else 0, words, data))

    def _begin(self, request: Request) -> None:
        """Carries a request out, or defers it until the emulator has caught up."""
        session, name = self.session, str(request.words.get("verb"))
        function = REQUESTS.get(name)
        if function is None:
            raise UsageError(f"sesh {__version__}, which {session.name} runs, has no request {names.printable(name)}")
        types = name in TYPING and not (request.flag("probe") or request.flag("keys"))
        if types and self.typing.defer(request, lambda: self._guard(Requests._begin, request)):
            return
        if name in NEEDS_SCREEN and not session.faults.guard(session.model.catch_up, "the emulator"):
            request.data = b""  # none of these takes any
            self.deferred.append((session.log.head, time.monotonic(), function, request))
            session.timers.ensure("deferred", _LOOK, self.resume)
            return
        # A probe changes nothing; what does not wait for its answer is carried out in any case.
        begins = function in ACTIONS and not (request.flag("probe") or request.flag("lasts"))
        if not begins or request.connection.begin(request.number):
            function(self, request)

    @property
    def pending(self) -> bool:
        """True if a request waits for the emulator, or for a program that is to take a text."""
        return bool(self.deferred) or self.typing.pending

    def resume(self) -> None:
        """Carries out deferred requests for which the emulator has come far enough."""
        due: list[tuple[int, float, RequestFunction, Request]] = []
        later: list[tuple[int, float, RequestFunction, Request]] = []
        for late in self.deferred:
            (due if self._due(late[0], late[1], late[3]) else later).append(late)
        self.deferred = later
        if later:
            self.session.timers.ensure("deferred", _LOOK, self.resume)
        for late in due:
            self._guard(*late[2:])

    def flush(self) -> None:
        """Carries out all deferred requests now."""
        while self.deferred:
            due, self.deferred = self.deferred, []
            for late in due:
                self._guard(*late[2:])

    def _due(self, position: int, since: float, request: Request) -> bool:
        """Returns whether the emulator has come to `position`, or takes too long."""
        log, model = self.session.log, self.session.model
        waited = time.monotonic() - since
        patience = bounds.clamped(request.words.get("patience"), 0, MOST_PATIENCE, CATCH_UP)
        if model.position >= position or waited > patience:
            return True
        if waited <= CATCH_UP_PRINTING or log.head <= position:
            return False
        if not model.near(position):
            return True
        model.step()  # the machine is slow, not the emulator
        return model.position >= position

    def _guard(self, function: RequestFunction, request: Request) -> None:
        """Calls a function with a request, and answers with the error that it raises."""
        try:
            function(self, request)
        except Exception as error:
            self.fail(request.connection, request.number, str(request.words.get("verb")), error)

    def fail(self, connection: Connection, number: int, verb: str, error: Exception) -> None:
        """Answers a request with the error that it has raised; notes one that is no refusal."""
        if isinstance(error, SeshError):
            connection.refuse(number, error)
            return
        self.session.faults.note(f"a fault in the request {verb}", error)
        connection.refuse(number, daemon_failed())


def _request(function: RequestFunction) -> RequestFunction:
    REQUESTS[function.__name__] = function
    return function


def _action(function: RequestFunction) -> RequestFunction:
    ACTIONS.add(function)
    return _request(function)


@_request
def summary(daemon: Requests, request: Request) -> None:
    """The session as lists show it."""
    request.respond(session=description.summary(daemon.session), record=description.mark(daemon.session))


@_request
def status(daemon: Requests, request: Request) -> None:
    """Everything known of the session."""
    request.respond(session=description.status(daemon.session))


@_action
def detach(daemon: Requests, request: Request) -> None:
    """Detaches the client that typed last (`which`: last), all others (others), or all of them."""
    clients, which = daemon.session.clients, request.words.get("which")
    chosen = list(clients.all)
    if which in ("last", "others"):
        chosen = [client for client in chosen if (client is clients.leader) == (which == "last")]
    for client in chosen:
        daemon.handler.detach(client, "detached")
    request.respond(detached=len(chosen))


@_action
def kill(daemon: Requests, request: Request) -> None:
    """Ends the session, unless another one is meant by its id; the answer comes when nothing is left."""
    if (request.words.get("session_id") or daemon.session.facts["id"]) != daemon.session.facts["id"]:
        raise paths.absent(daemon.session.name)
    daemon.ending.requests.append((request.connection, request.number))
    daemon.ending.begin()


@_action
def rename(daemon: Requests, request: Request) -> None:
    """Gives the session another name."""
    new = names.check_name(request.text("to"))
    if new != daemon.session.name:
        daemon.files.rename(new)
    request.respond(name=new)


@_action
def send(daemon: Requests, request: Request) -> None:
    """Types bytes."""
    daemon.typing.send(request)


@_action
def answer(daemon: Requests, request: Request) -> None:
    """Types if the session still asks what is answered."""
    daemon.typing.answer(request)


@_action
def submit(daemon: Requests, request: Request) -> None:
    """Types a text and Enter so that the program takes both."""
    daemon.typing.submit(request)


@_request
def screen(daemon: Requests, request: Request) -> None:
    """The screen's content."""
    form = request.words.get("format") or "text"
    if form not in ("text", "ansi", "json"):
        raise UsageError(f"unknown format {names.printable(str(form))}; use text, ansi or json")
    model = daemon.session.model
    model.catch_up(0)
    emulator = model.emulator
    row, column = emulator.cursor
    request.respond(
        export(emulator, form),
        columns=emulator.columns,
        rows=emulator.rows,
        cursor={"row": row, "column": column},
        position=model.position,
        title=daemon.session.title,
        alternate=emulator.alternate,
        continued=continued(emulator),
    )


@_request
def modes(daemon: Requests, request: Request) -> None:
    """The modes that decide what keys send, as booleans.

    `cursor`: cursor keys are the application's (DECCKM). `line`: the terminal reads lines (ICANON). `hides`: it shows
    nothing of them (no ECHO). `waits`: the program waits for a person, and nobody has answered.
    """
    session, model, pty = daemon.session, daemon.session.model, daemon.session.pty
    model.catch_up(0)
    request.respond(
        cursor=model.emulator.mode(1) is True,
        line=pty is None or not pty.raw(),
        hides=session.hides,
        waits=session.activity.waits,
        position=model.position,
    )


@_request
def logs(daemon: Requests, request: Request) -> None:
    """The last lines of scrollback and screen; with `until` a page of them, those before the line of that number."""
    count = request.integer("lines")
    model = daemon.session.model
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


@_action
def label(daemon: Requests, request: Request) -> None:
    """Sets and removes labels."""
    session, given = daemon.session, request.words.get("set")
    changes = [names.check_label(f"{key}={value}") for key, value in given.items()] if isinstance(given, dict) else []
    if changes:
        labels = {key: value for key, value in {**session.facts["labels"], **dict(changes)}.items() if value}
        if len(labels) > MAX_LABELS:
            raise UsageError(f"a session has at most {MAX_LABELS} labels; remove one with KEY=")
        description.change(session, labels=labels)
    request.respond(labels=session.facts["labels"])


@_action
def resume(daemon: Requests, request: Request) -> None:
    """Keeps the command by which the session is started again; without words it is forgotten."""
    command = request.words.get("command")
    if not isinstance(command, list) or (command and not fits(files.resume, command)):
        raise Refused(f"a resume command is a list of words of at most {files.MAX_RESUME:,} bytes; nothing was changed")
    if command != (daemon.session.facts["resume"] or []):
        description.change(daemon.session, resume=command)
    request.respond()


@_action
def state(daemon: Requests, request: Request) -> None:
    """Takes the program's own word for its state. `bound`: that it works holds for its job alone. `hook`: an agent's
    hook says it, and what the program reports itself (OSC 7501) stands above that."""
    session, state = daemon.session, request.text("state")
    if state not in protocol.STATES:
        raise UsageError(f"unknown state {names.printable(state)}; use {', '.join(protocol.STATES)}")
    if not session.running:
        raise Refused(f"the program of {session.name} has ended")
    by = By.HOOK if request.flag("hook") else By.TYPED
    session.activity.say(state, request.text("question"), bound=request.flag("bound"), by=by)
    request.respond()


@_action
def switch(daemon: Requests, request: Request) -> None:
    """Sends the client that typed last to another session; with `probe` it only says whether that is possible."""
    client = daemon.session.clients.leader
    host = request.words.get("host")
    name = names.check_name(request.text("to"))
    target = names.check_host(host) if isinstance(host, str) else None
    if client is not None and client.remote and target is not None:
        line = f"{CALLED} @{target} {name}"
        raise Refused("you came here from another machine", hint=f"leave this session, and type there: {line}")
    if client is not None and not request.flag("probe"):
        message: Message = {"name": name, "host": target, "rows_below": daemon.handler.rows_below(client)}
        client.connection.queue(protocol.message(protocol.SWITCH, message))
    request.respond(switched=client is not None)


@_request
def typed(daemon: Requests, request: Request) -> None:
    """The time at which somebody last typed on a terminal that can tell a person something; None for never. `watched`:
    somebody looks at this session."""
    client = _teller(daemon)
    watched = daemon.session.clients.watched
    request.respond(at=STEADY.told(client.typed_at) if client is not None else None, watched=watched)


@_action
def tell(daemon: Requests, request: Request) -> None:
    """Has the client that typed last tell the person how a session stands; of this one only if nobody looks at it."""
    session = daemon.session
    client = _teller(daemon) if request.text("name") != session.name or not session.clients.watched else None
    if client is not None:
        news = {key: request.text(key)[:MAX_TOLD] for key in ("name", "state", "question")}
        client.connection.queue(protocol.message(protocol.TELL, news))
    request.respond(told=client is not None)


def _teller(daemon: Requests) -> Client | None:
    """The client that typed last, if it can tell a person something; after the program's end there is none."""
    client = daemon.session.clients.leader
    return client if client is not None and client.tells and daemon.session.running else None


@_request
def interrupt(daemon: Requests, request: Request) -> None:
    """Sends SIGINT to the foreground process group."""
    daemon.typing.interrupt(request)


@_request
def wait(daemon: Requests, request: Request) -> None:
    """Answers when the program has ended; with `follow` its output comes before, from position `from` on."""
    session, connection = daemon.session, request.connection
    first, wanted, timeout = _first_position(session, request), sought(session, request), request.seconds("timeout")
    if request.number in connection.waits or len(connection.waits) >= MAX_WAITS:
        raise UsageError("a connection can wait for the end only once per request number")
    connection.waits[request.number] = {"output": request.flag("output")}
    if request.flag("follow") and connection.reader is None:
        connection.reader = Reader(connection, first)
        session.relay.followers.append(connection.reader)
        connection.feed(session.log)
    if wanted["prompt"] or wanted["waiting"] or wanted["idle"] is not None or timeout is not None:
        session.get_waits().add(connection, request.number, wanted, timeout)


def sought(session: Session, request: Request) -> Sought:
    """The conditions of a `wait` beside the session's end. Raises UsageError."""
    since = request.position("since" if "since" in request.words else "from")
    if since == "sent":
        since = session.pump.sent_at
    run, stale = session.runs.active if session.runs is not None else None, None
    if request.flag("anew") and (run is None or run.connection is request.connection) and session.activity.waits:
        stale = session.activity.standing().since
    return {
        "prompt": request.flag("prompt"),
        "waiting": request.flag("waiting"),
        "stale": stale,
        "idle": request.seconds("idle"),
        "since": since if isinstance(since, int) else None,
    }


def _first_position(session: Session, request: Request) -> int:
    """The position from which a client follows the output; output may not have come so far yet."""
    log, since, began = session.log, request.position("from"), request.integer("else")
    if since == "head":
        return log.head
    if since == "sent":
        since = session.pump.sent_at
        if since is None:
            since = log.head if began is None else began  # as a client that reconnects began to wait there
    return max(since, log.base) if isinstance(since, int) else log.base


@_request
def events(daemon: Requests, request: Request) -> None:
    """Sends each event as a DATA frame, first those after number `since`; answers at the session's end."""
    since = request.integer("since")
    if request.connection.waits:
        raise UsageError("a connection can follow events only once, and cannot wait as well")
    request.connection.waits[request.number] = {"output": False}
    daemon.session.events.follow(request.connection, since)


@_request
def run(daemon: Requests, request: Request) -> None:
    """Runs a command in the live shell (its words, a NUL between each two); the answer comes when it has ended."""
    session = daemon.session
    if not session.running:
        raise Refused(f"the program of {session.name} has ended; it cannot run commands")
    command = request.data.decode("utf-8", "surrogateescape").split("\0")
    wait, key = request.words.get("wait") is not False, request.text("key")
    timeout, since = request.seconds("timeout"), request.integer("since")
    asked = Run(command, request.connection, request.number, wait=wait, key=key)
    asked.follows = since if wait else None
    session.get_runs().add(asked, timeout)


@_request
def run_interrupt(daemon: Requests, request: Request) -> None:
    """Interrupts the commands that this connection waits for."""
    if daemon.session.runs is not None:
        daemon.session.activity.interrupted()
        daemon.session.runs.interrupt(request.connection)
    request.respond()


@_request
def history(daemon: Requests, request: Request) -> None:
    """The commands that were run, or with `n` one command's output."""
    commands, number = daemon.session.get_history(), request.integer("n")
    if number is None:
        request.respond(protocol.encode({"commands": [entry for entry, _ in commands]}))
        return
    entry, output = commands.find(number, daemon.session.name)
    request.respond(output, **entry)


@_request
def feed(daemon: Requests, request: Request) -> None:
    """Feeds a job's standard input, from offset `at` on; answers when the job has it. `ends`: there is no more."""
    session, offset = daemon.session, request.integer("at")
    stdin = session.pump.stdin
    if stdin is None or offset is None or offset > stdin.received:
        raise UsageError(f"{session.name} has no input pipe")
    stdin.linger = RELINK_TIME if request.flag("mends") else 0.0
    session.timers.clear("stdin")
    if not stdin.open:
        request.respond(received=stdin.received, open=False)
        return
    stdin.take(request.connection, request.number, offset, request.data, ends=request.flag("ends"))
    session.pump.feed(stdin)


@_action
def reload(daemon: Requests, request: Request) -> None:
    """Makes the daemon go on as another sesh: `python` (its path) with `path` (its module search path)."""
    python, path = request.text("python"), request.words.get("path")
    if not isinstance(path, list) or not all(isinstance(folder, str) for folder in path):
        raise UsageError("path must be a list of strings")
    daemon.reload(request.connection, request.number, python, path)
