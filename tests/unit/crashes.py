"""A process that is killed between two changes of a directory."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from typing import Any


def killed_before_change(number: int, act: Callable[[], object]) -> bool:
    """Call `act` in a child, which is killed before its change of that number; return whether it was killed."""
    child = os.fork()
    if not child:
        changes = [0]

        def counted(change: Callable[..., Any]) -> Callable[..., Any]:
            def changed(*arguments: Any, **words: Any) -> Any:
                changes[0] += 1
                if changes[0] == number:
                    os.kill(os.getpid(), signal.SIGKILL)
                return change(*arguments, **words)

            return changed

        os.rename, os.replace, os.unlink = counted(os.rename), counted(os.replace), counted(os.unlink)
        try:
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])
