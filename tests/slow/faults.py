"""The cells that fail today, by the kind of fault; one that is mended leaves this file."""

from __future__ import annotations

FAULTS: dict[str, list[str]] = {}
"""Cells that fail each time, with many lines, by the kind of fault."""

UNSTEADY = [
    "here-stopped-1s-larger",
    "here-stopped-5s-larger",
    "here-fast-smaller",
    "here-1MB/s-smaller",
    "here-stopped-5s-smaller",
    "here-stopped-5s-left",
    "here-fast-left-replay-all",
    "here-stopped-5s-left-replay-all",
    "here-fast-second",
    "here-1MB/s-second",
    "link-fast-alone",
    "link-1MB/s-alone",
    "link-stopped-1s-alone",
    "link-stopped-5s-alone",
    "link-fast-resized",
    "link-1MB/s-resized",
    "link-stopped-1s-resized",
    "link-stopped-5s-resized",
    "link-fast-larger",
    "link-stopped-5s-larger",
    "link-fast-smaller",
    "link-1MB/s-smaller",
    "link-stopped-1s-smaller",
    "link-stopped-5s-smaller",
    "link-fast-redraw",
    "link-1MB/s-redraw",
    "link-stopped-5s-redraw",
    "link-fast-cut-150KB",
    "link-1MB/s-cut-150KB",
    "link-stopped-1s-cut-150KB",
    "link-stopped-5s-cut-150KB",
    "link-fast-cut-long",
    "link-1MB/s-cut-long",
    "link-stopped-1s-cut-long",
]
"""Cells that fail now and then, with many lines: they are played by `python -m tests.slow` alone."""

FAULTS_IN_SHORT: dict[str, list[str]] = {
    "what was left out is counted from before what the terminal has taken": ["here-fast-second"],
}
"""Cells that fail each time, with as many lines as `make test` prints."""

UNSTEADY_IN_SHORT = [
    "here-stopped-1s-larger",
    "link-1MB/s-alone",
    "link-1MB/s-resized",
    "link-fast-cut-150KB",
    "link-fast-cut-long",
]
"""Cells of those that fail now and then."""
