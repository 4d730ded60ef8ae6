"""Sync: push the files listed in `~/.config/sesh/sync` to a host, one HOME-relative path a line.

Blank lines and lines that begin with `#` are ignored. A line is pushed if its files have changed since its last push to
the host; a line that cannot be pushed is reported again if the reason changes. Without changes sesh does not connect.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field

from sesh import config, files, paths
from sesh.errors import Refused
from sesh.names import printable
from sesh.remote import eventlog
from sesh.remote.ssh import master, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.sync.home import HomeDirectory, Tree
from sesh.remote.sync.push import Push

_LARGEST = 4 << 20  # bytes; a larger file of outcomes is ignored


def listed() -> list[str]:
    """Return the listed lines without duplicates; none with `SESH_NO_SYNC`. Raises Refused for an unreadable list."""
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

    `connect`: opens the connection if a path has changed. Raises Unreachable and ProtocolError, and Refused for an
    unreadable list or an unsafe state directory.
    """
    result = Sync(destination)
    if lines := listed():
        result.run(lines, connect)
    return result


@dataclass
class Sync:
    """One sync: the lines of the list by outcome."""

    destination: Destination
    pushed: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)  # unchanged since an earlier sync, or the same file on the host
    failed: dict[str, str] = field(default_factory=dict)  # with the reason

    def run(self, lines: list[str], connect: Callable[[Destination], object]) -> None:
        """Scan the listed paths, push those that have changed, and remember the outcome for the next sync."""
        before = remembered(self.destination.host)
        home = HomeDirectory(paths.home())
        trees, states = dict[str, Tree](), dict[str, str]()
        for line in lines:
            try:
                trees[line] = home.tree(line)
                states[line] = f"{self.destination.key} {trees[line].digest}"  # an alias may lead elsewhere by now
            except Refused as error:
                states[line] = str(error)
        changed = [line for line in lines if before.get(line) != states[line]]
        self.skipped = [line for line in lines if line not in changed]
        if not changed:
            return
        refused = states.keys() - trees.keys()
        if to_push := {line: trees[line] for line in changed if line in trees}:
            connect(self.destination)
        self._log("sync_start")
        try:
            for line in changed:
                if line in refused:
                    self._fail(line, line, None, states[line])
            if to_push:
                self._push(home, to_push)
        finally:  # also after Ctrl-C
            done = {*self.pushed, *self.skipped, *refused}
            self._log("sync_done", ok=len(done) == len(lines) and not self.failed)
            _remember(self.destination.host, {line: state for line, state in states.items() if line in done})

    def _push(self, home: HomeDirectory, trees: dict[str, Tree]) -> None:
        eventlog.prose(f"syncing files to {self.destination.host} …")
        push = Push(self.destination, home)
        if push.shares_home():
            self.skipped += trees
            return
        for line, tree in trees.items():
            code, stderr = push.send(tree)
            if code != 0:
                self._fail(line, tree.path, code, stderr)
                continue
            self.pushed.append(line)
            left_out = {"left_out": tree.left_out} if tree.left_out else {}
            self._log("sync_path_pushed", path=tree.path, bytes=tree.bytes, **left_out)

    def _fail(self, line: str, path: str, code: int | None, stderr: str) -> None:
        reason = (words.reasons(stderr) or [f"exit code {code}"])[0]
        self.failed[line] = reason
        self._log("sync_path_failed", path=path, exit_code=code, stderr=stderr)
        eventlog.prose(f"{printable(path, 4096)} is not synced to {self.destination.host}: {reason}")

    def _log(self, event: str, **fields: object) -> None:
        eventlog.log(event, host=self.destination.host, **fields)


def remembered(host: str) -> dict[str, str]:
    """Return the states of lines after the last sync: of their files, or why they could not be pushed.

    Without a readable file it is empty, and all lines are pushed again. Raises Refused for an unsafe directory.
    """
    path = paths.synced_file(host)
    paths.trusted(os.path.dirname(path), "XDG_STATE_HOME")
    try:
        states: dict[str, str] = files.read_json(path, dict[str, str], _LARGEST) or {}
    except Refused:
        return {}
    return states


def _remember(host: str, states: dict[str, str]) -> None:
    path = paths.synced_file(host)
    try:
        files.make_private(os.path.dirname(path), "XDG_STATE_HOME")
        files.write_whole(path, json.dumps(states).encode())
    except OSError:
        return  # the next sync pushes again
