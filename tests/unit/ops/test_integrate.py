"""Hooks in the settings of agents: put in and taken out, with all other bytes left as they are."""

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
from sesh.ops import integrate
from tests.support import rounds

AGENTS = tuple(integrate.AGENTS)
LAUNCHER = "/opt/my tools/it's/sesh"

#: Settings that people have: odd indents, comments, other hooks, other line ends, no new line at the end, nothing.
TEXTS = (
    "",
    "\n  \n",
    "{}",
    "{ }\n",
    "{\n}\n",
    '{"a":1}',
    '{ "a": 1 }',
    '{\n  "model": "m",\n  "permissions": {"allow": ["Bash(make:*)"]}\n}\n',
    '{\r\n\t"model": "m", // mine\r\n\t"hooks": {}\r\n}',
    '{\n "hooks": {\n "Stop": [],\n "SessionStart": [ ] , "AfterAgent":[\n]}}\n',
    '{\n   "hooks": {"Stop": [\n  {"matcher": "", "hooks": [{"type": "command", "command": "beep"}]} // my\n  ]}}\n',
    '// top\n{ /* a, b */ "hooks" /* : */ : { /* { */ } /* } */ , "b": "// no \\" comment /*" }\n// end',
    '{"hooks": 1, "env": {"hooks": {"Stop": 5}}, "hooks": {"Stop": [1, null, {"hooks": "x"}, {"hooks": [5]}]}}',
    '{"hooks": {"SessionEnd": [{"hooks": [{"type": "command", "command": "\'it"}]}]}, "\\u00e4\\"": "\u00e4\\\\"}',
    '{"x": 1}\n\n\n',
)


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HOME", str(tmp_path))
    for variable in ("CLAUDE_CONFIG_DIR", "CODEX_HOME", "GEMINI_CLI_HOME"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(sys, "argv", [LAUNCHER])
    return tmp_path


def put(agent: str, text: str | bytes | None) -> Path:
    """The agent's settings with that text, or none."""
    path = Path(integrate.settings(agent))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    if text is not None:
        path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def parsed(text: str) -> Any:
    return json.loads(integrate._bare(text)) if text.strip() else {}


def commands(path: Path, agent: str) -> dict[str, list[str]]:
    """The commands of ours by their event, in order."""
    found: dict[str, list[str]] = {}
    for event, groups in parsed(path.read_text())["hooks"].items():
        hooks = [hook for group in groups if integrate._is_ours(group, agent) for hook in group["hooks"]]
        found |= {event: [hook["command"] for hook in hooks]} if hooks else {}
    return found


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("text", TEXTS)
def test_hooks_are_added_once_and_removed_without_a_trace(agent: str, text: str) -> None:
    path = put(agent, text)
    assert integrate.integrate(agent)
    added = path.read_bytes()
    events = integrate.AGENTS[agent][4]
    command = f"{shlex.quote(LAUNCHER)} --hook {agent} 2>/dev/null || true"
    assert commands(path, agent) == {event: [command] for event in events}
    assert stays(parsed(text), parsed(added.decode()), agent)
    assert not integrate.integrate(agent)
    assert path.read_bytes() == added
    assert integrate.integrate(agent, remove=True)
    assert path.read_bytes() == text.encode()
    assert not integrate.integrate(agent, remove=True)
    assert path.read_bytes() == text.encode()


def stays(before: Any, after: Any, agent: str) -> bool:
    """Whether all that stood there still stands there, as it did, and nothing is there besides ours."""
    hooks = {
        event: [group for group in groups if not integrate._is_ours(group, agent)]
        for event, groups in after["hooks"].items()
    }
    kept = before.get("hooks", {})
    return {**after, "hooks": None} == {**before, "hooks": None} and {
        event: groups for event, groups in hooks.items() if groups or event in kept
    } == kept


@pytest.mark.parametrize("agent", AGENTS)
def test_a_file_and_a_folder_that_are_missing_are_made_and_go_again(agent: str) -> None:
    path = Path(integrate.settings(agent))
    assert not path.parent.exists()
    assert not integrate.integrate(agent, remove=True)
    assert integrate.integrate(agent)
    assert json.loads(path.read_text()).keys() == {"hooks"}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert integrate.integrate(agent, remove=True)
    assert not path.parent.exists()
    assert integrate.integrate(agent)
    (path.parent / "other").touch()
    assert integrate.integrate(agent, remove=True)
    assert os.listdir(path.parent) == ["other"]


@pytest.mark.parametrize(
    "broken",
    ['{"a": 1,}', "{", "[]", "5", '{"a": 1} /* no end', '{"a" 1}', "not json", b"\xff\xfe{}", b"{}\0", "[" * 100_000],
)
@pytest.mark.parametrize("remove", [False, True])
def test_a_file_that_does_not_parse_is_left_as_it_is(broken: str | bytes, remove: bool) -> None:
    path = put("claude", broken)
    before = path.read_bytes()
    with pytest.raises(Refused, match=r"settings.json does not parse; it was left as it is"):
        integrate.integrate("claude", remove=remove)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == ["settings.json"]


@pytest.mark.parametrize("taken", ['{"hooks": 5}', '{"hooks": null}', '{"hooks": {"Stop": "x"}}', '{"hooks": [1]}'])
def test_a_place_that_is_taken_is_left(taken: str) -> None:
    path = put("claude", taken)
    with pytest.raises(Refused, match=r"the place for the hooks is taken: \w+ is something else there"):
        integrate.integrate("claude")
    assert path.read_text() == taken
    assert not integrate.integrate("claude", remove=True)


def test_a_link_of_the_person_is_written_where_it_leads_with_the_mode_kept(home: Path) -> None:
    path, target = put("claude", None), home / "dotfiles" / "claude.json"
    target.parent.mkdir()
    target.write_text("{}")
    target.chmod(0o640)
    middle = home / "middle"
    middle.symlink_to(target)
    path.symlink_to(middle)
    assert integrate.integrate("claude")
    assert (path.is_symlink(), middle.is_symlink()) == (True, True)
    assert "--hook claude" in target.read_text()
    assert stat.S_IMODE(target.stat().st_mode) == 0o640
    assert integrate.integrate("claude", remove=True)
    assert (target.read_text(), path.resolve()) == ("{}", target)


def test_hooks_of_another_sesh_are_renewed_and_no_more_than_those(monkeypatch: pytest.MonkeyPatch) -> None:
    text = '{\n  "hooks": {\n    "Stop": [{"hooks": [{"type": "command", "command": "sesh --state done"}]}]\n  }\n}\n'
    path = put("claude", text)
    monkeypatch.setattr(sys, "argv", ["/old/sesh"])
    older = ("UserPromptSubmit", "Stop", "PostToolUse")
    monkeypatch.setitem(integrate.AGENTS, "claude", (*integrate.AGENTS["claude"][:3], 5, older))
    assert integrate.integrate("claude")
    monkeypatch.undo()
    monkeypatch.setenv("HOME", str(path.parent.parent))
    monkeypatch.setattr(sys, "argv", [LAUNCHER])
    assert commands(path, "claude").keys() == set(older)
    assert integrate.integrate("claude")
    assert commands(path, "claude").keys() == set(integrate.AGENTS["claude"][4])
    assert "/old/sesh" not in path.read_text()
    assert '"sesh --state done"' in path.read_text()
    assert integrate.integrate("claude", remove=True)
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
    assert not integrate.integrate("claude", remove=True)
    assert integrate.integrate("claude")
    assert parsed(path.read_text())["hooks"]["Stop"][0] == json.loads(text)["hooks"]["Stop"][0]
    assert integrate.integrate("claude", remove=True)
    assert path.read_text() == text


# -- random documents

_SPACES = st.sampled_from(["", "", " ", "\n", "\r\n\t", "  \n ", " // note }],\n", '/* , { [ " */', "\t/**/ "])
_KEYS = st.one_of(st.sampled_from(["hooks", "Stop", "SessionStart", "AfterAgent", "env"]), st.text(max_size=4))


@st.composite
def _written(draw: st.DrawFn, value: Any) -> str:
    """A value as somebody may have written it, with blanks and comments anywhere."""

    def s() -> str:
        return draw(_SPACES)

    if isinstance(value, dict):
        inner = ",".join(f"{s()}{json.dumps(key)}{s()}:{draw(_written(each))}" for key, each in value.items())
        return f"{s()}{{{inner}{s()}}}{s()}"
    if isinstance(value, list):
        return f"{s()}[{','.join(draw(_written(each)) for each in value)}{s()}]{s()}"
    return f"{s()}{json.dumps(value, ensure_ascii=draw(st.booleans()))}{s()}"


_SCALARS = st.one_of(st.none(), st.booleans(), st.integers(), st.text(max_size=8), st.just('// "/* no'))
_VALUES = st.recursive(
    _SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(_KEYS, inner, max_size=3)),
    max_leaves=8,
)
_GROUPS = st.lists(st.one_of(_VALUES, st.just({"hooks": [{"type": "command", "command": "beep"}]})), max_size=3)
_HOOKS = st.dictionaries(st.sampled_from(["Stop", "SessionStart", "AfterAgent", "PreToolUse"]), _GROUPS, max_size=3)
_SETTINGS = st.builds(
    lambda before, hooks, after: {**before, **hooks, **after},
    st.dictionaries(st.text(max_size=3), _VALUES, max_size=3),
    st.one_of(st.just({}), st.builds(lambda hooks: {"hooks": hooks}, _HOOKS)),
    st.dictionaries(st.text(max_size=3), _VALUES, max_size=3),
)


@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=rounds(30, 1000)
)
@given(value=_SETTINGS, data=st.data(), agent=st.sampled_from(AGENTS))
def test_any_document_comes_back_byte_for_byte(value: dict[str, Any], data: st.DataObject, agent: str) -> None:
    text = data.draw(_written(value))
    assert parsed(text) == value
    path = put(agent, text)
    assert integrate.integrate(agent)
    assert stays(value, parsed(path.read_bytes().decode()), agent)
    assert not integrate.integrate(agent)
    assert integrate.integrate(agent, remove=True)
    assert path.read_bytes() == text.encode()


@pytest.mark.parametrize("remove", [False, True])
def test_what_an_agent_writes_meanwhile_is_kept(monkeypatch: pytest.MonkeyPatch, remove: bool) -> None:
    """It writes its settings when a person allows something: that was lost."""
    path = put("claude", '{"a": 1}\n')
    if remove:
        integrate.integrate("claude")
    fsync = os.fsync
    writes = iter([True])

    def written_meanwhile(descriptor: int) -> None:
        fsync(descriptor)
        if next(writes, False):
            path.write_text(path.read_text().replace('"a": 1', '"a": 2'))

    monkeypatch.setattr(os, "fsync", written_meanwhile)
    assert integrate.integrate("claude", remove=remove)
    assert parsed(path.read_text())["a"] == 2
    assert integrate.standing("claude")[0] is not remove
