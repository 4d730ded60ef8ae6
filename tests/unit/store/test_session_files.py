"""The files that were sent to a session: each is whole or not there, and goes with the session; no other file does."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from sesh.errors import Refused
from sesh.store import session_files

ID = "00112233445566ff"


def put(path: str, name: str, data: bytes = b"data") -> str:
    with session_files.opened(path, create=True) as folder, folder.writing() as unfinished:
        unfinished.write(data)
        return unfinished.finish(name)


@pytest.fixture
def path(sessions: Path) -> str:
    return session_files.folder_of(ID)


@pytest.mark.parametrize("umask", [0o022, 0o777])
def test_a_file_is_private_and_has_its_content(path: str, umask: int) -> None:
    before = os.umask(umask)
    try:
        lies = put(path, "my shot.png")
    finally:
        os.umask(before)
    assert lies == os.path.join(path, "my-shot.png")
    assert Path(lies).read_bytes() == b"data"
    assert stat.S_IMODE(os.stat(lies).st_mode) == 0o600
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o700


def test_a_taken_name_gets_a_number_also_a_link_and_a_folder(path: str) -> None:
    assert put(path, "shot.png") == os.path.join(path, "shot.png")
    os.symlink("nowhere", os.path.join(path, "shot-2.png"))
    os.mkdir(os.path.join(path, "shot-3.png"))
    assert put(path, "shot.png", b"other") == os.path.join(path, "shot-4.png")
    assert Path(path, "shot.png").read_bytes() == b"data"


def test_a_file_that_is_not_finished_leaves_nothing(path: str) -> None:
    with session_files.opened(path, create=True) as folder:
        with folder.writing() as unfinished:
            unfinished.write(b"half")
            assert folder.size() == 0
        assert os.listdir(path) == []


def test_what_a_dead_daemon_left_unfinished_goes_and_the_size_counts_whole_files(path: str) -> None:
    put(path, "a", b"12345")
    Path(path, "~1").write_bytes(b"half")
    os.mkfifo(os.path.join(path, "fifo"))
    with session_files.opened(path) as folder:
        with folder.writing() as unfinished:
            unfinished.write(b"is beside it")
        folder.discard_unfinished()
        assert folder.size() == 5
    assert sorted(os.listdir(path)) == ["a", "fifo", "~made"]


def test_removal_takes_what_sesh_has_made_and_nothing_else(path: str) -> None:
    put(path, "shot.png")
    lies = put(path, "replaced.txt")
    os.unlink(lies)
    os.symlink("/etc/passwd", lies)
    Path(path, "of-a-program.png").write_bytes(b"edited")
    Path(path, "~7").write_bytes(b"half")
    session_files.remove(path)
    assert sorted(os.listdir(path)) == ["of-a-program.png", "replaced.txt"]
    assert not session_files.has_own(path)
    session_files.remove(path)
    assert os.path.lexists(path)


def test_a_directory_without_other_files_goes_whole(path: str) -> None:
    put(path, "a")
    put(path, "b")
    assert session_files.has_own(path)
    session_files.remove(path)
    assert not os.path.lexists(path)
    session_files.remove(path)


def test_a_list_of_names_leads_nowhere_else(path: str, sessions: Path) -> None:
    put(path, "a")
    kept = sessions / "kept"
    kept.write_bytes(b"")
    Path(path, "~made").write_text("../kept\n..\n\n.\na\n")
    session_files.remove(path)
    assert kept.exists()
    assert not os.path.lexists(path)


def test_a_directory_that_is_a_link_or_open_to_others_is_refused_and_left(path: str, sessions: Path) -> None:
    other = sessions / "other"
    other.mkdir(mode=0o700)
    (other / "~1").write_bytes(b"")
    os.symlink(other, path)
    with pytest.raises(Refused, match="symbolic link"):
        put(path, "a")
    session_files.remove(path)
    assert (other / "~1").exists()
    os.unlink(path)
    os.mkdir(path)
    Path(path).chmod(0o750)
    with pytest.raises(Refused, match="accessible to other users"):
        put(path, "a")
