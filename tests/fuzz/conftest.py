"""How examples are looked for."""

from __future__ import annotations

from tests.support import examples

examples.load()
