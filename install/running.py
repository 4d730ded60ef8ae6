"""running.py VENV: says how many sessions run what was installed in VENV before, at the end of `make install`."""

import os
import subprocess
import sys

from sesh import machine, paths, processes
from sesh.errors import SeshError
from sesh.store import records


def living() -> dict[str, int]:
    """The pids of the daemons of this directory of sessions, by the sessions' names. Raises SeshError, OSError."""
    known = {name: records.readable(name) for name in paths.names()}
    return {
        name: record["daemon_pid"]
        for name, record in known.items()
        if record and records.here(record) and records.alive(record)
    }


def runs_from(pid: int, venv: str) -> bool:
    """Whether a daemon has a directory in VENV open: it has that of its package, even one that was replaced since. Also
    if that is not known."""
    try:
        return any(path.startswith(os.path.realpath(venv) + os.sep) for path in _open(pid))
    except FileNotFoundError:  # there is no lsof
        return True


def _open(pid: int) -> set[str]:
    """The paths of what a process has open. Raises FileNotFoundError."""
    if machine.LINUX:
        return processes.open_paths(pid)
    listed = subprocess.run(["lsof", "-p", str(pid), "-Fn"], stdout=subprocess.PIPE, text=True, check=False)
    return {line[1:] for line in listed.stdout.splitlines() if line[:1] == "n"}


def main(venv: str) -> None:
    try:
        pids = living()
    except (SeshError, OSError):
        return  # the directory is not to be trusted
    if names := [name for name, pid in pids.items() if runs_from(pid, venv)]:
        words = "1 session runs" if len(names) == 1 else f"{len(names)} sessions run"
        moved = "" if len(names) == len(pids) else f" {' '.join(names)}"
        print(f"note: {words} what was installed before; to move them to this: sesh --reload{moved}")


if __name__ == "__main__":
    main(*sys.argv[1:])
