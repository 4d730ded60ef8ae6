"""Agents that say how they stand: the settings under examples/agents, read by stand-ins, here and through `@host`.

A stand-in runs hooks as the agents' published references say: the command by a shell, the event as JSON on its stdin,
in the agent's own environment and directory.
"""

from __future__ import annotations

import re
import signal
import sys

import pytest

from tests.remote.farm import Farm
from tests.support import Home

if sys.version_info >= (3, 11):
    pass
else:
    pass

pytestmark = pytest.mark.needs("jq")


def test_an_answer_over_a_host_goes_to_the_question_that_was_shown(home: Home, farm: Farm) -> None:
    """The list of a host is behind: what was asked by then got the answer."""
    far = farm.host("box")
    later = "(until [ -e next ]; do sleep 0.02; done; printf '\\nDELETE ALL? ') &"
    asks = f"{later} printf 'Keep a copy? '; read x; echo got=$x; sleep 60"
    home.sesh("@box", "--open", "job", "--", "sh", "-c", asks)
    assert home.sesh("@box", "--wait", "job", "--waiting", "--timeout", "20").code == 0
    opened = home.terminal("@box", "--watch")
    opened.wait_for(re.compile(r"> job@box +\d+s  Keep a copy\?"))
    opened.type("\x1b[A")  # the mark is the person's own, however fast this test is
    opened.signal(signal.SIGSTOP)
    far.write("next", "")
    home.sesh("@box", "--wait", "job", "--for", "DELETE ALL", "--since-start", "--timeout", "20")
    refused = home.sesh("@box", "--send", "job", "y", "--enter", "--if-waiting", "Keep")
    assert (refused.code, "nothing was typed" in refused.stderr) == (1, True), refused.stderr
    opened.type("y")
    opened.signal(signal.SIGCONT)
    opened.wait_for(re.compile(r"job asks nothing now|job is waiting, but asks|job@box no longer asks that"))
    opened.wait_for(re.compile(r"> job@box +\d+s  DELETE ALL\?"))
    assert "got" not in home.sesh("@box", "--screen", "job").stdout
    sent = home.sesh("@box", "--send", "job", "n", "--enter", "--if-waiting", "DELETE")
    assert sent.code == 0, sent.stderr
    assert home.sesh("@box", "--wait", "job", "--for", "got=n", "--since-start", "--timeout", "20").code == 0
