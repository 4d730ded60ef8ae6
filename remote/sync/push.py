"""Pushing files to HOME on a host: by rsync, which also deletes there, or as a tar archive.

The login shell there reads nothing but fixed text. Names travel in rsync's arguments, in the tar archive (which is
made here without a tar), or quoted in a script that a POSIX shell reads from its stdin.
"""

from __future__ import annotations

import os
import re
import shlex
import stat
import sys
import tarfile
import tempfile
import threading
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext
from functools import cached_property
from typing import IO

from sesh import programs
from sesh.errors import ProtocolError, Refused, silent_host
from sesh.remote.ssh import master, ssh, words
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.exchange import Printed, exchange, piped
from sesh.remote.sync import credentials, fingerprint, quiet
from sesh.remote.sync.fingerprint import Tree

Method = Callable[[list[Tree]], "PushResult"]

PREPARE_TIMEOUT = 15.0
"""Seconds for the host to run the preparing script; a connection that takes longer has gone silent."""
CHECKSUM_LIMIT = 256 << 20
"""Bytes up to which rsync compares contents, not only sizes and times."""
MAX_FAILURES = 8
"""Paths found to blame for failures, before the rest of a failing group counts as failed too."""
_RSYNC_UNUSABLE = (1, 2, 4)
"""rsync's exit codes if either end is another program, or too old: usage, protocol, unsupported."""
_RSYNC_NO_ANSWER = "(0 bytes received so far)"
"""rsync's message if the other end exited before it answered."""
_RSYNC_VANISHED = 24
"""rsync's exit code if files vanished meanwhile: the rest has arrived."""
_MAX_STDERR = 2_000
"""Characters of a program's stderr that are passed on."""
_PLAIN = re.compile(r"[A-Za-z0-9/._+@%,=-]+")
"""Text that every shell reads as it is."""
_NOISE = ("Warning: Permanently added", "rsync error:", "Connection to ")
_UNPACK = "exec sh -c 'cd && exec tar -xpf -'"


class PushResult:
    """The result for one path: `code` of the program (None if none ran), its `stderr`, `ok`."""

    def __init__(self, code: int | None, stderr: str = "", *, ok: bool | None = None) -> None:
        self.code, self.stderr = code, stderr.strip()[:_MAX_STDERR]
        self.ok = code == 0 if ok is None else ok

    @property
    def reason(self) -> str:
        """The line of stderr that gives the reason."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        reasons = [line for line in lines if not line.startswith(_NOISE)]
        return (reasons or lines or [f"exit code {self.code}"])[0]


class Push:
    """Pushes from `top`, the real path of HOME, to one host; call `prepare` first.

    `on_missing_tool` gets a tool that is missing, on which side (`here` or `there`), and a path that is pushed without
    it. `same_home`: whether HOME on the host is this one, so that there is nothing to send.
    """

    def __init__(self, destination: Destination, top: str, on_missing_tool: Callable[[str, str, str], None]) -> None:
        self.destination, self.top = destination, top
        self.same_home = False
        self._on_missing_tool = on_missing_tool
        self._ask = ssh.can_prompt()
        self._remote_home, self._remote_tools = "", set[str]()
        self._clean_login = self._rsync_usable = True
        self._failures = 0

    def prepare(self, trees: Sequence[Tree]) -> None:
        """Find out what the host has, and create the directories of the paths, with their modes here.

        Raises Refused if nothing can be done there, ProtocolError if the host prints too much, Unreachable if
        it does not answer; its control master is given up then.
        """
        argv = ssh.command(self.destination, "exec sh -s", ask=self._ask)
        asking = self._ask and self.destination.via is None and not master.is_shared(self.destination)
        token = f"sesh-{uuid.uuid4().hex}"
        try:  # a new file in HOME, to see whether HOME there is the same
            marker = tempfile.NamedTemporaryFile(prefix=".sesh-sync-", dir=self.top)
        except OSError:
            marker = None  # nothing can be created in HOME
        seen = f"[ -e ./{os.path.basename(marker.name)} ] && echo {token} shared && exit" if marker else ":"
        lines = ["cd || exit", f"printf '\\n{token} home %s\\n' \"$PWD\""]
        lines += [f"command -v {tool} >/dev/null 2>&1 && echo {token} {tool}" for tool in ("rsync", "tar")]
        script = "\n".join([*lines, seen, *self._folders(trees), f"echo {token} end", ""])
        try:
            with marker or nullcontext():
                done = self._run(argv, script, None if asking else PREPARE_TIMEOUT)  # a password may take long to type
        except TimeoutError as error:
            master.close(self.destination)
            raise silent_host(self.destination.host) from error
        if done.code == ssh.FAILED and self.destination.via is None:
            raise words.failure(self.destination, done.stderr)
        noise, *answers = done.out.decode("utf-8", "surrogateescape").split(f"\n{token} ")
        facts = [line.split("\n", 1)[0] for line in answers]
        self._remote_home = next((fact[5:] for fact in facts if fact.startswith("home /")), "")
        if not self._remote_home or facts[-1] not in ("end", "shared"):
            raise Refused(PushResult(done.code, done.stderr).reason)
        self.same_home = "shared" in facts
        self._remote_tools = {"rsync", "tar"}.intersection(facts)
        self._clean_login = not noise.strip()

    def send(self, trees: Sequence[Tree]) -> Iterator[tuple[Tree, PushResult]]:
        """Push each path, in as few runs of a program as possible; the result for each.

        Files that are gone here are deleted there if rsync pushes.
        """
        groups: dict[tuple[Method, str], list[Tree]] = {}
        for tree in trees:
            groups.setdefault(self._method(tree), []).append(tree)
        for (method, _), group in groups.items():
            yield from self._send_group(method, group)

    def _send_group(self, method: Method, group: list[Tree]) -> Iterator[tuple[Tree, PushResult]]:
        """Push a group at once; if that fails, in halves, until it is clear which path is to blame."""
        try:
            result = method(group)
        except (OSError, ProtocolError) as error:
            result = PushResult(None, getattr(error, "strerror", None) or str(error))
        by_rsync = method in (self._rsync, self._rsync_linked)
        if by_rsync and (result.code in _RSYNC_UNUSABLE or _RSYNC_NO_ANSWER in result.stderr):
            self._rsync_usable = False  # so `send` takes another method
            yield from self.send(group)
            return
        if result.ok or len(group) == 1 or self._failures >= MAX_FAILURES:
            self._failures += not result.ok
            for tree in group:
                yield tree, result
            return
        middle = len(group) // 2
        yield from self._send_group(method, group[:middle])
        yield from self._send_group(method, group[middle:])

    def _method(self, tree: Tree) -> tuple[Method, str]:
        """Return the method for a path, and a key: paths for which both are equal may go together."""
        if self.destination.via is not None:
            return self._tar, ""
        here = programs.find("rsync") is not None
        there = "rsync" in self._remote_tools
        if here and there and self._rsync_usable:
            argument = os.path.join(self._remote_home, tree.path) if tree.linked else self._remote_home
            if _PLAIN.fullmatch(argument) or self._protects_arguments:  # the shell there reads it
                return (self._rsync_linked, tree.path) if tree.linked else (self._rsync, "")
        for present, side in ((here, "here"), (there, "there")):
            if not present:
                self._on_missing_tool("rsync", side, tree.path)
        return self._tar, ""

    @cached_property
    def _protects_arguments(self) -> bool:
        """True if the rsync here can keep its arguments from the shell there (-s)."""
        return self._run(["rsync", "-s", "--version"]).code == 0

    def _rsync(self, trees: list[Tree]) -> PushResult:
        argv = ["--relative", "--no-implied-dirs", "--files-from=-", "--from0"]
        argv += [_exclude(f"/{tree.path}/{name}") for tree in trees for name in tree.excluded]
        return self._run_rsync(
            trees, [*argv, "--", f"{self.top}/"], f"{self._remote_home}/", "\0".join(tree.path for tree in trees)
        )

    def _rsync_linked(self, trees: list[Tree]) -> PushResult:
        """Push one path that is a link to something in HOME: under its own name, as what the link leads to."""
        tree = trees[0]
        target = os.path.join(self._remote_home, tree.path)
        if tree.directory:
            argv = [_exclude(f"/{name}") for name in tree.excluded]
            return self._run_rsync(trees, [*argv, "--", f"{tree.source}/"], f"{target}/")
        argv = ["--copy-links", "--", os.path.join(self.top, tree.path)]
        return self._run_rsync(trees, argv, f"{os.path.dirname(target)}/")

    def _run_rsync(self, trees: list[Tree], argv: list[str], target: str, names: str = "") -> PushResult:
        # rsync appends `HOST rsync --server …` to the words of -e. With the real host among these, and `env` in place
        # of HOST, it reaches any host that ssh accepts, also those that rsync would misread.
        *shell, host = ssh.command(self.destination, "env", ask=self._ask)
        if not self._clean_login:  # rsync would take what login files print for its protocol
            mark = f"sesh-{uuid.uuid4().hex}"
            shell, host = [sys.executable, "-IS", quiet.__file__, mark, *shell], f"echo {mark}; {host}"
        options = ["-rlpt", "--delete", "--force", "-q", "-e", " ".join(map(_quoted, shell))]
        options += map(_exclude, credentials.PATHS)
        if sum(tree.bytes for tree in trees) <= CHECKSUM_LIMIT:
            options.append("--checksum")
        if not _PLAIN.fullmatch(target):
            options.append("-s")
        done = self._run(["rsync", *options, *argv, f"{host}:{target}"], names)
        return PushResult(done.code, done.stderr, ok=done.code in (0, _RSYNC_VANISHED))

    def _tar(self, trees: list[Tree]) -> PushResult:
        if "tar" not in self._remote_tools:
            self._on_missing_tool("tar", "there", trees[0].path)
            return PushResult(None, "the host has no tar")
        process = piped(ssh.command(self.destination, _UNPACK, ask=self._ask), ask=self._ask)
        pipe, process.stdin = process.stdin, None  # written here, not by `exchange`
        assert pipe is not None  # noqa: S101 (it is one)
        stop, failed = threading.Event(), ""
        with ThreadPoolExecutor(1) as pool:
            reading = pool.submit(exchange, process, self.destination.host, closed=stop)
            try:
                with pipe:
                    pack(trees, pipe)
            except BrokenPipeError:
                failed = "the archive was not read to its end"
            except OSError as error:
                failed = f"{error.filename or trees[0].path}: {error.strerror or error}"
                process.kill()
            except BaseException:
                stop.set()
                raise
            done = reading.result()
        return PushResult(done.code, "\n".join(filter(None, (done.stderr, failed))), ok=not done.code and not failed)

    def _folders(self, trees: Sequence[Tree]) -> list[str]:
        """Lines of sh that create the missing directories above the paths."""
        above: set[str] = set()
        for tree in trees:
            parts = tree.path.split("/")
            above.update("/".join(parts[:count]) for count in range(1, len(parts)))
        lines = []
        for folder in sorted(above):  # each after those that it lies in
            try:
                mode = stat.S_IMODE(os.stat(os.path.join(self.top, folder)).st_mode)
            except OSError:
                continue  # it vanished, as pushing its content will report
            name = shlex.quote(f"./{folder}")
            lines.append(f"[ -d {name} ] || mkdir -m {mode | 0o700:o} {name}")
        return lines

    def _run(self, argv: list[str], script: str = "", timeout: float | None = None) -> Printed:
        """Run a program with `script` as its stdin. Raises TimeoutError, OSError, ProtocolError."""
        process = piped(argv, ask=self._ask)
        return exchange(process, self.destination.host, os.fsencode(script), timeout=timeout)


def _exclude(path: str) -> str:
    """rsync's option that neither sends nor deletes a path, in whatever case its letters are.

    One that begins with a slash is at the top of what is sent, others are at any depth.
    """
    return "--exclude=" + "".join(
        f"[{letter.lower()}{letter.upper()}]" if letter.isalpha() else letter for letter in path
    )


def _quoted(word: str) -> str:
    """A word as rsync's -e parses it: in single quotes, with those in it doubled."""
    return word if _PLAIN.fullmatch(word) else "'" + word.replace("'", "''") + "'"


BLOCK = 1 << 16
"""Bytes that are written at once."""


def pack(trees: Iterable[Tree], pipe: IO[bytes]) -> None:
    """Write an archive with members relative to HOME, links as links.

    Raises BrokenPipeError if nobody reads it, OSError with the name of a file that cannot be read.
    """
    # GNU's format has no limit for names, and every tar today reads it.
    with tarfile.open(
        mode="w|", fileobj=pipe, format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape", bufsize=BLOCK
    ) as archive:
        for tree in trees:
            _add(archive, tree.path, tree.source, os.stat(tree.source))
            for name, path, status in fingerprint.entries(tree):
                _add(archive, f"{tree.path}/{name}", path, status)


def _add(archive: tarfile.TarFile, name: str, path: str, status: os.stat_result) -> None:
    """Add a file, directory or link, without an owner; other kinds are left out."""
    member = tarfile.TarInfo(name)
    member.mode, member.mtime = stat.S_IMODE(status.st_mode), int(status.st_mtime)
    if stat.S_ISDIR(status.st_mode):
        member.type = tarfile.DIRTYPE
        archive.addfile(member)
    elif stat.S_ISLNK(status.st_mode):
        member.type, member.linkname = tarfile.SYMTYPE, os.readlink(path)
        archive.addfile(member)
    elif stat.S_ISREG(status.st_mode):
        with open(path, "rb") as file:
            member.size = os.fstat(file.fileno()).st_size
            archive.addfile(member, file)
