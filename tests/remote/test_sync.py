"""The user's files on hosts of ssh, with any login shell and broken connections."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from sesh.errors import Unreachable
from sesh.remote.ssh.destination import Destination
from sesh.remote.sync.sync import sync
from tests.remote.farm import Farm, SshHost
from tests.remote.via import Beside
from tests.support import Home, processes, wait_until
from tests.support.disk import Disks

ODD = "odd 'n\" $(touch evil); *?[x] \\ é~!"
SHELLS = ["fish", "csh", *(pytest.param(shell, marks=pytest.mark.soak) for shell in ("bash", "zsh", "dash"))]
WAYS = [pytest.param(True, id="rsync", marks=pytest.mark.needs("rsync")), pytest.param(False, id="tar")]


@pytest.fixture(params=WAYS)
def rsync(request: pytest.FixtureRequest, here: Home, monkeypatch: pytest.MonkeyPatch) -> bool:
    """Return whether this machine has rsync; if not, hide it."""
    if not request.param:
        monkeypatch.setenv("PATH", without_rsync(here))
    return bool(request.param)


def without_rsync(here: Home) -> str:
    """Return a PATH that has all programs but rsync."""
    folders = []
    for number, folder in enumerate(os.environ["PATH"].split(":")):
        if os.path.exists(f"{folder}/rsync"):
            own = os.path.join(here.root, f"path{number}")
            os.mkdir(own)
            for name in set(os.listdir(folder)) - {"rsync"}:
                os.symlink(f"{folder}/{name}", f"{own}/{name}")
            folder = own
        folders.append(folder)
    return ":".join(folders)


def pushed(here: Home, far: SshHost, *lines: str) -> list[str]:
    """Write the list of paths, and sync; return the paths that were pushed."""
    here.write(".config/sesh/sync", "".join(f"{line}\n" for line in lines))
    result = sync(Destination(far.word))
    assert result.failed == {}
    return result.pushed


@pytest.mark.soak
@pytest.mark.parametrize("shell", SHELLS)
def test_paths_arrive_in_home_whatever_shell_logs_in(farm: Farm, here: Home, shell: str, rsync: bool) -> None:
    far = farm.host("box", user_shell=shell, installed=False)
    here.write(f"{ODD}/{ODD}/file", "odd", 0o640)
    here.write("file", "1")
    far.write(f"{ODD}/{ODD}/old", "gone here")
    assert sorted(pushed(here, far, f"{ODD}/{ODD}", "file")) == ["file", f"{ODD}/{ODD}"]
    assert far.read(f"{ODD}/{ODD}/file") == "odd"
    assert far.exists(f"{ODD}/{ODD}/old") is not rsync
    assert far.read("file") == "1"
    assert not far.exists("evil")
    assert not os.path.exists(os.path.join(here.path, "evil"))


@pytest.mark.needs("rsync")
@pytest.mark.parametrize("noisy", [True, False])
def test_where_rsync_cannot_run_an_archive_does_it_and_that_is_said(
    farm: Farm, here: Home, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], noisy: bool
) -> None:
    far = farm.host("box", installed=False)
    if noisy:
        far.login_files("Welcome!\nsame\n")
    else:
        few = os.path.join(farm.ground.folder, "few")
        os.mkdir(few)
        for name in ("sh", "tar", "cat"):
            os.symlink(f"/bin/{name}", os.path.join(few, name))
        far.write(".bashrc", f"PATH={few}\n")
    here.write("d/file", "1")
    far.write("d/old", "stays")
    assert pushed(here, far, "d") == ["d"]
    assert (far.read("d/file"), far.read("d/old")) == ("1", "stays")
    assert "files deleted here stay on box" in capfd.readouterr().err
    monkeypatch.setenv("SESH_EVENT_LOG", str(log := Path(here.path, "events")))
    here.write("d/file", "more")
    assert pushed(here, far, "d") == ["d"]
    found: list[dict[str, Any]] = [json.loads(line) for line in log.read_text().splitlines()]
    assert all(event.pop("ts") for event in found)
    assert found == [
        {"event": "sync_start", "host": "box"},
        {"event": "tool_missing", "host": "box", "tool": "rsync", "path": "d", "where": "there"},
        {"event": "sync_path_pushed", "host": "box", "path": "d", "bytes": 4},
        {"event": "sync_done", "host": "box", "ok": True},
    ]
    assert capfd.readouterr().err == ""


def test_what_has_not_changed_costs_no_connection_and_no_process(
    farm: Farm, here: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = farm.host("box", installed=False)
    here.write("a/file", "one")
    assert pushed(here, far, "a") == ["a"]
    calls = len(farm.connections())
    destination = Destination("box")
    destination.resolve()
    with monkeypatch.context() as patch:
        patch.setattr(subprocess, "Popen", None)
        assert sync(destination).pushed == []
    here.write("a/file", "two")
    monkeypatch.setenv("SESH_NO_SYNC", "1")
    assert pushed(here, far, "a") == []
    assert len(farm.connections()) == calls


@pytest.mark.soak
def test_what_a_cut_left_undone_is_told_and_done_the_next_time(
    farm: Farm, here: Home, rsync: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    far = farm.host("box", installed=False, proxied=True)
    here.write("small", "1")
    assert pushed(here, far, "small") == ["small"]
    here.write("large/file", os.urandom(6_000_000))
    here.write(".config/sesh/sync", "small\nlarge\n")
    inside = f"{far.home}/large"

    def cut() -> None:
        wait_until(lambda: os.path.isdir(inside) and os.listdir(inside), "the file begins to arrive")
        far.proxy.refuse()
        far.proxy.cut()

    far.proxy.delay(0.1)
    with ThreadPoolExecutor() as pool:
        cutting = pool.submit(cut)
        with suppress(Unreachable):  # or rsync notes the cut first
            assert list(sync(Destination("box")).failed) == ["large"]
        cutting.result()
    assert "large" in capfd.readouterr().err
    far.proxy.restore()
    assert pushed(here, far, "small", "large") == ["large"]
    assert os.path.getsize(f"{far.home}/large/file") == 6_000_000


@pytest.mark.soak
def test_a_connection_that_has_gone_silent_is_replaced(farm: Farm, here: Home) -> None:
    """The push waited half a minute for it, and failed."""
    far = farm.host("box", installed=False, proxied=True)
    here.write("a", "1")
    assert pushed(here, far, "a") == ["a"]
    here.write("a", "more")
    far.proxy.strand()
    assert pushed(here, far, "a") == ["a"]
    assert far.read("a") == "more"


def test_ctrl_c_in_a_sync_begins_no_job(home: Home, beside: Beside) -> None:
    """The job ran, since a sync that fails stops nothing else."""
    far = beside("box")
    home.write(".config/sesh/sync", "notes\n")
    home.write("notes", "")
    far.fall_silent()
    job = home.start("@box", "exec", "job", "--", "touch", "ran")
    wait_until(lambda: processes.descendants(job.pid), "the synchronisation has begun")
    job.send_signal(signal.SIGINT)
    assert job.wait(30) == 130
    far.end_silence()
    assert (far.exists("ran"), far.names()) == (False, [])


def test_a_home_that_cannot_be_written_keeps_nobody_from_a_session(home: Home, beside: Beside, disks: Disks) -> None:
    """It was an internal error: `open` exited with 1, and `exec` with 255, though nothing was sent."""
    far = beside("box")
    fixed = os.path.join(home.root, "fixed")
    disk = disks(fixed)
    home.write(".config/sesh/sync", "notes\n")
    home.write("notes", "")
    shutil.copytree(os.path.join(home.path, ".config"), os.path.join(fixed, ".config"))
    shutil.copy(os.path.join(home.path, "notes"), fixed)
    disk.protect()
    opened = home.sesh("@box", "open", "work", env={"HOME": fixed})
    told = "\nsesh: cannot sync files to box: .*: Read-only file system; mend that, or set SESH_NO_SYNC=1\n$"
    assert (opened.code, far.names()) == (0, ["work"])
    assert re.search(told, opened.stderr)
    ran = home.sesh("@box", "exec", "job", "--", "sh", "-c", "exit 3", env={"HOME": fixed})
    assert ran.code == 3
    assert re.search(told, ran.stderr)
    unset = home.sesh("@box", "exec", "job", "--", "true", env={"HOME": fixed, "SESH_NO_SYNC": "1"})
    assert (unset.code, unset.stderr) == (0, "")


def test_what_keeps_sync_and_session_from_a_host_is_said_once(home: Home, beside: Beside, disks: Disks) -> None:
    beside("box")
    home.write(".config/sesh/sync", "notes\n")
    home.write("notes", "")
    fixed = os.path.join(home.root, "fixed")
    disks(fixed).protect()
    done = home.sesh("@box", "exec", "--", "true", env={"SESH_DIR": fixed})
    assert (done.code, done.stderr.count("cannot be created"), done.stderr.count("\n")) == (125, 1, 1), done
