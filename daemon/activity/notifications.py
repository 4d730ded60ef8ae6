"""Notifies a person that the session waits, has failed or rings: once a minute at most, and not while somebody types.

The terminal that was typed in last does it, else the user's `hook`, a shell command. A child process sees to that: so
nothing here waits, and no daemon reads the settings. A bell is 0.5 s late, as a question may follow it, and takes no
minute of a question's.
"""

from __future__ import annotations

import os
import signal
import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, NoReturn

from sesh import config, measures, wire
from sesh.daemon.activity.rules import State, Why
from sesh.daemon.clients.client import Clients
from sesh.errors import SeshError
from sesh.log import FaultLog
from sesh.loop.timers import Timers
from sesh.messages import Answer, Words
from sesh.schema import Event
from sesh.store import recent
from sesh.stored import Facts
from sesh.wording import NOTIFICATION_INTERVAL, failure, muted

RINGS_AFTER = 0.5  # seconds that a bell waits for a question, which then is sent instead
BELL = "bell"
MAX_RUNNING = 8
MOST_ASKED = 8  # sessions that are asked for the time of the last key: those attached last
_PATIENCE = 0.5
_NOT_STARTED = 120


@dataclass(frozen=True)
class News:
    """One notification: that the session waits, has failed, or rings (`event`), why, and its question."""

    event: str
    why: str = ""
    question: str = ""


class Notifications:
    """The notifications of one session; `running` are the children that notify."""

    def __init__(self, facts: Facts, clients: Clients, timers: Timers, faults: FaultLog) -> None:
        self._facts, self._clients, self._timers, self._faults = facts, clients, timers, faults
        self.running: set[int] = set()
        self._sent_at = self._rang_at = -NOTIFICATION_INTERVAL  # times (monotonic) of the last state, and bell
        self._due: News | None = None  # the one that is sent when its minute is over, if it still holds

    def event(self, event: Event) -> None:
        """Notify of an event, if it says that a person is needed."""
        kind, due = event["event"], self._due
        rings = due is not None and due.event == BELL
        if kind == "activity" and event["why"] != Why.EXIT:
            self._due = due if rings else None
            if event["state"] in (State.WAITING, State.FAILED):
                self._plan(News(event["state"], event["why"] or "", event["question"] or ""), self._sent_at)
        elif kind == "bell" and due is None:
            self._plan(News(BELL), max(self._sent_at, self._rang_at), least=RINGS_AFTER)
        elif kind == "exited" and (code := event.get("exit_code")):
            self._due = News(State.FAILED.value, Why.EXIT.value, failure(event.get("reason"), code))
            self._notify()  # at once: the daemon ends
        elif kind == "exited" and rings:
            self._notify()

    def _plan(self, news: News, last: float, *, least: float = 0.0) -> None:
        """Notify once the notification at `last` is long enough ago."""
        if not self._silent:
            self._due = news
            left = max(last + NOTIFICATION_INTERVAL - time.monotonic(), least)
            self._timers.set("notify", left, self._notify)

    def _notify(self) -> None:
        news, self._due = self._due, None
        if news is None or self._silent:
            return
        if news.event == BELL:
            self._rang_at = time.monotonic()
        else:
            self._sent_at = time.monotonic()
        self.start(news)

    @property
    def _silent(self) -> bool:
        return self._clients.watched or muted(self._facts["labels"])

    # -- the children that notify

    def start(self, news: News) -> None:
        if len(self.running) >= MAX_RUNNING:
            self._faults.note(f"no notification of {news.event}: {MAX_RUNNING} hooks still run")
            return
        try:
            pid = os.fork()
        except OSError as error:
            self._faults.note(f"no notification of {news.event}", error)
            return
        if pid == 0:
            _become(self._facts, news)
        self.running.add(pid)

    def reap(self) -> None:
        """Note the children that have ended, and how; called after SIGCHLD."""
        for pid in list(self.running):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, 0
            if ended:
                self.running.remove(pid)
                if code := os.waitstatus_to_exitcode(status):
                    how = f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
                    self._faults.note(f"the hook {how}")


def _become(facts: Facts, news: News) -> NoReturn:
    """Notify from a child, which may become the shell that runs the hook; in quiet hours do nothing."""
    try:
        _detach()
        settings = config.load()
        if config.in_quiet_hours(settings.quiet) or _notify_terminal(facts["name"], news) or not settings.hook:
            os._exit(0)
        try:
            os.chdir(facts["directory"])
        except OSError:
            pass  # it was removed: the root directory will do
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # only now: a daemon may end while it is asked
        os.execve("/bin/sh", ["sh", "-c", settings.hook], {**os.environ, **_variables(facts["name"], news)})
    finally:
        os._exit(_NOT_STARTED)


def _variables(name: str, news: News) -> dict[str, str]:
    """Return the variables of a hook. Text that a program chose is a variable's value, never shell source."""
    variables = {
        "SESH_EVENT": news.event,
        "SESH_STATE": news.event if news.event != BELL else "",
        "SESH_WHY": news.why,
        "SESH_QUESTION": news.question,
        "SESH_SESSION": name,
        "SESH_HOST": os.uname().nodename,
        "SESH_TIME": measures.exact_stamp(time.time()),
    }
    return {key: value.replace("\0", "") for key, value in variables.items()}


def _notify_terminal(name: str, news: News) -> bool:
    """Have the client of this machine that was typed in last notify; return whether it does, or need not.

    It need not if somebody has come to look at the session meanwhile.
    """
    typed: list[tuple[float, str]] = []
    sessions = [each for each in recent.newest() if each[:1] != "@"]
    for session in sessions[:MOST_ASKED]:
        answer = _ask(session, "typed")
        if session == name and answer.get("watched") is True:
            return True
        at = answer.get("at")
        if isinstance(at, (int, float)):
            typed.append((at, session))
    words: Words = {"name": name, "state": news.event, "question": news.question}
    return any(_ask(session, "tell", **words).get("told") is True for _, session in sorted(typed, reverse=True))


def _ask(session: str, verb: str, **words: Any) -> Answer:
    """Return a daemon's answer; an empty one without any."""
    with suppress(SeshError, OSError):
        return wire.connect(session, _PATIENCE).single_request(verb, timeout=_PATIENCE, **words)[0]
    return {}


def _detach() -> None:
    """Leave the daemon's session, its descriptors and its signals behind."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.closerange(3, 1 << 16)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
