"""The version of sesh before this one, from the history of this checkout."""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import subprocess

import pytest

from tests.support import home, warm
from tests.support.tools import ROOT, find

BEFORE = "b4f128e5fb022512e33aef0148386458751e4323"
"""The last commit before the rooms got their present names and ops their types: what ran, wrote files or stood on a
host then has to be of use still."""
VERSION = "0.0.9"
"""What that one calls itself here, to be told from the one under test: by itself it has the same number."""
_ROOMS = ("sesh", "daemon", "client", "remote", "completions")


def launcher(folder: str) -> str:
    """The path of a program that is the sesh before, in `folder`; made there once, for all processes of a run.

    Where the history does not reach so far back (a shallow clone, the unpacked source of a release), the test is
    skipped; in CI the commit is fetched from where the clone came from.
    """
    tree = os.path.join(folder, "before")
    program = f"{tree}.sesh"
    with open(f"{tree}.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not os.path.exists(program):
            _unpack(tree)
            with open(program, "w", encoding="utf-8") as file:
                file.write(home.launcher([tree, *warm.PATHS[1:]]))
    return program


def _unpack(tree: str) -> None:
    archive = ("archive", BEFORE, *_ROOMS)
    made = _git(*archive)
    if made.returncode and os.environ.get("CI") and not _git("fetch", "--depth=1", "origin", BEFORE).returncode:
        made = _git(*archive)
    if made.returncode:
        pytest.skip(f"the version before is not in this checkout's history: {made.stderr.decode().strip()}")
    shutil.rmtree(tree, ignore_errors=True)
    os.mkdir(tree)
    subprocess.run(["tar", "x", "-C", tree], input=made.stdout, check=True)
    about = os.path.join(tree, "sesh", "__init__.py")
    with open(about, encoding="utf-8") as file:
        text, count = re.subn('^__version__ = ".*"$', f'__version__ = "{VERSION}"', file.read(), flags=re.MULTILINE)
    assert count == 1
    with open(about, "w", encoding="utf-8") as file:
        file.write(text)


def _git(*words: str) -> subprocess.CompletedProcess[bytes]:
    git = find("git")
    if git is None:
        return subprocess.CompletedProcess(words, 127, b"", b"git is not installed")
    command = [git, "-c", "safe.directory=*", "-C", ROOT, *words]  # the checkout may be another user's
    return subprocess.run(command, capture_output=True, check=False, env={**os.environ, "GIT_TERMINAL_PROMPT": "0"})
