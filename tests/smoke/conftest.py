"""A host for the tests that show what sesh is."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator

import pytest

from tests.support import Home


@pytest.fixture
def box(home: Home) -> Iterator[Home]:
    """Yield the host `@box`: a second home here, reached by `via` instead of ssh."""
    far = Home()
    home.hosts.append(far)
    way = shlex.join(["env", *(f"{key}={value}" for key, value in far.env.items())])
    home.write(".config/sesh/config.toml", f"[remotes.box]\nvia = {json.dumps(way)}\n")
    yield far
    home.leave()
    far.close()
