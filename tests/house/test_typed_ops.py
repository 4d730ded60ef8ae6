"""A call of an op is checked by mypy as a call of its function is: its arguments, their types, and the answer."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from tests.support import ROOT

_SNIPPET = """
from typing_extensions import assert_type
from sesh.ops import enter, sessions, views
from sesh.reach.caller import Caller
from sesh.reach.op import Entered
from sesh.reach.target import Target
from sesh.schema import Status

target = Target(Caller())
assert_type(target.call(views.status, name="x"), Status)
assert_type(target.call(views.status, "x"), Status)
assert_type(target.enter(enter.attach, name="x"), Entered)
assert_type(target.call(sessions.there, name="x"), Status)  # [assert-type]
target.call(views.status, nam="x")  # [call-arg]
target.call(views.status, name=5)  # [arg-type]
target.call(views.status)  # [call-arg]
target.call(sessions._summary, name="x")  # [arg-type]
target.enter(sessions.there, name="x")  # [arg-type]
"""


def test_mypy_knows_what_an_op_takes_and_answers(tmp_path: Path) -> None:
    path = tmp_path / "snippet.py"
    path.write_text(_SNIPPET, encoding="utf-8")
    cache = os.path.join(ROOT, ".mypy_cache")
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--cache-dir", cache, str(path)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    said = re.findall(r"snippet\.py:(\d+): error: .*(\[[\w-]+\])$", done.stdout, re.MULTILINE)
    lines = enumerate(_SNIPPET.split("\n"), 1)
    wrong = [(str(at), line.rpartition("# ")[2]) for at, line in lines if line.endswith("]") and "# [" in line]
    assert said == wrong, done.stdout + done.stderr
