"""`forget --remove`: remove the sesh that `deploy` installed on this machine."""

from __future__ import annotations

import os
import shutil
from contextlib import suppress
from pathlib import Path

from sesh import paths
from sesh.about import PROGRAM, SESH
from sesh.errors import Refused
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.remote.deploy.install import TEMPORARY, VERSIONS, is_launcher
from sesh.store import listing, own


@op()
def remove(caller: Caller) -> list[str]:
    """Remove the launcher and all versions, no data; return the removed paths.

    Raises Refused before it removes anything if a session exists, or if sesh was not deployed.
    """
    versions = os.path.join(paths.home(), VERSIONS)
    if not os.path.isdir(versions):
        raise Refused("this sesh was not installed by sesh deploy", hint="remove it as it was installed")
    if names := [session["name"] for session in listing.summaries()]:
        raise Refused(f"the host has sessions: {', '.join(names)}", hint=f"end them: {SESH} kill-all -y")
    launcher = os.path.join(paths.home(), ".local", "bin", PROGRAM)
    present = [path for path in (launcher, versions) if os.path.lexists(path)]
    try:
        if is_launcher(Path(launcher)):
            os.unlink(launcher)
        for entry in os.listdir(versions):  # last, as this process runs from one of them
            path = os.path.join(versions, entry)
            if own.is_version(path) or entry.startswith(TEMPORARY):
                shutil.rmtree(path)
    except OSError as error:
        raise Refused(f"cannot remove {error.filename}: {error.strerror}", hint="remove it by hand") from error
    with suppress(OSError):  # a directory has other files, or is a symbolic link
        os.rmdir(versions)
        os.rmdir(os.path.dirname(versions))
    for path in filter(os.path.lexists, present):
        caller.note(f"{path} stays: not all of it was made by sesh")
    return [path for path in present if not os.path.lexists(path)]
