"""Calls from one part of a session to parts that are built after it, and that it does not know."""

from __future__ import annotations

from collections.abc import Callable
from typing import Generic, ParamSpec

Arguments = ParamSpec("Arguments")


class Observers(Generic[Arguments]):
    """The functions to call when something happens, in the order in which they were added."""

    def __init__(self) -> None:
        self._functions: list[Callable[Arguments, object]] = []

    def add(self, *functions: Callable[Arguments, object]) -> None:
        self._functions += functions

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        for function in self._functions:
            function(*args, **kwargs)
