"""What the command line loads: nothing heavy before a session shows, a job runs, or a list is printed."""

from __future__ import annotations

import re
import subprocess
import sys

import pytest

from tests.support import Home

HEAVY = [
    "asyncio", "dataclasses", "fabric", "logging", "pydantic", "pyte", "rich", "socket", "subprocess", "threading",
    "typer", "typing",
]  # fmt: skip
REPORT = f"""
import sys
sys.path[:0] = {sys.path!r}
from sesh.__main__ import main
code = main()
print("heavy:", *[module for module in {HEAVY} if module in sys.modules], file=sys.stderr)
sys.exit(code)
"""

EACH = f"""
import os, sys
sys.path[:0] = {sys.path!r}
from sesh.cli.verbs import VERBS
for verb in VERBS:
    child = os.fork()
    if child == 0:
        verb.function()
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        print(verb.name)
"""


def test_every_verb_loads_where_nothing_is_loaded_yet(home: Home) -> None:
    """Other tests start sesh in a process that has loaded most of it (`support/warm.py`)."""
    words = [sys.executable, "-IS", "-c", EACH]
    done = subprocess.run(words, env=home.env, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.fixture
def reporting(home: Home) -> Home:
    """A home whose command starts as the installed one does, and says at its end what it has loaded."""
    home.command = [sys.executable, "-IS", "-c", REPORT]
    return home


def test_the_verbs_that_start_fast_load_nothing_heavy(reporting: Home) -> None:
    command_lines = [
        ["--open", "work", "--", "cat"], ["--list"], ["--list", "--json"], ["--status", "work"],
        ["--send", "work", "x", "--enter"], ["--wait", "work", "--idle", "0.1"], ["--screen", "work"],
        ["--logs", "work", "5"], ["--detach", "work"], ["--exec", "--", "true"], ["--kill", "work"], ["--version"],
        ["a/b"],
    ]  # fmt: skip
    loaded = {tuple(words): reporting.sesh(*words).stderr.splitlines()[-1] for words in command_lines}
    assert {words: line for words, line in loaded.items() if line != "heavy:"} == {}


def test_attaching_loads_nothing_heavy(reporting: Home) -> None:
    screen = reporting.terminal("work", "--", "sh", "-c", "echo ready; exec cat")
    screen.wait_for("ready")
    screen.type(b"\x1c")
    assert screen.wait_for(re.compile(r"heavy:.*"))[0].rstrip() == "heavy:"


def test_typer_loads_where_the_words_may_be_wrong(reporting: Home) -> None:
    assert "typer" in reporting.sesh("--exec", "--nonsense").stderr.splitlines()[-1]
