"""uninstall.py VENV [FORCE]: refuse while sessions run, end shared ssh connections, and name what stays.

FORCE overrides the refusal. Run it with the Python of VENV. It imports the modules of this checkout, because those of
VENV may be older.
"""

import os
import sys

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from sesh.errors import SeshError
from sesh.remote.ssh import master
from sesh.store import records
from sesh.system import paths


def running() -> list[str]:
    """Return the names of the sessions that run here. Raises SeshError, OSError."""
    found = {name: records.readable(name) for name in paths.names()}
    return [name for name, record in found.items() if record and records.here(record) and records.alive(record)]


def check() -> None:
    """Exit if sessions run."""
    if names := running():
        reason = f"sessions run: {', '.join(names)}; end them: sesh kill {' '.join(names)}"
        forced = "FORCE=1 removes sesh all the same, and they go on, out of reach without it"
        sys.exit(f"make uninstall: {reason}; {forced}")


def main(venv: str, force: str = "") -> None:
    try:
        if not force:
            check()
        if paths.knows_remotes() and (count := master.retire_all()):
            print(f"ended: shared ssh connections to hosts: {count}")
    except (SeshError, OSError) as error:
        if not force:
            sys.exit(f"make uninstall: {error}")
    stays = {
        paths.directory(): "sessions and how they ended",
        os.path.dirname(paths.settings_file()): "settings",
        paths.state_directory(): "known remotes, logs of events and of agents",
        os.path.join(os.path.dirname(venv), "versions"): "what sesh deploy has installed here",
    }
    for place, content in stays.items():
        if os.path.lexists(place):
            print(f"stays: {place} ({content})")
    print("stays: what you have added yourself to your shell's startup files for sesh")


main(*sys.argv[1:])
