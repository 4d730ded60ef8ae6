"""The sesh under test in a form that every user of this machine can run."""

from __future__ import annotations

import fcntl
import glob
import os
import pickle
import re
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from sesh.remote.deploy import bundle
from tests.support.home import launcher

EVERYONE = 0o755
PROBE = "import sesh.__main__, ptyprocess, pyte, typer, rich"


@contextmanager
def of_this_run(prefix: str) -> Iterator[Runtime]:
    """Yield the shared runtime of all farms: the first makes it, the last removes it."""
    folder = prefix + os.environ.get("PYTEST_XDIST_TESTRUNUID", str(os.getpid()))
    made, users = os.path.join(folder, "runtime.pickle"), os.path.join(folder, "users")

    with _alone():
        if not os.path.exists(made):
            os.makedirs(users, exist_ok=True)  # a failed attempt may have left it
            os.chmod(folder, EVERYONE)
            with open(made, "wb") as file:
                pickle.dump(Runtime(folder), file)
        with open(made, "rb") as file:
            runtime = pickle.load(file)  # noqa: S301 (our own)
        mine = tempfile.mkdtemp(dir=users)
    try:
        yield runtime
    finally:
        with _alone():
            os.rmdir(mine)
            if not os.listdir(users):
                shutil.rmtree(folder)


@contextmanager
def _alone() -> Iterator[None]:
    """Hold a lock on this directory, so that no lock file is needed."""
    folder = os.open(os.path.dirname(__file__), os.O_RDONLY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def reachable(path: str) -> bool:
    """Tell whether any user can read the file, or enter the directory."""
    path = os.path.realpath(path)
    try:
        mode = os.stat(path).st_mode
        wanted = 0o5 if stat.S_ISDIR(mode) else 0o4
        above = path
        while (above := os.path.dirname(above)) != "/":
            if not os.stat(above).st_mode & 0o1:
                return False
    except OSError:
        return False
    return mode & wanted == wanted


class Runtime:
    """The sesh under test for any user: an interpreter, sys.path and a launcher.

    The code is what a deploy sends, with its compiled modules: the users of hosts may not write them, and each start of
    sesh would compile again.
    """

    def __init__(self, folder: str) -> None:
        self.lib = os.path.join(folder, "lib")
        for path, data in bundle.files().items():
            _write(os.path.join(folder, path), data)
        self.python = self._interpreter()
        code = f"import compileall, sys; sys.path.insert(0, {self.lib!r}); {PROBE}\n"
        code += f"compileall.compile_dir({self.lib + '/sesh'!r}, quiet=2)"
        subprocess.run([self.python, "-IS", "-c", code], check=True, capture_output=True, cwd="/", env={})
        self.launcher = os.path.join(folder, "sesh")
        _write(self.launcher, launcher([self.lib], self.python).encode())
        for here, _, _ in os.walk(folder):
            os.chmod(here, EVERYONE)  # whatever the umask

    def _interpreter(self) -> str:
        """Return an interpreter that anyone can run: this one, or the system's."""
        found = sorted(glob.glob("/usr/local/bin/python3*") + glob.glob("/usr/bin/python3*"), reverse=True)
        for candidate in (os.path.realpath(sys.executable), *found):
            name = os.path.basename(candidate)
            if re.fullmatch(r"python3(\.\d+)?", name) and reachable(candidate) and self._works(candidate):
                return os.path.realpath(candidate)
        raise AssertionError("no Python of this machine can be run by every user")

    def _works(self, python: str) -> bool:
        """Tell whether an interpreter has all that sesh needs."""
        code = f"import sys; sys.path.insert(0, {self.lib!r}); assert sys.version_info >= (3, 10); {PROBE}"
        done = subprocess.run([python, "-ISB", "-c", code], capture_output=True, check=False, cwd="/", env={})
        return done.returncode == 0


def _write(path: str, data: bytes) -> None:
    """Write a file that everyone can read and run."""
    folder = os.path.dirname(path)
    if not os.path.isdir(folder):
        os.makedirs(folder)
    with open(path, "wb") as file:
        file.write(data)
    os.chmod(path, EVERYONE)
