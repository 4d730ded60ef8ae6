"""A machine that is busy with something else."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def loaded(each: int = 1) -> Iterator[None]:
    """Keep each processor busy with `each` processes."""
    words = [sys.executable, "-ISc", "while True: pass"]
    busy = [subprocess.Popen(words) for _ in range(each * (os.cpu_count() or 1))]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()
