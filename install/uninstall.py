"""uninstall.py VENV [FORCE]: refuse while sessions run from the sesh in VENV.

FORCE overrides that. At the end it names what stays. Run it with the Python of VENV. It imports the modules of this
checkout, because those of VENV may be older.
"""

import glob
import os
import shlex
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

import running

from sesh import about, machine, paths
from sesh.errors import SeshError

OWN = ("sesh --completions", "sesh --shell-init", "sesh-pick", "sesh-next", "SESH_")
"""A line of a shell's startup file is there for sesh if it has one of these texts."""


def unused(package: str) -> bool:
    """Return whether no process runs from a package; give one 2 s to end."""
    until = time.monotonic() + 2
    while (held := about.is_locked(package)) and time.monotonic() < until:
        time.sleep(0.05)
    return not held


def check(venv: str, names: list[str]) -> None:
    """Exit if sessions run from VENV: those in `names`, or sessions in another SESH_DIR."""
    if names:
        words = "session runs" if len(names) == 1 else "sessions run"
        sys.exit(
            f"make uninstall: {len(names)} {words} from {venv}: {', '.join(names)}; "
            f"end them: sesh kill {' '.join(names)}; FORCE=1 removes sesh all the same, and they go on, out of "
            "reach until sesh is installed again"
        )
    libraries = os.path.join(glob.escape(os.path.realpath(venv)), "lib", "python*")
    packages = [path for path in glob.glob(os.path.join(libraries, "site-packages", "sesh")) if not unused(path)]
    if packages:
        opened = {*map(os.path.realpath, packages)}
        holders = {pid: words for pid, _, words in machine.own_processes() if opened & machine.open_paths(pid)}
        pids = "".join(f"\n    pid {pid}: {shlex.join(words)}" for pid, words in sorted(holders.items()))
        sys.exit(
            f"make uninstall: sessions in another SESH_DIR than {paths.directory()} run from {venv}; "
            f"end them; FORCE=1 removes sesh all the same{pids}"
        )


def end_connections() -> None:
    """End the shared ssh connections to hosts, each once nothing uses it."""
    from sesh.remote.ssh import master

    try:
        count = master.retire_all() if paths.knows_remotes() else 0
    except (SeshError, OSError) as error:
        print(f"cannot tell which shared ssh connections are open: {error}")
        return
    if count:
        connections = "a shared ssh connection" if count == 1 else f"{count} shared ssh connections"
        print(f"ended: {connections} to hosts; one that is in use ends with the last program that uses it")


def tell_of_start_files() -> None:
    """Name the shells' startup files that still have lines for sesh."""
    for file in (".bashrc", ".bash_profile", ".profile", ".zshrc", ".config/fish/config.fish"):
        path = os.path.join(os.path.expanduser("~"), file)
        try:
            with open(path, encoding="utf-8", errors="replace") as lines:
                count = sum(any(word in line for word in OWN) for line in lines)
        except OSError:
            continue
        if count:
            what = "a line for sesh" if count == 1 else f"{count} lines for sesh"
            print(f"stays: {what} in {path}; delete {'it' if count == 1 else 'them'}")


def main(venv: str, force: str = "") -> None:
    pids: dict[str, int] | None = None
    try:
        pids = running.living()
    except (SeshError, OSError) as error:
        if not force:
            sys.exit(f"make uninstall: {error}")
        print(f"cannot tell which sessions run: {error}")
    if pids is not None and not force:
        check(venv, [name for name, pid in pids.items() if running.runs_from(pid, venv)])
    if pids is not None and not pids:
        end_connections()
    versions = os.path.join(os.path.dirname(venv), "versions")
    places = {
        paths.directory(): "sessions and how they ended",
        os.path.dirname(paths.settings_file()): "settings",
        paths.state_directory(): "known remotes, logs of events and of agents",
        versions: "what sesh deploy has installed here",
    }
    left = {place: content for place, content in places.items() if os.path.lexists(place)}
    tell_of_start_files()
    for place, content in left.items():
        print(f"stays: {place} ({content})")
    if pids is None:
        return
    if pids:
        words = "a session runs" if len(pids) == 1 else f"{len(pids)} sessions run"
        print(f"in use: {words} in {paths.directory()}: {', '.join(pids)}; end them before you remove any of that")
    elif any(map(about.is_locked, glob.glob(os.path.join(glob.escape(versions), "*", "lib", "sesh")))):
        print(f"in use: a process runs from {versions}; end it before you remove any of that")
    elif left:
        print(f"to remove that too: rm -r {shlex.join(left)}")


main(*sys.argv[1:])
