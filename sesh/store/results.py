"""Results of ended sessions, kept for a week, so that exit codes outlive killed waiters.

A result is `.results/ID.json` in the directory of sessions: a line of JSON (`JobResult` in `sesh.schema.facts`), then a
job's output.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterable
from contextlib import suppress
from typing import TypedDict

from sesh.errors import Refused
from sesh.names import is_id
from sesh.schema.check import checker
from sesh.schema.facts import JobResult, Name
from sesh.store.records import KEPT_SECONDS
from sesh.system import files, paths

_RESULT = re.compile(r"[0-9A-Za-z]{1,64}\.json")
NEWEST = 100  # older results are removed
_MAX_OUTPUT = 4 << 20  # bytes; more is not read


class _Named(TypedDict, total=False):
    """The part of a `JobResult` that says whose it is: a hundred are checked in a fifth of the time."""

    name: Name
    job: bool


_check_named = checker(_Named)


def directory() -> str:
    """Return the path of the directory of results, which may be missing or untrusted."""
    return os.path.join(paths.directory(), ".results")


def _path(session_id: str) -> str:
    return os.path.join(directory(), f"{session_id}.json")


def keep(result: JobResult, output: bytes) -> None:
    """Store a result under its `id` and remove the oldest. Raises OSError, Refused."""
    files.make_private(directory())
    files.write_headed(_path(result["id"]), result, output)
    _prune(directory())


def _prune(folder: str) -> None:
    """Remove old and surplus results, and unfinished files."""
    ages: dict[str, float] = {}
    for found in os.scandir(folder):
        with suppress(FileNotFoundError):  # another session's daemon has just removed it
            ages[found.name] = time.time() - found.stat(follow_symlinks=False).st_mtime
    by_age = sorted((entry for entry in ages if _RESULT.fullmatch(entry)), key=ages.__getitem__)
    kept = {entry for entry in by_age[:NEWEST] if ages[entry] < KEPT_SECONDS}
    abandoned = {name for name in ages if files.UNFINISHED.fullmatch(name) and ages[name] >= files.ABANDONED_AFTER}
    for entry in abandoned.union(by_age) - kept:
        with suppress(FileNotFoundError):
            os.unlink(os.path.join(folder, entry))


def rename(session_id: str, name: str) -> None:
    """Rename a session in its result. Raises OSError, Refused."""
    if (result := by_id(session_id)) is not None:
        files.write_headed(_path(session_id), {**result, "name": name}, output(result))


def _read(session_id: str, most: int) -> tuple[JobResult, bytes] | None:
    return files.read_headed(_path(session_id), checker(JobResult), most) if is_id(session_id) else None


def by_id(session_id: str) -> JobResult | None:
    """Return the result of a session, or None. Raises Refused for a damaged one."""
    found = _read(session_id, 0)
    return None if found is None else {**found[0], "id": session_id}  # the file name counts


def output(result: JobResult) -> bytes:
    """Return the raw output of a job; empty if none was kept."""
    found = _read(result["id"], _MAX_OUTPUT)
    return b"" if found is None else found[1]


def ids() -> set[str]:
    """Return the ids of all results. Raises Refused if their directory is not trusted."""
    if not paths.check_directory(paths.directory()) or not paths.check_directory(directory()):
        return set()
    return {entry.removesuffix(".json") for entry in os.listdir(directory()) if entry.endswith(".json")}


def every(session_ids: Iterable[str] | None = None) -> list[JobResult]:
    """Return the undamaged results of these sessions, or of all, sorted by end.

    Raises Refused if their directory is not trusted.
    """
    results = list[JobResult]()
    for session_id in ids() if session_ids is None else session_ids:
        with suppress(Refused):  # `refusals` reports it
            if (result := by_id(session_id)) is not None:
                results.append(result)
    return sorted(results, key=lambda result: float(result.get("ended") or 0))


def refusals() -> list[str]:
    """Return the errors for untrusted and damaged result files, with the fix."""
    return files.refusals(by_id, ids())


def newest(name: str, *, is_job: bool = False) -> JobResult | None:
    """Return the last result of this name; with `is_job`, that of a job."""
    ended = (result for result in reversed(every()) if result.get("name") == name)
    return next((result for result in ended if result.get("job") or not is_job), None)


def job_names() -> set[str]:
    """Return the names that stand for a job's kept result; none if no result can be read."""
    names, found_ids = set[str](), set[str]()
    with suppress(Refused):  # `doctor` reports it
        found_ids = ids()
    for session_id in found_ids:
        with suppress(Refused):
            found = files.read_headed(_path(session_id), _check_named, 0)
            if found is not None and found[0].get("job"):
                names.add(found[0].get("name", ""))
    return names


def labelled(labels: dict[str, str]) -> list[JobResult]:
    """Return the results of jobs with these labels, sorted by end."""
    results = [result for result in every() if "name" in result]
    last = {result["name"]: result for result in results}  # a later session of the same name hides a job
    jobs = [result for result in results if result.get("job") and last[result["name"]] is result]
    return [job for job in jobs if labels.items() <= (job.get("labels") or {}).items()]
