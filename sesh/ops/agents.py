"""The state that a program reports from inside its session: by `--state`, or an agent's hook by `--hook AGENT`.

Each event of a hook (see `ops/integrate`) has `hook_event_name` and `session_id`, the id of the conversation. The
sources stand in `ops/integrate`.
"""

from __future__ import annotations

import json
import os
from typing import Any

from sesh import identity, paths, proc, system, wire
from sesh.about import SESH
from sesh.errors import Refused, UsageError
from sesh.names import printable
from sesh.protocol import STATES
from sesh.store import listing, records
from sesh.stored import Record

_RESUME = {"claude": ["claude", "--resume"], "codex": ["codex", "resume"], "gemini": ["gemini", "--resume"]}
_STATES = {
    "SessionStart": "idle", "UserPromptSubmit": "working", "BeforeAgent": "working", "PermissionRequest": "waiting",
    "Stop": "done", "AfterAgent": "done", "Interrupt": "idle", "SessionEnd": "idle",
    **dict.fromkeys(("permission_prompt", "elicitation_dialog", "ToolPermission"), "waiting"), "idle_prompt": "done",
}  # fmt: skip
"""The states by the event, by its kind for `Notification`."""
_DETAILS = ("command", "file_path", "filePath", "url", "prompt", "query", "description")
"""The keys of a tool's input, or of a notification's details, with the request; the first one that is set counts."""


# -- any program


def report(state: str, question: str) -> str:
    """Reports the state of the program that called; returns the session's name.

    Raises UsageError, and Refused outside of any session.
    """
    if state not in STATES:
        raise UsageError(f"unknown state {printable(state)}; use {', '.join(STATES)}")
    name = session("--state", " …")
    wire.ask(name, "state", state=state, question=question)
    return name


def session(verb: str, words: str) -> str:
    """Returns the name of the session that the caller runs in. Raises Refused outside of any."""
    tty = identity.controlling_tty()
    record = listing.current(tty) if tty else _by_environment_file()
    if record is None:
        hint = f'in a hook write: [ -z "$SESH_SESSION" ] || {SESH} {verb}{words}'
        raise Refused(f"{verb} works only inside a session", hint=hint)
    return str(record["name"])


def _by_environment_file() -> Record | None:
    """Returns the record of the session that `SESH_ENV_FILE` names: an agent runs its hooks without a terminal."""
    path = os.environ.get("SESH_ENV_FILE", "")
    every = (records.readable(name) for name in paths.names()) if path else ()
    return next(
        (record for record in every if record and records.environment_path(str(record.get("id"))) == path), None
    )


# -- an agent's hook


def take(agent: str, text: str) -> None:
    """Passes on one event. Raises anything for what is none, and SeshError. Its caller bounds the time."""
    event, record = json.loads(text), _session_of_agent(agent)
    name, kind = event["hook_event_name"], event.get("notification_type", "permission_prompt")
    state = _STATES.get(kind if name == "Notification" else name)
    if record is None or state is None:
        return
    session = str(record["name"])
    compacted = (name, event.get("source")) == ("SessionStart", "compact")  # in the middle of its turn
    if not compacted and not (name == "Notification" and kind == "permission_prompt" and _waits(session)):
        question = _question(event) if state == "waiting" else ""
        wire.ask(session, "state", state=state, question=question, hook=True)
    if name not in ("SessionStart", "Notification", "SessionEnd") or event.get("source") in ("resume", "compact"):
        # A conversation that has just begun is kept nowhere before its first prompt: resuming it would fail.
        word = event["session_id"]
        if word.isascii() and word[:1].isalnum() and word.replace("-", "").isalnum() and len(word) <= 128:
            wire.ask(session, "resume", command=[*_RESUME[agent], word])
    ends = name == "SessionEnd" and event.get("reason") not in ("clear", "resume")
    if ends and record.get("shell") and not system.shutting_down():
        wire.ask(session, "resume", command=[])  # the shell goes on without the agent


def _session_of_agent(agent: str) -> Record | None:
    """Returns the record of the session on whose terminal the agent runs.

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
    """Returns whether the session has the question already: most permissions are two events, the second less exact.

    Claude Code asks for the network of its sandbox by the notification alone (seen in 2.1.76).
    """
    activity = wire.ask(name, "status")[0]["session"].get("activity")
    return bool(activity and (activity["state"], activity["why"]) == ("waiting", "hook"))


def _question(event: Any) -> str:
    details = event.get("tool_input") or event.get("details") or {}
    if asked := details.get("questions"):
        return str(asked[0]["question"])
    words = next((details[key] for key in _DETAILS if details.get(key)), "")
    words = " ".join(map(str, words)) if isinstance(words, list) else str(words)
    return ": ".join(filter(None, (str(event.get("message") or event.get("tool_name") or ""), words)))
