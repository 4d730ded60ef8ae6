"""Sending trees to HOME on a host: by rsync, which also deletes there, or as a tar archive.

The login shell there reads fixed text alone: names travel in rsync's protocol, or in the archive.
"""

from __future__ import annotations

import os
import subprocess
import tarfile
import tempfile
import uuid
from collections.abc import Callable, Iterator
from enum import Enum
from typing import IO

from sesh import programs
from sesh.errors import ProtocolError, Refused, silent_host
from sesh.remote.ssh import master, ssh, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import Printed, exchange, piped
from sesh.remote.sync.home import CREDENTIALS, HomeDirectory, Tree

PROBE_TIMEOUT = 15.0
"""Seconds for the host to answer the probe; a connection that takes longer has gone silent."""
_IN_HOME = 'umask 077; cd && exec "$@"'
"""Runs its arguments in HOME. Directories above a listed path, if they are missing, become their owner's alone."""
_VANISHED = 24
"""rsync's exit code if files vanished meanwhile: the rest has arrived."""
_MAX_STDERR = 2_000
"""Characters of a program's stderr that are passed on."""


class Way(Enum):
    """How trees get to a host; where it is an archive, why."""

    SAME_HOME = "HOME is the same"
    RSYNC = ""
    NO_RSYNC_HERE = "no rsync here"
    NO_RSYNC_THERE = "no rsync on the host"
    NOISE = "login files on the host print text, so rsync cannot run"


Ended = tuple[int | None, str]
"""The exit code of a program, 0 if what it was to send is there, None if it was not run to its end; its stderr."""


class Push:
    """Sends trees of a home directory to one host. Raises Unreachable if ssh itself fails."""

    def __init__(self, destination: Destination, home: HomeDirectory) -> None:
        self._destination, self._home = destination, home
        self._ask = ssh.can_prompt()

    def probe(self) -> Way:
        """Find out how trees get there. Raises Refused or OSError if they cannot, ProtocolError."""
        token = f"sesh-{uuid.uuid4().hex}"
        answers_soon = not self._ask or self._destination.via is not None or master.is_shared(self._destination)
        # Whether HOME there is the same shows by a new file in it.
        with tempfile.NamedTemporaryFile(prefix=".sesh-sync-", dir=self._home.top) as marker:
            same = f"[ -e ./{os.path.basename(marker.name)} ] && echo same"
            rsync = "command -v rsync >/dev/null 2>&1 && echo rsync"
            script = "\n".join(["cd || exit", f"echo; echo {token}", same, rsync, "echo end", ""]).encode()
            process = piped(ssh.command(self._destination, "exec sh -s", ask=self._ask), ask=self._ask)
            try:  # a password may take long to type
                timeout = PROBE_TIMEOUT if answers_soon else None
                done = exchange(process, self._destination.host, script, timeout=timeout)
            except TimeoutError as error:
                master.close(self._destination)
                raise silent_host(self._destination.host) from error
        code, stderr = self._ended(done)
        noise, _, answer = done.out.decode("utf-8", "replace").partition(f"\n{token}\n")
        facts = answer.split()
        if "end" not in facts:
            raise Refused(stderr or f"exit code {code}")
        if "same" in facts:
            return Way.SAME_HOME
        if programs.find("rsync") is None:
            return Way.NO_RSYNC_HERE
        if "rsync" not in facts:
            return Way.NO_RSYNC_THERE
        return Way.NOISE if noise.strip() else Way.RSYNC

    def send(self, way: Way, trees: list[Tree]) -> Iterator[tuple[Tree, Ended]]:
        """Send trees in as few runs of a program as possible; if one fails, each of its trees by itself."""
        method, groups = self._tar, [trees]
        if way is Way.RSYNC:
            method, groups = self._rsync, [[tree for tree in trees if tree.directory is kind] for kind in (True, False)]
        for group in filter(None, groups):
            together = self._tried(method, group)
            for tree in group:
                alone = len(group) > 1 and together[0] != 0
                yield tree, self._tried(method, [tree]) if alone else together

    def _tried(self, method: Callable[[list[Tree], IO[bytes]], list[str]], trees: list[Tree]) -> Ended:
        """Run the program that a method names, with the stdin that it writes."""
        pipe, variables = subprocess.PIPE, ssh.environment(ask=self._ask)
        try:
            with tempfile.TemporaryFile() as stdin:
                argv = method(trees, stdin)
                stdin.seek(0)
                process = programs.start(
                    argv, stdin=stdin, stdout=pipe, stderr=pipe, env=variables, start_new_session=not self._ask
                )
                done = exchange(process, self._destination.host)
        except ProtocolError as error:
            return None, str(error)
        except OSError as error:
            return None, f"{error.filename or trees[0].path}: {error.strerror or error}"
        return self._ended(done)

    def _rsync(self, trees: list[Tree], stdin: IO[bytes]) -> list[str]:
        """Send trees of one kind. As a slash follows the name of a directory, a link to one is followed, but no link
        in it; where -L follows each link, nothing but listed files is sent."""
        directories = trees[0].directory
        stdin.write(os.fsencode("\0".join(f"./{tree.path}{'/' * directories}" for tree in trees)))
        options = ["-rlpt", "--delete"] if directories else ["-dLpt", "--delete"]
        # Size and whole seconds alone would not show a file that was written twice within one.
        options += ["--checksum", "--relative", "--no-implied-dirs", "--files-from=-", "--from0", "-q"]
        excluded = [*CREDENTIALS, *(f"/{tree.path}/{name}" for tree in trees for name in sorted(tree.protected))]
        # Words of -e are quoted so, and rsync appends `HOST rsync --server …` to them.
        shell = " ".join("'" + word.replace("'", "''") + "'" for word in self._there())
        return ["rsync", *options, "-e", shell, *map(_exclude, excluded), "--", f"{self._home.top}/", "sesh:./"]

    def _tar(self, trees: list[Tree], stdin: IO[bytes]) -> list[str]:
        pack(self._home, trees, stdin)
        return [*self._there(), "sesh", "tar", "-xpf", "-"]

    def _there(self) -> list[str]:
        """Return the words that run a program in HOME there, before one that counts for nothing and the program's."""
        script = _IN_HOME if self._destination.via is not None else f"exec sh -c '{_IN_HOME}'"
        return ssh.command(self._destination, script, ask=self._ask)

    def _ended(self, done: Printed) -> Ended:
        if done.code == ssh.FAILED and self._destination.via is None:
            raise words.failure(self._destination, done.stderr)
        return 0 if done.code == _VANISHED else done.code, done.stderr.strip()[:_MAX_STDERR]


def pack(home: HomeDirectory, trees: list[Tree], file: IO[bytes]) -> None:
    """Write an archive of files, directories and links, without their owners. Raises OSError."""
    # GNU's format has no limit for names, and every tar today reads it.
    with tarfile.open(mode="w", fileobj=file, format=tarfile.GNU_FORMAT, errors="surrogateescape") as archive:
        for tree in trees:
            for name, path, _ in home.entries(tree):
                archive.add(path, f"{tree.path}/{name}".rstrip("/"), recursive=False, filter=_member)


def _member(found: tarfile.TarInfo) -> tarfile.TarInfo | None:
    found.uid = found.gid = 0
    found.uname = found.gname = ""
    return found if found.isreg() or found.isdir() or found.issym() or found.islnk() else None


def _exclude(path: str) -> str:
    """Return rsync's option that neither sends nor deletes a path, in upper or lower case; one that begins with a
    slash at the top of what is sent, others at any depth."""
    escaped = (f"\\{each}" if each in "*?[\\" else each for each in path)
    return "--exclude=" + "".join(f"[{e.lower()}{e.upper()}]" if e.isascii() and e.isalpha() else e for e in escaped)
