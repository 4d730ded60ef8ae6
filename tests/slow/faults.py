"""The cells that fail today, by the kind of fault; one that is mended leaves this file."""

from __future__ import annotations

FAULTS: dict[str, list[str]] = {}
"""Cells that fail each time, with many lines, by the kind of fault."""

UNSTEADY = [
    "link-1MB/s-resized",  # 6 lines come twice
    "link-fast-cut-150KB",  # the line under sesh's own line is lost
    "link-1MB/s-cut-150KB",
    "link-stopped-1s-cut-150KB",
    "link-stopped-5s-cut-150KB",
]
"""Cells that fail now and then, with many lines: they are played by `python -m tests.slow` alone."""

FAULTS_IN_SHORT: dict[str, list[str]] = {}
"""Cells that fail each time, with as many lines as `make test` prints."""

UNSTEADY_IN_SHORT = ["link-1MB/s-resized", "link-fast-cut-150KB", "here-stopped-1s-left"]
"""Cells of those that fail now and then."""
