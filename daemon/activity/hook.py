"""Notifies a person of a session: on the terminal that was typed in last, else by the user's `hook`, a shell command.

A child process does it, so that nothing here waits, and no daemon reads the settings.
"""

from __future__ import annotations

import os
import signal
import time
from typing import NoReturn

from sesh import attached_last, config, moments, wire
from sesh.daemon.activity.notifications import BELL, News
from sesh.errors import SeshError
from sesh.log import FaultLog
from sesh.messages import Words
from sesh.stored import Facts

MAX_RUNNING = 8
"""Hooks that run at once."""
MOST_ASKED = 8
"""Sessions that are asked for the time of the last key: those attached last."""
_PATIENCE = 0.5
"""Seconds for a daemon to answer."""
_NOT_STARTED = 120
"""Exit code of a child that could not start its hook."""


class Hook:
    """The children of one session that notify."""

    def __init__(self, facts: Facts, faults: FaultLog) -> None:
        self._facts, self._faults = facts, faults
        self.running: set[int] = set()

    def start(self, news: News) -> None:
        """Start a child that notifies the person."""
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
        "SESH_TIME": moments.exact_stamp(time.time()),
    }
    return {key: value.replace("\0", "") for key, value in variables.items()}


def _notify_terminal(name: str, news: News) -> bool:
    """Have the client of this machine that was typed in last notify; return whether it does, or need not.

    It need not if somebody has come to look at the session meanwhile.
    """
    typed: list[tuple[float, str]] = []
    sessions = [each for each in attached_last.recent() if each[:1] != "@"]
    for session in sessions[:MOST_ASKED]:
        try:
            answer = wire.connect(session, _PATIENCE).only("typed", timeout=_PATIENCE)[0]
        except (SeshError, OSError):
            continue
        if session == name and answer.get("watched") is True:
            return True
        at = answer.get("at")
        if isinstance(at, (int, float)):
            typed.append((at, session))
    words: Words = {"name": name, "state": news.event, "question": news.question}
    for _, session in sorted(typed, reverse=True):
        try:
            if wire.connect(session, _PATIENCE).only("tell", timeout=_PATIENCE, **words)[0].get("told") is True:
                return True
        except (SeshError, OSError):
            continue
    return False


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
