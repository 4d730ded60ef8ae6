"""A full disk: sessions go on, and what cannot be kept is told."""

from __future__ import annotations

import os

import pytest

from tests.faults.daemons import Daemons
from tests.support import Home, wait_until
from tests.support.disk import Disks


def test_a_full_disk_costs_a_running_session_nothing(disks: Disks, home: Home, daemons: Daemons) -> None:
    """The session goes on, and a verb that needs the disk names the fault."""
    disk = disks(home.directory)
    daemons.quiet("work", "read line; echo got $line; exec cat", persist=True)
    disk.fill()
    daemons.ask("work", "send", b"it\n")
    daemons.wait_for("work", "got it")
    done = home.sesh("rename", "work", "other")
    assert (done.code, "No space left" in done.stderr) == (1, True), done
    assert daemons.alive("work")
    job = home.start("exec", "job", "--", "sh", "-c", "exit 7")
    assert job.wait(30) != 0
    disk.free()
    assert home.sesh("rename", "work", "other").code == 0
    daemons.ask("other", "send", b"again\n")
    daemons.wait_for("other", "again")


@pytest.mark.parametrize("folder", [".sesh", ".local/state/sesh"])
def test_a_full_disk_is_an_error_of_the_doctor(disks: Disks, home: Home, folder: str) -> None:
    """It said that sesh works, while no session could begin and no result was kept."""
    assert home.sesh("list").code == 0
    place = {".sesh": home.directory}.get(folder, os.path.join(home.path, folder))
    disk = disks(place)
    home.write(".local/state/sesh/remotes.json", "{}")
    disk.fill()
    found = home.sesh("doctor", "--json")
    (row,) = [each for each in found.json()["checks"] if each["state"] == "error"]
    assert found.code == 1
    assert (row["check"], row["message"]) == ("directory", f"cannot write to {place}: No space left on device")
    variable = "SESH_DIR" if folder == ".sesh" else "XDG_STATE_HOME"
    assert row["remedy"] == f"free some space there, or set {variable} to another directory"


def test_a_session_whose_result_cannot_be_kept_stays_if_nobody_waited_for_its_end(disks: Disks, home: Home) -> None:
    """The exit code of a job that nobody waited for was lost with its daemon."""
    disks(os.path.join(home.directory, ".results")).fill()
    script = "echo made; until [ -e go ]; do sleep 0.02; done; exit"
    assert home.sesh("exec", "job", "-d", "--", "sh", "-c", f"{script} 7").code == 0
    assert home.sesh("exec", "late", "-d", "--timeout", "0.1", "--", "sleep", "100").code == 0
    assert home.sesh("open", "shell", "--", "sh", "-c", f"{script} 0").code == 0
    home.write("go", "")
    codes = {"job": 7, "late": 124, "shell": 0}
    wait_until(
        lambda: {each["name"]: each["exit_code"] for each in home.sesh("list", "--json").json()} == codes,
        "all have their exit codes",
    )
    assert home.sesh("logs", "job").stdout == "made\n"
    for name, code in codes.items():
        status = home.sesh("status", name, "--json").json()
        assert (status["exit_code"], status["state"]) == (code, "exited")
        assert "the result: No space left on device" in status["faults"][0]
        assert home.sesh("wait", name, "--exit").code == code
        assert home.sesh("kill", name).code == 0
    assert home.sesh("exec", "waited", "--", "sh", "-c", "exit 5").code == 5
    assert home.sesh("open", "killed", "--", "sleep", "100").code == 0
    assert home.sesh("kill", "killed").code == 0
    assert home.names() == []
    assert home.sesh("exec", "kept", "--keep", "--", "sh", "-c", "exit 7").code == 7
    assert "the result" in home.sesh("status", "kept", "--json").json()["faults"][0]
