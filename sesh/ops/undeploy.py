"""The sesh that `--deploy` put on this machine, removed with all that it keeps, once no session runs."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import TypedDict

from sesh import paths, proc, reading, writing
from sesh.about import PROGRAM, SESH
from sesh.errors import Refused
from sesh.names import subject
from sesh.ops import end
from sesh.reach.caller import Caller
from sesh.reach.op import op
from sesh.remote.deploy.unpack import SIGNATURE, TEMPORARY
from sesh.store import listing, own, records


class Removed(TypedDict):
    """The paths that `--undeploy` removed on a host, and the kept sessions that were forgotten with them."""

    removed: list[str]
    forgotten: list[str]


_GRACE = 2.0
"""Seconds in which a daemon ends by itself, after its session."""


@op()
def remove(caller: Caller) -> Removed:
    """Removes what a deploy put here, and what sesh keeps here; the person's settings stay.

    Returns the paths that were `removed`, and the kept sessions that were `forgotten`, for which a person who can be
    asked is asked. Raises Refused, having removed nothing, if a daemon runs that is not of a kept session, if sesh was
    not deployed, or if the person does not agree; also the error of a kept session that cannot be ended.
    """
    sessions = listing.summaries()
    if others := [session["name"] for session in sessions if "machine" in session]:
        raise Refused(f"{_listed(others)} on another machine that shares this home directory")
    if running := [session["name"] for session in sessions if session["state"] == "running"]:
        hint = f"end {'it' if len(running) == 1 else 'them'}: {SESH} --kill {' '.join(running)}"
        raise Refused(f"{_listed(running)}; nothing was removed", hint=hint)
    data = os.path.join(paths.home(), ".local", "share", "sesh")
    versions, launcher = os.path.join(data, "versions"), os.path.join(paths.home(), ".local", "bin", PROGRAM)
    if not os.path.isdir(versions):
        raise Refused(
            "this sesh was not put here by --deploy; nothing was removed", hint="remove it as it was installed"
        )
    kept = [session["name"] for session in sessions]
    _check_unused(versions, kept)
    if kept and caller.can_ask and not caller.agrees(f"forget what is kept of {', '.join(kept)}?"):
        raise Refused("nothing was removed")
    _forget(caller, kept)
    _check_unused(versions)
    sessions_directory = os.path.join(paths.home(), ".sesh")
    if paths.directory() != sessions_directory:
        caller.note(f"{paths.directory()} (SESH_DIR) stays: it may hold other files")
    ways: dict[str, Callable[[str], None]] = {
        sessions_directory: partial(_clear, made=own.SESSIONS),
        paths.state_directory(): partial(_clear, made=own.STATE),
        paths.cache_directory(): partial(_clear, made=own.CACHE),
        launcher: partial(_remove_launcher, versions=versions),
        versions: _remove_versions,  # the last: this runs from one of them
    }
    removed = []
    for path, clear in ways.items():
        if not os.path.lexists(path):
            continue
        try:
            clear(path)
        except OSError as error:
            raise Refused(f"cannot remove {path}: {error.strerror}", hint="remove it by hand") from error
        if not os.path.lexists(path):
            removed.append(path)
        else:
            caller.note(f"{path} stays: not all of it was made by sesh")
    _remove_empty(data)
    return {"removed": removed, "forgotten": kept}


def _clear(folder: str, made: re.Pattern[str]) -> None:
    """Removes the files that sesh has made below a directory, by their paths in it, and directories that are empty
    then. Raises OSError."""

    def ours(path: str) -> bool:
        known = made.fullmatch(os.path.relpath(path, folder)) or writing.UNFINISHED.fullmatch(os.path.basename(path))
        return known is not None or own.is_record(path) or own.is_work_log(path)

    for parent, folders, files in os.walk(folder, topdown=False):
        links = [entry for entry in folders if os.path.islink(os.path.join(parent, entry))]
        for path in filter(ours, [os.path.join(parent, entry) for entry in (*files, *links)]):
            os.unlink(path)
        _remove_empty(parent)


def _remove_empty(folder: str) -> None:
    with contextlib.suppress(OSError):  # it is not empty, or a link: not all in it is ours
        os.rmdir(folder)


def _remove_launcher(launcher: str, versions: str) -> None:
    if _is_ours(launcher, versions):
        os.unlink(launcher)


def _remove_versions(versions: str) -> None:
    for entry in os.listdir(versions):
        path = os.path.join(versions, entry)
        if own.is_version(path) or entry.startswith(TEMPORARY):
            shutil.rmtree(path)
    _remove_empty(versions)


def _listed(names: Sequence[str]) -> str:
    return f"{subject(names[0])} runs" if len(names) == 1 else f"{', '.join(names)} run"


def _forget(caller: Caller, kept: Sequence[str]) -> None:
    """Ends and forgets the kept sessions. Raises the error of one; what was forgotten of others is noted."""
    failed = end.end_all(kept)
    if failed and (gone := [name for name in kept if name not in failed]):
        caller.note(f"what was kept of {', '.join(gone)} is gone")
    for error in failed.values():
        raise error


def _check_unused(versions: str, kept: Sequence[str] = ()) -> None:
    """Raises Refused if a daemon runs from a version: for another directory of sessions, or without a name.

    Those of the `kept` sessions may.
    """
    packages = [os.path.join(versions, entry, "lib", "sesh") for entry in os.listdir(versions)]
    each = [record for name in kept if (record := records.readable(name)) is not None and records.alive(record)]
    own = {record["daemon_pid"] for record in each}
    deadline = time.monotonic() + _GRACE
    while any(os.path.isdir(package) and writing.held(package) and _is_used(package, own) for package in packages):
        if time.monotonic() > deadline:
            raise Refused("a daemon still runs from what --deploy put here", hint=f"see: {SESH} --sweep")
        time.sleep(0.05)  # no event tells that a lock was given back


def _is_used(package: str, own: set[int]) -> bool:
    """Returns whether others than the `own` daemons hold a package.

    Where the system does not tell who holds it, it is only known if there are no own ones.
    """
    holders = proc.holders(package) if own else {}
    return any(pid not in own for pid in holders) if holders else not own


def _is_ours(launcher: str, versions: str) -> bool:
    if os.path.islink(launcher):
        return os.path.realpath(launcher).startswith(os.path.realpath(versions) + os.sep)
    try:
        return os.fsdecode(reading.read_regular(launcher, 1 << 20)).splitlines()[1:2] == [SIGNATURE]
    except OSError:
        return False
