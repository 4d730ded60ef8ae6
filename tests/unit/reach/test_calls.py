"""How many functions lie between the command line and a link."""

from __future__ import annotations

import traceback
from pathlib import Path

import pytest

from sesh.cli.main import run_line
from sesh.wire.connection import Connection
from tests.support import ROOT

MAX_CALLS = 6
"""The most calls from the command line's last function to the first write of a link."""


class Written(BaseException):
    """Raised in place of the first write, so that nothing answers for it."""


@pytest.mark.parametrize(
    "line",
    [
        "kill work",
        "open work",
        "send work text",
        "wait work --exit",
        "run work -- true",
        "exec job -- true",
        "new -d work",
        "list",
        "logs work -f",
    ],
)
def test_a_verb_reaches_a_host_in_six_calls(
    line: str, sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A reader had to follow seven to nine, most of which only passed on."""
    settings = tmp_path / "sesh" / "config.toml"
    settings.parent.mkdir()
    settings.write_text("[remotes.box]\nvia = \"sh -c 'exec sleep 60'\"\n")
    for name, value in {"XDG_CONFIG_HOME": tmp_path, "HOME": tmp_path, "SESH_NO_SYNC": 1}.items():
        monkeypatch.setenv(name, str(value))
    calls: list[str] = []

    def send(*_: object) -> None:
        calls.extend(frame.filename.removeprefix(f"{ROOT}/") for frame in traceback.extract_stack()[:-1])
        raise Written

    monkeypatch.setattr(Connection, "send", send)
    with pytest.raises(Written):
        run_line(["@box", *line.split()])
    own = [path for path in calls if path.startswith(("sesh/", "client/", "remote/"))]
    last = max(at for at, path in enumerate(own) if path.startswith("sesh/cli/"))
    assert len(own[last + 1 :]) <= MAX_CALLS, own[last + 1 :]
