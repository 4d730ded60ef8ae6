"""`--integrate AGENT`: hooks in an AI agent's own settings, which call `sesh --hook AGENT` (see `ops/agent_hook`).

Sources, read in November 2026: code.claude.com/docs/en/hooks, claude-code 2.1.197; developers.openai.com/codex/hooks,
codex-rs/hooks of openai/codex, codex 0.169.0; geminicli.com/docs/hooks/reference, gemini-cli 0.61.0. All three have
JSON (some take comments) with a list of groups `{"matcher", "hooks": [{"type", "command", "timeout"}]}` for each event.

The text is changed in place, so that all other bytes stay, and removing ours gives the file back. Where ours are alone,
the blanks before them say what to leave: after `[ ` or `{ ` an empty list or table stays, after `{  ` an empty file;
without a blank the key that holds them goes too.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import stat
from collections.abc import Iterator, Mapping
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
_TRIES = 3
"""Attempts to change a file that its agent writes meanwhile."""
_NEW = "{\n  ", "\n}\n"
"""What stands around our hooks in a file that was not there."""
_SILENT = "2>/dev/null || true"
_COMMENT = re.compile(r'"(?:\\.?|[^"\\])*(?:"|\Z)|//[^\n]*|/\*.*?(?:\*/|\Z)', re.DOTALL)
_BETWEEN = re.compile(r"[\s,:]*")
_SPACE = " \t\r\n"


class _Changed(Exception):
    """The settings are not those any more that were read."""


def settings(agent: str) -> str:
    """The path of an agent's settings."""
    variable, folder, file, *_ = AGENTS[agent]
    return os.path.join(paths.expanded(os.environ.get(variable) or folder), file)


def standing(agent: str) -> tuple[bool, bool, bool]:
    """Whether hooks of ours are there, all of them and current, and whether the agent runs any. Raises Refused."""
    text = _read(settings(agent))
    found = [(event, _is_current(group, agent)) for _, event, group in _ours(text, agent)]
    wanted = [(event, True) for event in sorted(AGENTS[agent][4])]
    return bool(found), sorted(found) == wanted, not _parsed(text or "").get("disableAllHooks")


def integrate(agent: str, *, remove: bool = False) -> bool:
    """Adds and renews the hooks, or removes them; returns whether that changed anything. Raises Refused."""
    for _ in range(_TRIES):
        there, current, _ = standing(agent)
        if not there if remove else current:
            return False
        with contextlib.suppress(_Changed):
            _change(agent, remove=remove)
            return True
    raise Refused(f"{settings(agent)} is being changed; nothing was changed", hint="try again")


def _change(agent: str, *, remove: bool) -> None:
    """Puts the changed settings in place. Raises _Changed if the agent has written its own meanwhile, Refused."""
    path = os.path.realpath(settings(agent))
    before = _read(path)
    after = _without(before, agent) if remove else _with(_without(before, agent), agent)

    def check() -> None:
        if _read(path) != before:
            raise _Changed

    try:
        if after is None:
            check()
            os.unlink(path)
            with contextlib.suppress(OSError):  # the folder is not empty, or is a link
                os.rmdir(os.path.dirname(settings(agent)))
        else:
            os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
            mode = paths.OWN if before is None else stat.S_IMODE(os.stat(path).st_mode)
            writing.write_whole(path, after.encode(), durable=True, mode=mode, check=check)
    except OSError as error:
        raise Refused(f"cannot write {path}: {error.strerror}; nothing was changed") from None


def installed(agent: str) -> bool:
    """Whether an agent is there: its program is in PATH, or there are settings of it."""
    folder = os.path.dirname(settings(agent))
    return programs.find(agent) is not None or (os.path.isdir(folder) and bool(os.listdir(folder)))


def _group(agent: str, program: str = "") -> object:
    """A group of ours. Its command needs no PATH, and fails no agent once sesh is gone."""
    command = f"{shlex.quote(program or launcher())} --hook {agent} {_SILENT}"
    return {"hooks": [{"type": "command", "command": command, "timeout": AGENTS[agent][3]}]}


def _parsed(text: str) -> Mapping[str, object]:
    if not isinstance(value := json.loads(_bare(text) if text.strip() else "{}"), dict):
        raise ValueError
    return value


def _read(path: str) -> str | None:
    try:
        text = reading.read_regular(path, _LARGEST).decode()
        _parsed(text)
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):
        raise Refused(f"{path} does not parse; it was left as it is", hint="mend it, and try again") from None
    except OSError as error:
        raise Refused(f"cannot read {path}: {error.strerror}") from None
    return text


def _ours(text: str | None, agent: str) -> Iterator[tuple[list[tuple[int, int]], str, Any]]:
    """Our groups, of any version: the way there (places of tables, with the item that leads on), event, group."""
    if not text or not text.strip():
        return
    root = _after(bare := _bare(text), 0)
    for first, (key, _, table, _) in enumerate(_items(text, root)):
        events = _items(text, table) if key == "hooks" and text[table] == "{" else []
        for second, (event, _, groups, _) in enumerate(events):
            for third, (_, start, _, end) in enumerate(_items(text, groups) if text[groups] == "[" else ()):
                group = json.loads(bare[start:end])
                if _is_ours(group, agent):
                    yield [(root, first), (table, second), (groups, third)], event, group


def _is_ours(group: Any, agent: str) -> bool:
    try:
        [hook] = group["hooks"]
        words = shlex.split(str(hook["command"]))
    except (KeyError, TypeError, ValueError):
        return False
    if len(group) > 1 or words[1:] != ["--hook", agent, *shlex.split(_SILENT)]:
        return False  # with a matcher it is the person's own
    return os.path.isabs(words[0]) and os.path.basename(words[0]) in (PROGRAM, DISTRIBUTION)


def _is_current(group: Any, agent: str) -> bool:
    """Returns whether a group of ours calls this sesh, by any of its names: links to it, and those beside it."""
    program, own = shlex.split(group["hooks"][0]["command"])[0], launcher()
    folder, own_folder = (os.path.dirname(os.path.realpath(path)) for path in (program, own))
    same = program == own or (folder == own_folder and os.path.exists(program))
    return same and bool(group == _group(agent, program))


def _without(text: str | None, agent: str) -> str | None:
    """The text without our groups and what was put there for them; comments beside them stay."""
    while text and (found := next(_ours(text, agent), None)):
        *way, (at, number) = found[0]
        while way and len(inner := _items(text, at)) == 1 and text[at + 1 : inner[0][1]] != " ":
            at, number = way.pop()
        inner, bare = _items(text, at), _bare(text)
        _, start, _, end = inner[number]
        left, right = start, end
        if number:
            left = inner[number - 1][3]
        elif inner[1:]:
            right = inner[1][1]
        elif (text[:start], text[end:]) == _NEW:
            return None
        elif text[at:start] == "{  ":
            return text[:at]
        elif text[at + 1 : start] == " ":
            left = at + 1
        between, comma = text[left:start] + text[end:right], (bare[left:start] + bare[end:right]).find(",")
        rest = between[:comma] + between[comma + 1 :]
        text = text[:left] + (rest if rest.strip(_SPACE) else "") + text[right:]
    return text


def _with(text: str | None, agent: str) -> str:
    """The text with our groups, of which it has none. Raises Refused if something else stands in their place."""
    group, events = json.dumps(_group(agent)), AGENTS[agent][4]

    def table(space: str) -> str:
        line = space if "\n" in space else "\n" if space else ""
        inner = f"{line}{chr(9) if chr(9) in line else '  '}" if line else ""
        lists = f",{inner}".join(f'"{event}": [{group}]' for event in events)
        return f'"hooks": {{{inner}{lists}{line}}}'

    if text is None:
        return table(_NEW[0][1:]).join(_NEW)
    if not text.strip():
        return f"{text}{{  {table(_NEW[0][1:])}}}"
    for event in events:
        root = _after(_bare(text), 0)
        if (hooks := _value(text, root, "hooks", "{")) is None:
            return _inserted(text, root, table(_space(text, root)))
        if (groups := _value(text, hooks, event, "[")) is None:
            text = _inserted(text, hooks, f'"{event}": [{group}]')
        else:
            text = _inserted(text, groups, group)
    return text


def _value(text: str, at: int, key: str, bracket: str) -> int | None:
    """Where the value of a key begins, None if there is no such key. Raises Refused if it is of another kind."""
    value = next((value for name, _, value, _ in reversed(_items(text, at)) if name == key), None)
    if value is not None and text[value] != bracket:
        raise Refused(f"the place for the hooks is taken: {key} is something else there; nothing was changed")
    return value


def _inserted(text: str, at: int, item: str) -> str:
    """The text with one more item at the end of a list or table."""
    inner = _items(text, at)
    end = inner[-1][3] if inner else at + 1
    return f"{text[:end]}{',' if inner else ''}{_space(text, at)}{item}{text[end:]}"


def _space(text: str, at: int) -> str:
    """What stands before one more item: what stands before the last one."""
    inner = _items(text, at)
    before = text[: inner[-1][1]] if inner else " "
    return before[len(before.rstrip(_SPACE)) :]


def _bare(text: str) -> str:
    """The text with blanks for its comments: each character keeps its place."""

    def bare(match: re.Match[str]) -> str:
        keep = match[0][0] == '"' or (match[0][1] == "*" and match[0][-2:] != "*/")  # no end
        return match[0] if keep else " " * len(match[0])

    return _COMMENT.sub(bare, text)


def _after(text: str, at: int) -> int:
    match = _BETWEEN.match(text, at)
    return match.end() if match else at


def _items(text: str, at: int) -> list[tuple[str, int, int, int]]:
    """The items of the list or table that begins at `at`: key (none in a list), start, start of the value, end."""
    bare, found, end, decode = _bare(text), [], at + 1, json.JSONDecoder().raw_decode
    while bare[start := _after(bare, end)] not in "]}":
        key, value = decode(bare, start) if bare[at] == "{" else ("", start)
        value = _after(bare, value)
        end = decode(bare, value)[1]
        found.append((key, start, value, end))
    return found
