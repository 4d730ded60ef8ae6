"""uninstall.py VENV [FORCE]: refuses while sessions run from the sesh in VENV, unless FORCE is given; says what stays.

For the Python of VENV, with the modules of this checkout: those of VENV may be older.
"""

import glob
import os
import shlex
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from sesh import paths
from sesh.store import records


def holds(pid: int, folder: str) -> bool:
    """Whether a process has a directory open, as daemons have that of their package; True where that is not known."""
    try:
        descriptors = os.listdir(f"/proc/{pid}/fd")
    except OSError:
        return True
    for descriptor in descriptors:
        try:
            if os.readlink(f"/proc/{pid}/fd/{descriptor}") == folder:
                return True
        except OSError:
            continue
    return False


def running(folder: str) -> list[str]:
    """The sessions that run from the package in `folder`."""
    found = []
    for name in paths.names():
        record = records.readable(name)
        if record and records.here(record) and records.alive(record) and holds(record["daemon_pid"], folder):
            found.append(name)
    return found


def ended(folder: str) -> bool:
    """Whether no process runs from the package in `folder`; one that is just ending has 2 s."""
    until = time.monotonic() + 2
    while (held := paths.held(folder)) and time.monotonic() < until:
        time.sleep(0.05)
    return not held


def main(venv: str, force: str = "") -> None:
    names: list[str] = []
    for folder in glob.glob(os.path.join(os.path.realpath(venv), "lib", "python*", "site-packages", "sesh")):
        names = running(folder)
        if names and not force:
            words = "session runs" if len(names) == 1 else "sessions run"
            sys.exit(
                f"make uninstall: {len(names)} {words} from {venv}: {', '.join(names)}; "
                f"end them: sesh --kill {' '.join(names)}; FORCE=1 removes sesh all the same, and they go on, out of "
                "reach until sesh is installed again"
            )
        if not force and not ended(folder):
            sys.exit(
                f"make uninstall: sessions in another SESH_DIR than {paths.directory()} run from {venv}; "
                "end them; FORCE=1 removes sesh all the same"
            )
    places = {
        paths.directory(): "sessions and how they ended",
        os.path.dirname(paths.settings_file()): "settings",
        paths.state_directory(): "known hosts, logs of events and of agents",
        paths.cache_directory(): "packages",
        os.path.join(os.path.dirname(venv), "versions"): "what --deploy has installed here",
    }
    left = {place: what for place, what in places.items() if os.path.lexists(place)}
    for place, what in left.items():
        print(f"stays: {place} ({what})")
    if left and not names:
        print(f"to remove that too: rm -r {shlex.join(left)}")


main(*sys.argv[1:])
