"""`--integrate AGENT`: hooks in an AI agent's own settings, which call `sesh --hook AGENT` (see `ops/agents`).

Sources, read in November 2026: code.claude.com/docs/en/hooks, claude-code 2.1.197; developers.openai.com/codex/hooks,
codex-rs/hooks of openai/codex, codex 0.169.0; geminicli.com/docs/hooks/reference, gemini-cli 0.61.0. All three have
JSON with a list of groups `{"matcher", "hooks": [{"type", "command", "timeout"}]}` for each event.

A file is read, changed and written whole, with its own indent. One that `json` would not give back byte for byte, as it
has comments or a layout of its own, is left to the person.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
from typing import Any

from sesh import paths, programs, reading, writing
from sesh.about import DISTRIBUTION, PROGRAM, launcher
from sesh.errors import Refused

_EVENTS = ("SessionStart", "UserPromptSubmit", "PermissionRequest", "Stop", "SessionEnd")
AGENTS = {
    "claude": ("CLAUDE_CONFIG_DIR", "~/.claude", "settings.json", 10, (*_EVENTS, "Notification")),
    "codex": ("CODEX_HOME", "~/.codex", "hooks.json", 3, (*_EVENTS, "Interrupt")),
    "gemini": (
        "GEMINI_CLI_HOME", "~", ".gemini/settings.json", 10_000,
        ("SessionStart", "BeforeAgent", "Notification", "AfterAgent", "SessionEnd"),
    ),
}  # fmt: skip
"""The variable of an agent's folder, its default, the file in it, the timeout of a hook, the events. Gemini counts in
ms; codex stops a SessionEnd hook after 3 s."""
_LARGEST = 4 << 20
"""Bytes of a file of settings."""
_SILENT = "2>/dev/null || true"
_INDENT = re.compile(r"\{\n([ \t]+)")

Value = dict[str, Any]


class ByHand(Refused):
    """The settings are for the person to change."""


def _read(path: str) -> bytes | None:
    """Returns the bytes of the settings, None without a file. Raises Refused."""
    try:
        return reading.read_regular(path, _LARGEST)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from None


def _value(data: bytes | None) -> Value | None:
    """Returns the parsed settings, None if `_written` would not give the bytes back."""
    if not (data or b"").strip():
        return {}
    try:
        value = json.loads(data or b"")
        return value if isinstance(value, dict) and _written(value, data) == data else None
    except (ValueError, RecursionError):
        return None


def _written(value: Value, like: bytes | None) -> bytes:
    """Returns a value as JSON in the style of other settings: their indent, or one line, and their end."""
    text = (like or b"").decode("utf-8", "replace")
    indent: str | int | None = 2
    if match := _INDENT.match(text):
        indent = match[1]
    elif text.strip() not in ("", "{}"):
        indent = None
    end = text[len(text.rstrip()) :] if text.strip() else "\n"
    return (json.dumps(value, ensure_ascii=False, indent=indent) + end).encode("utf-8", "surrogatepass")


def settings(agent: str) -> str:
    """Returns the path of an agent's settings."""
    variable, folder, file, *_ = AGENTS[agent]
    return os.path.join(paths.expanded(os.environ.get(variable) or folder), file)


def installed(agent: str) -> bool:
    """Returns whether an agent is on this machine: its program is in PATH, or it has settings."""
    folder = os.path.dirname(settings(agent))
    return programs.find(agent) is not None or (os.path.isdir(folder) and bool(os.listdir(folder)))


def standing(agent: str) -> tuple[bool, bool, bool]:
    """Returns whether hooks of sesh are there, whether all are current, whether the agent runs hooks.

    Of settings that the person changes by hand the second is as the first. Raises Refused.
    """
    data = _read(settings(agent))
    if (value := _value(data)) is None:
        there = f"--hook {agent} {_SILENT}".encode() in (data or b"")
        return there, there, True
    found = [(event, group) for event, groups in _lists(value) for group in groups if _is_ours(group, agent)]
    current = sorted(event for event, group in found if _is_current(group, agent))
    whole = len(current) == len(found) and current == sorted(AGENTS[agent][4])
    return bool(found), whole, not value.get("disableAllHooks")


def integrate(agent: str, *, remove: bool = False) -> bool:
    """Adds and renews the hooks, or removes them; returns whether that changed anything.

    Raises ByHand if the person has to do it, Refused.
    """
    there, current, _ = standing(agent)
    if not there if remove else current:
        return False
    path = os.path.realpath(settings(agent))
    before = _read(path)
    if (value := _value(before)) is None:
        how = f"remove the groups with `--hook {agent}` by hand" if remove else "add the hooks by hand"
        raise ByHand(f"{path} is not written as sesh would write it, and was left as it is; {how}")
    _remove(value, agent)
    if not remove:
        _add(value, agent)
    after = _written(value, before)

    def check() -> None:
        if _read(path) != before:
            raise Refused(f"{path} is being changed; nothing was changed", hint="try again")

    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        mode = paths.OWN if before is None else stat.S_IMODE(os.stat(path).st_mode)
        writing.write_whole(path, after, durable=True, mode=mode, check=check)
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror}; nothing was changed") from None
    return True


def snippet(agent: str) -> str:
    """Returns the settings that have nothing but the hooks of sesh."""
    value: Value = {}
    _add(value, agent)
    return json.dumps(value, indent=2)


def _lists(value: Value) -> list[tuple[str, list[Any]]]:
    """Returns the events of the settings, each with its list of groups."""
    hooks = value.get("hooks")
    each = hooks.items() if isinstance(hooks, dict) else ()
    return [(event, groups) for event, groups in each if isinstance(groups, list)]


def _add(value: Value, agent: str) -> None:
    """Adds our groups to settings. Raises Refused if something else is in their place."""
    hooks = value.setdefault("hooks", {})
    for event in AGENTS[agent][4]:
        groups = hooks.setdefault(event, []) if isinstance(hooks, dict) else None
        if not isinstance(groups, list):
            raise Refused(f"the place for the hooks is taken: see {event} in hooks; nothing was changed")
        groups.append(_group(agent))


def _remove(value: Value, agent: str) -> None:
    """Removes our groups from settings, and the lists and the table that held nothing else."""
    for event, groups in _lists(value):
        rest = [group for group in groups if not _is_ours(group, agent)]
        if len(rest) < len(groups):
            value["hooks"][event] = rest
            if not rest:
                del value["hooks"][event]
            if not value["hooks"]:
                del value["hooks"]


def _group(agent: str, program: str = "") -> Value:
    """Returns a group of ours. Its command needs no PATH, and fails no agent once sesh is gone."""
    command = f"{shlex.quote(program or launcher())} --hook {agent} {_SILENT}"
    return {"hooks": [{"type": "command", "command": command, "timeout": AGENTS[agent][3]}]}


def _is_ours(group: Any, agent: str) -> bool:
    try:
        [hook] = group["hooks"]
        words = shlex.split(str(hook["command"]))
    except (KeyError, TypeError, ValueError):
        return False
    if len(group) > 1 or words[1:] != ["--hook", agent, *shlex.split(_SILENT)]:
        return False  # with a matcher it is the person's own
    return os.path.isabs(words[0]) and os.path.basename(words[0]) in (PROGRAM, DISTRIBUTION)


def _is_current(group: Value, agent: str) -> bool:
    """Returns whether a group of ours calls this sesh, by whatever link."""
    program = shlex.split(group["hooks"][0]["command"])[0]
    return os.path.realpath(program) == os.path.realpath(launcher()) and group == _group(agent, program)
