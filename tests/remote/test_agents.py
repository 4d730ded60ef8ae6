"""Agents that say how they stand: the settings under examples/agents, read by stand-ins, here and through `@host`.

A stand-in runs hooks as the agents' published references say: the command by a shell, the event as JSON on its stdin,
in the agent's own environment and directory.
"""

from __future__ import annotations

import json
import os
import re
import signal
import sys
from typing import Any

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Farm
from tests.support import ROOT as CHECKOUT
from tests.support import Home, find, wait_until

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

pytestmark = pytest.mark.needs("jq")

# What the agent prints, and how it waits, are like theirs: a raw terminal, a spinner, and a network beside it.
_AGENT = """
import json, os, re, select, socket, subprocess, sys, time, tty
hooks, events = json.load(open(sys.argv[1])), json.load(open(sys.argv[2]))
tty.setraw(0)
here, there = socket.socketpair()
for event in events:
    given = event["input"]
    for group in hooks.get(event["name"], ()):
        if re.fullmatch(group.get("matcher") or ".*", event["matched"]):
            for hook in group["hooks"]:
                words, text = hook["command"], json.dumps(given).encode()
                done = subprocess.run(words, shell=True, input=text, capture_output=True)
                assert (hook["type"], done.returncode, done.stdout) == ("command", 0, b""), done
    for turn in range(5):
        os.write(1, b"\\r%c thinking" % b"-/|\\\\"[turn % 4])
        time.sleep(0.05)
    os.write(1, b"\\r\\n" + event["name"].encode() + b" sent\\r\\n")
    select.select([0, here], [], [])
    os.read(0, 100)
"""

_BASE = {"session_id": "7f3a", "transcript_path": "/tmp/t.jsonl", "cwd": "/tmp"}


def _event(name: str, matched: str = "", **more: object) -> dict[str, Any]:
    return {"name": name, "matched": matched, "input": {**_BASE, "hook_event_name": name, **more}}


_ASKS = "Claude needs your permission to use Bash"
_ALLOWS = "Tool run_shell_command requires editing permission"
_BASH = {"command": "git push --force", "description": "Push"}
AGENTS: dict[str, tuple[list[dict[str, Any]], str]] = {
    "claude.json": (
        [
            _event("UserPromptSubmit", prompt="do it", permission_mode="default"),
            _event("Notification", "permission_prompt", message=_ASKS, notification_type="permission_prompt"),
            _event("Stop", stop_hook_active=False),
        ],
        _ASKS,
    ),
    "codex.toml": (
        [
            _event("UserPromptSubmit", prompt="do it", turn_id="1", model="m", permission_mode="default"),
            _event("PermissionRequest", "Bash", tool_name="Bash", tool_input=_BASH, turn_id="1", model="m"),
            _event("Stop", turn_id="1", stop_hook_active=False, last_assistant_message="Done."),
        ],
        "may I run: git push --force",
    ),
    "gemini.json": (
        [
            _event("BeforeAgent", prompt="do it", timestamp="2026-11-21T10:00:00Z"),
            _event("Notification", "ToolPermission", message=_ALLOWS, notification_type="ToolPermission", details={}),
            _event("AfterAgent", prompt="do it", prompt_response="Done.", stop_hook_active=False),
        ],
        _ALLOWS,
    ),
}


def hooks_of(name: str) -> dict[str, Any]:
    """The hooks in the settings of an agent."""
    with open(os.path.join(CHECKOUT, "examples/agents", name), "rb") as file:
        found: dict[str, Any] = (tomllib.load(file) if name.endswith(".toml") else json.load(file))["hooks"]
    return found


@pytest.mark.parametrize(
    ("name", "host"),
    [
        *((name, "") for name in AGENTS),
        ("claude.json", "@box"),
        # The way there is the same for all settings.
        *(pytest.param(name, "@box", marks=pytest.mark.soak) for name in ("codex.toml", "gemini.json")),
    ],
)
def test_an_agent_says_when_it_works_waits_and_has_finished(home: Home, farm: Farm, name: str, host: str) -> None:
    events, question = AGENTS[name]
    files = {"agent.py": _AGENT, "hooks.json": json.dumps(hooks_of(name)), "events.json": json.dumps(events)}
    if host:
        far = farm.host("box")
        for path, content in files.items():
            far.write(path, content)
    for path, content in files.items():
        home.write(path, content)
    where = [host] if host else []
    home.sesh(*where, "--open", "agent")
    home.sesh(*where, "--wait", "agent", "--prompt", "--timeout", "20")

    def stands() -> tuple[str, str, str | None]:
        rows = home.sesh(*where, "--list", "--json").json()
        found = next(each["activity"] for each in rows if each["name"] == "agent")
        return found["state"], found["why"], found["question"]

    def becomes(*wanted: str | None) -> None:
        wait_until(lambda: stands() == wanted, 20, 0.1, portrait=lambda: repr(stands()))

    python = farm.ground.runtime.python if host else sys.executable
    home.sesh(*where, "--send", "agent", f"{python} agent.py hooks.json events.json", "--enter")
    home.sesh(*where, "--wait", "agent", "--for", f"^{events[0]['name']} sent", "--timeout", "15")
    becomes("working", "hook", None)
    home.sesh(*where, "--send", "agent", "y")
    waited = home.sesh(*where, "--wait", "agent", "--waiting", "--timeout", "20")
    assert waited.stdout == f"waiting: {question}\n"
    home.sesh(*where, "--wait", "agent", "--for", f"^{events[1]['name']} sent", "--timeout", "20")
    assert stands() == ("waiting", "hook", question)
    home.sesh(*where, "--send", "agent", "y")
    becomes("done", "hook", None)
    home.sesh(*where, "--send", "agent", "y")
    becomes("idle", "prompt", None)


def test_one_agent_looks_after_several_sessions_and_asks_its_person(home: Home) -> None:
    for number in range(4):
        asks = "may I push to main? " if number == 2 else "may I run: make test? "
        script = f"printf '{asks}'; read answer; echo answered $answer; sleep 60"
        home.sesh("--open", f"task-{number}", "--label", "team=mine", "--", "sh", "-c", script)
    script = os.path.join(CHECKOUT, "examples/agents/look-after.sh")
    home.sesh("--open", "keeper", "--env", "PAUSE=1", "--", script, "team=mine")

    def stands() -> dict[str, tuple[str, str | None]]:
        rows = home.sesh("--list", "--json").json()
        return {each["name"]: (each["activity"]["state"], each["activity"]["question"]) for each in rows}

    def asks_its_person() -> bool:
        known = stands()
        waiting = sorted(name for name, (state, _) in known.items() if state == "waiting")
        return waiting == ["keeper", "task-2"] and known["keeper"][1] == "task-2: may I push to main?"

    wait_until(asks_its_person, 30, 0.2, portrait=lambda: repr(stands()))
    assert "answered y" in home.sesh("--screen", "task-3").stdout
    home.sesh("--send", "task-2", "n", "--enter")
    wait_until(lambda: stands()["keeper"][0] == "working", 20, 0.2, portrait=lambda: repr(stands()))
    home.sesh("--kill", *(f"task-{number}" for number in range(4)))
    wait_until(lambda: home.sesh("--wait", "keeper", "--exit", "--timeout", "20").code == 0, 30)


@pytest.mark.skipif(not (ROOT and find("sudo")), reason="another user who has to give a password takes root and sudo")
def test_a_password_is_waited_for_though_sudo_hides_what_it_does(home: Home, farm: Farm) -> None:
    farm.host("box")
    home.sesh("@box", "--open", "work")
    home.sesh("@box", "--wait", "work", "--prompt", "--timeout", "20")
    home.sesh("@box", "--send", "work", "read -p 'sure? ' x", "--enter")
    assert home.sesh("@box", "--wait", "work", "--waiting", "--timeout", "10").stdout == "waiting: sure?\n"
    home.sesh("@box", "--send", "work", "y", "--enter")
    home.sesh("@box", "--wait", "work", "--prompt", "--timeout", "10")
    home.sesh("@box", "--send", "work", "sudo -k id", "--enter")
    waited = home.sesh("@box", "--wait", "work", "--waiting", "--timeout", "10", "--json").json()
    assert waited["met"] == "waiting"
    assert "password" in waited["match"].lower()


def test_an_answer_over_a_host_goes_to_the_question_that_was_shown(home: Home, farm: Farm) -> None:
    """The list of a host is behind: what was asked by then got the answer."""
    far = farm.host("box")
    later = "(until [ -e next ]; do sleep 0.02; done; printf '\\nDELETE ALL? ') &"
    asks = f"{later} printf 'Keep a copy? '; read x; echo got=$x; sleep 60"
    home.sesh("@box", "--open", "job", "--", "sh", "-c", asks)
    assert home.sesh("@box", "--wait", "job", "--waiting", "--timeout", "20").code == 0
    opened = home.terminal("@box", "--watch")
    opened.wait_for(re.compile(r"> job@box +\d+s  Keep a copy\?"))
    opened.type("\x1b[A")  # the mark is the person's own, however fast this test is
    opened.signal(signal.SIGSTOP)
    far.write("next", "")
    home.sesh("@box", "--wait", "job", "--for", "DELETE ALL", "--since-start", "--timeout", "20")
    refused = home.sesh("@box", "--send", "job", "y", "--enter", "--if-waiting", "Keep")
    assert (refused.code, "nothing was typed" in refused.stderr) == (1, True), refused.stderr
    opened.type("y")
    opened.signal(signal.SIGCONT)
    opened.wait_for(re.compile(r"job asks nothing now|job is waiting, but asks|job@box no longer asks that"))
    opened.wait_for(re.compile(r"> job@box +\d+s  DELETE ALL\?"))
    assert "got" not in home.sesh("@box", "--screen", "job").stdout
    sent = home.sesh("@box", "--send", "job", "n", "--enter", "--if-waiting", "DELETE")
    assert sent.code == 0, sent.stderr
    assert home.sesh("@box", "--wait", "job", "--for", "got=n", "--since-start", "--timeout", "20").code == 0
