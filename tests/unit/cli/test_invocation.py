"""A command line on its way to the machine that it is for."""

from __future__ import annotations

import pytest

from sesh.cli.invocation import Invocation
from sesh.cli.parser import split
from sesh.ops import lookup
from sesh.reach import find


def test_the_name_is_said_of_a_session_that_is_on_a_host(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It was the first word of the line, which may be an option."""
    monkeypatch.setattr(find, "is_here", lambda *_, **__: False)
    monkeypatch.setattr(lookup, "host_of", lambda *_, **__: "gpu")
    cli = Invocation(split(["--wait", "--exit", "work"]))
    cli.look_for("work")
    assert (cli.host, cli.greeting) == ("gpu", "work on @gpu")
    assert capfd.readouterr().err == "[work on @gpu]\n"
