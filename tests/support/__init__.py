"""The harness of tests that run sesh for real: a home, a terminal, bounded waiting."""

from tests.support.glass import Glass
from tests.support.home import PROMPT, Home, Result
from tests.support.scale import rounds
from tests.support.terminal import Terminal
from tests.support.tools import ROOT, find, need
from tests.support.waiting import wait_until

__all__ = ["PROMPT", "ROOT", "Glass", "Home", "Result", "Terminal", "find", "need", "rounds", "wait_until"]
