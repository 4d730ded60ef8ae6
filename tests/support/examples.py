"""Settings of hypothesis, which tests with many processes must not import: forks copy it."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings

from tests.support.scale import rounds


def load() -> None:
    """Load settings: no deadline on slow machines, and the same examples in CI."""
    health = [HealthCheck.too_slow]
    settings.register_profile(
        "default", max_examples=rounds(20, 1000), deadline=None, suppress_health_check=health, print_blob=True
    )
    settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
    settings.load_profile("ci" if os.environ.get("CI") else "default")
