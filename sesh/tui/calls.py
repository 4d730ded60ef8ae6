"""Calls to the machines of the board, each in a thread: a host that hangs keeps no key waiting."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from sesh import reach, wording
from sesh.errors import SeshError
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from sesh.reach.workers import Workers
from sesh.stop import Stop

Outcome = Callable[[Any, str], None]
"""Gets the answer of a call, and the error in one line, empty for none."""


class Calls:
    """Calls whose outcomes one thread takes. A context manager, whose exit waits for no answer.

    Wait for `inbound` to be readable, then call `take`.
    """

    def __init__(self) -> None:
        self._workers: Workers[Outcome, Any] = Workers()
        self.inbound = self._workers.inbound

    def __enter__(self) -> Calls:
        return self

    def __exit__(self, *_: object) -> None:
        self._workers.close()

    def begin(self, host: str | None, call: Callable[[Target], Any], outcome: Outcome) -> None:
        """Have a thread call `call` with a machine, where no person is asked; `take` gives its outcome, once.

        `outcome`: another object for each call.
        """

        def carry_out(_stop: Stop) -> Iterator[Any]:
            yield call(reach.target_of(Caller(), host))

        self._workers.begin(outcome, carry_out)

    def take(self) -> None:
        """Report the outcomes that have come."""
        for outcome, answer in self._workers.take():
            if isinstance(answer, SeshError):
                outcome(None, wording.one_line(str(answer)))
            else:
                outcome(answer, "")
