"""One session: builds its parts and connects them."""

from __future__ import annotations

from dataclasses import replace

from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.notifications import Notifications
from sesh.daemon.base.facts import Facts
from sesh.daemon.base.faults import FaultLog
from sesh.daemon.base.phase import Life
from sesh.daemon.clients.client import Clients
from sesh.daemon.clients.events import Events, shorten
from sesh.daemon.clients.relay import Relay
from sesh.daemon.findings import Findings
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from sesh.daemon.replier import Replier
from sesh.daemon.screen.model import Model
from sesh.daemon.screen.reports import Reports
from sesh.daemon.shell.command_marks import CommandMarks
from sesh.daemon.shell.queue import RunQueue
from sesh.daemon.watching.checkpoint import Checkpointer
from sesh.daemon.watching.waits import Waits
from sesh.loop.loop import Loop
from sesh.schema.facts import Event
from sesh.text.sizes import Size


class Session:
    """The session's parts; each calls later ones only as `_connect` lists.

    `Pump.filter` is an exception: `RunQueue` sets it at the first `run`. The server sets `changed` of a connection.
    """

    def __init__(self, facts: Facts, size: Size, pty: Pty, reports: Reports | None = None) -> None:
        """Build the parts as local variables: mypy finds one used before it is built."""
        self.facts = facts
        reports = reports or Reports()
        self.life = life = Life()
        self.faults = faults = FaultLog()
        self.loop = loop = Loop(faults.note)
        timers = loop.timers
        log = OutputLog(job=facts.job)
        self.pump = pump = Pump(log, loop, life)
        self.model = model = Model(log, size[0], size[1], faults.note, facts.scrollback, life)
        model.resize(*size)
        self.clients = clients = Clients(size)
        self.relay = Relay(pump, model, clients, reports, loop)
        self.events = events = Events(facts, loop.soon)
        self.notifications = Notifications(facts, clients, timers, faults)
        self.activity = activity = Activity(facts, pump, timers, model, reports, events)
        self.runs = runs = RunQueue(facts, pump, timers, events, faults)
        self.waits = Waits(pump, timers, activity, runs)
        self.findings = findings = Findings(activity, CommandMarks(facts, pump, runs, events), pump, events)
        self.checkpoints = Checkpointer(facts, pump, model, timers, findings, runs)
        self._connect(Replier(pump, model, clients, timers, runs))
        events.add("created", command=shorten(facts.command), directory=facts.directory)
        if pty.is_open:
            self.begin(pty)

    def _connect(self, replier: Replier) -> None:
        """Connect parts to later ones, which they call in this order."""
        faults = self.faults
        pump = self.pump
        self.life.on_end.connect(faults, self.relay.finish)
        woken = self.activity.wake, self.waits.wake
        pump.on_output.connect(faults, self.relay.deliver, self.checkpoints.schedule, *woken)
        pump.on_input.connect(faults, *woken)
        pump.on_taken.connect(faults, self.relay.echoes.acknowledge_all)
        pump.on_finding.connect(faults, replier.handle, self.findings.handle)
        self.model.local_positions = self.relay.local_positions
        self.clients.on_resize.connect(faults, pump.resize, self.relay.resize, self._note_resize, replier.report_size)
        self.events.on_event.connect(faults, self._note_event)
        self.runs.before_line.connect(faults, self.activity.note_lines)
        self.activity.on_check.connect(faults, self.waits.check_questions)

    def _note_resize(self, size: Size) -> None:
        self.events.add("resized", columns=size[0], rows=size[1])

    def _note_event(self, event: Event) -> None:
        if not self.clients:
            self.events.missed.note(event, by_request=self.life.interrupted)
        if event["event"] == "command_started":
            self.activity.note_command()
        if event["event"] != "exited" or not self.life.end.by_request:
            self.notifications.note_event(event)

    def begin(self, pty: Pty) -> None:
        self.facts.update(replace(self.facts, pid=pty.pid))
        self.pump.pty = pty
        self.activity.wake()

    @property
    def name(self) -> str:
        return self.facts.name
