"""Where targets run that touch files or start processes: a home of their own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager

from tests.support import Home


@contextmanager
def own_home() -> Iterator[Home]:
    """A home that this very process has too, environment and directory, until it is closed."""
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
