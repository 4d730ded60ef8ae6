"""`--hook AGENT`: what an agent's hook (see `ops/integrate`) tells on stdin, passed on to the agent's session.

Each event has `hook_event_name` and `session_id`, the id of the conversation. The sources stand in `ops/integrate`.
"""

from __future__ import annotations

import json
import os
from typing import Any

from sesh import identity, proc, system, wire
from sesh.store import listing
from sesh.stored import Record

_RESUME = {"claude": ["claude", "--resume"], "codex": ["codex", "resume"], "gemini": ["gemini", "--resume"]}
_STATES = {
    "SessionStart": "idle", "UserPromptSubmit": "working", "BeforeAgent": "working", "PermissionRequest": "waiting",
    "Stop": "done", "AfterAgent": "done", "Interrupt": "idle", "SessionEnd": "idle",
    **dict.fromkeys(("permission_prompt", "elicitation_dialog", "ToolPermission"), "waiting"), "idle_prompt": "done",
}  # fmt: skip
"""The states by the event, by its kind for `Notification`."""
_DETAILS = ("command", "file_path", "filePath", "url", "prompt", "query", "description")
"""The keys of a tool's input, or of a notification's details, that say what it asks for; the first that is there."""


def take(agent: str, text: str) -> None:
    """Passes on one event. Raises anything for what is none, and SeshError. Its caller bounds the time."""
    told, record = json.loads(text), _session(agent)
    event, kind = told["hook_event_name"], told.get("notification_type", "permission_prompt")
    state = _STATES.get(kind if event == "Notification" else event)
    if record is None or state is None:
        return
    name = str(record["name"])
    compacted = (event, told.get("source")) == ("SessionStart", "compact")  # in the middle of its turn
    if not compacted and not (event == "Notification" and kind == "permission_prompt" and _waits(name)):
        question = _question(told) if state == "waiting" else ""
        wire.ask(name, "state", state=state, question=question, hook=True)
    if event not in ("SessionStart", "Notification", "SessionEnd") or told.get("source") in ("resume", "compact"):
        # A conversation that has just begun is kept nowhere before its first prompt: resuming it would fail.
        word = told["session_id"]
        if word.isascii() and word[:1].isalnum() and word.replace("-", "").isalnum() and len(word) <= 128:
            wire.ask(name, "resume", command=[*_RESUME[agent], word])
    ends = event == "SessionEnd" and told.get("reason") not in ("clear", "resume")
    if ends and record.get("shell") and not system.shutting_down():
        wire.ask(name, "resume", command=[])  # the shell goes on without the agent


def _session(agent: str) -> Record | None:
    """The record of the session on whose terminal the agent runs.

    Claude Code (since 2.1.139) and Codex run each hook in a process session of its own, without a terminal: there it is
    the terminal of the agent, if it is the agent that began that session. Codex's server has none, and serves many.
    """
    tty = identity.controlling_tty()
    if not tty:
        starter = identity.session_starter()
        words = [os.path.basename(word) for word in proc.command_of(starter) if word[:1] != "-"]
        if any(word.startswith(agent) for word in words[:2]):  # the second: of node, of python
            tty = identity.controlling_tty(starter)
    return listing.current(tty)


def _waits(name: str) -> bool:
    """Returns whether the session says already what it asks: most permissions are two events, the second less exact.

    Claude Code asks for the network of its sandbox by the notification alone (seen in 2.1.76).
    """
    activity = wire.ask(name, "status")[0]["session"].get("activity")
    return bool(activity and (activity["state"], activity["why"]) == ("waiting", "hook"))


def _question(told: Any) -> str:
    details = told.get("tool_input") or told.get("details") or {}
    if asked := details.get("questions"):
        return str(asked[0]["question"])
    words = next((details[key] for key in _DETAILS if details.get(key)), "")
    words = " ".join(map(str, words)) if isinstance(words, list) else str(words)
    return ": ".join(filter(None, (str(told.get("message") or told.get("tool_name") or ""), words)))
