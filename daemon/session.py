"""One session: what is known of it, its program, and the parts that its bytes run through."""

from __future__ import annotations

import os
import time

from sesh import __version__, paths, platform
from sesh.daemon.clients.client import Clients
from sesh.daemon.clients.model import Model
from sesh.daemon.clients.relay import Relay
from sesh.daemon.events import Events, Missed
from sesh.daemon.loop.fault_log import FaultLog
from sesh.daemon.loop.timers import Timers
from sesh.daemon.pty.input import InputQueue
from sesh.daemon.pty.output_log import WORTH, OutputLog
from sesh.daemon.pty.queries import QueryScanner
from sesh.errors import SIGNAL_BASE
from sesh.lean import OrderedDict
from sesh.store import records

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from sesh.daemon.checkpoint import Checkpoint
    from sesh.daemon.clients.client import Size
    from sesh.daemon.hooks import Hooks
    from sesh.daemon.pty.input import StdinPipe
    from sesh.daemon.pty.pty import Pty
    from sesh.daemon.rest import Packer
    from sesh.daemon.shell.history import CommandMarks, History
    from sesh.daemon.shell.queue import RunQueue
    from sesh.daemon.shell.shells import TypedLine
    from sesh.daemon.waits import Waits

LONGEST_TITLE = 1024
_HOOKED = ("bell", "exited", "notification", "command_ended")
_LONGEST_COMMAND = 32 << 10


class Session:
    """The session's facts (plain data) and its working parts."""

    def __init__(self, facts: dict[str, Any], size: Size, pty: Pty | None) -> None:
        self.facts = facts
        self.pty = pty
        self.timers = Timers()
        self.faults = FaultLog()
        self.log = OutputLog()
        self.scanner = QueryScanner()
        self.input = InputQueue()
        self.model = Model(self.log, size[0], size[1])
        self.clients = Clients(size, self._resize)
        self.relay = Relay(self.log, self.model, self.clients, self.timers)
        self.departed: OrderedDict[str, tuple[int, int, bool]] = OrderedDict()
        """By the token of a client that has gone: its newest INPUT's number, where it was fed to, whether raw."""
        self.title = ""
        self.last_activity = time.time()
        self.sent_at: int | None = None
        """Position of the log when something was last sent by `--send`; None before that."""
        self.events = Events()
        self.events.add("created", self.name, command=_shown(facts["command"]), directory=facts["directory"])
        self.stdin: StdinPipe | None = None
        """The standard input of a job that is fed."""
        self.waits: Waits | None = None
        """Who waits for more than the end; made when somebody does."""
        self.draft: TypedLine | None = None
        """The line that somebody has begun to type; made when somebody types."""
        self.runs: RunQueue | None = None
        """The commands that the live shell is to run; made when somebody asks for one."""
        self.persists = bool(facts.get("persist"))
        self._checkpoint: Checkpoint | None = None
        self.ripe = WORTH
        """What log and model have taken in, together, when it is worth packing what they hold."""
        self._rest: Packer | None = None
        self.exit_code: int | None = None
        self.exit_signal: int | None = None
        self.ended_at: float | None = None
        self.timed_out = False
        self.spent: tuple[float | None, int | None] = (None, None)
        """Seconds of processor time and bytes of memory that the ended program took."""
        self.past: History | None = None
        """The commands that were run or typed; made with the first."""
        self.marks: CommandMarks | None = None
        """What the shell tells of the commands that are typed; made when it tells something."""
        self.missed = Missed()
        self.hooks: Hooks | None = None
        """The commands of the user's that run upon events; made when there may be one."""
        self.events.heard = self._heard

    @property
    def name(self) -> str:
        """Its name as it is now."""
        return str(self.facts["name"])

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self.ended_at is None

    def _heard(self, event: dict[str, Any]) -> None:
        """Something has happened: it is missed where nobody is there, and the user may have a hook for it."""
        if not self.clients:
            self.missed.note(event)
        if event["event"] in _HOOKED and os.path.exists(paths.settings_file()):
            if self.hooks is None:
                from sesh.daemon.hooks import Hooks

                self.hooks = Hooks(self)
            self.hooks.happened(event)

    def history(self) -> History:
        """The commands that were run or typed."""
        if self.past is None:
            from sesh.daemon.shell.history import History

            self.past = History()
        return self.past

    def resume_marks(self, begun: Any, number: int | None) -> None:
        """What the shell had told of a command that is under way."""
        from sesh.daemon.shell.history import CommandMarks

        self.marks = CommandMarks(self)
        self.marks.resume(begun, number)

    def marked(self, body: bytes, position: int) -> None:
        """The shell's integration has told of a prompt or a command."""
        if self.marks is None:
            from sesh.daemon.shell.history import CommandMarks

            self.marks = CommandMarks(self)
        self.marks.found(body, position)

    def waiting(self) -> Waits:
        """Those who wait for more than the end."""
        if self.waits is None:
            from sesh.daemon.waits import Waits

            self.waits = Waits(self)
        return self.waits

    def rest(self) -> Packer:
        """Its times of rest; made when there is something to pack."""
        if self._rest is None:
            from sesh.daemon.rest import Packer

            self._rest = Packer(self)
        return self._rest

    def checkpoint(self) -> Checkpoint:
        """What keeps it readable when its daemon has died; made when there is something to keep."""
        if self._checkpoint is None:
            from sesh.daemon.checkpoint import Checkpoint

            self._checkpoint = Checkpoint(self)
        return self._checkpoint

    def forget(self) -> None:
        """Removes what was kept, also where the record that leads to it was removed by somebody else."""
        if self._checkpoint is not None:
            self._checkpoint.remove()

    def look(self) -> None:
        """Output has come a while ago: keeps it, where it is time to."""
        # In time: when somebody wants a reload, the files may be those of the sesh that is to come.
        from sesh.daemon.upgrade import reload  # noqa: F401

        if self.persists:
            self.checkpoint().look()

    def drafted(self, data: bytes) -> None:
        """Somebody types these bytes."""
        if self.draft is None:
            from sesh.daemon.shell.shells import TypedLine

            self.draft = TypedLine()
        self.draft.typed(data, self.pty)

    @property
    def drafting(self) -> bool:
        """Whether a line stands at the prompt that nobody has entered."""
        return self.draft is not None and self.pty is not None and self.draft.unfinished(self.pty)

    def _resize(self, size: Size) -> bool:
        """Gives program and model another size."""
        if self.pty is not None and self.pty.descriptor >= 0:
            self.pty.resize(*size)
        self.model.resize(size[0], size[1])
        self.events.add("resized", self.name, columns=size[0], rows=size[1])
        return True

    def ended(self, status: int) -> None:
        """Keeps the program's end, from the kernel's wait status."""
        self.ended_at = time.time()
        usage = self.pty.usage if self.pty is not None else None
        if usage is not None:
            memory = usage.ru_maxrss * (1024 if platform.LINUX else 1)
            self.spent = (round(usage.ru_utime + usage.ru_stime, 3), memory)
        if os.WIFSIGNALED(status):
            self.exit_signal = os.WTERMSIG(status)
            self.exit_code = SIGNAL_BASE + self.exit_signal
        else:
            self.exit_code = os.WEXITSTATUS(status)

    def result(self) -> dict[str, Any]:
        """How the program ended, for those who waited for it."""
        ended = self.ended_at if self.ended_at is not None else time.time()
        return {
            "exit_code": self.exit_code,
            "signal": self.exit_signal,
            "duration": round(ended - self.facts["created"], 3),
            "timed_out": self.timed_out,
            "truncated": self.log.base > 0,
            "cpu": self.spent[0],
            "memory": self.spent[1],
        }

    def summary(self) -> dict[str, Any]:
        """The session as every list shows it."""
        facts = self.facts
        pid = facts["pid"]
        cwd = platform.directory_of(pid) if self.running else ""
        return {
            "name": self.name,
            "host": None,
            "state": "running" if self.running else "exited",
            "attached": len(self.clients),
            "current": False,
            "pid": pid,
            "created": stamp(facts["created"]),
            "last_activity": stamp(self.last_activity),
            "cwd": cwd or facts["directory"],
            "command": _shown(facts["command"]),
            "title": self.title,
            "exit_code": self.exit_code,
            "columns": self.clients.size[0],
            "rows": self.clients.size[1],
            "labels": facts["labels"],
        }

    def status(self) -> dict[str, Any]:
        """Everything known of the session."""
        self.model.catch_up()
        scrollback = self.model.emulator.scrollback
        group = self.pty.foreground() if self.pty is not None and self.running else 0
        clients = [{**client.facts(), "since": stamp(client.since)} for client in self.clients.all]
        return {
            **self.summary(),
            "clients": clients,
            "scrollback": {"lines": scrollback.lines, "bytes": scrollback.bytes},
            "foreground": {"pid": group, "command": _shown(platform.command_of(group))} if group else None,
            "daemon_pid": os.getpid(),
            "version": __version__,
            "link": None,
            "id": self.facts["id"],
            "position": self.log.head,
            "faults": self.faults.lines(),
        }

    def record(self) -> dict[str, Any]:
        """What stands in NAME.json."""
        facts = self.facts
        # A closed pty's number may belong to any other terminal of this machine a moment later.
        pty = self.pty if self.pty is not None and self.pty.descriptor >= 0 else None
        return {
            "name": self.name,
            "id": facts["id"],
            "machine": platform.machine(),
            "machine_name": os.uname().nodename,
            "boot": platform.boot_id(),
            "daemon_pid": os.getpid(),
            "daemon_start": platform.start_time(os.getpid()),
            "pid": facts["pid"],
            "created": stamp(facts["created"]),
            "last_activity": stamp(self.last_activity),
            "cwd": facts["directory"],
            "command": facts["command"],
            "labels": facts["labels"],
            "columns": self.clients.size[0],
            "rows": self.clients.size[1],
            "tty": pty.path if pty is not None else None,
            "tty_number": pty.device if pty is not None else 0,
            "terminals": platform.terminal_filesystem(),
            "keep": facts["keep"],
            "shell": bool(facts.get("shell")),
            "exit_code": self.exit_code,
            "version": __version__,
        }

    def write_record(self) -> None:
        """Puts NAME.json in place."""
        with paths.masked(0o077):
            records.write(self.record())


def _shown(command: list[str]) -> list[str]:
    """A command as lists show it: what would not fit into one frame is cut."""
    room = _LONGEST_COMMAND
    for at, word in enumerate(command):
        if len(word) > room:
            return [*command[:at], word[:room] + "…"]
        room -= len(word)
    return command


def stamp(seconds: float) -> str:
    """A moment as RFC 3339 in UTC, to the second."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))
