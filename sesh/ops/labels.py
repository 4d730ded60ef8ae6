"""Labels, by which lists are filtered and sessions chosen."""

from __future__ import annotations

from sesh.about import SESH
from sesh.errors import NotFound
from sesh.schema import Summary


def has_labels(session: Summary, labels: dict[str, str]) -> bool:
    """Return whether a session has all of these labels."""
    return labels.items() <= (session.get("labels") or {}).items()


def unlabelled(labels: dict[str, str], kind: str = "session") -> NotFound:
    """Return the error if no session has these labels."""
    words = " and ".join(map("=".join, labels.items()))
    return NotFound(f"no {kind} has the label {words}", hint=f"see: {SESH} --list")
