"""How a verb gets to the daemon of a session: here, at once. For a session of another host see `across`."""

from __future__ import annotations

from sesh.errors import Lost
from sesh.ops import caller, find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.wire import Connection


class Way:
    """The way to the sessions of this machine; it breaks only with the daemon."""

    heals = False
    """Whether a connection that raises Lost can be had again."""

    @property
    def host(self) -> str | None:
        """The host of the sessions, as the person named it; None for this machine and nobody elsewhere."""
        return caller.host()

    def to(self, name: str) -> Connection:
        """A connection to a session that must be there. Raises as `find.required` does."""
        return find.required(name)

    def again(self, broken: Connection, since: int) -> Connection:
        """A new connection to the same session in the place of one that raised Lost, which is closed.

        `since`: the first byte of output that is missing. Raises Ended where the session has ended meanwhile. Here no
        connection ever raises Lost.
        """
        raise Lost("the connection is lost", hint=f"see: $sesh --status {broken.welcome.get('name')}")


HERE = Way()
