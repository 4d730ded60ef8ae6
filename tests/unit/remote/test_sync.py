"""Files that are pushed to another HOME: those taken, refused, left out or changed."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sesh.errors import Refused
from sesh.remote import known
from sesh.remote.ssh.destination import Destination
from sesh.remote.sync import sync
from sesh.remote.sync.home import HomeDirectory
from sesh.system import programs
from sesh.system.protected import PROTECTED

ODD = "odd 'n\" $(touch evil); *?[x] \\ é~!"
WAYS = [pytest.param(True, id="rsync", marks=pytest.mark.needs("rsync")), pytest.param(False, id="tar")]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "SESH_NO_SYNC", "SESH_EVENT_LOG"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    return path


@pytest.fixture
def far(tmp_path: Path) -> Path:
    """HOME of the host `box`."""
    path = tmp_path / "far"
    path.mkdir()
    return path


@pytest.fixture(params=WAYS)
def rsync(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Whether this machine has rsync."""
    if not request.param:
        monkeypatch.setattr(programs, "find", lambda name: None if name == "rsync" else shutil.which(name))
    return bool(request.param)


def write(path: Path, content: str = "content", mode: int = 0o644) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    path.chmod(mode)
    return path


def write_list(home: Path, *lines: str) -> None:
    write(home / ".config/sesh/sync", "".join(f"{line}\n" for line in lines))


def synced(far: Path) -> sync.Sync:
    return sync.sync(Destination("box", via=["env", f"HOME={far}"]))


def files(folder: Path) -> dict[str, tuple[int, str]]:
    """Mode and content, or link target, of all that lies in a folder."""
    found = {}
    for path in folder.rglob("*"):
        status = path.lstat()
        content = os.readlink(path) if path.is_symlink() else path.read_text() if path.is_file() else ""
        found[str(path.relative_to(folder))] = (status.st_mode, content)
    return found


# -- the list


def test_a_list_that_cannot_be_read_is_refused_with_the_way_out(home: Path, far: Path) -> None:
    (home / ".config/sesh/sync").mkdir(parents=True)
    with pytest.raises(Refused, match="SESH_NO_SYNC=1"):
        synced(far)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("/etc/passwd", "no path below HOME"),
        ("~//etc", "no path below HOME"),
        (".config/../../other", "no path below HOME"),
        ("a\0b", "null"),
        ("./.", "no path below HOME"),
        *((protected, "never copied") for protected in PROTECTED),
        *((line, "never copied") for line in (".local/share/./sesh/versions", "~/./.ssh//.", ".SSH/id_ed25519")),
        *((line, "never copied") for line in ("dots/.AWS/credentials", "dots/home/.config/gh/hosts.yml", "keys")),
        *((line, "never copied") for line in ("key", "settings/gh/hosts.yml", "sessions")),
        *((line, "leads out of HOME") for line in ("out", "out/missing", "dangling", "all", "beside")),
        ("fifo", "not a file or directory"),
        ("missing", "No such file"),
        ("file/below", "Not a directory"),
        ("loop", "cannot be read: Too many levels"),
    ],
)
def test_a_line_that_leaves_home_is_protected_or_not_there_is_refused(home: Path, line: str, reason: str) -> None:
    for name in ("../outside/file", "../home2/file", "file", ".ssh/id_ed25519", ".config/gh/hosts.yml", ".sesh/a"):
        write(home / name)
    os.mkfifo(home / "fifo")
    links = {"keys": ".ssh", "key": "keys/id_ed25519", "settings": ".config", "sessions": ".sesh", "all": "."}
    links |= {"out": "../outside", "dangling": "/nowhere/at/all", "beside": "../home2", "loop": "loop"}
    for name, target in links.items():
        (home / name).symlink_to(target)
    with pytest.raises(Refused, match=reason):
        HomeDirectory(str(home)).tree(line)


def test_a_refused_line_is_said_once_for_a_host_and_again_for_another_reason(
    home: Path, far: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    write_list(home, "absent", ".ssh")
    for failed in ({"absent", ".ssh"}, set()):
        assert synced(far).failed.keys() == failed
        assert len(capfd.readouterr().err.splitlines()) == len(failed)
    (home / "absent").symlink_to("/etc")
    assert "HOME" in synced(far).failed["absent"]
    assert len(capfd.readouterr().err.splitlines()) == 1


# -- what counts as changed


def linked(path: Path) -> None:
    path.unlink()
    path.symlink_to("sub/file")


CHANGES: dict[str, Callable[[Path], object]] = {
    "a new file": lambda d: write(d / "new"),
    "a file gone": lambda d: (d / "file").unlink(),
    "another content": lambda d: write(d / "sub/file", "longer than it was"),
    "another name": lambda d: (d / "file").rename(d / "renamed"),
    "another mode": lambda d: (d / "file").chmod(0o600),
    "another mode of a directory": lambda d: (d / "sub").chmod(0o700),
    "another target": lambda d: linked(d / "link"),
    "a link instead of a file": lambda d: linked(d / "file"),
    "an empty directory": lambda d: (d / "empty").mkdir(),
    "a touch": lambda d: os.utime(d / "file"),
}


@pytest.mark.parametrize("change", CHANGES)
def test_every_change_shows(home: Path, change: str) -> None:
    d = home / "d"
    write(d / "file")
    write(d / "sub/file")
    (d / "link").symlink_to("file")
    (d / "sub").chmod(0o755)
    before = HomeDirectory(str(home)).tree("d").digest
    assert HomeDirectory(str(home)).tree("d").digest == before
    CHANGES[change](d)
    assert HomeDirectory(str(home)).tree("d").digest != before


def test_a_change_of_the_same_size_at_the_same_time_arrives(home: Path, far: Path, rsync: bool) -> None:
    write_list(home, "file")
    for content in ("one", "two", "six"):
        status = write(home / "file", content).stat()
        assert synced(far).pushed == ["file"]
        write(home / "file", content.upper())
        os.utime(home / "file", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert synced(far).pushed == ["file"]
        assert (far / "file").read_text() == content.upper()
        assert (result := synced(far)).pushed == [] == [*result.failed]


def test_a_name_that_leads_to_another_machine_gets_all_again(home: Path, far: Path) -> None:
    write_list(home, "file")
    write(home / "file")
    for address in ("a", "b"):
        destination = Destination("box", via=["env", f"HOME={far}"], settings={"hostname": [address]})
        assert [sync.sync(destination).pushed for _ in range(2)] == [["file"], []]


# -- what arrives


def test_paths_arrive_as_they_are_here_and_links_stay_links_but_the_listed_one(
    home: Path, far: Path, rsync: bool
) -> None:
    write(home / "dots/rc", "rc", 0o640)
    for name, target in (("out", "/etc/passwd"), ("key", "../.ssh/id"), ("round", ".."), ("dir", "../dots")):
        write(home / "dots/vim/colors/blue").parent.with_name(name).symlink_to(target)
    os.mkfifo(home / "dots/vim/fifo")
    write(home / "dots/vim" / os.fsdecode(b"caf\xe9"))
    write(home / f"{ODD}/{ODD}/{ODD}", "odd", 0o755)
    write(home / ";private/deep/file")
    (home / ";private").chmod(0o700)
    for name, target in ((".vim", "dots/vim"), (".rc", "dots/rc"), ("way", "dots")):
        (home / name).symlink_to(target)
    write(far / ".vim/old")
    write(far / "way/old")
    write(far / ".rc/old" if rsync else far / ".rc")
    write_list(home, ".vim/", ".rc", "~/way/rc", f"{ODD}/{ODD}", ";private/deep")
    result = synced(far)
    assert (sorted(result.pushed), result.failed) == (
        sorted([".vim/", ".rc", "~/way/rc", f"{ODD}/{ODD}", ";private/deep"]),
        {},
    )
    expected = files(home / "dots/vim")
    del expected["fifo"]
    assert files(far / ".vim") == expected | ({} if rsync else {"old": (0o100644, "content")})
    assert files(far)[".rc"] == (0o100640, "rc")
    assert files(far / "way").keys() == {"rc", "old"}
    assert files(far / ODD) == files(home / ODD)
    assert files(far)[";private"][0] & 0o077 == 0
    assert int((far / ".rc").stat().st_mtime) == int((home / "dots/rc").stat().st_mtime)
    assert not list(home.glob(".sesh-*"))
    assert synced(far).pushed == []


def test_what_is_protected_is_neither_sent_nor_deleted(
    home: Path, far: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rsync: bool
) -> None:
    """It is protected at any depth, in upper or lower case, and behind links."""
    monkeypatch.setenv("SESH_EVENT_LOG", str(tmp_path / "events"))
    for name in ("gh/hosts.yml", "GCloud/token", "git/credentials", "git/config", "sesh/config.toml", "tool"):
        write(home / ".config" / name, "mine")
    for name in (".AWS/a", "x/.ssh/id", "x/.ssh.pub", "[x]/ssh/id", "x/.config/gh/t", "vimrc"):
        write(home / "dots" / name, "mine")
    for name in ("x/.config/tool", "plain/config.json", "plain/tool"):
        write(home / "deep" / name, "mine")
    links = {".ssh": "dots/[x]/ssh", "settings": ".config", "way": "dots", "conf": "deep/x/.config"}
    for name, target in {**links, "deep/.docker": "plain"}.items():
        (home / name).symlink_to(target)
    theirs = (
        *(f"{listed}/gh/t" for listed in (".config", "settings")),
        *(f"{listed}/{name}" for listed in ("dots", "way") for name in (".netrc", "y/.ssh/id", "[x]/ssh/theirs")),
        *(".config/sesh/config.toml", ".config/op/t", "deep/.docker/config.json"),
    )
    for name in theirs:
        write(far / name, "theirs")
    lines = [".config", "settings", "dots", "way", "conf", "deep/.docker"]
    write_list(home, *lines)
    result = synced(far)
    assert (result.pushed, result.failed) == (lines, {})
    arrived = {name for name, (_, content) in files(far).items() if content == "mine"}
    assert arrived == {
        *(f"{listed}/{name}" for listed in (".config", "settings") for name in ("git/config", "tool")),
        *(f"{listed}/{name}" for listed in ("dots", "way") for name in ("x/.ssh.pub", "vimrc")),
        *("conf/tool", "deep/.docker/tool"),
    }
    assert {(far / name).read_text() for name in theirs} == {"theirs"}
    events: list[dict[str, Any]] = [json.loads(line) for line in (tmp_path / "events").read_text().splitlines()]
    left_out = {
        event["path"]: sorted(event.get("left_out", [])) for event in events if event["event"] == "sync_path_pushed"
    }
    assert left_out["way"] == ["way/.AWS", "way/[x]/ssh", "way/x/.config/gh", "way/x/.ssh"]
    assert ".config/sesh/config.toml" in left_out[".config"]
    for name in ("gh/hosts.yml", "sesh/config.toml"):
        write(home / ".config" / name, "another content")
    assert synced(far).pushed == []


def test_a_home_that_is_the_same_over_there_is_left_alone(home: Path, rsync: bool) -> None:
    """Else the listed link would become a copy."""
    write(home / "dots/rc")
    (home / "rc").symlink_to("dots/rc")
    write_list(home, "rc")
    result = synced(home)
    assert (result.pushed, result.failed, os.readlink(home / "rc")) == ([], {}, "dots/rc")


def test_a_path_that_fails_is_named_and_the_others_arrive(home: Path, far: Path, rsync: bool) -> None:
    for name in ("a", "b", "dir/file"):
        write(home / name)
    key = write(far / "b/.ssh/id", "theirs")
    write_list(home, "a", "b", "dir")
    result = synced(far)
    assert (sorted(result.pushed), list(result.failed), key.read_text()) == (["a", "dir"], ["b"], "theirs")
    assert synced(far).pushed == []


@pytest.mark.parametrize("content", ["", "[]", "{", '{"key": "via:box", "paths": [1]}', '{"key": "via:box"}'])
def test_a_damaged_record_costs_one_push_and_goes_with_the_host(home: Path, far: Path, content: str) -> None:
    write_list(home, "file")
    write(home / "file")
    record = home / ".local/state/sesh/remotes/box.synced"
    assert synced(far).pushed == ["file"]
    assert record.stat().st_mode & 0o777 == 0o600
    record.write_text(content)
    assert [synced(far).pushed for _ in range(2)] == [["file"], []]
    known.forget("box")
    assert not record.exists()
