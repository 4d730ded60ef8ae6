"""The server of `--mcp`: tools over stdin and stdout, each call in a thread of its own, none in another's way.

Nothing but the protocol goes to stdout: the SDK keeps that descriptor for itself and gives stderr in its place to
whatever prints by accident. A call that the client cancels is stopped as Ctrl-C would; when the client goes, what it
has begun goes on.
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

from sesh import wording
from sesh.about import PROGRAM, __version__
from sesh.api import SeshError, Stop
from sesh.errors import Interrupted, UsageError
from sesh.mcp import worklog
from sesh.mcp.tools import HINTS, STOP, Tools

_MOST = 200  # calls at a time; more of them wait

_ABOUT = f"""Named shell sessions that stay alive, on this machine and on any host that ssh can reach.

`open` makes sure that a session runs; `run` runs a command in its shell and returns exactly its output and exit code;
`exec` runs a job in its own session. For interactive programs: `send`, then `wait`, then `logs` or `screen`. Every tool
takes a host. People can watch and type with `{PROGRAM} NAME`. An error has a code and says what to do."""


class _Server(MCPServer[Any]):
    """The SDK's server with the tools, each call in a thread. Invalid arguments are answered as a SeshError is."""

    def __init__(self) -> None:
        super().__init__(
            PROGRAM, instructions=_ABOUT, version=__version__, log_level="WARNING", middleware=[self._watch]
        )
        self._stops: dict[object, Stop] = {}  # of the calls under way, by the request
        self._limiter = anyio.CapacityLimiter(_MOST)
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
                answer = await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._limiter)
            except SeshError as error:
                return _refusal(error)
            return _result(answer.model_dump(mode="json"))

        return tool

    async def _watch(self, ctx: ServerRequestContext[Any], call_next: CallNext) -> HandlerResult:
        """Stop a call that the client cancels: the end of the client cancels calls too, and stops none."""
        if ctx.method == "notifications/cancelled":
            stop = self._stops.pop((ctx.params or {}).get("requestId"), None)
            if stop is not None:
                threading.Thread(target=stop.stop, daemon=True).start()  # a host may have to be reached for that
        elif ctx.method == "tools/call":
            STOP.set(self._stops.setdefault(ctx.request_id, Stop()))
        answer = await call_next(ctx)
        self._stops.pop(ctx.request_id, None)  # a cancelled call does not come here: its notification follows
        return answer

    async def call_tool(self, name: str, arguments: dict[str, Any], context: Any = None) -> Any:
        try:
            return await super().call_tool(name, arguments, context)
        except ToolError as error:
            if type(error) is not ToolError or not isinstance(error.__cause__, ValidationError):
                raise
            faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in error.__cause__.errors()]
            return _refusal(UsageError("; ".join(faults)))


def _refusal(error: SeshError) -> CallToolResult:
    body = {"code": error.code, "message": wording.one_line(wording.encodable(str(error)))}
    return _result({"error": {**body, "typed": True} if error.typed else body}, is_error=True)


def _result(body: dict[str, Any], *, is_error: bool = False) -> CallToolResult:
    """Return a JSON object, and the same as text without the SDK's indents, which cost a model tokens."""
    text = TextContent(type="text", text=json.dumps(body, ensure_ascii=False, separators=(",", ":")))
    return CallToolResult(content=[text], structured_content=body, is_error=is_error)


def serve() -> int:
    """Serve until the client closes its end; the exit code. A thread may still wait for a command then."""
    worklog.prune()
    try:
        anyio.run(_Server().run_stdio_async)
    except KeyboardInterrupt:
        return Interrupted.exit_code
    return 0
