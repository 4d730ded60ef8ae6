"""Results of sessions: kept for a week, the newest hundred, so that no exit code is lost with whoever waited for it.

A result (`JobResult` in `sesh.schema`) is `.results/ID.json` in the directory of sessions; a job's retained output lies
beside it as `ID.out`.
"""

from __future__ import annotations

import os
import time
from base64 import b64encode
from collections.abc import Iterable, Iterator

from sesh import paths, protocol, reading, writing
from sesh.errors import Refused
from sesh.names import is_id, is_name
from sesh.schema import JobResult, RunFacts, RunResult
from sesh.store import files

NEWEST = 100
OLDEST = 7 * 24 * 3600.0
"""Seconds for which a result is kept."""
_LARGEST = 4 << 20
"""Bytes of a result, and of an output."""
_RESULT, _OUTPUT = ".json", ".out"


def directory() -> str:
    """The directory of results; it is neither made nor checked here."""
    return os.path.join(paths.directory(), ".results")


def keep(result: JobResult, output: bytes | None) -> None:
    """Keeps a result under its `id`; the oldest ones go. A full disk keeps no session from ending."""
    folder = directory()
    try:
        try:
            os.mkdir(folder, paths.PRIVATE)
        except FileExistsError:
            pass
        if not paths.trusted(folder):
            return
        _write(result, output)
        _prune(folder)
    except (OSError, Refused):
        return


def _write(result: JobResult, output: bytes | None) -> None:
    """Writes a result and its output, both or neither. Raises OSError."""
    path = _path(result["id"], _OUTPUT)
    if output is not None:
        writing.write_whole(path, output)
    try:
        writing.write_whole(_path(result["id"], _RESULT), protocol.encode(result))
    except OSError:
        if output is not None:
            os.unlink(path)
        raise


def sync(session_id: str) -> None:
    """Waits until the result of a session is on the disk: nobody waits for that, so it comes after the answers."""
    for path in (_path(session_id, _OUTPUT), _path(session_id, _RESULT), directory()):
        try:
            writing.sync(path)
        except OSError:
            continue  # it was not kept, or another session's daemon has removed it


def rename(session_id: str, name: str) -> None:
    """Gives a result the new name of its session, renamed since it ended. Raises OSError, Refused."""
    result = by_id(session_id)
    if result is not None:
        content = protocol.encode({**result, "name": name})
        writing.write_whole(_path(session_id, _RESULT), content, durable=True)


def by_id(session_id: str) -> JobResult | None:
    """The result of the session with this id. Raises Refused for a damaged one."""
    return _read(_path(session_id, _RESULT)) if is_id(session_id) else None


def newest(name: str) -> JobResult | None:
    """The result of the session of this name that ended last."""
    return _last(result for result in every() if result.get("name") == name)


def _last(results: Iterable[JobResult]) -> JobResult | None:
    return max(results, key=_end, default=None)


def _end(result: JobResult) -> float:
    """The moment of an end, to sort by it."""
    return float(result.get("ended") or 0)


def ids() -> set[str]:
    """The ids of all results that are kept, as far as their directory is to be trusted."""
    try:
        entries = os.listdir(directory()) if paths.trusted(directory()) else []
    except FileNotFoundError:
        return set()
    return {entry[: -len(_RESULT)] for entry in entries if entry[:1] != "." and entry.endswith(_RESULT)}


def of_job(name: str) -> JobResult | None:
    """The result of the job of this name that ended last; other sessions of it keep no output."""
    return _last(result for result in every() if result.get("name") == name and result.get("job"))


def jobs() -> list[JobResult]:
    """The results of jobs in the order of their ends. Of each name the newest result counts: an older job, and one
    before a later session of its name, is superseded."""
    newest = {result.get("name", ""): result for result in sorted(every(), key=_end)}
    return sorted((job for name, job in newest.items() if job.get("job") and is_name(name)), key=_end)


def labelled(labels: dict[str, str]) -> list[str]:
    """The names of the jobs that have all of these labels, in the order of their ends."""
    return [job["name"] for job in jobs() if labels.items() <= (job.get("labels") or {}).items()]


def every() -> list[JobResult]:
    """All results that are kept, none if the directory is missing. Raises Refused if it is not to be trusted."""
    return [result for result in _readings() if not isinstance(result, Refused)]


def damage() -> list[str]:
    """The errors of result files that are not believed, with the fix."""
    return [str(error) for error in _readings() if isinstance(error, Refused)]


def _readings() -> Iterator[JobResult | Refused]:
    """Yields each result, or why it is not believed. Raises Refused if their directory is not to be trusted."""
    folder = directory()
    if not paths.trusted(paths.directory()) or not paths.trusted(folder):
        return
    for entry in os.listdir(folder):
        if entry[:1] != "." and entry.endswith(_RESULT):
            try:
                result = _read(os.path.join(folder, entry))
            except Refused as error:
                yield error
            else:
                if result is not None:
                    yield result


def _path(session_id: str, suffix: str) -> str:
    return os.path.join(directory(), session_id + suffix)


def output(result: JobResult) -> bytes:
    """The output that a job's result kept, as it came from its terminal; empty if none was kept."""
    return reading.read_own(_path(str(result["id"]), _OUTPUT), _LARGEST) or b""


def _read(path: str) -> JobResult | None:
    result: JobResult | None = files.read(path, JobResult, _LARGEST)
    if result is None:
        return None
    return {**result, "id": os.path.basename(path)[: -len(_RESULT)]}  # the name of the file, which leads to the output


def _prune(folder: str) -> None:
    """Removes results that are too old or beyond the newest ones, and what killed processes left."""
    written: dict[str, float] = {}
    for entry in os.scandir(folder):
        stem, suffix = os.path.splitext(entry.name)
        try:
            if is_left(entry.path):
                os.unlink(entry.path)
            elif is_id(stem) and suffix == _RESULT:
                written[stem] = entry.stat(follow_symlinks=False).st_mtime
        except FileNotFoundError:
            continue  # another session's daemon removes the same ones
    old = time.time() - OLDEST
    for index, stem in enumerate(sorted(written, key=written.__getitem__, reverse=True)):
        if index >= NEWEST or written[stem] < old:
            for suffix in (_OUTPUT, _RESULT):
                try:
                    os.unlink(os.path.join(folder, stem + suffix))
                except FileNotFoundError:
                    continue


def is_left(path: str) -> bool:
    """Returns whether a killed process left a file unfinished, or an output without its result.

    Raises FileNotFoundError.
    """
    stem, suffix = os.path.splitext(path)
    if suffix != _OUTPUT or not is_id(os.path.basename(stem)):
        return writing.is_abandoned(path)
    return time.time() - os.lstat(path).st_mtime > writing.SETTLED and not os.path.lexists(stem + _RESULT)


def command_json(
    session: str, host: str | None, command: list[str] | None, facts: JobResult | RunFacts, output: bytes
) -> RunResult:
    """A command that has ended as the JSON of `--run` and `--exec` shows it.

    `facts`: the daemon's account of it. `output`: its output; if that is not UTF-8, `output_base64` has it too.
    """
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
