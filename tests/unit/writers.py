"""Processes that write at once."""

from __future__ import annotations

import os
from collections.abc import Callable


def at_once(act: Callable[[str], object], letters: str) -> None:
    """Fork a process for each letter; all act at once, and none may fail."""
    waits, begins = os.pipe()
    children = []
    for letter in letters:
        child = os.fork()
        if not child:
            code = 1
            try:
                os.close(begins)
                os.read(waits, 1)
                act(letter)
                code = 0
            finally:
                os._exit(code)
        children.append(child)
    os.close(waits)
    os.close(begins)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * len(children)
