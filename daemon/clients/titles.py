"""What runs in the session, as clients show it in the title of their window: the program's own title, or its command.

Nothing is polled: the foreground can only have changed unseen where output came, as an echo or a prompt does, so it is
looked at once some time after that.
"""

from __future__ import annotations

from sesh import protocol, wording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from sesh.daemon.clients.relay import Relay
    from sesh.schema import Foreground

    class Owner(Protocol):
        """`title`: what the program last asked for; `titled_by`: the foreground process group at that time."""

        title: str
        titled_by: int

        @property
        def name(self) -> str: ...

        def foreground(self) -> Foreground | None:
            """The program that has the terminal."""


SETTLED = 0.2
"""Seconds after output came until the foreground is looked at: a shell starts a command after it has echoed it."""
LONGEST, MOST_WORDS = 200, 50
"""Characters of a title, words of a command in it."""


class Titles:
    """Tells the clients that want it what runs, whenever that is something else than they were told."""

    def __init__(self, owner: Owner, relay: Relay) -> None:
        self._owner, self._relay = owner, relay

    def watch(self) -> None:
        """Begins where the first client wants to know, ends with the last one."""
        wanted = any(client.titled for client in self._relay.clients.all)
        self._relay.on_output = self._look_soon if wanted else None

    def tell_soon(self) -> None:
        """Has `tell` called when what was read so far is on its way to the clients."""
        self._relay.timers.ensure("title", 0, self.tell)

    def _look_soon(self) -> None:
        self._relay.timers.ensure("foreground", SETTLED, self.tell)

    def tell(self) -> None:
        """Tells those that do not know it what runs."""
        name, text = self._owner.name, self._runs()
        for client in self._relay.clients.all:
            if client.titled and client.told != (name, text):
                client.told = (name, text)
                client.connection.queue(protocol.message(protocol.TITLE, {"name": name, "text": text}))

    def _runs(self) -> str:
        """The title, if the program that set it has the terminal, be it the shell; else the command that has it."""
        foreground = self._owner.foreground()
        titled = self._owner.title and (foreground["pid"] if foreground else 0) == self._owner.titled_by
        command = wording.command_line(foreground["command"][:MOST_WORDS] if foreground else [])
        return wording.one_line(self._owner.title if titled or not command else command)[:LONGEST]
