"""If memory runs out, the kernel kills the program before its daemon."""

from __future__ import annotations

import os
import sys

import pytest

from tests.support import Home


def score(pid: int) -> int:
    with open(f"/proc/{pid}/oom_score_adj", encoding="ascii") as file:
        return int(file.read())


def wish(score: int) -> None:
    with open("/proc/self/oom_score_adj", "w", encoding="ascii") as file:
        file.write(str(score))


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="scores are Linux's")
def test_the_kernel_would_end_the_program_before_its_daemon(home: Home) -> None:
    """The daemon keeps its creator's OOM score, and the program gets 100 more."""
    before = score(os.getpid())
    own = before + 100
    try:
        wish(own)  # for all that is started here
        home.sesh("--open", "work")
    finally:
        wish(before)
    status = home.summary("work")
    assert (score(status["daemon_pid"]), score(status["pid"])) == (own, own + 100)
    inside = home.sesh("--run", "work", "--", "sesh --open nested")
    assert inside.code == 0, inside.stderr
    nested = home.summary("nested")
    assert score(nested["pid"]) == score(status["pid"]), "it does not add up from session to session"
    assert score(nested["daemon_pid"]) == score(status["daemon_pid"])
