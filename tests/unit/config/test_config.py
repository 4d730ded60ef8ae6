"""config.toml: accepted values, and warnings for others, but never a failure."""

from __future__ import annotations

import os
import time
from dataclasses import asdict
from pathlib import Path

import pytest

from sesh.config import config
from sesh.config.config import Config, DesktopSettings, in_quiet_hours
from sesh.errors import UsageError
from tests.support import ROOT

FULL = """\
# mine
detach_key = 'C-b d'
replay_lines = 20_000
scrollback = 1_000_000
persist = false
keep = "never"
pick = true
quiet = "22:00-07:00"
renew = ["MY_TICKET"]
predict = "always"
hook = '''echo "$SESH_EVENT"'''

[groups]
web = ["@web1", "deploy@web2:2222", "@web1"]
"build.farm" = []

[remotes.box]
via = "docker exec -i 'my box'"

[remotes]
pod = { via = "kubectl exec -i pod --" }

[desktop]
paste = "always"
copy = "never"

[desktop.gpu]
paste = "never"
"""


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The path of config.toml, not made yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    path = tmp_path / ".config" / "sesh" / "config.toml"
    path.parent.mkdir(parents=True)
    return path


def loaded(place: Path, text: str | bytes) -> Config:
    place.write_bytes(text.encode() if isinstance(text, str) else text)
    return config.load()


def warnings(found: Config) -> list[str]:
    """Return the warnings without the path."""
    return [warning.removeprefix(f"{found.path}: ") for warning in found.warnings]


@pytest.mark.parametrize(
    ("span", "holds"),
    [("22:00-07:00", True), ("", True), ("00:00-24:00", True)]
    + [(span, False) for span in ("22:75-07:00", "22:00-07:60", "25:00-07:00", "24:01-07:00", "22-7", "22:00")],
)
def test_quiet_hours_are_two_times_of_a_day(place: Path, span: str, holds: bool) -> None:
    found = loaded(place, f'quiet = "{span}"\n')
    assert (found.quiet, found.warnings == []) == (span if holds else "", holds)


def test_every_key_is_taken(place: Path) -> None:
    found = loaded(place, FULL)
    assert warnings(found) == []
    assert (found.detach_key, found.replay_lines, found.scrollback) == ("C-b d", 20_000, 1_000_000)
    assert (found.keep, found.persist, found.pick, found.quiet) == ("never", False, True, "22:00-07:00")
    assert found.predict == "always"
    assert found.renew == ["MY_TICKET"]
    assert found.groups == {"web": ["web1", "deploy@web2:2222"], "build.farm": []}
    assert found.remotes == {
        "box": ["docker", "exec", "-i", "my box"],
        "pod": ["kubectl", "exec", "-i", "pod", "--"],
    }
    assert found.hook == 'echo "$SESH_EVENT"'
    assert found.desktop == {"": {"paste": "always", "copy": "never"}, "gpu": {"paste": "never"}}
    assert found.hosts_of(["web", "other", "web1"]) == ["web1", "deploy@web2:2222", "other"]


def test_the_page_shows_each_key_with_its_default(place: Path) -> None:
    page = Path(ROOT, "docs/CONFIG.md").read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    shown, plain = asdict(loaded(place, page)), asdict(loaded(place, ""))
    examples = {"detach_key": "C-\\", **{key: shown[key] for key in ("hook", "groups", "remotes", "desktop")}}
    assert shown["desktop"][""] == asdict(DesktopSettings())
    assert shown == {**plain, **examples}
    assert all(f"\n{key} = " in f"\n{page}" or f"\n[{key}" in page for key in plain.keys() - {"path", "warnings"})


def test_a_group_may_name_groups_and_each_host_comes_once(place: Path) -> None:
    found = loaded(place, "[groups]\nall = ['@db', '@web', 'a']\nweb = ['a', 'b']\ndb = ['c', '@more']\nmore = ['b']")
    assert warnings(found) == []
    assert found.hosts_of(["all", "d"]) == ["c", "b", "a", "d"]


def test_groups_of_any_depth_are_no_work_and_a_circle_of_them_has_the_hosts_of_all(place: Path) -> None:
    chain = [f"g{number} = ['g{number + 1}', 'g{number + 1}']" for number in range(3_000)]
    circle = ["all = ['@web', 'x']", "web = ['@db', 'a']", "db = ['@web']", "none = ['@none']"]
    found = loaded(place, "\n".join(["[groups]", *chain, *circle]))
    assert warnings(found) == []
    assert found.hosts_of(["g0"]) == ["g3000"]
    assert found.hosts_of(["db", "all"]) == ["a", "x"]
    with pytest.raises(UsageError, match="the group @none names no host"):
        found.hosts_of(["none"])


def test_a_pattern_of_remotes_stands_for_each_host_that_it_matches(place: Path) -> None:
    text = """
    [remotes."pod-*"]
    via = "kubectl exec -i {name} --"
    [remotes.pod-1]
    via = "docker exec -i one"
    [remotes."pod-?b*"]
    via = "never: the first pattern counts"
    [remotes."a b*"]
    via = "x"
    """
    found = loaded(place, text)
    assert [warning.partition(": write")[0] for warning in warnings(found)] == ["remotes.'a b*': 'a bx' is not a host"]
    assert found.via("pod-2b") == ["kubectl", "exec", "-i", "pod-2b", "--"]
    assert found.via("pod-1") == ["docker", "exec", "-i", "one"]
    assert found.via("pad-1") is None


def test_the_file_lies_where_xdg_says(place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place.write_text("replay_lines = 1")
    monkeypatch.setenv("XDG_CONFIG_HOME", "relative/is/ignored")
    assert config.load().replay_lines == 1
    other = tmp_path / "other"
    (other / "sesh").mkdir(parents=True)
    (other / "sesh" / "config.toml").write_text("replay_lines = 2")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(other))
    assert config.load().replay_lines == 2


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("\ncolour = 1", "unknown key colour; known: detach_key, replay_lines,"),
        ("persist = 1", "persist is not true or false"),
        ("replay_lines = true", "replay_lines is not a whole number from 0 to 1000000"),
        ("detach_key = 3", "detach_key is not text"),
        ('detach_key = "a b c"', "detach_key: the detach key must be one or two keys"),
        ('detach_key = "C-foo"', "detach_key: C-foo is not a key"),
        ("groups = 3", "groups must be a table: write [groups]"),
        ("[groups]\n  web = 'a'", "groups.web is not a list"),
        ("[groups]\nweb = ['a', '-oProxyCommand=x']", "groups.web: -oProxyCommand=x is not a host"),
        ("[groups]\n'a b' = []", "groups.'a b': 'a b' is not a host"),
        ("[remotes]\nbox = 'docker'", "remotes.box: write [remotes.box]"),
        ('[remotes.box]\nvia = "a \'b"', "remotes.box: write [remotes.box]"),
        ("[remotes.box]\nvia = ''", "remotes.box: write [remotes.box]"),
        ("[remotes]\nbox = { via = 'x', user = 'u' }", "remotes.box: write [remotes.box]"),
        ("[hooks]\non_bell = 'x'", "unknown key hooks; known: "),
        ("persist = false\nthis is no toml", "not read"),
        ("x = " + "[" * 100_000, "not read"),
        (b"persist = false\n# \xff", "not read"),
    ],
)
def test_what_is_wrong_is_a_warning_with_its_place_and_the_rest_holds(
    place: Path, text: str | bytes, expected: str
) -> None:
    found = loaded(place, text)
    assert len(found.warnings) == 1
    assert warnings(found)[0].startswith(expected)
    assert found.warnings[0].isprintable()
    assert (found.replay_lines, found.persist, found.hook) == (1000, True, "")


def test_a_file_that_cannot_be_read_is_a_warning(place: Path) -> None:
    """sesh waited for a FIFO in place of the file."""
    place.mkdir()
    why = f"{place}: not read, the defaults hold: "
    assert config.load().warnings == [why + "Is a directory"]
    place.rmdir()
    os.mkfifo(place)
    assert config.load().warnings == [why + "not a regular file"]
    place.unlink()
    place.write_bytes(b"#" * (config.MAX_FILE + 1))
    assert "larger than" in config.load().warnings[0]


def test_a_file_that_has_not_changed_is_parsed_once(place: Path) -> None:
    """Each of 300 hosts parsed them several times, which took 15 s."""
    first = loaded(place, "replay_lines = 3")
    assert loaded(place, "replay_lines = 3") is first
    assert loaded(place, "replay_lines = 4").replay_lines == 4


@pytest.mark.parametrize(
    ("span", "minute", "quiet"),
    [
        ("22:00-07:00", 23 * 60, True),
        ("22:00-07:00", 7 * 60, False),
        ("12:00-13:00", 13 * 60, False),
        (" 9:00 - 10:00 ", 9 * 60, True),
        ("00:00-24:00", 24 * 60 - 1, True),
        ("", 0, False),
    ],
)
def test_quiet_hours_may_go_over_midnight(monkeypatch: pytest.MonkeyPatch, span: str, minute: int, quiet: bool) -> None:
    now = time.struct_time((2026, 3, 1, *divmod(minute, 60), 0, 6, 60, 0))
    monkeypatch.setattr(time, "localtime", lambda: now)
    assert in_quiet_hours(span) is quiet


def test_a_host_has_the_desktop_settings_of_all_but_for_its_own(place: Path) -> None:
    text = """
    [desktop]
    browse = "always"
    [desktop.gpu]
    paste = "never"
    [desktop."web-*"]
    copy = "never"
    [desktop."*"]
    copy = "always"
    """
    found = loaded(place, text)
    assert warnings(found) == []
    assert found.desktop_of(None) == DesktopSettings("key", "always", "always")
    assert found.desktop_of("gpu") == DesktopSettings("never", "always", "always")
    assert found.desktop_of("web-1") == DesktopSettings("key", "always", "never")


def test_a_desktop_setting_that_is_wrong_leaves_the_default(place: Path) -> None:
    text = """
    [desktop]
    paste = "sometimes"
    copy = "key"
    files = true
    "" = { browse = "always" }
    gpu = { paste = 1, color = "red", browse = "never" }
    """
    found = loaded(place, text)
    assert [warning.partition(" ")[0].rstrip(":") for warning in warnings(found)] == [
        "desktop.paste", "desktop.copy", "desktop.files", "desktop.''", "desktop.gpu.paste", "desktop.gpu.color"
    ]  # fmt: skip
    assert found.desktop_of(None) == DesktopSettings()
    assert found.desktop_of("gpu") == DesktopSettings(browse="never")  # a slip beside it opens nothing
