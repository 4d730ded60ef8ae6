"""Calls to machines, each in a thread, so that a hanging host delays no key."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sesh import reach, wording
from sesh.errors import SeshError
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from sesh.workers import Stop, Workers

Handler = Callable[[Any, str], None]  # takes the result of a call, and its error in one line, empty for none


class Calls:
    """Makes calls in threads; when `inbound` is readable, `take` handles the results.

    Closing waits for no call.
    """

    def __init__(self) -> None:
        self._workers: Workers[Handler, Any] = Workers()
        self.inbound = self._workers.inbound

    def __enter__(self) -> Calls:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()

    def begin(self, host: str | None, call: Callable[[Target], Any], handler: Handler) -> None:
        """Call `call` with the target in a thread; later `take` calls the handler.

        The call cannot ask a person. The handler must be a new function for each call, because it identifies the call.
        """

        def work(stop: Stop) -> Iterator[Any]:
            yield call(reach.target_of(Caller(stop), host))

        self._workers.begin(handler, work)

    def take(self) -> None:
        for handler, result in self._workers.take():
            if isinstance(result, SeshError):
                handler(None, wording.one_line(str(result)))
            else:
                handler(result, "")
