"""Unpack a version of sesh on a host, try it, and switch to it.

The host gets this file in a command line and has no sesh yet, so the file imports only the standard library. Its
arguments are an order. It prints the order's token and then a report as a line of JSON. The token separates the report
from whatever login files print.
"""

from __future__ import annotations

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
from typing import Annotated, Literal, TypedDict, get_args

Step = Literal["connect", "detect_platform", "python", "upload", "unpack", "smoke_test", "switch", "done"]
STEPS: tuple[Step, ...] = get_args(Step)


class Report(TypedDict):
    python: str  # the path of the Python that runs the version
    platform: str
    path: str  # of the version
    step: Step  # that failed, if there is a reason; else "done", or "upload" if the archive is wanted
    reason: Annotated[str, "text"]  # why a step failed
    foreign: bool  # the order failed because another project's sesh is in the way
    integration: Annotated[str, "text"]  # where to write which line; empty if the shell loads the integration, or none


VERSIONS = ".local/share/sesh/versions"  # in HOME
SIGNATURE = "# sesh's launcher, written by sesh --deploy"  # the second line of ~/.local/bin/sesh
ARCHIVE, START, TEMPORARY = "archive", "start.py", ".tmp-"
STALE = 3600.0  # seconds without a change, then a scratch directory is removed, as its deploy was killed
TRIAL = "--trial"  # the verb that the new version must carry out: it starts a daemon and a program, and tells its end
_INTEGRATE = """\
import os, sys
sys.path.insert(0, sys.argv[1])
from sesh.system import startup
startup.put_vendor_file(os.environ)
print("" if startup.is_loaded(os.environ) else startup.startup_line(os.environ) or "")
"""
TRIAL_TIMEOUT = 60.0  # seconds; the first run on a small board is slow


def scratch(token: str) -> str:
    """Return the directory, in HOME, for all that a deploy makes before it switches."""
    return f"{VERSIONS}/{TEMPORARY}{token}"


def is_launcher(path: Path) -> bool:
    is_file = path.is_file() and not path.is_symlink()
    return is_file and path.read_bytes().split(b"\n")[1:2] == [SIGNATURE.encode()]


class Failed(Exception):
    """A step failed, for this reason."""


class Installer:
    """Installs a version on this machine: unpacks it, tries it, and switches to it."""

    def __init__(self, token: str, name: str, *, force: bool = False) -> None:
        self.force = force
        self.home = Path.home()
        self.versions = self.home / VERSIONS
        self.final = self.versions / name
        self.program = self.home / ".local/bin/sesh"
        self.scratch = self.home / scratch(token)
        self.new = self.scratch / "version"
        # Not the Python of a virtual environment, which may be removed.
        self.python = sys.executable if sys.prefix == sys.base_prefix else os.path.realpath(sys.executable)
        self.step: Step = "detect_platform"
        self.foreign = False
        self.integration = ""

    def look(self) -> None:
        """Look for the version; without it, make a scratch directory that is the user's alone."""
        self.check_program()
        if self.program.is_file() and self.program.read_bytes() == self.launcher(self.final) and self.works():
            self.step = "done"
            return
        self.step = "upload"
        for folder in (self.home.resolve(), self.versions.parent, self.versions):
            folder.mkdir(0o755, parents=True, exist_ok=True)
            status = folder.lstat()
            if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & stat.S_IWOTH:
                raise Failed(f"{folder} is no directory of that user alone; check it, or move it away")
        for path in self.versions.glob(f"{TEMPORARY}*"):
            with contextlib.suppress(OSError):  # another deploy has just removed it
                if time.time() - path.lstat().st_mtime >= STALE:
                    shutil.rmtree(path, ignore_errors=True)
        self.scratch.mkdir(0o700)

    def install(self, sha256: str) -> None:
        """Unpack the archive in the scratch directory, try the version, switch to it."""
        self.step = "upload"
        archive = self.scratch / ARCHIVE
        if hashlib.sha256(archive.read_bytes()).hexdigest() != sha256:
            advice = "let login files read their input only on a terminal ([ -t 0 ]), and try again"
            raise Failed(f"the upload was corrupted (sha256 differs); {advice}")
        self.step = "unpack"
        with zipfile.ZipFile(archive) as members:
            members.extractall(self.new)
        compileall.compile_dir(
            self.new / "lib",
            quiet=2,
            stripdir=str(self.new),
            prependdir=str(self.final),
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,  # files of a version never change
        )
        self.step = "smoke_test"
        launcher = self.scratch / self.program.name
        launcher.write_bytes(self.launcher(self.new))
        launcher.chmod(0o755)
        self.try_out(launcher)
        self.step = "switch"
        launcher.write_bytes(self.launcher(self.final))
        self.check_program()
        self.switch()
        self.program.parent.mkdir(0o755, parents=True, exist_ok=True)
        os.rename(launcher, self.program)
        self.step = "done"
        self.integrate()

    def carry_out(self, sha256: str = "") -> Report:
        """Install the archive with this hash, or look."""
        reason = ""
        try:
            if sha256:
                self.install(sha256)
            else:
                self.look()
        except OSError as error:
            reason = ": ".join(str(word) for word in (error.filename, error.strerror or error) if word)
        except (Failed, subprocess.TimeoutExpired) as error:
            reason = str(error)
        finally:
            if sha256:
                shutil.rmtree(self.scratch, ignore_errors=True)
        platform = f"{os.uname().sysname} {os.uname().machine}"
        return {
            "python": self.python, "platform": platform, "path": str(self.final),
            "step": self.step, "reason": reason, "foreign": self.foreign, "integration": self.integration,
        }  # fmt: skip

    def launcher(self, version: Path) -> bytes:
        """Return the script that runs a version with this Python, isolated from other packages."""
        line = shlex.join([self.python, "-I", "-S", "-B", str(version / START)])
        return os.fsencode(f'#!/bin/sh\n{SIGNATURE}\nexec {line} "$@"\n')

    def check_program(self) -> None:
        """Raise Failed if ~/.local/bin/sesh exists and must not be replaced."""
        if os.path.lexists(self.program) and not (is_launcher(self.program) or self.force):
            self.step, self.foreign = "switch", True
            raise Failed(f"{self.program} was not installed by sesh and stays; `sesh deploy --force` replaces it")

    def works(self) -> bool:
        start = self.final / START
        return start.is_file() and _run([self.python, "-I", "-S", "-B", start, "--version"]).returncode == 0

    def try_out(self, launcher: Path) -> None:
        """Run the trial with the scratch directory as HOME, and without the user's settings."""
        variables = {name: value for name, value in os.environ.items() if not name.startswith(("SESH_", "XDG_"))}
        done = _run([launcher, TRIAL], {**variables, "HOME": str(self.scratch)})
        if done.returncode:
            last = (done.stdout.strip() or "it printed nothing").splitlines()[-1]
            raise Failed(f"the new version does not work: `sesh {TRIAL}` ended with {done.returncode}: {last}")

    def switch(self) -> None:
        """Rename the new version to its final path, unless one works there."""
        if self.works():
            return  # sessions may run from it
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.final, self.scratch / "broken")
        try:
            os.rename(self.new, self.final)
        except OSError:
            if not self.works():  # else another deploy of this version was faster
                raise

    def integrate(self) -> None:
        """Have fish load the integration; find out which line does that in another shell. Sesh works without."""
        with contextlib.suppress(OSError, subprocess.TimeoutExpired):
            done = _run([self.python, "-I", "-S", "-B", "-c", _INTEGRATE, self.final / "lib"])
            self.integration = done.stdout.strip() if done.returncode == 0 else ""


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
    token, name, force, sha256 = sys.argv[-4:]
    print(token, end=" ", flush=True)  # before the work, so that no other Python repeats the order
    installer = Installer(token, name, force=force == "force")
    print(json.dumps(installer.carry_out(sha256.strip("-"))), flush=True)


if __name__ == "__main__":
    main()
