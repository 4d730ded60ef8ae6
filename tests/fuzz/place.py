"""A home of its own for each target that touches files or starts processes."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import Home


@contextmanager
def own_home() -> Iterator[Home]:
    """Yield a home, and give this process its environment and directory within the block."""
    before, directory = dict(os.environ), os.getcwd()
    home = Home()
    home.strict = False
    try:
        os.environ.clear()
        os.environ.update(home.env)
        os.chdir(home.path)
        yield home
    finally:
        os.chdir(directory)
        os.environ.clear()
        os.environ.update(before)
        home.close()
