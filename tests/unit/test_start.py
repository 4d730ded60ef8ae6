"""The start of the program while its own modules load."""

from __future__ import annotations

import subprocess
import sys

import pytest

_START = """
import sys

class Fails:
    def find_spec(self, name, path=None, target=None):
        if name == "sesh.cli.main":
            raise {error}

sys.meta_path.insert(0, Fails())
from sesh.__main__ import start
start()
"""


@pytest.mark.parametrize(("error", "code"), [("KeyboardInterrupt", 130), ("OSError(24, 'Too many open files')", 1)])
def test_what_ends_the_loading_of_modules_is_one_line(error: str, code: int) -> None:
    ended = subprocess.run(
        [sys.executable, "-c", _START.format(error=error)], capture_output=True, text=True, check=False
    )
    assert ended.stderr.count("\n") <= 1
    assert ended.returncode == code
