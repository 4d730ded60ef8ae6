"""Ways for files to another machine's HOME: rsync, which also deletes there; scp; tar, for all that they cannot do.

Everything that the far shell reads is a fixed text: names travel in rsync's arguments, in scp's own protocol, in the
archive, or as quoted words of a script that a POSIX shell reads from its stdin, whatever the login shell is.

Listed paths as one tar archive, made without a tar here: the names travel in it, whatever they hold.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import tarfile
import tempfile
import uuid

from sesh.errors import Refused, Unreachable
from sesh.remote.ssh import ssh
from sesh.remote.sync import fingerprint

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sesh.remote.ssh.destination import Destination
    from sesh.remote.sync.fingerprint import Tree

    Way = Callable[[list[Tree]], "Sent"]
    from collections.abc import Iterable
    from typing import IO

PATIENCE = 15.0
"""Seconds for the look around over there; a connection that does not answer by then has gone silent."""
COMPARED = 256 << 20
"""Bytes up to which rsync compares contents, and not only sizes and times."""
MOST_FAILURES = 8
"""Paths that are found to blame for a failure, before all the others of their group are taken to have failed too."""
_UNFIT = (1, 2, 4)
"""rsync's exit codes where one of the two is another program of that name, or too old: usage, protocol, unsupported."""
_SILENT = "(0 bytes received so far)"
"""What rsync says where the one over there ended before it spoke."""
_VANISHED = 24
"""rsync's exit code where files went away meanwhile: what is left has arrived."""
_TOLD = 2_000
"""Characters of a program's stderr that are passed on."""
_PLAIN = re.compile(r"[A-Za-z0-9/._+@%,=-]+")
_NOISE = ("Warning: Permanently added", "rsync error:", "scp: Connection closed", "Connection to ")
_UNPACK = "exec sh -c 'cd && exec tar -xpf -'"


class Sent:
    """How one path went: `code` of the program that failed (None where none ran), its `stderr`; `ok`."""

    __slots__ = ("code", "ok", "stderr")

    def __init__(self, code: int | None, stderr: str = "", *, ok: bool | None = None) -> None:
        self.code, self.stderr = code, stderr.strip()[:_TOLD]
        self.ok = code == 0 if ok is None else ok

    @property
    def reason(self) -> str:
        """The line of stderr that says most."""
        lines = [line.strip() for line in self.stderr.splitlines() if line.strip()]
        telling = [line for line in lines if not line.startswith(_NOISE)]
        return (telling or lines or [f"exit code {self.code}"])[0]


class Push:
    """The way from `top`, where HOME really lies, to one host.

    `prepare` comes first. `missing` is told of a tool, where it is missing, and of which path goes without. `shared`:
    whether HOME over there is this very one, so that nothing is to be sent.
    """

    def __init__(self, destination: Destination, top: str, missing: Callable[[str, str, str], None]) -> None:
        self.destination, self.top = destination, top
        self.shared = False
        self._missing = missing
        self._ask = ssh.prompting()
        self._far_home, self._far_tools = "", set[str]()
        self._clean = self._fit = True
        self._failures = 0
        self._protects: bool | None = None

    def prepare(self, trees: Sequence[Tree]) -> None:
        """Looks around over there, and makes the directories that the paths lie in, with the modes that they have here.

        Raises Refused where nothing can be done over there, Unreachable where nobody answers; a shared connection that
        went silent is given up then.
        """
        token = f"sesh-{uuid.uuid4().hex}"
        marker = self._marker()
        lines = ["cd || exit", f"printf '\\n{token} home %s\\n' \"$PWD\""]
        lines += [f"command -v {tool} >/dev/null 2>&1 && echo {token} {tool}" for tool in ("rsync", "tar")]
        lines.append(f"[ -e ./{marker} ] && echo {token} shared && exit" if marker else ":")
        lines += self._folders(trees)
        lines.append(f"echo {token} end")
        try:
            done = self._answer("\n".join([*lines, ""]))
        except subprocess.TimeoutExpired as error:
            ssh.forget(self.destination)
            raise Unreachable(f"{self.destination.word} does not answer") from error
        finally:
            if marker:
                os.unlink(os.path.join(self.top, marker))
        if done.returncode == ssh.FAILED and self.destination.via is None:
            raise ssh.failure(self.destination, _text(done.stderr))
        noise, *told = done.stdout.decode("utf-8", "surrogateescape").split(f"\n{token} ")
        facts = [line.split("\n", 1)[0] for line in told]
        self._far_home = next((fact[5:] for fact in facts if fact.startswith("home /")), "")
        if not self._far_home or facts[-1] not in ("end", "shared"):
            raise Refused(Sent(done.returncode, _text(done.stderr)).reason)
        self.shared = "shared" in facts
        self._far_tools = {"rsync", "tar"}.intersection(facts)
        self._clean = not noise.strip()  # what login files print would be taken for rsync's own words

    def send(self, trees: Sequence[Tree]) -> Iterator[tuple[Tree, Sent]]:
        """Makes each path over there what it is here, and tells how it went. In as few runs of a program as will do.

        What is gone here goes over there where rsync does it.
        """
        groups: dict[tuple[Way, str], list[Tree]] = {}
        for tree in trees:
            groups.setdefault(self._way(tree), []).append(tree)
        for (way, _), group in groups.items():
            yield from self._sent(way, group)

    def _sent(self, way: Way, group: list[Tree]) -> Iterator[tuple[Tree, Sent]]:
        """Sends a group at once; where that fails, in halves, until it is clear which path was to blame."""
        try:
            sent = way(group)
        except OSError as error:
            sent = Sent(None, f"{error.strerror or error}", ok=False)
        if way in (self._rsync, self._rsync_linked) and (sent.code in _UNFIT or _SILENT in sent.stderr):
            self._fit = False
            yield from self.send(group)
            return
        if sent.ok or len(group) == 1 or self._failures >= MOST_FAILURES:
            self._failures += not sent.ok
            for tree in group:
                yield tree, sent
            return
        middle = len(group) // 2
        yield from self._sent(way, group[:middle])
        yield from self._sent(way, group[middle:])

    def _way(self, tree: Tree) -> tuple[Way, str]:
        """How a path goes; those for which that is the same may go together."""
        if self.destination.via is not None:
            return self._tar, ""
        target = os.path.join(self._far_home, tree.path)
        here = shutil.which("rsync") is not None
        there = "rsync" in self._far_tools
        if here and there and self._clean and self._fit:
            read = target if tree.linked else self._far_home
            if _PLAIN.fullmatch(read) or self._protected():
                return (self._rsync_linked, tree.path) if tree.linked else (self._rsync, "")
        for present, where in ((here, "here"), (there, "there")):
            if not present:
                self._missing("rsync", where, tree.path)
        # A copy by scp follows links, and older ones have the far shell read the target.
        if not tree.plain or not self._clean or not _PLAIN.fullmatch(os.path.dirname(target)):
            return self._tar, ""
        if shutil.which("scp") is None:
            self._missing("scp", "here", tree.path)
            return self._tar, ""
        return self._scp, os.path.dirname(target)

    def _protected(self) -> bool:
        """Whether the rsync here can keep its arguments from the far shell."""
        if self._protects is None:
            self._protects = self._run(["rsync", "-s", "--version"]).returncode == 0
        return self._protects

    def _rsync(self, trees: list[Tree]) -> Sent:
        words = ["--relative", "--no-implied-dirs", "--files-from=-", "--from0"]
        words += [f"--exclude=/{tree.path}/{own}" for tree in trees for own in tree.kept]
        return self._rsynced(
            trees, [*words, "--", f"{self.top}/"], f"{self._far_home}/", "\0".join(t.path for t in trees)
        )

    def _rsync_linked(self, trees: list[Tree]) -> Sent:
        """One path that a link leads to: it arrives under its own name, as what the link leads to."""
        tree = trees[0]
        target = os.path.join(self._far_home, tree.path)
        if tree.directory:
            words = [f"--exclude=/{own}" for own in tree.kept]
            return self._rsynced(trees, [*words, "--", f"{tree.source}/"], f"{target}/")
        words = ["--copy-links", "--", os.path.join(self.top, tree.path)]
        return self._rsynced(trees, words, f"{os.path.dirname(target)}/")

    def _rsynced(self, trees: list[Tree], words: list[str], target: str, names: str = "") -> Sent:
        # rsync appends `HOST rsync --server …` to the words of -e. With the true host among these and `env` for a host,
        # any host, user and port that ssh takes is reached, also those that rsync would read otherwise.
        *shell, host = ssh.command(self.destination, "env", ask=self._ask)
        options = ["-rlpt", "--delete", "--force", "-q", "-e", " ".join(map(_quoted, shell))]
        if sum(tree.bytes for tree in trees) <= COMPARED:
            options.append("--checksum")
        if not _PLAIN.fullmatch(target):
            options.append("-s")
        done = self._run(["rsync", *options, *words, f"{host}:{target}"], names)
        return Sent(done.returncode, _text(done.stderr), ok=done.returncode in (0, _VANISHED))

    def _scp(self, trees: list[Tree]) -> Sent:
        words = ssh.command(self.destination, "", ask=self._ask)
        host = words[-2]
        options = [word for word in words[1:-3] if word != "-T"]
        if "-p" in options:
            options[options.index("-p")] = "-P"
        user, at, name = host.rpartition("@")
        host = f"{user}{at}[{name}]" if ":" in name else host
        folder = os.path.dirname(os.path.join(self._far_home, trees[0].path))
        sources = [os.path.join(self.top, tree.path) for tree in trees]
        done = self._run(["scp", "-r", "-p", "-q", "-S", words[0], *options, "--", *sources, f"{host}:{folder}/"])
        return Sent(done.returncode, _text(done.stderr))

    def _tar(self, trees: list[Tree]) -> Sent:
        if "tar" not in self._far_tools:
            self._missing("tar", "there", trees[0].path)
            return Sent(None, "there is no tar over there", ok=False)
        words = ssh.command(self.destination, _UNPACK, ask=self._ask)
        with tempfile.TemporaryFile() as told:
            process = subprocess.Popen(
                words,
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=told,
                env=ssh.environment(ask=self._ask),
            )
            failed = ""
            try:
                with process.stdin or open(os.devnull, "wb") as pipe:
                    pack(trees, pipe)
            except BrokenPipeError:
                failed = "the archive was not taken"
            except OSError as error:
                failed = f"{error.filename or trees[0].path}: {error.strerror or error}"
                process.kill()
            except BaseException:
                process.kill()
                raise
            finally:
                code = process.wait()
            told.seek(0)
            stderr = _text(told.read())
        return Sent(code, "\n".join(filter(None, (stderr, failed))), ok=not code and not failed)

    def _folders(self, trees: Sequence[Tree]) -> list[str]:
        """Lines of sh that make the directories above the paths where they are missing."""
        above: dict[str, None] = {}
        for tree in trees:
            parts = tree.path.split("/")[:-1]
            above |= {"/".join(parts[: count + 1]): None for count in range(len(parts))}
        lines = []
        for folder in above:
            try:
                mode = stat.S_IMODE(os.stat(os.path.join(self.top, folder)).st_mode)
            except OSError:
                continue  # it went away; whoever sends what lay in it will say so
            name = shlex.quote(f"./{folder}")
            lines.append(f"[ -d {name} ] || mkdir -m {mode | 0o700:o} {name}")
        return lines

    def _marker(self) -> str:
        """The name of a new file in HOME: who sees it over there has the same HOME. Empty where none can be made."""
        try:
            descriptor, path = tempfile.mkstemp(prefix=".sesh-sync-", dir=self.top)
        except OSError:
            return ""
        os.close(descriptor)
        return os.path.basename(path)

    def _answer(self, script: str) -> subprocess.CompletedProcess[bytes]:
        """Runs a script over there. Raises TimeoutExpired, but not while a person may be typing a password."""
        asking = self._ask and self.destination.via is None and not ssh.shared(self.destination)
        words = ssh.command(self.destination, "exec sh -s", ask=self._ask)
        return self._run(words, script, None if asking else PATIENCE)

    def _run(
        self, words: list[str], script: str = "", patience: float | None = None
    ) -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            words,
            input=os.fsencode(script),
            capture_output=True,
            env=ssh.environment(ask=self._ask),
            timeout=patience,
            check=False,
        )


def _quoted(word: str) -> str:
    """A word as rsync's -e takes it: in single quotes, those in it doubled."""
    return word if _PLAIN.fullmatch(word) else "'" + word.replace("'", "''") + "'"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


BLOCK = 1 << 16


def pack(trees: Iterable[Tree], pipe: IO[bytes]) -> None:
    """Writes an archive with members relative to HOME, links as links.

    Raises BrokenPipeError where nobody takes it, OSError with the file's name for a file that cannot be read.
    """
    # GNU's format has no limit for names, and every tar of today reads it.
    with tarfile.open(
        mode="w|", fileobj=pipe, format=tarfile.GNU_FORMAT, encoding="utf-8", errors="surrogateescape", bufsize=BLOCK
    ) as archive:
        for tree in trees:
            _add(archive, tree.path, tree.source, os.stat(tree.source))
            for name, path, status in fingerprint.entries(tree):
                _add(archive, f"{tree.path}/{name}", path, status)


def _add(archive: tarfile.TarFile, name: str, path: str, status: os.stat_result) -> None:
    """Adds a file, directory or link; over there it belongs to whoever unpacks it. Of other kinds there is no copy."""
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
