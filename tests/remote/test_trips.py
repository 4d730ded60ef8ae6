"""What is asked of a host goes along with HELLO: how often this side waits, and what is done if that is lost."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Far, Farm
from tests.remote.patches import patch
from tests.support import PROMPT, Home, processes, wait_until

HALF = 0.02
"""Seconds of the way to the host: what is sent at once arrives at once."""


@pytest.fixture
def far(home: Home, farm: Farm) -> Far:
    """A known host with a session, and a standing connection to it."""
    own = farm.host("box", proxied=True)
    own.sesh("--open", "work")
    own.prints("work", PROMPT)
    assert home.sesh("@box", "--list").code == 0
    own.proxy.delay(HALF)
    return own


def turns(far: Far, act: Callable[[], object]) -> int:
    """How often this side speaks after it has heard something, at least in five tries: the rest is not waited for."""
    counts = []
    for _ in range(5):
        seen = -1
        while seen != far.proxy.passed:  # until nothing is under way
            seen = far.proxy.passed
            wait_until(lambda: not far.proxy.busy)
        before = far.proxy.turns
        act()
        counts.append(far.proxy.turns - before)
    return min(counts)


def plainly(home: Home, *command: str) -> None:
    control = [entry for entry in os.scandir(os.path.join(home.directory, ".control")) if "." not in entry.name]
    words = ["ssh", "-S", control[0].path, "box", *command]
    subprocess.run(words, env=home.env, check=True, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)


def test_a_list_costs_as_many_round_trips_as_ssh_alone(home: Home, far: Far) -> None:
    """It cost three more. This side opens a channel, has the command run, and closes the channel."""
    assert turns(far, lambda: plainly(home, "true")) <= 3
    assert turns(far, lambda: home.sesh("@box", "--list")) <= 3


@pytest.mark.parametrize("words", [("--status", "work"), ("--label", "work", "a=b"), ("--open", "work")])
def test_what_is_asked_for_costs_one_round_trip_more_than_ssh_alone(
    home: Home, far: Far, words: tuple[str, ...]
) -> None:
    """As sshd takes no input before it has started the command."""
    assert turns(far, lambda: home.sesh("@box", *words)) <= 4


def test_a_screen_costs_one_round_trip_more_than_ssh_alone(home: Home, far: Far) -> None:
    """It cost four more. What the client says once it is attached is counted too, and is not waited for."""

    def attach() -> None:
        with home.terminal("@box", "work", "--predict", "never") as terminal:
            terminal.wait_for(PROMPT)
            heard.append(far.proxy.turns)
            terminal.type(b"\x1c")
            assert terminal.exit_code() == 0

    heard: list[int] = []
    counts = []
    for _ in range(3):
        before = far.proxy.turns
        attach()
        counts.append(heard[-1] - before)
    assert min(counts) <= 5


@pytest.mark.parametrize("number", range(1, 7))
@pytest.mark.parametrize("name", [("job",), ()], ids=["named", "numbered"])
def test_a_job_begins_once_wherever_its_link_is_cut(home: Home, far: Far, number: int, name: tuple[str, ...]) -> None:
    """It was `cannot reach box: no reason given`, or `the session's daemon closed the connection`."""
    far.proxy.cut_at = far.proxy.turns + number
    script = "echo x >>ran; echo done; exit 7"
    done = home.sesh("@box", "--exec", "--follow", *name, "--", "sh", "-c", script, timeout=60)
    assert (done.code, done.stdout, far.read("ran")) == (7, "done\n", "x\n"), done.stderr


ANSWER_LOST = """
from sesh.errors import Lost
from sesh.reach import calls
answered = calls.answered
def lost(*words):
    calls.answered = answered
    answered(*words)
    raise Lost("the link was lost")
calls.answered = lost
"""


def test_a_job_whose_link_was_lost_with_the_answer_tells_that_it_is_back(home: Home, far: Far) -> None:
    """`reconnecting` was the last word of it."""
    patch(home, ANSWER_LOST)
    done = home.sesh("@box", "--exec", "--follow", "job", "--", "sh", "-c", "echo x >>ran; echo done", timeout=60)
    assert (done.code, done.stdout, far.read("ran")) == (0, "done\n", "x\n"), done.stderr
    lost, back = done.stderr.splitlines()
    assert lost.endswith("before the job was known to have started; reconnecting")
    assert back == "sesh: reconnected to @box"


@pytest.mark.parametrize("number", range(1, 6))
def test_what_may_have_been_done_is_not_done_again(home: Home, far: Far, number: int) -> None:
    far.proxy.cut_at = far.proxy.turns + number
    done = home.sesh("@box", "--rename", "work", "play")
    far.proxy.cut_at = 0
    if done.code:
        assert done.stderr.startswith("sesh: lost the link to @box, and its answer with it; what was asked for may")
    else:
        assert far.names() == ["play"]
    assert far.names() in (["work"], ["play"])


@pytest.mark.parametrize("number", range(1, 5))
def test_a_list_is_asked_for_again_wherever_its_link_is_cut(home: Home, far: Far, number: int) -> None:
    far.proxy.cut_at = far.proxy.turns + number
    done = home.sesh("@box", "--list")
    if done.code:  # its answer had begun to come
        assert done.stderr.startswith("sesh: lost the link to @box, and its answer with it")
    else:
        assert "work" in done.stdout
    assert number > 1 or done.code == 0


@pytest.mark.parametrize("count", [4096, 1, 2, 40, 300])
def test_what_login_files_read_is_asked_for_again_and_not_sent_early_any_more(home: Home, far: Far, count: int) -> None:
    far.proxy.delay(0)
    far.write(".bashrc", f"read -r -t 0.3 -N {count}\n")
    opened = home.sesh("@box", "--exec", "--print", "--", "sh", "-c", "echo x >>ran; echo done")
    assert (opened.code, opened.stdout, far.read("ran")) == (0, "done\n", "x\n"), opened.stderr
    with home.terminal("@box", "work") as terminal:
        terminal.wait_for(PROMPT)
        terminal.type(b"\x1c")
        assert terminal.exit_code() == 0
    if count < 4096:
        far.write(".bashrc", "")
        renamed = home.sesh("@box", "--rename", "work", "play")
        assert (renamed.code, far.names()) == (0, ["play"]), renamed.stderr


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_what_login_files_print_stands_before_the_answer_to_what_went_early(home: Home, farm: Farm, shell: str) -> None:
    far = farm.host("loud", user_shell=shell)
    far.login_files("welcome\n" * 1000)
    for _ in range(2):  # the second one knows what the host can
        done = home.sesh("@loud", "--exec", "--print", "--", "echo", "out")
        assert (done.code, done.stdout, done.stderr) == (0, "out\n", "")
        assert home.sesh("@loud", "--list").code == 0
    for _ in range(2):
        with home.terminal("@loud", "work") as terminal:
            terminal.wait_for("welcome")
            terminal.type(b"\x1c")
            assert terminal.exit_code() == 0


@pytest.mark.skipif(not ROOT, reason="a login with a password takes root")
def test_a_host_that_asks_for_a_password_is_told_early_once_somebody_has_logged_in(home: Home, farm: Farm) -> None:
    far = farm.host("box", sshd={"PasswordAuthentication": "yes", "PubkeyAuthentication": "no"})
    far.account.set_password("far away")
    for _ in range(2):
        terminal = home.terminal("@box", "work")
        terminal.wait_for("password:", 20)
        terminal.type("far away\r")
        terminal.wait_for(PROMPT, 20)
        terminal.type(b"\x1c")
        assert terminal.exit_code() == 0
        processes.kill(farm.masters())


def test_a_window_that_changes_while_the_link_is_opened_has_its_size_in_the_session(home: Home, far: Far) -> None:
    far.proxy.silence()
    terminal = home.terminal("@box", "work", columns=80, rows=24)
    wait_until(lambda: any("--bridge" in " ".join(call) for call in far.farm.calls()[-2:]))
    terminal.resize(100, 30)
    far.proxy.restore()
    terminal.wait_for(PROMPT)
    terminal.type("stty size\r")
    terminal.wait_for("30 100")
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0


def test_what_a_list_is_asked_with_reaches_no_program_on_the_host(home: Home, far: Far) -> None:
    home.sesh("@box", "--list")
    done = home.sesh("@box", "--exec", "--print", "--", "sh", "-c", "env | grep -c SESH_ASKED")
    assert done.stdout == "0\n"
