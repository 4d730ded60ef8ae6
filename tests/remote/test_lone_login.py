"""A login that takes longer than a list waits: it goes on alone, within bounds, and what comes of it is told."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import time

import pytest

from sesh.errors import Late
from sesh.remote.ssh import master, ssh
from sesh.remote.ssh.destination import Destination
from tests.remote.accounts import ROOT
from tests.remote.farm import Far, Farm
from tests.remote.test_login import DETACH, SECRET, refusals
from tests.remote.test_lookup import known
from tests.support import Home, processes, wait_until

PATIENT = {"ConnectTimeout": "300"}


@pytest.fixture
def locked_out(home: Home, farm: Farm) -> Far:
    """A known host with a session, slow to say that it wants a password."""
    far = farm.host("box", sshd={"PasswordAuthentication": "yes"}, config=PATIENT, proxied=True)
    far.account.set_password(SECRET)
    far.sesh("--open", "work", "--", "cat")
    known(home, far)
    processes.kill(farm.masters())
    with open(farm.config, encoding="utf-8") as file:
        text = file.read()
    with open(farm.config, "w", encoding="utf-8") as file:
        file.write(text.replace(farm.ground.identity, "/nonexistent"))
    far.proxy.delay(0.3)
    return far


def zombies(parent: int) -> list[str]:
    """Children of a process that have ended and are not taken from the kernel."""
    argv = ["ps", "-o", "stat=,comm=", "--ppid", str(parent)]
    told = subprocess.run(argv, capture_output=True, text=True, check=False).stdout
    return [line for line in told.splitlines() if line.startswith("Z")]


@pytest.mark.skipif(not ROOT, reason="a login with a password takes root")
def test_a_login_refused_when_nobody_waits_any_more_is_told_and_not_repeated(home: Home, locked_out: Far) -> None:
    """The list said `no answer yet` for ever, and had the host refuse another login every three seconds."""
    before = refusals(locked_out)
    opened = home.terminal("--watch", columns=100)
    opened.wait_for(re.compile("^@box  no answer yet", re.MULTILINE))
    opened.wait_for(re.compile("^@box  asks for a password", re.MULTILINE))
    assert refusals(locked_out) == before + 1
    assert zombies(opened.pid) == []
    assert home.sesh("--list", "--json").json()[0]["stale"]["reason"] == "asks for a password"
    opened.type("q")
    assert opened.exit_code() == 0
    assert refusals(locked_out) == before + 1


@pytest.mark.skipif(not ROOT, reason="a login with a password takes root")
def test_a_person_does_not_wait_for_a_login_that_goes_on_alone(home: Home, locked_out: Far) -> None:
    """It sat there without a line, for as long as ssh would wait."""
    far = locked_out
    far.proxy.silence()
    assert "@box  no answer yet" in home.sesh("--list").stdout
    (alone,) = far.farm.masters()
    far.proxy.strand()
    far.proxy.restore()
    terminal = home.terminal("@box", "work", columns=100)
    terminal.wait_for("password:")
    assert alone not in far.farm.masters()
    terminal.type(f"{SECRET}\r")
    terminal.wait_until(lambda: far.has_attached("work"))
    terminal.type("hello\r")
    far.prints("work", "hello")  # until then its keys are those of a terminal that is not raw
    terminal.type(DETACH)
    assert terminal.exit_code() == 0


def test_a_login_that_goes_on_alone_is_given_so_many_seconds(
    here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing ended it but ssh itself, which waits for a key to be touched, or for a host that is frozen."""
    hop = farm.host("hop", config=PATIENT, proxied=True)
    farm.host("box", config={**PATIENT, "ProxyJump": "hop"})
    hop.proxy.silence()
    monkeypatch.setattr(master, "LONGEST_LOGIN", 1)
    with pytest.raises(Late, match="box does not answer"):
        master.ensure(Destination("box"), ask=False, timeout=0.2, lingers=True)
    wait_until(lambda: not farm.masters())
    hop.proxy.restore()
    master.ensure(Destination("box"), ask=False, timeout=20)


def test_ctrl_c_leaves_a_login_alone_with_its_lock(here: Home, farm: Farm) -> None:
    """The lock was removed while the login held it: the next one opened a second connection, which stayed for ever."""
    far = farm.host("box", config=PATIENT, proxied=True)
    far.proxy.silence()
    code = (
        "from sesh.remote.ssh import master; from sesh.remote.ssh.destination import Destination\n"
        "master.ensure(Destination('box'), ask=False, timeout=60, lingers=True)"
    )
    with subprocess.Popen([here.command[0], "-c", code], env=here.env, stderr=subprocess.PIPE) as asking:
        wait_until(lambda: far.proxy.accepted == 1)
        asking.send_signal(signal.SIGINT)
        assert b"KeyboardInterrupt" in asking.communicate(timeout=30)[1]
    waiting = master.locked(Destination("box"), time.monotonic() + 0.2)
    with pytest.raises(Late, match="another sesh command is still connecting"), waiting:
        pass
    far.proxy.restore()
    wait_until(lambda: master.is_alive(Destination("box")))
    wait_until(lambda: not [name for name in os.listdir(ssh.control_directory()) if "." in name])
    assert len(farm.masters()) == 1
