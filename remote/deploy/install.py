"""The part of a deploy that runs on the host: unpack a version, try it, switch to it.

The host gets this file in a command line and has no sesh yet, so the file imports only the standard library. Its
argument is an order (JSON in base64). It prints the order's token and then the answer as a line of JSON. The token
separates the answer from whatever login files print.
"""

from __future__ import annotations

import base64
import compileall
import contextlib
import fcntl
import hashlib
import json
import os
import py_compile
import re
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import time
import zipfile
from typing import TypedDict


class Order(TypedDict, total=False):
    """An order to look for a version; or, with `scratch`, to install the archive in that directory."""

    token: str
    name: str  # the name of the version's directory
    program: str
    force: bool
    trials: list[list[str]]  # arguments of the commands that must succeed
    scratch: str
    sha256: str  # of the archive


SYSTEMS = ("Linux", "Darwin")
SIGNATURE = "# sesh's launcher, written by sesh --deploy"  # the second line of ~/.local/bin/sesh
ARCHIVE, START, TEMPORARY = "archive", "start.py", ".tmp-"
STALE = 3600.0  # seconds without a change, then a scratch directory is removed, as its deploy was killed
TRIAL_TIMEOUT = 60.0  # seconds for each trial; the first run on a small board is slow
SYNC_TIMEOUT = 20.0  # seconds to flush the new version to the disk, then the deploy continues anyway
_SETTINGS = re.compile("SESH_.*|XDG_.*_HOME")  # removed for a trial, so that it uses no session or setting of the user


class Failed(Exception):
    """The current step failed. The arguments are those of `DeployError`."""

    def __init__(self, reason: str, stderr: str = "", *, foreign: bool = False) -> None:
        super().__init__(reason)
        self.stderr, self.foreign = stderr, foreign


class Installer:
    """Carries out an order. `step`: the current step of the deploy."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.home = os.path.expanduser("~")
        self.data = os.path.join(self.home, ".local", "share", "sesh")
        self.versions = os.path.join(self.data, "versions")
        self.program = os.path.join(self.home, ".local", "bin", order["program"])
        self.final = os.path.join(self.versions, order["name"])
        # Not the Python of a virtual environment, which may be removed.
        self.python = sys.executable if sys.prefix == sys.base_prefix else os.path.realpath(sys.executable)
        self.step = "detect_platform"

    def run(self) -> dict[str, object]:
        """Carry out the order; return the answer (`DeployState`). If it raises, the launcher is unchanged."""
        system, machine = os.uname().sysname, os.uname().machine
        if system not in SYSTEMS:
            raise Failed(f"it runs {system}; sesh runs on Linux and macOS")
        before = self.launcher_before()
        scratch = ""
        try:
            if "scratch" in self.order:
                self.install(self.order["scratch"])
            elif before != self.launcher(self.final) or not self.works():
                self.step = "upload"
                scratch = self.new_scratch()
        except BaseException:
            for folder in (self.versions, self.data):
                with contextlib.suppress(OSError):  # not empty
                    os.rmdir(folder)
            raise
        return {"python": self.python, "platform": f"{system} {machine}", "path": self.final, "scratch": scratch}

    def launcher(self, version: str) -> bytes:
        """Return the script that runs a version with this Python, isolated from other packages."""
        line = shlex.join([self.python, "-I", "-S", "-B", os.path.join(version, START)])
        return os.fsencode(f'#!/bin/sh\n{SIGNATURE}\nexec {line} "$@"\n')

    def launcher_before(self) -> bytes:
        """Return the current ~/.local/bin/sesh, empty if it is missing. Raises Failed if it must not be replaced."""
        if not os.path.lexists(self.program):
            return b""
        text = _read(self.program) if stat.S_ISREG(os.lstat(self.program).st_mode) else b""
        if text.split(b"\n")[1:2] != [SIGNATURE.encode()] and not self.order["force"]:
            self.step = "switch"
            raise Failed(f"{self.program} was not installed by sesh and stays; --force replaces it", foreign=True)
        return text

    def works(self) -> bool:
        """Return whether the version is installed and starts."""
        start = os.path.join(self.final, START)
        words = [self.python, "-I", "-S", "-B", start, "--version"]
        with contextlib.suppress(subprocess.TimeoutExpired):
            return os.path.isfile(start) and _run(words, TRIAL_TIMEOUT).returncode == 0
        return False

    def new_scratch(self) -> str:
        """Make a directory for the archive. Raises Failed if another user could change it."""
        os.makedirs(self.versions, 0o755, exist_ok=True)
        for folder in (self.home, self.data, self.versions):
            status = os.stat(folder) if folder == self.home else os.lstat(folder)
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & stat.S_IWOTH:
                raise Failed(f"{folder} is no directory of that user alone; check it, or move it away")
        for name in os.listdir(self.versions):
            path = os.path.join(self.versions, name)
            with contextlib.suppress(OSError):  # another deploy has just removed it
                if name.startswith(TEMPORARY) and time.time() - os.lstat(path).st_mtime >= STALE:
                    shutil.rmtree(path, ignore_errors=True)
        return tempfile.mkdtemp(prefix=TEMPORARY, dir=self.versions)

    def install(self, scratch: str) -> None:
        """Unpack the archive in a scratch directory, try the version, switch to it; always remove the directory."""
        self.step = "upload"
        version = os.path.join(scratch, "version")
        try:
            self._unpack(os.path.join(scratch, ARCHIVE), version)
            self.step = "smoke_test"
            self._try(version, os.path.join(scratch, self.order["program"]))
            self.step = "switch"
            self._switch(version, scratch)
        finally:
            shutil.rmtree(scratch, ignore_errors=True)

    def _unpack(self, archive: str, version: str) -> None:
        if hashlib.sha256(_read(archive)).hexdigest() != self.order["sha256"]:
            raise Failed("the upload was corrupted (sha256 differs); try again")
        self.step = "unpack"
        with zipfile.ZipFile(archive) as members:
            members.extractall(version)
        compileall.compile_dir(
            os.path.join(version, "lib"),
            quiet=2,
            stripdir=version,
            prependdir=self.final,
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,  # files of a version never change
        )

    def _try(self, version: str, launcher: str) -> None:
        """Run the trials through a launcher, as a user would, in a temporary HOME."""
        _write(launcher, self.launcher(version))
        short = "/tmp" if os.access("/tmp", os.W_OK | os.X_OK) else None  # noqa: S108 (a socket's path must be short)
        home = tempfile.mkdtemp(prefix="sesh-", dir=short)
        variables = {name: value for name, value in os.environ.items() if not _SETTINGS.fullmatch(name)}
        variables["HOME"] = home
        try:
            for arguments in self.order["trials"]:
                done = _run([launcher, *arguments], TRIAL_TIMEOUT, env=variables)
                if done.returncode:
                    last = (done.stdout.strip() or "it printed nothing").splitlines()[-1]
                    line = f"`{self.order['program']} {' '.join(arguments)}` ended with {done.returncode}: {last}"
                    raise Failed(f"the new version does not work: {line}", done.stdout)
        finally:
            shutil.rmtree(home, ignore_errors=True)

    def _switch(self, version: str, scratch: str) -> None:
        """Rename a version to its final path, then the launcher to ~/.local/bin/sesh."""
        folder = os.path.dirname(self.program)
        unfinished = os.path.join(folder, ".sesh-new")
        os.makedirs(folder, 0o755, exist_ok=True)
        lock = os.open(self.versions, os.O_RDONLY)
        try:
            with contextlib.suppress(OSError):  # the file system has no locks
                fcntl.flock(lock, fcntl.LOCK_EX)
            self.launcher_before()
            _write(unfinished, self.launcher(self.final))
            with contextlib.suppress(OSError, subprocess.TimeoutExpired):
                # After a power loss the launcher must not run empty files. `-f` flushes only this file system, because
                # others may be busy.
                _run(["sync", "-f", self.versions], SYNC_TIMEOUT)
            if not self.works():  # otherwise sessions may run from it
                if os.path.lexists(self.final):
                    os.rename(self.final, os.path.join(scratch, "broken"))
                os.rename(version, self.final)
            os.rename(unfinished, self.program)
        finally:
            with contextlib.suppress(FileNotFoundError):  # it was renamed
                os.unlink(unfinished)
            os.close(lock)


def _run(words: list[str], timeout: float, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a program in / without input; return its code, and both outputs as `stdout`."""
    return subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=timeout,
        env=env,
        cwd="/",
        errors="replace",
        check=False,
    )


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _write(path: str, content: bytes) -> None:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW
    with open(os.open(path, flags, 0o755), "wb") as file:
        file.write(content)


def carry_out(order: Order) -> dict[str, object]:
    """Carry out an order; return the answer: the facts, or the step that failed and the reason."""
    installer = Installer(order)
    try:
        return installer.run()
    except (Failed, OSError, zipfile.BadZipFile, subprocess.TimeoutExpired) as error:
        failed = error if isinstance(error, Failed) else Failed(str(error), repr(error))
    return {"step": installer.step, "reason": str(failed), "stderr": failed.stderr, "foreign": failed.foreign}


def main() -> None:
    """Carry out the order in the last argument."""
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))  # runs the `finally` blocks
    os.umask(0o022)
    order: Order = json.loads(base64.b64decode(sys.argv[-1]))
    print(order["token"], end=" ", flush=True)  # before the work, so that no other Python repeats the order
    print(json.dumps(carry_out(order)), flush=True)


if __name__ == "__main__":
    main()
