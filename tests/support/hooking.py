"""A stand-in for an AI agent, which runs the hooks of its settings as published.

It is started as `claude`, `codex` or `gemini`. It reads a JSON object per line from the FIFO `events` next to it, and
runs the hooks of that event with the object on stdin. For each line it writes a line to `ran`: the exit code and the
output of each hook. It starts hooks as the real agents do. Claude Code and Codex start each hook in a new process
session (`detached` of node; setsid), Codex by `$SHELL -lc`. Gemini CLI starts hooks in its own process group.
"""

from __future__ import annotations

import json
import os
import re
import sys
from typing import Any

from tests.support.home import Home
from tests.support.waiting import wait_until

SESSION = "0b5a6d4e-9f0a-4d54-8a2c-3f1f0c3d2b11"
RESUME = {
    "claude": ["claude", "--resume", SESSION],
    "codex": ["codex", "resume", SESSION],
    "gemini": ["gemini", "--resume", SESSION],
}
# One turn of each agent: each event with its published fields, then the session's state and question.
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
_FILES = {"claude": ".claude/settings.json", "codex": ".codex/hooks.json", "gemini": ".gemini/settings.json"}
_PROGRAM = """#!{python} -IS
import json, os, subprocess, sys

folder = os.path.dirname(os.path.abspath(sys.argv[0]))
name = os.path.basename(sys.argv[0])
if "server" in sys.argv:  # as Codex's: on its own, it outlives the session
    if os.fork():
        os.wait()
        os._exit(0)
    os.setsid()
    if os.fork():
        os._exit(0)
ran = open(os.path.join(folder, "ran"), "w")
if "server" not in sys.argv:  # its terminal may be gone
    print("ready", flush=True)
for line in open(os.path.join(folder, "events")):
    told = json.loads(line)
    with open(os.path.expanduser(told.pop("settings"))) as file:
        hooks = json.load(file)["hooks"]
    results = []
    for group in hooks.get(told["hook_event_name"], ()):
        for hook in group["hooks"]:
            assert hook["type"] == "command" and isinstance(hook["timeout"], int)
            words = ["/bin/sh", "-c"] if name != "codex" else [os.environ["SHELL"], "-lc"]
            done = subprocess.run(
                [*words, hook["command"]], input=json.dumps(told).encode(), capture_output=True,
                start_new_session=name != "gemini", timeout=30,
            )
            results.append([done.returncode, (done.stdout + done.stderr).decode()])
    print(json.dumps(results), file=ran, flush=True)
    if told["hook_event_name"] == "SessionEnd" and told["reason"] != "clear":
        break
"""


class Agent:
    """The stand-in for one agent, in a home."""

    def __init__(self, home: Home, name: str) -> None:
        self.home, self.name = home, name
        self.path = home.write(f"agents/{name}/{name}", _PROGRAM.format(python=sys.executable), mode=0o755)
        self._folder = os.path.dirname(self.path)
        os.mkfifo(os.path.join(self._folder, "events"))
        self._answers = 0
        self._events: int | None = None

    def tell(self, event: str, **words: Any) -> None:
        """Send an event, and wait for its hook, which must succeed and print nothing."""
        if self._events is None:
            self._events = os.open(os.path.join(self._folder, "events"), os.O_WRONLY)
        told = {
            "settings": f"{self.home.path}/{_FILES[self.name]}",
            "session_id": SESSION,
            "transcript_path": f"{self.home.path}/transcript.jsonl",
            "cwd": self.home.path,
            "hook_event_name": event,
            **words,
        }
        os.write(self._events, f"{json.dumps(told)}\n".encode())
        self._answers += 1
        wait_until(lambda: len(self.ran()) >= self._answers, "the agent's hook has run")
        assert self.ran()[-1] == [[0, ""]]

    def ran(self) -> list[list[list[Any]]]:
        """Return for each event the exit code and the output of each hook."""
        try:
            with open(os.path.join(self._folder, "ran"), encoding="utf-8") as file:
                return [json.loads(line) for line in re.findall(r".*\n", file.read())]
        except FileNotFoundError:
            return []

    def close(self) -> None:
        """End the agent by closing its events."""
        if self._events is not None:
            os.close(self._events)
