"""The files that the user wants on every machine: `~/.config/sesh/sync`, one HOME-relative path a line.

Blank lines, and lines that begin with `#`, do not count. A path is pushed where it has changed since it was last pushed
to that remote; else there is no connection. rsync makes it over there what it is here, files that are gone included;
scp and, for links, odd names and hosts that another command than ssh reaches, tar only add and replace.
"""

from __future__ import annotations

import os

from sesh import config
from sesh.errors import NotFound, Refused
from sesh.names import printable
from sesh.remote import eventlog, known
from sesh.remote.ssh import ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.remote.ssh.destination import Destination
    from sesh.remote.sync.fingerprint import Tree


class SyncResult:
    """What became of the listed paths: `pushed`, `skipped` since nothing had changed, `failed` with the reason."""

    __slots__ = ("failed", "pushed", "skipped")

    def __init__(self) -> None:
        self.pushed: list[str] = []
        self.skipped: list[str] = []
        self.failed: dict[str, str] = {}

    @property
    def ok(self) -> bool:
        """Whether all that is listed is over there."""
        return not self.failed

    def __repr__(self) -> str:
        return f"SyncResult(ok={self.ok}, pushed={self.pushed}, skipped={self.skipped}, failed={self.failed})"


def wanted() -> bool:
    """Whether there is a list, and `SESH_NO_SYNC` does not turn it off."""
    return os.environ.get("SESH_NO_SYNC", "") in ("", "0") and os.path.exists(list_path())


def list_path() -> str:
    """Where the list lies."""
    return os.path.join(config.directory(), "sync")


def listed() -> list[str]:
    """The lines of the list that count, each once. Raises Refused where it cannot be read."""
    try:
        with open(list_path(), "rb") as file:
            lines = os.fsdecode(file.read()).splitlines()
    except FileNotFoundError:
        return []
    except OSError as error:
        raise Refused(f"{list_path()} cannot be read: {error.strerror}; look at it, or set SESH_NO_SYNC=1") from error
    words = (line.strip() for line in lines)
    return list(dict.fromkeys(word for word in words if word and not word.startswith("#")))


def sync(destination: Destination, *, force: bool = False) -> SyncResult:
    """Pushes what has changed since the last time (with `force` everything), with events or a few lines of prose.

    What cannot be pushed is told and makes `ok` false. Raises Unreachable where something is to be pushed and the host
    cannot be reached, Refused for a list that cannot be read or an unsafe directory of records.
    """
    result = SyncResult()
    lines = listed() if wanted() else []
    if not lines:
        return result
    from sesh.remote.sync import fingerprint

    place = fingerprint.Place(os.path.expanduser("~"))
    trees: dict[str, Tree] = {}
    for line in lines:
        try:
            tree = place.tree(line)
        except (NotFound, Refused) as error:
            result.failed[line] = str(error)
        else:
            trees.setdefault(tree.path, tree)
    state = known.file(destination.key, known.SYNCED)
    before = known.read(state).get("paths")
    sealed = before if isinstance(before, dict) else {}
    changed = {path: tree for path, tree in trees.items() if force or not tree.matches(sealed.get(path))}
    result.skipped = [path for path in trees if path not in changed]
    # The seal of what is still young is kept: a new one might be of a content that was never pushed.
    sealed = {path: sealed[path] if trees[path].young else trees[path].seal() for path in result.skipped}
    if changed:
        ssh.connect(destination)
    try:
        if changed or result.failed:
            _Run(destination, place.top, result, sealed).run(list(changed.values()))
    finally:
        if sealed != before:  # also of what went before Ctrl-C
            known.write(state, {"key": destination.key, "paths": sealed})
    return result


class _Run:
    """One round that has something to push or to tell."""

    def __init__(
        self, destination: Destination, top: str, result: SyncResult, sealed: dict[str, dict[str, object]]
    ) -> None:
        self.destination, self.top, self.host = destination, top, destination.word
        self.result, self.sealed = result, sealed
        self._told: set[str] = set()

    def run(self, changed: list[Tree]) -> None:
        eventlog.log("sync_start", host=self.host)
        done = False
        try:
            for path, reason in self.result.failed.items():
                self._tell(path, None, "", reason)
            if changed:
                eventlog.prose(f"Syncing files to {self.host} …")
                self._push(changed)
            done = True
        finally:
            eventlog.log("sync_done", host=self.host, ok=done and self.result.ok)

    def _push(self, changed: list[Tree]) -> None:
        from sesh.remote.sync.push import Push

        push = Push(self.destination, self.top, self._missing)
        try:
            push.prepare(changed)
        except Refused as error:
            for tree in changed:
                self._failed(tree.path, None, "", str(error))
            return
        seals = {tree.path: tree.seal() for tree in changed}  # as it is before it goes
        if push.shared:
            self.result.skipped += seals
            self.sealed |= seals
            return
        for tree, sent in push.send(changed):
            if not sent.ok:
                self._failed(tree.path, sent.code, sent.stderr, sent.reason)
                continue
            self.sealed[tree.path] = seals[tree.path]
            self.result.pushed.append(tree.path)
            eventlog.log("sync_path_pushed", host=self.host, path=tree.path, bytes=tree.bytes)

    def _failed(self, path: str, code: int | None, stderr: str, reason: str) -> None:
        self.result.failed[path] = reason
        self._tell(path, code, stderr, reason)

    def _tell(self, path: str, code: int | None, stderr: str, reason: str) -> None:
        eventlog.log("sync_path_failed", host=self.host, path=path, exit_code=code, stderr=stderr or reason)
        eventlog.prose(f"{printable(path, 4096)} is not synced to {self.host}: {reason}")

    def _missing(self, tool: str, where: str, path: str) -> None:
        eventlog.log("tool_missing", host=self.host, tool=tool, path=path, where=where)
        if tool == "rsync" and tool not in self._told:
            self._told.add(tool)
            place = f"on {self.host}" if where == "there" else "here"
            eventlog.prose(f"there is no rsync {place}: files that are gone here stay on {self.host}")
