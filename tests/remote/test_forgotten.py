"""Hosts that are forgotten, by `forget` or by uninstalling: nothing of them stays."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys

from sesh.remote import known
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from tests.remote.farm import Farm
from tests.remote.via import Beside
from tests.support import ROOT, Home, processes, wait_until


def kept(home: Home) -> list[str]:
    """Return the remotes in the file of known remotes."""
    with open(os.path.join(home.path, ".local/state/sesh/remotes.json"), encoding="utf-8") as file:
        return [*json.load(file)]


def test_what_a_host_answers_after_it_was_forgotten_is_not_kept(home: Home, beside: Beside) -> None:
    """Completion then offered the sessions of a host that was no longer known."""
    far = beside("box")
    assert home.sesh("@box", "list").code == 0
    far.fall_silent()
    asked = len(far.links())
    listed = home.start("list")
    wait_until(lambda: len(far.links()) > asked, "another link has begun")
    assert home.sesh("forget", "@box").code == 0
    far.end_silence()
    listed.communicate(timeout=30)
    assert (listed.returncode, kept(home)) == (0, [])


def test_two_words_for_one_machine_are_two_hosts_whose_sessions_are_listed_once(home: Home, beside: Beside) -> None:
    """A hash of machine and account merged two words, and two clones of an image."""
    far = beside("box")
    way = json.dumps(shlex.join(far.way))
    home.write(".config/sesh/config.toml", f"[remotes.box]\nvia = {way}\n[remotes.pi]\nvia = {way}\n")
    far.sesh("open", "work")
    for host in ("@pi", "@box"):
        assert home.sesh(host, "list").code == 0
    assert sorted(kept(home)) == ["box", "pi"]
    assert [row["host"] for row in home.sesh("list", "--json").json()] == ["box"]
    assert home.sesh("forget", "@box").code == 0
    assert kept(home) == ["pi"]
    assert [row["host"] for row in home.sesh("list", "--json").json()] == ["pi"]
    assert home.sesh("forget", "@box").code == 1


def test_uninstalling_ends_the_shared_connections_that_are_left(here: Home, farm: Farm) -> None:
    """The connections stayed for eight hours, and removing ~/.sesh deleted their sockets."""
    command = [sys.executable, os.path.join(ROOT, "install", "uninstall.py"), os.path.join(here.path, "venv")]
    for word in ("one", "two"):
        farm.host(word)
        known.record(word)
        master.ensure(Destination(word))
    masters = farm.masters()
    assert len(masters) == 2
    done = subprocess.run(command, env=here.env, capture_output=True, text=True, check=True)
    assert "ended: shared ssh connections to hosts: 2" in done.stdout
    wait_until(lambda: not any(map(processes.exists, masters)), "no shared connection is left")
