"""Known remotes: the hosts that sesh was used on or deployed to.

The file `remotes.json` caches facts of each host by the name that the user types; docs/SECURITY.md describes it. A
damaged file counts as empty, and is not written. A damaged entry, or one of another version, counts as absent, and
stays as it is until that host is recorded again or forgotten; one whose name is no host, until a person removes it.
Every function raises Refused if the file's directory is unsafe.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from typing import NamedTuple, TypedDict

from sesh import check, errors, files, paths
from sesh.check import Check, Malformed
from sesh.errors import Refused
from sesh.names import check_host, natural, printable
from sesh.schema import Moment, Name, Text

FAILURE_PAUSE = 60.0  # seconds for which a failure counts; a host that refused a login is left alone meanwhile
_MAX_CACHED = 256 << 10  # bytes of one host's cached sessions; further sessions are dropped
_MAX_BYTES = 16 << 20  # of the file; a larger one is neither read nor written


class HostFailure(TypedDict):
    at: float  # when the host failed, in seconds since 1970
    reason: str
    refused: bool  # the host refused the login


class _CachedName(TypedDict):
    name: Name


class CachedSession(_CachedName, total=False):
    """A session of a host: the keys of its `Summary` that are cached."""

    id: str
    state: str
    cwd: Text
    created: Moment
    last_activity: Moment
    home: Text
    pid: int
    exit_code: int
    clock: float
    command: list[Text]
    labels: dict[str, str]
    seen: float  # when the session was last known to run (seconds since 1970), if after the host's last list


class KnownHost(TypedDict, total=False):
    version: str  # of the host's sesh
    login_prompted: bool  # the last login prompted a person
    listed: float  # when the host last listed its sessions, in seconds since 1970
    sessions: list[CachedSession]  # that list, with later changes to single sessions
    failure: HostFailure  # the last one; absent once a link has opened again


Hosts = dict[str, KnownHost]
Rows = list[CachedSession]


def hosts() -> list[str]:
    return sorted(_hosts(), key=natural)


def of(host: str) -> KnownHost:
    """Return the facts of a host, empty if unknown; the caller must not change them."""
    return _hosts().get(host, {})


def record(host: str, version: str = "", *, login_prompted: bool | None = None) -> None:
    """Record that sesh was used on a host.

    `version`: of the host's sesh; empty keeps the recorded one. `login_prompted`: the login prompted a person; None
    keeps the recorded value.
    """
    facts: KnownHost = {}
    if version:
        facts["version"] = version
    if login_prompted is not None:
        facts["login_prompted"] = login_prompted
    _change(host, lambda before: _without_failure({**(before or {}), **facts}))


def forget(host: str) -> bool:
    """Remove all facts of a host; return whether the host was known."""
    was_known = host in (_content().entries or {})
    if was_known:
        _change(host, lambda _: None)
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
    _revise(host, lambda before: {**before, **prompts, "failure": last})


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


def end_pause(host: str) -> None:
    """Remove the failure of a host to which a link has opened again."""
    _revise(host, _without_failure)


def _without_failure(before: KnownHost) -> KnownHost:
    after = before.copy()
    after.pop("failure", None)
    return after


def sessions(host: str) -> Rows:
    return of(host).get("sessions", [])


def cache_list(host: str, rows: Iterable[Mapping[str, object]]) -> None:
    listed = time.time()
    kept = _cacheable(rows)
    _revise(host, lambda before: {**_without_failure(before), "listed": listed, "sessions": kept})


def cache_running(host: str, name: str, at: float, session_id: str = "") -> None:
    """Cache that a session ran `at` (seconds since 1970). `session_id`: empty if unknown."""

    def change(rows: Rows) -> Rows:
        before: Mapping[str, object] = next((row for row in rows if row["name"] == name), {})
        if session_id not in ("", before.get("id")):
            before = {"id": session_id}  # another session of this name
        now = {**before, "name": name, "state": "running", "seen": at}
        return _cacheable([*(row for row in rows if row["name"] != name), now])

    _revise_rows(host, change)


def drop_sessions(host: str, names: Iterable[str]) -> None:
    dropped = {*names}
    _revise_rows(host, lambda rows: [row for row in rows if row["name"] not in dropped])


def _revise_rows(host: str, change: Callable[[Rows], Rows]) -> None:
    _revise(host, lambda before: {**before, "sessions": change(before.get("sessions", []))})


def _cacheable(rows: Iterable[Mapping[str, object]]) -> Rows:
    kept: list[dict[str, object]] = []
    size = 0
    for row in rows:
        facts = {key: row[key] for key in CachedSession.__annotations__ if row.get(key) is not None}
        size += len(json.dumps(facts))
        if size > _MAX_CACHED:
            break
        kept.append(facts)
    return kept  # type: ignore[return-value]  # checked when the file is read


# -- the file


class _Content(NamedTuple):
    entries: dict[str, object] | None  # all entries, as they are in the file; None if it is damaged
    hosts: Hosts  # the valid ones
    faults: list[str]  # what is wrong with the file or with other entries, with the fix


def damage() -> list[str]:
    """Return the errors of the file and of its hosts, with the fix."""
    return _content().faults


def _hosts() -> Hosts:
    return _content().hosts


def _content() -> _Content:
    path = paths.remotes_file()
    paths.check_directory(os.path.dirname(path), "XDG_STATE_HOME")
    try:
        return _parse(path, files.read_own(path, _MAX_BYTES) or b"{}")
    except Refused as error:
        return _Content(None, {}, [str(error)])


@functools.lru_cache(maxsize=1)  # a live list reads the same file at every redraw
def _parse(path: str, data: bytes) -> _Content:
    entries: dict[str, object] = files.parse_json(path, data, dict[str, object])
    content = _Content(entries, {}, [])
    for host, facts in entries.items():
        try:
            content.hosts[check_host(host)] = check.test_of(KnownHost)(Check(from_host=True), facts)
        except (Malformed, errors.UsageError) as error:
            content.faults.append(
                f"{path} has a damaged entry ({printable(host)}: {error}); correct or remove it there"
            )
    return content


def _revise(host: str, change: Callable[[KnownHost], KnownHost]) -> None:
    """Apply `change` to the facts of a host, unless it was forgotten."""
    if host in _hosts():
        _change(host, lambda before: change(before) if before is not None else None)


def _change(host: str, change: Callable[[KnownHost | None], KnownHost | None]) -> None:
    """Change the facts of a host, if the file can be read and written."""
    folder = paths.state_directory()
    with suppress(OSError):
        files.make_private(folder, "XDG_STATE_HOME")
        with suppress(Refused), files.locked(folder):
            entries, known, _ = _content()
            facts = change(known.get(host))
            after = {name: entry for name, entry in (entries or {}).items() if name != host}
            if facts is not None:
                after[host] = facts
            data = json.dumps(after).encode()
            if entries not in (None, after) and len(data) <= _MAX_BYTES:
                files.write_whole(paths.remotes_file(), data, durable=True)
