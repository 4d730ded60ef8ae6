"""The daemon's side of the program: its output taken in and watched, its queries settled, its input typed."""

from __future__ import annotations

import os
import time

from sesh import protocol
from sesh.daemon.clients.client import ACKNOWLEDGE_AT, Client
from sesh.daemon.pty.answers import answer, needs_terminal
from sesh.daemon.session import LONGEST_TITLE

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

    from sesh.daemon.pty.queries import Finding
    from sesh.daemon.session import Session

QUIET = frozenset(("title", "cwd", "bell", "notification", "mark", "private"))
"""What the watch finds that is no query."""
OWN = frozenset(("answers", "run"))
"""Writers of the daemon's own, who begin no line that a person would go on with."""
QUIET_ENOUGH = 1.0
"""Seconds after output came, when it is asked whether a checkpoint is due."""
HOLD = 0.1
"""Seconds for which an unfinished reply of a terminal is kept back."""


class Pump:
    """Moves bytes between the pty and the session's log and input queue."""

    def __init__(self, session: Session) -> None:
        self.session = session
        self.open = session.pty is not None
        self.even = False
        """Whether all that was read last has gone to all who are to have it, and asked for nothing else."""

    def take(self) -> bool:
        """Reads what the program has written and passes it on; False where there was nothing to read."""
        session = self.session
        self.even = False
        if session.pty is None or not self.open:
            return False
        blocks, self.open = session.pty.read()
        if not blocks:
            return False
        block = blocks[0] if len(blocks) == 1 else b"".join(blocks)
        if session.runs is not None:
            block = session.runs.sift(block)
            if not block:
                return True
        start = session.log.head
        findings = session.scanner.find(block)
        session.log.append(block)
        session.last_activity = time.time()
        session.timers.ensure("checkpoint", QUIET_ENOUGH, session.look)
        if session.waits is not None and session.waits.all:
            session.waits.stirred()
        for finding in findings:
            if finding.kind in QUIET:
                self._noted(finding, start + finding.end)
            else:
                self._queried(finding, start + finding.end)
        self.even = session.relay.added(block) and not findings and session.runs is None and self.open
        return True

    def _noted(self, finding: Finding, position: int) -> None:
        """Keeps what the program told: its title, what nobody was there to see, and all of it among the events."""
        session = self.session
        kind, name = finding.kind, session.name
        if kind == "title":
            title = _plain(finding.body)
            if title != session.title:
                session.title = title
                session.events.add("title", name, title=title)
        elif kind == "bell":
            session.events.add("bell", name)
        elif kind == "notification":
            session.events.add("notification", name, text=_plain(finding.body))
        elif kind == "mark":
            session.marked(finding.body, position)

    def _queried(self, finding: Finding, position: int) -> None:
        """Leaves a query to the terminal of the last active client, or answers it where there is none."""
        session = self.session
        client = session.clients.asked(session.log)
        if client is not None:
            client.replies.asked(finding.kind, time.monotonic())
            return
        if session.runs is not None and session.runs.deaf:
            return
        terminal = None
        if needs_terminal(finding.kind):
            session.model.reach(position)
            terminal = session.model.emulator
        reply = answer(finding.kind, finding.body, terminal)
        if reply:
            self.type("answers", reply, None)

    def type(self, writer: Hashable, data: bytes, done: Callable[[bool], None] | None) -> None:
        """Queues bytes for the program, and writes what it takes now; at once where nothing else waits."""
        if writer not in OWN:
            self.session.drafted(data)
        taken = self._begin(data)
        if taken < len(data) or self.session.input.size:
            self.session.input.add(writer, data[taken:], done)
            self.write()
        elif done is not None:
            done(True)

    def _begin(self, data: bytes) -> int:
        """Writes at once as much as the program takes: the number of bytes, none where others wait."""
        session = self.session
        if session.input.size or session.pty is None or not data:
            return 0
        try:
            return session.pty.write(data)
        except OSError:
            return 0  # its terminal is gone: `write` finds that too

    def write(self) -> None:
        """Writes what waits, as far as the program takes it."""
        session = self.session
        if session.pty is None or session.pty.descriptor < 0:
            session.input.clear()
            return
        try:
            session.input.drain(session.pty.write)
        except OSError:
            session.input.clear()  # its terminal is gone; that it has ended is told by its wait status

    def receive(self, client: Client, payload: bytes) -> bool:
        """Takes an INPUT frame: what came before is not taken again, replies that nobody waits for are left out.

        True where the program has it and that was all: nothing has changed that anybody waits for.
        """
        number, data = protocol.split_number(payload)
        if number <= client.sequence:
            return False
        session = self.session
        client.sequence = number
        if client.read_only or not session.running:
            self.acknowledge(client, number, len(data), at_once=True)
            return False
        passed = client.replies.filter(data, time.monotonic())
        alone = session.runs is None
        if client.replies.typed:
            alone = not session.clients.typed(client) and alone
            if session.runs is not None:
                session.runs.key_pressed()
            session.last_activity = time.time()
        self.hold(client)
        session.drafted(passed)
        taken = self._begin(passed)
        if taken < len(passed) or session.input.size:
            session.input.add(client.number, passed[taken:], Taken(self, client, number, len(data)))
            self.write()
            return False
        self.acknowledge(client, number, len(data), at_once=False)
        return alone and not client.connection.unsent

    def hold(self, client: Client) -> None:
        """Keeps an unfinished reply back for a moment, where there is one."""
        if client.replies.held:
            self.session.timers.set(("held", client.number), HOLD, lambda: self._release(client))

    def _release(self, client: Client) -> None:
        """Lets go of an unfinished reply that was none."""
        data = client.replies.release()
        if data and client in self.session.clients.all:
            self.type(client.number, data, None)

    def acknowledge(self, client: Client, number: int, size: int, *, at_once: bool) -> None:
        """Tells a client that the program has its INPUT: with the next output, or alone where much is on its way."""
        client.unacknowledged += size
        if client.connection.closed:
            return
        client.connection.acknowledge(number)
        if at_once or client.unacknowledged >= ACKNOWLEDGE_AT:
            client.unacknowledged = 0
            client.connection.settle()
            client.connection.flush()

    def use_agent(self, link: str) -> None:
        """Points the session's agent link at the newest live client's agent; the last one stays where none has any."""
        for client in sorted(self.session.clients.all, key=lambda each: -each.number):
            if client.auth_sock and client.auth_sock != link and os.path.exists(client.auth_sock):
                point(link, client.auth_sock)
                return


class Taken:
    """What is done when the program has taken in one INPUT of a client's."""

    __slots__ = ("client", "number", "pump", "size")

    def __init__(self, pump: Pump, client: Client, number: int, size: int) -> None:
        self.pump, self.client, self.number, self.size = pump, client, number, size

    def __call__(self, _whole: bool) -> None:
        self.pump.acknowledge(self.client, self.number, self.size, at_once=False)


def _plain(body: bytes) -> str:
    """Text that a program chose, without controls and of bounded length."""
    return "".join(each for each in body.decode("utf-8", "replace") if each.isprintable())[:LONGEST_TITLE]


def point(link: str, target: str) -> None:
    """Makes `link` a symbolic link to `target`, in one step."""
    temporary = f"{link}.{os.getpid()}"
    try:
        os.symlink(target, temporary)
        os.replace(temporary, link)
    except OSError:
        if os.path.islink(temporary):
            os.unlink(temporary)
