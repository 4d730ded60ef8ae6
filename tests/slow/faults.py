"""The cells that fail today, by the kind of fault; one that is mended leaves this file."""

from __future__ import annotations

_REPLACED = "a screen that replaces output does not bring all lines that the terminal lacks"
_UNSAID = "lines are left out, and nothing says how many"
_STARVED = "a client that is owed a screen gets nothing until the emulator has caught up"

FAULTS: dict[str, list[str]] = {}
"""Cells that fail each time, with many lines."""

UNSTEADY: list[str] = []
"""Cells that fail now and then, with many lines: they are played by `python -m tests.slow` alone."""

FAULTS_IN_SHORT = {
    _REPLACED: [
        "here-1MB/s-resized",
        "here-stopped-1s-larger",
        "here-stopped-1s-redraw",
        "link-1MB/s-resized",
    ],
    _UNSAID: ["here-stopped-1s-left", "here-stopped-1s-spectator", "here-fast-second"],
    _STARVED: ["here-1MB/s-larger-alignments"],
}
"""Cells that fail each time, with as many lines as `make test` prints."""

UNSTEADY_IN_SHORT = ["here-1MB/s-reload", "link-1MB/s-alone", "link-fast-cut-150KB", "link-fast-cut-long"]
"""Cells of those that fail now and then."""
