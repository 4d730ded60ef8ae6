"""Sync: push the files listed in `~/.config/sesh/sync` to a host, one HOME-relative path a line.

Blank lines and lines that begin with `#` are ignored. A line is pushed if its files have changed since its last push to
the host; a line that cannot be pushed is reported again if the reason changes. Without changes sesh does not connect.

A path is sent by rsync, which also deletes files on the host, or as a tar archive. The host's login shell gets only
fixed text: file names are sent in rsync's protocol, or in the archive.
"""

from __future__ import annotations

import json
import os
import re
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import suppress

from sesh.config import config
from sesh.errors import Refused, Unreachable, cannot
from sesh.names import printable
from sesh.remote import eventlog
from sesh.remote.ssh import exchange, ssh, ssh_messages
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import CommandResult
from sesh.remote.sync.home import HomeDirectory, Tree
from sesh.schema.check import checker
from sesh.system import files, paths, programs
from sesh.system.protected import PROTECTED

_MAX_BYTES = 4 << 20  # of the file with the states of the lines; a larger file is ignored
_NO_RSYNC = (2, 12, 127)  # rsync's exit codes if the host has no rsync, or if login files print into its protocol
_VANISHED = 24  # rsync's exit code if some files vanished during the transfer
_WILDCARDS = re.compile(r"[*?[\\]")
_MAX_STDERR = 2_000  # characters; a longer stderr is cut off


def listed() -> list[str]:
    """Return the listed lines without duplicates; none with `SESH_NO_SYNC`. Raises Refused for an unreadable list."""
    path = os.path.join(os.path.dirname(paths.settings_file()), "sync")
    if os.environ.get("SESH_NO_SYNC", "") not in ("", "0") or not os.path.exists(path):
        return []
    try:
        paths.check_safe_path(path, "XDG_CONFIG_HOME")
        lines = map(str.strip, os.fsdecode(files.read_regular(path, config.MAX_FILE)).splitlines())
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}", hint="fix it, or set SESH_NO_SYNC=1") from error
    return list(dict.fromkeys(line for line in lines if line and not line.startswith("#")))


def sync(destination: Destination, connect: Callable[[Destination], object] = exchange.connect) -> Sync:
    """Push the changed paths, and report them as events or prose.

    `connect`: opens the connection if a path has changed. Raises Unreachable and ProtocolError, and Refused for an
    unreadable list, an unsafe state directory, or a HOME that cannot be written.
    """
    result = Sync(destination)
    try:
        if lines := listed():
            result.run(lines, connect)
    except OSError as error:
        raise cannot(f"sync files to {destination.host}", error, "mend that, or set SESH_NO_SYNC=1") from error
    return result


class Sync:
    """One sync of the listed lines."""

    def __init__(self, destination: Destination) -> None:
        self.destination = destination
        self.pushed: list[str] = []
        self.failed: dict[str, str] = {}  # by line, the reason
        self._home = HomeDirectory(paths.home())
        self._rsync_missing = ""  # "here" on this machine, "there" on the host; empty while rsync works

    def run(self, lines: list[str], connect: Callable[[Destination], object]) -> None:
        """Scan the listed paths, push those that have changed, and remember their states."""
        trees: dict[str, Tree] = {}
        states: dict[str, str] = {}  # the digest of a line, or why it is refused
        account = " ".join(map(self.destination.setting, ("user", "hostname", "port")))  # an alias may get another one
        for line in lines:
            try:
                trees[line] = self._home.tree(line)
                states[line] = f"{account} {trees[line].digest}"
            except Refused as error:
                states[line] = str(error)
        before = remembered(self.destination.host)
        done = {line: state for line, state in states.items() if before.get(line) == state}
        to_push = trees.keys() - done
        if len(done) == len(lines):
            return
        if to_push:
            connect(self.destination)
        self._log("sync_start")
        try:
            if to_push:
                eventlog.prose(f"syncing files to {self.destination.host} …")
            shares_home = bool(to_push) and self._shares_home()
            for line in [line for line in lines if line not in done]:
                if line not in trees:
                    self._fail(line, line, states[line])
                elif not (shares_home or self._push(line, trees[line])):
                    continue
                done[line] = states[line]
        finally:  # also after Ctrl-C
            self._log("sync_done", ok=len(done) == len(lines) and not self.failed)
            _remember(self.destination.host, done)

    def _shares_home(self) -> bool:
        """Return whether the host has this HOME, by a new file in it."""
        with tempfile.NamedTemporaryFile(prefix=".sesh-sync-", dir=self._home.top) as marker:
            line = f"exec sh -c 'cd && [ -e ./{os.path.basename(marker.name)} ]'"
            return exchange.run(self.destination, ssh.command(self.destination, line)).code == 0

    def _push(self, line: str, tree: Tree) -> bool:
        """Push and report a line; return whether it was pushed. Raises Unreachable."""
        code = None
        try:
            code, _, stderr = self._send(tree)
        except Unreachable as error:  # the next link may work, and would not tell
            self._fail(line, tree.path, error.message)
            raise
        except OSError as error:
            stderr = f"{error.filename or tree.path}: {error.strerror or error}"
        if code not in (0, _VANISHED):
            self._fail(line, tree.path, stderr.strip()[:_MAX_STDERR], code)
            return False
        self.pushed.append(line)
        left_out = {"left_out": tree.left_out} if tree.left_out else {}
        self._log("sync_path_pushed", path=tree.path, bytes=tree.bytes, **left_out)
        return True

    def _fail(self, line: str, path: str, stderr: str, exit_code: int | None = None) -> None:
        """Report a line that is not pushed. `exit_code`: of the program, if one ran."""
        reason = (ssh_messages.reasons(stderr) or [f"exit code {exit_code}"])[0]
        self.failed[line] = reason
        self._log("sync_path_failed", path=path, exit_code=exit_code, stderr=stderr)
        eventlog.prose(f"{printable(path)} is not synced to {self.destination.host}: {reason}")

    def _log(self, event: str, **fields: object) -> None:
        eventlog.log(event, host=self.destination.host, **fields)

    def _send(self, tree: Tree) -> CommandResult:
        """Mirror a path on the host; tar deletes no file of the host. Raises OSError."""
        if not self._rsync_missing:
            where, place = ("there", self.destination.host) if programs.find("rsync") else ("here", "this machine")
            if where == "there" and (done := self._rsync(tree)).code not in _NO_RSYNC:
                return done
            self._rsync_missing = where
            eventlog.prose(f"rsync does not run on {place}: files deleted here stay on {self.destination.host}")
        self._log("tool_missing", tool="rsync", path=tree.path, where=self._rsync_missing)
        return self._tar(tree)

    def _rsync(self, tree: Tree) -> CommandResult:
        is_directory = os.path.isdir(tree.source)
        # -L for a file, and a slash after a directory's name, make rsync follow a listed path that is a symbolic link.
        options = ["-rlpt" if is_directory else "-rLpt", "--delete", "--relative", "--no-implied-dirs"]
        # --checksum: size and mtime in seconds miss a file that was written twice within a second.
        options += ["--checksum", "--files-from=-", "--from0", "-q"]
        # These are patterns: `?` stands for each character that would be a wildcard.
        options += [f"--exclude=/{_WILDCARDS.sub('?', path)}" for path in tree.left_out]
        options += [f"--exclude={path}" for path in PROTECTED]
        # rsync's own quoting for words of -e, to which it appends `HOST rsync --server …`.
        shell = " ".join("'" + word.replace("'", "''") + "'" for word in self._remote_command())
        argv = ["rsync", *options, "-e", shell, "--", f"{self._home.top}/", "sesh:./"]
        with tempfile.TemporaryFile() as listed:
            listed.write(os.fsencode(f"./{tree.path}{'/' * is_directory}\0"))
            listed.seek(0)
            return exchange.run(self.destination, argv, stdin=listed)

    def _tar(self, tree: Tree) -> CommandResult:
        argv = [*self._remote_command(), "sesh", "tar", "-xpof", "-"]  # -o: the files belong to the host's user
        with tempfile.TemporaryFile() as packed:
            # GNU's format has no limit for names, and all current tar programs read it.
            with tarfile.open(mode="w", fileobj=packed, format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
                for source, path in tree.entries:
                    archive.add(source, path, recursive=False)
            packed.seek(0)
            return exchange.run(self.destination, argv, stdin=packed)

    def _remote_command(self) -> list[str]:
        """Return a command in HOME on the host; the caller appends $0 and the argv."""
        script = 'umask 077; cd && exec "$@"'  # new parent directories of a listed path are private
        remote = script if self.destination.via is not None else f"exec sh -c '{script}'"
        return ssh.command(self.destination, remote)


def remembered(host: str) -> dict[str, str]:
    """Return the states after the last sync; none without a readable file. Raises Refused."""
    path = paths.synced_file(host)
    paths.check_directory(os.path.dirname(path), "XDG_STATE_HOME")
    with suppress(Refused):
        states: dict[str, str] = files.read_json(path, checker(dict[str, str]), _MAX_BYTES) or {}
        return states
    return {}


def _remember(host: str, states: dict[str, str]) -> None:
    path = paths.synced_file(host)
    with suppress(OSError):  # the next sync pushes again
        files.make_private(os.path.dirname(path), "XDG_STATE_HOME")
        files.write_whole(path, json.dumps(states).encode())
