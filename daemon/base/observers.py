"""Calls to parts of a session that are built later than the caller."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Generic, TypeVar

from sesh.daemon.base.faults import FaultLog

if TYPE_CHECKING:
    from typing_extensions import ParamSpec
else:
    ParamSpec = TypeVar  # Python 3.9 has no other; only mypy looks closer

Arguments = ParamSpec("Arguments")


class Observers(Generic[Arguments]):
    """The functions to call when something happens, in order; a fault stops no other."""

    def __init__(self) -> None:
        self._functions: tuple[Callable[Arguments, object], ...] = ()
        self._faults: FaultLog  # comes with the functions

    def connect(self, faults: FaultLog, *functions: Callable[Arguments, object]) -> None:
        self._faults = faults
        self._functions = functions

    def __call__(self, *args: Arguments.args, **kwargs: Arguments.kwargs) -> None:
        for function in self._functions:
            try:
                function(*args, **kwargs)
            except Exception as error:
                self._faults.note("a fault in an observer", error)
