"""A file goes over a link to the machine of its session: once, whatever becomes of the link."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.remote.cutting import Moment
from tests.remote.test_exchanges import breaks_at, far, has_broken
from tests.remote.via import ViaHost
from tests.support import Home, wait_until
from tests.support.slow import Slow

__all__ = ["far"]

#: A raw program that takes pastes, and writes what comes to a file.
_AGENT = """
import os, sys, tty
tty.setraw(0)
os.write(1, b"\\x1b[?2004hready")
with open("typed", "ab", buffering=0) as typed:
    while data := os.read(0, 4096):
        typed.write(data)
"""


def agent(host: ViaHost) -> None:
    """Begin the session `agent` on a host."""
    script = host.write("agent.py", _AGENT)
    assert host.sesh("open", "agent", "--", sys.executable, script, cwd=host.path).code == 0
    host.prints("agent", "ready")


def pasted(host: ViaHost) -> list[str]:
    return re.findall("\x1b\\[200~(.*?)\x1b\\[201~", host.read("typed"))


@pytest.mark.parametrize(
    "moment", [pytest.param(Moment.BEFORE_REQUEST, marks=pytest.mark.soak), Moment.AFTER_REQUEST, Moment.BEFORE_END]
)
def test_a_file_is_sent_and_pasted_once_though_the_link_breaks(home: Home, far: ViaHost, moment: Moment) -> None:
    agent(far)
    content = os.urandom(1 << 20)
    breaks_at(home, moment, "put")
    sent = home.sesh("@box", "send", "agent", "--file", home.write("my shot.png", content), "--json")
    assert sent.code == 0, sent.stdout
    assert has_broken(home)
    path = sent.json()["path"]
    assert Path(path).read_bytes() == content
    assert path.startswith(f"{far.directory}/.files.")
    assert os.path.basename(path) == "my-shot.png"
    wait_until(lambda: pasted(far) == [path], "one paste")
    wait_until(lambda: sorted(os.listdir(os.path.dirname(path))) == ["my-shot.png", "~made"], "nothing else is left")


@pytest.mark.soak
def test_a_reload_in_the_middle_begins_it_again(home: Home) -> None:
    Slow(home, 100, 500_000)
    assert home.sesh("open", "agent", "--", "cat").code == 0
    content = os.urandom(512 << 10)
    send = home.start("@slow", "send", "agent", "--file", home.write("a.bin", content), "--json")
    folder = Path(home.directory, f".files.{home.record('agent')['files']}")
    wait_until(lambda: sizes(folder).get("~1", 0) > 1000, "some bytes have come")
    assert home.sesh("reload", "agent").code == 0
    out, error = send.communicate(timeout=30)
    assert send.returncode == 0, error
    assert Path(json.loads(out)["path"]).read_bytes() == content
    assert sorted(os.listdir(folder)) == ["a.bin", "~made"]


def test_a_file_that_changes_meanwhile_comes_as_it_was_or_not_at_all(home: Home) -> None:
    Slow(home, 50, 500_000)
    assert home.sesh("open", "agent", "--", "cat").code == 0
    content = os.urandom(512 << 10)
    folder = Path(home.directory, f".files.{home.record('agent')['files']}")

    def begun(name: str) -> subprocess.Popen[bytes]:
        """Begin to send a file, and wait until some bytes have come."""
        send = home.start("@slow", "send", "agent", "--file", home.write(name, content))
        wait_until(lambda: sizes(folder).get("~1"), "some bytes have come")
        return send

    send = begun("grows")
    with open(f"{home.path}/grows", "ab") as file:
        file.write(content)
    assert send.communicate(timeout=30)[1] == b""
    assert (folder / "grows").read_bytes() == content
    send = begun("shrinks")
    os.truncate(f"{home.path}/shrinks", 1000)
    assert send.communicate(timeout=30)[1] == b"sesh: shrinks became shorter while it was read; nothing was sent\n"
    wait_until(lambda: sorted(sizes(folder)) == ["grows", "~made"], "nothing of it is left")


def sizes(folder: Path) -> dict[str, int]:
    """Return the sizes of the files that are there, by name."""
    found = {}
    with suppress(FileNotFoundError):
        for each in folder.iterdir():
            found[each.name] = each.stat().st_size
    return found


def test_a_session_that_ends_in_the_middle_takes_what_has_come_along(home: Home) -> None:
    Slow(home, 50, 500_000)
    assert home.sesh("open", "agent", "--", "cat").code == 0
    folder = Path(home.directory, f".files.{home.record('agent')['files']}")
    send = home.start("@slow", "send", "agent", "--file", home.write("a.bin", os.urandom(1 << 20)))
    wait_until(lambda: sizes(folder).get("~1"), "some bytes have come")
    assert home.sesh("kill", "agent").code == 0
    _, error = send.communicate(timeout=30)
    assert (send.returncode, error) == (1, b"sesh: agent has ended\n")
    wait_until(lambda: not folder.exists(), "nothing is left")


@pytest.mark.soak
def test_a_file_that_takes_more_than_a_second_shows_how_far_it_is(home: Home) -> None:
    Slow(home, 50, 500_000)
    assert home.sesh("open", "agent", "--", "cat").code == 0
    terminal = home.terminal("@slow", "send", "agent", "--file", home.write("a.bin", os.urandom(700 << 10)))
    terminal.wait_until(lambda: re.search(rb"sending a\.bin: \d+ % of 700 KiB", terminal.raw), "how far it is")
    assert terminal.exit_code() == 0
