"""Says how many sessions run what was installed before, at the end of `make install`."""

from sesh import paths
from sesh.errors import SeshError
from sesh.store import records


def running() -> int:
    """The number of sessions of this user on this machine; 0 if their directory is not to be trusted."""
    try:
        all_records = [records.readable(name) for name in paths.names()]
    except (SeshError, OSError):
        return 0
    return sum(record is not None and records.here(record) and records.alive(record) for record in all_records)


if count := running():
    sessions = "1 session runs" if count == 1 else f"{count} sessions run"
    print(f"note: {sessions} what was installed before; to move them to this: sesh --reload")
