"""What the command line loads: nothing heavy before a session shows or a job runs."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = ["typer", "rich", "pydantic", "fabric", "pyte", "asyncio", "dataclasses", "typing", "logging", "subprocess"]


@pytest.mark.parametrize("module", ["run", "enter", "job", "look", "end"])
def test_the_verbs_that_start_fast_load_nothing_heavy(module: str) -> None:
    code = f"import sys, sesh.cli.main, sesh.cli.{module}; print(*[m for m in {HEAVY} if m in sys.modules])"
    run = subprocess.run(
        [sys.executable, "-I", "-S", "-c", f"import sys; sys.path[:0] = {sys.path!r}; {code}"],
        capture_output=True,
        text=True,
        check=True,
        timeout=20,
    )
    assert run.stdout.strip() == ""


@pytest.mark.parametrize("argv", [["--list"], ["--exec", "--nonsense"], ["a/b"], ["--version"]])
def test_typer_loads_only_where_words_are_not_plainly_right(argv: list[str]) -> None:
    code = f"import sys; sys.argv = ['sesh', *{argv!r}]; from sesh.__main__ import main; main(); "
    code += "print('typer' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=20)
    assert run.stdout.split()[-1] == str("--nonsense" in argv)
