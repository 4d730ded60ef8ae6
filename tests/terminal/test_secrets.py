"""Text typed while echo is off is neither kept nor shown by sesh."""

from __future__ import annotations

import json
import os

import pytest

from tests.support import Home, wait_until

SECRET = "hunter-%s-2"  # noqa: S105
ASKS = {
    "bash": ["bash", "-c", "read -rsp 'Password: ' word; echo; echo got ${#word}"],
    "getpass": ["python3", "-c", "import getpass; print('got', len(getpass.getpass()))"],
}


def kept(home: Home) -> bytes:
    """Return the content of all files in the directory of sessions."""
    found = b""
    for folder, _, names in os.walk(home.directory):
        for name in names:
            path = os.path.join(folder, name)
            if os.path.isfile(path) and not os.path.islink(path):
                with open(path, "rb") as file:
                    found += file.read()
    return found


def everything(home: Home, name: str) -> bytes:
    """Return all that sesh prints about a session, and the content of all its files."""
    printed = b""
    for words in (["logs", name], ["screen", name], ["status", name], ["list"], ["history", name]):
        printed += home.sesh(*words, "--json").raw
    printed += home.sesh("history", name, "1").raw
    events = home.start("events", name, "--from", "0", "--json")
    assert events.stdout is not None
    for line in events.stdout:
        printed += line
        if json.loads(line)["event"] in ("command_ended", "exited"):
            break
    events.kill()
    return printed + kept(home)


@pytest.mark.parametrize(("asks", "how"), [("bash", "attach"), ("getpass", "stdin")])
def test_r30_a_password_is_nowhere(home: Home, asks: str, how: str) -> None:
    secret = SECRET % how
    home.env["HISTFILE"] = f"{home.path}/history"
    assert home.sesh("open", "work").code == 0
    watcher = home.terminal("work")
    watcher.wait_for("ready>")
    running = home.start("run", "work", "--", *ASKS[asks])
    assert home.sesh("wait", "work", "--for", "Password: ?$", "--timeout", "30").code == 0
    if how == "stdin":
        assert home.sesh("send", "work", "-", input=f"{secret}\n").code == 0
    else:
        watcher.type(f"{secret}\r")
    out, error = running.communicate(timeout=30)
    assert (running.returncode, out.split()[-2:]) == (0, [b"got", str(len(secret)).encode()]), error
    printed = out + error + everything(home, "work")
    assert b"got" in printed
    assert secret.encode() not in printed
    assert secret not in watcher.text()


def test_a_job_that_asks_keeps_no_answer(home: Home) -> None:
    secret = SECRET % "job"
    job = home.start("exec", "job", "--keep", "--print", "--json", "--", *ASKS["bash"])
    wait_until(
        lambda: home.sesh("wait", "job", "--for", "assword", "--since-start", "--timeout", "30").code == 0,
        "the job asks for the password",
    )
    assert home.sesh("send", "job", secret, "--enter").code == 0
    out, _ = job.communicate(timeout=30)
    assert job.returncode == 0
    printed = out + everything(home, "job")
    assert b"got" in printed
    assert secret.encode() not in printed
