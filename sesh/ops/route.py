"""The way to the daemon of a session on this machine; `remote_route` is the one to a session on a host."""

from __future__ import annotations

from sesh.errors import Lost
from sesh.ops import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.wire import Connection


class Route:
    """Connections to sessions here, which break only with the daemon."""

    host: str | None = None
    reconnects = False
    """Whether a connection that raises Lost can be had again."""

    def connect(self, name: str) -> Connection:
        """A connection to a session that must be there. Raises as `find.required` does."""
        return find.required(name)

    def reconnect(self, broken: Connection, since: int) -> Connection:
        """A new connection to the same session in the place of one that raised Lost, which is closed.

        `since`: the first byte of output that is missing. Raises Ended where the session has ended meanwhile. A local
        connection never raises Lost.
        """
        raise Lost("the connection is lost", hint=f"see: $sesh --status {broken.welcome.get('name')}")

    def cut(self) -> None:
        """Ends the connection from another thread: whoever reads it sees its end."""
