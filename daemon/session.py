"""One session: the parts that its bytes pass through, built and connected here."""

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
from sesh.daemon.pty.output_log import OF_JOB, RETAINED, OutputLog
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

MAX_HISTORY = 32 << 10  # characters of the commands that a checkpoint keeps


class Session:
    """The session's parts, made in the order of its bytes. `facts` change by `description.change` alone, save `pid` at
    the start, and `keep` at the end."""

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
        self.activity = Activity(facts, self.pump, self.timers, self.model, self.emit, self._looked)
        self.runs = RunQueue(facts, self.pump, self.timers, self.emit, lambda: self.activity.ends_by_interrupt)
        self.waits = Waits(self.pump, self.timers, self.activity, lambda: self.runs.active is not None)
        answering = Answering(self.pump, self.model, self.clients, self.timers, self.runs.no_answers)
        marks = CommandMarks(facts, self.pump, self.runs.history, self.emit, self.runs.owns_mark)
        self.findings = Findings(answering, self.activity, marks, self.pump, self.emit)
        self.checkpoints = Checkpointer(facts["id"], self.log, self.model, self.timers, self._checkpoint_header)
        self.emit("created", command=shorten(facts["command"]), directory=facts["directory"])

    def begin(self, pty: Pty) -> None:
        """Take the terminal of the program, which was started just now."""
        self.facts["pid"] = pty.pid
        self.pump.attach(pty)
        self.activity.wake()

    @property
    def retained(self) -> int:
        """Bytes of output that stay for clients that come back."""
        return OF_JOB if self.facts["job"] else RETAINED

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
        """The program's terminal; it may be closed. None before the start, and in a session loaded after its end."""
        return self.pump.pty

    def emit(self, event: str, /, **facts: Unpack[Event]) -> None:
        self.events.add(event, self.name, **facts)

    def pace(self) -> None:
        """Read from the program unless it is to wait for somebody, and drop output that every reader has passed."""
        self.pump.pace(paused=self.relay.paused())
        self.relay.trim()

    def sent(self, keys: bytes) -> None:
        """Note that a person or a script has sent the program keys."""
        self.pump.last_activity = STEADY.now()
        self.activity.typed(keys)

    def checkpoint_soon(self, seconds: float) -> None:
        """Write a checkpoint some time from now, if one is due then; later, if that fails."""
        if self.facts["persist"] and self.running:
            self.timers.ensure("checkpoint", seconds, self.checkpoints.write_if_due)

    # -- calls of the parts

    def _printed(self, findings: list[Finding], start: int) -> None:
        """Pass on a block of output. Readers get a query only once it is noted which of them answers it."""
        self._wake()
        if findings:
            self.findings.handle(findings, start)
        self._shown()

    def _shown(self) -> None:
        """Pass on bytes that were added to the log."""
        self.relay.deliver()
        self.loop.soon(self.pace)
        self.checkpoint_soon(CHECKPOINT_AFTER)

    def _wake(self) -> None:
        """Note that the program has printed, or that something is typed."""
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
            self.activity.began()
        if event["event"] != "exited" or not self.life.end.by_request:
            self.faults.guard(self.notifications.event, "notifications", event)

    def _looked(self) -> None:
        self.waits.looked()

    def _ended(self) -> None:
        self.relay.program_ended()

    def _terminal_flags(self) -> int:
        return self.pty.flags() if self.pty is not None else 0

    def _checkpoint_header(self) -> CheckpointHeader:
        """Return the part of a checkpoint that is not its screen."""
        running_here = machine.LINUX and self.running
        return {
            "written": stamp(time.time()),
            "last_activity": stamp(STEADY.wall_time(self.pump.last_activity)),
            "cwd": processes.directory_of(self.facts["pid"]) if running_here else "",
            "title": self.findings.title,
            "history": self.runs.history.newest(MAX_HISTORY),
        }
