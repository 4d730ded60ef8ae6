"""The umask of the tests' process."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def masked(mask: int) -> Iterator[None]:
    """Set the umask within the block."""
    before = os.umask(mask)
    try:
        yield
    finally:
        os.umask(before)
