"""`sesh mcp` with sessions on other hosts: started, lost, found again, closed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.remote.via import Beside
from tests.support import Home
from tests.support.agent import Agent, driven


@pytest.mark.long
def test_a_session_on_a_host_from_its_start_to_its_end(home: Home, beside: Beside) -> None:
    far = beside("box")
    beside("den")

    async def story(agent: Agent) -> None:
        opened = await agent.call("open", name="deploy", host="@box")
        assert (opened["session"], opened["host"], opened["created"]) == ("deploy", "box", True)
        assert opened["log"].startswith(f"{home.path}/.local/state/sesh/work/box/")
        await agent.call("run", name="deploy", host="box", command="cd /tmp; kept=yes")
        assert (await agent.call("run", name="deploy", host="box", command="echo $PWD $kept"))["output"] == "/tmp yes\n"
        sent = await agent.call("send", name="deploy", host="box", text="echo do''ne", enter=True)
        met = await agent.call("wait", name="deploy", host="box", pattern="^done$", since=sent["position"])
        assert met["match"] == "done"
        assert await _standing(agent) == "connected"
        far.away()
        assert await _standing(agent) == "expired"
        assert (await agent.refused("run", name="deploy", host="box", command="true"))[0] == "unreachable"
        far.back()
        assert (await agent.call("open", name="deploy", host="box"))["created"] is False
        assert (await agent.call("run", name="deploy", host="box", command="echo $PWD $kept"))["output"] == "/tmp yes\n"
        assert {each["session"] for each in (await agent.call("close_all"))["closed"]} == {"deploy"}
        assert await _standing(agent) == "closed"
        home.sesh("@den", "open", "more")
        path = Path(home.path, ".config/sesh/config.toml")
        path.write_text('[groups]\nall = ["box", "den"]\n' + path.read_text())
        assert [each["host"] for each in (await agent.call("list", host="all"))["sessions"]] == ["den"]
        closed = (await agent.call("close_all", host="all", others=True))["closed"]
        assert closed == [{"session": "more", "host": "den"}]

    driven(home, story)
    assert far.names() == []


async def _standing(agent: Agent) -> str:
    rows = (await agent.call("status"))["sessions"]
    return next(str(row["connection"]) for row in rows if row["session"] == "deploy")
