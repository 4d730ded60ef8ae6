"""Send trees to HOME on a host: by rsync, which also deletes files on it, or as a tar archive.

The host's login shell gets only fixed text: file names are sent in rsync's protocol, or in the archive.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
from collections.abc import Iterator
from itertools import chain
from typing import IO

from sesh import programs
from sesh.errors import ProtocolError, silent_host
from sesh.remote import eventlog
from sesh.remote.ssh import master, ssh, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import Printed, exchange, piped
from sesh.remote.sync.home import HomeDirectory, Tree

TIMEOUT = 30.0  # seconds for the host to answer and a person to log in, then the shared connection counts as silent
_VANISHED = 24  # rsync's exit code if some files vanished during the transfer
_NO_RSYNC = (2, 12, 127)  # rsync's exit codes if the host has no rsync, or if login files print into its protocol
_MAX_STDERR = 2_000  # characters; a longer stderr is cut off

ProgramEnd = tuple[int | None, str]  # a program's exit code (None if it did not run to its end), and its stderr


class Push:
    """Sends trees of a home directory to one host. Raises Unreachable if ssh itself fails."""

    def __init__(self, destination: Destination, home: HomeDirectory) -> None:
        self._destination, self._home = destination, home
        self._ask = ssh.can_prompt()

    def shares_home(self) -> bool:
        """Return whether HOME on the host is this HOME: create a file here, look for it there. Raises OSError too."""
        destination = self._destination
        with tempfile.NamedTemporaryFile(prefix=".sesh-sync-", dir=self._home.top) as marker:
            line = f"exec sh -c 'cd && [ -e ./{os.path.basename(marker.name)} ]'"
            process = piped(ssh.command(destination, line, ask=self._ask), ask=self._ask)
            try:
                done = exchange(process, destination.host, silence=TIMEOUT)
            except TimeoutError as error:
                master.close(destination)
                raise silent_host(destination.host) from error
        return self._ended(done)[0] == 0

    def send(self, trees: list[Tree]) -> Iterator[tuple[Tree, ProgramEnd]]:
        """Send trees in as few runs of a program as possible; if a run fails, retry each of its trees alone."""
        by_rsync = programs.find("rsync") is not None
        if by_rsync:
            groups = [[tree for tree in trees if tree.is_directory is kind] for kind in (True, False)]
        else:
            groups = self._without_rsync(trees, "here")
        while groups:
            group = groups.pop(0)
            if not group:
                continue
            code, stderr = self._run(group, by_rsync=by_rsync)
            if by_rsync and code in _NO_RSYNC:
                by_rsync = False
                groups = self._without_rsync(list(chain(group, *groups)), "there")
            elif code != 0 and len(group) > 1:
                groups[:0] = [[tree] for tree in group]
            else:
                yield from ((tree, (code, stderr)) for tree in group)

    def _without_rsync(self, trees: list[Tree], where: str) -> list[list[Tree]]:
        host = self._destination.host
        for tree in trees:
            eventlog.log("tool_missing", host=host, tool="rsync", path=tree.path, where=where)
        reason = "no rsync here" if where == "here" else f"rsync does not run on {host}"
        eventlog.prose(f"{reason}: files deleted here stay on {host}")
        return [trees]

    def _run(self, trees: list[Tree], *, by_rsync: bool) -> ProgramEnd:
        try:
            with tempfile.TemporaryFile() as stdin:
                argv = self._rsync(trees, stdin) if by_rsync else self._tar(trees, stdin)
                stdin.seek(0)
                process = programs.start(
                    argv,
                    stdin=stdin,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    env=ssh.environment(ask=self._ask),
                    start_new_session=not self._ask,
                )
                done = exchange(process, self._destination.host)
        except ProtocolError as error:
            return None, str(error)
        except OSError as error:
            return None, f"{error.filename or trees[0].path}: {error.strerror or error}"
        return self._ended(done)

    def _ended(self, done: Printed) -> ProgramEnd:
        if done.code == ssh.FAILED and self._destination.via is None:
            raise words.failure(self._destination, done.stderr)
        return 0 if done.code == _VANISHED else done.code, done.stderr.strip()[:_MAX_STDERR]

    def _rsync(self, trees: list[Tree], stdin: IO[bytes]) -> list[str]:
        """Write the list of trees, all directories or all files; return rsync's command.

        After a directory's name a slash makes rsync follow a symbolic link to the directory, but no links in it. For
        files, -L makes rsync follow links.
        """
        directories = trees[0].is_directory
        stdin.write(os.fsencode("\0".join(f"./{tree.path}{'/' * directories}" for tree in trees)))
        options = ["-rlpt", "--delete"] if directories else ["-dLpt", "--delete"]
        # --checksum: size and mtime in seconds miss a file that was written twice within a second.
        options += ["--checksum", "--relative", "--no-implied-dirs", "--files-from=-", "--from0", "-q"]
        excluded = dict.fromkeys(path for tree in trees for path in self._home.protected(tree))
        # rsync's own quoting for words of -e, to which it appends `HOST rsync --server …`.
        shell = " ".join("'" + word.replace("'", "''") + "'" for word in self._remote_command())
        return ["rsync", *options, "-e", shell, *map(_exclude, excluded), "--", f"{self._home.top}/", "sesh:./"]

    def _tar(self, trees: list[Tree], stdin: IO[bytes]) -> list[str]:
        """Write an archive of trees; return the command that unpacks it on the host."""
        # GNU's format has no limit for names, and all current tar programs read it.
        with tarfile.open(mode="w", fileobj=stdin, format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
            for tree in trees:
                for name, path, _ in tree.entries:
                    archive.add(path, f"{tree.path}/{name}".rstrip("/"), recursive=False)
        return [*self._remote_command(), "sesh", "tar", "-xpof", "-"]  # -o: the files belong to the host's user

    def _remote_command(self) -> list[str]:
        """Return a command that runs a program in HOME on the host. The caller appends any word ($0), then the argv."""
        script = 'umask 077; cd && exec "$@"'  # new parent directories of a listed path are private
        return ssh.command(
            self._destination,
            script if self._destination.via is not None else f"exec sh -c '{script}'",
            ask=self._ask,
        )


def _exclude(path: str) -> str:
    """Return rsync's option that excludes a path in any case: with a leading slash only in HOME, else at any depth."""
    pattern = ""
    for each in path:
        if each.isascii() and each.isalpha():
            pattern += f"[{each.lower()}{each.upper()}]"
        else:
            pattern += f"\\{each}" if each in "*?[\\" else each
    return f"--exclude={pattern}"
