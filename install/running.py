"""running.py VENV: for `make install`, tell how many sessions run VENV's earlier sesh."""

import os
import sys

from sesh import machine, paths
from sesh.errors import SeshError
from sesh.store import records


def living() -> dict[str, int]:
    """Return the daemons' pids by session name. Raises SeshError, OSError."""
    known = {name: records.readable(name) for name in paths.names()}
    return {
        name: record["daemon_pid"]
        for name, record in known.items()
        if record and records.here(record) and records.alive(record)
    }


def runs_from(pid: int, venv: str) -> bool:
    """Return whether a daemon runs from VENV; True if unknown.

    A daemon keeps the directory of its package open, even if the package was replaced since.
    """
    try:
        return any(path.startswith(os.path.realpath(venv) + os.sep) for path in machine.open_paths(pid))
    except FileNotFoundError:  # there is no lsof
        return True


def main(venv: str) -> None:
    try:
        pids = living()
    except (SeshError, OSError):
        return  # the directory is not to be trusted
    if names := [name for name, pid in pids.items() if runs_from(pid, venv)]:
        words = "1 session runs" if len(names) == 1 else f"{len(names)} sessions run"
        moved = "" if len(names) == len(pids) else f" {' '.join(names)}"
        print(f"note: {words} what was installed before; to move them to this: sesh reload{moved}")


if __name__ == "__main__":
    main(*sys.argv[1:])
