"""All targets."""

from __future__ import annotations

from tests.fuzz import bridges, casts, costs, files, frames, keys, terminals

TARGETS = {
    target.name: target for part in (terminals, frames, bridges, keys, files, casts, costs) for target in part.TARGETS
}
