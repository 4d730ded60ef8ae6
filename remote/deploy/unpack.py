"""The part of a deploy that runs on the host: receive, unpack and try a version, and put it into service.

This file is sent there and run by itself, so it imports nothing but the standard library. It reads an order (JSON) from
stdin, then the archive if there is one. It answers in lines that begin with the order's token, so that the output of
login files is not taken for an answer.
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
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn, TypedDict


class Order(TypedDict, total=False):
    """An order: `action` is `look`, `switch`, or `install`, which needs the last three keys."""

    token: str
    action: str
    name: str
    version: str
    manifest: str
    python: str
    program: str
    force: bool
    size: int
    unpacked: int
    sha256: str


SILENCE = 120
"""Seconds without a byte of the archive after which the upload has failed."""
STALE = 600.0
"""Seconds after which an unlocked temporary directory counts as left behind by a killed deploy."""
SIGNATURE = "# sesh's launcher, written by sesh --deploy"
"""The second line of a ~/.local/bin/sesh that is ours."""
_MANIFEST, _START, TEMPORARY = "MANIFEST", "start.py", ".tmp-"
_BLOCK = 1 << 18
_NOT_COMPILED = ("pygments", "markdown_it")  # sesh never loads them
_NEW_FILE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM, signal.SIGALRM)
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


class Failed(Exception):
    """The current step failed: the reason, and what a program printed about it."""

    def __init__(self, reason: str, stderr: str = "") -> None:
        super().__init__(reason)
        self.stderr = stderr


class Installer:
    """Carries out one order in the directory of versions."""

    def __init__(self, order: Order, stream: io.BufferedIOBase) -> None:
        self.order, self.stream = order, stream
        self.home = os.path.expanduser("~")
        self.data = os.path.join(self.home, ".local", "share", "sesh")
        self.versions = os.path.join(self.data, "versions")
        self.program = os.path.join(self.home, ".local", "bin", order["program"])
        self.final = os.path.join(self.versions, order["name"])
        self.step = "upload"
        self._created: list[str] = []  # folders, the outermost first

    def answer(self, **facts: object) -> None:
        """Print one line of the answer."""
        with contextlib.suppress(BrokenPipeError):  # nobody reads it any more; finish what was begun
            print(self.order["token"], json.dumps(facts), flush=True)

    def begin(self, step: str) -> None:
        """Note and report the current step."""
        self.step = step
        self.answer(step=step)

    def run(self) -> None:
        """Carry out the order: `look`, `switch` to a version that is there, or `install`. Raises Failed, OSError."""
        if self.order["action"] == "look":
            whole = self.is_complete(self.final)
            self.answer(done={"whole": whole, "program": self.program_kind(), "path": self.final})
            return
        try:
            self._install()
        except BaseException:
            for folder in reversed(self._created):
                with contextlib.suppress(OSError):  # not empty
                    os.rmdir(folder)
            raise
        self.answer(done={"path": self.final})

    # -- versions

    def is_complete(self, path: str) -> bool:
        """Return whether a version is there, complete and unchanged: the manifest and each file by their hashes."""
        try:
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                return False
            manifest = _read(os.path.join(path, _MANIFEST))
            if hashlib.sha256(manifest).hexdigest() != self.order["manifest"]:
                return False
            files = [line.split(" ", 2) for line in manifest.decode().splitlines()]
            return all(hashlib.sha256(_read(os.path.join(path, name))).hexdigest() == sha for sha, _, name in files)
        except OSError:
            return False

    def _install(self) -> None:
        """Receive a version, unless it is there already, try it, and put it into service."""
        self._create_folders()
        self._remove_leftovers()
        with _scratch(self.versions) as scratch:
            version = self.final
            if self.order["action"] == "install":
                version = os.path.join(scratch, "unpacked")
                self._extract(self._receive(os.path.join(scratch, "archive")), version)
            self.begin("smoke_test")
            self._smoke_test(version, scratch)
            self.begin("switch")
            with _locked(self.versions, wait=True):
                placed = self._place(version, scratch)
                try:
                    self._switch()
                except BaseException:
                    if placed:
                        os.rename(self.final, os.path.join(scratch, "withdrawn"))
                    raise

    def _create_folders(self) -> None:
        """Create the directory of versions. Raises Failed if another user could change it."""
        if os.stat(self.home).st_uid != os.geteuid():
            reason = f"HOME on the host is {self.home}, another user's; the command must set it, as `sudo -H` does"
            raise Failed(reason)
        self._create(self.versions)
        for folder in (self.data, self.versions):
            status = os.lstat(folder)
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & stat.S_IWOTH:
                raise Failed(f"{folder} on the host does not belong to that user; check it and move it away")

    def _create(self, path: str) -> None:
        if os.path.isdir(path):
            return
        self._create(os.path.dirname(path))
        with contextlib.suppress(FileExistsError):  # another deploy was faster, or it is checked later
            os.mkdir(path, 0o755)
            self._created.append(path)

    def _remove_leftovers(self) -> None:
        """Remove what killed deploys left behind."""
        for name in os.listdir(self.versions):
            path = os.path.join(self.versions, name)
            with contextlib.suppress(OSError):  # locked, not a folder, or just removed by the deploy that made it
                if name.startswith(TEMPORARY) and time.time() - os.lstat(path).st_mtime >= STALE:
                    with _locked(path, wait=False):
                        shutil.rmtree(path, ignore_errors=True)

    def _receive(self, path: str) -> str:
        size, left, digest = self.order["size"], self.order["size"], hashlib.sha256()
        with open(path, "xb") as file:
            while left:
                signal.alarm(SILENCE)
                block = self.stream.read1(min(_BLOCK, left))
                if not block:
                    raise Failed(f"the connection ended after {size - left} of {size} bytes")
                file.write(block)
                digest.update(block)
                left -= len(block)
            signal.alarm(0)
        if digest.hexdigest() != self.order["sha256"]:
            raise Failed("the upload was corrupted (sha256 differs); try again")
        return path

    def _extract(self, archive: str, target: str) -> None:
        """Unpack regular files below `target`, refusing everything else, and compile them."""
        self.begin("unpack")
        os.mkdir(target, 0o755)
        room = self.order["unpacked"]
        with tarfile.open(archive, "r:gz") as members:
            for member in members:
                parts = member.name.split("/")
                if not member.isreg():
                    raise Failed(f"the archive contains {member.name!a}, which is not a plain file")
                if "" in parts or "." in parts or ".." in parts or "\0" in member.name:
                    raise Failed(f"the archive contains {member.name!a}, which is outside the directory")
                room -= member.size
                if room < 0:
                    raise Failed("the archive contains more than announced")
                path = os.path.join(target, *parts)
                os.makedirs(os.path.dirname(path), 0o755, exist_ok=True)
                content = members.extractfile(member) or io.BytesIO()
                with open(os.open(path, _NEW_FILE, 0o644), "wb") as file:
                    shutil.copyfileobj(content, file, _BLOCK)
        os.unlink(archive)
        if not self.is_complete(target):
            raise Failed("what was unpacked does not match its manifest")
        self._compile(target)
        _sync_tree(target)

    def _compile(self, unpacked: str) -> None:
        """Compile what sesh loads now: nothing in a version's directory changes later."""
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH
        for folder, folders, names in os.walk(os.path.join(unpacked, "lib")):
            folders[:] = sorted(name for name in folders if name not in _NOT_COMPILED)
            for name in sorted(names):
                if name.endswith(".py"):
                    path = os.path.join(folder, name)
                    shown = os.path.join(self.final, os.path.relpath(path, unpacked))
                    # Not by compileall, which passes over a full disk in silence.
                    with contextlib.suppress(py_compile.PyCompileError):  # for another version of Python
                        py_compile.compile(path, dfile=shown, doraise=True, invalidation_mode=unchecked)

    def _smoke_test(self, version: str, scratch: str) -> None:
        """Run the version's smoke test, through a launcher as its users run it."""
        launcher = os.path.join(scratch, self.order["program"])
        _write(launcher, self.launcher(version), 0o755)
        program = os.path.join(version, "lib", "sesh", "remote", "deploy", "smoke.py")
        argv = [self.order["python"], "-I", "-S", "-B", program, launcher, self.order["version"]]
        done = subprocess.run(
            argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, errors="replace", check=False
        )
        if done.returncode:
            last = (done.stdout.strip() or done.stderr.strip() or "it printed nothing").splitlines()[-1]
            raise Failed(f"the new version does not work on the host: {last}", done.stdout + done.stderr)

    # -- into service

    def _place(self, version: str, scratch: str) -> bool:
        """Move a version to its final path atomically; False if it is there already."""
        if self.is_complete(self.final):
            return False
        if version == self.final:
            raise Failed("the version has disappeared; try again")
        if os.path.lexists(self.final):
            os.rename(self.final, os.path.join(scratch, "broken"))
        os.rename(version, self.final)
        _sync(self.versions)
        return True

    def launcher(self, version: str) -> str:
        """The script that runs a version by the interpreter of this deploy, isolated from all other packages."""
        argv = [self.order["python"], "-I", "-S", "-B", os.path.join(version, _START)]
        quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in argv)
        return f'#!/bin/sh\n{SIGNATURE}\nexec {quoted} "$@"\n'

    def program_kind(self) -> str:
        """Return the kind of ~/.local/bin/sesh: `missing`, `current`, `ours` (of another version) or `foreign`."""
        try:
            status = os.lstat(self.program)
            if stat.S_ISLNK(status.st_mode):
                target = os.path.join(os.path.dirname(self.program), os.readlink(self.program))
                inside = os.path.normpath(target).startswith(self.versions + os.sep)
                return "ours" if inside else "foreign"
            text = _read(self.program) if stat.S_ISREG(status.st_mode) else b""
        except FileNotFoundError:
            return "missing"
        except OSError:
            return "foreign"
        if text == self.launcher(self.final).encode("utf-8", "surrogateescape") and status.st_mode & stat.S_IXUSR:
            return "current"
        return "ours" if text.split(b"\n")[1:2] == [SIGNATURE.encode()] else "foreign"

    def _switch(self) -> None:
        """Put the launcher in place atomically."""
        if self.program_kind() == "foreign" and not self.order["force"]:
            reason = f"{self.program} on the host was not installed by sesh and stays; --force replaces it"
            raise Failed(reason)
        folder = os.path.dirname(self.program)
        self._create(folder)
        temporary = os.path.join(folder, f".sesh-{os.urandom(6).hex()}")
        try:
            _write(temporary, self.launcher(self.final), 0o755)
            os.rename(temporary, self.program)
        finally:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)
        _sync(folder)


@contextlib.contextmanager
def _locked(path: str, *, wait: bool) -> Iterator[None]:
    """Hold a lock on a folder, if its file system has locks. Raises BlockingIOError if it is held, unless `wait`."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
        except OSError as error:
            if error.errno not in (errno.ENOLCK, errno.ENOTSUP, errno.ENOSYS, errno.EBADF):
                raise
        yield
    finally:
        os.close(descriptor)


@contextlib.contextmanager
def _scratch(parent: str) -> Iterator[str]:
    """A new temporary folder below another, locked while in use, removed at the end.

    Signals wait until it is sure to be removed, and while it is.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
    try:
        path = tempfile.mkdtemp(prefix=TEMPORARY, dir=parent)
        try:
            with _locked(path, wait=False):
                signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)
                yield path
        finally:
            signal.pthread_sigmask(signal.SIG_BLOCK, _ENDING)
            shutil.rmtree(path, ignore_errors=True)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _ENDING)


def _read(path: str) -> bytes:
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC), "rb") as file:
        return file.read()


def _write(path: str, text: str, mode: int) -> None:
    """Write a new file and sync it to disk."""
    with open(os.open(path, _NEW_FILE, mode), "wb") as file:
        file.write(text.encode("utf-8", "surrogateescape"))
        file.flush()
        os.fchmod(file.fileno(), mode)  # whatever the umask is
        os.fsync(file.fileno())


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _sync_tree(top: str) -> None:
    """Sync everything below a folder to disk, in parallel, which lets the file system batch it."""
    tree = [(folder, names) for folder, _, names in os.walk(top, topdown=False)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        list(pool.map(_sync, [os.path.join(folder, name) for folder, names in tree for name in names]))
    for folder, _ in tree:
        _sync(folder)


def _message(error: OSError, installer: Installer) -> str:
    if error.errno in _NO_SPACE:
        size = (installer.order.get("unpacked", 0) * 2 + installer.order.get("size", 0)) >> 20
        return f"not enough space in {installer.data} on the host: needs {size} MB"
    path = error.filename if isinstance(error.filename, str) else installer.data
    return f"cannot write {path} on the host: {error.strerror}"


def _on_signal(number: int, _: FrameType | None) -> NoReturn:
    raise Failed(f"no data for {SILENCE} s" if number == signal.SIGALRM else "it was stopped on the host")


def serve(stream: io.BufferedIOBase) -> int:
    """Read one order and carry it out; the exit code."""
    for number in _ENDING:
        signal.signal(number, _on_signal)
    os.umask(0o022)
    installer = Installer(json.loads(stream.read(int(stream.readline()))), stream)
    try:
        installer.run()
        return 0
    except Failed as error:
        reason, stderr = str(error), error.stderr
    except (OSError, EOFError, tarfile.TarError) as error:
        stderr = f"{type(error).__name__}: {error}"
        reason = _message(error, installer) if isinstance(error, OSError) else f"cannot read the archive: {error}"
    installer.answer(failed={"step": installer.step, "reason": reason, "stderr": stderr})
    return 1


if __name__ == "__main__":
    sys.exit(serve(sys.stdin.buffer))  # type: ignore[arg-type]  # it is a BufferedReader
