"""What runs over there while sesh is deployed: it needs nothing but a Python and its standard library.

This very file is sent over and run. It reads an order (JSON) from stdin, after it the archive where there is one, and
answers in lines that begin with the order's token, so that nothing that login files print is taken for an answer.
"""

from __future__ import annotations

import concurrent.futures
import contextlib
import errno
import fcntl
import hashlib
import io
import json
import os
import py_compile
import shutil
import signal
import stat
import subprocess
import sys
import tarfile
import tempfile
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from types import FrameType
    from typing import Any, NoReturn

SILENCE = 120
"""Seconds without a byte of the archive after which it will not come any more."""
STALE = 600.0
"""Seconds after which a directory that nobody holds is what a killed deploy left."""
SIGN = "# sesh's launcher, written by sesh --deploy"
"""What the second line of a ~/.local/bin/sesh begins with that is ours."""
_MANIFEST, _START, _TEMPORARY = "MANIFEST", "start.py", ".tmp-"
_BLOCK = 1 << 18
_UNCOMPILED = ("pygments", "markdown_it")  # nothing of sesh's loads them
_FRESH = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Failed(Exception):
    """A step that did not work: `step`, the reason as it ends a sentence, and what a program said about it."""

    def __init__(self, step: str, reason: str, told: str = "") -> None:
        super().__init__(reason)
        self.step, self.told = step, told


class Works:
    """The place where versions are kept, and the one order that is carried out there."""

    def __init__(self, order: dict[str, Any], stream: io.BufferedIOBase) -> None:
        self.order, self.stream = order, stream
        self.home = os.path.expanduser("~")
        self.data = os.path.join(self.home, ".local", "share", "sesh")
        self.versions = os.path.join(self.data, "versions")
        self.program = os.path.join(self.home, ".local", "bin", "sesh")
        self.final = os.path.join(self.versions, order["name"])
        self.step = "upload"
        self._made: list[str] = []  # folders, the outermost first

    def say(self, **facts: Any) -> None:
        """One line of the answer."""
        with contextlib.suppress(BrokenPipeError):  # nobody listens any more; what was begun is brought to its end
            print(self.order["token"], json.dumps(facts), flush=True)

    def begin(self, step: str) -> None:
        """From now on it is this step that may fail."""
        self.step = step
        self.say(step=step)

    def do(self) -> None:
        """Carries the order out: `look`, `switch` or `install`. Raises Failed, OSError."""
        action = self.order["action"]
        if action == "look":
            self.say(done={"whole": self.whole(self.final), "program": self.kind(), "path": self.final})
            return
        self._refuse_foreign()
        try:
            if action == "install":
                self._install()
            else:
                self._restore()
        except BaseException:
            for folder in reversed(self._made):
                with contextlib.suppress(OSError):  # something lies in it
                    os.rmdir(folder)
            raise

    # -- versions

    def whole(self, path: str) -> bool:
        """Whether a version is there, complete and unchanged: each file by its hash, and their list too."""
        try:
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                return False
            manifest = _read(os.path.join(path, _MANIFEST))
            if hashlib.sha256(manifest).hexdigest() != self.order["manifest"]:
                return False
            for line in manifest.decode().splitlines():
                digest, _, name = line.split(" ", 2)
                if hashlib.sha256(_read(os.path.join(path, name))).hexdigest() != digest:
                    return False
        except OSError:
            return False
        return True

    def _install(self) -> None:
        """Receives a version, tries it, and puts it into service."""
        self._make_folders()
        self._sweep()
        with _Scratch(self.versions) as scratch:
            fresh = os.path.join(scratch, "fresh")
            self._extract(self._receive(os.path.join(scratch, "archive")), fresh)
            self.begin("smoke_test")
            self._try(fresh, scratch)
            with _locked(self.versions, wait=True):
                placed = self._place(fresh, scratch)
                try:
                    self._switch()
                except BaseException:
                    if placed:
                        os.rename(self.final, os.path.join(scratch, "withdrawn"))
                    raise

    def _restore(self) -> None:
        """Puts a version that is there already into service."""
        self.begin("smoke_test")
        with _Scratch(self.versions) as scratch:
            self._try(self.final, scratch)
            with _locked(self.versions, wait=True):
                if not self.whole(self.final):
                    raise Failed("switch", "the version was there and is gone; try again")
                self._switch()

    def _make_folders(self) -> None:
        """Makes the place of the versions, each folder that is missing. Refuses what somebody else could change."""
        if os.stat(self.home).st_uid != os.geteuid():
            reason = f"HOME there is {self.home}, which is another user's; the command must set it, as `sudo -H` does"
            raise Failed("upload", reason)
        self._make(self.data)
        self._make(self.versions)
        for folder in (self.data, self.versions):
            found = os.lstat(folder)
            if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & stat.S_IWOTH:
                raise Failed("upload", f"{folder} is no directory of that user's own; look at it, and move it away")

    def _make(self, path: str) -> None:
        """Makes a folder and those above it, and remembers which were missing."""
        if os.path.isdir(path):
            return
        self._make(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):  # another deploy was quicker, or it is checked later on
            os.mkdir(path, 0o755)
            self._made.append(path)

    def _sweep(self) -> None:
        """Removes what deploys that were killed left behind."""
        for name in os.listdir(self.versions):
            path = os.path.join(self.versions, name)
            if not name.startswith(_TEMPORARY) or time.time() - os.lstat(path).st_mtime < STALE:
                continue
            with contextlib.suppress(OSError), _locked(path, wait=False):  # it is held, or no folder
                shutil.rmtree(path, ignore_errors=True)

    def _receive(self, path: str) -> str:
        """Stores the archive, counted and hashed as it comes."""
        size, left, digest = self.order["size"], self.order["size"], hashlib.sha256()
        with open(path, "xb") as file:
            while left:
                signal.alarm(SILENCE)
                block = self.stream.read1(min(_BLOCK, left))
                if not block:
                    raise Failed("upload", f"the connection ended after {size - left} of {size} bytes")
                file.write(block)
                digest.update(block)
                left -= len(block)
            signal.alarm(0)
            file.flush()
        if digest.hexdigest() != self.order["sha256"]:
            raise Failed("upload", "what arrived is not what was sent (its sha256 differs); try again")
        return path

    def _extract(self, archive: str, target: str) -> None:
        """Unpacks plain files below `target`, refuses everything else, and makes it ready for use."""
        self.begin("unpack")
        os.mkdir(target, 0o755)
        room = self.order["unpacked"]
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                parts = member.name.split("/")
                if not member.isreg():
                    raise Failed("unpack", f"the archive holds {member.name!a}, which is no plain file")
                if "" in parts or "." in parts or ".." in parts or "\0" in member.name:
                    raise Failed("unpack", f"the archive holds {member.name!a}, which leaves the directory")
                room -= member.size
                if room < 0:
                    raise Failed("unpack", "the archive holds more than was announced")
                path = os.path.join(target, *parts)
                os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
                content = members.extractfile(member) or io.BytesIO()
                with open(os.open(path, _FRESH, 0o644), "wb") as file:
                    shutil.copyfileobj(content, file, _BLOCK)
        os.unlink(archive)
        if not self.whole(target):
            raise Failed("unpack", "what was unpacked is not what its list says")
        self._compile(target)
        _sync_tree(target)

    def _compile(self, fresh: str) -> None:
        """Compiles what sesh loads, once and for all: nothing in a version's directory changes when it is used."""
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        for folder, folders, names in os.walk(os.path.join(fresh, "lib")):
            folders[:] = sorted(name for name in folders if name not in _UNCOMPILED)
            for name in sorted(names):
                if name.endswith(".py"):
                    path = os.path.join(folder, name)
                    shown = os.path.join(self.final, os.path.relpath(path, fresh))
                    with contextlib.suppress(py_compile.PyCompileError):  # a file for other Pythons
                        py_compile.compile(path, dfile=shown, doraise=True, invalidation_mode=unchecked)

    def _try(self, version: str, temporary: str) -> None:
        """Has the version try itself, as its users would run it."""
        launcher = os.path.join(temporary, "sesh")
        _write(launcher, self.launcher(version), 0o755)
        program = os.path.join(version, "lib", "sesh", "remote", "deploy", "smoke.py")
        words = [self.order["python"], "-I", "-S", "-B", program, launcher, self.order["version"]]
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            last = (done.stdout.strip() or done.stderr.strip() or "it said nothing").splitlines()[-1]
            raise Failed("smoke_test", f"the new version does not work there: {last}", done.stdout + done.stderr)

    # -- into service

    def _place(self, fresh: str, temporary: str) -> bool:
        """Puts a version where it stays, in one step. Whether it was not there yet."""
        if self.whole(self.final):
            return False
        if os.path.lexists(self.final):
            os.rename(self.final, os.path.join(temporary, "broken"))
        os.rename(fresh, self.final)
        _sync(self.versions)
        return True

    def launcher(self, version: str) -> str:
        """The script that runs a version by the interpreter of this deploy, kept apart from all other packages."""
        words = [self.order["python"], "-I", "-S", "-B", os.path.join(version, _START)]
        quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in words)
        return f'#!/bin/sh\n{SIGN}\nexec {quoted} "$@"\n'

    def kind(self) -> str:
        """What ~/.local/bin/sesh is: `missing`, `current`, `ours` (of another version) or `foreign`."""
        try:
            found = os.lstat(self.program)
            if stat.S_ISLNK(found.st_mode):
                target = os.path.join(os.path.dirname(self.program), os.readlink(self.program))
                inside = os.path.normpath(target).startswith(self.versions + os.sep)
                return "ours" if inside else "foreign"
            if not stat.S_ISREG(found.st_mode):
                return "foreign"
            text = _read(self.program)
        except FileNotFoundError:
            return "missing"
        except OSError:
            return "foreign"
        if text == self.launcher(self.final).encode("utf-8", "surrogateescape") and found.st_mode & stat.S_IXUSR:
            return "current"
        return "ours" if text.split(b"\n")[1:2] == [SIGN.encode()] else "foreign"

    def _refuse_foreign(self) -> None:
        if self.kind() == "foreign" and not self.order["force"]:
            raise Failed("switch", f"{self.program} there is not ours and stays; --force replaces it")

    def _switch(self) -> None:
        """Puts the launcher in place, in one step."""
        self.begin("switch")
        folder = os.path.dirname(self.program)
        self._make(folder)
        self._refuse_foreign()
        temporary = os.path.join(folder, f".sesh-{os.urandom(6).hex()}")
        try:
            _write(temporary, self.launcher(self.final), 0o755)
            os.rename(temporary, self.program)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        _sync(folder)


class _locked:  # noqa: N801 (a context manager named as what it makes)
    """Holds a lock on a folder; where the file system has none, none is held.

    Raises BlockingIOError where somebody else holds it and it is not to be waited for.
    """

    def __init__(self, path: str, *, wait: bool) -> None:
        self._descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF):
                os.close(self._descriptor)
                raise

    def __enter__(self) -> None:
        """It is held from the beginning."""

    def __exit__(self, *_: object) -> None:
        os.close(self._descriptor)


class _Scratch:
    """A fresh folder below another, locked as one in use, gone at the end."""

    def __init__(self, parent: str) -> None:
        self._path = tempfile.mkdtemp(prefix=_TEMPORARY, dir=parent)
        self._lock = _locked(self._path, wait=False)

    def __enter__(self) -> str:
        return self._path

    def __exit__(self, *_: object) -> None:
        self._lock.__exit__()
        shutil.rmtree(self._path, ignore_errors=True)


def _read(path: str) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read()


def _write(path: str, text: str, mode: int) -> None:
    """A new file, on the disk when this returns."""
    with open(os.open(path, _FRESH, mode), "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        file.flush()
        os.fchmod(file.fileno(), mode)  # the umask may have taken more than it should
        os.fsync(file.fileno())


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(top: str) -> None:
    """Has everything below a folder on the disk before anybody is sent there; at once, for disks gather such work."""
    tree = [(folder, names) for folder, _, names in os.walk(top, topdown=False)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(_sync, [os.path.join(folder, name) for folder, names in tree for name in names]))
    for folder, _ in tree:
        _sync(folder)


def _in_words(error: OSError, works: Works) -> str:
    """What an error of the file system means to the one who deploys."""
    if error.errno in _FULL:
        size = (works.order.get("unpacked", 0) * 2 + works.order.get("size", 0)) >> 20
        return f"there is no room left in {works.data} there; it takes {size} MB"
    path = error.filename if isinstance(error.filename, str) else works.data
    return f"{path} there cannot be written: {error.strerror}"


def _stopped(number: int, _: FrameType | None) -> NoReturn:
    raise Failed("", f"nothing came for {SILENCE} s" if number == signal.SIGALRM else "it was stopped there")


def serve(stream: io.BufferedIOBase) -> int:
    """Reads one order and carries it out; the exit code."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _stopped)
    os.umask(0o022)
    works = Works(json.loads(stream.read(int(stream.readline()))), stream)
    try:
        works.do()
    except Failed as failed:
        works.say(failed={"step": failed.step or works.step, "reason": str(failed), "told": failed.told})
        return 1
    except (OSError, EOFError, tarfile.TarError) as error:
        reason = _in_words(error, works) if isinstance(error, OSError) else f"the archive cannot be read: {error}"
        works.say(failed={"step": works.step, "reason": reason, "told": f"{type(error).__name__}: {error}"})
        return 1
    if works.order["action"] != "look":
        works.say(done={"path": works.final})
    return 0


if __name__ == "__main__":
    sys.exit(serve(sys.stdin.buffer))  # type: ignore[arg-type]  # it is a BufferedReader
