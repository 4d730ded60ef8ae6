"""The sesh under test in a form that every user of this machine can run."""

from __future__ import annotations

import fcntl
import glob
import importlib.metadata
import os
import pickle
import re
import shutil
import stat
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

from sesh.about import DISTRIBUTION
from tests.support import ROOT
from tests.support.home import launcher

ROOMS = ("sesh", "daemon", "client", "remote", "completions")
EVERYONE = 0o755
PROBE = "import sesh.__main__, ptyprocess, pyte, typer, rich"
_LEFT_HERE = {"fabric"}  # hosts do not deploy
_HALF_WRITTEN = shutil.ignore_patterns("*.pyc.*")
_ENDS = re.compile(r"[\s;<>=!~\[(]")


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

    What is below a private directory (a checkout in /root, pyenv's interpreter) is copied into `folder`,
    with its compiled modules. Missing compiled modules are made, because the users of hosts may not write there, and
    each start of sesh would compile again.
    """

    def __init__(self, folder: str) -> None:
        self.folder = folder
        self.paths = [self._checkout(), self._packages()]
        self.python = self._interpreter()
        self._compile()
        self.launcher = os.path.join(folder, "sesh")
        with open(self.launcher, "w", encoding="utf-8") as file:
            file.write(launcher(self.paths, self.python))
        os.chmod(self.launcher, EVERYONE)

    def _compile(self) -> None:
        rooms = [os.path.join(self.paths[0], room) for room in ROOMS]
        code = f"import compileall, sys; sys.path += {self.paths!r}; {PROBE}\n"
        code += f"for room in {rooms!r}: compileall.compile_dir(room, quiet=2)"
        subprocess.run([self.python, "-IS", "-c", code], check=True, capture_output=True, cwd="/", env={})

    def _checkout(self) -> str:
        """Return the checkout, or a copy of its rooms if the checkout is private."""
        if reachable(os.path.join(ROOT, "sesh", "__main__.py")):
            return ROOT
        copy = os.path.join(self.folder, "checkout")
        for room in ROOMS:
            source = os.path.join(ROOT, room)
            if os.path.isdir(source):
                shutil.copytree(source, os.path.join(copy, room), symlinks=True, ignore=_HALF_WRITTEN)
        _open(copy)
        return copy

    def _packages(self) -> str:
        """Return the directory of sesh's packages, or a copy of private ones."""
        packages = sysconfig.get_path("purelib")
        if reachable(os.path.join(packages, "ptyprocess", "__init__.py")):
            return packages
        copy = os.path.join(self.folder, "packages")
        for name in _needed():
            for file in importlib.metadata.distribution(name).files or []:
                source, target = str(file.locate()), os.path.normpath(os.path.join(copy, str(file)))
                if target.startswith(copy + os.sep) and os.path.isfile(source):
                    os.makedirs(os.path.dirname(target), exist_ok=True)
                    shutil.copy2(source, target)
        _open(copy)
        return copy

    def _interpreter(self) -> str:
        """Return an interpreter that anyone can run: this one, the system's, or a copy."""
        own = os.path.realpath(sys.executable)
        if reachable(own) and reachable(sysconfig.get_path("stdlib")):
            return own
        found = sorted(glob.glob("/usr/local/bin/python3*") + glob.glob("/usr/bin/python3*"), reverse=True)
        for candidate in found:
            if re.fullmatch(r".*/python3(\.\d+)?", candidate) and reachable(candidate) and self._works(candidate):
                return os.path.realpath(candidate)
        copied = self._copied(own)
        if not self._works(copied):
            raise AssertionError(f"no Python that every user can run: {own} is private, and a copy of it does not work")
        return copied

    def _works(self, python: str) -> bool:
        """Tell whether an interpreter has all that sesh needs."""
        code = f"import sys; sys.path[:0] = {self.paths!r}; assert sys.version_info >= (3, 10); {PROBE}"
        done = subprocess.run([python, "-ISB", "-c", code], capture_output=True, check=False, cwd="/", env={})
        return done.returncode == 0

    def _copied(self, own: str) -> str:
        """Copy this interpreter, its standard library and its shared library; return the copy's path."""
        copy = os.path.join(self.folder, "python")
        name = f"python{sys.version_info[0]}.{sys.version_info[1]}"
        left = shutil.ignore_patterns("test", "tests", "site-packages", "idlelib", "ensurepip", "*.a", "*.pyc.*")
        shutil.copytree(sysconfig.get_path("stdlib"), os.path.join(copy, "lib", name), ignore=left)
        os.makedirs(os.path.join(copy, "bin"))
        program = os.path.join(copy, "bin", name)
        shutil.copyfile(own, program)
        os.chmod(program, EVERYONE)
        shared = glob.glob(os.path.join(sysconfig.get_config_var("LIBDIR") or "", "libpython3*"))
        for library in shared:
            shutil.copy(library, os.path.join(copy, "lib"))
        _open(copy)
        if shared and sysconfig.get_config_var("Py_ENABLE_SHARED"):
            # The interpreter looks for its library in the old place, so a wrapper says where the library is now.
            os.rename(program, program + ".real")
            with open(program, "w", encoding="utf-8") as file:
                file.write(f'#!/bin/sh\nLD_LIBRARY_PATH={copy}/lib exec {program}.real "$@"\n')
            os.chmod(program, EVERYONE)
        return program


def _needed() -> set[str]:
    """Return the distributions that sesh needs on a host, with their dependencies."""
    open_names = [DISTRIBUTION]
    needed: set[str] = set()
    while open_names:
        name = open_names.pop()
        if name in needed | _LEFT_HERE:
            continue
        try:
            requires = importlib.metadata.distribution(name).requires or []
        except importlib.metadata.PackageNotFoundError:
            continue  # it is for another platform
        needed.add(name)
        open_names += [_name(line) for line in requires if "extra ==" not in line]
    return needed - {DISTRIBUTION}


def _name(requirement: str) -> str:
    return _ENDS.split(requirement, maxsplit=1)[0].lower()


def _open(folder: str) -> None:
    """Let everyone read all files in a folder."""
    for here, _, files in os.walk(folder):
        os.chmod(here, EVERYONE)
        for name in files:
            path = os.path.join(here, name)
            if not os.path.islink(path):
                os.chmod(path, EVERYONE if os.access(path, os.X_OK) else 0o644)
