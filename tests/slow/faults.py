"""The cells that fail today, by the kind of fault; one that is mended leaves this file."""

from __future__ import annotations

FAULTS: dict[str, list[str]] = {}
"""Cells that fail each time, with many lines, by the kind of fault."""

UNSTEADY: list[str] = []
"""Cells that fail now and then, with many lines: they are played by `python -m tests.slow` alone."""

FAULTS_IN_SHORT: dict[str, list[str]] = {}
"""Cells that fail each time, with as many lines as `make test` prints."""

UNSTEADY_IN_SHORT: list[str] = []
"""Cells of those that fail now and then."""
