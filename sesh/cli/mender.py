"""A job's waiter whose link is lost: brought back to the job, or told how it ended."""

from __future__ import annotations

import time

from sesh.cli import reach, show
from sesh.client.mending import pauses
from sesh.errors import Ended, InternalError, TimedOut, Unreachable
from sesh.remote.link import Link

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.cli.waiter import Found
    from sesh.remote.destination import Destination
    from sesh.wire import Connection


class Mender:
    """Gets a waiter back to its job: again and again, at growing intervals."""

    def __init__(self, destination: Destination, name: str) -> None:
        self._destination, self._name = destination, name

    def __call__(self, broken: Connection, number: str, since: int, heard: float) -> Found:
        """A new connection to the session, or its result. Raises InternalError where it was not the link that broke.

        Ctrl-C ends it at any moment, by whatever the waiter raises in its handler.
        """
        word, name = self._destination.word, self._name
        lost = not isinstance(broken, Link) or broken.broken()
        broken.close()
        if not lost or not number:
            raise InternalError(f"the daemon of {name} on @{word} died, and the job's exit code with it")
        show.note(f"the link to @{word} is lost; {name} goes on there, and sesh tries to come back to it")
        for pause in pauses():
            time.sleep(pause)
            try:
                through = reach.back(name, word, number, since, heard)
            except (Unreachable, TimedOut):
                continue
            except Ended as ended:
                return None, dict(ended.result), ended.output
            show.note(f"the link to @{word} stands again")
            return through, None, b""
        raise Unreachable(f"@{word} did not come back; to wait on: sesh @{word} --wait {name} --exit")
