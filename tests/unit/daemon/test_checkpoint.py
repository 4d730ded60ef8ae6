"""Checkpoints: another emulator shows the same from them; they are written in silence, and hold what is needed."""

from __future__ import annotations

import os
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.daemon.session import Session
from sesh.errors import Refused
from sesh.store import checkpoints
from sesh.vt.emulator import Emulator
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
    again = restored()
    return again.text(), again.last_lines(1000, ansi=True)


def restored() -> Emulator:
    """The emulator that the checkpoint on the disk gives."""
    checkpoint = checkpoints.read("00ff")
    assert checkpoint is not None
    return checkpoints.emulator(*checkpoint)


def same_is_shown(own: Session) -> None:
    """Fails unless its checkpoint gives what it shows itself."""
    screen, log = shown(own)
    own.model.catch_up(10)
    own.model.apply_size()
    assert screen == own.model.emulator.text()
    assert log == own.model.emulator.last_lines(1000, ansi=True)


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
    same_is_shown(own)


def test_nothing_is_loaded_for_it(folder: Path) -> None:
    own = session()
    own.log.append(b"little\r\n")
    assert shown(own)[1] == ["little"]
    assert not own.model.loaded
    assert (folder / ".checkpoint.00ff").stat().st_mode & 0o777 == 0o600


def test_of_many_bytes_that_no_emulator_has_read_all_are_kept(folder: Path) -> None:
    """Of output that nobody had looked at the last 256 KiB were kept, however few lines these are."""
    own = session()
    own.log.append(b"".join(b"line %d\r\n" % number for number in range(60_000)))
    own.model.resize(100, 30)
    own.log.append(b"last\r\n")
    own.get_checkpointer().write()
    found = checkpoints.read("00ff")
    assert found is not None
    log = checkpoints.emulator(*found).last_lines(20_000, ansi=True)
    assert log[-2:] == ["line 59999", "last"]
    assert len(log) > 10_000
    assert all(line.startswith("line ") for line in log[:-1])
    assert not own.model.loaded


@pytest.mark.parametrize("loaded", [True, False])
def test_the_whole_scrollback_is_kept(folder: Path, loaded: bool) -> None:
    """It was 1,000 lines as soon as somebody had looked at the session."""
    own = session()
    for number in range(12_000):
        own.log.append(b"\x1b[3%dmline %d\x1b[m\r\n" % (number % 8, number))
    if loaded:
        own.model.catch_up(10)
    own.get_checkpointer().write()
    found = checkpoints.read("00ff")
    assert found is not None
    own.model.catch_up(10)
    assert checkpoints.emulator(*found).last_lines(20_000, ansi=True) == own.model.emulator.last_lines(
        20_000, ansi=True
    )


@settings(max_examples=60)
@given(st.lists(st.tuples(PIECES, st.sampled_from(("", "", "", "write", "resize", "load"))), max_size=40))
def test_checkpoints_one_after_the_other_hold_the_same(output: list[tuple[bytes, str]]) -> None:
    """What a checkpoint adds to its file belongs to what the ones before it have written there."""
    os.makedirs(os.environ["SESH_DIR"], mode=0o700, exist_ok=True)
    own = session()
    for number, (block, then) in enumerate(output):
        own.log.append(block)
        if own.model.loaded:
            own.model.catch_up(10)
        if then == "write":
            own.get_checkpointer().write()
        elif then == "resize":
            own.model.resize(50 + number, 10 + number // 2)
        elif then == "load":
            own.model.catch_up(10)
    same_is_shown(own)


def test_only_what_is_new_is_written(folder: Path) -> None:
    own = session()
    checkpointer = own.get_checkpointer()
    own.log.append(b"".join(b"line %d\r\n" % number for number in range(9000)))
    own.model.catch_up(10)
    checkpointer.write()
    (lines,) = folder.glob(".scrollback?.00ff")
    before = lines.stat()
    own.log.append(b"more\r\n" * 100)
    own.model.catch_up(10)
    checkpointer.write()
    assert list(folder.glob(".scrollback?.00ff")) == [lines]
    scrolled = 23 * len(b"line 8999\r\n") + 77 * len(b"more\r\n")
    assert (lines.stat().st_ino, lines.stat().st_size) == (before.st_ino, before.st_size + scrolled)
    assert (folder / ".checkpoint.00ff").stat().st_size < 4 << 10
    assert own.get_checkpointer() is checkpointer


def test_its_file_is_bounded_however_much_is_printed(folder: Path) -> None:
    own = session(scrollback=100)
    for number in range(50):
        own.log.append(b"".join(b"%d: line %d\r\n" % (number, line) for line in range(90)))
        own.model.catch_up(10)
        own.get_checkpointer().write()
    (lines,) = folder.glob(".scrollback?.00ff")
    assert lines.stat().st_size < 400 * 20
    found = checkpoints.read("00ff")
    assert found is not None
    assert checkpoints.emulator(*found).last_lines(1000, ansi=False) == own.model.emulator.last_lines(1000)
    assert len(own.model.emulator.last_lines(1000)) == 100 + 23


@pytest.mark.parametrize("when", ["created", "grown"])
def test_a_checkpoint_that_was_not_finished_leaves_the_one_before(
    folder: Path, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    own = session()
    own.log.append(b"first\r\n" * 100)
    own.model.catch_up(10)
    own.get_checkpointer().write()
    before = restored().last_lines(1000, ansi=True)
    if when == "created":
        own.model.resize(60, 20)
    own.log.append(b"second\r\n" * 100)
    own.model.catch_up(10)
    with monkeypatch.context() as patch:
        patch.setattr(checkpoints, "write", lambda *_: exec("raise OSError(28, 'full')"))  # noqa: S102
        for _ in range(3):
            with pytest.raises(OSError, match="full"):
                own.get_checkpointer().write()
            assert restored().last_lines(1000, ansi=True) == before
    assert shown(own) == (own.model.emulator.text(), own.model.emulator.last_lines(1000, ansi=True))
    assert len(list(folder.glob(".scrollback?.00ff"))) == 1


def test_they_come_while_output_does_but_not_more_often(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A crash cost up to 30 s of output that did not stop, and all of a session that was younger."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    own = session()
    checkpointer, path = own.get_checkpointer(), folder / ".checkpoint.00ff"
    written = []
    while now[0] < 130:
        own.log.append(b"x")
        checkpointer.write_if_due()
        while own.timers.remaining("checkpoint") == 0:
            checkpointer.write_if_due()
        if path.exists():
            written.append(now[0])
            path.unlink()
        now[0] += 0.5
    assert written[0] == 100
    assert {after - before for before, after in pairwise(written)} == {4.5}
    for _ in range(10):
        now[0] += 1
        own.timers.run()
    assert not own.timers.is_set("checkpoint"), "nothing is left to do until more is printed"


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
