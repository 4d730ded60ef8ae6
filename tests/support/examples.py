"""How hypothesis looks for examples. What starts many processes imports none of it: each fork would copy it."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, settings


def load() -> None:
    """Set no deadline, as machines that run tests are slow at times; in CI, take the same examples in every run."""
    settings.register_profile("default", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True)
    settings.register_profile("ci", settings.get_profile("default"), derandomize=True)
    settings.load_profile("ci" if os.environ.get("CI") else "default")
