"""How many of the last lines of a session come over a link."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from sesh.ops import views
from sesh.reach.caller import Caller
from sesh.reach.op import encoded
from sesh.reach.origin import Origin
from sesh.wire import protocol

Come = Callable[[list[str]], list[str]]


class SshHost(Caller):
    """A caller on another machine."""

    origin = Origin({})


@pytest.fixture
def come(monkeypatch: pytest.MonkeyPatch) -> Come:
    """Return a function that returns which of a session's last lines come over a link."""

    def ask(lines: list[str]) -> list[str]:
        monkeypatch.setattr(views, "last_lines", lambda *_, **__: (lines, False))
        return views.logs(SshHost(), "work", len(lines))

    return ask


@pytest.mark.parametrize("character", ["a", "\x1b", "é", "한", "😀", '"', "\\"])
@pytest.mark.parametrize("length", [0, 1, 80, 3000])
def test_the_lines_that_come_over_a_link_fit_into_one_answer(
    come: Come, monkeypatch: pytest.MonkeyPatch, character: str, length: int
) -> None:
    monkeypatch.setattr(protocol, "MAX_RESPONSE", 1 << 16)
    lines = come([character * length] * 30_000)
    assert 0 < len(lines) < 30_000
    assert len(encoded(lines)) <= 1 << 16
