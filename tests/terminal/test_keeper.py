"""examples/agents/keeper.py with sessions that ask, a shell, and jobs that fail."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.support import ROOT, Home, says_who_reads, wait_until

_ASKS = 'log=$1; shift; for asked; do printf "%s? " "$asked"; read x; echo "$asked=$x" >>"$log"; done'
_FAILS = 'n=$(cat "$1" 2>/dev/null || echo 0); echo $((n + 1)) >"$1"; [ "$n" -ge "$2" ]'
TEST, PUSH = "may I run: make test", "may I push to main"


def opened(home: Home) -> None:
    """Open six sessions with the label, and one without, which keeper.py must not answer."""
    asks = ["sh", "-c", _ASKS, "sh"]
    programs: dict[str, list[str]] = {
        "asks": [*asks, "asks", TEST, "may I run: cargo test"],
        "push-1": [*asks, "push-1", TEST, PUSH],
        "push-2": [*asks, "push-2", PUSH],
        "fails": ["sh", "-c", _FAILS, "sh", "fails", "1"],
        "broken": ["sh", "-c", _FAILS, "sh", "broken", "99"],
        "shell": [],
    }
    for name, command in programs.items():
        tail = ["--", *command] if command else []
        assert home.sesh("open", name, home.path, "--label", "team=mine", *tail).code == 0
    home.sesh("open", "other", home.path, "--", *asks, "other", TEST)


def written(home: Home, name: str) -> str:
    try:
        with open(os.path.join(home.path, name), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return ""


@pytest.mark.soak
@says_who_reads
def test_sessions_are_looked_after_in_forty_lines(home: Home) -> None:
    keeper = os.path.join(ROOT, "examples/agents/keeper.py")
    with open(keeper, encoding="utf-8") as file:
        code = file.read().partition('"""\n\n')[2]
    assert len([line for line in code.splitlines() if line.strip()]) <= 40
    opened(home)
    home.sesh("wait", "fails", "--exit", "--timeout", "30")  # a job that failed earlier is started again too
    with (
        open(os.path.join(home.path, "said"), "w", encoding="utf-8") as said,
        subprocess.Popen(
            [sys.executable, keeper, "team=mine"],
            env={**home.env, "PYTHONPATH": ROOT, "RESTARTS": "1"},
            cwd=home.path,
            stdout=said,
            stderr=subprocess.STDOUT,
        ) as process,
    ):

        def tells(*lines: str) -> None:
            wait_until(
                lambda: set(lines) <= set(written(home, "said").splitlines()),
                f"the keeper has said {lines}",
                timeout=40,
                portrait=lambda: written(home, "said"),
            )

        try:
            tells("asks has ended", "fails has ended")
            tells("broken needs you: it fails again and again", *(f"push-{n} needs you: {PUSH}?" for n in (1, 2)))
            for name in ("push-1", "push-2"):
                home.sesh("send", name, "n", "--enter", "--question", PUSH)
            home.sesh("kill", "shell")
            tells("push-1 has ended", "push-2 has ended", "shell has ended")
            assert process.wait(30) == 0
        finally:
            process.kill()
    assert written(home, "asks") == f"{TEST}=y\nmay I run: cargo test=y\n"
    assert (written(home, "push-1"), written(home, "push-2")) == (f"{TEST}=y\n{PUSH}=n\n", f"{PUSH}=n\n")
    assert (written(home, "fails"), written(home, "broken")) == ("2\n", "2\n")
    assert written(home, "said").count(" failed and runs again") == 1 + 1
    assert written(home, "said").count(" needs you: ") == 3
    assert written(home, "other") == ""
