"""Load the settings of hypothesis."""

from __future__ import annotations

from tests.support import examples

examples.load()
