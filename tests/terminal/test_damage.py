"""A bad file costs one entry: verbs report the file and handle all others."""

from __future__ import annotations

import json
import os

import pytest

from sesh.system import platforms
from tests.support import Home, Sesh

CONTENTS = {
    "no JSON": b'{"name":"w",,}',
    "empty": b"",
    "of another shape": b"[1, 2]",
    "of other types": b'{"machine": 5, "labels": [1]}',
    "nested": b'{"machine":' * 10_000,
    "half a pair": b'{"machine": "m", "cwd": "\\ud800"}',
    "bytes": bytes(range(256)),
    "a long id": json.dumps({"machine": platforms.name(), "id": "x" * 300}).encode(),
    "an id that leads elsewhere": json.dumps({"machine": platforms.name(), "id": "../x"}).encode(),
    "a pid that is none": json.dumps({"machine": platforms.name(), "id": "1", "daemon_pid": 2**40}).encode(),
}


def put(path: str, kind: str) -> None:
    """Replace a file of sesh by something of this kind."""
    if os.path.isdir(path):
        os.rmdir(path)
    elif os.path.lexists(path):
        os.unlink(path)
    if kind == "a directory":
        os.mkdir(path, 0o700)
    elif kind == "a FIFO":
        os.mkfifo(path, 0o600)
    elif kind == "a link":
        os.symlink("/etc/passwd", path)
    elif kind == "huge":
        with open(path, "wb") as file:
            file.write(b'{"machine": "' + b"x" * (5 << 20) + b'"}')
    else:
        with open(path, "wb") as file:
            file.write(CONTENTS.get(kind, b"{}"))
        os.chmod(path, 0o000 if kind == "without permission" else 0o600)


KINDS = (*CONTENTS, "huge", "a directory", "a FIFO", "a link", "without permission")


@pytest.mark.soak
def test_a_bad_record_costs_its_own_session_alone(home: Home, sesh: Sesh) -> None:
    """On Python 3.10 and 3.11 without `site`, each verb below failed with an internal error."""
    sesh("open", "good", "--", "sleep", "1000")
    bad = {kind: os.path.join(home.directory, f"bad{number}.json") for number, kind in enumerate(KINDS)}
    for kind, path in bad.items():
        put(path, kind)
    for words in (
        ["list"],
        ["list", "--json"],
        ["export"],
        ["sweep"],
        ["sweep", "--older", "0s"],
        ["reload"],
    ):
        done = sesh(*words)
        assert done.code == 0, (words, done)
        told = done.stderr.splitlines()
        assert len(told) == len(bad), (words, done)
        assert all(any(path in line for line in told) for path in bad.values()), (words, done)
        assert all("move it away" in line or "chmod 600" in line for line in told), words
    assert [each["name"] for each in sesh("list", "--json").json()] == ["good"]
    doctor = [each["message"] for each in sesh("doctor", "--json").json()["checks"] if each["check"] == "files"]
    assert all(any(path in message for message in doctor) for path in bad.values())
    assert sesh("open", "good").code == 0
    assert sesh("status", "good").code == 0
    assert sesh("new", "-d").stdout == "1\n"
    assert sesh("exec", "--", "true").code == 0
    for kind, path in bad.items():
        name = os.path.basename(path).removesuffix(".json")
        if kind not in ("no JSON", "a FIFO", "without permission", "an id that leads elsewhere"):
            continue
        for words in (["open", name], ["kill", name], ["new", name, "-d"], ["status", name], ["logs", name]):
            done = sesh(*words)
            assert (done.code, path in done.stderr, "internal error" in done.stderr) == (1, True, False), (words, done)
    assert sesh("kill", "1").code == 0
    killed = sesh("kill-all", "-y")
    assert (killed.code, all(path in killed.stderr for path in bad.values())) == (0, True)
    assert all(map(os.path.lexists, bad.values())), "nothing of it was changed"


def test_a_bad_result_and_a_bad_note_cost_themselves_alone(home: Home, sesh: Sesh) -> None:
    assert sesh("exec", "first", "--", "sh", "-c", "exit 3").code == 3
    folder = os.path.join(home.directory, ".results")
    (entry,) = os.listdir(folder)
    assert sesh("exec", "second", "--", "sh", "-c", "exit 4").code == 4
    for kind in ("nested", "a FIFO", "a directory", "a link"):
        put(os.path.join(folder, entry), kind)
        put(os.path.join(home.directory, ".recent"), kind)
        assert sesh("wait", "second", "--exit").code == 4, kind
        assert "no session first" in sesh("wait", "first", "--exit").stderr, kind
        assert "there is no previous session" in sesh("attach", "-").stderr, kind
    doctor = sesh("doctor", "--json").json()["checks"]
    assert any(entry in each["message"] for each in doctor if each["check"] == "files"), doctor


def test_a_bad_record_of_a_host_costs_that_host_alone(home: Home, sesh: Sesh) -> None:
    """A lone surrogate in a key must not cause an internal error."""
    sesh("open", "good", "--", "sleep", "1000")
    os.makedirs(os.path.join(home.path, ".local/state/sesh"), mode=0o700)
    bad = home.write(".local/state/sesh/remotes.json", '{"\\ud800": {}, "box": 3}', mode=0o600)
    for words in (["list"], ["sweep"], ["export"], ["grep", "x"], ["doctor"], ["kill", "good"]):
        done = sesh(*words)
        assert "internal error" not in done.stdout + done.stderr, (words, done)
        assert done.code == (words[0] in ("grep", "doctor")), (words, done)
    assert bad in sesh("list").stderr


def test_a_time_that_no_calendar_has_costs_what_was_kept_alone(home: Home, sesh: Sesh) -> None:
    record = {"name": "lost", "id": "0a", "machine": platforms.name(), "command": ["sh"]}
    home.write(".sesh/lost.json", json.dumps(record), mode=0o600)
    for started in ("1e300", "NaN", '"then"', "9" * 400):
        history = f'[{{"n": 1, "command": ["x"], "cwd": "/", "started": {started}, "duration": 1, "exit_code": 0}}]'
        home.write(".sesh/.checkpoint.0a", f'{{"format": 1, "history": {history}}}\n', mode=0o600)
        for words in (["history", "lost"], ["list"], ["grep", "x"], ["screen", "lost"]):
            done = sesh(*words)
            assert "internal error" not in done.stderr, (started, words, done)
            assert words != ["list"] or "lost" in done.stdout, started


def test_a_bad_checkpoint_costs_what_the_session_showed_alone(home: Home, sesh: Sesh) -> None:
    def lost() -> list[str]:
        """Kill the daemon of the session, and return the paths of the checkpoint."""
        home.crash("gone")
        return [
            os.path.join(home.directory, f".{what}.{home.record('gone')['id']}") for what in ("checkpoint", "screen")
        ]

    sesh("open", "gone", "--", "sleep", "1000")
    paths = lost()
    for kind in ("nested", "bytes", "of another shape", "huge", "a directory", "a FIFO", "a link", "no JSON"):
        for path in paths:
            put(path, kind)
        listed = sesh("list", "--json")
        assert (listed.code, [each["state"] for each in listed.json()]) == (0, ["lost"]), kind
        for words in (["logs", "gone"], ["screen", "gone"]):
            done = sesh(*words)
            assert (done.code, "internal error" in done.stderr) == (1, False), (kind, words, done)
    sesh("open", "well", "--", "sh", "-c", "echo needle; exec sleep 1000")
    assert sesh("wait", "well", "--for", "needle", "--since-start").code == 0
    assert "needle" in sesh("grep", "needle").stdout
    opened = sesh("open", "gone")
    assert (opened.code, "internal error" in opened.stderr) == (0, False), opened
    for path in lost():
        put(path, "a directory")
    assert "internal error" not in sesh("open", "gone").stderr
