"""A shared connection that died unnoticed, with nobody attached: the first command replaces it."""

from __future__ import annotations

import os

import pytest

from sesh.remote import known
from tests.remote.farm import Farm, SshHost
from tests.support import Home, wait_until


@pytest.fixture
def box(home: Home, farm: Farm) -> SshHost:
    """A host, and a shared connection to it."""
    far = farm.host("box", proxied=True)
    assert home.sesh("@box", "list").code == 0
    return far


def dies(box: SshHost) -> None:
    """Let the shared connection die, as in an outage of a minute."""
    wait_until(box.settled, "both sides are at rest")
    box.proxy.strand()


@pytest.mark.soak
def test_the_first_command_over_a_dead_connection_succeeds(home: Home, box: SshHost) -> None:
    """The command failed after 14 s: `box does not answer: nothing arrives from it`."""
    dies(box)
    done = home.sesh("@box", "exec", "--", "true", timeout=30)
    assert done.code == 0, done
    assert home.sesh("@box", "list").code == 0
    accepted = box.proxy.accepted
    assert home.sesh("@box", "list").code == 0
    assert box.proxy.accepted == accepted, "the new connection is shared"


@pytest.mark.usefixtures("hurried")
def test_a_dead_connection_is_kept_if_a_new_one_would_ask_somebody(here: Home, box: SshHost) -> None:
    known.record("box", login_prompted=True)
    sockets = os.listdir(os.path.join(here.directory, ".control"))
    dies(box)
    assert "no answer yet" in here.sesh("list").stdout
    assert os.listdir(os.path.join(here.directory, ".control")) == sockets
