"""The part of a deploy that runs on the host: it unpacks and tries a version, and puts it into service.

This file is sent within a command line and runs by itself, so it imports nothing but the standard library. Its argument
is an order (JSON in base64). It prints one line of JSON behind the order's token, which tells it from the output of
login files.
"""

from __future__ import annotations

import base64
import compileall
import contextlib
import errno
import fcntl
import hashlib
import json
import os
import pwd  # noqa: F401 (what sesh needs, and some distributions leave out)
import py_compile
import re
import select  # noqa: F401 (the same)
import shutil
import signal
import socket  # noqa: F401 (the same)
import stat
import subprocess
import sys
import sysconfig  # noqa: F401 (the same)
import tempfile
import termios  # noqa: F401 (the same)
import time
import zipfile
from collections.abc import Iterator
from typing import Any, NoReturn, TypedDict

Trial = tuple[int, str, list[str]]
"""The exit code and a part of the output that `sesh ARGUMENTS` must have on the host."""


class Order(TypedDict, total=False):
    """`action`: `look` or `install`; `name`: of the version's directory; `room`: bytes that it needs.

    Of `install` only: `scratch`, the directory that `look` has made, `sha256` of the archive in it (empty if the
    version is whole already), and `trials`.
    """

    token: str
    action: str
    name: str
    program: str
    force: bool
    room: int
    scratch: str
    sha256: str
    trials: list[Trial]


SIGNATURE = "# sesh's launcher, written by sesh --deploy"
"""The second line of a ~/.local/bin/sesh that is ours."""
ARCHIVE, MANIFEST, START, TEMPORARY = "archive", "MANIFEST", "start.py", ".tmp-"
STALE = 600.0
"""Seconds after which a scratch directory that nobody has locked is one of a deploy that was killed or cut off."""
TRIAL_TIMEOUT = 60.0
"""Seconds for each trial; the first run on a small board is slow."""
_NOT_COMPILED = re.compile("/(pygments|markdown_it)/")  # sesh never loads them
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_ENDING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)


class Failed(Exception):
    """The current step failed: the reason, and what a program printed about it."""

    def __init__(self, reason: str, stderr: str = "") -> None:
        super().__init__(reason)
        self.stderr = stderr


class Installer:
    """Carries out one order in the directory of versions; `step` is the current step of the deploy."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.home = os.path.expanduser("~")
        self.data = os.path.join(self.home, ".local", "share", "sesh")
        self.versions = os.path.join(self.data, "versions")
        self.program = os.path.join(self.home, ".local", "bin", order["program"])
        self.final = os.path.join(self.versions, order["name"])
        self.python = _interpreter()
        self.step = "upload"

    def run(self) -> dict[str, object]:
        """Carry out the order. Raises Failed, OSError, and leaves nothing of its own then.

        Return the facts of the host, the `path` of the version, whether it is `whole`, the kind of the `program` in
        ~/.local/bin, and the `scratch` directory for the archive; empty if there is nothing to do.
        """
        try:
            install = self.order["action"] == "install"
            if install:
                self._install()
            whole, program, scratch = self.is_whole(self.final), self.program_kind(), ""
            is_done = install or (whole and program == "current")
            if not is_done and (program != "foreign" or self.order["force"]):
                scratch = self._new_scratch()
            here = {"python": self.python, "release": ".".join(map(str, sys.version_info[:3]))}
            here |= {"system": os.uname().sysname, "machine": os.uname().machine}
            return {**here, "path": self.final, "whole": whole, "program": program, "scratch": scratch}
        except BaseException:
            for folder in (self.versions, self.data):
                with contextlib.suppress(OSError):  # not empty
                    os.rmdir(folder)
            raise

    def _install(self) -> None:
        scratch = self.order["scratch"]
        with _locked(scratch, wait=False):
            try:
                version = self._unpacked(scratch) if self.order["sha256"] else self.final
                self.step = "smoke_test"
                self._try(version, scratch)
                self.step = "switch"
                with _locked(self.versions, wait=True):
                    self._switch(version, scratch)
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    # -- a version

    def is_whole(self, path: str) -> bool:
        """Return whether a version is complete and unchanged, by its manifest, whose hash is in its name."""
        try:
            if not stat.S_ISDIR(os.lstat(path).st_mode):
                return False
            manifest = _read(os.path.join(path, MANIFEST))
            if not self.order["name"].endswith(hashlib.sha256(manifest).hexdigest()[:12]):
                return False
            files = [line.split(" ", 1) for line in manifest.decode().splitlines()]
            return all(hashlib.sha256(_read(os.path.join(path, name))).hexdigest() == sha for sha, name in files)
        except OSError:
            return False

    def _new_scratch(self) -> str:
        """A new directory beside the versions, for the archive. Raises Failed if another user could change it."""
        if os.stat(self.home).st_uid != os.geteuid():
            reason = f"HOME on the host is {self.home}, another user's; the command must set it, as `sudo -H` does"
            raise Failed(reason)
        os.makedirs(self.versions, 0o755, exist_ok=True)
        for folder in (self.data, self.versions):
            status = os.lstat(folder)
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & stat.S_IWOTH:
                raise Failed(f"{folder} on the host does not belong to that user; check it and move it away")
        self._remove_leftovers()
        if shutil.disk_usage(self.versions).free < self.order["room"]:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return tempfile.mkdtemp(prefix=TEMPORARY, dir=self.versions)

    def _remove_leftovers(self) -> None:
        for name in os.listdir(self.versions):
            path = os.path.join(self.versions, name)
            with contextlib.suppress(OSError):  # locked, or just removed by its own deploy
                if name.startswith(TEMPORARY) and time.time() - os.lstat(path).st_mtime >= STALE:
                    with _locked(path, wait=False):
                        shutil.rmtree(path, ignore_errors=True)

    def _unpacked(self, scratch: str) -> str:
        """Check the archive, unpack and compile it; return the path of the version."""
        archive, version = os.path.join(scratch, ARCHIVE), os.path.join(scratch, "version")
        if hashlib.sha256(_read(archive)).hexdigest() != self.order["sha256"]:
            raise Failed("the upload was corrupted (sha256 differs); try again")
        self.step = "unpack"
        with zipfile.ZipFile(archive) as members:
            members.extractall(version)
        os.unlink(archive)
        if not self.is_whole(version):
            raise Failed("what was unpacked does not match its manifest")
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH  # nothing in a version changes later
        compileall.compile_dir(
            os.path.join(version, "lib"),
            quiet=2,
            rx=_NOT_COMPILED,
            stripdir=version,
            prependdir=self.final,
            invalidation_mode=unchecked,
        )
        for folder, _, names in os.walk(version, topdown=False):
            for path in (*(os.path.join(folder, name) for name in names), folder):
                _sync(path)
        return version

    def _try(self, version: str, scratch: str) -> None:
        """Run the trials through a launcher as its users do, in directories of their own."""
        launcher = os.path.join(scratch, self.order["program"])
        _write(launcher, self.launcher(version))
        short = "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else None  # noqa: S108 (a socket's path must be short)
        folder = tempfile.mkdtemp(prefix="sesh-", dir=short)
        variables = {name: value for name, value in os.environ.items() if not name.startswith("SESH_")}
        variables |= {f"XDG_{name}_HOME": os.path.join(folder, name.lower()) for name in ("CONFIG", "STATE", "CACHE")}
        variables["SESH_DIR"] = os.path.join(folder, "s")
        try:
            for code, out, arguments in self.order["trials"]:
                done = _ran([launcher, *arguments], variables)
                if done.returncode != code or out not in done.stdout:
                    last = (done.stderr.strip() or done.stdout.strip() or "it printed nothing").splitlines()[-1]
                    line = f"`{self.order['program']} {' '.join(arguments)}`"
                    reason = f"{line} ended with {done.returncode} instead of {code}: {last}"
                    raise Failed(f"the new version does not work on the host: {reason}", done.stdout + done.stderr)
        finally:
            if os.path.isdir(variables["SESH_DIR"]):
                _ran([launcher, "--local", "--kill-all", "-y"], variables)
            shutil.rmtree(folder, ignore_errors=True)

    # -- into service

    def _switch(self, version: str, scratch: str) -> None:
        """Move a version to its place and the launcher onto ~/.local/bin/sesh, each by one rename, or neither."""
        if self.program_kind() == "foreign" and not self.order["force"]:
            raise Failed(f"{self.program} on the host was not installed by sesh and stays; --force replaces it")
        placed = not self.is_whole(self.final)  # another deploy may have been faster
        if placed:
            if os.path.lexists(self.final):
                os.rename(self.final, os.path.join(scratch, "broken"))
            os.rename(version, self.final)
            _sync(self.versions)
        folder = os.path.dirname(self.program)
        temporary = os.path.join(folder, ".sesh-new")
        try:
            os.makedirs(folder, 0o755, exist_ok=True)
            with contextlib.suppress(FileNotFoundError):
                os.unlink(temporary)  # of a deploy that was killed: this one holds the lock
            _write(temporary, self.launcher(self.final))
            os.rename(temporary, self.program)
        except BaseException:
            if placed:
                os.rename(self.final, os.path.join(scratch, "withdrawn"))
            with contextlib.suppress(OSError):  # it was never there
                os.unlink(temporary)
            raise
        _sync(folder)

    def launcher(self, version: str) -> str:
        """The script that runs a version by the interpreter of this deploy, isolated from all other packages."""
        argv = [self.python, "-I", "-S", "-B", os.path.join(version, START)]
        quoted = " ".join("'" + word.replace("'", "'\\''") + "'" for word in argv)
        return f'#!/bin/sh\n{SIGNATURE}\nexec {quoted} "$@"\n'

    def program_kind(self) -> str:
        """Return the kind of ~/.local/bin/sesh: `missing`, `current`, `ours` (of another version) or `foreign`."""
        try:
            text = _read(self.program)
        except FileNotFoundError:
            return "missing"
        except OSError:  # a link or a directory too
            return "foreign"
        if text == os.fsencode(self.launcher(self.final)) and os.access(self.program, os.X_OK):
            return "current"
        return "ours" if text.split(b"\n")[1:2] == [SIGNATURE.encode()] else "foreign"


def _interpreter() -> str:
    """Return `python3.N` beside this interpreter, outside a virtual environment and if that exists; else its path."""
    path = sys.executable
    named = os.path.join(os.path.dirname(path), "python{}.{}".format(*sys.version_info))
    return named if sys.prefix == sys.base_prefix and os.path.exists(named) else os.path.realpath(path)


def _ran(argv: list[str], variables: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """Run a command to its end: 126 if it cannot be run, 124 if it hangs."""
    try:
        return subprocess.run(
            argv,
            env=variables,
            cwd="/",
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=TRIAL_TIMEOUT,
            check=False,
        )
    except OSError as error:
        return subprocess.CompletedProcess(argv, 126, "", str(error.strerror))
    except subprocess.TimeoutExpired:
        return subprocess.CompletedProcess(argv, 124, "", f"did not end within {TRIAL_TIMEOUT:g} s")


@contextlib.contextmanager
def _locked(path: str, *, wait: bool) -> Iterator[None]:
    """Hold a lock on a directory, if its file system has locks. Raises BlockingIOError if it is held, unless `wait`."""
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


def _read(path: str) -> bytes:
    """The content of a file that is no link and no fifo."""
    with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC), "rb") as file:
        return file.read()


def _write(path: str, text: str) -> None:
    """Write a new program and sync it to disk."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    with open(os.open(path, flags, 0o755), "wb") as file:
        file.write(os.fsencode(text))
        file.flush()
        os.fsync(file.fileno())


def _sync(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _on_signal(*_: Any) -> NoReturn:
    raise Failed("it was stopped on the host")


def carry_out(order: Order) -> dict[str, object]:
    """Carry out an order; return `done`, or `failed` with its step, reason and what a program printed."""
    installer = Installer(order)
    try:
        return {"done": installer.run()}
    except Failed as error:
        reason, stderr = str(error), error.stderr
    except (OSError, zipfile.BadZipFile) as error:
        stderr = f"{type(error).__name__}: {error}"
        if getattr(error, "errno", None) in _NO_SPACE:
            reason = f"not enough space in {installer.data} on the host: needs {(order['room'] >> 20) + 1} MB"
        elif isinstance(error, OSError):
            reason = f"cannot write {error.filename or installer.data} on the host: {error.strerror}"
        else:
            reason = f"cannot read the archive: {error}"
    return {"failed": {"step": installer.step, "reason": reason, "stderr": stderr}}


def main() -> None:
    """Carry out the order in the last argument."""
    for number in _ENDING:
        signal.signal(number, _on_signal)
    os.umask(0o022)
    order: Order = json.loads(base64.b64decode(sys.argv[-1]))
    answer = carry_out(order)
    with contextlib.suppress(BrokenPipeError):  # the link was cut; what was begun is done
        print(order["token"], json.dumps(answer), flush=True)


if __name__ == "__main__":
    main()
