"""`python -m tests.fuzz.patterns` prints the patterns that take too long on some text."""

from __future__ import annotations

import gc
import importlib
import itertools
import re
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.house.source import modules

_SIZE = 8 << 10
_SECONDS = 0.5
"""Processor time for a text of `_SIZE` bytes: a hundred times that of a pattern that takes linear time."""


class TooLong(BaseException):
    """A call was interrupted. It is no `Exception`, because an emulator survives those."""


@contextmanager
def bounded(seconds: float = _SECONDS) -> Iterator[None]:
    """Raise TooLong in the block once it has taken so much of the processor.

    The collector waits meanwhile: the garbage of earlier tests is not the block's, and TooLong would be lost in it.
    """

    def interrupt(*_: object) -> None:
        raise TooLong

    before = signal.signal(signal.SIGVTALRM, interrupt)
    gc.disable()
    signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        gc.enable()
        signal.signal(signal.SIGVTALRM, before)


def patterns() -> dict[str, re.Pattern[Any]]:
    """Return the patterns of the product, by their place."""
    found: dict[str, re.Pattern[Any]] = {}
    for module in modules():
        for name, value in vars(importlib.import_module(module.name)).items():
            if isinstance(value, re.Pattern):
                found.setdefault(f"{module.path}: {name}", value)
    return found


def texts(pattern: re.Pattern[Any]) -> Iterator[Any]:
    """Yield texts on which a pattern may be slow."""
    text = isinstance(pattern.pattern, str)
    letters = sorted({*re.sub(r"\\.|[\[\](){}?*+|^$.]", "", str(pattern.pattern))[:300], "a", "0", " ", "\x1b", "\n"})
    words = [*letters[:16], *map("".join, itertools.permutations(letters[-3:], 2))]
    for word, head in itertools.product(words, ("", "\x1b]")):
        data = head + word * (_SIZE // len(word)) + "\x00!"
        yield data if text else data.encode()


def main() -> None:
    """Print the number of patterns, and a line for each slow one."""
    found = patterns()
    used: dict[str, set[str]] = {}
    for module in modules():
        for name, method in re.findall(r"(\w+)\.(match|fullmatch|search|finditer|findall|sub|split)\b", module.text):
            used.setdefault(name, set()).add(method)
    print(len(found))
    for place, pattern in found.items():
        methods = used.get(place.rpartition(" ")[2], set())
        for data in texts(pattern):
            try:
                with bounded():
                    if methods & {"finditer", "findall", "sub", "split"}:
                        list(pattern.finditer(data))
                    elif "search" in methods or not methods:
                        pattern.search(data)
                    else:
                        pattern.match(data)
            except TooLong:
                print(f"{place}: {data[:20]!r}…")
                break


if __name__ == "__main__":
    main()
