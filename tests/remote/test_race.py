"""A doubtful link is asked at once, while another one is opened beside it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from sesh.bridge import bridge
from sesh.remote import known
from sesh.wire import protocol
from tests.remote.accounts import ROOT
from tests.remote.farm import Farm
from tests.remote.via import Beside, ViaHost
from tests.support import PROMPT, Home, Terminal, find, wait_until

ADDRESS = "127.91.7.3/32"


@pytest.fixture
def far(beside: Beside) -> ViaHost:
    return beside("box")


def attached(home: Home) -> Terminal:
    terminal = home.terminal("@box", "work")
    terminal.wait_for(PROMPT)
    terminal.type("echo at''tached\r")
    terminal.wait_for("attached")
    return terminal


def typed(far: ViaHost) -> None:
    """Type into the session from the host itself."""
    assert far.sesh("send", "work", "from the other side").code == 0


def test_a_key_typed_into_silence_finds_another_way(home: Home, far: ViaHost) -> None:
    terminal = attached(home)
    for number in range(2):
        far.strand()
        rest(terminal)
        terminal.type(f"echo ke''y{number}\r")
        shows(terminal, f"key{number}")
    assert terminal.text().count("echo ke") == 2
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    assert b"no link to box" not in terminal.raw, "it was found before the link was lost"


def shows(terminal: Terminal, line: str) -> None:
    terminal.wait_until(
        lambda: re.search(rf"^{line}$", terminal.text(), re.MULTILINE), f"the terminal shows the line '{line}'"
    )


def rest(terminal: Terminal) -> None:
    """Wait until nothing has come for a while: the link is silent."""
    while terminal.pump(0.3):
        continue


@pytest.mark.skipif(not (ROOT and find("ip")), reason="addresses can only be changed by root")
def test_a_changed_address_finds_another_way_unasked(home: Home, far: ViaHost, address: list[str]) -> None:
    terminal = attached(home)
    far.strand()
    subprocess.run([*address, "add", ADDRESS, "dev", "lo"], check=True)
    typed(far)
    terminal.wait_until(lambda: "from the other side" in terminal.text(), "the terminal shows 'from the other side'")
    assert b"no link to box" not in terminal.raw, "it was found before the link was lost"


@pytest.fixture
def address() -> Iterator[list[str]]:
    """Yield `ip addr`; remove the test's address afterwards."""
    command = [str(find("ip")), "addr"]
    yield command
    subprocess.run([*command, "del", ADDRESS, "dev", "lo"], capture_output=True, check=False)


def test_a_client_that_was_stopped_asks_its_link_when_it_goes_on(home: Home, far: ViaHost) -> None:
    terminal = attached(home)
    os.kill(terminal.pid, signal.SIGSTOP)
    far.strand()
    typed(far)
    os.kill(terminal.pid, signal.SIGCONT)
    terminal.wait_until(lambda: "from the other side" in terminal.text(), "the terminal shows 'from the other side'")
    assert b"no link to box" not in terminal.raw, "it was found before the link was lost"


def test_a_link_that_only_paused_is_kept(home: Home, far: ViaHost) -> None:
    """The first link answers while another begins, and that other one goes."""
    terminal = attached(home)
    client, (carrier,) = far.summary("work")["clients"][0]["id"], far.held()
    links = len(far.links())  # on a busy machine the link is asked already during the rest
    far.fall_silent()
    rest(terminal)
    terminal.type("echo pau''sed\r")
    wait_until(lambda: len(far.links()) > links, "another link has begun")
    os.kill(carrier, signal.SIGCONT)
    terminal.wait_for("paused")
    far.end_silence()
    assert far.summary("work")["clients"][0]["id"] == client
    wait_until(lambda: len(far.held()) == 1, "one link is left")


@pytest.mark.soak
def test_the_line_says_no_link_only_when_ctrl_c_would_give_up(home: Home, far: ViaHost) -> None:
    """It said so of a link that was only in doubt, where Ctrl-C is kept."""
    terminal = attached(home)
    far.strand()
    with open(far.down, "w", encoding="utf-8") as file:
        file.write("no route")
    terminal.type("x")
    terminal.wait_for(re.compile(r"no answer from box since [:\d]+ \(no route\)"))
    far.cut()
    terminal.wait_for(re.compile(r"no link to box since [:\d]+ \(no route\)"))


@pytest.mark.soak
@pytest.mark.needs_fork("a bridge that hangs")
def test_where_sesh_answers_and_then_hangs_another_attempt_begins(
    home: Home, far: ViaHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The client waited without end, because a thread of the hanging sesh answered PING."""
    whole = bridge.Bridge._carry_out

    def hangs_once(*arguments: Any) -> Any:
        if os.path.exists(path := os.path.expanduser("~/hang")):
            os.unlink(path)
            signal.pause()
        return whole(*arguments)

    monkeypatch.setattr(bridge.Bridge, "_carry_out", hangs_once)
    monkeypatch.setattr(protocol, "WELCOME_TIMEOUT", 2.0)
    terminal = attached(home)
    far.write("hang", "")
    far.cut()
    typed(far)
    terminal.wait_until(lambda: "from the other side" in terminal.text(), "the terminal shows 'from the other side'")


@pytest.mark.soak
def test_a_login_that_takes_seconds_succeeds_although_enter_is_pressed_each_second(home: Home, farm: Farm) -> None:
    """Each Enter ended the attempt that the Enter before had begun."""
    box = farm.host("box", proxied=True)
    terminal = attached(home)
    box.proxy.delay(0.2)
    box.proxy.strand()
    terminal.type("echo ca''me\r")

    def pressed() -> object:
        terminal.pump(1.0)
        terminal.type("\r")
        return re.search("^came$", terminal.text(), re.MULTILINE)

    wait_until(pressed, "the new link")


@pytest.mark.soak
@pytest.mark.needs_fork("a login that is said to have prompted")
def test_a_host_where_somebody_would_be_asked_is_not_raced(
    here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(known, "login_prompted", lambda _: True)
    box = farm.host("box", proxied=True)
    terminal = attached(here)
    box.proxy.strand()
    rest(terminal)
    accepted = box.proxy.accepted
    terminal.type("x")
    wait_until(lambda: not terminal.pump(1.0), "the terminal is quiet for a second")
    assert box.proxy.accepted == accepted
