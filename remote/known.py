"""Known remotes: hosts that sesh was deployed to or used on before, which every lookup asks.

The files lie in `sesh/remotes` of `XDG_STATE_HOME` (`~/.local/state`); the directory has mode 0700, the files 0600.
Their names are hashes. HASH.json, of a destination's key, is the record; HASH.synced what sync has pushed there.
HASH.failed, of a host as typed, shows by its age when that host last failed, and says why, and whether it `refused` a
login. HASH.names, also of a host as typed, holds its sessions as it last told them, and when (`at`), with what was
learnt of single ones since; its age shows when the host was last *asked*, which is later if it has not answered.
"""

from __future__ import annotations

import hashlib
import json
import os
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from threading import Lock
from typing import Any

from sesh import errors, moments, paths, reading, writing
from sesh.errors import Refused, SeshError
from sesh.names import check_host, is_name
from sesh.remote.ssh import aliases
from sesh.remote.ssh.destination import Destination
from sesh.store import files
from sesh.stored import Failed, KeptSession, RemoteRecord, Synced
from sesh.stored import Told as ToldFile
from sesh.wording import plain

Told = tuple[float, list[KeptSession]]
"""When a host last told its sessions, in seconds since the epoch, 0 for never; and these."""

FAILURE_PAUSE = 60.0
"""Seconds for which a host that refused a login is not asked again, and a failure is recent."""
MAX_SESSIONS = 1_000
"""Sessions of one remote that are kept."""

_MOST_ALIASES = 8
"""Names of one host that are kept beside the one in lists: those typed last."""
_PLACE = ("user", "hostname", "port")
_WAY = (*_PLACE, "proxyjump", "proxycommand")
"""The settings of ssh that say where a name leads, and how."""
_SOON = 1.0
"""Seconds in which what a host has told is written."""
_STALE_AFTER = 1.5
"""Seconds without a byte after which a connection that stood is doubted, beside two round trips."""
_NEAR = 0.02
"""Seconds of round trip within one network."""
_LARGEST = 4 << 20
"""Bytes of one of these files."""
_HEAD = 1 << 10
"""Bytes of a file of sessions beside its rows."""
_RECORD, _FAILED, _TOLD, SYNCED = ".json", ".failed", ".names", ".synced"
_TYPES = {_RECORD: RemoteRecord, _FAILED: Failed, _TOLD: ToldFile, SYNCED: Synced}
"""The type of each file, by its suffix."""
_entries: dict[str, str] = {}
"""The name of each host's record when it was read last: as many hosts answer, not each reads the records of all."""
_told: dict[str, tuple[tuple[int, int], Told]] = {}
"""What was read last of each file of sessions, and what shows that it has changed: a list that is looked at draws them
again and again."""
_writing = Lock()


class KnownRemote:
    """The record of one remote.

    `host`: its name in lists, without `@`: as first typed, see `record`. `aliases`: other names that were typed. `key`:
    see `Destination.key`. `account`: see `named`. `port`: as ssh resolves it, empty for a host that another
    command than ssh reaches. `first_used`, `last_used`: RFC 3339, UTC. `version`: of sesh there, or empty.
    """

    def __init__(self, record: RemoteRecord) -> None:
        self.host, self.key = record.get("word") or "", record.get("key") or ""
        self.port, self.version = record.get("port") or "", record.get("version") or ""
        self.first_used, self.last_used = record.get("first_used") or "", record.get("last_used") or ""
        self.aliases, self.account = record.get("aliases") or [], record.get("account") or ""


def path_of(key: str, suffix: str) -> str:
    """The path of the file for a destination's key, or for a host as typed."""
    return os.path.join(
        paths.remotes_directory(), hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()[:24] + suffix
    )


def record(
    destination: Destination,
    version: str | None = None,
    *,
    asks: bool | None = None,
    account: str | None = None,
) -> bool:
    """Record that the destination was reached just now, the version of sesh there, and whether somebody is asked to log
    in, if that is known, and the `account`.

    It keeps the name in lists that it was given first: a script that uses another one once renames nothing. But one
    that leads elsewhere now gives way; so does one that leads another way, by which the host did not answer the last
    time; and so does an address to an alias of ssh_config. Returns False if the file cannot be written, which matters
    to nobody. Raises Refused for an unsafe directory.
    """
    typed = destination.host
    word = read(path_of(destination.key, _RECORD)).get("word") or typed
    name = word if word == typed or _stays(word, destination) else typed  # which may run ssh: not under the lock
    facts = {"version": version or None, "asks": asks, "account": account}
    found = {key: value for key, value in facts.items() if value is not None}
    return _exclusively(lambda: _record(destination, name, found))


def _record(destination: Destination, name: str, facts: Mapping[str, object]) -> bool:
    """Write the record of a destination that was reached just now, by its name in lists."""
    path, typed, now = path_of(destination.key, _RECORD), destination.host, moments.stamp()
    before: RemoteRecord = read(path)
    word = before.get("word") or typed
    aliases = [alias for alias in before.get("aliases") or [] if alias not in (word, typed)] + [word, typed]
    content: dict[str, object] = {
        **before,
        "word": name,
        "aliases": [alias for alias in dict.fromkeys(aliases) if alias != name][-_MOST_ALIASES:],
        "key": destination.key,
        "user": destination.setting("user"),
        "hostname": destination.setting("hostname"),
        "port": destination.setting("port"),
        "first_used": before.get("first_used") or now,
        "last_used": now,
        **facts,
    }
    written = write(path, content, durable=True)
    for host in {name, typed}:
        end_pause(host)
    if word != name:
        _move(path_of(word, _TOLD), path_of(name, _TOLD))
    for path, other in _records():
        # The host as typed leads elsewhere now, so nobody could reach the other one by it.
        if other.key == destination.key:
            continue
        if other.host == typed:
            _remove(path)
            forget_unless_known(typed)
        elif typed in other.aliases:
            write(path, {**read(path), "aliases": [alias for alias in other.aliases if alias != typed]})
    return written


def _stays(word: str, destination: Destination) -> bool:
    """Return whether a host keeps its name although another was typed; see `record`."""
    try:
        settings = Destination(word).settings
    except SeshError:
        return False
    other = [keyword for keyword in _WAY if settings.get(keyword) != destination.settings.get(keyword)]
    if set(other) & {*_PLACE} or (other and unanswered(word)):
        return False
    return not _is_address(word) or destination.host not in aliases.aliases()


def unanswered(host: str) -> bool:
    """Return whether a host has not answered when it was last asked for its sessions."""
    return asked_at(host) > last_told(host)[0] + _SOON


def _is_address(host: str) -> bool:
    """Return whether a host as typed is an IP address, with a user and a port or without."""
    bare = host.rpartition("@")[2]
    return bare[:1] == "[" or bare.count(":") > 1 or not bare.strip("0123456789.:")


def name_of(host: str) -> str:
    """The name in lists of a host as typed: another one, if that was given first; itself if it is not known.

    Raises Refused (unsafe directory).
    """
    if _is_listed(host):
        return host
    return next((remote.host for remote in all() if host in remote.aliases), host)


def _is_listed(host: str) -> bool:
    """Return whether a host is known by this name."""
    return bool(_listed(host)) or any(remote.host == host for _, remote in _records())


def _listed(host: str) -> RemoteRecord:
    """The record of a host by its name in lists, without a look at those of others; empty if none was read before."""
    content: RemoteRecord = read(os.path.join(paths.remotes_directory(), _entries.get(host, ".")))
    return content if content.get("word") == host else {}


def asks(destination: Destination) -> bool:
    """Return whether somebody was asked to log in there the last time."""
    return read(path_of(destination.key, _RECORD)).get("asks") is True


def stale_after(destination: Destination) -> float:
    """Return after how many seconds without a byte a shared connection that stood before is doubted; 0 for never, as
    somebody would be asked to log in again."""
    told = read(path_of(destination.key, _RECORD))
    return 0.0 if told.get("asks") is True else _STALE_AFTER + 2 * (told.get("round_trip") or 0)


def note(destination: Destination, **facts: object) -> bool:
    """Record facts of a remote that is known (`RemoteRecord`); False if that cannot be written."""
    path = path_of(destination.key, _RECORD)

    def change() -> bool:
        before = read(path)
        return bool(before) and write(path, {**before, **facts})

    before = read(path)
    return bool(before) and (before.items() >= facts.items() or _exclusively(change))


def near(destination: Destination) -> bool:
    """Return whether the round trip was so short the last time that compressing costs more than it saves."""
    seconds = read(path_of(destination.key, _RECORD)).get("round_trip")
    return isinstance(seconds, float) and seconds < _NEAR


def all() -> list[KnownRemote]:  # noqa: A001 - read as known.all()
    """The known remotes, last used first; of two typed alike the newer. Raises Refused (unsafe directory)."""
    remotes: dict[str, KnownRemote] = {}
    for _, remote in sorted(_records(), key=lambda row: (row[1].last_used, _modified(row[0]), row[0]), reverse=True):
        remotes.setdefault(remote.host, remote)
    return list(remotes.values())


def named(host: str) -> list[KnownRemote]:
    """The records of a host as typed, and those of the same machine and account under other names, which have the same
    `account`. Raises Refused (unsafe directory)."""
    host, remotes = name_of(host), [remote for _, remote in _records()]
    accounts = {remote.account for remote in remotes if remote.host == host} - {""}
    return [remote for remote in remotes if remote.host == host or remote.account in accounts]


def forget(host: str) -> bool:
    """Remove all that is known of a host as typed, by all of its names; False if nothing was. Raises Refused (unsafe
    directory)."""
    remotes = named(host)
    for remote in remotes:
        for suffix in (_RECORD, SYNCED):
            _remove(path_of(remote.key, suffix))
    for name in {name_of(host), *(remote.host for remote in remotes)}:
        _forget_answers(name)
    return bool(remotes)


def forget_unless_known(host: str) -> None:
    """Remove the answers of a host that was forgotten while they were written. Raises Refused (unsafe directory)."""
    if not _is_listed(host):
        _forget_answers(host)


def _forget_answers(host: str) -> None:
    for suffix in (_FAILED, _TOLD):
        _remove(path_of(host, suffix))


def record_failure(host: str, reason: str = "", at: float = 0.0, *, refused: bool = False) -> bool:
    """Record that a host could not be reached, why, and when (seconds since the epoch; 0 for now).

    `refused`: it refused a login, so asking it again soon would fail alike, and may lock somebody out.
    Returns False if it cannot be written. Raises Refused (unsafe directory).
    """
    path = path_of(host, _FAILED)
    written = write(path, {"word": host, "reason": _plain(reason), "refused": refused})
    if at and written:
        os.utime(path, (at, at))
    return written


def paused_until(host: str) -> float:
    """Return until when a host is not asked, as it refused a login (seconds since the epoch); 0 if it may be asked."""
    content, at = _failure(host)
    return at + FAILURE_PAUSE if content.get("refused") is True else 0.0


def failure(host: str) -> str:
    """Return why a host failed less than FAILURE_PAUSE seconds ago, in a few words; empty if it did not."""
    content, _ = _failure(host)
    return str(content.get("reason") or "")


def _failure(host: str) -> tuple[Any, float]:
    """What is recorded of a recent failure of a host, and when that was; empty without one. Raises Refused."""
    path = path_of(host, _FAILED)
    try:
        at = os.lstat(path).st_mtime
    except OSError:
        return {}, 0.0
    recent = -1 <= time.time() - at < FAILURE_PAUSE  # a time in the future means that the clock was set
    return (read(path), at) if recent else ({}, 0.0)


def end_pause(host: str) -> None:
    """Forget that a host failed: it answers."""
    _remove(path_of(host, _FAILED))


def keep(host: str, rows: Iterable[Mapping[str, object]]) -> bool:
    """Keep what a list shows of a host's sessions, for times when it does not answer: of as many as can be read again.

    Nothing of a host that was forgotten meanwhile. It answers, so no failure stands any more. False if it cannot be
    written. Raises Refused (unsafe directory).
    """
    host = name_of(host)
    end_pause(host)
    return _exclusively(lambda: _keep(host, rows, time.time()))


def _drop_elsewhere(host: str, ids: set[str]) -> None:
    """Drop sessions that a host no longer has from what other remotes have told, which may be other names of it."""
    for remote in all():
        (at, rows), asked, path = last_told(remote.host), asked_at(remote.host), path_of(remote.host, _TOLD)
        left = [row for row in rows if row.get("id") not in ids]
        if remote.host != host and len(left) < len(rows):
            write(path, {"word": remote.host, "at": at, "sessions": left})
            try:
                os.utime(path, (asked, asked))
            except OSError:
                continue  # it was not written, or the host was forgotten


def _keep(host: str, rows: Iterable[Mapping[str, object]], at: float) -> bool:
    """Keep sessions of a host by its name in lists."""
    kept: list[KeptSession] = []
    size, rows = _HEAD, list(rows)
    gone = {row["id"] for row in last_told(host)[1] if "id" in row} - {row.get("id") for row in rows}
    for each in rows:
        row = _kept(each)
        if not is_name(row.get("name") or ""):
            continue
        size += len(_encoded(row)) + len(", ")
        if len(kept) == MAX_SESSIONS or size > _LARGEST:
            break
        kept.append(row)
    written = write(path_of(host, _TOLD), {"word": host, "at": at, "sessions": kept})
    forget_unless_known(host)
    if gone:
        _drop_elsewhere(host, gone)
    return written


def add(host: str, name: str, **facts: object) -> bool:
    """Note a session of a host that was just attached or created, with what is known of it, unless the host has told
    it, by its `id`; False if that cannot be written."""
    row: KeptSession = {**_kept(facts), "name": name, "state": "running"}

    def change(rows: dict[str, KeptSession]) -> None:
        if name not in rows or row.get("id") not in (None, rows[name].get("id")):
            rows[name] = row

    return _revise(host, change)


def saw(host: str, name: str, at: float) -> bool:
    """Note when a session of a host was last known to run (seconds since the epoch); False if that cannot be
    written."""

    def change(rows: dict[str, KeptSession]) -> None:
        rows[name] = {**rows.get(name, {}), "name": name, "state": "running", "seen": at}

    return _revise(host, change)


def drop(host: str, names: Iterable[str], *, running: bool = False) -> bool:
    """Note that sessions of a host are gone; False if that cannot be written. `running`: they have just ended, so one
    that had ended before is kept there."""

    def change(rows: dict[str, KeptSession]) -> None:
        for name in names:
            if name in rows and not (running and rows[name].get("state") != "running"):
                del rows[name]

    return _revise(host, change)


def rename(host: str, old: str, new: str) -> bool:
    """Note that a session of a host has another name; False if that cannot be written."""

    def change(rows: dict[str, KeptSession]) -> None:
        if (row := rows.pop(old, None)) is not None:
            rows[new] = {**row, "name": new}

    return _revise(host, change)


def _revise(host: str, change: Callable[[dict[str, KeptSession]], object]) -> bool:
    """Have `change` put other rows in the place of those of a host, by name.

    The host was not asked for the others, and has not told them: both times stay.
    """
    host = name_of(host)

    def revise() -> bool:
        (at, rows), asked, path = last_told(host), asked_at(host), path_of(host, _TOLD)
        revised = {row["name"]: row for row in rows}
        change(revised)
        if [*revised.values()] == rows:
            return True
        written = _keep(host, revised.values(), at if rows else time.time())
        try:
            os.utime(path, (asked, asked))
        except OSError:
            pass  # it was not written, or the host was forgotten
        return written

    return _exclusively(revise)


def _exclusively(change: Callable[[], bool]) -> bool:
    """Have `change` read records and write them while no other process does; False if they cannot be locked.

    Raises Refused (unsafe directory).
    """
    folder = paths.remotes_directory()
    try:
        writing.make_private(folder, "XDG_STATE_HOME")
    except OSError:
        return False
    try:
        with writing.locked(folder):
            return change()
    except (OSError, Refused):
        return False  # where no lock can be made, nothing can be written


def seen(at: float, row: KeptSession) -> float:
    """When a session was last known to be there, if its host told it `at` that moment (seconds since the epoch)."""
    return max(at, row.get("seen", 0.0))


def last_told(host: str) -> Told:
    """When a host last told its sessions, and these as they were; not to be changed. Raises Refused."""
    path = path_of(host, _TOLD)
    if not os.path.lexists(path):
        path = path_of(name_of(host), _TOLD)
    try:
        status = os.lstat(path)
        version = status.st_ino, status.st_ctime_ns
    except OSError:
        version = 0, 0
    before, told = _told.get(path, (None, None))
    if told is None or before != version:
        content = read(path)
        rows = [_kept(row) for row in content.get("sessions") or []]
        told = float(content.get("at") or 0), [row for row in rows if is_name(row.get("name") or "")]
        _told[path] = version, told
    return told


def asked_at(host: str) -> float:
    """Return when a host was last asked for its sessions, answered or not (seconds since the epoch); 0 if never."""
    return _modified(path_of(host, _TOLD)) / 1e9


def mark_asked(host: str) -> None:
    """Note that a host is asked for its sessions now; what it told before stays as it is."""
    path = path_of(host, _TOLD)

    def mark() -> bool:
        try:
            os.utime(path)
        except FileNotFoundError:
            return write(path, {"word": host, "at": 0, "sessions": []})
        return True

    _exclusively(mark)


def read(path: str) -> Any:
    """The content of one of these files; empty if it is missing, broken or a link. Raises Refused."""
    paths.trusted(os.path.dirname(path), "XDG_STATE_HOME")
    try:
        return _content(path) or {}
    except Refused:
        return {}


def damage() -> list[str]:
    """The reasons why records of remotes are not believed, with the fix. Raises Refused (unsafe directory)."""
    return [str(reason) for _, reason in _scanned() if isinstance(reason, Refused)]


def _records() -> list[tuple[str, KnownRemote]]:
    """The path and content of each record that is believed."""
    return [(path, remote) for path, remote in _scanned() if isinstance(remote, KnownRemote)]


def _scanned() -> Iterator[tuple[str, KnownRemote | Refused]]:
    """The path of each record, by name, and its content, or why that is not believed."""
    folder = paths.remotes_directory()
    entries = sorted(os.listdir(folder)) if paths.trusted(folder, "XDG_STATE_HOME") else []
    for entry in entries:
        path = os.path.join(folder, entry)
        if entry.endswith(_RECORD) and not entry.startswith("."):
            try:
                content = _content(path)
            except Refused as error:
                yield path, error
                continue
            if content is not None:
                remote = KnownRemote(content)
                if not _is_record(path, remote):
                    yield path, reading.damaged(path, "not the record of a host")
                    continue
                _entries[remote.host] = entry
                yield path, remote


def _content(path: str) -> Any:
    """Return the content of one of these files. Raises Refused if it cannot be believed."""
    return files.read(path, _TYPES.get(os.path.splitext(path)[1], dict[str, object]), _LARGEST)


def _is_record(path: str, remote: KnownRemote) -> bool:
    try:
        check_host(remote.host)
    except errors.InvalidHost:
        return False
    return bool(remote.key) and path == path_of(remote.key, _RECORD)


def write(path: str, content: Mapping[str, object], *, durable: bool = False) -> bool:
    """Write one of these files atomically; False if that fails. Raises Refused for an unsafe directory.

    What is so large that it could not be read again is not written. `durable`: a loss of power leaves the old or the
    new one; what only saves a question later needs no such wait.
    """
    folder, data = os.path.dirname(path), _encoded(content) + b"\n"
    if len(data) > _LARGEST:
        return False
    try:
        writing.make_private(folder, "XDG_STATE_HOME")
        with _writing:
            writing.write_whole(path, data, durable=durable)
    except OSError:
        return False
    return True


def _encoded(content: Mapping[str, object]) -> bytes:
    return json.dumps(dict(content)).encode()


def _modified(path: str) -> int:
    try:
        return os.lstat(path).st_mtime_ns
    except OSError:
        return 0


def _move(path: str, other: str) -> None:
    try:
        os.replace(path, other)
    except OSError:
        return  # missing, or told again soon


def _remove(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        return  # missing, or left for the next time


def _kept(session: Mapping[str, object]) -> KeptSession:
    """What is kept of a session, its texts as `_plain` makes them."""
    return {key: _cleaned(session[key]) for key in KeptSession.__annotations__ if session.get(key) is not None}  # type: ignore[return-value]


def _cleaned(value: object) -> object:
    if isinstance(value, str):
        return _plain(value)
    if isinstance(value, dict):
        return {_plain(key): _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value


def _plain(value: object) -> str:
    """Text from another machine without control characters, cut to a sane length."""
    return plain(value)[:4096] if isinstance(value, str) else ""
