"""Hooks are added to agents' settings and removed, with no other byte changed."""

from __future__ import annotations

import json
import os
import shlex
import stat
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sesh.errors import Refused
from sesh.ops import agents
from sesh.reach import find
from tests.support import rounds
from tests.support.hooking import RESUME, SESSION, TURNS

AGENTS = tuple(agents.AGENTS)
LAUNCHER = "my tools/it's/sesh"  # in the home, which is the current directory

OTHERS = (
    '{"a":1}',
    '{\n  "model": "m", // mine\n  "hooks": {}\n}\n',
    '{\n  "permissions": {"allow": ["Bash(make:*)"]}\n}\n',
    '{\r\n  "a": 1\r\n}\r\n',
    '{"a": 1, "a": 1}',
    '{"a": 1,}',
    "{",
    "[]",
    "not json",
    b"\xff\xfe{}",
    "[" * 100_000,
)
"""Settings that sesh would not give back byte for byte, or that do not parse."""


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "argv", [LAUNCHER])
    monkeypatch.chdir(tmp_path)
    (tmp_path / LAUNCHER).parent.mkdir(parents=True)
    (tmp_path / LAUNCHER).touch(mode=0o755)
    return tmp_path


def put(agent: str, text: str | bytes | None) -> Path:
    """Write this text as the agent's settings, or remove the file; return its path."""
    path = Path(agents.settings(agent))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def commands(path: Path, agent: str) -> dict[str, list[str]]:
    """Return sesh's own commands by event, in order."""
    found: dict[str, list[str]] = {}
    for event, groups in json.loads(path.read_text())["hooks"].items():
        hooks = [hook for group in groups if agents._is_ours(group, agent) for hook in group["hooks"]]
        found |= {event: [hook["command"] for hook in hooks]} if hooks else {}
    return found


def added_and_removed(agent: str, text: str) -> None:
    """Add the hooks, twice, and remove them, twice."""
    path, before = put(agent, text), json.loads(text)
    assert agents.integrate(agent)
    command = f"{shlex.quote(os.path.abspath(LAUNCHER))} --hook {agent} 2>/dev/null || true"
    added, events = path.read_bytes(), agents.AGENTS[agent].events
    assert commands(path, agent) == {event: [command] for event in events}
    after = json.loads(added)
    assert {**after, "hooks": None} == {**before, "hooks": None}
    for event, groups in before.get("hooks", {}).items():
        assert after["hooks"][event][: len(groups)] == groups
    assert not agents.integrate(agent)
    assert path.read_bytes() == added
    assert agents.integrate(agent, remove=True)
    assert not agents.integrate(agent, remove=True)


@pytest.mark.parametrize("text", OTHERS)
def test_settings_that_are_written_in_another_way_are_for_the_person(text: str | bytes) -> None:
    path = put("claude", text)
    before = path.read_bytes()
    with pytest.raises(agents.ByHand):
        agents.integrate("claude")
    assert not agents.integrate("claude", remove=True)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["settings.json"]
    put("claude", f"// mine\n{agents.snippet('claude')}\n")
    assert not agents.integrate("claude")
    with pytest.raises(agents.ByHand):
        agents.integrate("claude", remove=True)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_file_and_a_folder_that_are_missing_are_made(agent: str) -> None:
    path = Path(agents.settings(agent))
    assert not agents.integrate(agent, remove=True)
    assert not path.parent.exists()
    assert agents.integrate(agent)
    assert json.loads(path.read_text()).keys() == {"hooks"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert agents.integrate(agent, remove=True)
    assert path.read_text() == "{}\n"


@pytest.mark.parametrize("taken", ['{"hooks": 5}', '{"hooks": null}', '{"hooks": {"Stop": "x"}}', '{"hooks": [1]}'])
def test_a_place_that_is_taken_is_left(taken: str) -> None:
    path = put("claude", taken)
    with pytest.raises(Refused, match="the place for the hooks is taken"):
        agents.integrate("claude")
    assert path.read_text() == taken
    assert not agents.integrate("claude", remove=True)


def test_a_link_of_the_person_is_written_where_it_leads_with_the_mode_kept(home: Path) -> None:
    path, target = put("claude", None), home / "dotfiles" / "claude.json"
    target.parent.mkdir()
    target.write_text("{}")
    target.chmod(0o640)
    middle = home / "middle"
    middle.symlink_to(target)
    path.symlink_to(middle)
    assert agents.integrate("claude")
    assert (path.is_symlink(), middle.is_symlink()) == (True, True)
    assert "--hook claude" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert agents.integrate("claude", remove=True)
    assert (target.read_text(), path.resolve()) == ("{}", target)


def test_hooks_of_another_sesh_are_renewed_and_no_more_than_those(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = {"hooks": [{"type": "command", "command": "sesh state done"}]}
    text = json.dumps({"hooks": {"Stop": [theirs]}}, indent=2) + "\n"
    path = put("claude", text)
    old = home / "old" / "sesh"
    old.parent.mkdir()
    old.touch(mode=0o755)
    monkeypatch.setattr(sys, "argv", [str(old)])
    older = ("UserPromptSubmit", "Stop", "PostToolUse")
    monkeypatch.setitem(agents.AGENTS, "claude", agents.AGENTS["claude"]._replace(timeout=5, events=older))
    assert agents.integrate("claude")
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(path.parent.parent))
    monkeypatch.setattr(sys, "argv", [str(home / LAUNCHER)])
    assert commands(path, "claude").keys() == set(older)
    assert agents.integrate("claude")
    assert commands(path, "claude").keys() == set(agents.AGENTS["claude"].events)
    assert str(old) not in path.read_text()
    assert agents.integrate("claude", remove=True)
    assert path.read_text() == text


@pytest.mark.parametrize(
    "command",
    [
        "/opt/other/tool --hook claude --notify",
        "/opt/other/tool --hook claude 2>/dev/null || true",
        "/opt/sesh --hook claude --notify",
        "sesh --hook claude 2>/dev/null || true",
    ],
)
def test_hooks_of_another_tool_that_has_such_an_option_stay(command: str) -> None:
    text = json.dumps({"hooks": {"Stop": [{"hooks": [{"type": "command", "command": command}]}]}}, indent=2)
    path = put("claude", text)
    assert not agents.integrate("claude", remove=True)
    assert agents.integrate("claude")
    assert json.loads(path.read_text())["hooks"]["Stop"][0] == json.loads(text)["hooks"]["Stop"][0]
    assert agents.integrate("claude", remove=True)
    assert path.read_text() == text


_VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner, max_size=3)),
    max_leaves=8,
)
_GROUPS = st.lists(
    st.one_of(_VALUES, st.just({"hooks": [{"type": "command", "command": "beep"}]})), min_size=1, max_size=3
)
_HOOKS = st.dictionaries(st.sampled_from(["Stop", "SessionStart", "AfterAgent", "PreToolUse"]), _GROUPS, min_size=1)
_SETTINGS = st.builds(
    lambda before, hooks: {**before, **hooks},
    st.dictionaries(st.text(max_size=3), _VALUES, max_size=3),
    st.one_of(st.just({}), st.builds(lambda hooks: {"hooks": hooks}, _HOOKS)),
)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=rounds(30, 1000)
)
@given(_SETTINGS, st.sampled_from([2, 4, "\t", None]), st.sampled_from(["", "\n"]), st.sampled_from(AGENTS))
def test_any_document_comes_back_byte_for_byte(value: object, indent: int | str | None, end: str, agent: str) -> None:
    text = json.dumps(value, ensure_ascii=False, indent=indent) + end
    added_and_removed(agent, text)
    assert Path(agents.settings(agent)).read_text() == text


def test_what_an_agent_writes_meanwhile_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent writes its settings when a person allows something; this change was lost."""
    path, fsync = put("claude", '{"a": 1}\n'), os.fsync

    def written_meanwhile(descriptor: int) -> None:
        fsync(descriptor)
        path.write_text('{"a": 2}\n')

    monkeypatch.setattr(os, "fsync", written_meanwhile)
    with pytest.raises(Refused, match="is being changed"):
        agents.integrate("claude")
    assert path.read_text() == '{"a": 2}\n'


def test_settings_of_another_user_are_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """As root, in a user's home, `integrate` took the settings from the user."""
    folder = Path(agents.settings("claude")).parent
    owned = os.stat(folder.parent)
    with monkeypatch.context() as patch:
        patch.setattr(os, "stat", lambda *_, **__: os.stat_result((*owned[:4], os.getuid() + 1, *owned[5:])))
        with pytest.raises(Refused, match="another user"):
            agents.integrate("claude")
    assert not os.path.exists(folder)


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
