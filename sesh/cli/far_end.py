"""`--bridge`, which sesh on another host runs over ssh."""

from __future__ import annotations

from sesh import bridge as link_end
from sesh.cli.invocation import Invocation


def bridge(_: Invocation) -> int:
    """Serve the far end of a link."""
    return link_end.serve()
