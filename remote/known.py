"""Known remotes: the hosts that sesh was used on or deployed to.

The file `remotes.json` caches facts of each host by the name that the user types; docs/SECURITY.md describes it. A
damaged file counts as empty, and is not written. Every function raises Refused if the file's directory is unsafe.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from typing import Any, TypedDict

from sesh.errors import Refused, TimedOut, UsageError
from sesh.names import check_host, natural
from sesh.schema import check
from sesh.schema.facts import SUMMARY_KEYS, Staleness, Summary
from sesh.system import files, paths
from sesh.text import safe, times

_USE_STEP = 60.0  # seconds for which a later use is not recorded: each record is written to the disk
FAILURE_PAUSE = 60.0  # seconds for which a failure counts; a host that refused a login is left alone meanwhile
_CACHED = (
    "name", "id", "state", "cwd", "created", "last_activity", "home", "pid", "exit_code", "clock", "command", "labels",
)  # fmt: skip
_MAX_FACTS = 1 << 20  # bytes of one host, about 2,000 sessions; if there are more, none is cached
_MAX_BYTES = 16 << 20  # of the file; a larger one is neither read nor written


class HostFailure(TypedDict):
    at: float  # when the host failed, in seconds since 1970
    reason: str
    refused: bool  # the host refused the login


class KnownHost(TypedDict, total=False):
    version: str  # of the host's sesh
    used: float  # when a person last used it, to the minute, in seconds since 1970
    login_prompted: bool  # the last login prompted a person
    sessions: list[Summary]  # as last listed, with later changes to single sessions
    failure: HostFailure  # the last one; absent once a link has opened again


Hosts = dict[str, KnownHost]


def hosts() -> list[str]:
    return sorted(_hosts(), key=natural)


def of(host: str) -> KnownHost:
    """Return the facts of a host, empty if unknown; the caller must not change them."""
    return _hosts().get(host, {})


def record(host: str, version: str = "", *, login_prompted: bool | None = None, is_new: bool = True) -> None:
    """Record that a host was reached, and no longer its last failure.

    `version`: of the host's sesh; empty keeps the recorded one. `login_prompted`: the login prompted a person; None
    keeps the recorded value. `is_new`: a person uses the host; if it is unknown, it becomes known.
    """

    def change(facts: KnownHost) -> None:
        facts.pop("failure", None)
        if version:
            facts["version"] = version
        if login_prompted is not None:
            facts["login_prompted"] = login_prompted
        if is_new and not 0 <= time.time() - facts.get("used", 0.0) < _USE_STEP:
            facts["used"] = time.time()

    _change(host, change, is_new=is_new)


def forget(host: str) -> bool:
    """Remove all facts of a host; return whether the host was known."""
    was_known = host in _hosts()
    if was_known:
        _change(host, None)
    with suppress(OSError):  # no file was pushed
        os.unlink(paths.synced_file(host))
    return was_known


def login_prompted(host: str) -> bool:
    return of(host).get("login_prompted", False)


def record_failure(host: str, reason: str = "", *, refused: bool = False, wants_login: bool = False) -> None:
    """Record why no link to a known host opened.

    `refused`: the host refused a login; another login would fail too, and may lock the user out. `wants_login`: the
    next login has to prompt a person.
    """
    last: HostFailure = {"at": time.time(), "reason": reason, "refused": refused}
    prompts: KnownHost = {"login_prompted": True} if wants_login else {}
    _change(host, lambda facts: facts.update({"failure": last, **prompts}))


def paused_until(host: str) -> float:
    """Return the end of a refused host's pause (seconds since 1970); 0 without one."""
    failed = _recent_failure(host)
    return failed["at"] + FAILURE_PAUSE if failed is not None and failed["refused"] else 0.0


def failure(host: str) -> str:
    """Return why a host failed in the last FAILURE_PAUSE seconds; empty for none."""
    failed = _recent_failure(host)
    return failed["reason"] if failed is not None else ""


def _recent_failure(host: str) -> HostFailure | None:
    last = of(host).get("failure")
    # A time in the future does not count: the clock was set back.
    return last if last is not None and -1 <= time.time() - last["at"] < FAILURE_PAUSE else None


def sessions(host: str) -> list[Summary]:
    """Return the cached sessions of a host, as rows of one that does not answer."""
    return of(host).get("sessions", [])


def cache_list(host: str, rows: Iterable[Mapping[str, object]]) -> None:
    """Cache all sessions of a host that answers."""
    _change(host, lambda facts: facts.update({"sessions": [_row(row, time.time()) for row in rows]}))


def cache_changes(
    host: str, *, gone: Iterable[str] = (), running: str = "", at: float = 0.0, session_id: str = ""
) -> None:
    """Cache that sessions are gone, and that one ran `at` (seconds since 1970).

    `session_id`: of the one that ran; empty if unknown.
    """

    def change(facts: KnownHost) -> None:
        rows = {row["name"]: row for row in facts.get("sessions", []) if row["name"] not in gone}
        if running:
            before: Mapping[str, object] = rows.pop(running, {})
            if session_id not in ("", before.get("id")):
                before = {"id": session_id}  # another session of this name
            rows[running] = _row({**before, "name": running, "state": "running"}, at)
        facts["sessions"] = [*rows.values()]

    _change(host, change)


def _row(facts: Mapping[str, object], seen: float) -> Summary:
    """Return what is cached of a session that was last seen at a moment."""
    stale: Staleness = {"since": times.stamp(seen), "reason": ""}
    kept: Any = {key: facts[key] for key in _CACHED if facts.get(key) is not None}
    return {**dict.fromkeys(SUMMARY_KEYS), "current": False, "labels": {}, **kept, "stale": stale}  # type: ignore[typeddict-item]


# -- the file


def damage() -> list[str]:
    """Return why the file cannot be used, with the fix; empty if it can."""
    _, why = _content()
    return [why] if why else []


def _hosts() -> Hosts:
    return _content()[0]


def _content() -> tuple[Hosts, str]:
    """Return the hosts in the file, and why it cannot be used."""
    path = paths.remotes_file()
    paths.check_directory(os.path.dirname(path), "XDG_STATE_HOME")
    try:
        return _parse(path, files.read_own(path, _MAX_BYTES) or b"{}"), ""
    except Refused as error:
        return {}, error.text


@functools.lru_cache(maxsize=1)  # a live list reads the same file at every redraw
def _parse(path: str, data: bytes) -> Hosts:
    entries: dict[str, dict[str, object]] = files.parse_json(path, data, check.checker(dict[str, dict[str, object]]))
    for facts in entries.values():
        if not check.fits(list[Summary], facts.get("sessions", [])):
            del facts["sessions"]  # cached by a version whose rows have other keys; the next list replaces them
    found: Hosts = files.checked(path, entries, partial(safe.checked_text, Hosts))
    try:
        return {check_host(host): facts for host, facts in found.items()}
    except UsageError as error:
        raise files.damaged(path, str(error)) from error


def _change(host: str, change: Callable[[KnownHost], object] | None, *, is_new: bool = False) -> None:
    """Change the facts of a known host, if the file can be read and written.

    `change`: changes the facts; None removes them. `is_new`: the host may be unknown.
    """
    if not (is_new or host in _hosts()):
        return
    folder = paths.state_directory()
    with suppress(OSError):
        files.make_private(folder, "XDG_STATE_HOME")
        with suppress(Refused, TimedOut), files.locked(folder, timeout=files.PATIENCE):
            known, why = _content()
            if why or not (is_new or host in known):
                return
            after = {name: facts.copy() for name, facts in known.items()}
            if change is None:
                del after[host]
            else:
                change(facts := after.setdefault(host, {}))
                if len(json.dumps(facts)) > _MAX_FACTS:
                    facts["sessions"] = []
            data = json.dumps(after).encode()
            _parse(paths.remotes_file(), data)  # Refused: what could not be read again is not written
            if after != known and len(data) <= _MAX_BYTES:
                files.write_whole(paths.remotes_file(), data, durable=True)
