"""`--mcp`: the server for agents, if the SDK that it needs is installed."""

from __future__ import annotations

from sesh import DISTRIBUTION
from sesh.errors import Refused, UsageError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sesh.cli.invocation import Invocation


def mcp(cli: Invocation) -> int:
    """`--mcp`: serves the Model Context Protocol on stdin and stdout until stdin ends."""
    import os
    import sys
    from importlib.util import find_spec

    install = f"install it with: {sys.executable} -m pip install '{DISTRIBUTION}[mcp]'"

    if cli.line.hosts:
        raise UsageError(
            f"--mcp serves here, and its tools take a host, like {cli.line.hosts[0]}", hint="write: sesh --mcp"
        )
    if find_spec("mcp") is None:
        raise Refused("--mcp needs the SDK of the Model Context Protocol", hint=install)
    if find_spec("mcp.server.mcpserver") is None:
        raise Refused("--mcp needs version 2 of the package mcp, and an older one is installed", hint=install)
    if os.isatty(0):
        raise Refused("--mcp speaks to a program", hint="put `sesh --mcp` into the settings of your agent")
    from sesh.mcp.serve import serve

    code = serve()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # a thread may still wait for a command
