"""`events` reports in order what happens in one session or in all."""

from __future__ import annotations

import json
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.support import Home, Open, Sesh


def objects(data: bytes) -> list[dict[str, Any]]:
    return [json.loads(line) for line in data.splitlines()]


def finished(process: subprocess.Popen[bytes]) -> list[dict[str, Any]]:
    out, err = process.communicate(timeout=30)
    assert (process.returncode, err) == (0, b"")
    return objects(out)


@pytest.mark.usefixtures("work")
def test_everything_that_happens_is_told_in_order(sesh: Sesh, home: Home, terminal: Open) -> None:
    process = home.start("events", "work", "--from", "0", "--json")
    screen = terminal("work")
    screen.wait_for("ready>")
    sesh("detach", "work")
    sesh("send", "work", r"printf '\a\033]2;a title\a\033]9;look here\a\033]133;C\a\033]133;D;3\a'", "--enter")
    sesh("wait", "work", "--prompt", "--timeout", "30")
    sesh("rename", "work", "play")
    sesh("send", "play", "exit 6", "--enter")
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


@contextmanager
def followed(sesh: Sesh, home: Home) -> Iterator[list[dict[str, Any]]]:
    """Yield a list that holds, after the block, all events from session `marker` on."""
    sesh("exec", "before", "--", "true")  # ends before `events` begins
    process = home.start("events", "--json")
    assert process.stdout is not None
    sesh("open", "marker")
    seen = [json.loads(process.stdout.readline())]
    yield seen
    for name in ("last", "behind"):  # events read from results may follow those of `last`, not those of `behind`
        sesh("exec", name, "--", "true")
        while (seen[-1]["session"], seen[-1]["event"]) != (name, "exited"):
            seen.append(json.loads(process.stdout.readline()))
    seen[:] = [event for event in seen if event["session"] != "behind"]
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=30)


def test_no_session_is_missed_however_short(sesh: Sesh, home: Home) -> None:
    """A job that fails at once has events, or a follower would wait for ever."""
    with followed(sesh, home) as seen:
        for number in range(3):
            assert sesh("exec", f"job{number}", "-C", "/", "--", "sh", "-c", f"exit {number}").code == number
    for number in range(3):
        own = [event for event in seen if event["session"] == f"job{number}"]
        assert [event["event"] for event in own] == ["created", "activity", "exited"], own
        assert [event["seq"] for event in own] == [1, 2, 3]
        created, activity, exited = own
        assert (created["command"], created["directory"]) == (["sh", "-c", f"exit {number}"], "/")
        assert (activity["state"], activity["why"]) == ("failed" if number else "done", "exit")
        assert (exited["exit_code"], exited["signal"], exited["reason"]) == (number, None, "exited")
        assert created["ts"] <= activity["ts"] <= exited["ts"]
    assert not any(event["session"] == "before" for event in seen)
