"""Notifies a person that the session waits, has failed, or rings.

A person who watches the session is not notified; others at most once a minute, and of a failed program at once. The
terminal that was typed in last shows the notification. If there is none, the user's `hook` runs, which is a shell
command. A child process does both, so that the daemon neither blocks nor reads the settings. A bell is delayed, because
a question may follow and replace the bell. A bell never delays a question.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NoReturn, Optional

from sesh.config import config
from sesh.daemon.activity.rules import Reason, State
from sesh.daemon.base.due import NEVER, Agenda, Part
from sesh.daemon.base.facts import Facts
from sesh.daemon.base.faults import FaultLog
from sesh.daemon.clients.client import Clients
from sesh.errors import SeshError
from sesh.schema.facts import Event
from sesh.store import recent
from sesh.text import times
from sesh.text.describe import NOTIFICATION_INTERVAL, failure, muted
from sesh.wire import protocol
from sesh.wire.connection import connect
from sesh.wire.messages import TELL, TYPED, RequestKeys, RequestType, Response

BELL_DELAY = 0.5  # seconds that a bell waits for a question, which replaces it
BELL = "bell"
MAX_RUNNING = 8  # children; further notifications are dropped
MAX_SESSIONS = 8  # sessions whose last key is compared: those attached last
_TIMEOUT = protocol.WELCOME_TIMEOUT  # seconds for a daemon to answer a child, which nothing waits for
_NOT_STARTED = 120


@dataclass(frozen=True)
class News:
    event: str  # a state, or `BELL`
    why: str = ""
    question: str = ""


@dataclass
class Planned:
    """What a person was told last, and is to be told next; it survives a reload. Times are monotonic."""

    news: Optional[News] = None  # told at `at`, unless a newer event replaces or cancels it
    at: float = 0.0
    sent_at: float = -NOTIFICATION_INTERVAL  # of the last notification of a state
    rang_at: float = -NOTIFICATION_INTERVAL  # of the last notification of a bell
    running: list[int] = field(default_factory=list)  # pids of the children


class Notifications(Part):
    """Decides when a person is notified, and starts the children that do it."""

    def __init__(self, agenda: Agenda, facts: Facts, clients: Clients, faults: FaultLog) -> None:
        super().__init__(agenda)
        self._facts = facts
        self._clients = clients
        self._faults = faults
        self._planned = Planned()
        # `due`: time (monotonic) of the planned notification

    @property
    def state(self) -> Planned:
        """What a reload keeps."""
        return self._planned

    @state.setter
    def state(self, state: Planned) -> None:
        self._planned = state
        self.due = state.at if state.news is not None else NEVER

    def act(self, _now: float) -> None:
        """Notify, unless somebody watches by now."""
        state = self.state
        news = state.news
        state.news = None
        self.due = NEVER
        if news is None or self._silent:
            return
        if news.event == BELL:
            state.rang_at = time.monotonic()
        else:
            state.sent_at = time.monotonic()
        self.start(news)

    def note_event(self, event: Event) -> None:
        kind = event["event"]
        if kind == "activity" and event["why"] != Reason.EXIT:
            self._note_state(event)
        elif kind == "bell" and self.state.news is None:
            self._plan(News(BELL), max(self.state.sent_at, self.state.rang_at), least=BELL_DELAY)
        elif kind == "exited":
            self._note_end(event)

    def _note_state(self, event: Event) -> None:
        """Plan a notification of a state that needs a person; drop an earlier one."""
        if not self._bell_is_due:
            self.state.news = None
            self.due = NEVER
        if event["state"] in (State.WAITING, State.FAILED):
            self._plan(News(event["state"], event["why"] or "", event["question"] or ""), self.state.sent_at)

    def _note_end(self, event: Event) -> None:
        """Notify at once of a failure or a due bell: the daemon will exit."""
        code = event.get("exit_code")
        if code:
            self.state.news = News(State.FAILED.value, Reason.EXIT.value, failure(event.get("reason"), code))
            self.act(0.0)
        elif self._bell_is_due:
            self.act(0.0)

    @property
    def _bell_is_due(self) -> bool:
        return self.state.news is not None and self.state.news.event == BELL

    def _plan(self, news: News, last: float, *, least: float = 0.0) -> None:
        if not self._silent:
            self.state.news = news
            self.state.at = self.due = max(last + NOTIFICATION_INTERVAL, time.monotonic() + least)

    @property
    def _silent(self) -> bool:
        return self._clients.watched or muted(self._facts.labels)

    # -- the children that notify

    def start(self, news: News) -> None:
        if len(self.state.running) >= MAX_RUNNING:
            self._faults.note(f"no notification of {news.event}: {MAX_RUNNING} hooks still run")
            return
        try:
            pid = os.fork()
        except OSError as error:
            self._faults.note(f"no notification of {news.event}", error)
            return
        if pid == 0:
            _notify_in_child(self._facts, news)
        self.state.running.append(pid)

    def reap(self) -> None:
        for pid in self.state.running[:]:
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended = pid
                status = 0
            if ended:
                self.state.running.remove(pid)
                if code := os.waitstatus_to_exitcode(status):
                    how = f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
                    self._faults.note(f"the hook {how}")


def _notify_in_child(facts: Facts, news: News) -> NoReturn:
    """Notify from a child process, which may execute the hook; do nothing in quiet hours."""
    try:
        _detach()
        settings = config.load()
        if config.in_quiet_hours(settings.quiet) or _notify_terminal(facts.name, news) or not settings.hook:
            os._exit(0)
        with suppress(OSError):  # if the directory was removed, the hook runs in /
            os.chdir(facts.directory)
        own = {"PWD": facts.directory, **_variables(facts.name, news)}
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # only now: a daemon may have exited during its request
        os.execve("/bin/sh", ["sh", "-c", settings.hook], {**os.environ, **own})
    finally:
        os._exit(_NOT_STARTED)


def _variables(name: str, news: News) -> dict[str, str]:
    """Return the variables for the hook. A program's text must never become shell source."""
    variables = {
        "SESH_EVENT": news.event,
        "SESH_STATE": news.event if news.event != BELL else "",
        "SESH_WHY": news.why,
        "SESH_QUESTION": news.question,
        "SESH_SESSION": name,
        "SESH_HOST": os.uname().nodename,
        "SESH_TIME": times.exact_stamp(time.time()),
    }
    return {key: value.replace("\0", "") for key, value in variables.items()}


def _notify_terminal(name: str, news: News) -> bool:
    """Notify at the terminal of this machine typed in last; return whether it does."""
    sessions = [each for each in recent.newest() if each[:1] != "@"][:MAX_SESSIONS]
    typed = [(at, session) for session in sessions if (at := _request(session, TYPED)) is not None]
    keys: RequestKeys = {"name": name, "state": news.event, "question": news.question}
    responses = (_request(session, TELL, **keys) for _, session in sorted(typed, reverse=True))
    return any(responses)


def _request(session: str, request: RequestType[Response], **keys: Any) -> Response | None:
    deadline = time.monotonic() + _TIMEOUT
    with suppress(SeshError, OSError), connect(session, _TIMEOUT) as connection:
        connection.handshake(deadline=deadline)
        return connection.request(request, deadline=deadline, **keys)[0]
    return None


def _detach() -> None:
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(null, descriptor)
    os.closerange(3, 1 << 16)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
