"""Requests that change the session, or act upon its clients and its program."""

from __future__ import annotations

from collections.abc import Callable

from sesh import names, paths, protocol
from sesh.about import CALLED
from sesh.daemon import description
from sesh.daemon.activity.own_word import By
from sesh.daemon.clients.connection import Request
from sesh.daemon.ending import Ending
from sesh.daemon.files import SessionFiles
from sesh.daemon.handler import ClientHandler
from sesh.daemon.session import Session
from sesh.daemon.verbs.reading import teller
from sesh.errors import Refused, UsageError
from sesh.messages import Message

MAX_LABELS = 64
MAX_TOLD = 1024
"""Characters of each text that a person is told."""
RELINK_TIME = 600.0
"""Seconds in which a lost link may be restored before a job that is fed over it gets the end of its input."""


Reload = Callable[[Request, str, list[str]], None]
"""Continues as another sesh, by Python's path and its module search path."""


class Changing:
    VERBS = ("detach", "kill", "rename", "label", "resume", "state", "switch", "tell", "feed", "reload")

    def __init__(
        self, session: Session, handler: ClientHandler, ending: Ending, files: SessionFiles, reload: Reload
    ) -> None:
        self._session, self._handler, self._ending, self._files = session, handler, ending, files
        self._reload = reload

    def detach(self, request: Request) -> None:
        """Detach the client that typed last (`which`: last), all others (others), or all of them."""
        clients, which = self._session.clients, request.words.get("which")
        chosen = list(clients.all)
        if which in ("last", "others"):
            chosen = [client for client in chosen if (client is clients.leader) == (which == "last")]
        for client in chosen:
            self._handler.detach(client, "detached")
        request.respond(detached=len(chosen))

    def kill(self, request: Request) -> None:
        """End the session, unless the id is another one's; the answer comes when nothing is left."""
        if (request.words.get("session_id") or self._session.facts["id"]) != self._session.facts["id"]:
            raise paths.absent(self._session.name)
        self._ending.requests.append(request)
        self._ending.begin()

    def rename(self, request: Request) -> None:
        new = names.check_name(request.words.get("to", ""))
        if new != self._session.name:
            self._files.rename(new)
        request.respond(name=new)

    def label(self, request: Request) -> None:
        session, given = self._session, request.words.get("set", {})
        if changes := [names.check_label(f"{key}={value}") for key, value in given.items()]:
            labels = {key: value for key, value in {**session.facts["labels"], **dict(changes)}.items() if value}
            if len(labels) > MAX_LABELS:
                raise UsageError(f"a session has at most {MAX_LABELS} labels; remove one with KEY=")
            description.change(session, {**session.facts, "labels": labels})
        request.respond(labels=session.facts["labels"])

    def resume(self, request: Request) -> None:
        """Keep the command by which the session is started again; no words remove it."""
        command = names.check_resume(request.words.get("command", []))
        if command != (self._session.facts["resume"] or []):
            description.change(self._session, {**self._session.facts, "resume": command or None})
        request.respond()

    def state(self, request: Request) -> None:
        """Take the program's own word for its state. `hook`: by an agent's hook; OSC 7501 stands above that."""
        session, state = self._session, request.words.get("state", "")
        if state not in protocol.STATES:
            raise UsageError(f"unknown state {names.printable(state)}; use {', '.join(protocol.STATES)}")
        if not session.running:
            raise Refused(f"the program of {session.name} has ended")
        by = By.HOOK if request.words.get("hook", False) else By.TYPED
        session.activity.say(state, request.words.get("question", ""), by=by)
        request.respond()

    def switch(self, request: Request) -> None:
        """Send the client that typed last to another session; with `probe` only answer whether that is possible."""
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
        """Have the client that typed last tell the person of a session; of this one only if nobody looks at it."""
        session = self._session
        of_another = request.words.get("name", "") != session.name
        client = teller(session) if of_another or not session.clients.watched else None
        if client is not None:
            news: Message = {
                "name": request.words.get("name", "")[:MAX_TOLD],
                "state": request.words.get("state", "")[:MAX_TOLD],
                "question": request.words.get("question", "")[:MAX_TOLD],
            }
            client.connection.queue(protocol.message(protocol.TELL, news))
        request.respond(told=client is not None)

    def feed(self, request: Request) -> None:
        """Feed a job's standard input, from offset `at` on; answer when the job has it. `ends`: nothing follows."""
        session, offset = self._session, request.words.get("at")
        stdin = session.pump.stdin
        if stdin is None or offset is None or offset > stdin.received:
            raise UsageError(f"{session.name} has no input pipe")
        stdin.linger = RELINK_TIME if request.words.get("mends", False) else 0.0
        session.timers.clear("stdin")
        if not stdin.open:
            request.respond(received=stdin.received, open=False)
            return
        stdin.take(request.connection, request.respond, offset, request.data, ends=request.words.get("ends", False))

    def reload(self, request: Request) -> None:
        """Have the daemon continue as another sesh: `python` (its path) with `path` (its module search path)."""
        python, path = request.words.get("python", ""), request.words.get("path", [])
        self._reload(request, python, path)
