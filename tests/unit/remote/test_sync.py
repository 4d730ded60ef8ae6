"""The list of files and their fingerprints, without any host: what is taken, what is refused, what has changed."""

from __future__ import annotations

import io
import os
import tarfile
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from sesh.errors import NotFound, Refused
from sesh.remote.ssh.destination import Destination
from sesh.remote.sync import credentials, push, sync
from sesh.remote.sync.fingerprint import OWN, HomeDirectory, Tree
from tests.support import wait_until


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """HOME of this test."""
    for name in ("XDG_STATE_HOME", "XDG_CONFIG_HOME", "SESH_NO_SYNC", "SESH_EVENT_LOG"):
        monkeypatch.delenv(name, raising=False)
    path = tmp_path / "home"
    path.mkdir()
    monkeypatch.setenv("HOME", str(path))
    return path


def write(path: Path, content: str = "content") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


# -- the list


def test_blank_lines_and_comments_do_not_count_and_no_line_counts_twice(home: Path) -> None:
    write(home / ".config/sesh/sync", "# mine\n\n  a b  \n\t#x\nc#d\na b\n\r\nlast")
    assert sync.listed() == ["a b", "c#d", "last"]


def test_a_list_that_cannot_be_read_is_refused_with_the_way_out(home: Path) -> None:
    (home / ".config/sesh/sync").mkdir(parents=True)
    with pytest.raises(Refused, match="SESH_NO_SYNC=1"):
        sync.sync(Destination("box", via=["true"]))


# -- where a line leads


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("/etc/passwd", "absolute"),
        ("~//etc", "absolute"),
        ("$HOME/.vimrc", "write it relative to HOME"),
        ("..", "outside HOME"),
        ("a/../b", "outside HOME"),
        (".config/../../other", "outside HOME"),
        ("a\0b", "outside HOME"),
        (".", "HOME itself"),
        ("~/", "HOME itself"),
        ("./.", "HOME itself"),
        *((own, "belongs to sesh") for own in OWN),
        (".local/share/./sesh/versions", "belongs to sesh"),
        *((place, "holds credentials") for place in credentials.PATHS),
        (".ssh/", "holds credentials"),
        ("~/./.ssh//.", "holds credentials"),
        (".ssh/config", "holds credentials"),
        (".SSH/id_ed25519", "holds credentials"),
        ("dots/.ssh", "holds credentials"),
        ("dots/.AWS/credentials", "holds credentials"),
        ("dots/home/.config/gh/hosts.yml", "holds credentials"),
        ("dots/.netrc", "holds credentials"),
        (".Config/GH/hosts.yml", "holds credentials"),
        (".ssh/../.ssh", "outside HOME"),
        ("keys", "holds credentials"),
        ("keys/id_ed25519", "holds credentials"),
        ("key", "holds credentials"),
        ("settings/gh", "holds credentials"),
        ("settings/gh/hosts.yml", "holds credentials"),
        ("sessions", "belongs to sesh"),
        ("out", "points outside HOME"),
        ("out/file", "points outside HOME"),
        ("out/missing", "points outside HOME"),
        ("dangling", "points outside HOME"),
        ("all", "points outside HOME"),
        ("beside", "points outside HOME"),
        ("fifo", "not a file or directory"),
        ("missing", "does not exist"),
        ("file/below", "does not exist"),
        ("loop", "cannot be read: Too many levels"),
    ],
)
def test_a_path_that_leaves_home_or_is_not_there_is_refused_with_the_reason(home: Path, line: str, reason: str) -> None:
    write(home.parent / "outside/file")
    write(home.parent / "home2/file")
    write(home / "file")
    os.mkfifo(home / "fifo")
    for name in (".ssh/id_ed25519", ".config/gh/hosts.yml", ".sesh/work.json"):
        write(home / name)
    for name, target in (
        ("keys", ".ssh"),
        ("key", "keys/id_ed25519"),
        ("settings", ".config"),
        ("sessions", ".sesh"),
        ("out", "../outside"),
        ("dangling", "/nowhere/at/all"),
        ("all", "."),
        ("beside", "../home2"),
        ("loop", "loop"),
    ):
        (home / name).symlink_to(target)
    with pytest.raises((Refused, NotFound), match=reason):
        HomeDirectory(str(home)).tree(line)


def test_links_within_home_are_followed_and_home_may_be_one(home: Path, tmp_path: Path) -> None:
    write(home / "dotfiles/vim/rc")
    (home / ".vim").symlink_to("dotfiles/vim")
    (home / ".vimrc").symlink_to(home / ".vim/rc")
    (tmp_path / "link").symlink_to(home)
    place = HomeDirectory(str(tmp_path / "link"))
    directory, file, within = place.tree(".vim/"), place.tree("~/.vimrc"), place.tree(".vim//rc")
    assert (directory.path, directory.source, directory.directory) == (".vim", str(home / "dotfiles/vim"), True)
    assert (file.path, file.source, file.directory) == (".vimrc", str(home / "dotfiles/vim/rc"), False)
    assert [tree.linked for tree in (directory, file, within, place.tree("dotfiles"))] == [True, True, True, False]


# -- what counts as changed


def tree(home: Path, line: str = "d") -> Tree:
    return HomeDirectory(str(home)).tree(line)


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
    seal = tree(home).seal()
    assert tree(home).matches(seal)
    CHANGES[change](d)
    assert not tree(home).matches(seal)


def test_a_change_of_the_same_size_at_the_same_time_shows(home: Path, tmp_path: Path) -> None:
    """Two writes within one tick of the clock leave the same size and times: nothing is sent before that is over."""
    (tmp_path / "far").mkdir()
    write(home / ".config/sesh/sync", "file")
    destination = Destination("box", via=["env", f"HOME={tmp_path / 'far'}"])
    for content in ("one", "two", "six"):
        status = write(home / "file", content).stat()
        assert sync.sync(destination).pushed == ["file"]
        write(home / "file", content.upper())
        os.utime(home / "file", ns=(status.st_atime_ns, status.st_mtime_ns))
        assert sync.sync(destination).pushed == ["file"]
        assert (tmp_path / "far/file").read_text() == content.upper()
        assert sync.sync(destination).skipped == ["file"]


def test_a_change_that_keeps_size_and_mtime_shows(home: Path) -> None:
    file = write(home / "d/file", "one")
    wait_until(lambda: tree(home).settles <= time.monotonic())
    found = tree(home)
    status = file.stat()
    write(file, "two")
    os.utime(file, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (file.stat().st_size, file.stat().st_mtime_ns) == (status.st_size, status.st_mtime_ns)
    assert not tree(home).matches(found.seal())


def test_what_is_seshs_own_does_not_count(home: Path) -> None:
    write(home / ".local/bin/tool")
    found = tree(home, ".local/bin")
    assert (found.excluded["sesh"], found.left_out) == (".local/bin/sesh", {})
    write(home / ".local/bin/sesh")
    again = tree(home, ".local/bin")
    assert (again.digest, again.bytes) == (found.digest, found.bytes)
    assert not tree(home, ".local").matches(found.seal())


# -- pushing


def test_an_archive_holds_the_paths_as_they_are_in_home_and_nobodys_names(home: Path) -> None:
    write(home / "dotfiles/rc", "rc").chmod(0o640)
    (home / "rc").symlink_to("dotfiles/rc")
    write(home / "d/file")
    (home / "d/link").symlink_to("/etc/passwd")
    os.mkfifo(home / "d/fifo")
    (home / "d" / os.fsdecode(b"caf\xe9")).write_text("")
    pipe = io.BytesIO()
    push.pack([tree(home, "rc"), tree(home)], pipe)
    with tarfile.open(fileobj=io.BytesIO(pipe.getvalue())) as found:
        members = found.getmembers()
    assert [(member.name, member.type) for member in members] == [
        ("rc", tarfile.REGTYPE),
        ("d", tarfile.DIRTYPE),
        (os.fsdecode(b"d/caf\xe9"), tarfile.REGTYPE),
        ("d/file", tarfile.REGTYPE),
        ("d/link", tarfile.SYMTYPE),
    ]
    assert {(member.uid, member.gid, member.uname, member.gname) for member in members} == {(0, 0, "", "")}
    assert (members[0].mode, members[0].size) == (0o640, 2)


# -- what holds credentials


@pytest.mark.parametrize("line", [".config", ".CONFIG/", "settings", ".docker"])
def test_credentials_within_a_listed_path_are_left_out_in_whatever_case(home: Path, line: str) -> None:
    folder = home / (".docker" if line == ".docker" else line.strip("/"))
    if line == "settings":
        folder = home / ".config"
        (home / "settings").symlink_to(".config")
    for name in ("gh/hosts.yml", "GCloud/token", "git/credentials", "git/config", "tool/a", "config.json"):
        write(folder / name)
    found = HomeDirectory(str(home)).tree(line)
    left_out = ["config.json"] if line == ".docker" else ["GCloud", "gh", "git/credentials"]
    assert sorted(found.left_out) == left_out
    archive = io.BytesIO()
    push.pack([found], archive)
    archive.seek(0)
    names = tarfile.open(fileobj=archive).getnames()
    path = line.strip("/")
    assert not [name for name in names if name.removeprefix(f"{path}/") in left_out]
    assert {f"{path}/tool/a", f"{path}/git/config"} <= {*names}


def test_credentials_are_left_out_where_links_lead_from_their_usual_place(home: Path) -> None:
    for name in ("dotfiles/ssh/id_ed25519", "dotfiles/config/gh/hosts.yml", "dotfiles/netrc", "dotfiles/vimrc"):
        write(home / name)
    for name, target in ((".ssh", "dotfiles/ssh"), (".config", "dotfiles/config"), (".netrc", "dotfiles/netrc")):
        (home / name).symlink_to(target)
    found = HomeDirectory(str(home)).tree("dotfiles")
    assert found.left_out == {"config/gh": ".config/gh", "netrc": ".netrc", "ssh": ".ssh"}
    for line in ("dotfiles/ssh", "dotfiles/config/gh/hosts.yml", "dotfiles/netrc"):
        with pytest.raises(Refused, match="holds credentials"):
            HomeDirectory(str(home)).tree(line)


@pytest.mark.parametrize("line", ["dots", "way"])
def test_credentials_are_left_out_at_any_depth_and_do_not_count_as_a_change(home: Path, line: str) -> None:
    (home / "way").symlink_to("dots")
    others = [".vimrc", "a.ssh", "home/.config/gh.txt", "home/credentials"]
    secret = [".AWS/credentials", ".ssh/id_ed25519", "home/.Netrc", "home/.config/gh/hosts.yml"]
    for name in others + secret:
        write(home / "dots" / name)
    found = tree(home, line)
    assert sorted(found.left_out) == [".AWS", ".ssh", "home/.Netrc", "home/.config/gh"]
    for name in secret:
        write(home / "dots" / name, "another content")
    assert tree(home, line).matches(found.seal())
    archive = io.BytesIO()
    push.pack([found], archive)
    archive.seek(0)
    with tarfile.open(fileobj=archive) as packed:
        files = [member.name for member in packed.getmembers() if member.isreg()]
    assert sorted(files) == sorted(f"{line}/{name}" for name in others)


def test_another_command_than_ssh_gets_no_credentials_and_keeps_its_own(
    home: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    far = tmp_path / "far"
    write(far / ".config/gh/hosts.yml", "theirs")
    write(home / ".config/sesh/sync", ".config\n.ssh\n")
    write(home / ".config/gh/hosts.yml", "mine")
    write(home / ".ssh/id_ed25519", "mine")
    write(home / ".config/tool", "tool")
    result = sync.sync(Destination("box", via=["env", f"HOME={far}"]))
    assert (result.pushed, result.failed) == ([".config"], {".ssh": ".ssh holds credentials, which are never copied"})
    assert (far / ".config/gh/hosts.yml").read_text() == "theirs"
    assert (far / ".config/tool").read_text() == "tool"
    assert not (far / ".ssh").exists()
    assert capfd.readouterr().err.splitlines() == [
        "sesh: .ssh is not synced to box: .ssh holds credentials, which are never copied",
        "sesh: syncing files to box …",
        "sesh: .config/gh is not synced to box: it holds credentials",
    ]
