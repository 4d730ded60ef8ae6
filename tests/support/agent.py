"""An agent: the official client of the Model Context Protocol, connected to `sesh mcp`."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.util import find_spec
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from tests.support import forking
from tests.support.home import Home

if TYPE_CHECKING:
    from mcp import Client


class Agent:
    """Calls tools. `client`: the SDK's client, for everything else."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def call(self, tool: str, **words: Any) -> dict[str, Any]:
        """Return the structured answer of a tool. Raises AssertionError if the answer is an error."""
        result: Any = await self.client.call_tool(tool, words)
        assert not result.is_error, result.content[0].text
        assert result.structured_content is not None
        return dict(result.structured_content)

    async def refused(self, tool: str, **words: Any) -> tuple[str, str]:
        """Return the code and message of a tool's error, checked against the answer's text."""
        result: Any = await self.client.call_tool(tool, words)
        assert result.is_error, result.structured_content
        error = result.structured_content["error"]
        assert json.loads(result.content[0].text) == result.structured_content
        return error["code"], error["message"]


@asynccontextmanager
async def connected(home: Home) -> AsyncIterator[Agent]:
    """Yield an agent with its own server; fail if the server writes to stderr."""
    from mcp import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    words = [*home.command, "mcp"]
    server = StdioServerParameters(command=words[0], args=words[1:], env=home.env, cwd=home.path)
    said = os.path.join(home.root, "said")
    with open(said, "a", encoding="utf-8") as errors, pytest.MonkeyPatch.context() as patch:
        if home.forks(home.env):
            import sesh.mcp.serve  # noqa: F401 - each fork would load it again

            def fork(words: list[str], **rest: Any) -> subprocess.Popen[bytes]:
                streams = (rest["stdin"], rest["stdout"], rest["stderr"])
                return forking.start(words[2:], env=home.env, cwd=home.path, streams=streams, mark=home.mark)

            patch.setattr("asyncio.unix_events.subprocess", SimpleNamespace(Popen=fork, PIPE=subprocess.PIPE))
        async with Client(stdio_client(server, errlog=errors)) as client:
            patch.undo()
            yield Agent(client)
    with open(said, encoding="utf-8") as written:
        assert written.read() == ""


def driven(home: Home, story: Callable[[Agent], Awaitable[None]]) -> None:
    """Run a story with an agent; without the SDK, skip or, in CI, fail."""
    if find_spec("mcp") is None:
        missing = "the SDK of the Model Context Protocol is not installed: pip install -e '.[mcp]'"
        if os.environ.get("CI"):
            pytest.fail(f"{missing}, and CI skips nothing", pytrace=False)
        pytest.skip(missing)
    import anyio

    async def with_agent() -> None:
        async with connected(home) as agent:
            await story(agent)

    anyio.run(with_agent)
