"""`--bridge`, which sesh on another host runs over ssh."""

from __future__ import annotations

from sesh.bridge.bridge import serve
from sesh.cli.invocation import Invocation


def bridge(_: Invocation) -> int:
    """Serve the far end of a link."""
    return serve()
