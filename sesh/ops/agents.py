"""AI agents: hooks in their settings (`integrate`), and the states that hooks report (`--hook`).

`integrate AGENT` adds hooks that call `sesh --hook AGENT`. Sources, read in November 2026:
code.claude.com/docs/en/hooks, claude-code 2.1.197; developers.openai.com/codex/hooks, codex-rs/hooks of openai/codex,
codex 0.169.0; geminicli.com/docs/hooks/reference, gemini-cli 0.61.0. In the settings of all three, each event has a
list of groups `{"matcher", "hooks": [{"type", "command", "timeout"}]}`. A hook gets an event with `hook_event_name` and
`session_id`, the id of the conversation.

sesh rewrites a settings file as a whole, with the indent that the file has. It refuses a file that `json` does not
reproduce byte for byte, such as a file with comments. The person has to edit such a file.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shlex
import stat
from typing import Any, NamedTuple

from sesh import about
from sesh.about import DISTRIBUTION, PROGRAM, SESH, launcher
from sesh.errors import Refused, UsageError
from sesh.names import printable
from sesh.reach import find
from sesh.schema.facts import Record
from sesh.store import listing, own
from sesh.system import files, paths, platforms, processes
from sesh.wire.messages import RESUME, STATE, STATUS
from sesh.wire.protocol import STATES

JSONObject = dict[str, Any]


class _Agent(NamedTuple):
    variable: str  # the environment variable that overrides `folder`
    folder: str
    file: str
    timeout: int  # in the agent's own unit
    events: tuple[str, ...]


_EVENTS = ("SessionStart", "UserPromptSubmit", "PermissionRequest", "Stop", "SessionEnd")
AGENTS = {
    "claude": _Agent("CLAUDE_CONFIG_DIR", "~/.claude", "settings.json", 10, (*_EVENTS, "Notification")),
    "codex": _Agent("CODEX_HOME", "~/.codex", "hooks.json", 3, (*_EVENTS, "Interrupt")),  # limit for SessionEnd: 3 s
    "gemini": _Agent(
        "GEMINI_CLI_HOME", "~", ".gemini/settings.json", 10_000,  # ms
        ("SessionStart", "BeforeAgent", "Notification", "AfterAgent", "SessionEnd"),
    ),
}  # fmt: skip
_MAX_SETTINGS = 4 << 20  # bytes; a larger settings file is refused
_SILENT = "2>/dev/null || true"
_CONVERSATION = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,127}")  # the id of one
_INDENT = re.compile(r"\{\n([ \t]+)")

_RESUME = {"claude": ["claude", "--resume"], "codex": ["codex", "resume"], "gemini": ["gemini", "--resume"]}
# The state for each event; for `Notification`, for each of its types.
_STATES = {
    "SessionStart": "idle", "UserPromptSubmit": "working", "BeforeAgent": "working", "PermissionRequest": "waiting",
    "Stop": "done", "AfterAgent": "done", "Interrupt": "idle", "SessionEnd": "idle",
    **dict.fromkeys(("permission_prompt", "elicitation_dialog", "ToolPermission"), "waiting"), "idle_prompt": "done",
}  # fmt: skip
# Keys that may describe the request in a tool's input or a notification's details; the first that is set is shown.
_DETAILS = ("command", "file_path", "filePath", "url", "prompt", "query", "description")


class ByHand(Refused):
    """The person has to edit the settings by hand."""


def _read(path: str) -> bytes | None:
    try:
        return files.read_regular(path, _MAX_SETTINGS)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from None


def _parsed(data: bytes | None) -> JSONObject | None:
    """Return the parsed settings; None if `_serialized` would not reproduce the bytes."""
    if not (data or b"").strip():
        return {}
    try:
        value = json.loads(data or b"")
        return value if isinstance(value, dict) and _serialized(value, data) == data else None
    except (ValueError, RecursionError):
        return None


def _serialized(value: JSONObject, like: bytes | None) -> bytes:
    """Return JSON in the style of `like`: its indent, and its trailing whitespace."""
    text = (like or b"").decode("utf-8", "replace")
    indent: str | int | None = 2
    if match := _INDENT.match(text):
        indent = match[1]
    elif text.strip() not in ("", "{}"):
        indent = None
    end = text[len(text.rstrip()) :] if text.strip() else "\n"
    return (json.dumps(value, ensure_ascii=False, indent=indent) + end).encode("utf-8", "surrogatepass")


def settings(agent: str) -> str:
    variable, folder, file, *_ = AGENTS[agent]
    return os.path.join(os.path.expanduser(os.environ.get(variable) or folder), file)


def integrate(agent: str, *, remove: bool = False) -> bool:
    """Add, update or remove the hooks; return whether the settings changed. Raises ByHand, Refused."""
    if not remove:
        _check_launcher(launcher())
    path = os.path.realpath(settings(agent))
    _check_owner(path)
    before = _read(path)
    if (value := _parsed(before)) is None:
        # A file that already has the hooks, or has none to remove, needs no change.
        if remove is not (f"--hook {agent} {_SILENT}".encode() in (before or b"")):
            return False
        how = f"remove the groups with `--hook {agent}` by hand" if remove else "add the hooks by hand"
        raise ByHand(f"{path} is not written as sesh would write it, and was left as it is; {how}")
    changed = copy.deepcopy(value)
    _remove(changed, agent)
    if not remove:
        _add(changed, agent)
    if changed == value:
        return False
    after = _serialized(changed, before)

    try:
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        mode = paths.OWN if before is None else stat.S_IMODE(os.stat(path).st_mode)
        with files.replacing(path, durable=True, mode=mode) as descriptor:
            files.write_all(descriptor, after)
            os.fsync(descriptor)  # here, because it takes long: the agent may write meanwhile
            if _read(path) != before:
                raise Refused(f"{path} is being changed; nothing was changed", hint="try again")
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror}; nothing was changed") from None
    return True


def _check_launcher(path: str) -> None:
    """Raise Refused if the hooks would not call sesh: the launcher of an unpacked `sesh.pyz` need not be there."""
    unpacked = own.is_version(os.path.dirname(os.path.dirname(os.path.dirname(about.__file__))))
    if not os.access(path, os.X_OK) or (unpacked and not own.is_program(path)):
        problem = f"{path}, which the hooks would call, is no sesh; nothing was changed"
        raise Refused(problem, hint="install sesh first, as `make install` does")


def _check_owner(path: str) -> None:
    """Raise Refused if a file, or its nearest directory, belongs to another person."""
    nearest = os.path.abspath(path)
    while not os.path.exists(nearest):
        nearest = os.path.dirname(nearest)
    owner = os.stat(nearest).st_uid
    if owner not in (0, os.geteuid()) and not paths.is_unmapped(owner):
        problem = f"{nearest} belongs to another user (uid {owner}); nothing was changed"
        raise Refused(problem, hint="run it as that user")


def snippet(agent: str) -> str:
    value: JSONObject = {}
    _add(value, agent)
    return json.dumps(value, indent=2)


def _add(value: JSONObject, agent: str) -> None:
    """Add our groups. Raises Refused if the settings have another type in their place."""
    hooks = value.setdefault("hooks", {})
    for event in AGENTS[agent].events:
        groups = hooks.setdefault(event, []) if isinstance(hooks, dict) else None
        if not isinstance(groups, list):
            raise Refused(f"the place for the hooks is taken: see {event} in hooks; nothing was changed")
        groups.append(_group(agent))


def _remove(value: JSONObject, agent: str) -> None:
    hooks: Any = value.get("hooks")
    if not isinstance(hooks, dict):
        return
    for event, groups in list(hooks.items()):
        if not isinstance(groups, list):
            continue
        rest = [group for group in groups if not _is_ours(group, agent)]
        if len(rest) < len(groups):
            hooks[event] = rest
            if not rest:
                del hooks[event]
            if not hooks:
                del value["hooks"]


def _group(agent: str) -> JSONObject:
    """Return our group. Its command needs no PATH, and still succeeds after sesh is uninstalled."""
    command = f"{shlex.quote(launcher())} --hook {agent} {_SILENT}"
    return {"hooks": [{"type": "command", "command": command, "timeout": AGENTS[agent].timeout}]}


def _is_ours(group: Any, agent: str) -> bool:
    try:
        [hook] = group["hooks"]
        words = shlex.split(str(hook["command"]))
    except (KeyError, TypeError, ValueError):
        return False
    if len(group) > 1 or words[1:] != ["--hook", agent, *shlex.split(_SILENT)]:
        return False  # the person wrote this group, for example with a matcher
    return os.path.isabs(words[0]) and os.path.basename(words[0]) in (PROGRAM, DISTRIBUTION)


def report(state: str, question: str) -> str:
    """Report the calling program's state; return its session's name. Raises UsageError, Refused."""
    if state not in STATES:
        raise UsageError(f"unknown state {printable(state)}; use {', '.join(STATES)}")
    name = own_session("state", f"{SESH} state …")
    find.request(name, STATE, state=state, question=question)
    return name


def own_session(verb: str, line: str) -> str:
    """Return the name of the caller's session. Raises Refused outside of any.

    `line`: how a hook calls the verb.
    """
    if (record := _session_of()) is None:
        hint = f'in a hook write: [ -z "$SESH_SESSION" ] || {line}'
        raise Refused(f"{PROGRAM} {verb} works only inside a session", hint=hint)
    return str(record["name"])


def _session_of(agent: str = "") -> Record | None:
    """Return the record of the session on whose terminal the caller runs.

    Claude Code (since 2.1.139) and Codex run each hook with `setsid`, so it has no terminal. Then the terminal of the
    process that started the hook counts, if that process is `agent`. Codex's server has no terminal either, so
    that its hooks belong to no session.
    """
    tty = processes.controlling_tty()
    if not tty:
        starter = processes.parent_of(os.getsid(0))
        words = [os.path.basename(word) for word in processes.command_of(starter) if word[:1] != "-"]
        if any(word.startswith(agent) for word in words[:2]):  # the first word may be node or python
            tty = processes.controlling_tty(starter)
    return listing.current(tty)


def report_event(agent: str, text: str) -> None:
    """Report an event to the session, without a timeout. Malformed text may raise any exception."""
    event = json.loads(text)
    record = _session_of(agent)
    state = _STATES.get(_kind(event) if event["hook_event_name"] == "Notification" else event["hook_event_name"])
    if record is None or state is None:
        return
    session = str(record["name"])
    if not (_still_works(event) or _was_reported(event, session)):
        question = _question(event) if state == "waiting" else ""
        find.request(session, STATE, state=state, question=question, hook=True)
    if conversation := _resumable(event):
        find.request(session, RESUME, command=[*_RESUME[agent], conversation])
    if _leaves_the_shell(event, record):
        find.request(session, RESUME, command=[])


def _kind(notification: JSONObject) -> str:
    return str(notification.get("notification_type", "permission_prompt"))


def _still_works(event: JSONObject) -> bool:
    return event["hook_event_name"] == "SessionStart" and event.get("source") == "compact"


def _resumable(event: JSONObject) -> str:
    """Return the id of the conversation; empty if the agent cannot resume it yet."""
    # The agent stores a new conversation at its first prompt: before that, resuming it would fail.
    unstored = event["hook_event_name"] in ("SessionStart", "Notification", "SessionEnd")
    if unstored and event.get("source") not in ("resume", "compact"):
        return ""
    return event["session_id"] if _CONVERSATION.fullmatch(event["session_id"]) else ""


def _leaves_the_shell(event: JSONObject, record: Record) -> bool:
    """Return whether the agent ends, so that only the session's shell is left to restart."""
    ends = event["hook_event_name"] == "SessionEnd" and event.get("reason") not in ("clear", "resume")
    return ends and bool(record.get("shell")) and not platforms.shutting_down()


def _was_reported(event: JSONObject, session: str) -> bool:
    """Return whether a hook already reported this notification's question, in more detail.

    If Claude Code asks for network access in its sandbox, it sends only the notification (seen in 2.1.76).
    """
    if event["hook_event_name"] != "Notification" or _kind(event) != "permission_prompt":
        return False
    activity = find.request(session, STATUS)[0]["activity"]
    return bool(activity and activity["state"] == "waiting" and activity["why"] == "hook")


def _question(event: JSONObject) -> str:
    details = event.get("tool_input") or event.get("details") or {}
    if asked := details.get("questions"):
        return str(asked[0]["question"])
    words = next((details[key] for key in _DETAILS if details.get(key)), "")
    words = " ".join(map(str, words)) if isinstance(words, list) else str(words)
    return ": ".join(filter(None, (str(event.get("message") or event.get("tool_name") or ""), words)))
