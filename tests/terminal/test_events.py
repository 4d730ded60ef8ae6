"""`--events`: what happens, in order, of one session or of all."""

from __future__ import annotations

import json
import re
import select
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sesh import moments
from tests.support import Home, Result, Terminal, processes, wait_until

Sesh = Callable[..., Result]


@pytest.fixture
def work(sesh: Sesh) -> None:
    """A shell at its first prompt."""
    sesh("--open", "work")
    assert sesh("--wait", "work", "--prompt", "--timeout", "15").code == 0


def objects(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def finished(process: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    out, err = process.communicate(timeout=15)
    assert (process.returncode, err) == (0, b"")
    return objects(out)


@pytest.mark.usefixtures("work")
def test_everything_that_happens_is_told_in_order(sesh: Sesh, home: Home, terminal: Callable[..., Terminal]) -> None:
    process = home.start("--events", "work", "--since", "0", "--json")
    screen = terminal("work")
    screen.wait_for("ready>")
    sesh("--detach", "work")
    sesh("--send", "work", r"printf '\a\033]2;a title\a\033]9;look here\a\033]133;C\a\033]133;D;3\a'", "--enter")
    sesh("--wait", "work", "--prompt", "--timeout", "15")
    sesh("--rename", "work", "play")
    sesh("--send", "play", "exit 6", "--enter")
    seen = finished(process)
    assert [event["seq"] for event in seen] == list(range(1, len(seen) + 1))
    kinds = [event["event"] for event in seen if event["event"] not in ("resized", "activity")]
    assert kinds == [
        "created", "attached", "detached", "bell", "title", "notification", "command_started", "command_ended",
        "renamed", "exited",
    ]  # fmt: skip
    by = {event["event"]: event for event in seen}
    assert by["title"]["title"] == "a title"
    assert by["notification"]["text"] == "look here"
    assert by["command_ended"]["exit_code"] == 3
    assert (by["renamed"]["before"], by["renamed"]["session"]) == ("work", "play")
    assert (by["exited"]["exit_code"], by["exited"]["signal"], by["exited"]["reason"]) == (6, None, "exited")


@pytest.mark.usefixtures("work")
def test_without_a_number_only_what_comes_is_told(sesh: Sesh, home: Home) -> None:
    sesh("--send", "work", r"printf '\a'", "--enter")
    sesh("--wait", "work", "--prompt", "--timeout", "15")
    process = home.start("--events", "work", "--json")
    wait_until(lambda: processes.connected(process.pid))
    while process.poll() is None:
        sesh("--kill", "work")
    # That the shell waits again may be told after the prompt itself.
    kinds = [event["event"] for event in finished(process) if event["event"] != "activity"]
    assert kinds in (["exited"], [])


def test_sessions_that_begin_later_are_told_of_too(sesh: Sesh, home: Home) -> None:
    sesh("--open", "first")
    process = home.start("--events", "--json")
    assert process.stdout is not None
    sesh("--open", "marker")
    # Whatever is created once it follows is told; the first ones may come before that.
    seen: list[dict[str, Any]] = []
    sesh("--open", "second")
    sesh("--rename", "second", "third")
    sesh("--kill", "third")
    sesh("--kill", "first")
    while not any(event["event"] == "exited" and event["session"] == "first" for event in seen):
        seen.append(json.loads(process.stdout.readline()))
    kinds = [(event["session"], event["event"]) for event in seen]
    assert [kind for kind in kinds if kind[0] in ("second", "third") and kind[1] != "activity"] == [
        ("second", "created"), ("third", "renamed"), ("third", "exited"),
    ]  # fmt: skip
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=10)
    assert (process.returncode, err) == (130, b"")


@pytest.mark.usefixtures("work")
def test_people_get_a_line_each(sesh: Sesh, home: Home) -> None:
    process = home.start("--events", "work", "--since", "0")
    assert process.stdout is not None
    assert process.stdout.readline().split()[1:3] == [b"work", b"created"]
    sesh("--run", "work", "--", "true")
    sesh("--run", "work", "--", r"""echo "a b" \\""")
    sesh("--send", "work", r"printf '\033]2;x y\033[31m\a'; exit 2", "--enter")
    out, _ = process.communicate(timeout=15)
    lines = out.decode().splitlines()
    assert lines[-1].split()[1:] == ["work", "exited", "exit_code=2", "reason=exited"]
    assert r'command_ended  exit_code=0 command="echo \"a b\" \\\\"' in out.decode(), "quotes in quotes"
    assert "command_ended  exit_code=0 command=true" in out.decode(), "0 is a code like any other"
    assert "\x1b" not in out.decode()


@pytest.mark.usefixtures("work")
def test_people_read_the_time_of_their_own_clock(sesh: Sesh, home: Home) -> None:
    """Events had that of UTC, without saying so; histories and what was searched for had none at all."""
    sesh("--run", "work", "--", "echo needle")
    (command,) = sesh("--history", "work", "--json").json()
    east = {"TZ": "EAST-05:30"}  # as POSIX writes what is 5:30 before UTC

    def there(stamp: str) -> str:
        return time.strftime("%H:%M:%S", time.gmtime((moments.seconds(stamp) or 0) + 19800))

    assert there(command["started"]) in sesh("--history", "work", env=east).stdout.split()
    found = sesh("--grep", "^needle", "work", env=east).stdout
    assert re.fullmatch(rf"work:[0-9]+:needle  \[echo needle, (\S+ )?{there(command['started'])}\]\n", found)
    assert there(sesh("--status", "work", "--json").json()["created"]) in sesh("--status", "work", env=east).stdout
    following = home.start("--events", "work", "--since", "0", env=east)
    programs = home.start("--events", "work", "--since", "0", "--json")
    for process in (following, programs):
        assert process.stdout is not None
        select.select([process.stdout], [], [], 15)
    sesh("--kill", "work")
    lines = following.communicate(timeout=15)[0].decode().splitlines()
    for line, event in zip(lines, finished(programs), strict=True):
        assert event["ts"].endswith("Z")
        assert there(event["ts"]) in line.partition("  work")[0].split()


@pytest.mark.usefixtures("work")
def test_what_is_typed_is_no_event(sesh: Sesh, home: Home) -> None:
    sesh("--send", "work", "read -s secret; exit", "--enter")
    sesh("--send", "work", "hunter2", "--enter")
    assert sesh("--wait", "work").code == 0
    process = home.start("--events", "work", "--since", "0", "--json")
    out, _ = process.communicate(timeout=10)
    assert b"hunter2" not in out


def test_each_session_has_numbers_of_its_own(sesh: Sesh) -> None:
    done = sesh("--events", "--since", "3")
    assert (done.code, done.stderr.count("\n")) == (2, 1)
    assert sesh("--events", "nothing", "--json").json()["error"]["code"] == "not_found"


def test_the_event_log_is_shown_as_a_table_or_as_its_objects(sesh: Sesh, home: Home) -> None:
    rows = [
        {"ts": "2026-01-31T12:00:00Z", "event": "connect", "host": "box", "session": "work"},
        {"ts": "2026-01-31T12:00:05Z", "event": "deploy_failed", "host": "gpu", "stderr": "no \x1b[2J room\nleft"},
    ]
    log = home.write("log", "".join(f"{json.dumps(row)}\n" for row in rows) + '{"ts": "cut sh')
    env = {"SESH_EVENT_LOG": log, "TZ": "UTC"}
    shown = sesh("--events", "--log", env=env).stdout.splitlines()
    assert [line.split()[:4] for line in shown] == [
        ["WHEN", "HOST", "EVENT"],
        ["2026-01-31", "12:00:00", "box", "connect"],
        ["2026-01-31", "12:00:05", "gpu", "deploy_failed"],
    ]
    assert shown[2].endswith('stderr="no [2J room left"')
    seen = sesh("--events", "--log", "--json", env=env).stdout.splitlines()
    assert [json.loads(line) for line in seen] == rows
    one = sesh("--events", "work", "--log", "--json", env=env).stdout.splitlines()
    assert [json.loads(line) for line in one] == rows[:1]
    none = sesh("--events", "--log")
    assert (none.code, none.stdout) == (0, "")
    assert "has no events yet" in none.stderr


@contextmanager
def followed(sesh: Sesh, home: Home) -> Iterator[list[dict[str, Any]]]:
    """The events of all sessions from one named `marker` on, known once what is done within has been told; one named
    `before` had ended by then."""
    sesh("--exec", "before", "--", "true")
    process = home.start("--events", "--json")
    assert process.stdout is not None
    sesh("--open", "marker")
    seen = [json.loads(process.stdout.readline())]
    yield seen
    for name in ("last", "behind"):  # what results tell comes after the events of `last`, and before those of `behind`
        sesh("--exec", name, "--", "true")
        while (seen[-1]["session"], seen[-1]["event"]) != (name, "exited"):
            seen.append(json.loads(process.stdout.readline()))
    seen[:] = [event for event in seen if event["session"] != "behind"]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=10)


def test_no_session_is_missed_however_short(sesh: Sesh, home: Home) -> None:
    """A job that failed at once was in no event, and who waited for its end by them waited for ever."""
    with followed(sesh, home) as seen:
        for number in range(8):
            assert sesh("--exec", f"job{number}", "-C", "/", "--", "sh", "-c", f"exit {number}").code == number
    for number in range(8):
        own = [event for event in seen if event["session"] == f"job{number}"]
        assert [event["event"] for event in own] == ["created", "activity", "exited"], own
        assert [event["seq"] for event in own] == [1, 2, 3]
        created, activity, exited = own
        assert (created["command"], created["directory"]) == (["sh", "-c", f"exit {number}"], "/")
        assert (activity["state"], activity["why"]) == ("failed" if number else "done", "exit")
        assert (exited["exit_code"], exited["signal"], exited["reason"]) == (number, None, "exited")
        assert created["ts"] <= activity["ts"] <= exited["ts"]
    assert not any(event["session"] == "before" for event in seen)


def test_an_end_that_was_wanted_is_no_failure_in_events(sesh: Sesh, home: Home) -> None:
    sesh("--open", "web", "--", "sleep", "100")
    process = home.start("--events", "web", "--since", "0", "--json")
    wait_until(lambda: processes.connected(process.pid))
    sesh("--kill", "web")
    assert [event["state"] for event in finished(process) if event["event"] == "activity"][-1] == "done"
