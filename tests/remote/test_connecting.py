"""The line that says which host is waited for: late, never in the way of a prompt, and gone before anything else."""

from __future__ import annotations

import re
import shlex

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Farm
from tests.support import PROMPT, Home, Terminal

LINE = "connecting to box …"
SECRET = "far away"  # noqa: S105 (the test's own)


def wait_for_line(terminal: Terminal, text: str = LINE) -> None:
    """The line stands in the row below the cursor's, which is as it was."""
    terminal.wait_for(text)
    rows, (row, column) = terminal.screen(), terminal.cursor
    assert rows[row + 1] == text
    assert len(rows[row]) <= column


@pytest.fixture
def swallowing(home: Home) -> None:
    """A host from which nothing comes until there is a file `gone`, and that is closed then."""
    line = "until test -e ~/gone; do sleep 0.05; done; echo Connection closed >&2; exit 255"
    home.write(".config/sesh/config.toml", f"[remotes.box]\nvia = \"sh -c '{line}' -\"\n")


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["@box", "work"], b"\x1c"),
        (["@box", "--exec", "job", "--", "true"], b"\x03"),
        (["@box", "--logs", "work", "-f"], b"\x1c"),
    ],
    ids=["attach", "job", "other verbs"],
)
@pytest.mark.usefixtures("swallowing")
def test_a_host_that_swallows_packets_is_named_and_left_at_once(home: Home, words: list[str], key: bytes) -> None:
    r"""`--exec` took Ctrl-C for the end of ssh: `no reason given`, 125; Ctrl-\ dumped the core of other verbs."""
    terminal = home.terminal(command=["sh", "-c", 'printf "before "; exec "$@"', "sh", *home.command, *words])
    before = terminal.first_termios
    wait_for_line(terminal)
    assert terminal.cursor == (0, len("before "))
    terminal.type(key)
    assert terminal.exit_code() == 130
    told = [line for line in terminal.text().splitlines() if line.strip()]
    assert LINE not in terminal.text()
    assert re.fullmatch(r"before (\^[C\\])?(sesh: )?(interrupted)?", "".join(told)), told
    assert terminal.termios() == before


@pytest.mark.usefixtures("swallowing")
def test_a_job_that_is_stopped_leaves_no_line_behind(home: Home) -> None:
    shell = home.terminal(command=["bash", "--norc", "--noprofile", "-i"], env={"PS1": "$ "})
    shell.wait_for("$")
    shell.type(f"{shlex.join(home.command)} @box --list\r")
    shell.wait_for(LINE)
    shell.type(b"\x1a")
    shell.wait_for("Stopped")
    assert LINE not in shell.text()
    shell.type("fg\r")
    wait_for_line(shell)
    shell.type(b"\x03")
    shell.wait_for("interrupted")
    shell.type("exit\r")
    shell.exit_code()
    assert "connecting to" not in shell.text()


@pytest.mark.usefixtures("swallowing")
def test_a_host_that_cannot_be_reached_is_told_of_on_the_row_that_was_free(home: Home) -> None:
    terminal = home.terminal("@box", "work", columns=120)
    wait_for_line(terminal)
    home.write("gone", "")
    terminal.exit_code()
    assert [line[:26] for line in terminal.text().splitlines() if line] == ["sesh: cannot reach box: Co"]


@pytest.mark.skipif(not ROOT, reason="a login with a password takes root")
def test_a_prompt_of_ssh_stands_on_a_row_of_its_own(home: Home, farm: Farm) -> None:
    asking = {"PasswordAuthentication": "yes", "PubkeyAuthentication": "no"}
    far = farm.host("box", sshd=asking, proxied=True)
    far.account.set_password(SECRET)
    far.proxy.delay(0.15)
    terminal = home.terminal("@box", "work", columns=120)
    wait_for_line(terminal)
    terminal.wait_for("password:")
    terminal.wait_until(lambda: [row for row in terminal.screen() if row][-1].endswith("'s password:"))
    assert [row.partition("@")[0] for row in terminal.screen() if row] == [far.user]
    terminal.type("wrong\r")
    terminal.wait_until(lambda: terminal.text().count("password:") == 2)
    terminal.type(f"{SECRET}\r")
    terminal.wait_for(PROMPT)
    assert "connecting to" not in terminal.text()
