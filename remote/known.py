"""Known remotes: the hosts that sesh was used on or deployed to, which every lookup asks.

One file, `remotes.json`, holds what is known of each host (`stored.KnownHost`) by the word that the user types;
docs/SECURITY.md describes it. It only saves questions: if it is damaged nothing is known, and what cannot be written
returns False. Only an unsafe directory is an error: all that reads or writes raises Refused then.
"""

from __future__ import annotations

import functools
import json
import os
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress

from sesh import check, errors, files, measures, paths
from sesh.check import Check, Malformed
from sesh.errors import Refused
from sesh.names import check_host, printable
from sesh.stored import HostFailure, KeptSession, KnownHost

Hosts = dict[str, KnownHost]
Rows = list[KeptSession]

FAILURE_PAUSE = 60.0
"""Seconds for which a host that refused a login is not asked again, and a failure is recent."""

_MOST_BYTES = 256 << 10
"""Bytes of the sessions of one host that are kept."""
_LARGEST = 16 << 20
"""Bytes of the file."""
_STALE_AFTER = 1.5
"""Seconds without a byte after which a connection that stood is doubted, beside two round trips."""


# -- hosts


def hosts() -> list[str]:
    """Return the known remotes, last used first."""
    known = _hosts()
    return sorted(known, key=lambda host: known[host].get("last_used", ""), reverse=True)


def of(host: str) -> KnownHost:
    """Return what is known of a host, not to be changed; empty if it is not known."""
    return _hosts().get(host, {})


def record(host: str, version: str = "", *, asks: bool | None = None) -> bool:
    """Record that a host was reached just now.

    `version`, `asks`: of sesh on it, and whether the login asked a person; empty and None leave what is known.
    """
    facts: KnownHost = {"last_used": measures.stamp()}
    if version:
        facts["version"] = version
    if asks is not None:
        facts["asks"] = asks

    def change(known: Hosts) -> Hosts:
        before: KnownHost = known.get(host) or {"first_used": facts["last_used"]}
        return {**known, host: _answering({**before, **facts})}

    return _change(change)


def note(host: str, facts: KnownHost) -> bool:
    """Record facts of a host that is known."""
    return _revise(host, lambda before: {**before, **facts})


def forget(host: str) -> bool:
    """Remove all that is known of a host, and what was pushed to it; False if it was not known."""
    was_known = host in _hosts()
    if was_known:
        _change(lambda known: {name: facts for name, facts in known.items() if name != host})
    with suppress(OSError):  # nothing was pushed
        os.unlink(paths.synced_file(host))
    return was_known


def asks(host: str) -> bool:
    """Return whether the last login on a host asked a person."""
    return of(host).get("asks", False)


def stale_after(host: str) -> float:
    """Return the seconds without a byte after which a shared connection is doubted; 0 for never, where another login
    would ask a person."""
    return 0.0 if asks(host) else _STALE_AFTER + 2 * of(host).get("round_trip", 0.0)


# -- failures


def record_failure(host: str, reason: str = "", at: float = 0.0, *, refused: bool = False) -> bool:
    """Record why a known host did not answer, and when (seconds since the epoch; 0 for now).

    `refused`: it refused a login: asking it again soon would fail alike, and may lock the user out.
    """
    return note(host, {"failure": {"at": at or time.time(), "reason": reason, "refused": refused}})


def paused_until(host: str) -> float:
    """Return until when a host is not asked, as it refused a login (seconds since the epoch); 0 if it may be asked."""
    recent = _failure(host)
    return recent["at"] + FAILURE_PAUSE if recent is not None and recent["refused"] else 0.0


def failure(host: str) -> str:
    """Return why a host failed less than FAILURE_PAUSE seconds ago, in a few words; empty if it did not."""
    recent = _failure(host)
    return recent["reason"] if recent is not None else ""


def _failure(host: str) -> HostFailure | None:
    last = of(host).get("failure")
    # A time in the future means that the clock was set.
    return last if last is not None and -1 <= time.time() - last["at"] < FAILURE_PAUSE else None


def end_pause(host: str) -> None:
    """Remove the failure of a host: it answers."""
    _revise(host, _answering)


def _answering(before: KnownHost) -> KnownHost:
    after = before.copy()
    after.pop("failure", None)
    return after


# -- sessions


def sessions(host: str) -> Rows:
    """Return the sessions that a host listed last, with what was learnt of single ones since."""
    return of(host).get("sessions", [])


def keep(host: str, rows: Iterable[Mapping[str, object]]) -> bool:
    """Keep the sessions that a host has just listed, for times when it does not answer."""
    listed, kept = time.time(), _kept(rows)
    return _revise(host, lambda before: {**_answering(before), "listed": listed, "sessions": kept})


def saw(host: str, name: str, at: float, **facts: object) -> bool:
    """Record when a session was last known to run (seconds since the epoch), and facts that its host has not listed."""

    def change(rows: Rows) -> Rows:
        before: Mapping[str, object] = next((row for row in rows if row["name"] == name), {})
        if facts.get("id") not in (None, before.get("id")):
            before = {}  # another session of this name
        now = {**facts, **before, "name": name, "state": "running", "seen": at}
        return _kept([*(row for row in rows if row["name"] != name), now])

    return _revise_rows(host, change)


def drop(host: str, names: Iterable[str]) -> bool:
    """Remove sessions that are gone."""
    gone = {*names}
    return _revise_rows(host, lambda rows: [row for row in rows if row["name"] not in gone])


def rename(host: str, old: str, new: str) -> bool:
    """Give a session its new name."""
    return _revise_rows(host, lambda rows: [{**row, "name": new} if row["name"] == old else row for row in rows])


def _revise_rows(host: str, change: Callable[[Rows], Rows]) -> bool:
    """Have `change` revise the sessions of a host; when it listed the others stays."""
    return _revise(host, lambda before: {**before, "sessions": change(before.get("sessions", []))})


def _kept(rows: Iterable[Mapping[str, object]]) -> Rows:
    """Return what is kept of sessions, as many as there is room for."""
    shape, keys = check.of(KeptSession), KeptSession.__annotations__
    kept: Rows = []
    left = _MOST_BYTES
    for row in rows:
        try:
            known: KeptSession = shape(Check(far=True), {key: row[key] for key in keys if row.get(key) is not None})
        except Malformed:
            continue
        left -= len(json.dumps(known))
        if left < 0:
            break
        kept.append(known)
    return kept


# -- the file


def damage() -> list[str]:
    """Return why the file, or what it says of a host, is not believed, with the fix."""
    return _content()[1]


def _hosts() -> Hosts:
    return _content()[0]


def _content() -> tuple[Hosts, list[str]]:
    """Return the hosts that are believed, and the faults of the file."""
    paths.trusted(paths.state_directory(), "XDG_STATE_HOME")
    try:
        return _read()
    except Refused as error:
        return {}, [str(error)]


def _read() -> tuple[Hosts, list[str]]:
    """Return the hosts in the file, and the faults of those that are left out. Raises Refused if it is damaged."""
    path = paths.remotes_file()
    return _parsed(path, files.read_own(path, _LARGEST) or b"{}")


@functools.lru_cache(maxsize=1)  # a list that is looked at draws them again and again
def _parsed(path: str, data: bytes) -> tuple[Hosts, list[str]]:
    known: Hosts = {}
    faults: list[str] = []
    for host, facts in files.parse_json(path, data, dict[str, object]).items():
        try:
            known[check_host(host)] = check.of(KnownHost)(Check(far=True), facts)
        except (Malformed, errors.InvalidHost) as error:
            faults.append(str(files.damaged(path, f"{printable(host)}: {error}")))
    return known, faults


def _revise(host: str, change: Callable[[KnownHost], KnownHost]) -> bool:
    """Write what `change` makes of what is known of a host; nothing of one that is not known, or was forgotten."""

    def revise(known: Hosts) -> Hosts:
        return {**known, host: change(known[host])} if host in known else known

    known = _hosts()
    return revise(known) == known or _change(revise)


def _change(change: Callable[[Hosts], Hosts]) -> bool:
    """Write what `change` makes of the known hosts while no other process does."""
    folder = paths.state_directory()
    try:
        files.make_private(folder, "XDG_STATE_HOME")
    except OSError:
        return False
    try:
        with files.locked(folder):
            before, _ = _read()
            after = change(before)
            data = json.dumps(after).encode()
            if after != before and len(data) <= _LARGEST:
                files.write_whole(paths.remotes_file(), data, durable=True)
            return len(data) <= _LARGEST
    except (OSError, Refused):
        return False  # a damaged file stays for the user, and without a lock nothing can be written
