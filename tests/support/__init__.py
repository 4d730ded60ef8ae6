"""The harness of tests that run sesh for real: a home, a terminal, bounded waiting."""

from collections.abc import Callable

from tests.support.glass import Glass
from tests.support.home import PROMPT, Home, Result
from tests.support.scale import first, rounds
from tests.support.terminal import Terminal
from tests.support.tools import ROOT, find, need, says_who_reads
from tests.support.waiting import wait_until

Sesh = Callable[..., Result]
Open = Callable[..., Terminal]

__all__ = [
    "PROMPT",
    "ROOT",
    "Glass",
    "Home",
    "Open",
    "Result",
    "Sesh",
    "Terminal",
    "find",
    "first",
    "need",
    "rounds",
    "says_who_reads",
    "wait_until",
]
