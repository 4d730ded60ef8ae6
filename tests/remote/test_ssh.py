"""The user's own ssh against real sshds: the shared connection, options and failures."""

from __future__ import annotations

import os
import socket
import subprocess
import threading
import time
from glob import glob

import pytest

from sesh.errors import LoginRefused, Unreachable
from sesh.remote.ssh import master, ssh
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.master import LoginOptions
from tests.remote.farm import Farm
from tests.support import PROMPT, Home, need, processes, wait_until

BY_PASSWORD = {"PasswordAuthentication": "yes", "PubkeyAuthentication": "no"}


def run(destination: Destination, line: str, *, alone: bool = False) -> subprocess.CompletedProcess[str]:
    """Run a line on the host as sesh does, without a prompt."""
    return subprocess.run(
        ssh.command(destination, line, own_timeout=10 if alone else None),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=20,
        check=False,
        env=ssh.environment(may_prompt=False),
    )


def refusal(destination: Destination) -> str:
    """Return the one line that says why there is no connection."""
    with pytest.raises(Unreachable) as refused:
        master.ensure(destination, LoginOptions(deadline=time.monotonic() + 15))
    assert "\n" not in str(refused.value)
    return str(refused.value)


def sockets() -> list[str]:
    return glob(f"{ssh.control_directory()}/{24 * '[0-9a-f]'}")


def test_many_commands_take_one_connection(here: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    box = Destination("box")
    assert not master.is_alive(box)
    master.ensure(box)
    assert master.is_alive(box)
    for _ in range(3):
        assert run(box, "id -un").stdout == f"{far.user}\n"
    master.ensure(box)
    assert far.proxy.accepted == 1
    assert len(farm.masters()) == 1
    assert run(box, "id -un", alone=True).stdout == f"{far.user}\n"
    assert far.proxy.accepted == 2
    wait_until(lambda: far.proxy.connections == 1, "the end of the connection of its own")
    folder, name = os.path.split(ssh.control_path(box))
    assert folder == os.path.join(here.directory, ".control")
    assert (os.stat(folder).st_mode & 0o777, os.stat(os.path.join(folder, name)).st_mode & 0o077) == (0o700, 0)
    assert sockets() == [os.path.join(folder, name)]


def test_hosts_and_ways_to_them_have_connections_of_their_own(
    here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One address behind two jump hosts is two machines."""
    one = farm.host("one")
    farm.host("two")
    farm.host("behind", same_user=one, config={"ProxyJump": "two"})
    farm.host("again", same_user=one)
    paths = {word: ssh.control_path(Destination(word)) for word in ("one", "two", "behind", "again")}
    assert len(set(paths.values())) == 3
    assert paths["one"] == paths["again"]
    monkeypatch.setenv("SESH_PROXYJUMP", "two")
    assert ssh.control_path(Destination("one")) != paths["one"]


def at_once(number: int) -> list[Exception]:
    """Connect to @box in `number` threads at the same time; return the failures."""
    failed: list[Exception] = []

    def come() -> None:
        try:
            master.ensure(Destination("box"))
        except Unreachable as error:
            failed.append(error)

    threads = [threading.Thread(target=come) for _ in range(number)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return failed


def test_who_comes_at_the_same_time_opens_one_connection(here: Home, farm: Farm) -> None:
    """A second master for the same socket would stay for ever, unseen and unused."""
    far = farm.host("box", proxied=True)
    assert at_once(5) == []
    assert (far.proxy.accepted, len(farm.masters())) == (1, 1)


def test_of_several_that_come_at_once_one_is_refused_for_all(here: Home, farm: Farm) -> None:
    far = farm.host("box", sshd=BY_PASSWORD, proxied=True)
    far.proxy.delay(0.05)
    assert [type(each) for each in at_once(3)] == [LoginRefused] * 3
    assert far.proxy.accepted == 1
    assert sockets() == []


def test_a_directory_in_place_of_the_control_socket_is_named(here: Home, farm: Farm) -> None:
    """It was an internal error."""
    farm.host("box")
    master.ensure(Destination("box"))
    (path,) = sockets()
    master.close(Destination("box"))
    os.mkdir(path)
    named = here.sesh("@box", "list")
    assert named.stderr == f"sesh: {path} is not a socket created by sesh; check it and move it away\n"
    assert sockets() == [path]


def test_a_host_that_refuses_more_sessions_gets_a_second_connection(here: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True, sshd={"MaxSessions": "1"})
    box = Destination("box")
    master.ensure(box)
    with subprocess.Popen(
        ssh.command(box, "echo there; exec cat"), stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as first:
        assert first.stdout is not None
        assert first.stdout.readline() == b"there\n"
        done = run(box, "echo second; exit 3")
        assert (done.returncode, done.stdout) == (3, "second\n")
        first.communicate(timeout=30)
    assert far.proxy.accepted == 2


@pytest.mark.soak
def test_a_login_that_takes_longer_goes_on_alone_and_serves_who_comes_next(here: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    far.proxy.delay(0.2)
    box = Destination("box")
    box.resolve()  # else `ssh -G` may use up the time
    with pytest.raises(Unreachable, match="box does not answer"):
        master.ensure(box, LoginOptions(deadline=time.monotonic() + 0.2))
    master.ensure(Destination("box"))
    wait_until(lambda: (far.proxy.accepted, len(farm.masters())) == (1, 1), "one shared connection is left")


@pytest.mark.soak
def test_a_login_that_hangs_is_no_hindrance_to_who_comes_next(
    here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The lock of that login kept others waiting until ssh's own timeout."""
    far = farm.host("box", proxied=True, config={"ConnectTimeout": "300"})
    far.proxy.silence()
    with pytest.raises(Unreachable, match="box does not answer"):
        master.ensure(Destination("box"), LoginOptions(deadline=time.monotonic() + 2))
    wait_until(lambda: far.proxy.accepted == 1, "the login has reached the host")
    far.proxy.strand()
    far.proxy.restore()
    monkeypatch.setattr(master, "_MAX_SILENCE", 0.1)
    master.ensure(Destination("box"))
    assert far.proxy.accepted == 2
    assert master.is_alive(Destination("box"))


def test_forwardings_belong_to_the_shared_connection_alone(here: Home, farm: Farm) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    config = {"LocalForward": f"127.0.0.1:{port} 127.0.0.1:9", "ExitOnForwardFailure": "yes"}
    farm.host("box", config=config)
    box = Destination("box")
    master.ensure(box)
    socket.create_connection(("127.0.0.1", port), 5).close()
    for alone in (False, True):
        done = run(box, "echo fine", alone=alone)
        assert (done.stdout, done.returncode) == ("fine\n", 0), done.stderr


def test_a_shared_connection_of_the_user_s_own_is_used(here: Home, farm: Farm) -> None:
    path = os.path.join(here.path, ".ssh", "own-%r")
    far = farm.host("box", proxied=True, config={"ControlPath": path})
    box = Destination("box")
    master.ensure(box)
    assert not master.is_alive(box), "only the user opens it"
    subprocess.run(["ssh", "-M", "-f", "-N", "box"], check=True, timeout=20, stdin=subprocess.DEVNULL)
    assert master.is_alive(box)
    assert run(box, "echo over it").stdout == "over it\n"
    assert far.proxy.accepted == 1
    with subprocess.Popen(["ssh", "box", "cat"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as theirs:
        wait_until(lambda: any("cat" in processes.describe(pid) for pid in far.processes()), "cat runs on the host")
        master.close(box)
        assert not master.is_alive(box)
        assert theirs.communicate(b"still here", timeout=10)[0] == b"still here"


@pytest.mark.needs("autossh")
def test_autossh_carries_the_shared_connection_and_brings_it_back(
    here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = farm.host("box", proxied=True)
    box = Destination("box")
    monkeypatch.setenv("SESH_SSH", "autossh")
    monkeypatch.setenv("AUTOSSH_PATH", os.path.join(here.path, "bin", "ssh"))
    monkeypatch.setenv("AUTOSSH_GATETIME", "0")
    master.ensure(box, LoginOptions(deadline=time.monotonic() + 20))
    assert run(box, "echo over it").stdout == "over it\n"
    assert far.proxy.accepted == 1
    assert ssh.command(box, "true")[0] == "ssh"
    far.proxy.cut()
    wait_until(lambda: far.proxy.accepted == 2 and master.is_alive(box), "the shared connection is back")
    assert run(box, "echo again").stdout == "again\n"


def test_r30_an_unknown_key_is_taken_once_and_recorded_but_where_the_user_is_strict(here: Home, farm: Farm) -> None:
    far = farm.host("box", known=False)
    strict = farm.host("strict", known=False, same_user=far, config={"StrictHostKeyChecking": "yes"}, proxied=True)
    assert f"key is known for {strict.address}" in refusal(Destination("strict"))
    assert os.path.getsize(farm.known_hosts) == 0
    master.ensure(Destination("box"))
    with open(farm.known_hosts, encoding="utf-8") as file:
        assert far.sshd.host_key in file.read()


@pytest.mark.parametrize("alone", [False, True])
def test_r30_an_unknown_key_of_a_jump_host_is_taken_by_the_same_rule(here: Home, farm: Farm, alone: bool) -> None:
    """The jump host was refused, and the message named the host in its place."""
    gate = farm.host("gate", known=False, proxied=True)
    strict = farm.host("strict", same_user=gate, known=False, proxied=True, config={"StrictHostKeyChecking": "yes"})
    far = farm.host("box", known=False, config={"ProxyJump": "gate"})
    farm.host("inner", same_user=far, config={"ProxyJump": "strict"})
    if not alone:
        master.ensure(Destination("box"))
    assert run(Destination("box"), "id -un", alone=alone).stdout == f"{far.user}\n"
    with open(farm.known_hosts, encoding="utf-8") as file:
        assert {line.split()[0] for line in file} == {gate.address, far.address}
    assert f"key is known for {strict.address}" in refusal(Destination("inner"))


def test_a_wrapper_that_adds_a_configuration_keeps_its_jump_hosts(
    here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The jump host was looked for in the usual configuration, or with a name of its own nothing was handed on."""
    gate = farm.host("gate", known=False)
    far = farm.host("box", config={"ProxyJump": "gate"})
    elsewhere = os.path.join(here.path, "of work")
    os.rename(farm.config, elsewhere)
    for name in ("ssh", "work-ssh"):
        script = here.write(f"wrappers/{name}", f'#!/bin/sh\nexec {need("ssh")} -F "{elsewhere}" "$@"\n', 0o755)
        monkeypatch.setenv("SESH_SSH", script)
        for alone in (True, False):
            if not alone:
                master.ensure(Destination("box"))
            assert run(Destination("box"), "id -un", alone=alone).stdout == f"{far.user}\n"
    with open(farm.known_hosts, encoding="utf-8") as file:
        assert gate.address in file.read()


def test_a_wrapper_that_adds_a_jump_host_of_its_own_keeps_it(
    here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the jump host's own settings are cannot be asked through such a wrapper."""
    gate, far = farm.host("gate"), farm.host("box")
    script = here.write("bin/jumps", f'#!/bin/sh\nexec {need("ssh")} -F {farm.config} -J gate "$@"\n', 0o755)
    monkeypatch.setenv("SESH_SSH", script)
    master.ensure(Destination("box"))
    assert run(Destination("box"), "id -un").stdout == f"{far.user}\n"
    assert run(Destination("box"), "id -un", alone=True).stdout == f"{far.user}\n"
    assert "Accepted publickey" in gate.sshd.messages()


@pytest.mark.parametrize("name", ["o'brien", 'a"b', "a b#c", "%h", "back\\slash\\"])
def test_a_home_with_any_name_keeps_no_host_away(
    here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A quote in HOME, and no host was reached."""
    gate = farm.host("gate")
    far = farm.host("box", config={"ProxyJump": gate.word})
    monkeypatch.setenv("SESH_CTRL_DIR", os.path.join(here.path, name))
    master.ensure(Destination("box"))
    assert os.listdir(os.path.join(here.path, name))
    for alone in (True, False):
        assert run(Destination("box"), "id -un", alone=alone).stdout == f"{far.user}\n"


def test_r30_where_a_person_can_be_asked_a_jump_host_is_taken_too(home: Home, farm: Farm) -> None:
    farm.host("gate", known=False, proxied=True)
    farm.host("box", known=False, config={"ProxyJump": "gate"})
    terminal = home.terminal("@box", "work")
    terminal.wait_for(PROMPT)
    assert "authenticity" not in terminal.text()


def test_r30_a_changed_key_is_refused_in_the_words_of_ssh(here: Home, farm: Farm) -> None:
    farm.host("box", config={"HostKeyAlias": "the-box"})
    with open(farm.known_hosts, "w", encoding="utf-8") as file:
        file.write(f"the-box {farm.ground.public_key}\n")
    assert "cannot reach box: its host key has changed: Host key for the-box has changed" in refusal(Destination("box"))
    subprocess.run(["ssh-keygen", "-R", "the-box", "-f", farm.known_hosts], check=True, capture_output=True)
    master.ensure(Destination("box"))
