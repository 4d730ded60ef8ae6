"""`export` writes down the sessions of a machine, and `import` creates them again."""

from __future__ import annotations

import os
from pathlib import Path

from tests.support import Home, Sesh, wait_until


def test_what_was_exported_is_made_again_after_it_has_gone(sesh: Sesh, home: Home) -> None:
    sesh("open", "web", "/tmp", "--label", "team=a", "--", "sleep", "1000")
    sesh("open", "shell", "/usr")
    sesh("exec", "done", "--keep", "--", "true")
    exported = sesh("export")
    layout = {each["name"]: each for each in exported.json()["sessions"]}
    assert set(layout) == {"web", "shell"}, "a job that has ended is no session to be made again"
    assert layout["web"] == {
        "name": "web",
        "host": None,
        "directory": "/tmp",
        "command": ["sleep", "1000"],
        "resume": None,
        "labels": {"team": "a"},
    }
    sesh("kill", "web")
    path = home.write("layout.json", exported.raw)
    made = sesh("import", path)
    assert (made.code, made.stdout) == (0, "shell already runs\ncreated web\n")
    web = next(each for each in sesh("list", "--json").json() if each["name"] == "web")
    assert (web["cwd"], web["command"], web["labels"]) == ("/tmp", ["sleep", "1000"], {"team": "a"})
    again = sesh("import", "-", "--json", input=exported.raw)
    assert again.json()["ok"] is True
    assert [each["created"] for each in again.json()["sessions"]] == [False, False]


def test_an_invalid_layout_changes_nothing_and_names_the_value(sesh: Sesh, home: Home) -> None:
    for text, place in (
        ('{"sessions": [\n  {"name": "a" "b"}]}', "stdin is not JSON"),
        ("", "stdin is not JSON"),
        ('[{"name": "a"}, {"name": "b"}, {"name": "-x"}]', "sessions[2].name is"),
        ('{"sessions": [{"name": "a", "command": "make"}]}', "sessions[0].command is"),
        ('{"sessions": [{"name": "a", "host": "-oProxyCommand=x"}]}', "sessions[0]"),
        ('[{"name": "a"}, {"nam": "b"}]', "sessions[1].name is"),
        ('{"session": []}', "sessions is not a list"),
        ('{"version": 9, "sessions": []}', "version is not 1"),
        ('[{"name": "a", "labels": {"k=v": "w"}}]', "sessions[0]"),
        ("[" * 100_000, "stdin is not JSON"),
    ):
        refused = sesh("import", "--json", input=text)
        error = refused.json()["error"]
        assert (refused.code, error["code"], place in error["message"]) == (2, "usage", True), (text[:80], error)
    assert home.names() == []


def test_a_layout_keeps_each_byte_of_a_command(sesh: Sesh, home: Home) -> None:
    """A byte outside UTF-8 became U+FFFD, and `import` ran another command."""
    script = b"printf '\xff\x01\xc3\xa4\x7f' >made; exec cat"
    os.mkdir(os.fsencode(home.path) + b"/\xfe")
    odd = os.fsdecode(os.fsencode(home.path) + b"/\xfe")
    for printed in ([], ["--json"]):
        sesh("open", "odd", odd, "--", "sh", "-c", os.fsdecode(script))
        exported = sesh("export", *printed)
        assert exported.raw.isascii()
        sesh("kill", "odd")
        os.unlink(f"{odd}/made")
        assert sesh("import", "-", input=exported.raw).stdout == "created odd\n"
        wait_until(lambda: os.path.exists(f"{odd}/made") and os.path.getsize(f"{odd}/made"), "the command has run")
        assert Path(odd, "made").read_bytes() == b"\xff\x01\xc3\xa4\x7f"
        sesh("kill", "odd")
        os.unlink(f"{odd}/made")
