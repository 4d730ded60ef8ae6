"""What may stand where the cursor is."""

from __future__ import annotations

import os
import time

import pytest

from sesh.cli import complete
from sesh.cli.verbs import VERBS
from sesh.ops import child
from sesh.remote import known
from sesh.remote.ssh import destination
from sesh.store import results
from tests.support import Home
from tests.support.data import job_result


@pytest.fixture
def filled(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two sessions here, one on a host; no process is asked."""
    monkeypatch.setattr(complete, "sessions", lambda **_: {"work": "detached", "play": "attached"})
    monkeypatch.setattr(complete, "sessions_on", lambda host: {f"on-{host}": "running"})
    monkeypatch.setattr(complete, "hosts", lambda: {"@gpu": "known", "@box": "ssh_config"})
    monkeypatch.setattr(complete, "labels", lambda: {"team=web": "work"})
    monkeypatch.setattr(complete, "ended_jobs", lambda: {"work": "ended", "done": "ended"})


@pytest.mark.usefixtures("filled")
@pytest.mark.parametrize(
    ("line", "kind", "offered"),
    [
        ("|", "words", ["work", "play", "@gpu", "@box"]),
        ("w|", "words", ["work"]),
        ("@|", "words", ["@gpu", "@box"]),
        ("@gpu @|", "words", ["@box"]),
        ("--deploy @box |", "words", ["@gpu"]),
        ("@gpu |", "words", ["on-gpu"]),
        ("@gpu on|", "words", ["on-gpu"]),
        ("@gpu --kill |", "words", ["on-gpu"]),
        ("work |", "directories", []),
        ("work dir |", "words", []),
        ("--kill work |", "words", ["play"]),
        ("-k pl|", "words", ["play"]),
        ("--status work |", "words", []),
        ("--status |", "words", ["work", "play", "done", "@gpu", "@box"]),
        ("--logs d|", "words", ["done"]),
        ("--wait work |", "words", ["play", "done"]),
        ("@gpu --logs |", "words", ["on-gpu"]),
        ("--open x |", "directories", []),
        ("--exec -C |", "directories", []),
        ("--exec -C /tmp j|", "words", []),
        ("--grep -C |", "words", []),
        ("--list --label |", "words", ["team=web"]),
        ("--list --label=t|", "words", ["--label=team=web"]),
        ("--label work |", "words", ["team=web"]),
        ("--screen work --format s|", "words", ["svg"]),
        ("--send work --key C-c --key PageD|", "words", ["PageDown"]),
        ("--completions |", "words", ["bash", "zsh", "fish"]),
        ("--state w|", "words", ["working", "waiting"]),
        ("--schema st|", "words", ["status", "state"]),
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
    assert {verb.name for verb in VERBS if verb.name} <= everything
    for verb in VERBS:
        if verb.name:
            found = set(complete.answer([verb.name, "--"])[1])
            assert {word for word in verb.spelled if word[:2] == "--"} | {"--json", "--help"} <= found, verb.name
    assert "--timeout" not in complete.answer(["--exec", "--timeout", "3", "--"])[1]
    assert "--label" in complete.answer(["--exec", "--label", "a=b", "--"])[1]
    assert "--" in complete.answer(["--exec", "job", "--"])[1]


@pytest.mark.usefixtures("filled")
def test_verbs_and_options_say_what_they_do() -> None:
    assert complete.answer(["--ex"])[1]["--exec"].startswith("Run CMD in its own session")
    assert complete.answer(["--exec", "--pr"])[1] == {
        "--print": "Print its output when it ends; of more than 32 MiB only the end"
    }


@pytest.mark.usefixtures("sessions")
def test_jobs_that_have_ended_are_offered_with_their_codes_the_last_one_first() -> None:
    now = time.time()
    results.keep(job_result(id="a1", name="build", exit_code=3, ended=now - 7200, job=True), b"")
    results.keep(job_result(id="a2", name="fail", exit_code=9, ended=now - 60, job=True), b"")
    results.keep(job_result(id="a3", name="shell", exit_code=0, ended=now, job=False), None)
    assert list(complete.ended_jobs().items()) == [("fail", "ended 1m ago: 9"), ("build", "ended 2h ago: 3")]


def test_the_hosts_of_ssh_config_are_those_that_are_no_patterns(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home.path)
    monkeypatch.setattr(destination, "SYSTEM_CONFIG", home.write("ssh_config", "Host everywhere\n"))
    home.write(".ssh/config", 'Host one two *.com !three ?\n host = "four"  # five\nInclude conf.d/* ~/extra none\n')
    home.write(".ssh/conf.d/a", "Include conf.d/a config\nHost six\n\tHost\tseven\nHost -bad $(evil) a/b\n")
    home.write("extra", 'HOST eight\nHostName nine\nHost "ten\n')
    assert destination.aliases() == ["one", "two", "four", "six", "seven", "eight", "everywhere"]


def test_hosts_are_offered_by_name_wherever_they_are_from(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """They came in the order of their last use, and those of ssh_config behind them."""
    monkeypatch.setenv("HOME", home.path)
    monkeypatch.setattr(destination, "SYSTEM_CONFIG", home.write("ssh_config", "Host web10 box\n"))
    monkeypatch.setattr(complete, "remotes", lambda: ["web2", "gpu"])
    assert list(complete.hosts()) == ["@box", "@gpu", "@web2", "@web10"]


def test_a_host_that_does_not_answer_costs_tab_next_to_nothing(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home.path)
    asked: list[str] = []

    def ask(host: str) -> int:
        asked.append(host)
        return 0

    monkeypatch.setattr(complete, "ask", ask)
    monkeypatch.setattr(child, "aside", lambda work: work())
    monkeypatch.setattr(complete, "remotes", lambda: ["gpu"])
    pauses: list[float] = []
    monkeypatch.setattr(time, "sleep", pauses.append)
    assert complete.PATIENCE <= 0.1
    assert complete.sessions_on("gpu") == {}
    assert pauses
    assert complete.sessions_on("unknown") == {}
    assert complete.sessions_on("gpu") == {}
    assert asked == ["gpu"], "only a known one, and not at every Tab"
    known.record(destination.Destination("gpu", via=["true"]))
    known.keep("gpu", [{"name": "train", "state": "running", "cwd": f"{home.path}/src"}])
    os.utime(known.path_of("gpu", ".names"), (1, 1))
    pauses.clear()
    assert complete.sessions_on("gpu") == {"train": "running, @gpu, ~/src"}
    assert pauses == []
    assert asked == ["gpu", "gpu"]
    record = known.path_of("via:gpu", ".json")
    assert known.write(record, {**known.read(record), "aliases": ["alt"]})
    assert complete.sessions_on("alt") == {"train": "running, @gpu, ~/src"}, "the same host"
    assert complete.sessions() == {"train": "running, @gpu, ~/src"}
