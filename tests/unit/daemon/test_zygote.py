"""The fingerprint of what a process hands down to its children: equal for equal ones, and only for those."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sesh import platform
from tests.support import ROOT

PRINT = [sys.executable, "-c", "from sesh.daemon.spawn.zygote import fingerprint; print(fingerprint())"]

pytestmark = pytest.mark.skipif(not platform.LINUX, reason="there is no zygote here")


def fingerprint(*before: str, **env: str) -> str:
    """That of a process that is started behind these words."""
    words = [*before, *PRINT]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_it_is_equal_whatever_the_environment() -> None:
    assert len(fingerprint()) == 40
    assert fingerprint(HOME="/elsewhere", TERM="dumb") == fingerprint()


@pytest.mark.parametrize(
    "before",
    [("sh", "-c", 'ulimit -n 99; exec "$@"', "sh"), ("sh", "-c", 'ulimit -f 4096; exec "$@"', "sh"), ("nice",)],
)
def test_it_differs_where_limits_or_priority_do(before: tuple[str, ...]) -> None:
    assert fingerprint(*before) != fingerprint()
