"""The cells that fail today, by the kind of fault; one that is mended leaves this file."""

from __future__ import annotations

FAULTS: dict[str, list[str]] = {}
"""Cells that fail each time, by the kind of fault."""

FAULTS_IN_SHORT: dict[str, list[str]] = {}
"""Cells that fail each time with few steps, too."""
