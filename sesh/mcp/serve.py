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
from functools import partial
from typing import Any

import anyio
import anyio.to_thread
from mcp.server.mcpserver import MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.server.stdio import stdio_server
from mcp.types import CallToolResult, TextContent
from pydantic import BaseModel, ValidationError

from sesh import wording
from sesh.about import PROGRAM, __version__
from sesh.api import SeshError, Stop
from sesh.errors import Interrupted, UsageError
from sesh.mcp import worklog
from sesh.mcp.tools import Tools

_MOST = 200
"""Calls at a time; more of them wait."""

_ABOUT = f"""Named shell sessions that stay alive, on this machine and on any host that ssh can reach.

`open` makes sure that a session runs; `run` runs a command in its shell and returns exactly its output and exit code;
`exec` runs a job in its own session. For interactive programs: `send`, then `wait`, then `logs` or `screen`. Every tool
takes a host. People can watch and type with `{PROGRAM} NAME`. An error has a code and says what to do."""


class _Server(MCPServer[Any]):
    """The SDK's server with the tools, each call in a thread. Invalid arguments are answered as a SeshError is.

    `gone`: the client has closed its end; no call is stopped any more.
    """

    def __init__(self) -> None:
        super().__init__(PROGRAM, instructions=_ABOUT, version=__version__, log_level="WARNING")
        self.gone = False
        self._limiter = anyio.CapacityLimiter(_MOST)
        tools = Tools()
        for name, function in vars(Tools).items():
            if hints := getattr(function, "hints", None):
                method = getattr(tools, name)
                text = inspect.cleandoc(method.__doc__ or "")
                self.add_tool(self._threaded(method), name=name.rstrip("_"), description=text, annotations=hints)

    def _threaded(self, method: Callable[..., object]) -> Callable[..., object]:
        """A tool for the SDK: the parameters of the method, less the `stop` that is not the client's business."""
        signature = inspect.signature(method, eval_str=True)

        async def tool(**arguments: object) -> object:
            stop = Stop()
            if "stop" in signature.parameters:
                arguments["stop"] = stop
            call = partial(method, **arguments)
            try:
                answer = await anyio.to_thread.run_sync(call, abandon_on_cancel=True, limiter=self._limiter)
            except anyio.get_cancelled_exc_class():
                if not self.gone:
                    threading.Thread(target=stop.stop, daemon=True).start()  # a host may have to be reached for that
                raise
            except SeshError as error:
                return _refusal(error)
            assert isinstance(answer, BaseModel)  # noqa: S101 (all tools return one)
            return _result(answer.model_dump(mode="json"))

        parameters = [parameter for name, parameter in signature.parameters.items() if name != "stop"]
        tool.__signature__ = signature.replace(parameters=parameters)  # type: ignore[attr-defined]
        return tool

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
    """What a call returns: a JSON object, and the same as text without the SDK's indents, which cost a model tokens."""
    text = TextContent(type="text", text=json.dumps(body, ensure_ascii=False, separators=(",", ":")))
    return CallToolResult(content=[text], structured_content=body, is_error=is_error)


def serve() -> int:
    """Serves until the client closes its end; the exit code. A thread may still wait for a command then."""
    worklog.prune()
    try:
        anyio.run(_serve)
    except KeyboardInterrupt:
        return Interrupted.exit_code
    return 0


async def _serve() -> None:
    server = _Server()
    outlet, messages = anyio.create_memory_object_stream[Any](0)

    async def pass_on() -> None:
        async with outlet:
            async for message in inbound:
                await outlet.send(message)
            server.gone = True  # before the server hears of the end, for it cancels then what is under way

    async with stdio_server() as (inbound, outbound), anyio.create_task_group() as group:
        group.start_soon(pass_on)
        inner = server._lowlevel_server
        await inner.run(messages, outbound, inner.create_initialization_options())
