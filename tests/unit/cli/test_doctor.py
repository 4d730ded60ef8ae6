"""What `--doctor` prints of a host."""

from __future__ import annotations

import json

import pytest

from sesh.about import SESH
from sesh.cli.doctor import doctor
from sesh.cli.invocation import Invocation
from sesh.cli.parser import split
from sesh.reach import host_target


def test_a_remedy_for_a_host_is_a_command_for_that_host(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """`sesh --reload work` was advised for a session of another host, where it reloads one of this machine."""
    row = {"check": "versions", "state": "warning", "message": "m", "remedy": f"{SESH} --reload work"}
    monkeypatch.setattr(host_target.HostTarget, "call", lambda *_, **__: [row])
    assert doctor(Invocation(split(["@box", "--doctor", "--json"]))) == 0
    assert json.loads(capfd.readouterr().out)["checks"][-1]["remedy"] == "sesh @box --reload work"


def test_a_check_that_fails_by_itself_is_an_error_of_its_host(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """It was an internal error of them all: `KeyError: checks`."""

    def call(target: host_target.HostTarget, *_: object, **__: object) -> list[object]:
        if target.host == "box":
            raise ZeroDivisionError("that is odd")
        return []

    monkeypatch.setattr(host_target.HostTarget, "call", call)
    assert doctor(Invocation(split(["@box", "@other", "--doctor", "--json"]))) == 1
    box, other = json.loads(capfd.readouterr().out)
    assert (box["host"], other["host"], other["ok"]) == ("box", "other", True)
    assert box["checks"][0]["message"] == "internal error: ZeroDivisionError: that is odd"
