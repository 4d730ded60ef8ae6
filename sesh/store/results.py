"""How sessions ended: kept for a week, the newest hundred, so that a code is never lost with who waited for it.

A result is `.results/ID.json` in the directory of sessions: what the daemon says of the end (`exit_code`, `signal`,
`duration`, `timed_out`, `truncated`, `cpu`, `memory`) with `name`, `id`, `command`, `ended` (seconds since 1970) and
`job`; a job's retained output lies beside it as `ID.out`.
"""

from __future__ import annotations

import os
import time

from sesh import paths, protocol
from sesh.errors import Refused

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    Result = dict[str, Any]

NEWEST = 100
OLDEST = 7 * 24 * 3600.0
"""Seconds."""


def _folder() -> str:
    return os.path.join(paths.directory(), ".results")


def keep(result: Result, output: bytes | None) -> None:
    """Keeps a result under its `id`; the oldest ones go. A disk that is full keeps no session from ending."""
    folder = _folder()
    try:
        try:
            os.mkdir(folder, paths.PRIVATE)
        except FileExistsError:
            pass
        if not paths.trusted(folder):
            return
        if output is not None:
            paths.write_whole(os.path.join(folder, f"{result['id']}.out"), output)
        paths.write_whole(os.path.join(folder, f"{result['id']}.json"), protocol.encode(result))
        _prune(folder)
    except (OSError, Refused):
        return


def by_id(number: str) -> Result | None:
    """The result of the session with this id."""
    return _read(os.path.join(_folder(), f"{number}.json")) if number.isalnum() else None


def newest(name: str) -> Result | None:
    """The result of the session of this name that ended last."""
    named = [result for result in every() if result.get("name") == name]
    return max(named, key=lambda result: float(result.get("ended") or 0), default=None)


def every() -> list[Result]:
    """All results that are kept, none where the directory is missing. Raises Refused where it is not to be trusted."""
    if not paths.trusted(paths.directory()) or not paths.trusted(_folder()):
        return []
    found = (_read(entry.path) for entry in os.scandir(_folder()) if entry.name.endswith(".json"))
    return [result for result in found if result is not None]


def output(result: Result) -> bytes:
    """The output that a job's result kept, as it came from its terminal; empty where none was kept."""
    try:
        with open(os.path.join(_folder(), f"{result['id']}.out"), "rb") as file:
            return file.read()
    except FileNotFoundError:
        return b""


def _read(path: str) -> Result | None:
    import json

    try:
        with open(path, "rb") as file:
            result = json.loads(file.read())
    except (FileNotFoundError, ValueError):
        return None
    return result if isinstance(result, dict) else None


def _prune(folder: str) -> None:
    """Removes what is too old, and what is beyond the newest ones."""
    ages = []
    for entry in os.scandir(folder):
        try:
            ages.append((entry.stat(follow_symlinks=False).st_mtime, entry.name))
        except FileNotFoundError:
            continue  # another session's daemon removes the same ones
    records = sorted((age for age in ages if age[1].endswith(".json")), reverse=True)
    old = time.time() - OLDEST
    gone = {name[:-5] for place, (age, name) in enumerate(records) if place >= NEWEST or age < old}
    for _, name in ages:
        if name.rpartition(".")[0] in gone:
            try:
                os.unlink(os.path.join(folder, name))
            except FileNotFoundError:
                continue


def command_json(session: str, host: str | None, command: object, facts: Result, output: bytes) -> dict[str, Any]:
    """A command that has ended as the JSON of `--run` and `--exec` shows it.

    `facts`: the daemon's account of it. `output`: what it wrote; where that is not UTF-8, `output_base64` has it too.
    """
    decoded = output.decode("utf-8", "replace")
    whole = {
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
        from base64 import b64encode

        whole["output_base64"] = b64encode(output).decode()
    return whole
