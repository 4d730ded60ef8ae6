"""How hypothesis looks for examples. What starts many processes imports none of it: each fork would copy it."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.support.scale import rounds


def load() -> None:
    """Set no deadline, as machines that run tests are slow at times; in CI, take the same examples in every run."""
    health = [HealthCheck.too_slow]
    settings.register_profile(
        "default", max_examples=rounds(40, 1000), deadline=None, suppress_health_check=health, print_blob=True
    )
    settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
    settings.load_profile("ci" if os.environ.get("CI") else "default")
