"""`integrate` and `--hook`: hooks report an agent's state and resume command to its session."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator

import pytest

from tests.support import Home, Open, wait_until
from tests.support.hooking import RESUME, TURNS, Agent


@pytest.fixture
def started(home: Home) -> Iterator[Callable[..., Agent]]:
    """`started("claude", "work")` installs the hooks and runs the stand-in agent in that session."""
    agents: list[Agent] = []

    def start(name: str, session: str = "work", *words: str) -> Agent:
        assert home.sesh("integrate", name).code == 0
        agent = Agent(home, name)
        agents.append(agent)
        assert home.sesh("open", session, "--", agent.path, *words).code == 0
        return agent

    yield start
    for agent in agents:
        agent.close()


def stands(home: Home, name: str = "work") -> tuple[str, str | None]:
    found = home.summary(name)["activity"]
    return found["state"], found["question"]


@pytest.mark.parametrize("name", list(TURNS))
def test_an_agent_tells_its_session_how_it_stands_and_is_resumed_once_its_conversation_has_a_prompt(
    home: Home, started: Callable[..., Agent], name: str
) -> None:
    """Before the first prompt an agent has saved no conversation, and resuming would fail."""
    agent = started(name)
    agent.tell("SessionStart", source="startup")
    assert (stands(home), home.summary("work")["resume"]) == (("idle", None), None)
    agent.tell("BeforeAgent" if name == "gemini" else "UserPromptSubmit", prompt="x")
    assert (stands(home), home.summary("work")["resume"]) == (("working", None), RESUME[name])
    event, words, *asked = next(turn for turn in TURNS[name] if turn[2] == "waiting")
    agent.tell(event, **words)
    assert stands(home) == tuple(asked)


def test_the_hook_prints_nothing_and_succeeds_whatever_it_gets(home: Home) -> None:
    home.sesh("open", "work")
    inside = {"SESH_SESSION": home.sesh("run", "work", "--", 'printf %s "$SESH_SESSION"').stdout}
    for words, told in (
        (["claude"], b""),
        (["claude"], b"{"),
        (["claude"], b"\xff\0"),
        (["claude"], b"{}"),
        (["claude"], b'{"hook_event_name": ["Stop"], "session_id": 5}'),
        (["claude"], b"[" * 200_000),
        (["claude"], b" " * (17 << 20)),  # more than `--hook` reads
        (["nosuch"], b'{"hook_event_name": "Stop", "session_id": "a"}'),
        ([], b"{}"),
        (["--json", "claude"], b"{}"),
        (["claude", "--bogus", "-h", "@", "a b/"], b"{}"),
        (["claude", "--list"], b"{}"),
    ):
        done = home.sesh("--hook", *words, input=told, env={"SESH_JSON": "1", **inside})
        assert (done.code, done.stdout, done.stderr) == (0, "", ""), words
    assert not home.summary("work").get("resume")


def test_settings_with_comments_are_left_and_the_hooks_are_printed(home: Home) -> None:
    text = "{} // mine\n"
    home.write(".claude/settings.json", text)
    done = home.sesh("integrate", "claude")
    assert (done.code, json.loads(done.stdout).keys()) == (1, {"hooks"})
    with open(os.path.join(home.path, ".claude/settings.json"), encoding="utf-8") as file:
        assert file.read() == text


@pytest.mark.soak
def test_a_hook_that_gets_no_event_ends_by_itself(home: Home, terminal: Open) -> None:
    """Codex kills a hook after 3 s; `--hook` must end earlier."""
    waiting = home.start("--hook", "codex", stdin=subprocess.PIPE)
    assert waiting.wait(30) == 0
    assert terminal("--hook", "claude").exit_code() == 0


def test_working_that_an_agent_said_ends_with_the_key_that_cancels_its_turn(
    home: Home, started: Callable[..., Agent]
) -> None:
    """Claude Code and Gemini CLI run no hook when a turn is cancelled."""
    agent = started("claude")
    home.sesh("wait", "work", "--for", "ready", "--since-start")
    agent.tell("UserPromptSubmit", prompt="x")
    assert stands(home)[0] == "working"
    home.sesh("send", "work", "--key", "Left")
    assert home.summary("work")["activity"]["why"] == "hook"
    home.sesh("send", "work", "--key", "Escape")
    wait_until(
        lambda: home.summary("work").get("activity", {}).get("why") != "hook", "the Escape has ended the reported state"
    )
