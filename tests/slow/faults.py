"""The cells that fail today, by the kind of fault; one that is mended leaves this file."""

from __future__ import annotations

UNSTEADY: list[str] = []
"""Cells that fail now and then: they are played by `python -m tests.slow` alone."""

FAULTS: dict[str, list[str]] = {}
"""Cells that fail each time, with many lines."""

FAULTS_IN_SHORT: dict[str, list[str]] = {}
"""Cells that fail each time, with as many lines as `make test` prints."""
