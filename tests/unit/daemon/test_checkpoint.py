"""Checkpoints come while output comes, and show the same; no fault loses kept lines."""

from __future__ import annotations

import contextlib
import errno
import os
import time
from collections.abc import Callable
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.pty.pty import Pty
from sesh.daemon.session import Session
from sesh.daemon.watching import checkpoint
from sesh.errors import Refused
from sesh.ops.views import emulator_of
from sesh.store import checkpoints, records
from sesh.vt.emulator import Emulator
from tests.support.data import daemon_facts

PIECES = st.sampled_from([
    b"plain\r\n", b"\x1b[1;31mbold", b"\xe7\x95\x8c", b"\x1b[?1049h", b"\x1b[?1049l", b"\x1b[5;5H", b"\r\n" * 30,
    b"\x1b[2J", b"long " * 40, b"\x1b[?2004h", b"\x1b]2;t\x07",
])  # fmt: skip


FILES = {".checkpoint.00ff", ".screen.00ff"}


def session(**facts: Any) -> Session:
    return Session(daemon_facts(**{"persist": True, **facts}), (80, 24, 0, 0), Pty())


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SESH_DIR", str(tmp_path))
    tmp_path.chmod(0o700)
    return tmp_path


def shown(own: Session) -> tuple[list[str], list[str]]:
    """Return the screen and the log that the session's checkpoint gives."""
    own.checkpoints.write_last()
    again = restored()
    return again.text(), again.last_lines(1000, ansi=True)


def restored() -> Emulator:
    """Return the emulator that the checkpoint on the disk gives."""
    emulator = emulator_of(checkpoints.read("00ff"))
    assert emulator is not None
    return emulator


def same_is_shown(own: Session) -> None:
    """Check that the session's checkpoint gives what the session shows."""
    screen, log = shown(own)
    own.feed.catch_up(10)
    own.feed.apply_size()
    assert screen == own.feed.emulator.text()
    assert log == own.feed.emulator.last_lines(1000, ansi=True)


@given(st.lists(st.tuples(PIECES, st.sampled_from(("", "", "", "write", "resize", "load", "fail"))), max_size=40))
def test_checkpoints_one_after_the_other_hold_the_same(output: list[tuple[bytes, str]]) -> None:
    """Each checkpoint's addition fits what earlier ones wrote, or could not write."""
    os.makedirs(os.environ["SESH_DIR"], mode=0o700, exist_ok=True)
    own = session()
    for number, (block, then) in enumerate(output):
        own.pump.log.append(block)
        if then == "write":
            own.checkpoints.write_last()
        elif then == "resize":
            own.feed.resize((50 + number, 10 + number // 2, 0, 0))
        elif then == "load":
            own.feed.catch_up(10)
        elif then == "fail":
            with Fault(errno.ENOSPC, 1 + number % 5, full=number % 2 == 0), contextlib.suppress(OSError):
                attempt(own)
    same_is_shown(own)


def test_its_file_is_bounded_however_much_is_printed(folder: Path) -> None:
    own = session(scrollback=100)
    largest = 0
    for number in range(100):
        own.pump.log.append(b"".join(b"%d: line %d\r\n" % (number, line) for line in range(2000)))
        own.feed.catch_up(10)
        own.checkpoints.write_last()
        largest = max(largest, (folder / ".screen.00ff").stat().st_size)
    assert checkpoint.APPENDED / 2 < largest < checkpoint.APPENDED + (64 << 10)
    assert restored().last_lines(1000, ansi=False) == own.feed.emulator.last_lines(1000)
    assert len(own.feed.emulator.last_lines(1000)) == 100 + 23


def test_a_checkpoint_has_all_lines_of_a_long_scrollback(folder: Path) -> None:
    own = session(scrollback=20_000)
    own.pump.log.append(b"".join(b"line %d\r\n" % number for number in range(15_000)))
    own.feed.catch_up(10)
    attempt(own)
    assert restored().last_lines(20_000) == own.feed.emulator.last_lines(20_000)
    assert len(restored().last_lines(20_000)) == 15_000


class Fault:
    """The `nth` call for a checkpoint fails, or, if `full`, all that need space."""

    CALLS = ("open", "write", "replace", "unlink", "lseek", "ftruncate", "fstat", "fchmod", "close")

    def __init__(self, number: int, nth: int = 1, *, full: bool = False) -> None:
        self.number = number
        self.left = nth
        self.full = full

    @property
    def met(self) -> bool:
        return self.left <= 0

    def __enter__(self) -> Fault:
        self._patch = pytest.MonkeyPatch()
        for name in ("write", "replace") if self.full else self.CALLS:
            self._patch.setattr(os, name, self._failing(name, getattr(os, name)))
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()

    def _failing(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **options: Any) -> Any:
            self.left -= 1
            if self.left > 0 or (self.left < 0 and not self.full):
                return real(*args, **options)
            if name == "write":
                real(args[0], args[1][: len(args[1]) // 2])
            elif name == "close":
                real(*args)
            raise OSError(self.number, os.strerror(self.number))

        return call


def attempt(own: Session) -> None:
    """Write a whole checkpoint, in the steps of turns. Raises the error that prevents it."""
    begin(own)
    finish(own)


def begin(own: Session) -> None:
    """Take the first step of a checkpoint, whether one is due or not."""
    own.checkpoints.act(time.monotonic())


def finish(own: Session) -> None:
    """Take the steps that are due."""
    own.checkpoints.plan()
    while own.checkpoints.due <= time.monotonic():
        own.checkpoints.act(time.monotonic())


def pause(own: Session) -> float:
    """Return the seconds until the next checkpoint, which is planned if it was not; inf if none comes."""
    own.checkpoints.plan()
    return own.checkpoints.due - time.monotonic()


def prepared(*, anew: bool) -> Session:
    """Return a session with a checkpoint and newer output; `anew`: the next begins another file."""
    own = session()
    own.pump.log.append(b"".join(b"line %d\r\n" % number for number in range(250)))
    own.feed.catch_up(10)
    attempt(own)
    if anew:
        own.feed.resize((60, 20, 0, 0))
    own.pump.log.append(b"".join(b"second %d\r\n" % number for number in range(150)))
    own.feed.catch_up(10)
    return own


@pytest.mark.parametrize(("anew", "number"), [(False, errno.ENOSPC), (False, errno.EMFILE), (True, errno.EIO)])
def test_no_fault_that_passes_costs_the_last_checkpoint(folder: Path, anew: bool, number: int) -> None:
    """A checkpoint's error prevented the last one at the end of the program."""
    for nth in count(1):
        own = prepared(anew=anew)
        if anew:
            begin(own)
            assert own.checkpoints.due == 0.0, "it is under way"
        with Fault(number, nth) as fault:
            own.checkpoints.write_last()
        kept, _ = restored().last_lines(2000), own.feed.catch_up(10)
        assert kept == own.feed.emulator.last_lines(2000)
        assert {path.name for path in folder.iterdir()} == FILES
        for path in folder.iterdir():
            path.unlink()
        if not fault.met:
            return


def test_a_full_disk_is_not_kept_full(folder: Path) -> None:
    """Half of a new file stayed on the full disk."""
    for nth in count(1):
        own = prepared(anew=True)
        before = restored().last_lines(2000)
        with Fault(errno.ENOSPC, nth, full=True) as fault, contextlib.suppress(OSError):
            attempt(own)
        if not fault.met:
            return
        assert restored().last_lines(2000) in (before, own.feed.emulator.last_lines(2000))
        assert {path.name for path in folder.iterdir()} == FILES
        attempt(own)
        same_is_shown(own)
        for path in folder.iterdir():
            path.unlink()


def test_a_file_that_is_gone_or_cut_is_written_anew(folder: Path) -> None:
    for damage in (lambda path: path.unlink(), lambda path: os.truncate(path, 100)):
        own = prepared(anew=False)
        damage(folder / ".screen.00ff")
        with pytest.raises(FileNotFoundError):
            attempt(own)
        attempt(own)
        same_is_shown(own)


def test_what_comes_while_one_is_written_or_cannot_be_kept_is_written_later(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No timer was set for such output until the session printed more."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    own = prepared(anew=True)
    now[0] += 10
    begin(own)
    own.pump.log.append(b"meanwhile\r\n")
    own.feed.step()
    finish(own)
    assert restored().last_lines(1) == ["second 149"]
    assert 0 < pause(own) <= 5
    pauses = []
    with Fault(errno.ENOSPC, full=True):
        for _ in range(8):
            pauses.append(pause(own))
            now[0] += pauses[-1]
            with pytest.raises(OSError, match="space"):
                finish(own)
    assert max(pauses) <= checkpoint.PAUSE
    for _ in range(2):
        now[0] += checkpoint.PAUSE
        finish(own)
    assert restored().last_lines(1) == ["meanwhile"]
    assert own.checkpoints.due == float("inf")


@pytest.mark.parametrize("left", [100, 1000, 3000])
def test_a_torn_file_shows_what_is_left(folder: Path, left: int) -> None:
    own = prepared(anew=False)
    attempt(own)
    whole = restored().last_lines(2000)
    os.truncate(folder / ".screen.00ff", left)
    found = restored().last_lines(2000)
    assert found[:-1] == whole[: len(found) - 1]


def test_a_large_screen_of_many_colours_is_kept_whole(folder: Path) -> None:
    """A checkpoint above 1 MiB was not read whole: rows, cursor and modes were missing."""
    own = session()
    own.feed.resize((400, 100, 0, 0))
    own.pump.log.append(b"\x1b[?2004h" + b"".join(
        b"\x1b[%d;1H" % (row + 1) + b"".join(
            b"\x1b[38;2;100;%d;109;48;2;120;107;%dmX" % (100 + cell % 2, 200 + cell % 3) for cell in range(400)
        )
        for row in range(100)
    ) + b"\x1b[7;9H")  # fmt: skip
    own.feed.catch_up(60)
    own.checkpoints.write_last()
    assert (folder / ".screen.00ff").stat().st_size > 1 << 20
    again = restored()
    assert (again.text(), again.cursor, again.mode(2004)) == (own.feed.emulator.text(), (6, 8), True)
    assert again.last_lines(200, ansi=True) == own.feed.emulator.last_lines(200, ansi=True)


def test_checkpoints_come_while_output_comes_but_at_a_bounded_rate(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash lost up to 30 s of continuous output."""
    now = [100.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    own, path = session(), folder / ".checkpoint.00ff"
    written = []
    while now[0] < 130:
        own.pump.log.append(b"x")
        finish(own)
        if path.exists():
            written.append(now[0])
            path.unlink()
        now[0] += 0.5
    assert written[0] == 100 + checkpoint.CHECKPOINT_AFTER
    assert {after - before for before, after in pairwise(written)} == {4.0}
    for _ in range(10):
        now[0] += 1
        finish(own)
    assert own.checkpoints.due == float("inf"), "nothing is left to do until more is printed"


def test_what_follows_an_image_that_the_emulator_has_read_in_part_is_in_it(folder: Path) -> None:
    """It was left out, and no later checkpoint came until the session printed more."""
    own = session()
    own.pump.log.append(b"before\r\n\x1bPq~~")
    own.feed.catch_up(10)
    own.pump.log.append(b"~~\x1b\\\r\nafter")
    attempt(own)
    assert restored().last_lines(1) == ["after"]
    assert own.checkpoints.due == float("inf"), "nothing is left to write"


def test_an_image_that_is_appended_has_as_many_rows(folder: Path) -> None:
    own = session()
    own.feed.resize((80, 24, 800, 960))  # a cell has 40 pixels
    own.pump.log.append(b"before\r\n")
    attempt(own)
    own.pump.log.append(b'\x1bPq"1;1;9;400~~\x1b\\\r\nafter')
    attempt(own)
    own.feed.catch_up(10)
    assert restored().cursor == own.feed.emulator.cursor


def test_one_that_is_half_written_goes_with_its_session(folder: Path) -> None:
    """Much output stayed in a temporary file after `kill`."""
    own = prepared(anew=True)
    begin(own)
    for _ in range(2):
        own.checkpoints.act(time.monotonic())
    assert {path.name for path in folder.iterdir()} == FILES | {".new-screen.00ff"}
    records.write({"name": "web", "id": "00ff", "machine": "m"})
    records.remove("web")
    assert [*folder.iterdir()] == []


def behind(own: Session, output: bytes) -> None:
    """Write a checkpoint while the emulator is behind and has no time to catch up."""
    own.feed.step()
    own.pump.log.append(output)
    own.checkpoints._write()


def test_a_little_output_is_in_it_as_it_is_unless_the_size_changes_within(folder: Path) -> None:
    """The emulator of a session that nobody looks at need not follow a little output."""
    own = session()
    own.pump.log.append(b"one\r\n\x1b[31mtwo")
    attempt(own)
    assert own.feed.position == 0
    assert own.checkpoints.due == float("inf"), "nothing is left to write"
    same_is_shown(own)
    own.feed.resize((60, 20, 0, 0))
    own.pump.log.append(b"\r\nthree")
    own.feed.resize((50, 10, 0, 0))
    attempt(own)
    assert own.feed.lag == 0
    same_is_shown(own)


@pytest.mark.parametrize(
    "first", [b"plain\r\n" * 40, b"\x1b[31mred\r\n", b"\x1b[?1049h\x1b[5;5H", b"amid \x1b[3", b"two \xe7\x95"]
)
@pytest.mark.parametrize("resized", [False, True])
def test_what_the_emulator_has_not_seen_is_in_it(folder: Path, first: bytes, resized: bool) -> None:
    """A checkpoint held only what the emulator had seen, seconds ago in a flood."""
    own = session()
    own.pump.log.append(first)
    own.feed.catch_up()
    if resized:
        own.pump.log.append(b"between")
        own.feed.resize((80, 30, 0, 0))
    behind(own, b"\x8c;4mend\r\n" + b"line %d\r\n" * 3 % (1, 2, 3))
    again = restored()
    own.feed.catch_up(10)
    assert (again.text(), again.last_lines(100)) == (own.feed.emulator.text(), own.feed.emulator.last_lines(100))


def test_a_damaged_checkpoint_is_refused(folder: Path) -> None:
    for session_id in ("00ff", "../x", None):
        assert checkpoints.read(session_id) is None
        assert checkpoints.facts(session_id) == {}
    path, facts = folder / ".screen.00ff", folder / ".checkpoint.00ff"
    sizes = (b'{"format":3,"drawn":[0,24]}\nx', b'{"format":3,"size":[1000000000,24]}\nx')
    damaged = (b"", b"\xff\n", b"[]\n", b'{"format":1', b'{"format":3,"lines":[]}\nx', b'{"format":99}\nx', *sizes)
    for content in damaged:
        path.write_bytes(content)
        path.chmod(0o600)
        with pytest.raises(Refused, match="damaged"):
            checkpoints.read("00ff")
    good: Any = {"size": [80, 24], "drawn": [80, 24], "cell_height": 20, "lines": 10}
    assert getattr(emulator_of((good, b"x")), "columns", 0) == 80
    for key in ("size", "drawn"):
        for value in ([], [80], [80, 24, 1]):
            assert emulator_of((good | {key: value}, b"x" * 100)) is None
    assert emulator_of(({}, b"x")) is None
    path.chmod(0o644)
    with pytest.raises(Refused):
        checkpoints.read("00ff")
    for content, mode in ((b'{"title":[]}', 0o600), (b'{"title"', 0o600), (b'{"title":"t"}', 0o644)):
        facts.write_bytes(content)
        facts.chmod(mode)
        assert checkpoints.facts("00ff") == {}
