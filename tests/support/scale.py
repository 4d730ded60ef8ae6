"""How much a test does: few rounds and values, or many where LONG=1 is set or the soak runs."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import Any, TypeVar

import pytest

Amount = TypeVar("Amount")

LONG = os.environ.get("LONG") == "1"


def rounds(few: Amount, many: Amount) -> Amount:
    """Return `few`, or `many` if long tests are wanted."""
    return many if LONG else few


def first(count: int, values: Iterable[Any]) -> list[Any]:
    """Return the values of a parameter, of which `make test` has the first ones, and the soak the others."""
    return [value if number < count else _soak(value) for number, value in enumerate(values)]


def _soak(value: Any) -> Any:
    return pytest.param(*(value if isinstance(value, tuple) else (value,)), marks=pytest.mark.soak)
