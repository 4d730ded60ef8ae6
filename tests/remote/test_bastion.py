"""A second factor of a jump host is asked for only at a person's terminal."""

from __future__ import annotations

import os
import re

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Farm, SshHost
from tests.remote.test_deploy_login import SECOND_FACTOR, SECRET
from tests.support import PROMPT, Home, Terminal, processes, wait_until

pytestmark = pytest.mark.skipif(
    not ROOT or not os.path.exists("/etc/pam.d/sshd"), reason="a second factor takes root, and an sshd with PAM"
)


@pytest.fixture
def gate(farm: Farm) -> SshHost:
    own = farm.host("gate", installed=False, sshd=SECOND_FACTOR, proxied=True)
    own.account.set_password(SECRET)
    return own


@pytest.fixture
def box(farm: Farm, gate: SshHost) -> SshHost:
    """A host behind the gate; the host itself takes the key."""
    return farm.host("box", config={"ProxyJump": gate.word})


def logs_in(terminal: Terminal, gate: SshHost, times: int = 1) -> None:
    """Type the second factor at the gate's prompt, and wait for the shell."""
    terminal.wait_until(
        lambda: len(re.findall(rf"{gate.user}@.*assword:", terminal.text())) == times, "its prompt", timeout=20
    )
    terminal.type(f"{SECRET}\r")
    terminal.wait_for(PROMPT)


@pytest.mark.long
def test_a_second_factor_of_a_jump_host_is_asked_for_in_place_and_never_elsewhere(
    home: Home, gate: SshHost, box: SshHost
) -> None:
    """Each `list` sent six wrong passwords, for which many hosts lock a user out."""
    terminal = home.terminal("@box", "work", columns=120)
    logs_in(terminal, gate)
    terminal.type("echo on=$(id -un)\r")
    terminal.wait_for(f"on={box.user}")
    assert [row["name"] for row in home.sesh("@box", "list", "--json").json()] == ["work"], "the connection is shared"
    gate.proxy.cut()
    terminal.wait_for("Enter logs in")
    terminal.type("\r")
    logs_in(terminal, gate, 2)
    terminal.type("echo b''ack\r")
    terminal.wait_for("back")
    assert SECRET not in terminal.text()
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    processes.kill(box.farm.masters())
    before = len(gate.sshd.messages())
    listed = home.terminal("list", columns=120)
    assert listed.exit_code() == 0
    assert "@box  permission denied (" in listed.text()
    assert "\n? work " in listed.text()
    assert "assword:" not in listed.text()
    done = home.sesh("@box", "open", "more")
    assert (done.code, "; log in at a terminal: sesh @box" in done.stderr) == (1, True)
    wait_until(
        lambda: "Connection closed by authenticating user" in gate.sshd.messages()[before:],
        "sshd has logged the end of the login",
    )
    assert "Failed" not in gate.sshd.messages()[before:]
