"""One session: its parts. Each takes what it needs; the server's turn calls them."""

from __future__ import annotations

from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.notifications import Notifications
from sesh.daemon.base.due import Agenda
from sesh.daemon.base.facts import Facts
from sesh.daemon.base.faults import FaultLog
from sesh.daemon.base.phase import Lifecycle
from sesh.daemon.clients.acks import InputAcks
from sesh.daemon.clients.client import Clients
from sesh.daemon.clients.events import Events, shorten
from sesh.daemon.clients.sender import Sender
from sesh.daemon.desktop.desk import Desk
from sesh.daemon.frames.attached import Attached
from sesh.daemon.frames.findings import Findings
from sesh.daemon.frames.focus_reports import FocusReports
from sesh.daemon.frames.keyboard import Keyboard
from sesh.daemon.frames.query_router import QueryRouter
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.feed import ScreenFeed
from sesh.daemon.screen.program_status import ProgramStatus
from sesh.daemon.shell.command_marks import CommandMarks
from sesh.daemon.shell.history import History
from sesh.daemon.shell.key_watch import KeyWatch
from sesh.daemon.shell.marked_shells import MarkedShells
from sesh.daemon.shell.queue import RunQueue
from sesh.daemon.watching.checkpoint import Checkpointer
from sesh.daemon.watching.waits import Waits
from sesh.schema.facts import Event
from sesh.text.coding import Coding
from sesh.text.sizes import Size


class Session:
    """The parts of a session, built from below."""

    def __init__(
        self,
        facts: Facts,
        size: Size,
        pty: Pty,
        program_status: ProgramStatus | None = None,
        history: History | None = None,
    ) -> None:
        self.facts = facts
        program_status = program_status or ProgramStatus()
        self.life = life = Lifecycle()
        self.faults = faults = FaultLog()
        self.agenda = agenda = Agenda()
        self.log = log = OutputLog(job=facts.job)
        self.pump = pump = Pump(agenda, log, life, Coding.named(facts.coding))
        self.feed = feed = ScreenFeed(agenda, log, size, life, faults, facts.scrollback)
        self.clients = clients = Clients(size)
        self.sender = Sender(log, feed, clients, program_status, faults)
        self.acks = acks = InputAcks(agenda, pump, feed, clients)
        self.events = events = Events(facts)
        self.notifications = Notifications(agenda, facts, clients, faults)
        self.marked_shells = marked_shells = MarkedShells()
        self.activity = activity = Activity(agenda, facts, pump, feed, program_status, marked_shells, events)
        self.history = history = history or History()
        self.runs = runs = RunQueue(agenda, facts, pump, history, events, faults, KeyWatch(facts, pump, feed))
        self.waits = Waits(agenda, pump, activity, runs)
        self.queries = queries = QueryRouter(agenda, pump, feed, clients, runs)
        marks = CommandMarks(facts, pump, marked_shells, runs, history, events)
        self.focus = focus = FocusReports(agenda, pump, feed, clients)
        self.findings = findings = Findings(activity, marks, pump, events, queries, focus)
        self.checkpoints = Checkpointer(agenda, facts, pump, feed, findings, history)
        self.keyboard = keyboard = Keyboard(pump, clients, acks, activity, focus, faults)
        self.attached = Attached(facts, pump, feed, clients, events, keyboard, focus)
        self.desk = Desk(agenda, facts, clients, events, pump)
        self.planned_to = 0  # the position up to which `plan` has seen the output
        events.add("created", command=shorten(facts.command), directory=facts.directory)
        if pty.is_open:
            self.begin(pty)

    def begin(self, pty: Pty) -> None:
        """Take over the program's terminal."""
        self.facts.pid = pty.pid
        self.pump.pty = pty
        self.activity.wake()

    def read_output(self) -> bool:
        """Read the program's output into the log, and handle what is found in it; return False if there was none."""
        block = self.pump.read()
        for piece in self.runs.visible(block):
            if self.events.new:
                self.note_events()  # a command that has started ends what was declared before, and not what it prints
            for finding in self.pump.append(piece):
                self.faults.guard(self.findings.handle, "a finding", finding)
        return bool(block)

    def plan(self) -> None:
        """Have what is to be done with new output planned: to draw it, and to write a checkpoint."""
        self.planned_to = self.log.head
        self.feed.plan()
        self.checkpoints.plan()

    def note_events(self) -> None:
        """Have the new events counted for those who are away, and told if they are to be told."""
        for event in self.events.take_new():
            self.faults.guard(self._note_event, "an event", event)

    def _note_event(self, event: Event) -> None:
        if not self.clients:
            self.events.missed.note(event, by_request=self.life.interrupted)
        if event["event"] == "command_started":
            self.activity.note_command()
        if event["event"] != "exited" or not self.life.end.by_request:
            self.notifications.note_event(event)

    @property
    def name(self) -> str:
        return self.facts.name
