"""The socket of a session: claimed, private, and made again without harm to files."""

from __future__ import annotations

import itertools
import os
import resource
import stat
from collections.abc import Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from sesh.daemon.clients.listener import Listener
from sesh.store import records
from sesh.system import files, paths
from sesh.wire.connection import open_socket
from tests.support import data
from tests.unit.crashes import killed_before_change


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    path = str(tmp_path / "s")
    monkeypatch.setenv("SESH_DIR", path)
    before = os.umask(0)
    files.ready_directory()
    yield path
    os.umask(before)


def record(name: str, **more: object) -> None:
    records.write(data.record(name, **{"id": "00ff", **more}))


def connects(name: str) -> bool:
    opened = open_socket(f"{name}.sock")
    if opened is not None:
        opened.close()
    return opened is not None


def test_r05_a_socket_is_private_from_the_first_instant(directory: str) -> None:
    claimed = Listener.claim("work")
    assert stat.S_IMODE(os.lstat(f"{directory}/work.sock").st_mode) == 0o600
    assert os.umask(0) == 0
    claimed.release()
    assert os.listdir(directory) == [".lock"]


def test_a_session_whose_rename_is_cut_off_has_one_name(directory: str) -> None:
    for number in itertools.count(1):
        claimed = Listener.claim("before")
        record("before")
        killed = killed_before_change(number, partial(claimed.rename, "after", lambda: record("after")))
        assert [records.id_of(name) for name in paths.names() if records.readable(name)] == ["00ff"], number
        claimed.release()
        for name in ("before", "after"):
            records.remove(name)
        if not killed:
            break
    assert number > 2


def test_a_session_that_is_removed_is_not_listed_as_one_that_does_not_respond(
    directory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its socket was closed before it was removed."""
    claimed = Listener.claim("work")
    record("work")
    listed: list[bool] = []
    remove = records.remove

    def look_and_remove(name: str, *, with_sent: bool) -> None:
        listed.append(os.path.lexists(paths.socket_path(name)))
        remove(name, with_sent=with_sent)

    monkeypatch.setattr(records, "remove", look_and_remove)
    claimed.release("00ff")
    assert listed == [False]
    assert os.listdir(directory) == [".lock"]


def test_while_a_removed_socket_is_made_again_the_other_files_of_the_session_stay(directory: str) -> None:
    """The record was missing for a moment, and the checkpoint for good."""
    claimed = Listener.claim("work")
    record("work")
    own = [paths.record_path("work"), records.file_of("00ff", "checkpoint"), records.file_of("00ff", "agent")]
    for path in own[1:]:
        Path(path).write_text("")
    os.unlink(paths.socket_path("work"))
    removed: list[str] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "unlink", removed.append)
        claimed.restore()
    assert removed == []
    assert connects("work")
    assert all(map(os.path.exists, own))
    claimed.release()


def test_a_rename_whose_record_cannot_be_written_whole_leaves_the_name_free(directory: str) -> None:
    listener = Listener.claim("work")

    def fails() -> None:
        Path(paths.record_path("other")).write_text("{}")
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        listener.rename("other", fails)
    assert (listener.name, os.path.lexists(paths.record_path("other"))) == ("work", False)
    listener.rename("other")
    listener.release()


def test_a_session_that_ends_without_a_free_descriptor_leaves_no_file(directory: str) -> None:
    claimed = Listener.claim("work")
    record("work")
    opened: list[int] = []
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/dev/fd"))) + 8, before[1]))
    try:
        with suppress(OSError):
            while True:
                opened.append(os.dup(0))
        claimed.release("00ff")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
        for descriptor in opened:
            os.close(descriptor)
    assert os.listdir(directory) == [".lock"]


def test_r02_a_long_directory_and_a_long_name_still_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESH_DIR", str(tmp_path / ("d" * 120) / ("e" * 120)))
    files.ready_directory()
    claimed = Listener.claim("n" * 64)
    assert connects("n" * 64)
    claimed.release()
