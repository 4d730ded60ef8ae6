"""Titles of clients' windows, which tell what runs in the session: the program's own title, or its command.

Nothing is polled: the foreground can only have changed unseen when output came, as an echo or a prompt does, so it is
looked at once some time after that.
"""

from __future__ import annotations

from sesh import protocol, wording

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from sesh.daemon.clients.registry import Clients
    from sesh.loop.timers import Timers
    from sesh.schema import Foreground

SETTLED = 0.2
"""Seconds after output came until the foreground is looked at: a shell starts a command after it has echoed it."""
LONGEST, MOST_WORDS = 200, 50
"""Characters of a title, words of a command in it."""


class Titles:
    """Tells the clients that want it which program runs, whenever that has changed; there while any wants it.

    `current` returns the session's name, and the arguments of `what_runs`.
    """

    def __init__(
        self, clients: Clients, timers: Timers, current: Callable[[], tuple[str, str, int, Foreground | None]]
    ) -> None:
        self._clients, self._timers, self._current = clients, timers, current

    def look_soon(self) -> None:
        """Has `tell` called some time after output came."""
        self._timers.ensure("foreground", SETTLED, self.tell)

    def tell(self) -> None:
        """Tells the clients that do not know it yet which program runs."""
        name, title, titled_by, foreground = self._current()
        text = what_runs(title, titled_by, foreground)
        for client in self._clients.all:
            if client.titled and client.title != (name, text):
                client.title = name, text
                client.connection.queue(protocol.message(protocol.TITLE, {"name": name, "text": text}))


def what_runs(title: str, titled_by: int, foreground: Foreground | None) -> str:
    """The title, if the program that set it (`titled_by`) has the terminal, be it the shell; else its command."""
    titled = title and (foreground["pid"] if foreground else 0) == titled_by
    command = wording.command_line(foreground["command"][:MOST_WORDS] if foreground else [])
    return wording.one_line(title if titled or not command else command)[:LONGEST]
