"""Programs that a client runs as its children.

Daemons do not import this module: `subprocess` imports `threading`, which runs code after each fork, and so would give
each daemon 0.3 MiB of its own.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from typing import Any

from sesh.programs import environment


def start(argv: Sequence[str], *, env: Mapping[str, str], **options: Any) -> subprocess.Popen[bytes]:
    """Start a program with Popen."""
    return subprocess.Popen(argv, env=env, **options)


def run(argv: Sequence[str], timeout: float) -> subprocess.CompletedProcess[bytes]:
    """Run a program without stdin; return its code and output. Raises OSError, and TimeoutExpired after killing it."""
    return subprocess.run(
        argv, stdin=subprocess.DEVNULL, capture_output=True, env=environment(), timeout=timeout, check=False
    )


def printed(*words: str, timeout: float) -> str | None:
    """Run a program; return its stdout, else its stderr; None if it cannot be run or exceeds `timeout`."""
    try:
        done = run(words, timeout)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(done.stdout or done.stderr)
