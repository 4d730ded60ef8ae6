"""`forget --remove`: remove the sesh that `deploy` installed on this machine, and its files."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path

from sesh.about import PROGRAM, SESH
from sesh.errors import Refused
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.remote.deploy.install import TEMPORARY, VERSIONS, is_launcher
from sesh.store import listing, own, session_files
from sesh.system import paths, startup
from sesh.system.files import UNFINISHED


@op()
def remove(caller: Caller) -> list[str]:
    """Remove the files of a deploy and of sessions, no settings; return their paths.

    Raises Refused before it removes anything if a session exists, or if sesh was not deployed.
    """
    versions = os.path.join(paths.home(), VERSIONS)
    if not os.path.isdir(versions):
        raise Refused("this sesh was not installed by sesh deploy", hint="remove it as it was installed")
    if names := [session["name"] for session in listing.summaries()]:
        raise Refused(f"the host has sessions: {', '.join(names)}", hint=f"end them: {SESH} kill-all -y")
    folders = {
        os.path.join(paths.home(), ".sesh"): own.SESSIONS,  # not SESH_DIR, which may have the person's own files
        paths.state_directory(): own.STATE,
    }
    launcher = os.path.join(paths.home(), ".local", "bin", PROGRAM)
    present = [path for path in (*folders, launcher, versions) if os.path.lexists(path)]
    try:
        for folder, pattern in folders.items():
            _clear(folder, pattern)
        if is_launcher(Path(launcher)):
            os.unlink(launcher)
        fish_file = startup.remove_vendor_file(os.environ)
        for entry in os.listdir(versions):  # last, as this process runs from one of them
            path = os.path.join(versions, entry)
            if own.is_version(path) or entry.startswith(TEMPORARY):
                shutil.rmtree(path)
    except OSError as error:
        raise Refused(f"cannot remove {error.filename}: {error.strerror}", hint="remove it by hand") from error
    _remove_empty(versions)
    _remove_empty(os.path.dirname(versions))
    if fish_file:
        present.append(fish_file)
        _remove_empty(os.path.dirname(fish_file))
        _remove_empty(os.path.dirname(os.path.dirname(fish_file)))
    for path in filter(os.path.lexists, present):
        caller.note(f"{path} stays: not all of it was made by sesh")
    return [path for path in present if not os.path.lexists(path)]


def _clear(folder: str, pattern: re.Pattern[str]) -> None:
    """Remove sesh's files below a directory, then the directories left empty. Raises OSError."""
    for parent, folders, files in os.walk(folder, topdown=False):
        if own.FOLDER.fullmatch(os.path.basename(parent)):
            session_files.remove(parent)
        links = [entry for entry in folders if os.path.islink(os.path.join(parent, entry))]
        for path in (os.path.join(parent, entry) for entry in (*files, *links)):
            is_own = pattern.fullmatch(os.path.relpath(path, folder)) or UNFINISHED.fullmatch(os.path.basename(path))
            if is_own or own.is_record(path) or own.is_work_log(path):
                os.unlink(path)
        _remove_empty(parent)


def _remove_empty(folder: str) -> None:
    with contextlib.suppress(OSError):  # the directory has other files, or is a symbolic link
        os.rmdir(folder)
