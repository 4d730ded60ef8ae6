"""All targets."""

from __future__ import annotations

from tests.fuzz import bridges, files, frames, keys, steps, terminals

TARGETS = {target.name: target for part in (terminals, steps, frames, bridges, keys, files) for target in part.TARGETS}
