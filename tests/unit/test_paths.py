"""Where sesh keeps its files: what is trusted, what is refused with the fix, and that every step is whole."""

from __future__ import annotations

import errno
import os
import pwd
import socket
import stat
from pathlib import Path

import pytest

from sesh import paths
from sesh.errors import Refused
from sesh.platform import LONGEST_SOCKET_PATH
from sesh.remote import known


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """SESH_DIR, not made yet."""
    path = tmp_path / "sesh"
    monkeypatch.setenv("SESH_DIR", str(path))
    return path


@pytest.fixture
def ready(place: Path) -> Path:
    place.mkdir(mode=0o700)
    return place


def mode(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_directory_is_the_variables_else_one_in_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for value in (None, ""):
        if value is None:
            monkeypatch.delenv("SESH_DIR", raising=False)
        else:
            monkeypatch.setenv("SESH_DIR", value)
        assert paths.directory() == str(tmp_path / ".sesh")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SESH_DIR", "mine")
    assert paths.directory() == str(tmp_path / "mine")


@pytest.mark.parametrize("mask", [0o000, 0o022, 0o077, 0o777])
def test_r03_the_directory_is_made_private_whatever_the_umask(place: Path, mask: int) -> None:
    """R3."""
    with paths.masked(mask):
        assert paths.ready_directory() == str(place)
    assert mode(place) == 0o700
    assert paths.ready_directory() == str(place)


def test_parents_are_made_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SESH_DIR", str(tmp_path / "a" / "b"))
    assert paths.trusted(paths.ready_directory())


def refused(path: Path) -> str:
    with pytest.raises(Refused) as caught:
        paths.trusted(str(path))
    for act in (paths.ready_directory, paths.names):
        with pytest.raises(Refused):
            act()
    message = str(caught.value)
    assert str(path) in message
    assert "\n" not in message
    return message


def test_a_directory_that_is_not_there_is_no_error(place: Path) -> None:
    assert not paths.trusted(str(place))
    assert paths.names() == []


def test_a_link_is_refused(place: Path, tmp_path: Path) -> None:
    (tmp_path / "real").mkdir(mode=0o700)
    place.symlink_to("real")
    assert "symbolic link" in refused(place)


def test_a_link_is_refused_also_with_a_slash_behind_it(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`lstat("link/")` looks at what the link leads to: SESH_DIR with a slash at its end let links through."""
    (tmp_path / "real").mkdir(mode=0o700)
    place.symlink_to("real")
    monkeypatch.setenv("SESH_DIR", f"{place}/")
    with pytest.raises(Refused, match="symbolic link"):
        paths.ready_directory()


def test_a_file_is_refused(place: Path) -> None:
    place.write_text("")
    assert "not a directory" in refused(place)


@pytest.mark.parametrize("bits", [0o710, 0o701, 0o750, 0o777])
def test_a_directory_that_others_may_enter_is_refused_with_the_fix(ready: Path, bits: int) -> None:
    paths.write_whole(str(ready / "work.json"), b"{}")
    (ready / ".agent.1").symlink_to("/tmp/agent")
    ready.chmod(bits)
    assert f"run: chmod 700 {ready}" in refused(ready)
    assert mode(ready) == bits


def test_a_directory_that_others_use_is_never_to_be_changed(ready: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`SESH_DIR=/tmp sesh`, typed by root, said to run `chmod 700 /tmp`, which breaks the machine; so did `/`."""
    with monkeypatch.context() as root:
        root.setattr(os, "geteuid", lambda: os.stat("/tmp").st_uid)
        for shared in ("/", "/tmp", "/usr", "/etc", "/var/tmp"):
            with pytest.raises(Refused, match=r"set SESH_DIR to a directory of its own") as caught:
                paths.trusted(shared)
            assert "chmod" not in str(caught.value)
    monkeypatch.setenv("HOME", str(ready))
    ready.chmod(0o755)
    assert "directory of its own" in refused(ready), "the home directory"
    monkeypatch.setenv("HOME", "/root")
    ready.chmod(0o1777)
    assert "directory of its own" in refused(ready)
    ready.chmod(0o755)
    (ready / "index.html").touch(mode=0o644)
    assert "directory of its own" in refused(ready)


def test_an_empty_home_is_that_of_passwd(monkeypatch: pytest.MonkeyPatch) -> None:
    """The sessions of `HOME= sesh` lay in `/.sesh`."""
    monkeypatch.delenv("SESH_DIR", raising=False)
    own = pwd.getpwuid(os.geteuid()).pw_dir
    for value in ("", "not/absolute"):
        monkeypatch.setenv("HOME", value)
        assert paths.directory() == f"{own}/.sesh"
        assert paths.settings_file() == f"{own}/.config/sesh/config.toml"
        assert known.directory() == f"{own}/.local/state/sesh/remotes"
        assert paths.expanded("~/key") == f"{own}/key"
    monkeypatch.setenv("HOME", "/home/of mine/")
    assert paths.directory() == "/home/of mine/.sesh"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_what_belongs_to_another_user_is_refused(ready: Path) -> None:
    file = ready / "a.json"
    file.touch(mode=0o600)
    os.chown(file, 12345, 12345)
    with pytest.raises(Refused, match="another user"):
        paths.check_file(str(file), stat.S_IFREG)
    os.chown(ready, 12345, 12345)
    assert "another user" in refused(ready)


def test_a_directory_that_cannot_be_made_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SESH_DIR", str(tmp_path / "file" / "sesh"))
    with pytest.raises(Refused, match="set SESH_DIR"):
        paths.ready_directory()


def test_files_that_are_not_private_or_not_what_they_seem_are_refused(ready: Path) -> None:
    """R4, R7."""
    good = ready / "good.json"
    paths.write_whole(str(good), b"{}")
    assert paths.check_file(str(good), stat.S_IFREG)
    assert not paths.check_file(str(ready / "none.json"), stat.S_IFREG)
    with pytest.raises(Refused, match="not a socket"):
        paths.check_file(str(good), stat.S_IFSOCK)
    (ready / "link.json").symlink_to("good.json")
    with pytest.raises(Refused, match="not a file"):
        paths.check_file(str(ready / "link.json"), stat.S_IFREG)
    good.chmod(0o640)
    with pytest.raises(Refused, match="chmod 600"):
        paths.check_file(str(good), stat.S_IFREG)


def test_names_are_those_of_records_and_sockets_and_no_junk(ready: Path) -> None:
    """A file that something else put there must not show up as a session, nor its name reach a terminal."""
    for entry in (
        "b.json", "a.sock", "a.json", "x.y.json", ".lock", ".recent", ".hidden.json", "notes.txt", "two words.json",
        "red\x1b[31m.sock", "-k.json", ".json", f"{'x' * 65}.json",
    ):  # fmt: skip
        (ready / entry).touch()
    assert paths.names() == ["a", "b", "x.y"]


@pytest.mark.parametrize("mask", [0o000, 0o177, 0o777])
def test_files_are_private_and_whole_whatever_the_umask(ready: Path, mask: int) -> None:
    """R5. With a umask that takes the owner's own bits away, the record was one that sesh itself refused."""
    file = ready / "a.json"
    with paths.masked(mask):
        paths.write_whole(str(file), b"one")
        paths.write_whole(str(file), b"two")
        with paths.locked(str(ready)):
            pass
    assert file.read_bytes() == b"two"
    assert mode(file) == mode(ready / ".lock") == 0o600
    assert sorted(each.name for each in ready.iterdir()) == [".lock", "a.json"]


def test_a_write_that_fails_leaves_the_old_content_and_no_litter(ready: Path) -> None:
    (ready / "a.json").mkdir()
    with pytest.raises(OSError, match=r"a\.json"):
        paths.write_whole(str(ready / "a.json"), b"x")
    assert [each.name for each in ready.iterdir()] == ["a.json"]


def test_no_file_is_written_through_a_link(ready: Path, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (ready / "a.json").symlink_to(victim)
    (ready / f".b.json.{os.getpid()}").symlink_to(victim)
    (ready / ".lock").symlink_to(victim)
    paths.write_whole(str(ready / "a.json"), b"x")
    with pytest.raises(OSError, match="symbolic links"):
        paths.write_whole(str(ready / "b.json"), b"x")
    with pytest.raises(Refused, match="symbolic links"), paths.locked(str(ready)):
        pass
    assert victim.read_text() == "precious"


def test_r02_a_socket_in_a_directory_of_any_length_is_reached(tmp_path: Path) -> None:
    """R2."""
    folder = tmp_path / ("d" * 100) / ("e" * 100)
    folder.mkdir(parents=True)
    for entry in ("s.sock", f"{'n' * 64}.sock"):
        with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
            before = len(os.listdir("/dev/fd"))
            with paths.reachable(str(folder), entry) as address:
                assert len(os.fsencode(address)) <= LONGEST_SOCKET_PATH
                listener.bind(address)
            listener.listen()
            with paths.reachable(str(folder), entry) as address:
                client.connect(address)
            assert len(os.listdir("/dev/fd")) == before
        assert stat.S_ISSOCK((folder / entry).stat().st_mode)


def test_a_short_path_is_taken_as_it_is(tmp_path: Path) -> None:
    with paths.reachable("/tmp", "x.sock") as address:
        assert address == "/tmp/x.sock"


def test_the_lock_keeps_others_out_until_it_is_given_back(ready: Path) -> None:
    import fcntl

    def taken() -> bool:
        descriptor = os.open(ready / ".lock", os.O_RDWR)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        else:
            return False
        finally:
            os.close(descriptor)

    with paths.locked(str(ready)):
        assert taken()
    assert not taken()


def test_the_umask_is_given_back() -> None:
    before = os.umask(0o022)
    try:
        with paths.masked(0o177):
            pass
        assert os.umask(0o022) == 0o022
    finally:
        os.umask(before)


def test_the_sessions_attached_last_are_remembered_the_newest_first(ready: Path) -> None:
    assert paths.recent() == []
    for name in ("a", "b", "a", *(f"n{number}" for number in range(40))):
        paths.remember(name)
    assert paths.recent()[:2] == ["n39", "n38"]
    assert len(paths.recent()) == 32
    paths.remember("n38")
    assert paths.recent()[:3] == ["n38", "n39", "n37"]
    paths.remember("n38", "box")
    assert paths.recent()[:2] == ["@box n38", "n38"]
    Path(paths.recent_path()).write_bytes(b"\xff\xfe")
    assert paths.recent() == []


def test_what_cannot_be_remembered_keeps_nobody_from_attaching(ready: Path) -> None:
    Path(paths.recent_path()).mkdir()
    paths.remember("work")
    assert paths.recent() == []


def test_errors_say_what_to_do() -> None:
    assert "`sesh web` creates it" in str(paths.absent("web"))
    assert "`sesh web`" in str(paths.taken("web"))


def test_a_durable_file_is_on_the_disk_before_its_name_and_the_name_before_it_returns(
    ready: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After a loss of power the name could lead to an empty file."""
    done: list[str] = []
    replace = os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(os.readlink(f"/proc/self/fd/{descriptor}")))

    def renamed(*names: str) -> None:
        done.append("rename")
        replace(*names)

    monkeypatch.setattr(os, "replace", renamed)
    paths.write_whole(str(ready / "a.json"), b"1", durable=True)
    assert done == [str(ready / f".a.json.{os.getpid()}"), "rename", str(ready)]
    done.clear()
    paths.write_whole(str(ready / "a.json"), b"2")
    assert done == ["rename"]
    assert (ready / "a.json").read_bytes() == b"2"


@pytest.mark.parametrize(
    ("number", "do"),
    [
        (errno.EROFS, "set SESH_DIR to a directory that you can write to"),
        (errno.ENOSPC, "free some space there, or set SESH_DIR to another directory"),
        (errno.EACCES, "writable, or set SESH_DIR"),
        (errno.ELOOP, "check it and move it away"),
    ],
)
def test_a_lock_that_cannot_be_made_says_what_is_wrong_with_the_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, do: str
) -> None:
    def refused(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", refused)
    with pytest.raises(Refused) as error, paths.locked(str(tmp_path)):
        pass
    monkeypatch.undo()
    assert do in str(error.value)
