"""What bytes cost: the processor time of a call on inputs of doubling length.

A person's loop is held up by what one call takes, so a call must take time in proportion to its bytes. A look goes from
short inputs to long ones and stops at the first that costs too much; only what further looks see too is reported.
"""

from __future__ import annotations

import gc
import math
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TypeVar

T = TypeVar("T", bytes, str)

LONGEST = 64 << 10
"""Bytes of the longest input: what a daemon takes at once."""
SHORTEST = 16
MOST_SECONDS = 0.1
"""Seconds that an input of `LONGEST` may take."""
_REFERENCE = 0.035
"""Seconds that `_slowness` takes on the machine for which the bounds were set."""
MOST_GROWTH = 2.5
"""How much longer an input of twice the length may take."""
_MEASURABLE = 0.02
"""Seconds for the longest input up to which it does not matter how the cost grows."""
_GIVEN_UP = 4
"""A call is interrupted after this many times what it may take: no accident."""
_INTERRUPTED = "seconds"
"""What is said of a call that was interrupted."""
_ROUNDS = (1, 2, 3)
"""Calls of which the best counts, in each look: only what every look sees is reported."""
_FIRST, _SECOND = 1 << 10, 1 << 11
"""Bytes of the inputs by which those are chosen that are looked at in full."""
_SUSPECT = 0.00015
"""Seconds that the second takes at least where the cost grows too fast."""
_DEAREST = 2
"""Inputs that are looked at in full although nothing is suspect."""

Make = Callable[[int], T]
"""Gives an input of a length."""


class TooLong(BaseException):
    """A call was interrupted. No `Exception`, as that is what an emulator survives."""


@contextmanager
def measuring() -> Iterator[None]:
    """Within it `seconds` interrupts what takes too long, and no garbage of others is collected. Main thread only."""

    def interrupt(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGVTALRM, interrupt)
    gc.freeze()  # for good, as after the collection of tests
    try:
        yield
    finally:
        signal.signal(signal.SIGVTALRM, before)


def seconds(call: Callable[[T], object], data: T, most: float = MOST_SECONDS) -> float:
    """The processor time of a call that may take `most`; infinite where it was interrupted."""
    signal.setitimer(signal.ITIMER_VIRTUAL, _GIVEN_UP * most)
    began = time.thread_time()
    try:
        call(data)
        return time.thread_time() - began
    except TooLong:
        return math.inf
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)


def best(call: Callable[[T], object], data: T, rounds: int = 3, most: float = MOST_SECONDS) -> float:
    """The least processor time of a few calls, of one alone where it was interrupted."""
    least = seconds(call, data, most)
    for _ in range(rounds - 1):
        if least < math.inf:
            least = min(least, seconds(call, data, most))
    return least


def first_excess(
    call: Callable[[T], object], inputs: Mapping[str, Make[T]], longest: int = LONGEST, most: float = MOST_SECONDS
) -> str | None:
    """The first of some inputs, by name, on which a call costs too much, and how; None where there is none.

    Short ones tell which are worth the full look.
    """
    second = min(_SECOND, longest)
    certain = most * second / longest
    times: list[tuple[float, str]] = []
    for name, make in inputs.items():
        times.append((seconds(call, make(second), most), name))
        spent = times[-1][0]
        if spent <= _SUSPECT:
            continue
        suspect = spent > certain or spent > MOST_GROWTH * seconds(call, make(min(_FIRST, second // 2)), most)
        if suspect and (said := excess(call, make, longest, most)) is not None:
            return f"{name}: {said}"
    for _, name in sorted(times, reverse=True)[:_DEAREST]:
        if (said := excess(call, inputs[name], longest, most)) is not None:
            return f"{name}: {said}"
    return None


def excess(
    call: Callable[[T], object], make: Make[T], longest: int = LONGEST, most: float = MOST_SECONDS
) -> str | None:
    """How a call costs too much on inputs of doubling length; None where it does not, or not again. `most`: seconds
    for the longest."""
    said = None
    for rounds in _ROUNDS:
        said = _look(call, make, longest, most, rounds)
        if said is None or said.endswith(_INTERRUPTED):
            return said
    return said


def _look(call: Callable[[T], object], make: Make[T], longest: int, most: float, rounds: int) -> str | None:
    times: list[float] = []
    size = SHORTEST
    while size <= longest:
        times.append(best(call, make(size), rounds, most))
        if times[-1] > most and times[-1] > most * _slowness():
            return f"{size} bytes take {_text(times[-1])}"
        size *= 2
    # One doubling alone may fall where a buffer grows.
    grows = times[-1] > MOST_GROWTH * times[-2] and times[-1] > MOST_GROWTH**2 * times[-3]
    if times[-1] > _MEASURABLE and grows:
        steps = ", ".join(map(_text, times[-3:]))
        return f"the last doublings up to {size // 2} bytes take {steps}"
    return None


def _slowness() -> float:
    """How many times slower this machine is now than the one for which the bounds were set; 1 if it is not."""
    began = time.thread_time()
    table = {}
    for at in range(1 << 18):
        table[at & 255] = bytes((at & 127,))
    return max(1.0, (time.thread_time() - began) / _REFERENCE)


def _text(spent: float) -> str:
    return _INTERRUPTED if spent == math.inf else f"{spent * 1000:.1f} ms"


def repeated(word: T, head: T, tail: T) -> Make[T]:
    """Inputs of a length, or somewhat less: a word again and again, between a head and a tail."""

    def make(size: int) -> T:
        return head + word * ((size - len(head) - len(tail)) // len(word)) + tail

    return make
