"""Sync: push the files listed in `~/.config/sesh/sync` to a host, one HOME-relative path a line.

Blank lines and lines that begin with `#` are ignored. A path is pushed if it has changed since it was last pushed to
that remote; without changes there is no connection. rsync makes the copy the same, which also deletes files; tar
(without rsync, and for hosts that another command than ssh reaches) only adds and replaces. Credentials are never sent
nor deleted (`credentials`). A line that is refused or not there is said once for each remote, and again if the reason
changes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from sesh import config, paths, reading, writing
from sesh.errors import NotFound, ProtocolError, Refused
from sesh.names import printable
from sesh.remote import eventlog
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from sesh.remote.sync import credentials, fingerprint
from sesh.remote.sync.fingerprint import Seal, Tree
from sesh.remote.sync.push import Push
from sesh.shapes import loose, mapping, system_text
from sesh.store import files

_SYNCED = {"paths": mapping(system_text, loose({"digest": system_text})), "told": mapping(system_text, system_text)}
"""The shape of the file of what was pushed to a host."""
_LARGEST = 4 << 20
"""Bytes of that file."""


class SyncResult:
    """The listed paths: `pushed`, `skipped` because nothing had changed, `failed` with the reason."""

    def __init__(self) -> None:
        self.pushed: list[str] = []
        self.skipped: list[str] = []
        self.failed: dict[str, str] = {}

    @property
    def ok(self) -> bool:
        """True if all that is listed is on the host."""
        return not self.failed


def wanted() -> bool:
    """Return whether there is a list, and `SESH_NO_SYNC` does not turn it off."""
    return os.environ.get("SESH_NO_SYNC", "") in ("", "0") and os.path.exists(list_path())


def list_path() -> str:
    """The path of the list."""
    return os.path.join(os.path.dirname(paths.settings_file()), "sync")


def listed() -> list[str]:
    """The paths in the list, each once. Raises Refused if it cannot be read."""
    try:
        paths.check_safe_path(list_path(), "XDG_CONFIG_HOME")
        lines = os.fsdecode(reading.read_regular(list_path(), config.LARGEST)).splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        hint = "fix it, or set SESH_NO_SYNC=1"
        raise Refused(f"cannot read {list_path()}: {error.strerror}", hint=hint) from error
    entries = (line.strip() for line in lines)
    return list(dict.fromkeys(entry for entry in entries if entry and not entry.startswith("#")))


def sync(destination: Destination, connect: Callable[[Destination], object] = master.ensure) -> SyncResult:
    """Push what has changed since the last time, and report it as events or lines of prose.

    `connect`: opens the connection, if there is something to push. Raises Unreachable if the host cannot be reached
    then, Refused for a list that cannot be read or an unsafe directory of records.
    """
    result = SyncResult()
    lines = listed() if wanted() else []
    if not lines:
        return result
    home = fingerprint.HomeDirectory(paths.home())
    trees: dict[str, Tree] = {}
    for line in lines:
        try:
            tree = home.tree(line)
        except (NotFound, Refused) as error:
            result.failed[line] = str(error)
        else:
            trees.setdefault(tree.path, tree)
    state = paths.synced_file(destination.host)
    content = _read(state)
    before, told = content.get("paths") or {}, content.get("told") or {}
    sealed: dict[str, Seal] = before
    result.skipped = [path for path, tree in trees.items() if tree.matches(sealed.get(path))]
    sealed = {path: sealed[path] for path in result.skipped}
    changed = [tree for path, tree in trees.items() if path not in sealed]
    faults = dict(result.failed)
    if changed:
        connect(destination)
    try:
        if changed or result.failed:
            _Sync(destination, home.top, result, sealed, told).run(changed)
    finally:
        now_told = told if eventlog.wanted() else faults
        if (sealed, now_told) != (before, told):  # also after Ctrl-C, for what was pushed before
            _write(state, {"paths": sealed, "told": now_told})
    return result


def _read(path: str) -> Any:
    """Return what was pushed to a host; empty if the file is missing or damaged. Raises Refused (unsafe directory)."""
    paths.trusted(os.path.dirname(path), "XDG_STATE_HOME")
    try:
        return files.read(path, _SYNCED, _LARGEST) or {}
    except Refused:
        return {}


def _write(path: str, content: Mapping[str, object]) -> None:
    try:
        writing.make_private(os.path.dirname(path), "XDG_STATE_HOME")
        writing.write_whole(path, json.dumps(content).encode())
    except OSError:
        return  # it is pushed again


class _Sync:
    """One run. `told`: why lines of the list failed the last time; a person is not told that again."""

    def __init__(
        self, destination: Destination, top: str, result: SyncResult, sealed: dict[str, Seal], told: dict[str, str]
    ) -> None:
        self.destination, self.top, self.host = destination, top, destination.host
        self.result, self.sealed, self.told = result, sealed, told
        self._reported: set[str] = set()

    def run(self, changed: list[Tree]) -> None:
        eventlog.log("sync_start", host=self.host)
        done = False
        try:
            for path, reason in self.result.failed.items():
                self._fail(path, reason, told=self.told.get(path) == reason)
            if changed:
                eventlog.prose(f"syncing files to {self.host} …")
                self._push(changed)
            done = True
        finally:
            eventlog.log("sync_done", host=self.host, ok=done and self.result.ok)

    def _push(self, changed: list[Tree]) -> None:
        push = Push(self.destination, self.top, self._missing)
        try:
            push.prepare(changed)
        except (Refused, ProtocolError) as error:
            for tree in changed:
                self._fail(tree.path, str(error))
            return
        seals = {tree.path: tree.seal() for tree in changed}  # before it is sent
        if push.same_home:
            self.result.skipped += seals
            self.sealed |= seals
            return
        time.sleep(max(0.0, max(tree.settles for tree in changed) - time.monotonic()))
        for tree, result in push.send(changed):
            if not result.ok:
                self._fail(tree.path, result.reason, result.code, result.stderr)
                continue
            self.sealed[tree.path] = seals[tree.path]
            self.result.pushed.append(tree.path)
            protected = tree.left_out.items()
            left_out = [f"{tree.path}/{name}" for name, holder in protected if holder in credentials.PATHS]
            more = {"left_out": left_out} if left_out else {}
            eventlog.log("sync_path_pushed", host=self.host, path=tree.path, bytes=tree.bytes, **more)
            for name in left_out:
                eventlog.prose(f"{printable(name, 4096)} is not synced to {self.host}: it holds credentials")

    def _fail(self, path: str, reason: str, code: int | None = None, stderr: str = "", *, told: bool = False) -> None:
        self.result.failed[path] = reason
        eventlog.log("sync_path_failed", host=self.host, path=path, exit_code=code, stderr=stderr or reason)
        if not told:
            eventlog.prose(f"{printable(path, 4096)} is not synced to {self.host}: {reason}")

    def _missing(self, tool: str, side: str, path: str) -> None:
        eventlog.log("tool_missing", host=self.host, tool=tool, path=path, where=side)
        if tool == "rsync" and tool not in self._reported:
            self._reported.add(tool)
            location = f"on {self.host}" if side == "there" else "here"
            eventlog.prose(f"no rsync {location}: files deleted here stay on {self.host}")
