"""Results of ended sessions, the newest hundred for a week, so that an exit code outlives a killed waiter.

A result (`JobResult` in `sesh.schema`) is `.results/ID.json` in the directory of sessions; `ID.out` has a job's output.
"""

from __future__ import annotations

import os
import time
from base64 import b64encode
from contextlib import suppress

from sesh import files, paths, protocol
from sesh.errors import Refused
from sesh.names import is_id
from sesh.outcomes import RunResult
from sesh.schema import JobResult, RunFacts
from sesh.store.records import KEPT_SECONDS

NEWEST = 100  # older results are removed
_LARGEST = 4 << 20  # bytes; a larger result or output is refused
_RESULT, _OUTPUT = ".json", ".out"


def directory() -> str:
    """Return the path of the directory of results, which may be missing or untrusted."""
    return os.path.join(paths.directory(), ".results")


def _path(session_id: str, suffix: str) -> str:
    return os.path.join(directory(), session_id + suffix)


# -- writing


def keep(result: JobResult, output: bytes | None) -> None:
    """Store a result under its `id`, and remove the oldest ones; ignore a failed write, such as to a full disk."""
    folder = directory()
    with suppress(OSError, Refused):
        files.make_private(folder)
        if output is not None:
            files.write_whole(_path(result["id"], _OUTPUT), output)
        files.write_whole(_path(result["id"], _RESULT), protocol.encode(result))
        _prune(folder)


def _prune(folder: str) -> None:
    """Remove old and surplus results, outputs without a result, and unfinished files."""
    written: dict[str, float] = {}
    for found in os.scandir(folder):
        try:
            written[found.name] = found.stat(follow_symlinks=False).st_mtime
        except FileNotFoundError:
            continue  # another session's daemon has just removed it
    now = time.time()
    by_age = sorted((entry for entry in written if entry.endswith(_RESULT)), key=written.__getitem__)
    kept = {entry[: -len(_RESULT)] for entry in by_age[-NEWEST:] if now - written[entry] < KEPT_SECONDS}
    for entry, at in written.items():
        stem, suffix = os.path.splitext(entry)
        is_own = suffix in (_RESULT, _OUTPUT) and is_id(stem)
        if is_own and stem + _RESULT in written:
            is_surplus = stem not in kept
        else:  # an unfinished file, or an output whose result may not be written yet
            is_own = is_own or files.UNFINISHED.fullmatch(entry) is not None
            is_surplus = is_own and now - at > files.ABANDONED_AFTER
        if is_surplus:
            try:
                os.unlink(os.path.join(folder, entry))
            except FileNotFoundError:
                continue


def sync(session_id: str) -> None:
    """Flush the result of a session to the disk. Call this after the answers are sent, which must not wait."""
    for path in (_path(session_id, _OUTPUT), _path(session_id, _RESULT), directory()):
        try:
            files.flush(path)
        except OSError:
            continue  # the file was never written, or another session's daemon has removed it


def rename(session_id: str, name: str) -> None:
    """Rename a session in its result. Raises OSError, Refused."""
    result = by_id(session_id)
    if result is not None:
        content = protocol.encode({**result, "name": name})
        files.write_whole(_path(session_id, _RESULT), content, durable=True)


# -- reading


def by_id(session_id: str) -> JobResult | None:
    """Return the result of a session, None if there is none. Raises Refused for a damaged one."""
    if not is_id(session_id):
        return None
    result: JobResult | None = files.read_json(_path(session_id, _RESULT), JobResult, _LARGEST)
    return None if result is None else {**result, "id": session_id}  # the file name counts: the output has it too


def output(result: JobResult) -> bytes:
    """Return the raw output of a job; empty if none was kept."""
    return files.read_own(_path(str(result["id"]), _OUTPUT), _LARGEST) or b""


def ids() -> set[str]:
    """Return the ids of all results. Raises Refused if their directory is not trusted."""
    if not paths.trusted(paths.directory()) or not paths.trusted(directory()):
        return set()
    return {entry[: -len(_RESULT)] for entry in os.listdir(directory()) if entry.endswith(_RESULT)}


def every() -> list[JobResult]:
    """Return all results, sorted by end. Raises Refused if their directory is not trusted."""
    return _all()[0]


def damage() -> list[str]:
    """Return the errors for damaged result files, with the fix."""
    return _all()[1]


def _all() -> tuple[list[JobResult], list[str]]:
    results, damaged = list[JobResult](), list[str]()
    for session_id in ids():
        try:
            if (result := by_id(session_id)) is not None:
                results.append(result)
        except Refused as error:
            damaged.append(str(error))
    return sorted(results, key=lambda result: float(result.get("ended") or 0)), damaged


def newest(name: str, *, is_job: bool = False) -> JobResult | None:
    """Return the result of the last ended session of this name, or of the last job."""
    ended = (result for result in reversed(every()) if result.get("name") == name)
    return next((result for result in ended if result.get("job") or not is_job), None)


def labelled(labels: dict[str, str]) -> list[JobResult]:
    """Return the results of jobs with these labels, sorted by end; a later session of the same name hides a job."""
    results = [result for result in every() if "name" in result]
    last = {result["name"]: result for result in results}
    jobs = [result for result in results if result.get("job") and last[result["name"]] is result]
    return [job for job in jobs if labels.items() <= (job.get("labels") or {}).items()]


# -- as JSON


def command_json(
    session: str, host: str | None, command: list[str] | None, facts: JobResult | RunFacts, output: bytes
) -> RunResult:
    """Return the JSON of `--run` and `--exec` for an ended command."""
    decoded = output.decode("utf-8", "replace")
    result: RunResult = {
        "session": session,
        "host": host,
        "command": command,
        "exit_code": facts.get("exit_code"),
        "output": decoded,
        "duration": facts.get("duration"),
        "timed_out": bool(facts.get("timed_out")),
        "truncated": bool(facts.get("truncated")),
    }
    if decoded.encode() != output:
        result["output_base64"] = b64encode(output).decode()
    if facts.get("session_ended"):
        result["session_ended"], result["reason"] = True, facts.get("reason")
    return result
