"""What ssh refuses, or waits for, is said so that its beginning can be read."""

from __future__ import annotations

import os
import re
import socket

import pytest

from sesh.client.attachment import _link_line
from sesh.link.keeper import LinkKeeper
from sesh.remote.ssh.destination import Destination
from tests.remote.farm import Farm
from tests.support import PROMPT, Home, processes

CHANGED = "its host key has changed"


def test_a_changed_host_key_is_said_wherever_the_host_is_named(home: Home, farm: Farm) -> None:
    """The line had room for the end of ssh's sentence: `and you have requested strict checking`."""
    far = farm.host("box", proxied=True)
    terminal = home.terminal("@box", "work", columns=72)
    terminal.wait_for(PROMPT)
    farm.change_key(far)
    processes.kill(farm.masters())
    terminal.wait_for(f"({CHANGED}); Enter logs in, Ctrl-C leaves")
    for _ in range(2):
        listed = home.sesh("list").stdout
        assert re.search(rf"^@box  {CHANGED}", listed, re.MULTILINE), listed
    assert f"cannot reach box: {CHANGED}: Host key for " in home.sesh("@box", "list").stderr
    board = home.terminal("watch", columns=60)
    board.wait_for(re.compile(rf"^@box  {CHANGED}", re.MULTILINE))
    board.type(b"\x1b")
    assert board.exit_code() == 0
    terminal.type("\r")
    terminal.wait_for("has changed and you have requested strict checking")
    terminal.wait_for(f"({CHANGED}); Enter logs in, Ctrl-C leaves")
    farm.know(far)
    terminal.type("\r")
    terminal.wait_for(PROMPT)
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0


def test_a_changed_key_of_a_jump_host_is_said_of_that_one(home: Home, farm: Farm) -> None:
    gate = farm.host("gate", proxied=True)
    far = farm.host("box", same_user=gate, config={"ProxyJump": "gate"})
    assert home.sesh("@box", "open", "work", "--", "cat").code == 0
    processes.kill(farm.masters())
    farm.change_key(gate)
    listed = home.sesh("list").stdout
    assert re.search(rf"^@box  the host key of {re.escape(gate.address)} has changed", listed, re.MULTILINE), listed
    farm.know(gate)
    farm.change_key(far)
    assert f"cannot reach box: {CHANGED}: Host key for {far.address} has changed" in home.sesh("@box", "list").stderr


@pytest.mark.parametrize("alone", [False, True])
def test_a_mistake_in_the_configuration_is_named_with_its_line(home: Home, farm: Farm, alone: bool) -> None:
    """Only the last line was shown: that there was one mistake."""
    farm.host("box", config={"Hostnme": "box", "Prot": "22"})
    words = ["@box", "list"] if alone else ["@box", "exec", "--", "true"]
    done = home.sesh(*words)
    assert f"{farm.config}: line 9: Bad configuration option: hostnme" in done.stderr
    assert done.code in (2, 125)


def test_the_port_that_is_taken_is_the_reason_and_not_what_came_of_it(home: Home, farm: Farm) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        farm.host("box", config={"LocalForward": f"127.0.0.1:{port} [::1]:9", "ExitOnForwardFailure": "yes"})
        assert f"bind [127.0.0.1]:{port}: Address already in use" in home.sesh("@box", "list").stderr


@pytest.mark.parametrize("known", [False, True])
def test_a_control_path_that_cannot_be_used_is_the_reason_and_no_warning(home: Home, farm: Farm, known: bool) -> None:
    """At the first contact it was `Warning: Permanently added …`."""
    path = os.path.join(home.path, "gone", "%C")
    farm.host("box", known=known, config={"ControlPath": path, "ControlMaster": "auto"})
    assert "cannot bind to path" in home.sesh("@box", "list").stderr


def test_what_is_cut_in_a_narrow_line_loses_its_end_and_an_address_its_beginning() -> None:
    keeper = LinkKeeper(Destination("box", settings={}), lambda _: None)
    for reason, wanted in {
        "the disk of the gate is full of logs": "no answer (the disk of the gate…",
        "visit: https://login.example/a": "no answer …//login.example/a)",
    }.items():
        keeper.schedule.failure = reason
        keeper.link_closed()
        line = _link_line(keeper, "box", "Ctrl-\\ leaves", len(wanted) - 2)
        assert line == wanted.replace("no answer", "no link")
    keeper.close()
