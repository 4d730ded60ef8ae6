"""The start of the program when its own modules cannot be read."""

from __future__ import annotations

import subprocess
import sys

import pytest

_START = """
import errno, os, sys

class Lack:
    def find_spec(self, name, path=None, target=None):
        if name == sys.argv[1]:
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), name)

sys.meta_path.insert(0, Lack())
from sesh.__main__ import start
start()
"""


@pytest.mark.parametrize("module", ["sesh.loading", "sesh.about", "sesh.lean", "sesh.quitkey", "sesh.errors"])
def test_a_module_that_cannot_be_read_at_the_start_is_named_in_one_line(module: str) -> None:
    """`import sesh` itself loaded a module, before anything could word the error: a traceback came."""
    ended = subprocess.run([sys.executable, "-c", _START, module], capture_output=True, text=True, check=False)
    assert ended.stderr == f"sesh: cannot load {module}: Too many open files; try again\n"
    assert ended.returncode == 1
