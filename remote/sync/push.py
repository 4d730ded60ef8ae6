"""Send trees to HOME on a host: by rsync, which also deletes files on it, or as a tar archive.

The host's login shell gets only fixed text: file names are sent in rsync's protocol, or in the archive.
"""

from __future__ import annotations

import os
import re
import tarfile
import tempfile
from collections.abc import Callable
from typing import IO

from sesh import programs
from sesh.errors import Refused
from sesh.remote import eventlog
from sesh.remote.ssh import exchange, ssh
from sesh.remote.ssh.destination import Destination
from sesh.remote.sync.home import PROTECTED, HomeDirectory, Tree

TIMEOUT = 30.0  # seconds for the host to answer and a person to log in, then the shared connection counts as silent
_NO_RSYNC = (2, 12, 127)  # rsync's exit codes if the host has no rsync, or if login files print into its protocol
_WILDCARDS = re.compile(r"[*?[\\]")
_VANISHED = 24  # rsync's exit code if some files vanished during the transfer
_MAX_STDERR = 2_000  # characters; a longer stderr is cut off

ProgramEnd = tuple[int | None, str]  # a program's exit code (None if it did not run to its end), and its stderr


class Push:
    """Sends trees of a home directory to one host."""

    def __init__(self, destination: Destination, home: HomeDirectory) -> None:
        self._destination, self._home = destination, home
        self._lacks_rsync = ""  # where there is no rsync: "here", "there", or empty
        if programs.find("rsync") is None:
            self._go_on_without_rsync("here", "no rsync here")

    def shares_home(self) -> bool:
        """Return whether HOME on the host is this HOME: create a file here, look for it there. Raises SeshError."""
        try:
            with tempfile.NamedTemporaryFile(prefix=".sesh-sync-", dir=self._home.top) as marker:
                line = f"exec sh -c 'cd && [ -e ./{os.path.basename(marker.name)} ]'"
                argv = ssh.command(self._destination, line)
                return exchange.run(self._destination, argv, silence=TIMEOUT).code == 0
        except OSError as error:
            raise Refused(f"no files were pushed: {self._home.top}: {error.strerror}") from error

    def send(self, tree: Tree) -> ProgramEnd:
        """Make a path on the host the same as here, or without rsync add and replace its files. Raises SeshError."""
        host = self._destination.host
        try:
            if not self._lacks_rsync:
                end = self._run(tree, self._rsync)
                if end[0] not in _NO_RSYNC:
                    return end
                self._go_on_without_rsync("there", f"rsync does not run on {host}")
            eventlog.log("tool_missing", host=host, tool="rsync", path=tree.path, where=self._lacks_rsync)
            return self._run(tree, self._tar)
        except OSError as error:
            return None, f"{error.filename or tree.path}: {error.strerror or error}"

    def _go_on_without_rsync(self, where: str, reason: str) -> None:
        self._lacks_rsync = where
        eventlog.prose(f"{reason}: files deleted here stay on {self._destination.host}")

    def _run(self, tree: Tree, command: Callable[[Tree, IO[bytes]], list[str]]) -> ProgramEnd:
        """Run the command for a tree, with what it has written to a file as stdin."""
        with tempfile.TemporaryFile() as stdin:
            argv = command(tree, stdin)
            stdin.seek(0)
            done = exchange.run(self._destination, argv, stdin=stdin)
        return 0 if done.code == _VANISHED else done.code, done.stderr.strip()[:_MAX_STDERR]

    def _rsync(self, tree: Tree, stdin: IO[bytes]) -> list[str]:
        """Write the path of a tree, as it has to be sent; return rsync's command.

        A slash after a directory's name, and -L for a file, make rsync follow a listed path that is a symbolic link.
        """
        stdin.write(os.fsencode(f"./{tree.path}{'/' * tree.is_directory}\0"))
        options = ["-rlpt" if tree.is_directory else "-rLpt", "--delete", "--relative", "--no-implied-dirs"]
        # --checksum: size and mtime in seconds miss a file that was written twice within a second.
        options += ["--checksum", "--files-from=-", "--from0", "-q"]
        # These are patterns: `?` stands for each character that would be a wildcard.
        options += [f"--exclude=/{_WILDCARDS.sub('?', path)}" for path in tree.left_out]
        options += [f"--exclude={path}" for path in PROTECTED]
        # rsync's own quoting for words of -e, to which it appends `HOST rsync --server …`.
        shell = " ".join("'" + word.replace("'", "''") + "'" for word in self._remote_command())
        return ["rsync", *options, "-e", shell, "--", f"{self._home.top}/", "sesh:./"]

    def _tar(self, tree: Tree, stdin: IO[bytes]) -> list[str]:
        """Write an archive of a tree; return the command that unpacks it on the host."""
        # GNU's format has no limit for names, and all current tar programs read it.
        with tarfile.open(mode="w", fileobj=stdin, format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
            for path, real, _ in tree.entries:
                archive.add(real, path, recursive=False)
        return [*self._remote_command(), "sesh", "tar", "-xpof", "-"]  # -o: the files belong to the host's user

    def _remote_command(self) -> list[str]:
        """Return a command that runs a program in HOME on the host. The caller appends any word ($0), then the argv."""
        script = 'umask 077; cd && exec "$@"'  # new parent directories of a listed path are private
        remote = script if self._destination.via is not None else f"exec sh -c '{script}'"
        return ssh.command(self._destination, remote)
