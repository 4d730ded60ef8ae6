"""The line about the awaited host comes late, and never disturbs a prompt."""

from __future__ import annotations

import re

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Farm
from tests.support import PROMPT, Home

LINE = "connecting to box"
SECRET = "far away"  # noqa: S105 (the test's own)


pytestmark = pytest.mark.usefixtures("hurried")


@pytest.fixture
def swallowing(home: Home) -> None:
    """Make a silent host that closes the connection once the file `gone` exists."""
    line = "until test -e ~/gone; do sleep 0.05; done; echo Connection closed >&2; exit 255"
    home.write(".config/sesh/config.toml", f"[remotes.box]\nvia = \"sh -c '{line}' -\"\n")


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["@box", "work"], b"\x1c"),
        (["@box", "exec", "job", "--", "true"], b"\x03"),
        (["@box", "logs", "work", "-f"], b"\x03"),
    ],
    ids=["attach", "job", "other verbs"],
)
@pytest.mark.usefixtures("swallowing")
def test_a_host_that_swallows_packets_is_named_and_left_at_once(home: Home, words: list[str], key: bytes) -> None:
    """`exec` took Ctrl-C for the end of ssh: `no reason given`, 125."""
    terminal = home.terminal(*words)
    before = terminal.first_termios
    terminal.wait_for(LINE)
    terminal.type(key)
    assert terminal.exit_code() == 130
    assert terminal.text().count(LINE) == 1
    assert terminal.termios() == before


@pytest.mark.soak
@pytest.mark.skipif(not ROOT, reason="a login with a password takes root")
def test_a_prompt_of_ssh_stands_on_a_row_of_its_own_below_the_banner_of_the_host(home: Home, farm: Farm) -> None:
    banner = home.write("banner", "authorized use only\n")
    asking = {"PasswordAuthentication": "yes", "PubkeyAuthentication": "no", "Banner": banner}
    far = farm.host("box", sshd=asking, proxied=True)
    far.account.set_password(SECRET)
    far.proxy.delay(0.15)
    terminal = home.terminal("@box", "work", columns=120)
    terminal.wait_for(LINE)
    terminal.wait_for("password:")
    terminal.wait_until(
        lambda: [row for row in terminal.screen() if row][-1].endswith("'s password:"), "ssh asks for the password"
    )
    terminal.type("wrong\r")
    terminal.wait_until(lambda: terminal.text().count("password:") == 2, "ssh asks again")
    told = [re.sub(r"^\S+'s ", "", row) for row in terminal.screen() if row and not row.startswith("sesh: ")]
    assert told == ["authorized use only", "password:", "Permission denied, please try again.", "password:"]
    terminal.type(f"{SECRET}\r")
    terminal.wait_for(PROMPT)
    terminal.close()
    assert home.sesh("@box", "list").code == 0, "the connection outlives the terminal"


def test_ctrl_c_is_for_the_job_where_ssh_keeps_the_terminal(home: Home, farm: Farm) -> None:
    farm.host("box", config={"ControlPath": "~/own-%C", "ControlMaster": "no"})
    job = "trap 'echo got; exit 3' INT; echo ready; while :; do sleep 0.1; done"
    terminal = home.terminal("@box", "exec", "job", "-f", "--", "sh", "-c", job)
    terminal.wait_for("ready")
    terminal.type("\x03")
    assert (terminal.exit_code(), "got" in terminal.text()) == (3, True)
