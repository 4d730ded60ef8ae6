"""`--integrate` and `--hook`: hooks report an agent's state and resume command to its session."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sesh.cli import hook
from sesh.ops import agents
from sesh.reach import find
from tests.support import Home, Open, wait_until
from tests.support.hooking import SESSION, Agent

RESUME = {
    "claude": ["claude", "--resume", SESSION],
    "codex": ["codex", "resume", SESSION],
    "gemini": ["gemini", "--resume", SESSION],
}
#: One turn of each agent: each event with its published fields, then the session's state and question.
COMMAND = {"tool_name": "Bash", "tool_input": {"command": "make test", "description": "Runs the tests"}}
START = ("SessionStart", {"source": "startup"}, "idle", None)
TURNS: dict[str, list[tuple[str, dict[str, Any], str, str | None]]] = {
    "claude": [
        START,
        ("UserPromptSubmit", {"prompt": "test it"}, "working", None),
        ("PermissionRequest", {**COMMAND, "permission_mode": "default"}, "waiting", "Bash: make test"),
        (
            "Notification",
            {"notification_type": "permission_prompt", "message": "Claude needs your permission to use Bash"},
            "waiting",
            "Bash: make test",
        ),
        ("Stop", {"stop_hook_active": False}, "done", None),
        ("SessionStart", {"source": "compact"}, "done", None),
        (
            "PermissionRequest",
            {"tool_name": "AskUserQuestion", "tool_input": {"questions": [{"question": "Which one?", "options": []}]}},
            "waiting",
            "Which one?",
        ),
        ("Notification", {"notification_type": "idle_prompt", "message": "Claude is waiting"}, "done", None),
        ("Notification", {"notification_type": "elicitation_dialog", "message": "Key?"}, "waiting", "Key?"),
        ("UserPromptSubmit", {"prompt": "x" * 100_000}, "working", None),
        ("Notification", {"notification_type": "auth_success", "message": "Signed in"}, "working", None),
        (
            "Notification",
            {"notification_type": "permission_prompt", "message": "Claude needs your permission"},
            "waiting",
            "Claude needs your permission",
        ),
    ],
    "codex": [
        START,
        ("UserPromptSubmit", {"prompt": "test it", "turn_id": "1"}, "working", None),
        ("PermissionRequest", {**COMMAND, "turn_id": "1"}, "waiting", "Bash: make test"),
        (
            "PermissionRequest",
            {"tool_name": "shell", "tool_input": {"command": ["rm", "-r", "x y"]}},
            "waiting",
            "shell: rm -r x y",
        ),
        ("Interrupt", {"turn_id": "1"}, "idle", None),
        ("Stop", {"stop_hook_active": False, "last_assistant_message": None}, "done", None),
    ],
    "gemini": [
        START,
        ("BeforeAgent", {"prompt": "test it"}, "working", None),
        (
            "Notification",
            {
                "notification_type": "ToolPermission",
                "message": "Tool Shell requires execution",
                "details": {"type": "exec", "title": "Shell", "command": "make test", "rootCommand": "make"},
            },
            "waiting",
            "Tool Shell requires execution: make test",
        ),
        ("AfterAgent", {"prompt_response": "ok"}, "done", None),
    ],
}


@pytest.fixture
def started(home: Home) -> Iterator[Callable[..., Agent]]:
    """`started("claude", "work")` installs the hooks and runs the stand-in agent in that session."""
    agents: list[Agent] = []

    def start(name: str, session: str = "work", *words: str) -> Agent:
        assert home.sesh("--integrate", name).code == 0
        agent = Agent(home, name)
        agents.append(agent)
        assert home.sesh("--open", session, "--", agent.path, *words).code == 0
        return agent

    yield start
    for agent in agents:
        agent.close()


def stands(home: Home, name: str = "work") -> tuple[str, str | None]:
    found = home.summary(name)["activity"]
    return found["state"], found["question"]


@pytest.mark.parametrize("name", list(TURNS))
def test_the_states_and_questions_of_a_turn_are_those_of_its_events(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Handle the events in this process, with a fake daemon."""
    stands: dict[str, Any] = {}

    def ask(_session: str, verb: str, **words: Any) -> list[dict[str, Any]]:
        if verb != "status":
            stands.update(words)
        return [{"activity": {"why": "hook", **stands}}]

    monkeypatch.setattr(find, "request", ask)
    monkeypatch.setattr(agents, "_session_of", lambda _agent: {"name": "work"})
    for event, words, state, question in TURNS[name]:
        agents.report_event(name, json.dumps({"hook_event_name": event, "session_id": SESSION, **words}))
        assert (stands["state"], stands["question"] or None) == (state, question), event
    assert stands["command"] == RESUME[name]
    for event, words, word in (
        ("SessionStart", {"source": "clear"}, SESSION),
        ("SessionStart", {"source": "resume"}, "other-1"),
        ("SessionEnd", {"reason": "clear"}, "other-1"),
    ):
        agents.report_event(name, json.dumps({"hook_event_name": event, "session_id": "other-1", **words}))
        assert stands["command"] == [*RESUME[name][:-1], word], event


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
    home.sesh("--open", "work")
    inside = {"SESH_SESSION": home.sesh("--run", "work", "--", 'printf %s "$SESH_SESSION"').stdout}
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
    done = home.sesh("--integrate", "claude")
    assert (done.code, json.loads(done.stdout).keys()) == (1, {"hooks"})
    with open(os.path.join(home.path, ".claude/settings.json"), encoding="utf-8") as file:
        assert file.read() == text


def test_a_hook_that_gets_no_event_ends_by_itself(home: Home, terminal: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    """Codex kills a hook after 3 s; `--hook` must end earlier."""
    monkeypatch.setattr(hook, "_TIMEOUT", 0.2)
    waiting = home.start("--hook", "codex", stdin=subprocess.PIPE)
    assert waiting.wait(30) == 0
    assert terminal("--hook", "claude").exit_code() == 0


def test_working_that_an_agent_said_ends_with_the_key_that_cancels_its_turn(
    home: Home, started: Callable[..., Agent]
) -> None:
    """Claude Code and Gemini CLI run no hook when a turn is cancelled."""
    agent = started("claude")
    home.sesh("--wait", "work", "--for", "ready", "--since-start")
    agent.tell("UserPromptSubmit", prompt="x")
    assert stands(home)[0] == "working"
    home.sesh("--send", "work", "--key", "Left")
    assert home.summary("work")["activity"]["why"] == "hook"
    home.sesh("--send", "work", "--key", "Escape")
    wait_until(lambda: home.summary("work").get("activity", {}).get("why") != "hook")
