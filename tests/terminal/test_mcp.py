"""`sesh mcp` on this machine, called by the SDK's client over stdio."""

from __future__ import annotations

import json
import os
import re
import stat
from typing import Any

import pytest

from tests.support import Home
from tests.support.agent import Agent, driven
from tests.support.desk import AttachedDesk

TOOLS = {
    "list",
    "open",
    "run",
    "exec",
    "send",
    "wait",
    "logs",
    "screen",
    "status",
    "kill",
    "close_all",
    "copy",
    "browse",
}
"""Tools that clients already know."""
OF_THE_OWN_SESSION = {"copy", "browse"}


async def an_agent_works_in_a_session_that_a_person_sees(home: Home, agent: Agent) -> None:
    words = {"directory": home.path, "env": {"COLOUR": "blue"}, "labels": {"by": "me"}, "size": "200x50"}
    opened = await agent.call("open", name="work", **words)
    assert (opened["created"], opened["connection"]) == (True, "connected")
    assert (await agent.call("open", name="work"))["created"] is False
    ran = await agent.call("run", name="work", command="cd /tmp; echo $COLOUR; (exit 3)")
    assert (ran["exit_code"], ran["output"], ran["timed_out"]) == (3, "blue\n", False)
    assert (await agent.call("run", name="work", command=["printf", "%s", "a b", "$X"]))["output"] == "a b$X"
    assert home.sesh("run", "work", "--", "pwd").stdout == "/tmp\n"
    long = await agent.call("run", name="work", command="seq 1000", output_limit=50)
    assert long["truncated"]
    assert long["output"].splitlines() == [str(number) for number in range(989, 1001)]
    late = await agent.call("run", name="work", command=f"until [ -e {home.path}/go ]; do sleep 0.02; done", timeout=1)
    assert late["timed_out"]
    home.write("go", "")
    assert (await agent.call("wait", name="work", until=["prompt"]))["met"] == "prompt"
    sent = await agent.call("send", name="work", text="read -p 'who? ' who", enter=True)
    met = await agent.call("wait", name="work", pattern="who\\? $", since=sent["position"])
    assert met["met"] == "for"
    asked = await agent.call("wait", name="work", until=["waiting"])
    assert (asked["met"], asked["match"]) == ("waiting", "who?")
    for found in (await agent.call("list"), await agent.call("status", name="work")):
        assert found["sessions"][0]["activity"]["state"] == "waiting"
    assert (await agent.call("wait", name="work", pattern="never", timeout=0.2))["met"] == "timeout"
    await agent.call("send", name="work", text="Ada", enter=True)
    await agent.call("wait", name="work", until=["prompt"])
    assert "who? Ada" in (await agent.call("logs", name="work", lines=5))["text"]
    assert "who? Ada" in (await agent.call("screen", name="work"))["text"]
    status = (await agent.call("status", name="work"))["sessions"][0]
    assert (status["connection"], status["labels"], status["columns"]) == ("connected", {"by": "me"}, 200)
    assert [each["name"] for each in (await agent.call("list"))["sessions"]] == ["work"]
    sent = await agent.call("send", name="work", file=home.write("my shot.png", "picture"))
    assert os.path.basename(sent["path"]) == "my-shot.png"
    with open(sent["path"], encoding="utf-8") as file:
        assert file.read() == "picture"
    assert (await agent.refused("send", name="work", file=sent["path"], text="x"))[0] == "usage"
    killed = await agent.call("kill", name="work")
    assert killed["closed"] == [{"session": "work", "host": None}]
    assert (await agent.call("status", name="work"))["sessions"][0]["connection"] == "closed"

    made = ["sh", "-c", "stty size; exit 7"]
    done = await agent.call("exec", name="build", command=made, directory="/tmp", size="132x43")
    assert (done["session"], done["exit_code"], done["output"]) == ("build", 7, "43 132\n")
    begun = await agent.call("exec", name="long", command="sleep 0.3; echo one; echo two; exit 4", background=True)
    assert begun["exit_code"] is None
    assert (await agent.call("wait", name="long", until=["exit"]))["exit_code"] == 4
    assert (await agent.call("logs", name="long", lines=1))["text"] == "two"

    assert home.names() == []


async def what_was_cut_off_is_read_with_the_arguments_of_the_hint(home: Home, agent: Agent) -> None:
    lines = [f"{number} {'x' * (number % 150 + 1)}" for number in range(1, 601)]
    home.write("lines", "\n".join(lines) + "\n")

    async def rest(agent: Agent, answer: dict[str, Any], text: str) -> list[str]:
        """Return all lines, read page by page with the arguments of each hint."""
        pages = [text]
        while "characters before this were left out" in (answer["hint"] or ""):
            words = dict(re.findall(r"(\w+)=(\S+?)(?:,|$)", answer["hint"].partition("with logs: ")[2]))
            name = words.pop("name")
            numbers = {key: int(value) for key, value in words.items()}
            answer = await agent.call("logs", name=name, **{"output_limit": 12_000, **numbers})
            pages.insert(0, answer["text"])
            assert len(pages) < 20
        found: list[str] = []
        for line in "\n".join(pages).splitlines():
            if line in lines and line not in found:
                found.append(line)
        return found

    await agent.call("open", name="work")
    ran = await agent.call("run", name="work", command="cat lines", output_limit=10_000)
    assert ran["truncated"]
    assert await rest(agent, ran, ran["output"]) == lines
    done = await agent.call("exec", name="job", command="cat lines", output_limit=10_000)
    assert await rest(agent, done, done["output"]) == lines
    logs = await agent.call("logs", name="work", lines=10_000, output_limit=5_000)
    assert await rest(agent, logs, logs["text"]) == lines
    short = await agent.call("run", name="work", command="echo one")
    assert (short["hint"], short["truncated"]) == (None, False)
    wide = await agent.call("run", name="work", command="printf '%020000d\\n' 7", output_limit=100)
    assert await agent.call("logs", name="work", lines=1, skip=1, output_limit=20_001)
    assert "output_limit=20001" in wide["hint"]
    assert (await agent.call("logs", name="work", skip=100_000))["text"] == ""


async def every_tool_says_what_it_does_and_its_errors_say_a_code_and_what_to_do(home: Home, agent: Agent) -> None:
    tools = (await agent.client.list_tools()).tools
    assert {tool.name for tool in tools} >= TOOLS
    for tool in tools:
        what, _, when = " ".join((tool.description or "").split()).partition(". ")
        assert what, tool.name
        assert "Use it" in when, tool.name
        assert (tool.output_schema or {})["type"] == "object"
        assert ("host" in tool.input_schema["properties"]) == (tool.name not in OF_THE_OWN_SESSION)
        assert "stop" not in tool.input_schema["properties"]
    assert "run" in (agent.client.instructions or "")
    assert (await agent.refused("run", name="none", command="true"))[0] == "not_found"
    assert (await agent.refused("open", name="a/b"))[0] == "invalid_name"
    assert (await agent.refused("open", name="a", host="-oX"))[0] == "invalid_host"
    assert (await agent.refused("wait", name="none", pattern="("))[0] == "usage"
    code, message = await agent.refused("wait", name="none", until=["end"], timeout=0)
    assert (code, message) == (
        "usage",
        "until.0: Input should be 'exit', 'prompt' or 'waiting'; timeout: Input should be greater than 0",
    )
    await agent.call("open", name="work", command=["sleep", "100"])
    assert (await agent.refused("run", name="work", command="true"))[0] == "busy"
    assert (await agent.refused("exec", name="work", command="true"))[0] == "exists"
    long = f"echo long; : {'x' * (128 << 10)}"
    for name in ("exec", "open"):
        code, message = await agent.refused(name, name="long", command=long)
        assert (code, "(the longest word has 131,085 bytes)" in message) == ("refused", True)
        assert "put what is long in a file, or `sesh run` it in a session's shell" in message
    await agent.call("open", name="shell")
    assert (await agent.call("run", name="shell", command=long))["output"] == "long\n"
    await agent.call("kill", name="shell")
    assert (await agent.refused("copy", text="a"))[1].startswith("this is no session, so there is no desktop to ask")
    wrong: Any = await agent.client.call_tool("run", {"nme": "work"})
    assert wrong.is_error
    running = [each["session"] for each in (await agent.call("status"))["sessions"] if each["connection"] != "closed"]
    assert running == ["work"]


async def a_call_that_takes_long_is_in_nobodys_way_and_can_be_cancelled(home: Home, agent: Agent) -> None:
    import anyio

    await agent.call("open", name="work")
    await agent.call("wait", name="work", until=["prompt"], timeout=20)
    async with anyio.create_task_group() as group:
        group.start_soon(lambda: agent.call("run", name="work", command="sleep 100"))
        while (await _foreground(agent)) != ["sleep", "100"]:
            await anyio.sleep(0.02)
        assert [each["name"] for each in (await agent.call("list"))["sessions"]] == ["work"]
        group.cancel_scope.cancel()
    assert (await agent.call("run", name="work", command="echo free"))["output"] == "free\n"
    with anyio.move_on_after(0.3):
        await agent.call("wait", name="work", until=["exit"])
    assert (await agent.call("run", name="work", command="echo free"))["output"] == "free\n"


async def _foreground(agent: Agent) -> object:
    return ((await agent.call("status", name="work"))["sessions"][0].get("foreground") or {}).get("command")


async def what_runs_goes_on_when_the_agent_goes(home: Home, agent: Agent) -> None:
    import anyio

    await agent.call("open", name="work")
    await agent.call("wait", name="work", until=["prompt"], timeout=20)
    command = "sleep 0.7; echo done >done"
    with anyio.move_on_after(5):
        process = home.start("mcp", stdin=-1)
        assert process.stdin is not None
        assert process.stdout is not None
        hello = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}
        call = {"name": "run", "arguments": {"name": "work", "command": command}}
        for message in (
            {"id": 1, "method": "initialize", "params": hello},
            {"method": "notifications/initialized"},
            {"id": 2, "method": "tools/call", "params": call},
        ):
            process.stdin.write(json.dumps({"jsonrpc": "2.0", **message}).encode() + b"\n")
            process.stdin.flush()
        assert json.loads(process.stdout.readline())["id"] == 1
        while (await _foreground(agent)) != ["sleep", "0.7"]:
            await anyio.sleep(0.02)
        process.stdin.close()
        process.stdin = None
        assert [json.loads(line)["id"] for line in process.stdout] == [2]  # it says that the connection is closed
        assert process.wait(30) == 0
    await agent.call("wait", name="work", until=["prompt"], timeout=20)

    assert os.path.exists(os.path.join(home.path, "done"))


@pytest.mark.long
def test_an_agent_works_learns_what_it_needs_and_what_it_runs_goes_on(home: Home) -> None:
    async def stories(agent: Agent) -> None:
        for story in (
            every_tool_says_what_it_does_and_its_errors_say_a_code_and_what_to_do,
            an_agent_works_in_a_session_that_a_person_sees,
            what_was_cut_off_is_read_with_the_arguments_of_the_hint,
            a_call_that_takes_long_is_in_nobodys_way_and_can_be_cancelled,
            what_runs_goes_on_when_the_agent_goes,
        ):
            await story(home, agent)
            await agent.call("close_all", others=True)

    driven(home, stories)


def test_all_that_the_agent_opened_is_closed_and_nothing_else(home: Home) -> None:
    home.sesh("open", "mine")

    async def story(agent: Agent) -> None:
        for name in ("one", "two"):
            await agent.call("open", name=name)
        await agent.call("run", name="mine", command="true")
        standing = {each["session"]: each["connection"] for each in (await agent.call("status"))["sessions"]}
        assert standing == {"one": "connected", "two": "connected", "mine": "connected"}
        closed = await agent.call("close_all")
        assert {each["session"] for each in closed["closed"]} == {"one", "two"}
        assert home.names() == ["mine"]
        standing = {each["session"]: each["connection"] for each in (await agent.call("status"))["sessions"]}
        assert standing == {"one": "closed", "two": "closed", "mine": "connected"}
        home.sesh("open", "two")  # now the user's own
        assert (await agent.call("close_all"))["closed"] == []
        assert (await agent.call("open", name="one"))["created"] is True
        closed = await agent.call("close_all", others=True)
        assert {each["session"] for each in closed["closed"]} == {"one", "two", "mine"}

    driven(home, story)
    assert home.names() == []


def test_an_agent_in_a_session_copies_and_opens_pages_for_its_person(
    home: Home, work: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    home.env |= {"SESH_SESSION": "work", "SESH_ENV_FILE": f"{home.directory}/.env.{home.record('work')['id']}"}
    monkeypatch.setenv("SESH_DIR", home.directory)

    async def story(agent: Agent) -> None:
        assert await agent.call("copy", text="grün") == {"type": "text/plain", "bytes": 5}
        assert await agent.call("browse", url="https://Example.org") == {"url": "https://example.org/"}
        assert (await agent.refused("browse", url="file:///etc/passwd"))[0] == "usage"
        person.desktop.agrees = False
        assert (await agent.refused("copy", text="no"))[0] == "refused"

    with AttachedDesk("work") as person:
        driven(home, story)
        assert (person.desktop.clipboard, person.desktop.opened) == ("grün".encode(), ["https://example.org/"])


def test_a_file_tells_what_was_done_in_a_session_and_keeps_no_password(home: Home) -> None:
    async def story(agent: Agent) -> None:
        log = (await agent.call("open", name="work"))["log"]
        assert log.startswith(f"{home.path}/.local/state/sesh/work/local/")
        await agent.call("run", name="work", command="seq 100; printf '\\033]0;x\\007'; (exit 3)")
        await agent.call("send", name="work", text="hunter2", keys=["C-u"])
        await agent.call("kill", name="work")
        for path, mode in ((log, 0o600), (os.path.dirname(log), 0o700)):
            assert stat.S_IMODE(os.stat(path).st_mode) == mode
        with open(log, encoding="utf-8") as file:
            text = file.read()
        for expected in ("`work`: created", "    seq 100;", "exit code 3", "(60 lines before)", "    100\n", "closed"):
            assert expected in text
        assert "    60\n" not in text
        assert "hunter2" not in text
        assert "7 characters C-u" in text

        job = await agent.call("exec", name="job", command=["true"])
        with open(log.replace("-work.md", "-job.md"), encoding="utf-8") as file:
            assert "`job`: started" in file.read(), job

    driven(home, story)
    home.env["SESH_WORK_LOG"] = "none"

    async def silent(agent: Agent) -> None:
        assert (await agent.call("open", name="other"))["log"] is None

    driven(home, silent)
