"""During a deploy only ssh asks, host after host, and never without a terminal."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Farm, Settings, SshHost
from tests.support import Home

pytestmark = pytest.mark.skipif(
    not ROOT or not os.path.exists("/etc/pam.d/sshd"), reason="a second factor takes root, and an sshd with PAM"
)

SECRET = "seven of nine"  # noqa: S105 (it is one for a test)
SECOND_FACTOR: Settings = {
    "AuthenticationMethods": "publickey,keyboard-interactive",
    "KbdInteractiveAuthentication": "yes",
    "UsePAM": "yes",
}


def asks_for_a_second_factor(farm: Farm, word: str) -> SshHost:
    """Make a host that takes the key, and then asks for a password by keyboard-interactive."""
    far = farm.host(word, installed=False, sshd=SECOND_FACTOR)
    far.account.set_password(SECRET)
    return far


@pytest.mark.soak
def test_without_a_terminal_nobody_is_asked_and_the_input_is_left_alone(home: Home, farm: Farm) -> None:
    asks_for_a_second_factor(farm, "box")
    line = f"{shlex.join([*home.command, 'deploy', '@box', '--json'])}; cat"
    done = subprocess.run(
        ["sh", "-c", line], input=b"next line\n", capture_output=True, env=home.environment(), timeout=60, check=True
    )
    answer, end = json.JSONDecoder().raw_decode(done.stdout.decode())
    assert done.stdout.decode()[end:].split("\n") == ["", "next line", ""]
    (row,) = answer["hosts"]
    assert (row["ok"], row["error"]["code"], row["error"]["step"]) == (False, "unreachable", "connect")
    assert "Permission denied (" in row["error"]["message"]


@pytest.mark.soak
@pytest.mark.usefixtures("light")
def test_several_hosts_that_ask_do_so_one_after_the_other_without_the_bars(home: Home, farm: Farm) -> None:
    """Two of three deploys fail, because the host has another program called sesh."""
    one, two = (asks_for_a_second_factor(farm, word) for word in ("one", "two"))
    for far in (two, farm.host("open", installed=False)):
        far.write(".local/bin/sesh", "#!/bin/sh\n", 0o755)
    terminal = home.terminal("deploy", "@one", "@open", "@two", columns=200)
    for number in (1, 2):
        prompt = rf"asks you to log in\n[^\n]*({one.user}|{two.user})@127\.0\.0\.1[^\n]*[Pp]assword:.*"
        terminal.wait_for(re.compile(number * prompt, re.DOTALL))
        assert "\u2501" not in terminal.text()
        terminal.type(f"{SECRET}\r")
    assert terminal.exit_code() == 1
    text = terminal.text()
    assert (text.count("assword:"), SECRET in text) == (2, False)
    assert len(re.findall(r"^sesh: (open|two) failed \(switch\)", text, re.MULTILINE)) == 2
    assert "installed sesh" in text
    assert one.exists(".local/bin/sesh")
