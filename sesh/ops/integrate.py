"""`--integrate AGENT`: hooks in an AI agent's own settings, which call `sesh --hook AGENT` (see `ops/agent_hook`).

Sources, read in November 2026: code.claude.com/docs/en/hooks, claude-code 2.1.197; developers.openai.com/codex/hooks,
codex-rs/hooks of openai/codex, codex 0.169.0; geminicli.com/docs/hooks/reference, gemini-cli 0.61.0. Each event has a
list of groups `{"matcher", "hooks": [{"type", "command", "timeout"}]}`; a group of ours holds one hook.
"""

from __future__ import annotations

import json
import os
import shlex
import stat
from typing import TYPE_CHECKING, Any, NamedTuple

from sesh import jsonc, paths, programs
from sesh.errors import Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    Chain = list[tuple[int, int]]

_LARGEST = 4 << 20
"""Bytes of a file of settings."""
_BEGIN, _END = "{\n  ", "\n}\n"
"""What stands around the hooks in a file that was not there; in one that was empty it is a brace and two blanks."""
_SHARED = {"SessionStart": "", "UserPromptSubmit": "", "PermissionRequest": "", "Stop": "", "SessionEnd": ""}


class Agent(NamedTuple):
    """An agent: the variable that names its folder, the folder without it, its file; events with their matchers; the
    timeout of a hook (codex: at most 3 s at its end; gemini: ms); what it asks before it runs new hooks."""

    variable: str
    folder: str
    file: str
    events: dict[str, str]
    timeout: int
    asks: str = ""


AGENTS = {
    "claude": Agent(
        "CLAUDE_CONFIG_DIR", "~/.claude", "settings.json",
        {**_SHARED, "Notification": "permission_prompt|elicitation_dialog|idle_prompt"}, 10,
    ),
    "codex": Agent(
        "CODEX_HOME", "~/.codex", "hooks.json", {**_SHARED, "Interrupt": ""}, 3,
        "codex runs new hooks once you trust them: type /hooks in codex",
    ),
    "gemini": Agent(
        "GEMINI_CLI_HOME", "~", ".gemini/settings.json",
        {"SessionStart": "", "BeforeAgent": "", "Notification": "ToolPermission", "AfterAgent": "", "SessionEnd": ""},
        10_000,
    ),
}  # fmt: skip


def settings(agent: str) -> str:
    """The path of an agent's settings."""
    row = AGENTS[agent]
    return os.path.join(paths.expanded(os.environ.get(row.variable) or row.folder), row.file)


def standing(agent: str) -> str:
    """How the hooks stand: current, outdated, or empty if there are none. Raises Refused."""
    found = [(event, group) for _, event, group in _found(_read(settings(agent)), agent)]
    launcher = shlex.split(found[0][1]["hooks"][0]["command"])[0] if found else ""
    return ("current" if _same(found, agent, launcher) and programs.is_program(launcher) else "outdated") * bool(found)


def integrate(agent: str, *, remove: bool = False) -> bool:
    """Adds and renews the hooks, or removes them; returns whether that changed anything. Raises Refused."""
    path, launcher = settings(agent), programs.launcher()
    before = _read(path)
    found = [(event, group) for _, event, group in _found(before, agent)]
    if not found if remove else _same(found, agent, launcher):
        return False
    base = _without(before, agent)
    after = base if remove else _with(base, agent, launcher)
    if not remove and _without(after, agent) != base:
        raise Refused(f"hooks could not be taken out of {path} again; nothing was changed")
    try:
        _write(os.path.realpath(path), after)
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror}; nothing was changed") from None
    return True


def _same(found: list[tuple[str, Any]], agent: str, launcher: str) -> bool:
    """Returns whether groups are those that this sesh writes."""
    events = AGENTS[agent].events
    return len(found) == len(events) and dict(found) == {event: _group(agent, event, launcher) for event in events}


def _group(agent: str, event: str, launcher: str) -> dict[str, Any]:
    """What is written for an event. Its command needs no PATH, and fails no agent once sesh is gone."""
    matcher, command = AGENTS[agent].events[event], f"{shlex.quote(launcher)} --hook {agent} 2>/dev/null || true"
    hook = {"type": "command", "command": command, "timeout": AGENTS[agent].timeout}
    return {**({"matcher": matcher} if matcher else {}), "hooks": [hook]}


def _found(text: str | None, agent: str) -> Iterator[tuple[Chain, str, Any]]:
    """Our groups: the containers and the items in them that lead there, the event, the group."""
    text = text or ""
    root = jsonc.root(text)
    for first, (key, _, hooks, _) in enumerate(jsonc.items(text, root) if text[root:] else ()):
        events = jsonc.items(text, hooks) if key == "hooks" and text[hooks] == "{" else ()
        for second, (event, _, groups, _) in enumerate(events):
            for third, (_, start, _, end) in enumerate(jsonc.items(text, groups) if text[groups] == "[" else ()):
                if _is_ours(group := jsonc.read(text[start:end]), agent):
                    yield [(root, first), (hooks, second), (groups, third)], event, group


def _is_ours(group: Any, agent: str) -> bool:
    try:
        [hook] = group["hooks"]
        words = shlex.split(str(hook["command"]))
    except (KeyError, TypeError, ValueError):
        return False
    return words[1:3] == ["--hook", agent] and os.path.isabs(words[0])


def _without(text: str | None, agent: str) -> str | None:
    """The text without our groups, and without what was put there for them; None: no file."""
    while (found := next(_found(text, agent), None)) and text:
        chain = found[0]
        while chain[1:] and len(jsonc.items(text, chain[-1][0])) == 1 and not jsonc.came_first(text, chain[-1][0]):
            chain.pop()
        at = chain[0][0]
        start, end = jsonc.items(text, at)[0][1], jsonc.items(text, at)[-1][3]
        whole = not chain[1:] and len(jsonc.items(text, at)) == 1
        if whole and (text[:start], text[end:]) == (_BEGIN, _END):
            return None
        text = text[:at] if whole and text[at:start] == "{  " else jsonc.cut(text, *chain[-1])
    return text


def _with(text: str | None, agent: str, launcher: str) -> str:
    """The text with our groups, of which it has none. Raises Refused if something else stands in their place."""
    lists = [f'"{event}": [{json.dumps(_group(agent, event, launcher))}]' for event in AGENTS[agent].events]
    if text is None:
        return f"{_BEGIN}{_table(lists, _BEGIN[1:])}{_END}"
    if not text.strip():
        return f"{text}{{  {_table(lists, _BEGIN[1:])}}}"
    for event, piece in zip(AGENTS[agent].events, lists, strict=True):
        root = jsonc.root(text)
        if (hooks := _value(text, root, "hooks", "{")) is None:
            return jsonc.insert(text, root, _table(lists, jsonc.space(text, root)))
        if (groups := _value(text, hooks, event, "[")) is None:
            text = jsonc.insert(text, hooks, piece)
        else:
            text = jsonc.insert(text, groups, piece.partition("[")[2][:-1])
    return text


def _table(lists: list[str], space: str) -> str:
    """The key `hooks` with the lists of all events, laid out to stand behind `space`."""
    line = space if "\n" in space else "\n" if space else ""
    inner = f"{line}{chr(9) if chr(9) in line else '  '}" if line else ""
    return f'"hooks": {{{inner}{f",{inner}".join(lists)}{line}}}'


def _value(text: str, at: int, key: str, bracket: str) -> int | None:
    """Where the value of a key begins, None if there is no such key. Raises Refused if it is of another kind."""
    value = next((value for name, _, value, _ in reversed(jsonc.items(text, at)) if name == key), None)
    if value is not None and text[value] != bracket:
        raise Refused(f"the place for the hooks is taken: {key} is something else there; nothing was changed")
    return value


def _read(path: str) -> str | None:
    """A file of settings, None if there is none. Raises Refused."""
    try:
        text = paths.read_regular(path, _LARGEST).decode()
        if text.strip() and not isinstance(jsonc.read(text), dict):
            raise ValueError
    except FileNotFoundError:
        return None
    except ValueError:
        raise Refused(f"{path} is no JSON object, and was left as it is", hint="mend it, and try again") from None
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from None
    return text


def _write(path: str, text: str | None) -> None:
    if text is None:
        os.unlink(path)
        return
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    mode = stat.S_IMODE(os.stat(path).st_mode) if os.path.exists(path) else paths.OWN
    paths.write_whole(path, text.encode(), durable=True, mode=mode)
