"""One session: builds its parts and connects them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from sesh import machine, processes
from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.notifications import Notifications
from sesh.daemon.clients.client import Clients
from sesh.daemon.clients.relay import Relay
from sesh.daemon.events import Events, shorten
from sesh.daemon.findings import Answering, Findings
from sesh.daemon.phase import Life
from sesh.daemon.pty.output_log import JOB_RETAINED, RETAINED, OutputLog
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.checkpoint import CHECKPOINT_AFTER, Checkpointer
from sesh.daemon.screen.model import Model
from sesh.daemon.shell.history import CommandMarks
from sesh.daemon.shell.queue import RunQueue
from sesh.daemon.waits import Waits
from sesh.log import FaultLog
from sesh.loop.loop import Loop
from sesh.loop.timers import Timers
from sesh.measures import STEADY, Size, stamp
from sesh.queries import Finding
from sesh.schema import Event
from sesh.stored import CheckpointHeader, Facts

if TYPE_CHECKING:
    from typing_extensions import Unpack

MAX_HISTORY = 32 << 10  # characters of commands in a checkpoint; older ones are left out


class Session:
    """The session's parts, in the order that bytes pass them.

    Only `description.change` changes `facts`, except for `pid` at the start and `keep` at the end.
    """

    def __init__(self, facts: Facts, size: Size, pty: Pty | None) -> None:
        self.facts, self.life, self.faults = facts, Life(self._ended), FaultLog()
        self.loop = Loop(self.faults.note)
        self.log = OutputLog()
        self.log.retained = self.retained
        self.model = Model(self.log, size[0], size[1], self.faults.note, facts["scrollback"], self.life)
        self.model.resize(*size)
        self.clients = Clients(size, self._resize)
        self.relay = Relay(self.log, self.model, self.clients, self.loop, self._terminal_flags)
        self.relay.paced = self.pace
        self.relay.reports = lambda since, until, every: self.activity.reports.sequences(since, until, every=every)
        self.pump = Pump(self.log, self.loop, self.life, self._printed, self._shown, self._wake)
        if pty is not None:
            self.pump.attach(pty)
        self.events = Events(self._happened, self.loop.soon)
        self.notifications = Notifications(facts, self.clients, self.timers, self.faults)
        self.activity = Activity(facts, self.pump, self.timers, self.model, self.emit, self._activity_checked)
        self.runs = RunQueue(facts, self.pump, self.timers, self.emit, lambda: self.activity.ends_by_interrupt)
        self.waits = Waits(self.pump, self.timers, self.activity, lambda: self.runs.active is not None)
        answering = Answering(self.pump, self.model, self.clients, self.timers, self.runs.no_answers)
        marks = CommandMarks(facts, self.pump, self.runs.history, self.emit, self.runs.owns_mark)
        self.findings = Findings(answering, self.activity, marks, self.pump, self.emit)
        self.checkpoints = Checkpointer(facts["id"], self.log, self.model, self.timers, self._checkpoint_header)
        self.emit("created", command=shorten(facts["command"]), directory=facts["directory"])

    def begin(self, pty: Pty) -> None:
        """Attach the pty of the program, which has just started."""
        self.facts["pid"] = pty.pid
        self.pump.attach(pty)
        self.activity.wake()

    @property
    def retained(self) -> int:
        """Bytes of output to keep for clients that reconnect."""
        return JOB_RETAINED if self.facts["job"] else RETAINED

    @property
    def timers(self) -> Timers:
        return self.loop.timers

    @property
    def name(self) -> str:
        return self.facts["name"]

    @property
    def running(self) -> bool:
        return self.life.running

    @property
    def pty(self) -> Pty | None:
        """The program's pty, maybe closed; None before the start, and in a session loaded after its end."""
        return self.pump.pty

    def emit(self, event: str, /, **facts: Unpack[Event]) -> None:
        self.events.add(event, self.name, **facts)

    def pace(self) -> None:
        """Read from the program unless its readers lag too far; trim the log."""
        self.pump.pace(paused=self.relay.paused())
        self.relay.trim()

    def note_typing(self, keys: bytes) -> None:
        """Note that a request has typed keys."""
        self.pump.last_activity = STEADY.now()
        self.activity.typed(keys)

    def checkpoint_soon(self, seconds: float) -> None:
        """Schedule a checkpoint, if the session has them; a failure schedules a later one."""
        if self.facts["persist"] and self.running:
            self.timers.ensure("checkpoint", seconds, self.checkpoints.write_if_due)

    # -- callbacks of the parts

    def _printed(self, findings: list[Finding], start: int) -> None:
        """Handle findings, then deliver the block: a query is assigned to its answerer before it is sent."""
        self._wake()
        if findings:
            self.findings.handle(findings, start)
        self._shown()

    def _shown(self) -> None:
        """Deliver bytes that were appended to the log."""
        self.relay.deliver()
        self.loop.soon(self.pace)
        self.checkpoint_soon(CHECKPOINT_AFTER)

    def _wake(self) -> None:
        """Note output or typing."""
        self.activity.wake()
        self.waits.wake()

    def _resize(self, size: Size) -> None:
        if self.pty is not None and self.pty.descriptor >= 0:
            self.pty.resize(*size)
        reshaped = size[:2] != (self.model.columns, self.model.rows)
        self.model.resize(*size)
        if reshaped:
            self.relay.resized()
        self.emit("resized", columns=size[0], rows=size[1])
        self.findings.answering.resized()

    def _happened(self, event: Event) -> None:
        if not self.clients:
            self.events.missed.note(event, by_request=self.activity.ends_by_interrupt)
        if event["event"] == "command_started":
            self.activity.command_started()
        if event["event"] != "exited" or not self.life.end.by_request:
            self.faults.guard(self.notifications.event, "notifications", event)

    def _activity_checked(self) -> None:
        self.waits.activity_checked()

    def _ended(self) -> None:
        self.relay.program_ended()

    def _terminal_flags(self) -> int:
        return self.pty.flags() if self.pty is not None else 0

    def _checkpoint_header(self) -> CheckpointHeader:
        """Return the header of a checkpoint."""
        running_here = machine.LINUX and self.running
        return {
            "written": stamp(time.time()),
            "last_activity": stamp(STEADY.wall_time(self.pump.last_activity)),
            "cwd": processes.directory_of(self.facts["pid"]) if running_here else "",
            "title": self.findings.title,
            "history": self.runs.history.newest(MAX_HISTORY),
        }
