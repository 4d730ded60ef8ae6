"""The first frames of a connection to a daemon or a bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sesh.wire.connection import Connection, hello_frame
from sesh.wire.messages import Hello, Welcome

if TYPE_CHECKING:
    from typing_extensions import Unpack


def greet(
    connection: Connection, role: str = "request", /, deadline: float | None = None, **more: Unpack[Hello]
) -> Welcome:
    """Send HELLO; return the WELCOME."""
    connection.send(hello_frame(role, **more), deadline)
    return connection.expect_welcome(deadline)
