"""Results of ended sessions, kept for a week, so that exit codes outlive killed waiters.

A result (`JobResult` in `sesh.schema`) is `.results/ID.json` in the directory of sessions; `ID.out` has a job's output.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterable
from contextlib import suppress

from sesh import files, paths, protocol
from sesh.errors import Refused
from sesh.names import is_id
from sesh.schema import JobResult
from sesh.store.records import KEPT_SECONDS

NEWEST = 100  # older results are removed
_LARGEST = 4 << 20  # bytes; a larger result or output is refused
_RESULT, _OUTPUT = ".json", ".out"


def directory() -> str:
    """Return the path of the directory of results, which may be missing or untrusted."""
    return os.path.join(paths.directory(), ".results")


def _path(session_id: str, suffix: str) -> str:
    return os.path.join(directory(), session_id + suffix)


def keep(result: JobResult, output: bytes | None) -> None:
    """Store a result under its `id` and remove the oldest. Raises OSError, Refused."""
    folder = directory()
    files.make_private(folder)
    if output is not None:
        files.write_whole(_path(result["id"], _OUTPUT), output)
    files.write_whole(_path(result["id"], _RESULT), protocol.encode(result))
    _prune(folder)


def _prune(folder: str) -> None:
    """Remove old and surplus results with their outputs, outputs without a result, and unfinished files."""
    ages: dict[str, float] = {}
    for found in os.scandir(folder):
        with suppress(FileNotFoundError):  # another session's daemon has just removed it
            ages[found.name] = time.time() - found.stat(follow_symlinks=False).st_mtime
    by_age = sorted((entry for entry in ages if entry.endswith(_RESULT)), key=ages.__getitem__)
    kept = {entry.removesuffix(_RESULT) for entry in by_age[:NEWEST] if ages[entry] < KEPT_SECONDS}
    for entry, age in ages.items():
        stem, suffix = os.path.splitext(entry)
        is_own = (suffix in (_RESULT, _OUTPUT) and is_id(stem)) or files.UNFINISHED.fullmatch(entry) is not None
        # Another daemon may be writing this file, or the result for this output.
        may_be_written = stem + _RESULT not in ages and age < files.ABANDONED_AFTER
        if is_own and stem not in kept and not may_be_written:
            with suppress(FileNotFoundError):
                os.unlink(os.path.join(folder, entry))


def sync(session_id: str) -> None:
    """Flush a session's result to disk, after the responses, which must not wait."""
    for path in (_path(session_id, _OUTPUT), _path(session_id, _RESULT), directory()):
        with suppress(OSError):  # the file was never written, or another session's daemon has removed it
            files.flush(path)


def rename(session_id: str, name: str) -> None:
    """Rename a session in its result. Raises OSError, Refused."""
    if (result := by_id(session_id)) is not None:
        files.write_whole(_path(session_id, _RESULT), protocol.encode({**result, "name": name}), durable=True)


def by_id(session_id: str) -> JobResult | None:
    """Return the result of a session, or None. Raises Refused for a damaged one."""
    if not is_id(session_id):
        return None
    result: JobResult | None = files.read_json(_path(session_id, _RESULT), JobResult, _LARGEST)
    return None if result is None else {**result, "id": session_id}  # the file name counts: the output has it too


def output(result: JobResult) -> bytes:
    """Return the raw output of a job; empty if none was kept."""
    return files.read_own(_path(str(result["id"]), _OUTPUT), _LARGEST) or b""


def ids() -> set[str]:
    """Return the ids of all results. Raises Refused if their directory is not trusted."""
    if not paths.check_directory(paths.directory()) or not paths.check_directory(directory()):
        return set()
    return {entry.removesuffix(_RESULT) for entry in os.listdir(directory()) if entry.endswith(_RESULT)}


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


def labelled(labels: dict[str, str]) -> list[JobResult]:
    """Return the results of jobs with these labels, sorted by end."""
    results = [result for result in every() if "name" in result]
    last = {result["name"]: result for result in results}  # a later session of the same name hides a job
    jobs = [result for result in results if result.get("job") and last[result["name"]] is result]
    return [job for job in jobs if labels.items() <= (job.get("labels") or {}).items()]
