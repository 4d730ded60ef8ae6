"""Each regular expression of the product takes time in proportion to its input."""

from __future__ import annotations

import subprocess
import sys

from tests.support import ROOT


def test_every_pattern_takes_time_in_proportion() -> None:
    """The patterns are tried in another process, because it loads all of the product."""
    words = [sys.executable, "-m", "tests.fuzz.patterns"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=True)
    tried, *slow = done.stdout.splitlines()
    assert int(tried) > 50, "the patterns of the product are found"
    assert slow == [], (
        "a pattern takes time in proportion to its input: no repeat within a repeat of the same characters"
    )
