"""Sync: push the files listed in `~/.config/sesh/sync` to a host, one HOME-relative path a line.

Blank lines and lines that begin with `#` are ignored. A path is pushed if it has changed since its last push to the
host; without changes sesh does not connect. rsync mirrors a directory, which also deletes files; tar only adds and
replaces files. A refused line is reported once for each host, and again if the reason changes.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from sesh import config, files, paths
from sesh.errors import ProtocolError, Refused
from sesh.names import printable
from sesh.remote import eventlog
from sesh.remote.ssh import master, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.sync.home import HomeDirectory, Tree
from sesh.remote.sync.push import Push

_LARGEST = 4 << 20  # bytes; a larger file of digests is ignored


def listed() -> list[str]:
    """Return the listed paths without duplicates; none with `SESH_NO_SYNC`. Raises Refused for an unreadable list."""
    path = os.path.join(os.path.dirname(paths.settings_file()), "sync")
    if os.environ.get("SESH_NO_SYNC", "") not in ("", "0") or not os.path.exists(path):
        return []
    try:
        paths.check_safe_path(path, "XDG_CONFIG_HOME")
        lines = os.fsdecode(files.read_regular(path, config.LARGEST)).splitlines()
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}", hint="fix it, or set SESH_NO_SYNC=1") from error
    entries = (line.strip() for line in lines)
    return list(dict.fromkeys(entry for entry in entries if entry and not entry.startswith("#")))


def sync(destination: Destination, connect: Callable[[Destination], object] = master.ensure) -> Sync:
    """Push the changed paths, and report them as events or prose.

    `connect`: opens the connection if a path has changed. Raises Unreachable if that fails, Refused for an unreadable
    list or an unsafe state directory.
    """
    result = Sync(destination)
    if lines := listed():
        result.run(lines, connect)
    return result


@dataclass
class Sync:
    """One sync: the listed paths by outcome."""

    destination: Destination
    pushed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # unchanged
    failed: dict[str, str] = field(default_factory=dict)  # with the reason

    def run(self, lines: list[str], connect: Callable[[Destination], object]) -> None:
        """Scan the listed paths, push those that have changed, and remember the outcome for the next sync."""
        before = remembered(self.destination)
        home = HomeDirectory(paths.home())
        trees = list[Tree]()
        refused = dict[str, str]()
        for line in lines:
            try:
                trees.append(home.tree(line))
            except Refused as error:
                refused[line] = str(error)
        digests = {tree.path: tree.digest for tree in trees}
        changed = [tree for tree in trees if before.get(tree.path) != digests[tree.path]]
        self.skipped = [path for path in digests if before.get(path) == digests[path]]
        if not changed and not refused:
            return
        if changed:
            connect(self.destination)
        self._log("sync_start")
        try:
            for line, reason in refused.items():
                self._fail(line, None, reason, quiet=before.get(line) == reason)
            if changed:
                self._push(home, changed)
        finally:  # also after Ctrl-C
            done = {path: digests[path] for path in (*self.skipped, *self.pushed)}
            self._log("sync_done", ok=len(done) == len(digests) and not refused)
            if (after := done | refused) != before:
                _remember(self.destination, after)

    def _push(self, home: HomeDirectory, changed: list[Tree]) -> None:
        eventlog.prose(f"syncing files to {self.destination.host} …")
        try:
            push = Push(self.destination, home)
            if push.shares_home():
                self.skipped += [tree.path for tree in changed]
                return
            for tree, (code, stderr) in push.send(changed):
                if code != 0:
                    self._fail(tree.path, code, stderr)
                    continue
                self.pushed.append(tree.path)
                left_out = {"left_out": [f"{tree.path}/{name}" for name in tree.left_out]} if tree.left_out else {}
                self._log("sync_path_pushed", path=tree.path, bytes=tree.bytes, **left_out)
        except (OSError, ProtocolError) as error:  # from `shares_home`, before any path was sent
            for tree in changed:
                self._fail(tree.path, None, str(error))

    def _fail(self, path: str, code: int | None, stderr: str, *, quiet: bool = False) -> None:
        reason = (words.reasons(stderr) or [f"exit code {code}"])[0]
        self.failed[path] = reason
        self._log("sync_path_failed", path=path, exit_code=code, stderr=stderr)
        if not quiet:
            eventlog.prose(f"{printable(path, 4096)} is not synced to {self.destination.host}: {reason}")

    def _log(self, event: str, **fields: object) -> None:
        eventlog.log(event, host=self.destination.host, **fields)


def remembered(destination: Destination) -> dict[str, str]:
    """Return the outcome of earlier syncs: the digest of each pushed path, and the reason of each refused line.

    It is empty, so that all paths are pushed again, if the file is damaged or the alias now names another host. Raises
    Refused for an unsafe directory.
    """
    path = paths.synced_file(destination.host)
    paths.trusted(os.path.dirname(path), "XDG_STATE_HOME")
    try:
        content = json.loads(files.read_own(path, _LARGEST) or b"{}")
    except (Refused, ValueError, RecursionError):
        return {}
    if not isinstance(content, dict) or content.get("key") != destination.key:
        return {}
    found = content.get("paths")
    return found if isinstance(found, dict) else {}


def _remember(destination: Destination, found: dict[str, str]) -> None:
    path = paths.synced_file(destination.host)
    data = json.dumps({"key": destination.key, "paths": found}).encode()
    try:
        files.make_private(os.path.dirname(path), "XDG_STATE_HOME")
        files.write_whole(path, data)
    except OSError:
        return  # the next sync pushes again
