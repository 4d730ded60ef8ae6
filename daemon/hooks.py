"""What the user wants run when something happens: `[hooks]` of config.toml, each by a shell in a process of its own.

The file is read anew for each event that it may have a hook for, so a change holds at once, and by a child, so that no
daemon holds a reader of TOML. Nothing here waits: a hook that does not end keeps nobody from anything, and beyond a few
of them at once, or a few a second, events go without.
"""

from __future__ import annotations

import os
import time

from sesh import config, paths
from sesh.lean import signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, NoReturn

    from sesh.daemon.session import Session

KINDS = {
    "bell": "on_bell",
    "exited": "on_exit",
    "notification": "on_notification",
    "command_ended": "on_command_failed",
}
"""The hook of each event."""
MOST = 8
"""Hooks that run at once."""
BURST, PACE = 10, 1.0
"""Hooks that may start one upon the other, and how many a second after that."""
_LARGEST = 1 << 20
_NOT_STARTED = 120


class Hooks:
    """The hooks of one session: those that run, and how many may start."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._running: dict[int, str] = {}
        self._left, self._counted = float(BURST), time.monotonic()

    def happened(self, event: dict[str, Any]) -> None:
        """RunQueue what the user wants run upon this event."""
        kind = KINDS.get(event["event"], "")
        if not kind or (kind == "on_command_failed" and event.get("exit_code") in (0, None)) or not _named(kind):
            return
        now = time.monotonic()
        self._left = min(float(BURST), self._left + (now - self._counted) * PACE)
        self._counted = now
        if kind != "on_exit" and (self._left < 1 or len(self._running) >= MOST):
            self._session.faults.note(f"the hook {kind} was left out: too many of them")
            return
        self._left -= 1
        facts = self._facts(kind, event)
        pid = os.fork()
        if pid == 0:
            _run(kind, facts, self._session.facts["directory"])
        self._running[pid] = kind

    def kept(self) -> dict[int, str]:
        """Those that run: their pids, and the hook of each."""
        return dict(self._running)

    def resume(self, running: dict[int, str]) -> None:
        """Goes on where `kept` says."""
        self._running.update(running)

    def reap(self) -> None:
        """After SIGCHLD: which of them have ended, and how."""
        for pid, kind in list(self._running.items()):
            try:
                ended, status = os.waitpid(pid, os.WNOHANG)
            except ChildProcessError:
                ended, status = pid, 0
            if not ended:
                continue
            del self._running[pid]
            code = os.waitstatus_to_exitcode(status)
            if code:
                how = f"ended with {code}" if code > 0 else f"was ended by signal {-code}"
                self._session.faults.note(f"the hook {kind} {how}")

    def _facts(self, kind: str, event: dict[str, Any]) -> dict[str, str]:
        """What a hook is told, as variables. Text that a program chose is a variable's value, never shell source."""
        session = self._session
        command = event.get("command") if kind != "on_exit" else session.facts["command"]
        facts = {
            "SESH_SESSION": session.name,
            "SESH_EVENT": kind[3:],
            "SESH_TEXT": event.get("text"),
            "SESH_EXIT_CODE": event.get("exit_code"),
            "SESH_SIGNAL": event.get("signal"),
            "SESH_REASON": event.get("reason"),
            "SESH_COMMAND": " ".join(command) if isinstance(command, list) else command,
            "SESH_ATTACHED": len(session.clients),
            "SESH_HOST": os.uname().nodename,
            "SESH_TIME": event["ts"],
        }
        return {key: str(value).replace("\0", "") for key, value in facts.items() if value is not None}


def _named(kind: str) -> bool:
    """Whether the settings may have a hook of this kind: the word stands in the file. Costs next to nothing."""
    try:
        with open(paths.settings_file(), "rb", buffering=0) as file:
            return kind.encode() in (file.read(_LARGEST) or b"")
    except OSError:
        return False


def _run(kind: str, facts: dict[str, str], directory: str) -> NoReturn:
    """In the child: reads the settings, and becomes the shell that carries out the hook; 0 where there is none."""
    try:
        os.setsid()
        nothing = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nothing, descriptor)
        os.closerange(3, 1 << 16)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGHUP, signal.SIGINT, signal.SIGPIPE, signal.SIGCHLD, signal.SIGTERM, signal.SIGUSR1):
            signal.signal(number, signal.SIG_DFL)
        source = config.load().hooks.get(kind)
        if source is None:
            os._exit(0)
        try:
            os.chdir(directory)
        except OSError:
            pass  # it was removed: the root directory does
        os.execve("/bin/sh", ["sh", "-c", source], {**os.environ, **facts})
    finally:
        os._exit(_NOT_STARTED)
