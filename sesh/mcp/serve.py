"""The server of `mcp`: tools over stdin and stdout, each call in a thread.

Only the protocol goes to stdout: the SDK redirects an accidental print to stderr. A call that the client cancels is
stopped as by Ctrl-C. When the client disconnects, its commands go on.
"""

from __future__ import annotations

import inspect
import json
import threading
from collections.abc import Callable
from functools import partial, wraps
from typing import Any

import anyio
import anyio.to_thread
from mcp.server.context import CallNext, HandlerResult, ServerRequestContext
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, ValidationError

from sesh.about import PROGRAM, __version__
from sesh.api import SeshError, Stop
from sesh.errors import Interrupted, UsageError
from sesh.mcp import worklog
from sesh.mcp.tools import HINTS, STOP, Tools
from sesh.text import safe

_MAX_CALLS = 200  # at a time; further calls wait

_ABOUT = f"""Named shell sessions that stay alive, on this machine and on any host that ssh can reach.

`open` makes sure that a session runs; `run` runs a command in its shell and returns exactly its output and exit code;
`exec` runs a job in its own session. For interactive programs: `send`, then `wait`, then `logs` or `screen`. They all
take a host. People can watch and type with `{PROGRAM} NAME`. An error has a code and says what to do."""


class _Server(MCPServer[Any]):
    """The SDK's server with the tools. It reports invalid arguments like a SeshError."""

    def __init__(self) -> None:
        super().__init__(
            PROGRAM, instructions=_ABOUT, version=__version__, log_level="WARNING", middleware=[self._track_call]
        )
        self._stops: dict[object, Stop] = {}  # of the running calls, by request id
        self._limiter = anyio.CapacityLimiter(_MAX_CALLS)
        tools = Tools()
        for name, hints in HINTS.items():
            method = getattr(tools, name)
            text = inspect.getdoc(method)
            self.add_tool(self._threaded(method), name=name.rstrip("_"), description=text, annotations=hints)

    def _threaded(self, method: Callable[..., BaseModel]) -> Callable[..., object]:
        @wraps(method)
        async def tool(**arguments: object) -> CallToolResult:
            try:
                call = partial(method, **arguments)
                result = await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._limiter)
            except SeshError as error:
                return _error_result(error)
            return _result(result.model_dump(mode="json"))

        return tool

    async def _track_call(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        """Stop a call that the client cancels, but not when the client disconnects."""
        if ctx.method == "notifications/cancelled":
            stop = self._stops.pop((ctx.params or {}).get("requestId"), None)
            if stop is not None:
                threading.Thread(target=stop.stop, daemon=True).start()  # it may have to reach a host first
        elif ctx.method == "tools/call":
            STOP.set(self._stops.setdefault(ctx.request_id, Stop()))
        result = await call_next(ctx)
        self._stops.pop(ctx.request_id, None)  # for a cancelled call, its notification does this
        return result

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if type(error) is not ToolError or not isinstance(error.__cause__, ValidationError):
                raise
            faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.__cause__.errors()]
            return _error_result(UsageError("; ".join(faults)))


def _error_result(error: SeshError) -> CallToolResult:
    body = {"code": error.code, "message": safe.one_line(safe.encodable(str(error)))}
    return _result({"error": {**body, "typed": True} if error.typed else body}, is_error=True)


def _result(body: dict[str, Any], *, is_error: bool = False) -> CallToolResult:
    """Return a JSON object, also as text without the SDK's indents, which cost tokens."""
    text = TextContent(type="text", text=json.dumps(body, ensure_ascii=False, separators=(",", ":")))
    return CallToolResult(content=[text], structured_content=body, is_error=is_error)


def serve() -> int:
    """Serve until the client disconnects; return the exit code. Some threads may still wait."""
    worklog.prune()
    try:
        anyio.run(_Server().run_stdio_async)
    except KeyboardInterrupt:
        return Interrupted.exit_code
    return 0
