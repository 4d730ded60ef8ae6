"""`--record`: a recording that a player shows as the session looked."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
from collections.abc import Callable
from typing import Any

from tests.support import PROMPT, Home, Result, wait_until
from tests.support.glass import Glass

Sesh = Callable[..., Result]


def lines(path: str) -> list[Any]:
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file.read().splitlines()]


def text(path: str) -> str:
    return "".join(event[2] for event in lines(path)[1:] if event[1] == "o")


def played(path: str) -> list[str]:
    """The rows of a terminal in which the recording has been played."""
    header, *events = lines(path)
    glass = Glass(header["width"], header["height"])
    for _, kind, data in events:
        if kind == "o":
            glass.feed(data.encode())
    return glass.rows()


def test_what_is_printed_from_now_on_is_recorded_until_the_end(sesh: Sesh, home: Home) -> None:
    sesh("--open", "work")
    assert sesh("--run", "work", "--", "echo before; seq 1000 1100").code == 0
    path = os.path.join(home.path, "work.cast")
    recorder = home.start("--record", "work", path, "--json")
    wait_until(lambda: lines(path))
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    terminal = home.terminal("work", columns=100, rows=30)
    terminal.wait_for(PROMPT)
    terminal.type("printf 'h\\303'; printf '\\244llo\\n'; exit 7\r")
    assert terminal.exit_code() == 7
    report = json.loads(recorder.communicate(timeout=10)[0])
    assert (report["ok"], report["file"], report["exit_code"], recorder.returncode) == (True, path, 7, 0)
    header, *events = lines(path)
    assert (header["version"], header["width"], header["height"], header["title"]) == (2, 80, 24, "work")
    assert {"timestamp", "env"} < set(header)
    assert "100x30" in [event[2] for event in events if event[1] == "r"]
    assert events[-1][1:] == ["m", "ended: 7"]
    times = [event[0] for event in events]
    assert times == sorted(times)
    assert "hällo" in text(path)
    assert "before" not in text(path)
    assert report["events"] == len(events)


def test_since_start_begins_with_what_is_retained(sesh: Sesh, home: Home) -> None:
    sesh("--open", "work")
    assert sesh("--run", "work", "--", "seq 30; echo before").code == 0
    path = os.path.join(home.path, "work.cast")
    recorder = home.start("--record", "work", path, "--since-start")
    wait_until(lambda: "before" in text(path))
    assert {event[0] for event in lines(path)[1:]} == {0}
    sesh("--send", "work", "echo after $((1+1))", "--enter")
    wait_until(lambda: "after 2" in text(path))
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(10) == 0
    assert "after 2" in played(path)


def test_another_file_is_written_over_only_by_force_and_never_through_a_link(sesh: Sesh, home: Home) -> None:
    sesh("--exec", "done", "--keep", "--", "echo", "hello")
    path = home.write("taken", "mine")
    refused = sesh("--record", "done", path, "--json")
    assert (refused.code, refused.json()["error"]["code"]) == (1, "exists")
    link = os.path.join(home.path, "link")
    os.symlink(path, link)
    assert sesh("--record", "done", link, "--force").code == 1
    with open(path, encoding="utf-8") as file:
        assert file.read() == "mine"
    assert sesh("--record", "done", path, "--force", "--since-start").code == 0
    assert text(path) == "hello\r\n"
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
    missing = os.path.join(home.path, "none.cast")
    assert sesh("--record", "nobody", missing).code == 1
    assert not os.path.exists(missing)
    assert sesh("--record", "done", "-", "--since-start").stdout.splitlines()[1:2] != []


def test_a_shells_screen_is_there_from_the_first_moment(sesh: Sesh, home: Home) -> None:
    """The first prompt was missing, and what was typed at it stood at the left margin."""
    sesh("--open", "work")
    sesh("--wait", "work", "--prompt", "--timeout", "15")
    sesh("--send", "work", "echo above $((1+1))", "--enter")
    sesh("--wait", "work", "--prompt", "--for", "above 2", "--timeout", "15")
    sesh("--wait", "work", "--prompt", "--timeout", "15")
    path = os.path.join(home.path, "work.cast")
    recorder = home.start("--record", "work", path)
    wait_until(lambda: "above 2" in text(path))
    sesh("--send", "work", "echo later $((1+2))", "--enter")
    wait_until(lambda: "later 3" in text(path))
    shown = sesh("--screen", "work").stdout.splitlines()
    wait_until(lambda: played(path)[:5] == shown[:5])
    recorder.send_signal(signal.SIGINT)
    assert recorder.wait(10) == 0
    assert played(path).count("above 2") == 1
    assert sum("echo later" in row and PROMPT in row for row in played(path)) == 1


def test_a_full_screen_program_is_seen_from_the_first_moment(sesh: Sesh, home: Home) -> None:
    sesh("--open", "edit", "--", "sh", "-c", "printf '\\033[?1049h\\033[H\\033[2Jfirst\\r\\nsecond'; sleep 1000")
    wait_until(lambda: "second" in sesh("--screen", "edit").stdout)
    path = os.path.join(home.path, "edit.cast")
    recorder = home.start("--record", "edit", path)
    wait_until(lambda: "second" in text(path))
    recorder.send_signal(signal.SIGTERM)
    assert recorder.wait(10) == 0
    assert played(path)[:2] == ["first", "second"]


def test_a_recording_that_does_not_begin_leaves_the_file_that_it_was_to_replace(sesh: Sesh, home: Home) -> None:
    """It was emptied before the session had answered."""
    path = home.write("taken", "mine")
    sesh("--open", "ended")
    sesh("--kill", "ended")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(os.path.join(home.directory, "work.sock"))
        os.chmod(os.path.join(home.directory, "work.sock"), 0o600)
        listener.listen()
        listener.settimeout(10)
        recorder = home.start("--record", "work", path, "--force")
        opened, _ = listener.accept()
        with opened:
            opened.recv(1)  # it has asked
            recorder.send_signal(signal.SIGINT)
            assert recorder.wait(10) == 130
    with open(path, encoding="utf-8") as file:
        assert file.read() == "mine"
