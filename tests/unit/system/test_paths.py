"""The paths of sesh: trusted, or refused with the fix; files are written whole."""

from __future__ import annotations

import errno
import grp
import os
import pwd
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from io import FileIO
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.config import config
from sesh.errors import Refused
from sesh.remote import known
from sesh.remote.ssh import ssh
from sesh.remote.sync import sync
from sesh.store import recent
from sesh.system import files, paths, platforms
from sesh.wire.connection import listen
from tests.unit.masks import masked
from tests.unit.writers import at_once


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SESH_DIR in the home directory, not made yet."""
    monkeypatch.setenv("HOME", str(tmp_path))
    path = tmp_path / "sesh"
    monkeypatch.setenv("SESH_DIR", str(path))
    return path


@pytest.fixture
def ready(place: Path) -> Path:
    place.mkdir(mode=0o700)
    return place


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def refused(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        paths.check_directory(str(path))
    for act in (files.ready_directory, paths.names):
        with pytest.raises(Refused):
            act()
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_directory_that_is_not_there_is_no_error(place: Path) -> None:
    assert not paths.check_directory(str(place))
    assert paths.names() == []


def test_a_link_is_refused_also_with_a_slash_behind_it(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lstat("link/")` looks at the link's target, so that such links passed."""
    (tmp_path / "real").mkdir(mode=0o700)
    place.symlink_to("real")
    monkeypatch.setenv("SESH_DIR", f"{place}/")
    with pytest.raises(Refused, match="symbolic link"):
        files.ready_directory()


def test_a_directory_that_others_use_is_never_to_be_changed(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SESH_DIR=/tmp sesh`, typed by root, said to run `chmod 700 /tmp`."""
    monkeypatch.setenv("HOME", str(ready))
    ready.chmod(0o755)
    assert "directory of yours" in refused(ready)
    monkeypatch.setattr(os, "geteuid", lambda: os.stat("/tmp").st_uid)
    for shared in ("/", "/tmp", "/usr", "/etc", "/var/tmp"):
        with pytest.raises(Refused, match=r"set SESH_DIR to a directory of yours") as caught:
            paths.check_directory(shared)
        assert "chmod" not in str(caught.value)
        assert "mode 1777); if only sesh uses it, make it 0700; else set" in str(caught.value) or shared != "/tmp"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_another_user_is_refused(ready: Path) -> None:
    file = ready / "a.json"
    file.touch(mode=0o600)
    os.chown(file, 12345, 12345)
    with pytest.raises(Refused, match="created by sesh"):
        files.read_own(str(file), 1)
    os.chown(ready, 12345, 12345)
    assert "another user" in refused(ready)


# -- the directories above it


@pytest.fixture
def parent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A directory with SESH_DIR in it, which is not made yet."""
    path = tmp_path / "parent"
    path.mkdir(mode=0o755)
    monkeypatch.setenv("SESH_DIR", str(path / "sesh"))
    return path


def unsafe(parent: Path, reason: str) -> None:
    """Check that SESH_DIR is refused for a directory above it, made or not."""
    before = mode(parent)
    for made in (False, True):
        if made:
            (parent / "sesh").mkdir(mode=0o700)
        with pytest.raises(Refused, match=reason) as caught:
            files.ready_directory()
        assert "\n" not in str(caught.value)
        assert os.listdir(parent) == (["sesh"] if made else [])
    with pytest.raises(Refused, match=reason):
        paths.names()
    assert mode(parent) == before


@pytest.mark.parametrize("bits", [0o777, 0o757, 0o702])
def test_a_parent_that_others_may_write_to_is_refused_with_the_fix(parent: Path, bits: int) -> None:
    parent.chmod(bits)
    unsafe(parent, rf"{parent} is writable by other users \(mode {bits:04o}\); run: chmod go-w {parent}$")


def test_a_parent_with_the_sticky_bit_passes(parent: Path) -> None:
    parent.chmod(0o1777)
    assert paths.check_directory(files.ready_directory())


def test_a_group_may_write_to_a_parent_where_nobody_else_is_in_it(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Many systems give each user a group alone. To list all accounts takes too long."""
    own = pwd.getpwuid(os.geteuid()).pw_name
    parent.chmod(0o775)

    def group(name: str, *members: str) -> None:
        found = grp.struct_group((name, "x", parent.stat().st_gid, [*members]))
        monkeypatch.setattr(grp, "getgrgid", lambda _: found)

    monkeypatch.delattr(pwd, "getpwall")
    for members in ([], [own]):
        group(own, *members)
        assert paths.check_directory(files.ready_directory())
    os.rmdir(paths.directory())
    for name, members in ((own, ["other"]), (own, [own, "other"]), ("staff", []), ("staff", [own])):
        group(name, *members)
        unsafe(parent, rf"{parent} is writable by other users \(mode 0775\); run: chmod go-w {parent}$")
        os.rmdir(paths.directory())
    group(own)
    monkeypatch.setattr(platforms, "has_acl", lambda _: True)
    unsafe(parent, "is writable by other users")
    monkeypatch.setattr(platforms, "has_acl", lambda _: False)
    monkeypatch.setattr(grp, "getgrgid", {}.__getitem__)
    with pytest.raises(Refused, match="is writable by other users"):
        paths.names()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_a_parent_of_another_user_is_refused(parent: Path) -> None:
    os.chown(parent, 12345, 12345)
    unsafe(parent, rf"{parent} belongs to another user \(uid 12345\), who may change it; set SESH_DIR to a directory")
    parent.chmod(0o1777)
    os.rmdir(parent / "sesh")
    unsafe(parent, "belongs to another user")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_links_on_the_way_are_followed_and_checked(
    parent: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = tmp_path / "real"
    real.mkdir(mode=0o755)
    (parent / "link").symlink_to("../real")
    (parent / "further").symlink_to(f"{parent}/link")
    monkeypatch.setenv("SESH_DIR", str(parent / "further" / "sesh"))
    assert paths.check_directory(files.ready_directory())
    real.chmod(0o777)
    with pytest.raises(Refused, match=f"{real} is writable by other users"):
        files.ready_directory()
    real.chmod(0o755)
    parent.chmod(0o1777)
    assert paths.check_directory(files.ready_directory())
    os.chown(parent / "link", 12345, 12345, follow_symlinks=False)  # in a sticky directory its owner may exchange it
    with pytest.raises(Refused, match=f"{parent}/link belongs to another user"):
        files.ready_directory()
    parent.chmod(0o755)
    (parent / "loop").symlink_to("loop")
    monkeypatch.setenv("SESH_DIR", str(parent / "loop" / "sesh"))
    with pytest.raises(Refused, match="symbolic links"):
        files.ready_directory()


def test_records_of_hosts_and_control_sockets_lie_where_nobody_exchanges_them(
    parent: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(parent / "state"))
    monkeypatch.setenv("SESH_CTRL_DIR", str(parent / "control"))
    monkeypatch.setattr(ssh, "_MAX_SOCKET_PATH", 1000)
    known.record("box")
    ssh.control_directory()
    parent.chmod(0o777)
    for act in (known.hosts, lambda: known.record_failure("box"), known.damage, ssh.control_directory):
        with pytest.raises(Refused, match=f"{parent} is writable by other users"):
            act()


@pytest.mark.parametrize("open_one", ["", "sesh", "sesh/config.toml"])
def test_settings_and_the_sync_list_that_others_can_change_are_not_used(
    parent: Path, monkeypatch: pytest.MonkeyPatch, open_one: str
) -> None:
    """Hooks in settings are commands, and files in the sync list are sent to hosts."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(parent))
    (parent / "sesh").mkdir(mode=0o755)
    for name, text in (("config.toml", "hook = 'echo'\n"), ("sync", "file\n")):
        (parent / "sesh" / name).write_text(text)
        (parent / "sesh" / name).chmod(0o644)
    assert config.load().hook
    assert sync.listed() == ["file"]
    (parent / open_one).chmod(0o777)
    found = config.load()
    assert not found.hook
    reason = f"{parent / open_one} is writable by other users (mode 0777); run: chmod go-w {parent / open_one}"
    assert found.warnings == [f"{parent}/sesh/config.toml: not read, the defaults hold: {reason}"]
    if not open_one.endswith(".toml"):
        with pytest.raises(Refused, match="is writable by other users"):
            sync.listed()


def test_files_that_are_not_private_or_not_what_they_seem_are_refused(ready: Path) -> None:
    """R4 and R7 of tests/contract/FAULTS.md."""
    good = ready / "good.json"
    files.write_whole(str(good), b"{}")
    assert files.read_own(str(good), 9) == b"{}"
    assert files.read_own(str(ready / "none.json"), 9) is None
    assert not paths.check_socket(str(ready / "none.sock"))
    with pytest.raises(Refused, match="not a socket"):
        paths.check_socket(str(good))
    (ready / "link.json").symlink_to("good.json")
    os.mkfifo(ready / "fifo.json", 0o600)
    (ready / "folder.json").mkdir(0o600)
    for wrong in ("link", "fifo", "folder"):
        with pytest.raises(Refused, match="move it away"):
            files.read_own(str(ready / f"{wrong}.json"), 9)
    good.chmod(0o640)
    with pytest.raises(Refused, match="chmod 600"):
        files.read_own(str(good), 9)


def test_names_are_those_of_records_and_sockets_and_no_junk(ready: Path) -> None:
    """A file of another program must not be listed, nor its name reach a terminal."""
    for entry in (
        "b.json", "a.sock", "a.json", "x.y.json", ".lock", ".recent", ".hidden.json", "notes.txt", "two words.json",
        "red\x1b[31m.sock", "-k.json", ".json", f"{'x' * 65}.json",
    ):  # fmt: skip
        (ready / entry).touch()
    assert paths.names() == ["a", "b", "x.y"]


@pytest.mark.parametrize("mask", [0o000, 0o177, 0o777])
def test_directories_and_sockets_are_private_whatever_the_umask(
    mask: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESH_DIR", str(tmp_path / "more" / "sessions"))
    with masked(mask):
        folder = files.ready_directory()
        listen("work.sock", 1).close()
    assert [mode(Path(path)) for path in (os.path.dirname(folder), folder, f"{folder}/work.sock")] == [
        0o700, 0o700, 0o600,
    ]  # fmt: skip


@pytest.mark.parametrize("mask", [0o000, 0o177, 0o777])
def test_files_are_private_and_whole_whatever_the_umask(ready: Path, mask: int) -> None:
    """R5: with some umasks, sesh refused the record that it had written."""
    file = ready / "a.json"
    with masked(mask):
        files.write_whole(str(file), b"one")
        files.write_whole(str(file), b"two")
        with files.locked(str(ready)):
            pass
    assert file.read_bytes() == b"two"
    assert mode(file) == mode(ready / ".lock") == 0o600
    assert sorted(each.name for each in ready.iterdir()) == [".lock", "a.json"]


def test_a_write_that_fails_only_when_it_is_closed_leaves_the_old_content(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a network file system close(2) may report a full disk."""
    file = ready / "a.json"
    files.write_whole(str(file), b"old")

    class Full(FileIO):
        def close(self) -> None:
            super().close()
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr(files, "FileIO", Full)
    with pytest.raises(OSError, match="full"):
        files.write_whole(str(file), b"new")
    assert file.read_bytes() == b"old"
    assert os.listdir(ready) == ["a.json"]


def test_a_file_is_extended_behind_what_is_known_of_it(ready: Path) -> None:
    file = ready / "lines"
    file.write_bytes(b"one")
    files.write_after(str(file), 3, b"two")
    files.write_after(str(file), 3, b"3")
    assert file.read_bytes() == b"one3", "the rest was of a write that failed"
    files.write_after(str(file), 0, b"")
    assert file.read_bytes() == b""
    for path in (file, ready / "gone", ready):
        with pytest.raises(OSError, match=r"No such file|not the file|directory"):
            files.write_after(str(path), 1, b"x")
    (ready / "link").symlink_to(file)
    with pytest.raises(OSError, match="symbolic links"):
        files.write_after(str(ready / "link"), 0, b"x")
    assert sorted(os.listdir(ready)) == ["lines", "link"]


def test_no_file_is_written_through_a_link(ready: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (ready / "a.json").symlink_to(victim)
    (ready / f".b.json.{os.getpid()}.sesh").symlink_to(victim)
    (ready / ".lock").symlink_to(victim)
    files.write_whole(str(ready / "a.json"), b"x")
    with pytest.raises(OSError, match="symbolic links"):
        files.write_whole(str(ready / "b.json"), b"x")
    with pytest.raises(Refused, match="symbolic links"), files.locked(str(ready)):
        pass
    assert victim.read_text() == "precious"


def test_threads_of_one_process_replace_a_link_at_once(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second host met the first one's temporary link, and kept a short-lived agent."""
    both, replace = threading.Barrier(2), os.replace

    def renamed(*names: str) -> None:
        both.wait(10)
        replace(*names)

    monkeypatch.setattr(os, "replace", renamed)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(partial(files.replace_link, str(ready / "link")), ("a", "b"))) == [None, None]
    monkeypatch.setattr(os, "replace", Mock(side_effect=KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        files.replace_link(str(ready / "link"), "c")
    assert os.listdir(ready) == ["link"]


def test_sessions_attached_at_once_are_all_remembered(ready: Path) -> None:
    """Each process wrote the list that it had read, without others' entries."""

    def attach(letter: str) -> None:
        for number in range(8):
            recent.remember(f"{letter}{number}")

    at_once(attach, "abcd")
    assert sorted(recent.newest()) == [f"{letter}{number}" for letter in "abcd" for number in range(8)]


def test_a_durable_file_is_on_the_disk_before_its_name_and_the_name_before_it_returns(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a loss of power, the file of this name could be empty."""
    done: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(os.readlink(f"/proc/self/fd/{descriptor}")))

    def renamed(*names: str) -> None:
        done.append("rename")
        replace(*names)

    monkeypatch.setattr(os, "replace", renamed)
    files.write_whole(str(ready / "a.json"), b"1", durable=True)
    assert done == [str(ready / f".a.json.{os.getpid()}.sesh"), "rename", str(ready)]
    done.clear()
    files.write_whole(str(ready / "a.json"), b"2")
    assert done == ["rename"]
    assert (ready / "a.json").read_bytes() == b"2"


@given(st.text(min_size=1, max_size=255), st.text(min_size=1, max_size=255))
def test_a_word_names_a_file_of_its_own_in_its_folder(one: str, other: str) -> None:
    """A host's user may have any letters, and a slash."""
    names = [paths.file_name(word) for word in (one, other)]
    assert (names[0] == names[1]) == (one == other)
    assert all(name.isascii() and "/" not in name and len(name) <= 200 for name in names)
    assert paths.file_name("ann@gpu:22") == "ann@gpu:22"
