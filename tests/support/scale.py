"""The number of a test's rounds: few, or many where LONG=1 is set."""

from __future__ import annotations

import os
from typing import TypeVar

Amount = TypeVar("Amount")

LONG = os.environ.get("LONG") == "1"


def rounds(few: Amount, many: Amount) -> Amount:
    """Return `few`, or `many` if long tests are wanted."""
    return many if LONG else few
