"""Unpack a version of sesh on a host, try it, and switch to it.

The host gets this file in a command line and has no sesh yet, so the file imports only the standard library. Its
argument is an order (JSON in base64). It prints the order's token and then its report as a line of JSON. The token
separates the report from whatever login files print.
"""

from __future__ import annotations

import base64
import compileall
import contextlib
import hashlib
import json
import os
import py_compile
import shlex
import shutil
import signal
import stat
import subprocess
import sys
import time
import zipfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, TypedDict


class Order(TypedDict):
    """An order: look for a version; or, with a hash, install the archive in `scratch(token)`."""

    token: str
    name: str  # the name of the version's directory
    force: bool
    sha256: str  # of the archive; empty to look


Step = Literal["", "detect_platform", "upload", "unpack", "smoke_test", "switch"]


class Report(TypedDict):
    python: str  # the path of the Python that runs the version
    platform: str
    path: str  # of the version
    installed: bool  # ~/.local/bin/sesh starts the version
    step: Step  # that failed
    reason: Annotated[str, "text"]  # the first line is for the person
    foreign: bool  # the order failed because another project's sesh is in the way


VERSIONS = ".local/share/sesh/versions"  # in HOME
SIGNATURE = "# sesh's launcher, written by sesh --deploy"  # the second line of ~/.local/bin/sesh
ARCHIVE, START, TEMPORARY = "archive", "start.py", ".tmp-"
STALE = 3600.0  # seconds without a change, then a scratch directory is removed, as its deploy was killed
TRIAL = ["--exec", "--", "true"]  # what the new version must do: start a daemon and a program, and tell its end
TRIAL_TIMEOUT = 60.0  # seconds; the first run on a small board is slow


def scratch(token: str) -> str:
    """Return the directory, in HOME, for all that a deploy makes before it switches."""
    return f"{VERSIONS}/{TEMPORARY}{token}"


def is_launcher(path: Path) -> bool:
    is_file = path.is_file() and not path.is_symlink()
    return is_file and path.read_bytes().split(b"\n")[1:2] == [SIGNATURE.encode()]


class Failed(Exception):
    """A step failed; the first line is the reason, further lines are for the log."""


class Installer:
    """Installs a version on this machine: unpacks it, tries it, and switches to it."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.home = Path.home()
        self.versions = self.home / VERSIONS
        self.final = self.versions / order["name"]
        self.program = self.home / ".local/bin/sesh"
        self.scratch = self.home / scratch(order["token"])
        self.new = self.scratch / "version"
        # Not the Python of a virtual environment, which may be removed.
        self.python = sys.executable if sys.prefix == sys.base_prefix else os.path.realpath(sys.executable)
        self.report: Report = {
            "python": self.python, "platform": f"{os.uname().sysname} {os.uname().machine}", "path": str(self.final),
            "installed": False, "step": "detect_platform", "reason": "", "foreign": False,
        }  # fmt: skip

    def carry_out(self) -> Report:
        """Carry out the order. If a step fails, the launcher is unchanged."""
        try:
            self.check_program()
            if self.order["sha256"]:
                self.install()
            elif not self.is_in_use():
                self.make_scratch()
                return {**self.report, "step": ""}
            return {**self.report, "step": "", "installed": True}
        except OSError as error:
            reason = ": ".join(str(word) for word in (error.filename, error.strerror or error) if word)
        except (Failed, subprocess.TimeoutExpired) as error:
            reason = str(error)
        finally:
            if self.order["sha256"]:
                shutil.rmtree(self.scratch, ignore_errors=True)
        return {**self.report, "reason": reason}

    def launcher(self, version: Path) -> bytes:
        """Return the script that runs a version with this Python, isolated from other packages."""
        line = shlex.join([self.python, "-I", "-S", "-B", str(version / START)])
        return os.fsencode(f'#!/bin/sh\n{SIGNATURE}\nexec {line} "$@"\n')

    def check_program(self) -> None:
        """Raise Failed if ~/.local/bin/sesh exists and must not be replaced."""
        if os.path.lexists(self.program) and not (is_launcher(self.program) or self.order["force"]):
            self.report |= {"step": "switch", "foreign": True}
            raise Failed(f"{self.program} was not installed by sesh and stays; `sesh deploy --force` replaces it")

    def is_in_use(self) -> bool:
        return is_launcher(self.program) and self.program.read_bytes() == self.launcher(self.final) and self.works()

    def works(self) -> bool:
        start = self.final / START
        return start.is_file() and _run([self.python, "-I", "-S", "-B", start, "--version"]).returncode == 0

    def make_scratch(self) -> None:
        """Make the scratch directory. Raises Failed if another user could change it."""
        self.report["step"] = "upload"
        self.versions.mkdir(0o755, parents=True, exist_ok=True)
        for folder in (self.home.resolve(), self.versions.parent, self.versions):
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & stat.S_IWOTH:
                raise Failed(f"{folder} is no directory of that user alone; check it, or move it away")
        for path in self.versions.glob(f"{TEMPORARY}*"):
            with contextlib.suppress(OSError):  # another deploy has just removed it
                if time.time() - path.lstat().st_mtime >= STALE:
                    shutil.rmtree(path, ignore_errors=True)
        self.scratch.mkdir(0o700)

    def install(self) -> None:
        """Unpack the archive, try the version, switch to it."""
        self.report["step"] = "upload"
        archive = self.scratch / ARCHIVE
        launcher = self.scratch / self.program.name
        if hashlib.sha256(archive.read_bytes()).hexdigest() != self.order["sha256"]:
            advice = "let login files read their input only on a terminal ([ -t 0 ]), and try again"
            raise Failed(f"the upload was corrupted (sha256 differs); {advice}")
        self.report["step"] = "unpack"
        with zipfile.ZipFile(archive) as members:
            members.extractall(self.new)
        compileall.compile_dir(
            self.new / "lib",
            quiet=2,
            stripdir=str(self.new),
            prependdir=str(self.final),
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,  # files of a version never change
        )
        self.report["step"] = "smoke_test"
        launcher.write_bytes(self.launcher(self.new))
        launcher.chmod(0o755)
        self.try_out(launcher)
        self.report["step"] = "switch"
        launcher.write_bytes(self.launcher(self.final))
        self.switch(launcher)

    def try_out(self, launcher: Path) -> None:
        """Run the trial with the scratch directory as HOME, and without the user's settings."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("SESH_", "XDG_"))}
        done = _run([launcher, *TRIAL], {**variables, "HOME": str(self.scratch)})
        if done.returncode:
            last = (done.stdout.strip() or "it printed nothing").splitlines()[-1]
            line = f"`sesh {' '.join(TRIAL)}` ended with {done.returncode}: {last}"
            raise Failed(f"the new version does not work: {line}\n{done.stdout}")

    def switch(self, launcher: Path) -> None:
        """Rename the new version to its final path, then its launcher to ~/.local/bin/sesh."""
        self.program.parent.mkdir(0o755, parents=True, exist_ok=True)
        self.check_program()
        if not self.works():  # sessions may run from a version that works
            try:
                if os.path.lexists(self.final):
                    os.rename(self.final, self.scratch / "broken")
                os.rename(self.new, self.final)
            except OSError:
                if not self.works():  # else another deploy of the same version was faster
                    raise
        os.rename(launcher, self.program)


def _run(words: Sequence[str | Path], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        words,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=TRIAL_TIMEOUT,
        env=env,
        cwd="/",
        errors="replace",
        check=False,
    )


def main() -> None:
    for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: sys.exit(1))  # runs the `finally` blocks
    os.umask(0o022)
    order: Order = json.loads(base64.b64decode(sys.argv[-1]))
    print(order["token"], end=" ", flush=True)  # before the work, so that no other Python repeats the order
    print(json.dumps(Installer(order).carry_out()), flush=True)


if __name__ == "__main__":
    main()
