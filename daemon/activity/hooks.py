"""Runs the user's hooks: `[hooks]` of config.toml, each by a shell in a process of its own.

Each event reads the file again, so a change takes effect at once. A child process parses it, so that no daemon loads a
TOML reader. Nothing here waits: a hook that does not end blocks nothing, and beyond a few of them at once, or a few a
second, events run none.
"""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable, Iterator
from typing import NoReturn

from sesh import config, paths, reading, wire
from sesh.errors import SeshError
from sesh.log import FaultLog
from sesh.messages import Answer, Words
from sesh.schema import Event
from sesh.stored import Facts

KINDS = {
    "bell": "on_bell",
    "exited": "on_exit",
    "notification": "on_notification",
    "command_ended": "on_command_failed",
}
"""The hook of each event."""
MAX_RUNNING = 8
"""Hooks that run at once."""
BURST, PER_SECOND = 10, 1.0
"""Hooks that may start at once, and how many a second after that."""
_NOT_STARTED = 120
"""Exit code of a child that could not start its hook."""
_LONGEST = 1024
"""Characters of what a hook gets of a question."""


class Hooks:
    """The hooks of one session: those that run, and how many may start. `attached` counts the clients."""

    def __init__(self, facts: Facts, faults: FaultLog, attached: Callable[[], int]) -> None:
        self._facts, self._faults, self._attached = facts, faults, attached
        self.running: dict[int, str] = {}
        """The hooks that run, by pid."""
        self._left, self._counted_at = float(BURST), time.monotonic()
        """Hooks that could start at the last count, and the time of that (monotonic)."""
        self._skips = False
        """True if the last event ran none, as too many had started."""

    def run(self, event: Event) -> None:
        """Starts the hook for an event, if the user has one."""
        kind = KINDS.get(event["event"], "")
        if not kind or (kind == "on_command_failed" and event.get("exit_code") in (0, None)):
            return
        if self._may_start(kind) and _mentioned(kind):  # in this order, as a program may ring without end
            self._fork(kind, self._variables(kind, event), None)

    def tell(self, kind: str, event: Event) -> None:
        """Has a terminal tell the person; if none can, starts the hook (empty: there is none).

        No terminal tells that work is done: then there is nothing to do without a hook.
        """
        kind = kind or "telling"
        if kind == "on_done" and not _mentioned(kind):
            return
        variables = self._variables(kind, event)
        for key in ("state", "why", "question"):
            variables[f"SESH_{key.upper()}"] = str(event.get(key) or "")[:_LONGEST].replace("\0", "")
        if self._may_start(kind):
            question = variables["SESH_QUESTION"]
            self._fork(kind, variables, {"name": self._facts["name"], "state": event["state"], "question": question})

    def _may_start(self, kind: str) -> bool:
        """Returns whether not too many hooks were started lately; notes the first that was not."""
        now = time.monotonic()
        self._left = min(float(BURST), self._left + (now - self._counted_at) * PER_SECOND)
        self._counted_at = now
        skipped = kind != "on_exit" and (self._left < 1 or len(self.running) >= MAX_RUNNING)
        if skipped and not self._skips:  # a flood of lines would push all other faults out of the log
            self._faults.note(f"hook {kind} skipped: too many hooks")
        self._skips = skipped
        return not skipped

    def _fork(self, kind: str, variables: dict[str, str], message: Words | None) -> None:
        """Starts a child for a hook."""
        self._left -= 1
        try:
            pid = os.fork()
        except OSError as error:
            self._faults.note(f"the hook {kind} was not started", error)
            return
        if pid == 0:
            _become(kind, variables, self._facts["directory"], message)
        self.running[pid] = kind

    def reap(self) -> None:
        """Notes which hooks have ended, and how; called after SIGCHLD."""
        for pid, kind in list(self.running.items()):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, 0
            if not ended:
                continue
            del self.running[pid]
            code = os.waitstatus_to_exitcode(status)
            if code:
                how = f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
                self._faults.note(f"the hook {kind} {how}")

    def _variables(self, kind: str, event: Event) -> dict[str, str]:
        """The variables of a hook. Text that a program chose is a variable's value, never shell source."""
        command = event.get("command") if kind != "on_exit" else self._facts["command"]
        variables = {
            "SESH_SESSION": self._facts["name"],
            "SESH_EVENT": kind[3:],
            "SESH_TEXT": event.get("text"),
            "SESH_EXIT_CODE": event.get("exit_code"),
            "SESH_SIGNAL": event.get("signal"),
            "SESH_REASON": event.get("reason"),
            "SESH_COMMAND": " ".join(command) if isinstance(command, list) else command,
            "SESH_ATTACHED": self._attached(),
            "SESH_HOST": os.uname().nodename,
            "SESH_TIME": event["ts"],
        }
        return {key: str(value).replace("\0", "") for key, value in variables.items() if value is not None}


def _mentioned(kind: str) -> bool:
    """Returns whether the settings may have a hook of this kind: the file contains its name. Costs next to nothing."""
    if not os.path.exists(paths.settings_file()):
        return False
    try:
        return kind.encode() in reading.read_regular(paths.settings_file(), config.LARGEST)
    except OSError:
        return False


def _become(kind: str, variables: dict[str, str], directory: str, message: Words | None) -> NoReturn:
    """Becomes, in a child, the shell that runs the hook; exits with 0 if there is none.

    A `message` is shown on a terminal instead, if one can do that; in the settings' quiet hours nothing is done.
    """
    try:
        _detach()
        settings = config.load()
        source = settings.hooks.get(kind)
        if message is not None:
            quiet = config.in_quiet_hours(settings.quiet)
            if quiet or (kind != "on_done" and _tell_on_terminal(message)):
                source = None
        if source is None:
            os._exit(0)
        try:
            os.chdir(directory)
        except OSError:
            pass  # it was removed: the root directory will do
        signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # only now: a daemon may end while `_tell_on_terminal` asks it
        os.execve("/bin/sh", ["sh", "-c", source], {**os.environ, **variables})
    finally:
        os._exit(_NOT_STARTED)


def _tell_on_terminal(message: Words) -> bool:
    """Has the client of this machine that was typed in last tell the person; returns whether it does, or need not.

    It need not if somebody has come to look at the session meanwhile.
    """
    typed: list[tuple[float, str]] = []
    for name, answer in _typed():
        typed_at = answer.get("at")
        if name == message["name"] and answer.get("watched") is True:
            return True
        if isinstance(typed_at, (int, float)):
            typed.append((typed_at, name))
    for _, name in sorted(typed, reverse=True):
        try:
            if wire.connect(name, 1.0).only("tell", timeout=1.0, **message)[0].get("told") is True:
                return True
        except (SeshError, OSError):
            continue
    return False


def _typed() -> Iterator[tuple[str, Answer]]:
    """What the daemons of this machine say of who typed there last; those that say nothing in a second are left out."""
    deadline = time.monotonic() + 1.0
    asked: list[tuple[str, wire.Connection]] = []
    for name in paths.names():  # first all are asked: one that is stopped must not hold the others up
        try:
            connection = wire.connect(name, max(0.0, deadline - time.monotonic()))
            connection.send(wire.greeting("request") + wire.asking("typed", 1), deadline)
        except (SeshError, OSError):
            continue
        asked.append((name, connection))
    for name, connection in asked:
        with connection:
            try:
                answer, _ = connection.answer(1, deadline)
            except (SeshError, OSError):
                continue
        yield name, answer


def _detach() -> None:
    """Leaves the daemon's session, its descriptors and its signals behind."""
    os.setsid()
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)
    os.closerange(3, 1 << 16)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
        signal.signal(number, signal.SIG_DFL)
