"""`--forget` while the host is asked, or forgotten by another: nothing of it stays."""

from __future__ import annotations

import os

import pytest

from tests.remote.farm import Farm
from tests.remote.patches import patch
from tests.support import Home, rounds, wait_until
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


@pytest.mark.timeout(rounds(120, 600))
def test_two_at_once_forget_one_host(home: Home, farm: Farm) -> None:
    farm.host("box")
    for number in range(rounds(5, 50)):
        assert home.sesh("@box", "--list").code == 0
        race = Race(home, number)
        race.run(*[("--forget", "@box")] * 3)
        assert 0 in race.codes, race.story
        said = [(each.code, "no known remote" in each.stderr) for each in race.results]
        assert set(said) <= {(0, False), (1, True)}, race.story
        assert kept(home) == []
