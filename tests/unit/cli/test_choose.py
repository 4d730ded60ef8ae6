"""Enter on a row of the board."""

from __future__ import annotations

import pytest

from sesh.cli import choose
from sesh.cli.invocation import Invocation
from sesh.cli.line import split
from sesh.ops import enter
from sesh.tui.rows import BoardRow
from tests.support.data import summary


@pytest.mark.parametrize(("state", "creates"), [("running", False), ("exited", True)])
def test_a_session_that_was_shown_as_running_is_not_created_again(
    state: str, creates: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may have ended since the board was drawn, on a host that answers slowly."""
    ops: list[object] = []
    monkeypatch.setattr(choose, "attach_terminal", lambda _cli, _target, op, *_: ops.append(op))
    monkeypatch.setattr(choose, "attach_or_create", lambda *_, **__: ops.append(enter.go))
    choose._go_to(Invocation(split(["pick"])), BoardRow(None, "web", summary(name="web", state=state)))
    assert ops == [enter.go if creates else enter.attach]
