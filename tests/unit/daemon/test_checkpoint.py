"""Checkpoints: another emulator shows the same from them; they are written in silence, and hold what is needed."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.daemon.session import Session
from sesh.errors import Refused
from sesh.store import checkpoints
from tests.support.data import daemon_facts

PIECES = st.sampled_from([
    b"plain\r\n", b"\x1b[1;31mbold", b"\xe7\x95\x8c", b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[5;5H", b"\r\n" * 30,
    b"\x1b[2J", b"long " * 40, b"\x1b[?2004h", b"\x1b]2;t\x07",
])  # fmt: skip


def session(**facts: Any) -> Session:
    return Session(daemon_facts(**{"persist": True, **facts}), (80, 24, 0, 0), None)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SESH_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    return tmp_path


def shown(own: Session) -> tuple[list[str], list[str]]:
    """The screen and the log that its checkpoint gives."""
    own.get_checkpointer().write()
    found = checkpoints.read("00ff")
    assert found is not None
    again = checkpoints.emulator(*found)
    return again.text(), again.last_lines(1000, ansi=True)


@pytest.mark.parametrize(
    "model",
    [
        {"size": [80, 24], "born": [], "position": 0, "resizes": [], "marks": [], "emulator": None},
        {"size": [80, 24], "born": [80, 24], "position": 10**30, "resizes": [], "marks": [], "emulator": None},
        {"size": [80, 24], "born": [80, 24], "position": 0, "resizes": [], "marks": [], "emulator": "text"},
        {"size": [80, 24], "born": [80, 24], "position": 0, "resizes": [[]], "marks": [], "emulator": None},
        {"size": 5},
        "text",
        None,
    ],
)
def test_a_checkpoint_that_makes_no_sense_is_refused(model: Any) -> None:
    """It was an exception of whatever kind: `--logs` of a lost session ended in an internal error."""
    with pytest.raises(ValueError, match="unreadable checkpoint"):
        checkpoints.emulator({"format": 1, "model": model}, b"some text")


@settings(max_examples=60)
@given(st.lists(PIECES, max_size=30), st.booleans(), st.booleans())
def test_another_emulator_shows_the_same(output: list[bytes], loaded: bool, resized: bool) -> None:
    os.makedirs(os.environ["SESH_DIR"], mode=0o700, exist_ok=True)
    own = session()
    for at, block in enumerate(output):
        own.log.append(block)
        if resized and at == len(output) // 2:
            own.model.resize(60, 20)
    if loaded:
        own.model.catch_up(10)
    screen, log = shown(own)
    own.model.catch_up(10)
    own.model.apply_size()
    assert screen == own.model.emulator.text()
    assert log == own.model.emulator.last_lines(1000, ansi=True)


def test_nothing_is_loaded_for_it(folder: Path) -> None:
    own = session()
    own.log.append(b"little\r\n")
    assert shown(own)[1] == ["little"]
    assert not own.model.loaded
    assert (folder / ".checkpoint.00ff").stat().st_mode & 0o777 == 0o600


def test_of_many_bytes_the_last_are_kept(folder: Path) -> None:
    own = session()
    own.log.append(b"".join(b"line %d\r\n" % number for number in range(60_000)))
    own.model.resize(100, 30)
    own.log.append(b"last\r\n")
    _, log = shown(own)
    assert log[-2:] == ["line 59999", "last"]
    assert all(line.startswith("line ") for line in log[:-1])
    assert (folder / ".checkpoint.00ff").stat().st_size < 300 << 10


def test_it_waits_for_silence_but_not_for_ever(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    own = session()
    own_checkpoint = own.get_checkpointer()
    path = folder / ".checkpoint.00ff"
    while not path.exists():
        own.log.append(b"x")
        own_checkpoint.write_if_due()
        now[0] += 0.5
        assert now[0] < 135
    assert now[0] > 128
    assert not own.timers.is_set("checkpoint"), "nothing is left to do until more is printed"
    path.unlink()
    own.log.append(b"y" * 100_000)
    own_checkpoint.write_if_due()
    assert not path.exists()
    now[0] += 1
    own_checkpoint.write_if_due()
    assert path.exists()
    path.unlink()
    own.log.append(b"z")
    now[0] += 2
    own_checkpoint.write_if_due()
    assert not path.exists(), "a large one is not followed by another at once"
    assert 0 < (own.timers.remaining("checkpoint") or 0) < 2


def test_one_that_makes_no_sense_is_none(folder: Path) -> None:
    assert checkpoints.read("00ff") is None
    assert checkpoints.read("../x") is None
    assert checkpoints.read(None) is None
    path = folder / ".checkpoint.00ff"
    path.write_bytes(b'{"format":99}\nx')
    path.chmod(0o600)
    assert checkpoints.read("00ff") is None
    for content in (b"", b"\xff\n", b"[]\n", b'{"format":1', b'{"format":1,"title":[]}\nx'):
        path.write_bytes(content)
        with pytest.raises(Refused, match="damaged"):
            checkpoints.read("00ff")
        assert checkpoints.header("00ff") == {}
    good: Any = {"position": 0, "size": [80, 24], "born": [80, 24], "resizes": [], "marks": [], "emulator": None}
    assert checkpoints.emulator({"model": good}, b"x").columns == 80
    for key, values in (
        ("size", ([80], [0, 0], [10**9, 10**9], ["80", 24], "ab", None)),
        ("born", ([], [-1, 5], [10**9, 24], 5)),
        ("resizes", (5, [5], [[1, 2]], [[0, 10**9, 24]], [["a", 80, 24]])),
        ("position", ("a", -1, 10**9, None)),
        ("emulator", ({"a": 1}, 5)),
    ):
        for value in values:
            with pytest.raises(ValueError, match=r"unreadable checkpoint"):
                checkpoints.emulator({"model": good | {key: value}}, b"x" * 100)
    headers: tuple[Any, ...] = ({}, {"model": None})
    for header in headers:
        with pytest.raises(ValueError, match=r"unreadable checkpoint"):
            checkpoints.emulator(header, b"x")
    path.chmod(0o644)
    with pytest.raises(Refused):
        checkpoints.read("00ff")
    assert checkpoints.header("00ff") == {}
