"""A session whose box takes the steps that a test names, and no other."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from tests.support.home import Home
from tests.support.waiting import wait_until

READY = ("await", "read", "show")
"""The steps by which the box takes what is typed."""
AT_EACH_STEP_OF_A_TEXT = pytest.mark.parametrize(
    "before",
    [
        ["await"],
        pytest.param(["await", "read"], marks=pytest.mark.soak),
        pytest.param([*READY, "await"], marks=pytest.mark.soak),
    ],
    ids=["its text is not read", "its text is not shown", "its Enter is not read"],
)


class Stepper:
    """The session `box`, whose box waits for the steps of a test."""

    def __init__(self, home: Home) -> None:
        self.home = home
        self._proof = home.write("proof", "")
        self._count = 0
        os.mkfifo(f"{home.path}/steps")
        program = [sys.executable, "-IS", os.path.join(os.path.dirname(__file__), "stepper.py")]
        assert home.sesh("open", "box", "--", *program, f"{home.path}/steps", self._proof).code == 0
        self._steps = open(f"{home.path}/steps", "w", buffering=1)

    def takes(self, *steps: str) -> None:
        """Have the box take these steps, and wait until it has."""
        self.may_take(*steps)
        wait_until(lambda: self.is_done, f"the box has taken {steps}", portrait=lambda: "\n".join(self._noted()))

    def may_take(self, *steps: str) -> None:
        """Have the box take these steps, once it has taken those before."""
        self._steps.write("".join(f"{step}\n" for step in steps))
        self._count += len(steps)

    @property
    def is_done(self) -> bool:
        """True if it has taken all its steps."""
        return len(self._noted()) >= self._count

    def _noted(self) -> list[str]:
        return Path(self._proof).read_text().splitlines()

    @property
    def read(self) -> list[str]:
        """What it has read so far."""
        return [step.removeprefix("read ") for step in self._noted() if step.startswith("read ")]

    def close(self) -> None:
        """Have it take no more steps."""
        self._steps.close()
