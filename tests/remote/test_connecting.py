"""The line that says which host is waited for: late, never in the way of a prompt, and gone before anything else."""

from __future__ import annotations

import os
import re
import shlex
import signal

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Far, Farm
from tests.remote.patches import patch
from tests.support import PROMPT, Home, Terminal, wait_until

LINE = "connecting to box …"
SOON = """
from sesh.cli import waiting
waiting._STILL_AFTER = 1.0
"""
INTERRUPTED = """
import os, signal, subprocess
begin = subprocess.Popen._execute_child

def interrupted(process, words, *more):
    begin(process, words, *more)
    if WORD in words:
        os.kill(os.getpid(), signal.SIGINT)

subprocess.Popen._execute_child = interrupted
"""
"""Ctrl-C comes while a program with this word is started."""
SECRET = "far away"  # noqa: S105 (the test's own)
LEAVING = pytest.mark.parametrize("key", [b"\x03", b"\x1c"], ids=["interrupt", "quit"])


def wait_for_line(terminal: Terminal, text: str = LINE) -> None:
    """The line stands in the row below the cursor's, which is as it was."""
    terminal.wait_for(text, 20)
    rows, (row, column) = terminal.screen(), terminal.cursor
    assert rows[row + 1] == text
    assert len(rows[row]) <= column


def swallowing(farm: Farm) -> Far:
    far = farm.host("box", proxied=True)
    far.proxy.silence()
    return far


@LEAVING
@pytest.mark.parametrize(
    "words",
    [
        ["@box", "work"],
        ["@box", "--exec", "job", "--", "true"],
        ["@box", "--run", "work", "--", "true"],
        ["@box", "--logs", "work", "-f"],
        pytest.param(["@box", "--attach", "work"], marks=pytest.mark.soak),
        pytest.param(["@box", "--list"], marks=pytest.mark.soak),
        pytest.param(["@box", "--wait", "work", "--exit"], marks=pytest.mark.soak),
        pytest.param(["@box", "--events", "work"], marks=pytest.mark.soak),
    ],
    ids=lambda words: words[1],
)
def test_a_host_that_swallows_packets_is_named_and_left_at_once(
    home: Home, farm: Farm, words: list[str], key: bytes
) -> None:
    r"""`--exec` took Ctrl-C for the end of ssh: `no reason given`, 125; Ctrl-\ dumped the core of other verbs."""
    far = swallowing(farm)
    terminal = home.terminal(command=["sh", "-c", 'printf "before "; exec "$@"', "sh", *home.command, *words])
    before = terminal.first_termios
    wait_for_line(terminal)
    assert terminal.cursor == (0, len("before "))
    terminal.type(key)
    assert terminal.exit_code(10) == 130
    told = [line for line in terminal.text().splitlines() if line.strip()]
    assert LINE not in terminal.text()
    assert re.fullmatch(r"before (\^[C\\])?(sesh: )?(interrupted)?", "".join(told)), told
    assert terminal.termios() == before
    far.proxy.restore()
    assert far.names() == []


@pytest.mark.parametrize("words", [["@box"], ["@box", "@other"]], ids=["one host", "several"])
@pytest.mark.parametrize("word", ["-G", "-f", "hangs"])
def test_what_is_started_for_a_host_ends_with_an_interrupt(home: Home, words: list[str], word: str) -> None:
    """The ssh that was just being started went on."""
    home.write("bin/ssh", f'#!/bin/sh\ncase " $* " in *" {word} "*) exec sleep 1000; esac\necho hostname box\n', 0o755)
    home.write("bin/hangs", "#!/bin/sh\nexec sleep 1000\n", 0o755)
    if word == "hangs":
        home.write(".config/sesh/config.toml", '[remotes."*"]\nvia = "hangs"\n')
    patch(home, INTERRUPTED.replace("WORD", repr(word)))
    assert "interrupted" in home.sesh(*words, "--status", "work").stderr
    wait_until(lambda: not home.processes())


def test_after_some_seconds_it_names_the_key(home: Home, farm: Farm) -> None:
    swallowing(farm)
    patch(home, SOON)
    terminal = home.terminal("@box", "work", rows=6)
    wait_for_line(terminal)
    wait_for_line(terminal, "still connecting to box; Ctrl-C leaves")
    terminal.type("\r")  # as a person does who waits
    terminal.wait_until(lambda: terminal.cursor[0] == 1)
    terminal.type(b"\x03")
    assert terminal.exit_code(10) == 130
    assert "connecting" not in terminal.text()


def test_a_job_that_is_stopped_leaves_no_line_behind(home: Home, farm: Farm) -> None:
    swallowing(farm)
    shell = home.terminal(command=["bash", "--norc", "--noprofile", "-i"], env={"PS1": "$ "})
    shell.wait_for("$")
    shell.type(f"{shlex.join(home.command)} @box --list\r")
    shell.wait_for(LINE, 20)
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


def test_a_slow_host_is_named_and_a_fast_one_is_not(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    far.proxy.delay(0.15)
    terminal = home.terminal("@box", "work")
    wait_for_line(terminal)
    terminal.wait_for(PROMPT, 20)
    assert "connecting to" not in terminal.text()
    far.proxy.restore()
    fast = home.terminal("@box", "--list")  # over the shared connection
    assert fast.exit_code() == 0
    assert b"connecting" not in fast.raw


SOON = "from sesh.remote.ssh import link\nlink.START_TIMEOUT = 2"


def test_a_network_that_is_gone_under_a_shared_connection_is_not_blamed_on_sesh(home: Home, farm: Farm) -> None:
    """It said that the sesh there did not start in time, which led to look at the host."""
    far = farm.host("box", proxied=True)
    assert home.sesh("@box", "--list").code == 0
    told = home.command
    patch(home, "from sesh.remote import known\nknown._STALE_AFTER = 0\n" + SOON)
    far.proxy.silence()
    done = home.sesh("@box", "--status", "work")
    said = "sesh: box does not answer: nothing arrives from it; it may be down, or the network, or slow to start sesh; "
    assert (done.code, done.stderr) == (1, f"{said}try: ssh box\n")
    home.command = told
    patch(home, SOON)
    done = home.sesh("@box", "--status", "work")
    assert (done.code, done.stderr) == (1, "sesh: box does not answer\n"), "a new login had no answer either"


def test_a_sesh_that_does_not_start_in_time_is_told_of_once_the_host_has_said_something(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    assert home.sesh("@box", "--list").code == 0
    far.write(".local/bin/sesh", "#!/bin/sh\necho loading\nexec cat >/dev/null\n", 0o755)
    patch(home, SOON)
    done = home.sesh("@box", "--status", "work")
    said = "sesh: box does not answer: its sesh did not start in time; see what holds it up: ssh box\n"
    assert (done.code, done.stderr) == (1, said)


def test_a_host_that_cannot_be_reached_is_told_of_on_the_row_that_was_free(home: Home, farm: Farm) -> None:
    far = swallowing(farm)
    terminal = home.terminal("@box", "work", columns=120)
    wait_for_line(terminal)
    far.proxy.cut()
    terminal.exit_code(10)
    assert [line[:26] for line in terminal.text().splitlines() if line] == ["sesh: cannot reach box: Co"]


@pytest.mark.parametrize("more", [["--json"], [], ["&"]], ids=["json", "no terminal", "background"])
def test_it_is_for_a_person_who_waits_in_front(home: Home, farm: Farm, more: list[str]) -> None:
    far = swallowing(farm)
    if more == ["&"]:
        line = '"$@" & echo $! >pid; read -r word; echo "$word"'
        terminal = home.terminal(command=["bash", "-mc", line, "bash", *home.command, "@box", "--logs", "work"])
    elif more:
        terminal = home.terminal("@box", "--list", *more)
    else:
        line = 'exec 2>errors; exec "$@"'
        terminal = home.terminal(command=["sh", "-c", line, "sh", *home.command, "@box", "--list"])
    wait_until(farm.connections)
    while terminal.pump(1.0):
        continue
    assert b"connecting" not in terminal.raw
    far.proxy.cut()
    if more == ["&"]:
        with open(os.path.join(home.path, "pid"), encoding="utf-8") as file:
            os.kill(int(file.read()), signal.SIGKILL)
        terminal.type("typed\r")
    terminal.exit_code(10)
    assert b"connecting" not in terminal.raw


@pytest.mark.skipif(not ROOT, reason="a login with a password takes root")
@pytest.mark.parametrize("jumps", [False, True], ids=["straight", "ProxyJump"])
def test_a_prompt_of_ssh_stands_on_a_row_of_its_own(home: Home, farm: Farm, jumps: bool) -> None:
    asking = {"PasswordAuthentication": "yes", "PubkeyAuthentication": "no"}
    far = farm.host("gate" if jumps else "box", sshd=asking, proxied=True)
    far.account.set_password(SECRET)
    if jumps:
        farm.host("box", config={"ProxyJump": "gate"})
    far.proxy.delay(0.15)
    terminal = home.terminal("@box", "work", columns=120)
    wait_for_line(terminal)
    terminal.wait_for("password:", 20)
    terminal.wait_until(lambda: [row for row in terminal.screen() if row][-1].endswith("'s password:"))
    assert [row.partition("@")[0] for row in terminal.screen() if row] == [far.user]
    terminal.type("wrong\r")
    terminal.wait_until(lambda: terminal.text().count("password:") == 2, 20)
    terminal.type(f"{SECRET}\r")
    terminal.wait_for(PROMPT, 20)
    assert "connecting to" not in terminal.text()


def test_what_a_jump_host_asks_is_not_written_over(home: Home, farm: Farm) -> None:
    """Its key is unknown: ssh asks whether to take it, with what is typed shown."""
    gate = farm.host("gate", known=False, proxied=True)
    farm.host("box", config={"ProxyJump": "gate"})
    gate.proxy.delay(0.15)
    terminal = home.terminal("@box", "work", columns=120)
    wait_for_line(terminal)
    terminal.wait_for("(yes/no/[fingerprint])?", 20)
    assert terminal.screen()[0].startswith("The authenticity of host")
    assert LINE not in terminal.text()
    terminal.type("yes\r")
    terminal.wait_for(PROMPT, 20)
    assert "connecting to" not in terminal.text()


def test_no_list_says_that_there_are_no_sessions_on_a_host_that_does_not_answer(home: Home, farm: Farm) -> None:
    """`--pick` said `there are no sessions`, `--watch` for two seconds."""
    swallowing(farm)
    watch = home.terminal("@box", "--watch")
    watch.wait_for("waiting for hosts that have not answered yet")
    watch.wait_for("@box  no answer yet")
    assert b"no sessions" not in watch.raw
    watch.type("q")
    assert watch.exit_code() == 0
    pick = home.terminal("@box", "--pick", columns=120)
    assert pick.exit_code(10) == 1
    assert "there are no sessions, but @box (no answer yet) could not be asked; " in pick.text()


def test_of_several_hosts_those_are_named_that_hold_up_the_rest(home: Home, farm: Farm) -> None:
    far = swallowing(farm)
    farm.host("quick")
    assert home.sesh("@quick", "--open", "work").code == 0
    terminal = home.terminal("@quick", "@box", "--status", "work")
    terminal.wait_for("quick: ")
    wait_for_line(terminal, "waiting for box")
    far.proxy.cut()
    terminal.wait_for("failed (1)")
    assert "waiting for" not in terminal.text()
    terminal.exit_code()
    terminal = home.terminal("@quick", "@box", "--status", "work")
    wait_for_line(terminal, "waiting for box")
    terminal.type(b"\x03")
    terminal.exit_code(10)
    assert "waiting for" not in terminal.text()
