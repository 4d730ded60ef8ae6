"""The verb by which other programs are served."""

from __future__ import annotations

import typer

from sesh.cli import serving
from sesh.cli.verbs.shape import Work, verb, work


@verb("--mcp", "", "sesh --mcp", "claude mcp add sesh -- sesh --mcp")
def _mcp(ctx: typer.Context) -> Work:
    """Serve the Model Context Protocol on stdin and stdout, for agents (extra sesh-mux[mcp]); tools take a host."""
    return work(serving.mcp, ctx)
