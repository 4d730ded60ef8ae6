"""The requests that read, follow or change a session; `typed_text` has the others."""

from __future__ import annotations

import math
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Literal, Optional, Union

from sesh import names
from sesh.about import PROGRAM
from sesh.daemon.activity.declared import Source
from sesh.daemon.activity.rules import State
from sesh.daemon.base.due import NEVER
from sesh.daemon.clients.client import Follower
from sesh.daemon.clients.connection import PeerRequest, Steps
from sesh.daemon.clients.listener import Listener
from sesh.daemon.life import description
from sesh.daemon.life.ending import Ending
from sesh.daemon.screen.feed import CATCH_UP_TIME, STEP_TIME
from sesh.daemon.session import Session
from sesh.daemon.shell import variables
from sesh.daemon.shell.run import Run
from sesh.daemon.watching.waits import Wait
from sesh.errors import KILLED, Refused, UsageError
from sesh.schema import codec, facts
from sesh.schema.facts import RunFacts, Seconds, Status, Summary
from sesh.store import results
from sesh.system import paths, processes
from sesh.system.clock import STEADY
from sesh.vt.render.export import continued, export, follow_state
from sesh.wire import protocol
from sesh.wire.messages import Ask, LogsResponse, Message, Told, WaitResponse, Wish

SCREEN_TIMEOUT = 25.0  # seconds that a request waits for the emulator: less than its caller's own timeout
_POLL = 0.01  # seconds between two checks of a request that waits for the emulator
PAGE = 50_000  # lines in one response to `logs` at most
MAX_PAGE = 512 << 10  # characters in one response to `logs` at most
MAX_LABELS = 64
_CURSOR_KEYS = 1  # the mode in which cursor keys send other bytes (DECCKM)
MAX_NEWS = 1024  # characters of each text of a notification; the rest is cut
RELINK_TIME = 600.0  # seconds that a job's stdin stays open after its feeder's link was lost
NOTHING: Mapping[str, str] = {}
Position = Union[Literal["sent", "start"], int]  # a position in the output, or a word for one
Reload = Callable[..., Steps]  # `sesh.daemon.reload.steps`


class RequestMethods:
    """The requests that do not type; each public method is the request of its name."""

    def __init__(self, session: Session, ending: Ending, listener: Listener, reload: Reload) -> None:
        self._session = session
        self._ending = ending
        self._listener = listener
        self._reload = reload

    # -- requests that read

    def summary(self, request: PeerRequest[Summary]) -> None:
        request.respond(description.summary(self._session))

    def status(self, request: PeerRequest[Status]) -> None:
        request.respond(description.status(self._session))

    def screen(self, request: PeerRequest[list[int]], format_: Literal["text", "ansi", "json"] = "text") -> Steps:
        yield from self._until_drawn()
        emulator = self._session.feed.emulator
        request.respond(continued(emulator), export(emulator, format_))

    def modes(self, request: PeerRequest[bool]) -> Steps:
        yield from self._until_drawn()
        request.respond(self._session.feed.emulator.mode(_CURSOR_KEYS) is True)

    def logs(
        self,
        request: PeerRequest[LogsResponse],
        lines: Optional[int] = None,
        until: Optional[int] = None,
        since: Optional[float] = None,
        *,
        ansi: bool = False,
        end: bool = False,
    ) -> Steps:
        """Respond with a page of scrollback and screen: the last `lines` before line `until`.

        `since`: only lines that came in this second or later (since 1970), and the unfinished one if `end`.
        A page ends early if rendering it takes longer than one step of the emulator. `end`: see `follow_state`.
        """
        count = PAGE if lines is None else min(lines, PAGE)
        until = facts.MAX_NUMBER if until is None else until
        yield from self._until_drawn()
        feed = self._session.feed
        emulator = self._session.feed.emulator
        line_state = follow_state(emulator) if end else None
        newest = (
            emulator.lines_before(facts.MAX_NUMBER, 1, 1)[1] if line_state and line_state["open"] else facts.MAX_NUMBER
        )
        lowest = min(emulator.first_since(since), newest)
        page, first = emulator.lines_before(until, count, MAX_PAGE, ansi=ansi, seconds=STEP_TIME, first=lowest)
        response: LogsResponse = {
            "position": feed.position,
            "alternate": emulator.alternate,
            "first": first,
            "older": first > max(emulator.screen.scrollback.first, lowest),
            "since": lowest,
        }
        if line_state is not None:
            response = {**response, **line_state}
        request.respond(response, "".join(f"{line}\n" for line in page).encode("utf-8", "replace"))

    def _until_drawn(self) -> Steps:
        """Yield until the emulator has drawn the output so far, for `SCREEN_TIMEOUT` at most."""
        session = self._session
        until = time.monotonic() + SCREEN_TIMEOUT
        position = session.log.head
        seconds = CATCH_UP_TIME
        while not session.faults.guard(session.feed.catch_up, "the emulator", seconds, position):
            if time.monotonic() > until:
                return
            yield _POLL
            seconds = STEP_TIME

    def history(self, request: PeerRequest[Optional[RunFacts]], n: Optional[int] = None) -> None:
        """Respond with the list of commands, or with the output of command `n`."""
        history = self._session.history
        if n is None:
            request.respond(None, codec.encode({"commands": [command.facts for command in history.commands]}))
            return
        integration = self._session.marked_shells.integration
        command = history.find(n, self._session.name, whole=integration is None or not integration.missing)
        request.respond({**command.facts, "truncated": command.is_cut}, command.output)

    def typed(self, request: PeerRequest[Optional[float]]) -> None:
        """Respond with the time of the last key on a notifiable terminal, or None."""
        client = self._session.clients.leader
        request.respond(STEADY.wall_time(client.used_at) if client is not None else None)

    # -- requests that get their response later

    def wait(  # noqa: PLR0913 (so many conditions)
        self,
        request: PeerRequest[WaitResponse],
        from_: Optional[Position] = None,
        else_: Optional[int] = None,
        since: Optional[Position] = None,
        *,
        follow: bool = False,
        prompt: bool = False,
        waiting: bool = False,
        from_now: bool = False,
        idle: Optional[Seconds] = None,
        timeout: Optional[Seconds] = None,
    ) -> None:
        """Respond when a condition of `Wait` is met, or at the session's end.

        `follow`: before that, send the session's output from position `from` on. If `from` is "sent" and nothing was
        sent yet, begin at `else`. `since`: a prompt counts only after this position, or after `from` if `since` is
        absent. `from_now`: a question that is open now does not count, unless another caller's run is active.
        """
        session = self._session
        connection = request.connection
        prompt_after = from_ if since is None else since
        if prompt_after == "sent":
            prompt_after = session.pump.input_line.sent_at
        run = session.runs.active
        ignored_since = None
        if from_now and session.activity.waits and (run is None or run.connection is connection):
            ignored_since = session.activity.observe().since
        wait = Wait(
            request,
            prompt=prompt,
            since=prompt_after if isinstance(prompt_after, int) else None,
            waiting=waiting,
            ignored_since=ignored_since,
            idle=math.inf if idle is None else idle,
            until=NEVER if timeout is None else time.monotonic() + timeout,
        )
        session.waits.add(wait)
        if follow and connection.reader is None:
            connection.reader = Follower(connection, _first_position(session, from_, else_))
            session.sender.followers[connection] = connection.reader

    def events(self, request: PeerRequest[WaitResponse], since: Optional[int] = None) -> None:
        """Send each event after number `since` as a DATA frame; respond at the session's end."""
        if self._session.waits.of(request.connection):
            raise UsageError("a connection can follow events only once, and cannot wait as well")
        self._session.waits.add(Wait(request))
        self._session.events.follow(request.connection, since)

    def run(
        self,
        request: PeerRequest[RunFacts],
        key: str = "",
        since: Optional[int] = None,
        timeout: Optional[Seconds] = None,
        *,
        wait: bool = True,
    ) -> None:
        """Run a command (words separated by NUL) in the live shell; respond at its end.

        `wait`, `key`: see `Run`. `since`: if the request waits, send the output from this byte on, as it comes.
        """
        session = self._session
        if not session.life.running:
            raise Refused(f"the program of {session.name} has ended; it cannot run commands")
        command = request.data.decode("utf-8", "surrogateescape").split("\0")
        session.runs.add(Run(command, request, wait=wait, key=key, sent=since if wait else None), timeout)

    # -- requests that change the session

    def detach(self, request: PeerRequest[int], which: Optional[str] = None, asker: int = -1) -> None:
        """Detach the client that typed `last`, or all.

        `asker`: the pid of the requesting process.
        """
        clients = self._session.clients
        chosen = [client for client in clients.all if which != "last" or client is clients.leader]
        for client in chosen:
            self._session.attached.detach(client, "detached", asker)
        request.respond(len(chosen))

    def kill(self, request: PeerRequest[WaitResponse], session_id: Optional[str] = None) -> None:
        """End the session, and wait for its end. Refuse if `session_id` names another session."""
        if session_id and session_id != self._session.facts.id:
            raise paths.absent(self._session.name)
        self._session.waits.add(Wait(request))
        self._ending.end_session(KILLED)

    def signal(self, request: PeerRequest[None], signal_: int = 0) -> None:
        """Send a signal to the foreground process group, and nothing else."""
        if not self._session.life.running:
            raise Refused(f"the program of {self._session.name} has ended")
        try:
            self._session.pump.pty.send_signal(signal_)
        except ProcessLookupError:
            raise Refused(f"no program is in the foreground of {self._session.name}") from None
        except OSError as failure:  # PermissionError: sudo, or another program with another user
            raise Refused(f"cannot signal the program in {self._session.name}: {failure.strerror}") from failure
        if signal_ == signal.SIGKILL:
            self._ending.note_killed()
        request.respond(None)

    def rename(self, request: PeerRequest[None], to: str = "") -> None:
        if names.check_name(to) != self._session.name:
            self._rename(to)
        request.respond(None)

    def _rename(self, name: str) -> None:
        session = self._session
        old = session.name
        try:
            self._listener.rename(name, lambda: description.change(session, replace(session.facts, name=name)))
        except OSError as failure:
            session.facts.name = old
            raise Refused(f"cannot rename {old}: {failure.strerror}; nothing was changed") from failure
        if not session.life.running:
            session.faults.guard(results.rename, "the result", session.facts.id, name)
        session.events.add("renamed", before=old)
        notice = protocol.message(protocol.NOTICE, {"text": f"{old} is called {name} now", "name": name})
        for client in session.clients.all:
            client.connection.queue(notice)
        processes.set_process_title(f"{PROGRAM}: {name}")
        variables.update(session.facts, {"SESH_SESSION": name})

    def label(self, request: PeerRequest[dict[str, str]], set_: Mapping[str, str] = NOTHING) -> None:
        session = self._session
        changes = dict(names.check_label(names.pair(key, value)) for key, value in set_.items())
        if changes:
            labels = {key: value for key, value in {**session.facts.labels, **changes}.items() if value}
            if len(labels) > MAX_LABELS:
                raise UsageError(f"a session has at most {MAX_LABELS} labels; remove one with KEY=")
            description.change(session, replace(session.facts, labels=labels))
        request.respond(session.facts.labels)

    def resume(self, request: PeerRequest[None], command: Sequence[str] = ()) -> None:
        """Set the command that restores the session; an empty one removes it."""
        resume = names.check_resume([*command]) or None
        if resume != (self._session.facts.resume or None):
            description.change(self._session, replace(self._session.facts, resume=resume))
        request.respond(None)

    def state(self, request: PeerRequest[None], state: State, question: str = "", *, hook: bool = False) -> None:
        """Set the state that the program declares; OSC 7501 overrides that of a `hook`."""
        session = self._session
        if not session.life.running:
            raise Refused(f"the program of {session.name} has ended")
        session.activity.declare(state, question, by=Source.HOOK if hook else Source.VERB)
        request.respond(None)

    def switch(
        self, request: PeerRequest[bool], to: str = "", host: Optional[str] = None, *, probe: bool = False
    ) -> None:
        """Switch the client that typed last; with `probe`, only say whether one is attached."""
        client = self._session.clients.leader
        name = names.check_name(to)
        target = names.check_host(host) if host is not None else None
        if client is not None and client.over_link and target is not None:
            line = f"{PROGRAM} @{target} {name}"
            raise Refused("you came here from another machine", hint=f"leave this session, and type there: {line}")
        if client is not None and not probe:
            self._session.attached.switch(client, {"name": name, "host": target})
        request.respond(client is not None)

    def tell(self, request: PeerRequest[bool], name: str = "", state: str = "", question: str = "") -> None:
        """Notify on the client that typed last; about this session only if nobody watches."""
        session = self._session
        of_another = name != session.name
        client = session.clients.leader if of_another or not session.clients.watched else None
        if client is not None:
            news: Message = {"name": name[:MAX_NEWS], "state": state[:MAX_NEWS], "question": question[:MAX_NEWS]}
            client.connection.queue(protocol.message(protocol.TELL, news))
        request.respond(client is not None)

    def desk(
        self,
        request: PeerRequest[Told],
        wish: Literal["list", "read", "write", "open", "listen"],
        type_: str = "",
        url: str = "",
        program: str = "",
        size: Optional[int] = None,
        port: Optional[int] = None,
        *,
        more: bool = False,
    ) -> None:
        """Have the desktop of the person who leads asked; DATA of the response is what was read.

        DATA of the request is what is to be written. `more`: PIECE frames with its number follow and have the rest, the
        last one without bytes.
        """
        ask: Ask = {"type": type_}
        if url:
            ask["url"] = url
        if size is not None:
            ask["size"] = size
        if port is not None:
            ask["port"] = port
        ask["program"] = program
        self._session.desk.ask(request, Wish(wish), ask, is_whole=not more)

    def put(
        self,
        request: PeerRequest[Told],
        name: facts.Exact,
        size: int = 0,
        program: str = "",
        key: str = "",
        *,
        paste: bool = False,
    ) -> None:
        """Take a file for the session, with the same `key` only once; then `paste` its path.

        PIECE frames with the request's number follow, the last one without bytes.
        """
        ask: Ask = {"name": name, "size": size, "program": program, "paste": paste}
        self._session.desk.take_file(request, ask, key)

    def feed(
        self, request: PeerRequest[bool], at: Optional[int] = None, *, ends: bool = False, mends: bool = False
    ) -> None:
        """Write to a job's stdin from offset `at` on; respond when it is taken.

        `ends`: close stdin after these bytes. `mends`: the feeder will come back if its link is lost.
        """
        session = self._session
        stdin = session.pump.stdin
        if at is None or at > stdin.received:
            raise UsageError(f"{session.name} has no input pipe")
        stdin.linger = RELINK_TIME if mends else 0.0
        stdin.due = NEVER
        if not stdin.open:
            request.respond(False)
            return
        stdin.feed(request.connection, request.respond, at, request.data, ends=ends)

    def reload(self, request: PeerRequest[None], python: str = "", path: Sequence[str] = ()) -> Steps:
        """Replace the daemon by another sesh: `python` is its interpreter, `path` its module search path."""
        return self._reload(request, python, [*path])


def _first_position(session: Session, from_: Position | None, else_: int | None) -> int:
    """Return the position to follow from, which may be above the log's head."""
    log = session.log
    if from_ == "sent":
        from_ = session.pump.input_line.sent_at
        if from_ is None:
            from_ = log.head if else_ is None else else_  # where a client that reconnects began to wait
    return max(from_, log.base) if isinstance(from_, int) else log.base
