"""Ways for files to another machine's HOME: rsync, which also deletes there; scp; tar, for all that they cannot do.

Everything that the far shell reads is a fixed text: names travel in rsync's arguments, in scp's own protocol, in the
archive, or as quoted words of a script that a POSIX shell reads from its stdin, whatever the login shell is.
"""

from __future__ import annotations

import os
import re
import shlex
import shutil
import stat
import subprocess
import tempfile
import uuid

from sesh.errors import Refused
from sesh.remote import fingerprint, ssh

TYPE_CHECKING = False
if TYPE_CHECKING:
    import tarfile
    from collections.abc import Callable, Sequence
    from typing import IO

    from sesh.remote.destination import Destination
    from sesh.remote.fingerprint import Tree

COMPARED = 256 << 20
"""Bytes of a path up to which rsync compares contents, and not only sizes and times."""
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
    """The way to one host. `prepare` comes first; `missing` is told of a tool, and where it is missing.

    `shared`: whether HOME over there is this very one, so that nothing is to be sent.
    """

    def __init__(self, destination: Destination, home: str, missing: Callable[[str, str, str], None]) -> None:
        self.destination, self.home = destination, home
        self.shared = False
        self._missing = missing
        self._ask = ssh.prompting()
        self._far_home, self._far_tools = "", set[str]()
        self._clean = True

    def prepare(self, trees: Sequence[Tree]) -> None:
        """Looks around over there, and makes the directories that the paths lie in, with the modes that they have here.

        Raises Refused where nothing can be done over there.
        """
        token = f"sesh-{uuid.uuid4().hex}"
        marker = self._marker()
        lines = ["cd || exit", f"printf '\\n{token} home %s\\n' \"$PWD\""]
        lines += [f"command -v {tool} >/dev/null 2>&1 && echo {token} {tool}" for tool in ("rsync", "tar")]
        lines.append(f"[ -e ./{marker} ] && echo {token} shared && exit" if marker else ":")
        lines += self._folders(trees)
        lines.append(f"echo {token} end")
        try:
            done = self._run(ssh.command(self.destination, "exec sh -s", ask=self._ask), "\n".join([*lines, ""]))
        finally:
            if marker:
                os.unlink(os.path.join(self.home, marker))
        noise, *told = done.stdout.decode("utf-8", "surrogateescape").split(f"\n{token} ")
        facts = [line.split("\n", 1)[0] for line in told]
        self._far_home = next((fact[5:] for fact in facts if fact.startswith("home /")), "")
        if not self._far_home or facts[-1] not in ("end", "shared"):
            raise Refused(Sent(done.returncode, done.stderr.decode("utf-8", "replace")).reason)
        self.shared = "shared" in facts
        self._far_tools = {"rsync", "tar"}.intersection(facts)
        self._clean = not noise.strip()  # what login files print would be taken for rsync's own words

    def send(self, tree: Tree) -> Sent:
        """Makes a path over there what it is here. Files that are gone here go over there where rsync does it."""
        try:
            return self._way(tree)(tree)
        except OSError as error:
            return Sent(None, f"{error.strerror or error}", ok=False)

    def _way(self, tree: Tree) -> Callable[[Tree], Sent]:
        if self.destination.via is not None:
            return self._tar
        target = os.path.join(self._far_home, tree.path)
        here = shutil.which("rsync") is not None
        there = "rsync" in self._far_tools
        if here and there and self._clean and (_PLAIN.fullmatch(target) or _protects()):
            return self._rsync
        for present, where in ((here, "here"), (there, "there")):
            if not present:
                self._missing("rsync", where, tree.path)
        # A copy by scp follows links, and older ones have the far shell read the target.
        if not tree.plain or not self._clean or not _PLAIN.fullmatch(os.path.dirname(target)):
            return self._tar
        if shutil.which("scp") is None:
            self._missing("scp", "here", tree.path)
            return self._tar
        return self._scp

    def _rsync(self, tree: Tree) -> Sent:
        # rsync appends `HOST rsync --server …` to these words. With the true host among them and `env` for a host, any
        # host, user and port that ssh takes is reached, also those that rsync would read otherwise.
        *shell, host = ssh.command(self.destination, "env", ask=self._ask)
        target = os.path.join(self._far_home, tree.path)
        words = ["rsync", "-rlpt", "--delete", "--force", "-q", "-e", " ".join(map(_quoted, shell))]
        words += [f"--exclude=/{own}" for own in tree.kept]
        if tree.bytes <= COMPARED:
            words.append("--checksum")
        if not _PLAIN.fullmatch(target):
            words.append("-s")
        if tree.directory:
            words += ["--", f"{tree.source}/", f"{host}:{target}/"]
        else:  # under its own name also where that is a link, into the directory: one over there makes way for it
            named = os.path.join(self.home, tree.path)
            words += ["--copy-links", "--", named, f"{host}:{os.path.dirname(target)}/"]
        done = self._run(words)
        return Sent(done.returncode, _text(done.stderr), ok=done.returncode in (0, _VANISHED))

    def _scp(self, tree: Tree) -> Sent:
        words = ssh.command(self.destination, "", ask=self._ask)
        host = words[-2]
        options = [word for word in words[1:-3] if word != "-T"]
        if "-p" in options:
            options[options.index("-p")] = "-P"
        user, at, name = host.rpartition("@")
        host = f"{user}{at}[{name}]" if ":" in name else host
        folder = os.path.dirname(os.path.join(self._far_home, tree.path))
        source = os.path.join(self.home, tree.path)
        done = self._run(["scp", "-r", "-p", "-q", "-S", words[0], *options, "--", source, f"{host}:{folder}/"])
        return Sent(done.returncode, _text(done.stderr))

    def _tar(self, tree: Tree) -> Sent:
        if "tar" not in self._far_tools:
            self._missing("tar", "there", tree.path)
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
                if process.stdin:
                    with process.stdin as pipe:
                        _pack(tree, pipe)
            except BrokenPipeError:
                failed = "the archive was not taken"
            except OSError as error:
                failed = f"{error.filename or tree.path}: {error.strerror or error}"
                process.kill()
            except BaseException:
                process.kill()
                raise
            finally:
                code = process.wait()
            told.seek(0)
            stderr = _text(told.read())
        return Sent(code, "\n".join(filter(None, (failed, stderr))), ok=not code and not failed)

    def _folders(self, trees: Sequence[Tree]) -> list[str]:
        """Lines of sh that make the directories above the paths where they are missing."""
        above: dict[str, None] = {}
        for tree in trees:
            parts = tree.path.split("/")[:-1]
            above |= {"/".join(parts[: count + 1]): None for count in range(len(parts))}
        lines = []
        for folder in above:
            try:
                mode = stat.S_IMODE(os.stat(os.path.join(self.home, folder)).st_mode)
            except OSError:
                continue  # it went away; whoever sends what lay in it will say so
            name = shlex.quote(f"./{folder}")
            lines.append(f"[ -d {name} ] || mkdir -m {mode | 0o700:o} {name}")
        return lines

    def _marker(self) -> str:
        """The name of a new file in HOME: who sees it over there has the same HOME. Empty where none can be made."""
        try:
            descriptor, path = tempfile.mkstemp(prefix=".sesh-sync-", dir=self.home)
        except OSError:
            return ""
        os.close(descriptor)
        return os.path.basename(path)

    def _run(self, words: list[str], script: str = "") -> subprocess.CompletedProcess[bytes]:
        return subprocess.run(
            words,
            input=os.fsencode(script),
            capture_output=True,
            env=ssh.environment(ask=self._ask),
            check=False,
        )


def _pack(tree: Tree, pipe: IO[bytes]) -> None:
    """Writes a path as a tar archive, members relative to HOME. Raises OSError."""
    import tarfile

    with tarfile.open(mode="w|", fileobj=pipe, format=tarfile.GNU_FORMAT, encoding="utf-8", bufsize=1 << 16) as archive:
        _add(archive, tree.path, tree.source, os.stat(tree.source))
        for name, path, status in fingerprint.entries(tree):
            _add(archive, f"{tree.path}/{name}", path, status)


def _add(archive: tarfile.TarFile, name: str, path: str, status: os.stat_result) -> None:
    """Adds one file, directory or link; its owner over there is whoever unpacks it."""
    import tarfile

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


def _protects() -> bool:
    """Whether the rsync here can keep its arguments from the far shell."""
    done = subprocess.run(["rsync", "-s", "--version"], capture_output=True, check=False)
    return done.returncode == 0


def _quoted(word: str) -> str:
    """A word as rsync's -e takes it: in single quotes, those in it doubled."""
    return word if _PLAIN.fullmatch(word) else "'" + word.replace("'", "''") + "'"


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")
