"""All targets."""

from __future__ import annotations

from tests.fuzz import bridges, files, frames, keys, terminals

TARGETS = {target.name: target for part in (terminals, frames, bridges, keys, files) for target in part.TARGETS}
