"""The first frames of a connection to a daemon or a bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sesh import wire
from sesh.messages import Hello, Welcome

if TYPE_CHECKING:
    from typing_extensions import Unpack


def greet(
    connection: wire.Connection, role: str = "request", /, deadline: float | None = None, **more: Unpack[Hello]
) -> Welcome:
    """Send HELLO; return the WELCOME."""
    connection.send(wire.hello_frame(role, **more), deadline)
    return connection.expect_welcome(deadline)
