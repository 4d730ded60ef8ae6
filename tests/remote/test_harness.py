"""The hosts of the tests themselves: what every test of the remote room stands on."""

from __future__ import annotations

import os
import subprocess

import pytest

from tests.remote.farm import Farm
from tests.support import Home, need

SHELLS = ["bash", "zsh", "fish", "dash", "tcsh"]


def ssh(home: Home, *words: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
    """ssh as the test's home has it."""
    return subprocess.run(
        ["ssh", *words],
        env=home.env,
        executable=os.path.join(home.path, "bin", "ssh"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        start_new_session=True,
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_a_host_is_a_login_of_its_own_with_the_shell_that_was_asked_for(home: Home, farm: Farm, shell: str) -> None:
    far = farm.host("box", user_shell=shell)
    done = ssh(home, "box", "echo $HOME; echo $SHELL; pwd; id -un")
    assert done.stdout.split() == [far.home, need(shell), far.home, far.user], done.stderr


def test_two_hosts_have_nothing_in_common(home: Home, farm: Farm) -> None:
    one, two = farm.host("one"), farm.host("two")
    one.write("here", "1")
    assert one.user != two.user
    assert ssh(home, "one", "ls").stdout == "here\n"
    assert ssh(home, "two", "ls").stdout == ""


def test_two_words_may_lead_to_the_same_login(home: Home, farm: Farm) -> None:
    one = farm.host("one")
    two = farm.host("two", same_user=one)
    assert (one.user, one.home, one.port) == (two.user, two.home, two.port)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_sesh_under_test_runs_over_there(home: Home, farm: Farm, shell: str) -> None:
    far = farm.host("box", user_shell=shell)
    done = ssh(home, "box", ".local/bin/sesh --open work")
    assert (done.returncode, done.stderr) == (0, "")
    assert far.names() == ["work"]
    assert [row["name"] for row in far.sesh("--list", "--json", "--local").json()] == ["work"]
    assert os.stat(far.directory).st_uid == far.account.uid
