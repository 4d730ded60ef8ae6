"""The Python API: named shell sessions, here and on any host that ssh reaches.

    from sesh import Session, sessions

    work = Session.open("work")
    result = work.run("cd /src && make", timeout=600)
    print(result.exit_code, result.output)

The command line calls the same functions. Errors are those of `sesh.errors`: each has a `code` for programs
(`not_found`, `busy`, `timeout`, `unreachable`…), and a one-line message that says what happened and what to do.
"""

from __future__ import annotations

from sesh.api.desktop import browse, copy, paste
from sesh.api.session import Met, Result, Sent, Session, execute, sessions
from sesh.errors import SeshError
from sesh.system.workers import Stop

__all__ = [
    "Met", "Result", "Sent", "SeshError", "Session", "Stop", "browse", "copy", "execute", "paste", "sessions",
]  # fmt: skip
