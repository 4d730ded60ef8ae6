"""A host that is gone while sesh is deployed to it."""

from __future__ import annotations

from bench.network.stand import standing
from tests.remote.farm import Farm
from tests.remote.patches import patch
from tests.support import Home, wait_until

HANGS = """
from sesh.remote.deploy import fabric_carrier, survey
fabric_carrier.KEEPALIVE, fabric_carrier.UNACKNOWLEDGED = 1, 2
survey.python_command = lambda *_: "touch ~/begun; exec sleep 60"
"""


def test_a_host_that_vanishes_while_it_unpacks_is_given_up_soon(farm: Farm, home: Home) -> None:
    """It was waited for during three minutes, and nothing was said."""
    patch(home, HANGS)
    with standing(farm) as stand:
        deploying = home.start("--deploy", "@box", "--force")
        wait_until(lambda: stand.far.exists("begun"), 20)
        stand.darken()
        out, err = deploying.communicate(timeout=30)
        assert deploying.returncode == 1
        assert "stopped answering" in str(err or out)
