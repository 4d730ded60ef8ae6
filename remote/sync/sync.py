"""Sync: push the files listed in `~/.config/sesh/sync` to a host, one HOME-relative path a line.

Blank lines and lines that begin with `#` are ignored. A path is pushed if it has changed since it was last pushed to
that remote; without changes there is no connection. rsync makes the copy the same, which also deletes files; tar only
adds and replaces. A line that is refused or not there is said once for each remote, and again if the reason changes.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable

from sesh import config, paths, reading, writing
from sesh.errors import NotFound, ProtocolError, Refused
from sesh.names import printable
from sesh.remote import eventlog
from sesh.remote.ssh import master, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.sync.home import TICK, HomeDirectory, Tree
from sesh.remote.sync.push import Push, Way

_LARGEST = 4 << 20
"""Bytes of a file of digests."""


def listed() -> list[str]:
    """The paths in the list, each once; none if `SESH_NO_SYNC` turns it off. Raises Refused if it cannot be read."""
    path = os.path.join(os.path.dirname(paths.settings_file()), "sync")
    if os.environ.get("SESH_NO_SYNC", "") not in ("", "0") or not os.path.exists(path):
        return []
    try:
        paths.check_safe_path(path, "XDG_CONFIG_HOME")
        lines = os.fsdecode(reading.read_regular(path, config.LARGEST)).splitlines()
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}", hint="fix it, or set SESH_NO_SYNC=1") from error
    entries = (line.strip() for line in lines)
    return list(dict.fromkeys(entry for entry in entries if entry and not entry.startswith("#")))


def sync(destination: Destination, connect: Callable[[Destination], object] = master.ensure) -> Sync:
    """Push what has changed since the last time, and report it as events or lines of prose.

    `connect`: opens the connection, if there is something to push. Raises Unreachable if the host cannot be reached
    then, Refused for a list that cannot be read or an unsafe directory of records.
    """
    result = Sync(destination)
    if lines := listed():
        result.run(lines, connect)
    return result


class Sync:
    """One sync with a host.

    `pushed`, `skipped`: listed paths that are there, the latter unchanged; `failed`: those that are not, with the
    reason. `before`, `now`: what is remembered of paths: a digest, or why a line was refused.
    """

    def __init__(self, destination: Destination) -> None:
        self.pushed: list[str] = []
        self.skipped: list[str] = []
        self.failed: dict[str, str] = {}
        self._destination, self._host = destination, destination.host
        self._before, self._now = dict[str, str](), dict[str, str]()

    def run(self, lines: list[str], connect: Callable[[Destination], object]) -> None:
        home, trees, refused = HomeDirectory(paths.home()), dict[str, Tree](), dict[str, str]()
        for line in lines:
            try:
                tree = home.tree(line)
                trees[tree.path] = tree
            except (NotFound, Refused) as error:
                refused[line] = str(error)
        self._before = remembered(self._destination)
        changed = [tree for path, tree in trees.items() if self._before.get(path) != tree.digest]
        self._settle([tree for tree in trees.values() if tree not in changed], self.skipped)
        if changed:
            connect(self._destination)
        if changed or refused:
            eventlog.log("sync_start", host=self._host)
        try:
            for line, reason in refused.items():
                self._fail(line, None, reason, said=self._before.get(line) == reason)
                if not eventlog.wanted():
                    self._now[line] = reason
            if changed:
                self._push(home, changed)
        finally:  # also after Ctrl-C, for what was pushed before
            if changed or refused:
                ok = not self.failed and len(self._now) == len(trees)
                eventlog.log("sync_done", host=self._host, ok=ok)
            if self._now != self._before:
                _remember(self._destination, self._now)

    def _push(self, home: HomeDirectory, changed: list[Tree]) -> None:
        eventlog.prose(f"syncing files to {self._host} …")
        push = Push(self._destination, home)
        try:
            way = push.probe()
        except (OSError, Refused, ProtocolError) as error:
            for tree in changed:
                self._fail(tree.path, None, str(error))
            return
        if way is Way.SAME_HOME:
            self._settle(changed, self.skipped)
            return
        if way is not Way.RSYNC:
            where = "here" if way is Way.NO_RSYNC_HERE else "there"
            for tree in changed:
                eventlog.log("tool_missing", host=self._host, tool="rsync", path=tree.path, where=where)
            eventlog.prose(f"{way.value}: files deleted here stay on {self._host}")
        time.sleep(TICK)
        for tree, (code, stderr) in push.send(way, changed):
            if code != 0:
                self._fail(tree.path, code, stderr)
                continue
            self._settle([tree], self.pushed)
            left_out = {"left_out": [f"{tree.path}/{name}" for name in tree.left_out]} if tree.left_out else {}
            eventlog.log("sync_path_pushed", host=self._host, path=tree.path, bytes=tree.bytes, **left_out)

    def _settle(self, trees: list[Tree], found: list[str]) -> None:
        found += [tree.path for tree in trees]
        self._now |= {tree.path: tree.digest for tree in trees}

    def _fail(self, path: str, code: int | None, stderr: str, *, said: bool = False) -> None:
        reason = (words.reasons(stderr) or [f"exit code {code}"])[0]
        self.failed[path] = reason
        eventlog.log("sync_path_failed", host=self._host, path=path, exit_code=code, stderr=stderr)
        if not said:
            eventlog.prose(f"{printable(path, 4096)} is not synced to {self._host}: {reason}")


def remembered(destination: Destination) -> dict[str, str]:
    """The digests of what was pushed to a host, and why lines were refused; empty if the name leads elsewhere now.

    A damaged file costs one push. Raises Refused for an unsafe directory.
    """
    path = paths.synced_file(destination.host)
    paths.trusted(os.path.dirname(path), "XDG_STATE_HOME")
    try:
        content = json.loads(reading.read_own(path, _LARGEST) or b"{}")
    except (Refused, ValueError, RecursionError):
        return {}
    found = content.get("paths") if isinstance(content, dict) and content.get("key") == destination.key else None
    return found if isinstance(found, dict) else {}


def _remember(destination: Destination, found: dict[str, str]) -> None:
    path = paths.synced_file(destination.host)
    data = json.dumps({"key": destination.key, "paths": found}).encode()
    try:
        writing.make_private(os.path.dirname(path), "XDG_STATE_HOME")
        writing.write_whole(path, data)
    except OSError:
        return  # the next time pushes once more
