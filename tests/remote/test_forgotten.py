"""`--forget` while the host is asked, or forgotten by another: nothing of it stays."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tests.remote.farm import Farm
from tests.remote.patches import patch
from tests.support import ROOT, Home, processes, rounds, wait_until
from tests.support.race import Race

PATIENT = """
from sesh.ops import lookup
lookup.PATIENCE = %g
"""
"""So many seconds are waited for other hosts."""


def kept(home: Home) -> list[str]:
    """What is kept of remotes."""
    folder = os.path.join(home.path, ".local/state/sesh/remotes")
    return [entry for entry in os.listdir(folder) if entry[:1] != "."]


def test_what_a_host_answers_after_it_was_forgotten_is_not_kept(home: Home, farm: Farm) -> None:
    """It was completed from then on, for a host that nobody knew."""
    far = farm.host("box", proxied=True)
    for answers in (True, False):
        assert home.sesh("@box", "--list").code == 0
        far.proxy.silence()
        patch(home, PATIENT % (60 if answers else 2))
        asked = len(farm.calls())
        listed = home.start("--list")
        wait_until(lambda asked=asked: len(farm.calls()) > asked)  # type: ignore[misc]
        assert home.sesh("--forget", "@box").code == 0
        if answers:
            far.proxy.restore()
        listed.communicate(timeout=30)
        far.proxy.restore()
        assert (listed.returncode, kept(home)) == (0, [])


def test_the_shared_connection_to_a_forgotten_host_ends_once_nobody_uses_it(home: Home, farm: Farm) -> None:
    """It stayed for eight hours."""
    far = farm.host("box")
    assert home.sesh("@box", "--open", "work", "--", "cat").code == 0
    (master,) = farm.masters()
    attached = home.terminal("@box", "work")
    attached.wait_until(lambda: far.has_attached("work"), 20)
    assert home.sesh("--forget", "@box").code == 0
    attached.type("typed\r")
    far.prints("work", "typed")
    assert processes.exists(master)
    attached.type(b"\x1c")
    assert attached.exit_code() == 0
    wait_until(lambda: not processes.exists(master))
    assert "reconnect" not in attached.text()


def test_connections_with_another_identity_end_too_when_their_host_is_forgotten(home: Home, farm: Farm) -> None:
    """They stayed for eight hours."""
    farm.host("box")
    farm.host("other")
    assert home.sesh("@other", "--list").code == 0
    kept = farm.masters()
    assert home.sesh("@box", "--list").code == 0
    home.env["SESH_IDENTITY"] = farm.ground.identity
    assert home.sesh("@box", "--list").code == 0
    del home.env["SESH_IDENTITY"]
    assert len(farm.masters()) == len(kept) + 2
    assert home.sesh("--forget", "@box").code == 0
    wait_until(lambda: farm.masters() == kept, 20)


def test_uninstalling_ends_the_shared_connections_that_are_left(home: Home, farm: Farm) -> None:
    """They stayed for eight hours, and to remove ~/.sesh took away their sockets."""
    farm.host("one"), farm.host("two")
    command = [sys.executable, os.path.join(ROOT, ".ci", "uninstall.py"), os.path.join(home.path, "venv")]
    for hosts, said in ((["@one", "@two"], "2 shared ssh connections"), (["@one"], "a shared ssh connection")):
        assert home.sesh(*hosts, "--list").code == 0
        masters = farm.masters()
        assert len(masters) == len(hosts)
        done = subprocess.run(command, env=home.env, capture_output=True, text=True, check=True)
        assert f"ended: {said}" in done.stdout
        for master in masters:
            wait_until(lambda master=master: not processes.exists(master))  # type: ignore[misc]
    assert "ended:" not in subprocess.run(command, env=home.env, capture_output=True, text=True, check=True).stdout


@pytest.mark.timeout(rounds(120, 600))
def test_two_at_once_forget_one_host(home: Home, farm: Farm) -> None:
    farm.host("box")
    for number in range(rounds(5, 50)):
        assert home.sesh("@box", "--list").code == 0
        race = Race(home, number)
        race.run(*[("--forget", "@box")] * 3)
        assert 0 in race.codes, race.story
        said = [(each.code, "is not a known remote" in each.stderr) for each in race.results]
        assert set(said) <= {(0, False), (1, True)}, race.story
        assert kept(home) == []
