"""One session: the facts about it, and the parts that its bytes pass through, built and connected here."""

from __future__ import annotations

import errno
import os
import time

from sesh import paths, platform
from sesh.about import __version__
from sesh.daemon.activity.activity import Activity
from sesh.daemon.clients.registry import Clients
from sesh.daemon.clients.relay import Relay
from sesh.daemon.events import Events, Missed
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.pump import MAX_ANSWERS, Pump
from sesh.daemon.pty.queries import QUERIES
from sesh.daemon.screen.model import Model, Packer
from sesh.errors import SIGNAL_BASE, Refused
from sesh.lean import deque
from sesh.log import FaultLog
from sesh.loop.timers import Timers
from sesh.moments import stamp
from sesh.store import records
from sesh.wording import plain

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from typing_extensions import Unpack

    from sesh.bounds import Size
    from sesh.daemon.activity.hooks import Hooks
    from sesh.daemon.activity.telling import Telling
    from sesh.daemon.clients.connection import Client
    from sesh.daemon.clients.titles import Titles
    from sesh.daemon.pty.pty import Pty
    from sesh.daemon.pty.queries import Finding
    from sesh.daemon.screen.checkpoint import Checkpointer
    from sesh.daemon.shell.history import CommandMarks, History
    from sesh.daemon.shell.queue import RunQueue
    from sesh.daemon.waits import Waits
    from sesh.schema import CheckpointHeader, Event, Facts, Foreground, Outcome, Record, Status, Welcome

MAX_TITLE = 1024
ANSWER_TIME = 0.01
"""Seconds of a turn in which the emulator is fed so that a query can be answered."""
MAX_UNANSWERED = 1000
"""Queries that wait for the emulator; those beyond are not answered."""
_MOST_PARTS = 8
"""Of a notification in parts (OSC 99)."""
_WITH_HOOKS = ("bell", "exited", "notification", "command_ended")
_TOLD = ("activity", "bell", "exited")
_MAX_COMMAND = 32 << 10
MAX_HISTORY = 32 << 10
"""Characters of the commands that a checkpoint keeps."""


class Session:
    """`facts` is plain data: name, id, command and so on. Parts that few sessions need are made at their first use."""

    def __init__(self, facts: Facts, size: Size, pty: Pty | None) -> None:
        self.facts = facts
        self.timers = Timers()
        self.faults = FaultLog()
        self.log = OutputLog()
        self.model = Model(self.log, size[0], size[1], self.faults.note)
        self.model.set_pixels(size[2], size[3])
        self.clients = Clients(size, self._resize)
        self.relay = Relay(self.log, self.model, self.clients, self.timers)
        self.pump = Pump(
            pty,
            self.log,
            self.timers,
            deliver=self.relay.deliver,
            stirred=self._stirred,
            found=self._found,
            checkpoint=self.output_settled,
        )
        self.activity = Activity(self)
        self.packer = Packer(self.log, self.model, self.timers)
        self.events = Events()
        self.missed = Missed()
        self._notice_parts: list[bytes] = []
        """Of a notification that is not complete yet."""
        self._identity: Record = {}
        self.title = ""
        self.titled_by = 0
        """The foreground process group when the program set its title."""
        self.exit_code: int | None = None
        self.exit_signal: int | None = None
        self.ended_at: float | None = None
        self.ended_on_request = False
        """Whether the program has ended as a person had it end, by `--kill` or Ctrl-C, which is no failure."""
        self.timed_out = False
        self.usage: tuple[float | None, int | None] = (None, None)
        """Seconds of processor time and bytes of memory that the ended program used."""
        self._unanswered: deque[tuple[Finding, int]] = deque()
        """Queries that wait for the emulator, with the positions behind them."""
        self.preload: Callable[[], object] = lambda: None
        """Called some time after output came, to load what must be loaded before its files may be replaced."""
        self.runs: RunQueue | None = None
        self.history: History | None = None
        self.marks: CommandMarks | None = None
        self.waits: Waits | None = None
        self.hooks: Hooks | None = None
        self.telling: Telling | None = None
        self.titles: Titles | None = None
        self._checkpointer: Checkpointer | None = None
        self.emit("created", command=_shorten(facts["command"]), directory=facts["directory"])
        self.events.on_event = self._on_event

    @property
    def name(self) -> str:
        """Its name as it is now."""
        return str(self.facts["name"])

    @property
    def running(self) -> bool:
        """Whether the program has not ended yet."""
        return self.ended_at is None

    # -- events, and what comes of them

    def emit(self, event: str, /, **facts: Unpack[Event]) -> None:
        """Reports an event."""
        self.events.add(event, self.name, **facts)

    def _on_event(self, event: Event) -> None:
        if not self.clients:
            self.missed.note(event)
        if event["event"] in _TOLD:
            self.faults.guard(lambda: self.get_telling().event(event), "telling")
        if event["event"] in _WITH_HOOKS and os.path.exists(paths.settings_file()):
            self.faults.guard(lambda: self.get_hooks().run(event), "a hook")

    def _resize(self, size: Size) -> None:
        """Gives program and model another size."""
        pty = self.pump.pty
        if pty is not None and pty.descriptor >= 0:
            pty.resize(*size)
        self.model.resize(size[0], size[1])
        self.model.set_pixels(size[2], size[3])
        self.emit("resized", columns=size[0], rows=size[1])

    def _found(self, finding: Finding, position: int) -> None:
        """Handles what the query scanner has found; `position`: behind it in the log."""
        kind = finding.kind
        if kind in QUERIES:
            self._query(finding, position)
        elif kind == "title":
            title = _printable(finding.body)
            self.titled_by = self.pump.pty.foreground() if self.pump.pty is not None else 0
            if title != self.title:
                self.title = title
                self.emit("title", title=title)
            self.tell_titles()
        elif kind == "bell":
            self.emit("bell")
        elif kind == "notification_part":
            self._notice_parts = [*self._notice_parts, finding.body][:_MOST_PARTS]
        elif kind == "notification":
            parts, self._notice_parts = [*self._notice_parts, finding.body], []
            text = _printable(b": ".join(filter(None, parts)))
            if text:
                self.emit("notification", text=text)
                self.activity.say("waiting", text)
        elif kind == "progress":
            self.activity.progressed(finding.body)
        elif kind == "mark":
            self.activity.marked(finding.body)
            self.get_marks().found(finding.body, position)

    def _query(self, finding: Finding, position: int) -> None:
        """Leaves a query to the terminal of the last active client, or answers it where there is none."""
        client = self.clients.answering(self.log)
        if client is not None:
            client.replies.expect(finding.kind, time.monotonic())
            return
        if self.pump.input.waiting("answers") >= MAX_ANSWERS or (self.runs is not None and self.runs.no_answers()):
            return
        if len(self._unanswered) < MAX_UNANSWERED:
            self._unanswered.append((finding, position))
        self._answer()

    def _answer(self) -> None:
        """Answers queries in their order. One that the emulator is too far behind of waits, and all after it."""
        from sesh.daemon.pty.answers import answer, needs_terminal

        while self._unanswered:
            finding, position = self._unanswered[0]
            terminal = None
            if needs_terminal(finding.kind):
                if not self.model.reach(position, ANSWER_TIME):
                    self.timers.ensure("answers", 0, self._answer)
                    return
                terminal = self.model.emulator
            self._unanswered.popleft()
            reply = answer(finding.kind, finding.body, terminal)
            if reply:
                self.pump.type("answers", reply)

    def _stirred(self) -> None:
        self.activity.stirred()

    def typed(self, data: bytes) -> None:
        """A person or a script has typed these keys."""
        self.activity.typed(data)

    def output_settled(self) -> None:
        self.preload()
        if self.facts.get("persist"):
            self.checkpointer().write_if_due()

    # -- its clients

    def welcome(self) -> Welcome:
        """What WELCOME says about the session."""
        return {
            "id": self.facts["id"],
            "name": self.name,
            "position": self.log.head,
            "events": self.events.last,
            "can": ["rejoin", "reload", "activity", "hold", "answer", "begun"],
        }

    def missed_line(self) -> str:
        """What happened while no client was attached, in one line; empty where nothing did."""
        if not self.missed.any:
            return ""
        self.model.catch_up()
        return self.missed.line(self.model.scrolled_since(self.missed.position))

    def attached(self, client: Client, hello: Mapping[str, object]) -> None:
        """A client has attached: the shells' agent and display are its own from now on."""
        from sesh.daemon.shell import variables

        self.emit("attached", **client.as_event())
        self._use_agent()
        self.watch_titles()
        self.tell_titles()
        if not client.read_only:
            variables.update(self.facts["id"], self.name, variables.displays(hello.get("displays")))

    def detached(self, client: Client) -> None:
        """A client has left."""
        if not self.clients:
            self.missed.begin(self.log.head)
        self.emit("detached", **client.as_event())
        self._use_agent()
        self.watch_titles()

    def _use_agent(self) -> None:
        from sesh.daemon.shell import variables

        newest = sorted(self.clients.all, key=lambda client: -client.number)
        variables.use_agent(self.facts["id"], [client.auth_sock for client in newest])

    # -- parts made with their first use

    def get_history(self) -> History:
        """The commands that were run or typed."""
        if self.history is None:
            from sesh.daemon.shell.history import History

            self.history = History()
        return self.history

    def get_runs(self) -> RunQueue:
        """The commands for the live shell."""
        if self.runs is None:
            from sesh.daemon.shell.queue import RunQueue

            self.runs = RunQueue(self.facts, self.pump, self.timers, self.get_history(), self.emit)
            self.pump.filter, self.pump.on_key = self.runs.filter, self.runs.key_pressed
        return self.runs

    def get_marks(self) -> CommandMarks:
        """The commands that people type, by the shell's integration."""
        if self.marks is None:
            from sesh.daemon.shell.history import CommandMarks

            self.marks = CommandMarks(self.facts, self.pump, self.get_history(), self.emit, self._mark_is_of_run)
        return self.marks

    def _mark_is_of_run(self) -> bool:
        return self.runs is not None and (self.runs.active is not None or self.runs.was_active)

    def get_waits(self) -> Waits:
        """The requests that wait for more than the end."""
        if self.waits is None:
            from sesh.daemon.waits import Waits

            self.waits = Waits(self.pump, self.timers, self.activity)
            self.pump.on_output = self.waits.stirred
            self.activity.on_look = self.waits.looked
        return self.waits

    def get_hooks(self) -> Hooks:
        """The user's hooks."""
        if self.hooks is None:
            from sesh.daemon.activity.hooks import Hooks

            self.hooks = Hooks(self.facts, self.faults, self.clients.__len__)
        return self.hooks

    def get_telling(self) -> Telling:
        """What tells a person that the session needs one."""
        if self.telling is None:
            from sesh.daemon.activity.telling import Telling

            self.telling = Telling(self)
        return self.telling

    def watch_titles(self) -> None:
        """After a client has come or gone: what runs is looked at while one shows it."""
        if self.titles is None and any(client.titled for client in self.clients.all):
            from sesh.daemon.clients.titles import Titles

            self.titles = Titles(self, self.relay)
        if self.titles is not None:
            self.titles.watch()

    def tell_titles(self) -> None:
        """Tells the clients that show it what runs, behind the output that came so far."""
        if self.titles is not None:
            self.titles.tell_soon()

    def checkpointer(self) -> Checkpointer:
        """Writes the session's checkpoints."""
        if self._checkpointer is None:
            from sesh.daemon.screen.checkpoint import Checkpointer

            self._checkpointer = Checkpointer(
                self.facts["id"], self.log, self.model, self.timers, self._checkpoint_header
            )
        return self._checkpointer

    def remove_checkpoint(self) -> None:
        """Removes its checkpoint, also where somebody else has removed the record that leads to it."""
        if self._checkpointer is not None:
            self._checkpointer.remove()

    def remove_agent_link(self) -> None:
        """Removes the link to the newest client's agent."""
        link = records.agent_path(self.facts["id"])
        if os.path.islink(link):
            os.unlink(link)

    def _checkpoint_header(self) -> CheckpointHeader:
        running_here = platform.LINUX and self.running
        return {
            "written": stamp(time.time()),
            "last_activity": stamp(self.pump.last_activity),
            "cwd": platform.directory_of(self.facts["pid"]) if running_here else "",
            "title": self.title,
            "history": self.history.newest(MAX_HISTORY) if self.history is not None else [],
        }

    # -- the end

    def end(self, status: int, *, killed: bool = False) -> None:
        """Keeps how the program ended, from the kernel's wait status. `killed`: by sesh, for whatever reason."""
        self.ended_at = time.time()
        self.ended_on_request = self.activity.ends_by_interrupt or (killed and not self.timed_out)
        self.pump.running = False
        usage = self.pump.pty.usage if self.pump.pty is not None else None
        if usage is not None:
            memory = usage.ru_maxrss * (1024 if platform.LINUX else 1)
            self.usage = (round(usage.ru_utime + usage.ru_stime, 3), memory)
        if os.WIFSIGNALED(status):
            self.exit_signal = os.WTERMSIG(status)
            self.exit_code = SIGNAL_BASE + self.exit_signal
        else:
            self.exit_code = os.WEXITSTATUS(status)
        failed = bool(self.exit_code) and not self.ended_on_request
        self.faults.guard(lambda: self.activity.ended(failed=failed), "how the session stands")

    def result(self) -> Outcome:
        """How the program ended, for those who wait for it."""
        ended = self.ended_at if self.ended_at is not None else time.time()
        return {
            "exit_code": self.exit_code,
            "signal": self.exit_signal,
            "duration": round(ended - self.facts["created"], 3),
            "timed_out": self.timed_out,
            "truncated": self.log.base > 0,
            "cpu": self.usage[0],
            "memory": self.usage[1],
        }

    # -- as others see it

    def summary(self) -> Status:
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
            "last_activity": stamp(self.pump.last_activity),
            "cwd": cwd or facts["directory"],
            "command": _shorten(facts["command"]),
            "title": self.title,
            "shell": bool(facts.get("shell")),
            "exit_code": self.exit_code,
            "ended": stamp(self.ended_at) if self.ended_at is not None else None,
            "columns": self.clients.size[0],
            "rows": self.clients.size[1],
            "labels": facts["labels"],
            "foreground": self.foreground(),
            "unseen": self.missed.unseen() if not self.clients else Missed().unseen(),
            "activity": self.activity.as_json(),
        }

    def status(self) -> Status:
        """Everything known of the session."""
        lines, size = self.model.scrollback_size()
        return {
            **self.summary(),
            "clients": [client.as_status(stamp(client.since)) for client in self.clients.all],
            "scrollback": {"lines": lines, "bytes": size},
            "daemon_pid": os.getpid(),
            "version": __version__,
            "link": None,
            "id": self.facts["id"],
            "position": self.log.head,
            "faults": self.faults.lines(),
        }

    def foreground(self) -> Foreground | None:
        """The program that has the terminal: its process group, its command, and the title that it has set.

        The session's own shell has none: what it writes as a title (user, host and directory) is not what runs.
        """
        pty, shell = self.pump.pty, int(self.facts["pid"])
        group = pty.foreground() if pty is not None and self.running else 0
        if not group:
            return None
        titled = self.title and group == self.titled_by and not (group == shell and self.facts.get("shell"))
        command = _shorten(platform.command_of_group(group, shell))
        return {"pid": group, "command": command, "title": self.title if titled else None}

    def record(self) -> Record:
        """The content of NAME.json."""
        facts = self.facts
        # The number of a pty that is closed may belong to another terminal of this machine a moment later.
        pty = self.pump.pty if self.pump.pty is not None and self.pump.pty.descriptor >= 0 else None
        return {
            "name": self.name,
            "id": facts["id"],
            **self._get_identity(),
            "pid": facts["pid"],
            "created": stamp(facts["created"]),
            "last_activity": stamp(self.pump.last_activity),
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
            "job": facts["job"],
            "exit_code": self.exit_code,
            "signal": self.exit_signal,
            "ended": stamp(self.ended_at) if self.ended_at is not None else None,
            "version": __version__,
        }

    def _get_identity(self) -> Record:
        """Which process of which machine this daemon is; asked for once. Raises OSError where that cannot be read."""
        if not self._identity:
            start = platform.start_time(os.getpid())
            if not start:
                raise OSError(errno.EAGAIN, "the system does not say when this process began")
            self._identity = {
                "machine": platform.machine(),
                "machine_name": os.uname().nodename,
                "boot": platform.boot_id(),
                "daemon_pid": os.getpid(),
                "daemon_start": start,
            }
        return self._identity

    def write_record(self, *, durable: bool = False) -> None:
        """Writes NAME.json. Raises OSError."""
        with paths.masked(0o077):
            records.write(self.record(), durable=durable)

    def change(self, *, name: str | None = None, labels: dict[str, str] | None = None) -> None:
        """Changes facts and their record, or neither. Raises Refused where the record cannot be written."""
        before: Facts = {**self.facts}
        self.facts["name"] = self.name if name is None else name
        self.facts["labels"] = before["labels"] if labels is None else labels
        try:
            self.write_record(durable=True)
        except OSError as error:
            self.facts.update(before)
            raise Refused(f"cannot write to {paths.directory()}: {error.strerror}; nothing was changed") from error


def _printable(body: bytes) -> str:
    """Text that a program chose, without controls and of bounded length."""
    return plain(body.decode("utf-8", "replace"))[:MAX_TITLE]


def _shorten(command: list[str]) -> list[str]:
    """A command as lists show it: cut to what fits into one frame."""
    room = _MAX_COMMAND
    for at, word in enumerate(command):
        if len(word) > room:
            return [*command[:at], word[:room] + "…"]
        room -= len(word)
    return command
