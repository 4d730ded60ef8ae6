"""One session: the parts that its bytes pass through, built and connected here, and the facts about it."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from sesh import platform, proc, wording
from sesh.bounds import Size
from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.hook import Hook
from sesh.daemon.activity.telling import Telling
from sesh.daemon.activity.turn import Shown
from sesh.daemon.answering import Answering
from sesh.daemon.clients.registry import Clients
from sesh.daemon.clients.relay import Relay
from sesh.daemon.events import Events, Missed
from sesh.daemon.phase import Life
from sesh.daemon.pty.output_log import OF_JOB, RETAINED, OutputLog
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import CHECKPOINT_AFTER, Pump
from sesh.daemon.screen.checkpoint import Checkpointer
from sesh.daemon.screen.emulation import Emulation
from sesh.daemon.screen.model import Model
from sesh.daemon.shell.history import CommandMarks, History
from sesh.daemon.shell.queue import RunQueue
from sesh.daemon.waits import Waits
from sesh.errors import SIGNAL_BASE
from sesh.log import FaultLog
from sesh.loop.loop import Loop
from sesh.loop.timers import Timers
from sesh.moments import STEADY, stamp
from sesh.queries import QUERIES, Finding, bounded
from sesh.schema import Event, Foreground
from sesh.stored import CheckpointHeader, Facts

if TYPE_CHECKING:
    from typing_extensions import Unpack


EndState = tuple[int | None, int | None, float | None, bool, float | None, int | None]

GATE = 'IFS= read -r _ && exec "$@"'
"""What a shell does in the place of a command that begins only after Enter."""
MAX_TITLE = 1024
"""Characters of a title or a notification."""
LOOK_TIME = 0.01
"""Seconds in which the emulator is fed for a look at the screen."""
_MOST_PARTS = 8
"""Parts of a notification (OSC 99)."""
_MAX_COMMAND = 32 << 10
"""Characters of a command in a list."""
MAX_HISTORY = 32 << 10
"""Characters of the commands that a checkpoint keeps."""


class ProgramEnd:
    """The program's end: code, signal, time, processor seconds and bytes of memory, each None until it is known."""

    code: int | None = None
    signal: int | None = None
    at: float | None = None
    cpu: float | None = None
    memory: int | None = None
    timed_out = False
    by_request = False
    """True if a person ended it, by `--kill` or Ctrl-C, which is no failure."""

    def take(self, status: int, pty: Pty | None) -> None:
        """Takes the kernel's wait status, and what the program on this pty used."""
        self.at = STEADY.now()
        if pty is not None and pty.usage is not None:
            self.cpu = round(pty.usage.ru_utime + pty.usage.ru_stime, 3)
            self.memory = pty.usage.ru_maxrss * (1024 if platform.LINUX else 1)
        self.code = os.waitstatus_to_exitcode(status)
        if self.code < 0:
            self.signal, self.code = -self.code, SIGNAL_BASE - self.code

    def dump(self) -> EndState:
        """All of it as plain data, save `by_request`, which counts only at the moment of the end."""
        return self.code, self.signal, self.at, self.timed_out, self.cpu, self.memory


class Session:
    """The session's parts, made in the order of its bytes. Parts that few sessions need are made at their first use.

    `facts` change by `description.change` alone, save `pid` at the start, and at the end `keep` and `reason`.
    """

    def __init__(self, facts: Facts, size: Size, pty: Pty | None) -> None:
        self.facts = facts
        self.life = Life()
        self.end = ProgramEnd()
        self.faults = FaultLog()
        self.loop = Loop(self.faults.note)
        self.log = OutputLog()
        self.log.retained = OF_JOB if facts["job"] else RETAINED
        self.model = Model(self.log, size[0], size[1], self.faults.note, facts["scrollback"], self.life)
        self.model.resize(*size)
        self.clients = Clients(size, self._resize)
        self.relay = Relay(self.log, self.model, self.clients, self.loop, self._terminal_flags)
        self.relay.paced = self.pace
        self._emulation = Emulation(self.log, self.model, self.timers, self._stepped)
        self.life.on_end(self._emulation.stir)
        self.life.on_end(lambda: self.loop.soon(self.relay.serve))  # those who wait for a screen behind an image
        self.pump = Pump(
            self.log,
            self.loop,
            self.life,
            passing=self._passing,
            deliver=self._deliver,
            stirred=self._stirred,
            report=self._handle_findings,
            checkpoint=self.output_settled,
        )
        self.pump.pty, self.pump.open = pty, pty is not None
        self._answering = Answering(self.pump, self.model, self.clients, self.timers, self._refuses_answers)
        self._notice_parts: list[bytes] = []
        """Parts of a notification that is not complete yet."""
        self.title = ""
        self.titled_by = 0
        """The foreground process group when the program set its title."""
        self.runs: RunQueue | None = None
        self.history: History | None = None
        self.marks: CommandMarks | None = None
        self.waits: Waits | None = None
        self.hook = Hook(facts, self.faults)
        self.telling = Telling(facts, self.clients, self.timers, self.hook.tell)
        self._checkpointer: Checkpointer | None = None
        self.missed = Missed()
        self.events = Events(self._on_event, self.loop.soon)
        self.activity = Activity(facts, self.pump, self.timers, self._shown, self.emit, self._looked)
        self.relay.reports = self._report_sequences
        self.emit("created", command=shorten(facts["command"]), directory=facts["directory"])

    def begin(self, pty: Pty) -> None:
        """Takes the terminal of the program, which was started just now."""
        self.facts["pid"] = pty.pid
        self.pump.pty, self.pump.open = pty, True
        self.activity.stirred()

    @property
    def timers(self) -> Timers:
        """The deadlines of its loop."""
        return self.loop.timers

    @property
    def name(self) -> str:
        """The session's present name."""
        return self.facts["name"]

    @property
    def running(self) -> bool:
        """True if the program has not ended yet."""
        return self.life.running

    @property
    def pty(self) -> Pty | None:
        """The program's terminal; it may be closed. None before the start, and in a session loaded after its end."""
        return self.pump.pty

    @property
    def hides(self) -> bool:
        """True if the terminal reads lines and shows nothing of them, as for a password."""
        return self.pty is not None and not self.pty.raw() and not self.pty.echoes()

    # -- the program's bytes, by the pump

    def _passing(self, block: bytes) -> bytes:
        return self.runs.filter(block) if self.runs is not None else block

    def pace(self) -> None:
        """Read from the program unless it is to wait for somebody, and drop output that every reader has passed."""
        self.pump.pace(paused=self.relay.paused())
        self.relay.trim()

    def _stepped(self) -> None:
        """Go on with those who wait for the emulator, which has come further."""
        self.loop.soon(self.pace)
        if any(client.state.need for client in self.clients.all):
            self.loop.soon(self.relay.serve)

    def _deliver(self, block: bytes) -> None:
        """Passes a block on to the clients."""
        self.relay.deliver(block)
        self._emulation.stir()
        self.loop.soon(self.pace)

    def _terminal_flags(self) -> int:
        return self.pty.flags() if self.pty is not None else 0

    def _stirred(self) -> None:
        self.activity.stirred()
        if self.waits is not None:
            self.waits.stirred()

    def sent(self, keys: bytes) -> None:
        """Notes that a person or a script has sent the program keys."""
        self.pump.last_activity = STEADY.now()
        self.activity.typed(keys)

    def output_settled(self) -> None:
        """Writes a checkpoint if one is due; called some time after output came."""
        if self.facts["persist"]:
            self.timers.set("checkpoint", CHECKPOINT_AFTER, self.output_settled)  # if it cannot even be loaded now
            self.get_checkpointer().write_if_due()

    def _handle_findings(self, findings: list[Finding], start: int) -> None:
        """Handles what the query scanner has found in a block that begins at `start` in the log."""
        for kind, body, end in bounded(findings):
            self._handle_finding(kind, body, start + end)
        self._answering.answer()

    def _handle_finding(self, kind: str, body: bytes, position: int) -> None:
        if kind in QUERIES:
            self._answering.query(kind, body, position)
        elif kind == "title":
            title = _printable(body)
            self.titled_by = self.pty.foreground() if self.pty is not None else 0
            if title != self.title:
                self.title = title
                self.emit("title", title=title)
        elif kind == "bell":
            self.emit("bell")
        elif kind == "notification_part":
            self._notice_parts = [*self._notice_parts, body][:_MOST_PARTS]
        elif kind == "notification":
            parts, self._notice_parts = [*self._notice_parts, body], []
            text = _printable(b": ".join(filter(None, parts)))
            if text:
                self.emit("notification", text=text)
                self.activity.say("waiting", text)
        elif kind == "status query":
            self._answering.status(body)
        elif kind == "status":
            self.activity.reported(body, position)
        elif kind == "ris":
            self.activity.reset(position)
        elif kind == "progress":
            self.activity.progressed(body)
        elif kind == "mark":
            self.activity.marked(body)
            self.get_marks().handle(body, position)

    def _refuses_answers(self) -> bool:
        return self.runs is not None and self.runs.no_answers()

    # -- events, and what comes of them

    def emit(self, event: str, /, **facts: Unpack[Event]) -> None:
        """Reports an event."""
        self.events.add(event, self.name, **facts)

    def _on_event(self, event: Event) -> None:
        kind = event["event"]
        if not self.clients:
            self.missed.note(event, by_request=self.activity.ends_by_interrupt)
        if kind == "command_started":
            self.activity.began()
        if kind != "exited" or not self.end.by_request:
            self.faults.guard(self.telling.event, "telling", event)

    def _shown(self) -> Shown | None:
        """The screen; None if the emulator does not come to it soon."""
        if not self.model.catch_up(LOOK_TIME):
            return None
        emulator = self.model.emulator
        cells = [(row.text[:], row.pens[:]) for row in emulator.screen.rows]
        return Shown(cells, None if emulator.screen.cursor.hidden else emulator.cursor[0])

    def _report_sequences(self, since: int, until: int, every: bool) -> str:
        return self.activity.reports.sequences(since, until, every=every)

    def left(self) -> None:
        """Notes that the last client has left."""
        self.missed.begin(self.log.head)

    def _looked(self) -> None:
        if self.waits is not None:
            self.waits.looked()

    def _resize(self, size: Size) -> None:
        if self.pty is not None and self.pty.descriptor >= 0:
            self.pty.resize(*size)
        self.model.resize(*size)
        self.emit("resized", columns=size[0], rows=size[1])

    def program_ended(self, status: int, *, asked: bool) -> None:
        """Notes the program's end, from the kernel's wait status. `asked`: sesh ended it, for whatever reason."""
        self.end.take(status, self.pty)
        self.end.by_request = self.activity.ends_by_interrupt or (asked and not self.end.timed_out)
        failed = bool(self.end.code) and not self.end.by_request
        self.faults.guard(lambda: self.activity.ended(failed=failed), "how the session stands")

    def restore_end(self, state: EndState) -> None:
        """Goes on from what `ProgramEnd.dump` returned."""
        end = self.end
        end.code, end.signal, end.at, end.timed_out, end.cpu, end.memory = state

    def foreground(self) -> Foreground | None:
        """The program that has the terminal: its process group, its command, and the title that it has set.

        The session's own shell has none: what it writes as a title (user, host and directory) is not what runs.
        """
        shell = self.facts["pid"]
        group = self.pty.foreground() if self.pty is not None and self.running else 0
        if not group:
            return None
        titled = self.title and group == self.titled_by and not (group == shell and self.facts["shell"])
        command = proc.command_of_group(group, shell)
        if is_gate(command):
            command = self.facts["command"]
        command = shorten(command)
        return {"pid": group, "command": command, "title": self.title if titled else None}

    # -- parts made with their first use

    def get_history(self) -> History:
        """The commands that were run or typed."""
        if self.history is None:
            self.history = History()
        return self.history

    def get_runs(self) -> RunQueue:
        """The commands for the live shell."""
        if self.runs is None:
            self.runs = RunQueue(self.facts, self.pump, self.timers, self.get_history(), self.emit)
        return self.runs

    def get_marks(self) -> CommandMarks:
        """The commands that people type, by the shell's integration."""
        if self.marks is None:
            self.marks = CommandMarks(self.facts, self.pump, self.get_history(), self.emit, self._mark_is_of_run)
        return self.marks

    def _mark_is_of_run(self) -> bool:
        return self._runs_command() or (self.runs is not None and self.runs.was_active)

    def _runs_command(self) -> bool:
        return self.runs is not None and self.runs.active is not None

    def get_waits(self) -> Waits:
        """The requests that wait for more than the end."""
        if self.waits is None:
            self.waits = Waits(self.pump, self.timers, self.activity, self._runs_command)
        return self.waits

    def get_checkpointer(self) -> Checkpointer:
        """The part that writes the session's checkpoints."""
        if self._checkpointer is None:
            self._checkpointer = Checkpointer(
                self.facts["id"], self.log, self.model, self.timers, self._checkpoint_header
            )
        return self._checkpointer

    def _checkpoint_header(self) -> CheckpointHeader:
        running_here = platform.LINUX and self.running
        return {
            "written": stamp(time.time()),
            "last_activity": stamp(STEADY.told(self.pump.last_activity)),
            "cwd": proc.directory_of(self.facts["pid"]) if running_here else "",
            "title": self.title,
            "history": self.history.newest(MAX_HISTORY) if self.history is not None else [],
        }


def _printable(body: bytes) -> str:
    """Text that a program chose, without controls and of bounded length."""
    return wording.plain(body.decode("utf-8", "replace"))[:MAX_TITLE]


def is_gate(command: list[str]) -> bool:
    """Returns whether this is what runs in the place of a command that begins only after Enter."""
    return command[1:3] == ["-c", GATE]


def shorten(command: list[str]) -> list[str]:
    """A command as lists show it: cut to what fits into one frame."""
    room = _MAX_COMMAND
    for index, word in enumerate(command):
        if len(word) > room:
            return [*command[:index], word[:room] + "…"]
        room -= len(word)
    return command
