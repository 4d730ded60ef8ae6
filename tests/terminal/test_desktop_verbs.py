"""In a session, verbs and shims reach the clipboard and the browser of whoever is attached."""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Iterator

import pytest

from tests.support import Home
from tests.support.desk import AttachedDesk
from tests.support.typed import of_command_line

URL = "https://example.org/?a=b&c"


@pytest.fixture
def person(home: Home, work: None, monkeypatch: pytest.MonkeyPatch) -> Iterator[AttachedDesk]:
    monkeypatch.setenv("SESH_DIR", home.directory)
    with AttachedDesk("work") as attached:
        yield attached


@pytest.fixture
def inside(home: Home) -> Callable[[str], str]:
    """Run a command in the shell of the session; return its output."""
    return lambda line: home.sesh("run", "work", "--", line).stdout


def test_verbs_copy_and_paste(home: Home, person: AttachedDesk, inside: Callable[[str], str]) -> None:
    sesh = shlex.join(home.command)
    printed = json.loads(inside(f"printf text | {sesh} copy --json"))
    assert printed == {"ok": True, "type": "text/plain", "bytes": 4}
    assert person.desktop.clipboard == b"text"
    assert of_command_line(["copy"], printed) == []
    assert inside(f"{sesh} paste -t text/plain") == "text"
    printed = json.loads(inside(f"{sesh} paste -t text/plain --json"))
    assert printed == {"ok": True, "type": "text/plain", "bytes": 4, "text": "text", "base64": None}
    assert of_command_line(["paste"], printed) == []
    listed = json.loads(inside(f"{sesh} paste --list --json"))
    assert listed["types"] == inside(f"{sesh} paste --list").split()
    printed = json.loads(inside(f"{sesh} browse '{URL}' --json"))
    assert printed == {"ok": True, "url": URL}
    assert of_command_line(["browse"], printed) == []


def test_shims_are_found_and_reach_the_desktop(home: Home, person: AttachedDesk, inside: Callable[[str], str]) -> None:
    assert inside("command -v xclip").strip() == f"{home.directory}/bin/xclip"
    inside("printf 'more text' | xclip -selection clipboard")
    assert person.desktop.clipboard == b"more text"
    assert inside("xclip -o -sel c -t text/plain") == "more text"
    assert inside("xsel -i <<<chosen; wl-paste -np") == "chosen\n"
    assert inside(f"xdg-open '{URL}'; echo $?").splitlines()[-1] == "0"
