"""Known remotes: one for each place that ssh resolves, the newest first, private, and never in the way."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sesh.errors import Refused
from sesh.remote import known
from sesh.remote.ssh import destination
from sesh.remote.ssh.destination import Destination
from tests.support import ROOT


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The directory of the records, not made yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    return tmp_path / ".local" / "state" / "sesh" / "remotes"


def there(word: str, hostname: str = "10.0.0.1", user: str = "me", port: str = "22") -> Destination:
    """A destination as ssh would have resolved it."""
    return Destination(word, settings={"user": [user], "hostname": [hostname], "port": [port]})


def files_in(place: Path) -> list[str]:
    """The files of the hosts."""
    return [entry for entry in os.listdir(place) if entry != ".lock"]


def words() -> list[str]:
    return [one.host for one in known.all()]


def test_a_remote_is_recorded_with_all_that_is_known_of_it() -> None:
    assert known.record(there("box"), "1.2")
    assert known.record(there("box"))
    (one,) = known.all()
    assert (one.host, one.key, one.port, one.version) == ("box", "me@10.0.0.1:22", "22", "1.2")
    assert one.first_used <= one.last_used
    assert one.last_used.endswith("Z")


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The host names to which ssh resolves what is typed."""
    leading: dict[str, str] = {}

    def resolve(place: Destination, *_options: str) -> dict[str, list[str]]:
        hostname, _, gateway = leading[place.host].partition(" by ")
        way = {"proxyjump": [gateway]} if gateway else {}
        return {"user": ["me"], "hostname": [hostname], "port": ["22"], **way}

    monkeypatch.setattr(destination, "resolve", resolve)
    return leading


def test_everything_is_private(place: Path) -> None:
    before = os.umask(0)
    try:
        known.record(there("box"))
        known.keep("box", [])
        known.record_failure("box")
    finally:
        os.umask(before)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert {stat.S_IMODE(file.stat().st_mode) for file in place.iterdir()} == {0o600}
    assert len(files_in(place)) == 3


def test_a_directory_that_is_not_private_is_refused_with_the_fix(place: Path) -> None:
    known.record(there("box"))
    place.chmod(0o755)
    with pytest.raises(Refused, match="chmod 700"):
        known.all()
    with pytest.raises(Refused, match="chmod 700"):
        known.record(there("box"))
    place.rename(place.with_name("elsewhere"))
    place.symlink_to(place.with_name("elsewhere"))
    with pytest.raises(Refused, match="XDG_STATE_HOME"):
        known.last_told("box")


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"word": 3, "key": "k"}',
        '{"word": "-oProxyCommand=x", "key": "me@10.0.0.1:22"}',
        "[" * 9999,
    ],
)
def test_a_broken_record_is_none(place: Path, content: str) -> None:
    known.record(there("box", "10.0.0.1"))
    known.record(there("good", "10.0.0.2"))
    Path(known.path_of("me@10.0.0.1:22", ".json")).write_text(content)
    assert words() == ["good"]


def test_a_record_is_not_followed_through_a_link(place: Path, tmp_path: Path) -> None:
    known.record(there("box"))
    path = Path(known.path_of("me@10.0.0.1:22", ".json"))
    path.rename(tmp_path / "elsewhere")
    path.symlink_to(tmp_path / "elsewhere")
    assert words() == []


def test_a_damaged_record_is_named_and_costs_no_other(place: Path) -> None:
    known.record(there("good"))
    for content in ("{", '{"word": 5}', '{"word": "a", "key": "b"}', "[" * 100_000):
        path = place / ("0" * 24 + ".json")
        path.write_text(content)
        path.chmod(0o600)
        assert words() == ["good"]
        (why,) = known.damage()
        assert f"{path} is damaged" in why
        assert why.endswith("move it away")


def test_a_host_that_refused_a_login_is_skipped_for_a_minute_or_until_it_answers() -> None:
    known.record_failure("box", refused=True)
    marker = known.path_of("box", ".failed")
    refused = os.stat(marker).st_mtime
    assert known.paused_until("box") == refused + known.FAILURE_PAUSE
    assert not known.paused_until("other")
    past = refused - known.FAILURE_PAUSE
    os.utime(marker, (past, past))
    assert not known.paused_until("box")
    os.utime(marker, (past + 3600, past + 3600))
    assert not known.paused_until("box")
    for answers in (lambda: known.record(there("box")), lambda: known.keep("box", []), lambda: known.end_pause("box")):
        known.record_failure("box", refused=True)
        assert known.paused_until("box")
        answers()
        assert not known.paused_until("box")


def test_names_are_kept_for_completion_without_what_a_terminal_would_act_upon() -> None:
    rows: list[dict[str, object]] = [
        {"name": "work", "state": "running", "cwd": "/home/\x1b[2Jme", "pid": 3},
        {"name": "-x", "state": "running", "cwd": "/"},
        {"name": "old", "state": "exited", "cwd": None},
    ]
    known.record(there("box"))
    known.keep("box", rows)
    assert known.last_told("box")[1] == [
        {"name": "work", "state": "running", "cwd": "/home/[2Jme", "pid": 3},
        {"name": "old", "state": "exited"},
    ]
    for broken in (["x", {"name": 3}], [{"state": "running"}], [{"name": None}]):
        Path(known.path_of("box", ".names")).write_text(json.dumps({"sessions": broken}))
        assert known.last_told("box")[1] == []
        assert known.add("box", "third")


def test_what_is_learnt_of_one_session_changes_its_row_and_neither_time() -> None:
    """A killed session was listed on as `seen just now`, and one that was just left as it was seen minutes ago."""
    known.record(there("box"))
    path = known.path_of("box", ".names")
    rows = [
        {"name": name, "state": state} for name, state in (("one", "running"), ("two", "running"), ("old", "exited"))
    ]
    known.write(path, {"word": "box", "at": 5.0, "sessions": rows})
    os.utime(path, (7, 7))
    assert known.drop("box", ["one", "none"])
    assert known.drop("box", ["old"], running=True), "it has ended before, and is kept"
    assert known.rename("box", "two", "three")
    assert known.rename("box", "none", "four")
    assert known.saw("box", "three", 9.0)
    assert known.add("box", "work", id="1", cwd="/src", command=["make"], home=None)
    assert known.add("box", "work", id="1", cwd="/", command=["sh"]), "the host may have told more since"
    at, told = known.last_told("box")
    assert (at, known.asked_at("box")) == (5.0, 7)
    assert told == [
        {"name": "old", "state": "exited"},
        {"name": "three", "state": "running", "seen": 9.0},
        {"name": "work", "state": "running", "id": "1", "cwd": "/src", "command": ["make"]},
    ]
    assert [known.seen(at, row) for row in told] == [5.0, 9.0, 5.0]
    assert known.add("box", "work", id="2")
    assert known.last_told("box")[1][-1] == {"name": "work", "state": "running", "id": "2"}


def test_what_several_processes_learn_of_a_host_is_kept_together(tmp_path: Path) -> None:
    """One read what was known, another one wrote, and the first put what it had read back in place."""
    known.record(there("box"))
    code = (
        f"import sys; sys.path.insert(0, {ROOT!r}); from sesh.remote import known\n"
        "for n in range(25): known.add('box', f'{sys.argv[1]}{n}')"
    )
    words = [sys.executable, "-Ic", code]
    writers = [subprocess.Popen([*words, letter], env={"HOME": str(tmp_path)}) for letter in "abcd"]
    assert [writer.wait(30) for writer in writers] == [0] * 4
    names = {row["name"] for row in known.last_told("box")[1]}
    assert names == {f"{letter}{number}" for letter in "abcd" for number in range(25)}


def test_a_remote_can_be_forgotten() -> None:
    known.record(there("box"))
    known.keep("box", [{"name": "work", "state": "running", "cwd": "/"}])
    known.record_failure("box")
    assert known.forget("box")
    assert (known.all(), known.last_told("box"), known.failure("box")) == ([], (0, []), "")
    assert not known.forget("box")


def test_what_a_forgotten_host_answers_is_not_kept(place: Path) -> None:
    """It was forgotten between the question and the answer."""
    known.record(there("box"))
    known.keep("box", [])
    known.record_failure("box")
    known.forget_unless_known("box")
    assert len(files_in(place)) == 3
    known.forget("box")
    known.keep("box", [])
    assert files_in(place) == []
    known.record_failure("box")
    known.forget_unless_known("box")
    assert files_in(place) == []
