"""`--bridge`, which sesh on another host runs over ssh."""

from __future__ import annotations

import os

from sesh import bridge as link_end
from sesh.cli.invocation import Invocation


def bridge(cli: Invocation) -> int:
    """Serve the far end of a link."""
    if os.isatty(0) or os.isatty(1):
        cli.note("--bridge is for sesh on another machine; it reads frames from stdin")
    return link_end.serve()
