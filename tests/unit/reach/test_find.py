"""A session is found, or it is said what has become of it."""

from __future__ import annotations

from pathlib import Path
from threading import Thread

import pytest

from sesh.errors import NotFound
from sesh.reach import find
from sesh.store import records
from sesh.system import paths
from sesh.wire.connection import listen
from sesh.wire.messages import LOGS
from tests.support import data


@pytest.mark.parametrize("leaves_a_record", [True, False])
def test_a_daemon_that_ends_before_it_responds_has_ended(sessions: Path, *, leaves_a_record: bool) -> None:
    """A reader was told that the daemon had closed the connection."""
    records.write(data.record("work"))
    with listen("work.sock", 1) as listening:

        def end() -> None:
            daemon, _ = listening.accept()
            if leaves_a_record:
                records.write(data.record("work", exit_code=3))
            else:
                (sessions / "work.json").unlink()
            (sessions / "work.sock").unlink()
            daemon.close()

        daemon = Thread(target=end)
        daemon.start()
        with pytest.raises(NotFound, match="work exited 3" if leaves_a_record else paths.absent("work").message):
            find.request("work", LOGS)
        daemon.join()
