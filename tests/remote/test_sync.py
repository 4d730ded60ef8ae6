"""The user's files on real hosts: mirrored by rsync, or an archive if there is none, and only if changed."""

from __future__ import annotations

import json
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from sesh.remote.ssh.destination import Destination
from sesh.remote.sync.sync import SyncResult, sync
from tests.remote.farm import Far, Farm
from tests.support import Home, wait_until

Listing = Callable[..., None]
ODD = "odd 'n\" $(touch evil); *?[x] \\ é~!"
SHELLS = ["fish", "csh", *(pytest.param(shell, marks=pytest.mark.soak) for shell in ("bash", "zsh", "dash"))]
TOOLS = (
    "[ awk bash cat chmod cp csh cut dash date dirname env expr false find fish grep gzip head id ln ls mkdir mktemp "
    "mv od perl printf ps pwd python3 readlink rm rmdir rsync sed sh sleep sort ssh stat tail tar tcsh test touch tr "
    "true uname wc xargs zsh"
)
"""What a link farm of this machine's programs holds: to link them all takes seconds."""
FEWER = [(), ("rsync",)]
"""Programs that are missing here: rsync does it, or an archive."""


@pytest.fixture
def listing(here: Home) -> Listing:
    """Writes the list: `listing("a", "b")`."""

    def write(*lines: str) -> None:
        here.write(".config/sesh/sync", "".join(f"{line}\n" for line in lines))

    return write


@pytest.fixture
def events(here: Home, monkeypatch: pytest.MonkeyPatch) -> Callable[[], list[dict[str, Any]]]:
    """The events since it was last called, without their times."""
    path = Path(here.path, "events")
    monkeypatch.setenv("SESH_EVENT_LOG", str(path))

    def read() -> list[dict[str, Any]]:
        lines = path.read_text().splitlines() if path.exists() else []
        path.unlink(missing_ok=True)
        found = [json.loads(line) for line in lines]
        assert all(event.pop("ts") for event in found)
        return found

    return read


def pushed(far: Far) -> SyncResult:
    """The result of a sync that went well."""
    result = sync(Destination(far.word))
    assert result.failed == {}
    assert result.ok
    return result


def tree(folder: str) -> dict[str, tuple[int, str]]:
    """Mode and content, or link target, of all that lies in a folder."""
    found: dict[str, tuple[int, str]] = {}
    for here, folders, files in os.walk(folder):
        for name in folders + files:
            path = os.path.join(here, name)
            mode = os.lstat(path).st_mode
            content = os.readlink(path) if stat.S_ISLNK(mode) else Path(path).read_text() if stat.S_ISREG(mode) else ""
            found[os.path.relpath(path, folder)] = (mode, content)
    return found


def tools(farm: Farm, *missing: str) -> str:
    """A directory for PATH that holds the usual programs but some."""
    folder = os.path.join(farm.ground.folder, "-".join(("without", *missing)))
    if not os.path.exists(folder):
        places = [place for place in os.environ["PATH"].split(":") if place != os.path.join(farm.home.path, "bin")]
        os.makedirs(folder)
        for name in {*TOOLS.split()} - {*missing}:
            if path := shutil.which(name, path=":".join(places)):
                os.symlink(path, os.path.join(folder, name))
    return folder


def without(farm: Farm, monkeypatch: pytest.MonkeyPatch, *missing: str) -> None:
    """PATH here holds the usual programs but these."""
    if not missing:
        return
    own = os.path.join(farm.home.path, "bin")
    for name in {*missing}.intersection(os.listdir(own)):
        os.unlink(os.path.join(own, name))
    monkeypatch.setenv("PATH", f"{own}:{tools(farm, *missing)}")


def without_over_there(farm: Farm, far: Far, *missing: str) -> None:
    """PATH of logins on the host holds the usual programs but these."""
    far.write(".bashrc", f"PATH={tools(farm, *missing)}\n{far.read('.bashrc')}")


@pytest.mark.needs("rsync")
@pytest.mark.parametrize("shell", SHELLS)
def test_listed_paths_are_mirrored_to_the_same_place_in_home(
    farm: Farm, here: Home, listing: Listing, events: Callable[[], list[dict[str, Any]]], shell: str
) -> None:
    far = farm.host("box", user_shell=shell, installed=False)
    far.login_files("Welcome!\nsesh home /nowhere\n")
    here.write(".config/tool/skills/a.md", "one")
    here.write(".config/tool/skills/deep/er/b.sh", "two", 0o755)
    os.symlink("a.md", os.path.join(here.path, ".config/tool/skills/link"))
    here.write("bin/my script", "three", 0o700)
    here.write(f"{ODD}/{ODD}/{ODD}", "four", 0o640)
    os.chmod(os.path.join(here.path, ".config/tool"), 0o700)
    listing("# mine", "", ".config/tool/skills/", "  bin/my script  ", f"{ODD}/{ODD}", "~/bin/my script")
    result = pushed(far)
    assert result.pushed == [".config/tool/skills", "bin/my script", f"{ODD}/{ODD}"]
    assert tree(f"{far.home}/.config/tool") == tree(f"{here.path}/.config/tool")
    assert tree(f"{far.home}/{ODD}") == tree(f"{here.path}/{ODD}")
    assert tree(f"{far.home}/bin") == {"my script": (0o100700, "three")}
    assert stat.S_IMODE(os.stat(f"{far.home}/.config/tool").st_mode) == 0o700
    assert os.stat(f"{far.home}/bin/my script").st_mtime == os.stat(f"{here.path}/bin/my script").st_mtime
    assert not far.exists("evil")
    assert not os.path.exists(os.path.join(here.path, "evil"))
    assert events() == [
        {"event": "sync_start", "host": "box"},
        {"event": "sync_path_pushed", "host": "box", "path": ".config/tool/skills", "bytes": 6},
        {"event": "sync_path_pushed", "host": "box", "path": "bin/my script", "bytes": 5},
        {"event": "sync_path_pushed", "host": "box", "path": f"{ODD}/{ODD}", "bytes": 4},
        {"event": "sync_done", "host": "box", "ok": True},
    ]
    assert [name for name in os.listdir(here.path) if name.startswith(".sesh-")] == []


@pytest.mark.needs("rsync")
def test_what_has_not_changed_costs_no_connection_and_no_process_as_with_the_variable_that_turns_it_off(
    farm: Farm,
    here: Home,
    listing: Listing,
    events: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    far = farm.host("box", installed=False)
    here.write("a/file", "one")
    here.write("b", "two")
    listing("a", "b")
    pushed(far)
    calls, _ = len(farm.connections()), events()
    assert pushed(far).skipped == ["a", "b"]
    destination = Destination("box")
    assert destination.key
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", None)
        assert sync(destination).skipped == ["a", "b"]
    assert (len(farm.connections()), events()) == (calls, [])
    status = os.stat(os.path.join(here.path, "b"))
    os.utime(here.write("b", "TWO"), ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (pushed(far).pushed, far.read("b")) == (["b"], "TWO"), "rsync alone looks at size and mtime"
    assert len(farm.connections()) > calls
    here.write("a/file", "more")
    listing("a", "absent")
    monkeypatch.setenv("SESH_NO_SYNC", "1")
    calls = len(farm.calls())
    result = sync(Destination("box"))
    assert (result.ok, result.pushed, len(farm.calls())) == (True, [], calls)


@pytest.mark.needs("rsync")
def test_a_file_takes_the_place_of_a_directory_and_links_in_home_are_followed(
    farm: Farm, here: Home, listing: Listing
) -> None:
    far = farm.host("box", installed=False)
    far.write("rc/old", "old")
    here.write("dotfiles/rc", "new")
    here.write("dotfiles/vim/colors", "blue")
    os.symlink("dotfiles/rc", os.path.join(here.path, "rc"))
    os.symlink(os.path.join(here.path, "dotfiles/vim"), os.path.join(here.path, ".vim"))
    os.symlink("dotfiles/vim", os.path.join(here.path, ODD))
    os.symlink("dotfiles", os.path.join(here.path, "way"))
    listing("rc", ".vim", ODD, "way/rc")
    far.write("way/other", "stays")
    pushed(far)
    assert tree(f"{far.home}/{ODD}") == {"colors": (0o100644, "blue")}
    assert sorted(tree(f"{far.home}/way")) == ["other", "rc"]
    assert far.read("rc") == "new"
    assert not os.path.islink(f"{far.home}/rc")
    assert tree(f"{far.home}/.vim") == {"colors": (0o100644, "blue")}
    os.unlink(os.path.join(here.path, "dotfiles/vim/colors"))
    here.write("dotfiles/vim/new", "red")
    pushed(far)
    assert tree(f"{far.home}/.vim") == {"new": (0o100644, "red")}, "what is gone here goes there"


@pytest.mark.needs("rsync")
def test_what_is_not_there_or_leaves_home_is_told_and_the_rest_is_pushed(
    farm: Farm,
    here: Home,
    listing: Listing,
    events: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    far = farm.host("box", installed=False)
    here.write("good", "1")
    os.symlink("/etc", os.path.join(here.path, "out"))
    lines = ["absent", "/etc/passwd", "a/../../b", "out/passwd", "good"]
    listing(*lines)
    result = sync(Destination("box"))
    assert not result.ok
    assert list(result.failed) == lines[:4]
    assert result.pushed == ["good"]
    found = events()
    assert [(event["path"], event["exit_code"]) for event in found if event["event"] == "sync_path_failed"] == [
        (line, None) for line in lines[:4]
    ]
    assert found[0] == {"event": "sync_start", "host": "box"}
    assert found[-1] == {"event": "sync_done", "host": "box", "ok": False}
    assert capfd.readouterr().err == ""
    monkeypatch.delenv("SESH_EVENT_LOG")
    calls = len(farm.connections())
    assert not sync(Destination("box")).ok
    assert len(farm.connections()) == calls
    told = capfd.readouterr().err.splitlines()
    assert (len(told), told[0]) == (4, "sesh: absent is not synced to box: does not exist")
    assert not far.exists("out")
    here.write("deep/a", "1")
    here.write("b", "1")
    listing("deep/a", "b")
    os.chmod(far.home, 0o500)  # it cannot be written
    result = sync(Destination("box"))
    os.chmod(far.home, 0o700)
    assert list(result.failed) == ["deep/a", "b"]
    assert all("ermission denied" in reason for reason in result.failed.values()), result.failed


@pytest.mark.needs("rsync")
@pytest.mark.parametrize("place", ["here", "there"])
def test_without_rsync_an_archive_does_it_and_that_is_said(
    farm: Farm,
    here: Home,
    listing: Listing,
    events: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    place: str,
) -> None:
    far = farm.host("box", installed=False)
    if place == "here":
        without(farm, monkeypatch, "rsync")
    else:
        without_over_there(farm, far, "rsync")
    here.write(".config/tool/a b", "one", 0o755)
    here.write(".config/tool/sub/c:d", "two")
    here.write("top", "three")
    far.write(".config/tool/foreign", "stays")
    listing(".config/tool", "top")
    pushed(far)
    expected = tree(f"{here.path}/.config/tool") | {"foreign": (0o100644, "stays")}
    assert tree(f"{far.home}/.config/tool") == expected
    assert far.read("top") == "three"
    assert [event for event in events() if event["event"] == "tool_missing"] == [
        {"event": "tool_missing", "host": "box", "tool": "rsync", "path": path, "where": place}
        for path in (".config/tool", "top")
    ]
    monkeypatch.delenv("SESH_EVENT_LOG")
    here.write("top", "four")
    here.write(".config/tool/sub/c:d", "changed")
    pushed(far)
    assert far.read(".config/tool/sub/c:d") == "changed"
    where = "here" if place == "here" else "on box"
    assert capfd.readouterr().err.splitlines() == [
        "sesh: syncing files to box …",
        f"sesh: no rsync {where}: files deleted here stay on box",
    ]


@pytest.mark.parametrize("shell", SHELLS[1:])
def test_odd_names_and_links_go_as_an_archive(
    farm: Farm, here: Home, listing: Listing, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    """No link is followed, out of HOME or round in circles, and no shell over there reads a name."""
    far = farm.host("box", user_shell=shell, installed=False)
    without(farm, monkeypatch, "rsync")
    here.write(f"{ODD}/{ODD}", "one", 0o750)
    here.write("linked/file", "two")
    os.symlink("/etc/passwd", os.path.join(here.path, "linked/out"))
    os.symlink("..", os.path.join(here.path, "linked/round"))
    os.mkfifo(os.path.join(here.path, "linked/fifo"))
    long = "/".join(["long" * 20] * 3)
    here.write(f"linked/{long}", "three")
    listing(f"{ODD}/{ODD}", "linked")
    pushed(far)
    assert tree(f"{far.home}/{ODD}") == tree(f"{here.path}/{ODD}")
    os.unlink(os.path.join(here.path, "linked/fifo"))
    assert tree(f"{far.home}/linked") == tree(f"{here.path}/linked")
    assert not far.exists("evil")


@pytest.mark.needs("rsync")
@pytest.mark.parametrize("missing", FEWER)
def test_what_is_seshs_own_over_there_is_neither_replaced_nor_deleted(
    farm: Farm, here: Home, listing: Listing, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    far = farm.host("box")
    far.write(".local/share/sesh/versions/1/lib", "theirs")
    here.write(".local/bin/sesh", "ours")
    here.write(".local/bin/tool", "1")
    here.write(".local/share/sesh/venv", "ours")
    if missing:
        without(farm, monkeypatch, *missing)
    before = far.read(".local/bin/sesh")
    listing(".local/bin", ".local/share")
    pushed(far)
    assert far.read(".local/bin/sesh") == before
    assert far.read(".local/bin/tool") == "1"
    assert sorted(tree(f"{far.home}/.local/share/sesh")) == ["versions", "versions/1", "versions/1/lib"]
    listing(".local/bin/sesh", ".local/share/sesh/venv")
    assert len(sync(Destination("box")).failed) == 2


@pytest.mark.needs("rsync")
@pytest.mark.parametrize(("missing", "linked"), [((), False), (("rsync",), True)], ids=["rsync", "tar, linked"])
def test_credentials_are_neither_sent_nor_deleted(
    farm: Farm,
    here: Home,
    listing: Listing,
    events: Callable[[], list[dict[str, Any]]],
    monkeypatch: pytest.MonkeyPatch,
    missing: tuple[str, ...],
    linked: bool,
) -> None:
    far = farm.host("box", installed=False)
    without(farm, monkeypatch, *missing)
    path = "settings" if linked else ".config"
    if linked:
        os.symlink(".config", os.path.join(here.path, path))
    theirs = {f"{path}/gcloud/token", f"{path}/gh/hosts.yml", f"{path}/GIT/Credentials", ".ssh/authorized_keys"}
    for name in theirs:
        far.write(name, "theirs")
    far.write(f"{path}/tool/old", "gone here")
    for name in (".config/gh/hosts.yml", ".config/gh/more", ".config/git/credentials", ".config/tool/new"):
        here.write(name, "mine")
    listing(path, ".ssh", f"{path}/gh", "./.ssh/")
    result = sync(Destination("box"))
    assert result.pushed == [path]
    assert result.failed.keys() == {".ssh", f"{path}/gh", "./.ssh/"}
    assert all("credentials" in reason for reason in result.failed.values())
    found = {f"{path}/{name}" for name, (mode, _) in tree(f"{far.home}/{path}").items() if stat.S_ISREG(mode)}
    old = set() if not missing else {f"{path}/tool/old"}
    shells = {name for name in found if name.startswith(f"{path}/fish/")}
    assert found - shells == (theirs - {".ssh/authorized_keys"}) | {f"{path}/tool/new"} | old
    assert {far.read(name) for name in theirs} == {"theirs"}
    (event,) = [event for event in events() if event["event"] == "sync_path_pushed"]
    assert event["left_out"] == [f"{path}/gh", f"{path}/git/credentials"]


def test_a_home_that_is_the_same_over_there_is_left_alone(
    farm: Farm, here: Home, listing: Listing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A home that both machines share: a copy would truncate each file before it is read."""
    far = farm.host("box", installed=False)
    listing("a")
    for variable, folder in (("XDG_CONFIG_HOME", ".config"), ("XDG_STATE_HOME", ".local/state")):
        monkeypatch.setenv(variable, os.path.join(here.path, folder))  # the other home is another user's
    monkeypatch.setenv("HOME", far.home)
    far.write("a", "precious")
    without(farm, monkeypatch, "rsync")
    result = pushed(far)
    assert (result.pushed, result.skipped, far.read("a")) == ([], ["a"], "precious")
    assert [name for name in os.listdir(far.home) if name.startswith(".sesh-")] == []


@pytest.mark.needs("rsync")
@pytest.mark.parametrize("missing", FEWER)
def test_what_a_cut_left_undone_is_done_the_next_time(
    farm: Farm, here: Home, listing: Listing, monkeypatch: pytest.MonkeyPatch, missing: tuple[str, ...]
) -> None:
    far = farm.host("box", installed=False, proxied=True)
    without(farm, monkeypatch, *missing)
    here.write("small", "1")
    listing("small", "large")
    assert not sync(Destination("box")).ok
    here.write("large/file", os.urandom(6_000_000))
    inside = f"{far.home}/large"

    def cut() -> None:
        wait_until(lambda: os.path.isdir(inside) and os.listdir(inside), what="the file begins to arrive")
        far.proxy.refuse()
        far.proxy.cut()

    far.proxy.delay(0.1)
    with ThreadPoolExecutor() as pool:
        cutting = pool.submit(cut)
        result = sync(Destination("box"))
        cutting.result()
    assert (list(result.failed), result.skipped) == (["large"], ["small"])
    far.proxy.restore()
    assert pushed(far).pushed == ["large"]
    assert os.path.getsize(f"{far.home}/large/file") == 6_000_000
