"""Calls to machines, each in a thread, so that a hanging host delays no key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, Optional

from sesh.errors import SeshError
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from sesh.system.workers import Stop, Workers
from sesh.text import safe

Handler = Callable[[Any, str], None]  # takes the result of a call, and its error in one line, empty for none


class Calls(Workers[Handler, Any]):
    """Makes calls in threads; when `inbound` is readable, `handle` hands their results over.

    `target_of`: returns the target for a caller and a host.
    """

    def __init__(self, target_of: Callable[[Caller, Optional[str]], Target]) -> None:
        super().__init__()
        self._target_of = target_of

    def call(self, host: str | None, call: Callable[[Target], Any], handler: Handler) -> None:
        """Call `call` with the target in a thread.

        The call cannot ask a person. The handler must be a new function for each call, because it identifies the call.
        """

        def work(stop: Stop) -> Iterator[Any]:
            yield call(self._target_of(Caller(stop), host))

        self.begin(handler, work)

    def handle(self) -> None:
        for handler, result in self.take():
            if isinstance(result, SeshError):
                handler(None, safe.one_line(str(result)))
            else:
                handler(result, "")
