"""One session: the parts that its bytes pass through, built and connected here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sesh.daemon.activity.activity import Activity
from sesh.daemon.activity.hook import Hook
from sesh.daemon.activity.notifications import Notifications
from sesh.daemon.answering import Answering
from sesh.daemon.clients.registry import Clients
from sesh.daemon.clients.relay import Relay
from sesh.daemon.events import Events, shorten
from sesh.daemon.findings import Findings
from sesh.daemon.phase import Life
from sesh.daemon.pty.output_log import OF_JOB, RETAINED, OutputLog
from sesh.daemon.pty.pty import Pty
from sesh.daemon.pty.pump import Pump
from sesh.daemon.screen.emulation import Emulation
from sesh.daemon.screen.model import Model
from sesh.daemon.shell.history import CommandMarks
from sesh.daemon.shell.queue import RunQueue
from sesh.daemon.topics import Topics
from sesh.log import FaultLog
from sesh.loop.loop import Loop
from sesh.loop.timers import Timers
from sesh.measures import Size
from sesh.moments import STEADY
from sesh.schema import Event
from sesh.stored import Facts

if TYPE_CHECKING:
    from typing_extensions import Unpack


class Session:
    """The session's parts, made in the order of its bytes. `facts` change by `description.change` alone, save `pid` at
    the start, and `keep` at the end."""

    def __init__(self, facts: Facts, size: Size, pty: Pty | None) -> None:
        self.facts, self.life, self.faults, self.topics = facts, Life(), FaultLog(), Topics()
        self.loop = Loop(self.faults.note)
        self.log = OutputLog()
        self.log.retained = OF_JOB if facts["job"] else RETAINED
        self.model = Model(self.log, size[0], size[1], self.faults.note, facts["scrollback"], self.life)
        self.model.resize(*size)
        self.clients = Clients(size, self.topics.resized)
        self.relay = Relay(self.log, self.model, self.clients, self.loop, self._terminal_flags)
        self.pump = Pump(self.log, self.loop, self.life, self.topics)
        if pty is not None:
            self.pump.attach(pty)
        self.events = Events(self.topics.happened, self.loop.soon)
        self.hook = Hook(facts, self.faults)
        self.activity = Activity(facts, self.pump, self.timers, self.model, self.emit, self.topics.looked)
        self.runs = RunQueue(facts, self.pump, self.timers, self.emit, lambda: self.activity.ends_by_interrupt)
        answering = Answering(self.pump, self.model, self.clients, self.timers, self.runs.no_answers)
        marks = CommandMarks(facts, self.pump, self.runs.history, self.emit, self.runs.owns_mark)
        self.findings = Findings(answering, self.activity, marks, self.pump, self.emit)
        self._subscribe(answering)
        self.emit("created", command=shorten(facts["command"]), directory=facts["directory"])

    def _subscribe(self, answering: Answering) -> None:
        """Subscribe the parts to topics: the one list of who is called when, in the order of the calls."""
        topics, relay = self.topics, self.relay
        notifications = Notifications(self.facts, self.clients, self.timers, self.hook.start)

        def tell(event: Event) -> None:
            if event["event"] != "exited" or not self.life.end.by_request:
                self.faults.guard(notifications.event, "notifications", event)

        emulation = Emulation(self.model, self.timers, topics.stepped)
        topics.found.subscribe(self.findings.handle)
        topics.added.subscribe(relay.deliver, emulation.stir, lambda: self.loop.soon(self.pace))
        topics.stirred.subscribe(self.activity.wake)
        topics.resized.subscribe(self._resize, lambda _: answering.resized())
        topics.stepped.subscribe(self._stepped)
        topics.happened.subscribe(self._happened, tell)
        self.life.ended.subscribe(emulation.stir, self._serve_soon)  # for those who wait for a screen behind an image
        relay.paced = self.pace
        relay.reports = lambda since, until, every: self.activity.reports.sequences(since, until, every=every)

    def begin(self, pty: Pty) -> None:
        """Take the terminal of the program, which was started just now."""
        self.facts["pid"] = pty.pid
        self.pump.attach(pty)
        self.activity.wake()

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

    def emit(self, event: str, /, **facts: Unpack[Event]) -> None:
        """Report an event."""
        self.events.add(event, self.name, **facts)

    def pace(self) -> None:
        """Read from the program unless it is to wait for somebody, and drop output that every reader has passed."""
        self.pump.pace(paused=self.relay.paused())
        self.relay.trim()

    def sent(self, keys: bytes) -> None:
        """Note that a person or a script has sent the program keys."""
        self.pump.last_activity = STEADY.now()
        self.activity.typed(keys)

    def _serve_soon(self) -> None:
        self.loop.soon(self.relay.serve)

    def _stepped(self) -> None:
        """Go on with those who wait for the emulator, which has come further."""
        self.loop.soon(self.pace)
        if self.relay.waited_for:
            self._serve_soon()

    def _terminal_flags(self) -> int:
        return self.pty.flags() if self.pty is not None else 0

    def _resize(self, size: Size) -> None:
        if self.pty is not None and self.pty.descriptor >= 0:
            self.pty.resize(*size)
        reshaped = size[:2] != (self.model.columns, self.model.rows)
        self.model.resize(*size)
        if reshaped:
            self.relay.resized()
        self.emit("resized", columns=size[0], rows=size[1])

    def _happened(self, event: Event) -> None:
        if not self.clients:
            self.events.missed.note(event, by_request=self.activity.ends_by_interrupt)
        if event["event"] == "command_started":
            self.activity.began()
