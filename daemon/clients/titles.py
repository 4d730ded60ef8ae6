"""Titles of clients' windows, which tell what runs in the session: the program's own title, or its command.

Nothing is polled: the foreground can only have changed unseen when output came, as an echo or a prompt does, so it is
looked at once some time after that.
"""

from __future__ import annotations

from sesh import protocol, wording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.daemon.clients.connection import Client
    from sesh.daemon.clients.registry import Clients
    from sesh.loop.timers import Timers
    from sesh.schema import Foreground

SETTLED = 0.2
"""Seconds after output came until the foreground is looked at: a shell starts a command after it has echoed it."""
LONGEST, MOST_WORDS = 200, 50
"""Characters of a title, words of a command in it."""


class Titles:
    """Tells the clients that want it which program runs, whenever that has changed.

    `current` returns the session's name, and what runs.
    """

    def __init__(self, clients: Clients, timers: Timers, current: Callable[[], tuple[str, str]]) -> None:
        self._clients, self._timers, self._current = clients, timers, current
        self._wanted = False
        self._told: dict[Client, tuple[str, str]] = {}

    def watch(self) -> None:
        """Notes whether any client wants to know what runs; called after one has come or gone."""
        self._told = {client: title for client, title in self._told.items() if client in self._clients.all}
        self._wanted = any(client.titled for client in self._clients.all)

    def tell_soon(self) -> None:
        """Has `tell` called when what was read so far is on its way to the clients."""
        self._timers.ensure("title", 0, self.tell)

    def look_soon(self) -> None:
        """Has `tell` called some time after output came."""
        if self._wanted:
            self._timers.ensure("foreground", SETTLED, self.tell)

    def tell(self) -> None:
        """Tells the clients that do not know it yet which program runs."""
        name, text = shown = self._current()
        for client in self._clients.all:
            if client.titled and self._told.get(client) != shown:
                self._told[client] = shown
                client.connection.queue(protocol.message(protocol.TITLE, {"name": name, "text": text}))


def what_runs(title: str, titled_by: int, foreground: Foreground | None) -> str:
    """The title, if the program that set it (`titled_by`) has the terminal, be it the shell; else its command."""
    titled = title and (foreground["pid"] if foreground else 0) == titled_by
    command = wording.command_line(foreground["command"][:MOST_WORDS] if foreground else [])
    return wording.one_line(title if titled or not command else command)[:LONGEST]
