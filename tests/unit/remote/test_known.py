"""Known remotes: one for each place that ssh resolves, the newest first, private, and never in the way."""

from __future__ import annotations

import json
import os
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest

from sesh import paths, shapes
from sesh.errors import Refused
from sesh.remote import known
from sesh.remote.ssh import destination
from sesh.remote.ssh.destination import Destination
from sesh.store import files
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


def test_nothing_is_known_at_first_and_nothing_is_made(place: Path) -> None:
    assert known.all() == []
    assert known.last_told("box")[1] == []
    assert not known.paused_until("box")
    assert not place.exists()


def test_a_remote_is_recorded_with_all_that_is_known_of_it() -> None:
    assert known.record(there("box"), "1.2")
    assert known.record(there("box"))
    (one,) = known.all()
    assert (one.host, one.key, one.version) == ("box", "me@10.0.0.1:22", "1.2")
    assert (one.user, one.hostname, one.port) == ("me", "10.0.0.1", "22")
    assert one.first_used <= one.last_used
    assert one.last_used.endswith("Z")


def test_a_host_that_another_command_reaches_is_recorded_by_its_name() -> None:
    known.record(Destination("box", via=["docker", "exec", "-i", "box"]))
    (one,) = known.all()
    assert (one.host, one.key, one.hostname) == ("box", "via:box", "")


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


def test_a_host_keeps_the_name_that_it_was_given_first(names: dict[str, str]) -> None:
    """A script that used another alias once renamed it in all lists and exports."""
    names |= {"box": "10.0.0.1", "alt": "10.0.0.1"}
    for word in ("box", "alt"):
        known.record(there(word))
    assert words() == ["box"]
    assert (known.name_of("alt"), known.name_of("box"), known.name_of("new")) == ("box", "box", "new")
    known.keep("alt", [{"name": "work"}])
    assert known.last_told("box")[1] == known.last_told("alt")[1] == [{"name": "work"}]
    known.record_failure("box", "no", refused=True)
    known.record(there("alt"))
    assert not known.paused_until("box"), "it was reached"
    assert known.forget("alt")
    assert words() == []


def test_a_name_that_leads_elsewhere_now_is_given_up_for_one_that_leads_there(names: dict[str, str]) -> None:
    names |= {"box": "10.0.0.1", "alt": "10.0.0.1"}
    known.record(there("box"))
    known.keep("box", [{"name": "work"}])
    names["box"] = "10.0.0.9"
    known.record(there("alt"))
    assert words() == ["alt"]
    assert known.last_told("alt")[1] == [{"name": "work"}]


def test_the_name_of_another_way_to_a_host_is_taken_once_the_first_way_is_closed(names: dict[str, str]) -> None:
    """From elsewhere only the one with a gateway leads there; lists went on asking by the other."""
    names |= {"lan": "10.0.0.1", "far": "10.0.0.1 by gateway"}
    known.record(Destination("lan"))
    known.keep("lan", [])
    known.record(Destination("far"))
    assert words() == ["lan"], "it answers; a slow way that was used once would be that of all lists"
    for word in ("far", "lan"):
        before = known.path_of(words()[0], ".names")
        known.mark_asked(words()[0])
        os.utime(before, (time.time() + 5, time.time() + 5))
        known.record(Destination(word))
        assert words() == [word]


def test_a_name_that_another_host_bears_now_leaves_nothing_behind(names: dict[str, str], place: Path) -> None:
    names |= {"box": "10.0.0.1", "alt": "10.0.0.2"}
    for word in ("box", "alt"):
        known.record(there(word, names[word]))
        known.keep(word, [{"name": word}])
    names["box"] = "10.0.0.2"
    known.record(there("box", "10.0.0.2"))
    assert (words(), known.name_of("box")) == (["alt"], "alt")
    assert known.last_told("box")[1] == [{"name": "alt"}]
    assert len(files_in(place)) == 2


def test_a_name_that_leads_elsewhere_now_is_no_alias_of_the_host_before(names: dict[str, str]) -> None:
    """Both hosts bear other names in lists: what one told was kept for the other, and forgetting it forgot that one."""
    names |= {"one": "10.0.0.1", "two": "10.0.0.2", "typed": "10.0.0.1"}
    known.record(there("one"))
    known.record(there("typed"))
    names["typed"] = "10.0.0.2"
    for _ in range(2):
        known.record(there("two", "10.0.0.2"))
        known.record(there("typed", "10.0.0.2"))
        known.record(there("one"))
    assert (sorted(words()), known.name_of("typed")) == (["one", "two"], "two")
    assert known.forget("typed")
    assert words() == ["one"]


def test_an_alias_of_ssh_config_goes_before_an_address(names: dict[str, str], tmp_path: Path) -> None:
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("Host box other\n  HostName 10.0.0.1\n")
    names |= {"me@10.0.0.1": "10.0.0.1", "box": "10.0.0.1", "other": "10.0.0.1", "named.example": "10.0.0.2"}
    names["box2"] = "10.0.0.2"
    for word, listed in (("me@10.0.0.1", "me@10.0.0.1"), ("box", "box"), ("other", "box"), ("me@10.0.0.1", "box")):
        known.record(there(word))
        assert words() == [listed]
    (tmp_path / ".ssh" / "config").write_text("Host box2\n  HostName 10.0.0.2\n")
    assert known.forget("box")
    for word in ("named.example", "box2"):
        known.record(there(word, "10.0.0.2"))
        assert words() == ["named.example"], "which is a name, and came first"


def test_a_word_that_leads_elsewhere_now_is_the_new_place_alone() -> None:
    known.record(there("box", "10.0.0.1"))
    known.record(there("box", "10.0.0.2"))
    assert [one.key for one in known.all()] == ["me@10.0.0.2:22"]


def test_the_remote_used_last_comes_first() -> None:
    for word, hostname in (("a", "1.1.1.1"), ("b", "2.2.2.2"), ("c", "3.3.3.3"), ("a", "1.1.1.1")):
        known.record(there(word, hostname))
    assert words() == ["a", "c", "b"]


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


def test_the_records_lie_where_xdg_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    known.record(there("box"))
    assert paths.remotes_directory() == str(tmp_path / "state" / "sesh" / "remotes")
    assert words() == ["box"]
    monkeypatch.setenv("XDG_STATE_HOME", "relative")
    assert words() == []


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


def test_a_home_that_cannot_be_written_stops_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", "/proc/nothing")
    assert not known.record(there("box"))
    assert not known.record_failure("box")


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


def test_a_host_that_failed_otherwise_is_asked_again_and_its_reason_is_known_for_a_minute() -> None:
    known.record_failure("box", "connection refused")
    assert (known.paused_until("box"), known.failure("box")) == (0, "connection refused")
    marker = known.path_of("box", ".failed")
    past = os.stat(marker).st_mtime - known.FAILURE_PAUSE
    os.utime(marker, (past, past))
    assert known.failure("box") == ""


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


def test_what_a_list_shows_of_a_session_is_kept_with_the_time_and_being_asked_changes_neither() -> None:
    """Completion made a host that did not answer look as if it had just told its sessions."""
    row = {"name": "work", "state": "running", "pid": 7, "labels": {"a": "b"}, "command": ["x"], "clock": -3.5}
    known.record(there("box"))
    known.keep("box", [{**row, "unseen": None, "title": "secret"}])
    at, rows = known.last_told("box")
    assert rows == [row]
    assert abs(at - time.time()) < 60
    os.utime(known.path_of("box", ".names"), (1, 1))
    known.mark_asked("box")
    assert known.last_told("box") == (at, [row])
    assert known.asked_at("box") > 1
    known.mark_asked("other")
    assert known.last_told("other") == (0, [])


def test_a_session_that_is_created_makes_what_its_host_told_before_look_no_fresher() -> None:
    """Days-old sessions of a silent host were said to have been there a second ago, and completion did not ask anew."""
    known.record(there("box"))
    path = known.path_of("box", ".names")
    known.write(path, {"word": "box", "at": 5.0, "sessions": [{"name": "old", "state": "running"}]})
    os.utime(path, (7, 7))
    assert known.add("box", "new")
    assert known.last_told("box") == (
        5.0,
        [{"name": "old", "state": "running"}, {"name": "new", "state": "running"}],
    )
    assert known.asked_at("box") == 7
    os.unlink(path)
    assert known.add("box", "first")
    at, rows = known.last_told("box")
    assert (abs(at - time.time()) < 60, rows) == (True, [{"name": "first", "state": "running"}])
    assert known.asked_at("box") == 0, "completion asks for the others"


def test_what_has_ended_on_a_host_is_dropped_under_its_other_names_too() -> None:
    """Sessions that were ended by one name stayed in lists under the other, which did not answer any more."""
    for number, word in enumerate(("lan", "vpn", "other")):
        known.record(there(word, port=str(number)))
    first, second, foreign = ({"name": name, "id": name * 8, "state": "running"} for name in "abc")
    for word, rows in (("lan", [first, second]), ("vpn", [first, second]), ("other", [foreign])):
        known.keep(word, rows)
    path = known.path_of("vpn", ".names")
    os.utime(path, (7, 7))
    at = known.last_told("vpn")[0]
    known.keep("lan", [second])
    assert known.last_told("vpn") == (at, [second])
    assert known.asked_at("vpn") == 7
    known.keep("lan", [])
    assert [known.last_told(word)[1] for word in ("vpn", "other")] == [[], [foreign]]


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


def test_a_machine_is_forgotten_by_all_names_that_lead_to_one_account_there() -> None:
    """It stayed in lists under its other name, and --upgrade installed sesh there again."""
    for word, hostname, account in (("box", "box", "a1"), ("abox", "10.0.0.1", "a1"), ("web", "web", "b2")):
        known.record(there(word, hostname), account=account)
    for word, hostname in (("old", "old"), ("older", "older")):
        known.record(there(word, hostname))
    assert known.note(there("old", "old"), account="")
    known.record(there("abox", "10.0.0.1"), "1.2")
    for word in ("abox", "box"):
        known.keep(word, [{"name": "work", "id": word}])
    assert sorted(remote.host for remote in known.named("box")) == ["abox", "box"]
    assert known.forget("box")
    assert sorted(words()) == ["old", "older", "web"]
    assert [known.last_told(word) for word in ("abox", "box")] == [(0, []), (0, [])]
    assert known.forget("old"), "of which no account is known"
    assert sorted(words()) == ["older", "web"]


@pytest.mark.thorough  # megabytes of names
def test_names_of_any_length_can_be_read_again() -> None:
    """In JSON a character may take twelve bytes."""
    known.record(there("box"))
    for character in ("x", "\u65e5", "\U0001f680", '"'):
        rows = [{"name": f"s{number}", "state": "running", "cwd": character * 9_999} for number in range(1_000)]
        assert known.keep("box", rows)
        _, kept = known.last_told("box")
        assert [row["name"] for row in kept] == [f"s{number}" for number in range(len(kept))]
        assert len(kept) > 50
        assert {len(row["cwd"]) for row in kept} == {4096}


def test_what_could_not_be_read_again_is_not_written() -> None:
    path = known.path_of("box", ".names")
    assert known.write(path, {"word": "box"})
    assert not known.write(path, {"word": "box" * (2 << 20)})
    assert known.read(path) == {"word": "box"}


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


def test_an_answer_reads_the_record_of_its_host_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each of many hosts that answered read the records of all."""
    for number in range(20):
        known.record(there(f"h{number}", f"10.0.0.{number}"))
    known.all()
    opened: list[str] = []
    believed = files.read

    def reading(path: str, shape: shapes.Fields, most: int) -> object:
        opened.append(path)
        return believed(path, shape, most)

    monkeypatch.setattr(files, "read", reading)
    known.keep("h7", [{"name": "work"}])
    record = known.path_of("me@10.0.0.7:22", ".json")
    assert set(opened) == {record, known.path_of("h7", ".names")}
    assert known.last_told("h7")[1] == [{"name": "work"}]
    os.unlink(record)
    known.keep("h7", [{"name": "work"}])
    assert known.last_told("h7")[1] == []
