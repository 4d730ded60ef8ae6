"""The word for what a process hands down: the same for equals, another one for whoever differs."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from sesh import platform

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TELL = [sys.executable, "-c", "from sesh.daemon.spawn.zygote import surroundings; print(surroundings())"]

pytestmark = pytest.mark.skipif(not platform.LINUX, reason="other systems do not tell")


def told(*before: str, **env: str) -> str:
    """The word of a process that is started behind these words."""
    words = [*before, *TELL]
    done = subprocess.run(words, cwd=ROOT, env={**os.environ, **env}, capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_equals_have_the_same_word_whatever_their_environment() -> None:
    assert len(told()) == 40
    assert told(HOME="/elsewhere", TERM="dumb") == told()


@pytest.mark.parametrize(
    "before",
    [("sh", "-c", 'ulimit -n 99; exec "$@"', "sh"), ("sh", "-c", 'ulimit -f 4096; exec "$@"', "sh"), ("nice",)],
)
def test_limits_and_priority_make_another_one(before: tuple[str, ...]) -> None:
    assert told(*before) != told()
