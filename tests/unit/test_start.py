"""The start of the program while its own modules load."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

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


_END = "from sesh.__main__ import end; {before}; end({code})"


@pytest.mark.parametrize("code", [0, 3, 255, 256, 300])
def test_the_code_of_the_end_is_what_the_system_makes_of_it(code: int) -> None:
    plain = subprocess.run([sys.executable, "-c", f"import sys; sys.exit({code})"], check=False).returncode
    ended = subprocess.run([sys.executable, "-c", _END.format(before="0", code=code)], check=False).returncode
    assert ended == plain


def test_a_thread_that_still_runs_is_waited_for() -> None:
    before = (
        "import threading, time; threading.Thread(target=lambda: (time.sleep(0.2), print('done', flush=True))).start()"
    )
    ended = subprocess.run(
        [sys.executable, "-c", _END.format(before=before, code=3)], capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stdout) == (3, "done\n")


@pytest.mark.parametrize(
    ("output", "code", "said"),
    [("/dev/full", 1, "cannot write output: No space left on device"), ("a pipe", 141, ""), ("closed", 1, "Bad file")],
)
@pytest.mark.parametrize("line", [["--help"], ["list", "--json"]])
def test_output_that_cannot_be_written_at_the_last_is_an_error_of_one_line(
    tmp_path: Path, line: list[str], output: str, code: int, said: str
) -> None:
    to = {"/dev/full": ">/dev/full", "a pipe": "| (exec <&-)", "closed": ">&-"}[output]
    source = (
        f'({sys.executable} -c "from sesh.__main__ import start; start()" {" ".join(line)}; echo "code $?" >&2) {to}'
    )
    env = {**os.environ, "SESH_DIR": str(tmp_path / "s")}
    ended = subprocess.run(["sh", "-c", source], capture_output=True, text=True, check=False, env=env)
    assert f"code {code}" in ended.stderr
    assert said in ended.stderr
    assert ended.stderr.count("\n") <= 2
