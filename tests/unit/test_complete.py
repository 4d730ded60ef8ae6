"""What may stand where the cursor is."""

from __future__ import annotations

import os
import time

import pytest

from sesh.cli import complete, gist, offers, parser
from sesh.ops import child
from sesh.remote import known
from sesh.remote.ssh import destination
from tests.support import Home


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sessions here, one on a host; no process is asked."""
    monkeypatch.setattr(offers, "sessions", lambda **_: {"work": "detached", "play": "attached"})
    monkeypatch.setattr(offers, "sessions_on", lambda host: {f"on-{host}": "running"})
    monkeypatch.setattr(offers, "hosts", lambda: {"@gpu": "known", "@box": "ssh_config"})
    monkeypatch.setattr(offers, "labels", lambda: {"team=web": "work"})


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("line", "kind", "offered"),
    [
        ("|", "words", ["work", "play", "@gpu", "@box"]),
        ("w|", "words", ["work"]),
        ("@|", "words", ["@gpu", "@box"]),
        ("@gpu @b|", "words", ["@box"]),
        ("@gpu |", "words", ["on-gpu"]),
        ("@gpu on|", "words", ["on-gpu"]),
        ("@gpu --kill |", "words", ["on-gpu"]),
        ("work |", "directories", []),
        ("work dir |", "words", []),
        ("--kill work |", "words", ["play"]),
        ("-k pl|", "words", ["play"]),
        ("--status work |", "words", []),
        ("--open x |", "directories", []),
        ("--exec -C |", "directories", []),
        ("--exec -C /tmp j|", "words", []),
        ("--list --label |", "words", ["team=web"]),
        ("--list --label=t|", "words", ["--label=team=web"]),
        ("--label work |", "words", ["team=web"]),
        ("--screen work --format s|", "words", ["svg"]),
        ("--send work --key C-c --key PageD|", "words", ["PageDown"]),
        ("--completions |", "words", ["bash", "zsh", "fish"]),
        ("--import |", "files", []),
        ("work -- |", "command 2", []),
        ("@gpu --exec job --print -- make -|", "command 5", []),
        ("--send work -- |", "words", []),
        ("a/b@ |", "directories", []),
        ("@ |", "words", []),
        ("work --kill |", "words", []),
        ("--wait work --for |", "words", []),
    ],
)
def test_each_place_has_its_own(line: str, kind: str, offered: list[str]) -> None:
    typed = line.removesuffix("|").split(" ")
    found_kind, found = complete.answer(typed)
    assert (found_kind, list(found)) == (kind, offered)


@pytest.mark.usefixtures("filled")
def test_options_come_from_the_table_of_words() -> None:
    everything = set(complete.answer(["-"])[1])
    assert set(parser.VERBS) <= everything
    for verb, options in parser.OPTIONS.items():
        if verb:
            found = set(complete.answer([verb, "--"])[1])
            assert {option for option in options if option[:2] == "--"} | {"--json", "--help"} <= found, verb
    assert "--timeout" not in complete.answer(["--exec", "--timeout", "3", "--"])[1]
    assert "--label" in complete.answer(["--exec", "--label", "a=b", "--"])[1]
    assert "--" in complete.answer(["--exec", "job", "--"])[1]


def test_what_options_do_is_kept_from_their_help(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home.path)
    asked: list[list[str]] = []
    monkeypatch.setattr(child, "aside", asked.append)
    assert (gist.of("--exec"), gist.of("--exec")) == ({}, {})
    assert asked == [["--complete", "--gist"]], "asked for once, and not waited for"
    assert gist.keep() == 0
    assert gist.of("--exec")["--print"] == "Print its output when it has ended"
    assert set(parser.VERBS) <= set(gist.of(""))
    kept = os.path.join(home.path, ".cache", "sesh", "gist.json")
    assert os.stat(kept).st_mode & 0o777 == 0o600
    monkeypatch.setattr(gist, "__version__", "another")
    assert gist.of("--exec") == {}
    home.write(".cache/sesh/gist.json", "[1")
    assert gist.of("--exec") == {}


def test_the_hosts_of_ssh_config_are_those_that_are_no_patterns(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home.path)
    monkeypatch.setattr(destination, "SYSTEM_CONFIG", home.write("ssh_config", "Host everywhere\n"))
    home.write(".ssh/config", 'Host one two *.com !three ?\n host = "four"  # five\nInclude conf.d/* ~/extra none\n')
    home.write(".ssh/conf.d/a", "Include conf.d/a config\nHost six\n\tHost\tseven\nHost -bad $(evil) a/b\n")
    home.write("extra", 'HOST eight\nHostName nine\nHost "ten\n')
    assert destination.aliases() == ["one", "two", "four", "six", "seven", "eight", "everywhere"]


def test_a_host_that_does_not_answer_costs_tab_next_to_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home.path)
    asked: list[str] = []
    monkeypatch.setattr(child, "aside", lambda argv: asked.append(argv[-1]))
    monkeypatch.setattr(offers, "remotes", lambda: ["gpu"])
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    assert offers.PATIENCE <= 0.1
    assert offers.sessions_on("gpu") == {}
    assert pauses
    assert offers.sessions_on("unknown") == {}
    assert offers.sessions_on("gpu") == {}
    assert asked == ["gpu"], "only a known one, and not at every Tab"
    known.record_names("gpu", [{"name": "train", "state": "running", "cwd": f"{home.path}/src"}])
    os.utime(known.path_of("gpu", ".names"), (1, 1))
    pauses.clear()
    assert offers.sessions_on("gpu") == {"train": "running, @gpu, ~/src"}
    assert pauses == []
    assert asked == ["gpu", "gpu"]
    assert offers.sessions() == {"train": "running, @gpu, ~/src"}
