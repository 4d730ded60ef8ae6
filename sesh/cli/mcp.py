"""`--mcp`: the Model Context Protocol on stdin and stdout, for agents."""

from __future__ import annotations

import os
import sys
from importlib import util

from sesh.about import CALLED
from sesh.cli.invocation import Invocation
from sesh.errors import Refused, UsageError


def mcp(cli: Invocation) -> int:
    """`--mcp`: serve the Model Context Protocol on stdin and stdout until stdin ends."""
    pip = f"{sys.executable} -m pip install" if util.find_spec("pip") else f"uv pip install --python {sys.executable}"
    install = f"install it with: {pip} 'mcp>=2,<3'"
    if cli.line.hosts:
        raise UsageError(
            f"--mcp runs on this machine; its tools take a host, such as {cli.line.hosts[0]}",
            hint=f"write: {CALLED} --mcp",
        )
    if util.find_spec("mcp") is None:
        raise Refused("--mcp needs the Model Context Protocol SDK", hint=install)
    if util.find_spec("mcp.server.mcpserver") is None:
        raise Refused("--mcp needs version 2 of the package mcp, but an older one is installed", hint=install)
    if os.isatty(0):
        raise Refused("--mcp is for programs, not terminals", hint=f"add `{CALLED} --mcp` to your agent's settings")
    from sesh.mcp.serve import serve

    code = serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a thread may still wait for a command
