"""Deploying to real hosts: with any login shell, and over any connection that ssh_config allows."""

from __future__ import annotations

import json
import os
import re

import pytest

from sesh.about import __version__
from sesh.remote import known
from sesh.remote.deploy.deploy import Carrier, carriers, deploy, deploy_all
from sesh.remote.ssh import master
from sesh.remote.ssh.destination import Destination
from sesh.schema.outcomes import DeployedHost, PrintedDeployError
from sesh.system.workers import Stop
from tests.remote.farm import Farm, SshHost
from tests.support import Home

PROGRAM = ".local/bin/sesh"
VERSIONS = ".local/share/sesh/versions"


def versions(far: SshHost) -> list[str]:
    path = os.path.join(far.home, VERSIONS)
    return sorted(os.listdir(path)) if os.path.isdir(path) else []


def deployed(far: SshHost, version: str, code: str) -> None:
    """Lay out an earlier deploy of that version, whose program is `code`."""
    for name, text in {"start.py": code, "lib/sesh/about.py": ""}.items():
        far.write(f"{VERSIONS}/{version}/{name}", text)
    path = os.path.join(far.home, VERSIONS, version, "start.py")
    words = f"exec python3 -IS '{path}' \"$@\""
    far.write(PROGRAM, f"#!/bin/sh\n# sesh's launcher, written by sesh --deploy\n{words}\n", 0o755)


def litter(far: SshHost) -> list[str]:
    """Return the files that a deploy may have left besides whole versions and their launcher."""
    found = far.run("find .local -name '.*' -not -name .local 2>/dev/null; find .local/bin -type f 2>/dev/null").stdout
    return [name for name in found.split() if name != PROGRAM]


def deploy_to(word: str) -> DeployedHost:
    """Deploy to a host; return the result."""
    return deploy_all([Destination(word)])[word]


def refused(word: str, step: str, code: str = "refused") -> PrintedDeployError:
    """Return the one-line error of a deploy that fails at that step."""
    error = deploy_to(word)["error"]
    assert (error["step"], error["code"], "\n" in error["message"]) == (step, code, False), error
    return error


def events(home: Home) -> list[dict[str, object]]:
    with open(os.path.join(home.path, "events"), encoding="utf-8") as file:
        return [json.loads(line) for line in file]


@pytest.mark.soak
@pytest.mark.parametrize(
    "shell", ["tcsh", *(pytest.param(shell, marks=pytest.mark.soak) for shell in ("bash", "fish"))]
)
def test_verbs_work_over_there_whatever_the_login_shell_prints_and_a_second_deploy_sends_nothing(
    here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch, shell: str
) -> None:
    far = farm.host("box", user_shell=shell, installed=False)
    far.login_files("Welcome!\nsystem Plan9\n\n")
    monkeypatch.setenv("SESH_EVENT_LOG", os.path.join(here.path, "events"))
    *steps, first = deploy(Destination("box"), Stop())
    assert steps == ["connect", "detect_platform", "upload", "unpack"]
    assert isinstance(first, dict)
    assert (first["version"], first["changed"], first["bytes"] > 1_000_000) == (__version__, True, True)
    assert (versions(far), litter(far)) == ([os.path.basename(first["path"])], [])
    line = 'at the end of ~/.bashrc: eval "$(sesh shell-init bash)"' if shell == "bash" else None
    assert (first["integration"], far.exists(".local/share/fish/vendor_conf.d/00-sesh.fish")) == (line, True)
    job = far.run(f"{PROGRAM} exec --print -- sesh --version", env={"PATH": "/usr/bin:/bin"})
    assert (job.stdout, job.code) == (f"sesh {__version__}\n", 0)
    second = deploy_to("box")
    assert (second["changed"], second["bytes"], second["path"]) == (False, 0, first["path"])
    seen = [(event["event"], event["host"]) for event in events(here)]
    assert seen == [("deploy_start", "box"), ("deploy_done", "box")] * 2
    assert [known.of(host)["version"] for host in known.hosts()] == [__version__]


@pytest.mark.parametrize(
    ("config", "sshd"),
    [
        ({"Ciphers": "aes128-ctr"}, {}),
        pytest.param({}, {"KexAlgorithms": "sntrup761x25519-sha512@openssh.com"}, marks=pytest.mark.soak),
        ({"ControlPath": "~/own-%C", "ControlMaster": "no"}, {}),
        pytest.param({"IdentityFile": "/nonexistent", "CertificateFile": "/nonexistent"}, {}, marks=pytest.mark.soak),
    ],
    ids=["ciphers", "key exchange", "no shared connection", "certificate"],
)
def test_ssh_carries_it_where_paramiko_may_not_or_cannot(
    here: Home, farm: Farm, config: dict[str, str | None], sshd: dict[str, str | None]
) -> None:
    farm.host("box", installed=False, config=config, sshd=sshd)
    if "CertificateFile" in config:
        assert "Permission denied (publickey" in refused("box", "connect", "unreachable")["message"]
        return
    way = next(carriers(Destination("box"), Stop(), []))
    assert type(way) is Carrier
    assert way.run("exec sh -c 'echo it; exit 3'", 30) == (3, "it\n", "")
    assert bool(farm.masters()) == ("ControlPath" not in config), "the user wants no shared connection"


@pytest.mark.soak
def test_a_shared_connection_that_has_died_is_replaced(here: Home, farm: Farm) -> None:
    far = farm.host("box", installed=False, proxied=True)
    master.ensure(Destination("box"))
    far.proxy.strand()
    way = next(carriers(Destination("box"), Stop(), []))
    assert (type(way), way.run("echo it", 30).out) == (Carrier, "it\n")


def test_a_host_behind_another_is_reached_through_it(here: Home, farm: Farm) -> None:
    gate = farm.host("gate", installed=False)
    farm.host("box", installed=False, config={"ProxyJump": "gate"})
    way = next(carriers(Destination("box"), Stop(), []))
    assert way.run("echo there", 30).out == "there\n"
    way.close()
    assert type(way) is Carrier
    assert "Accepted publickey" in gate.sshd.messages()


def test_r30_an_unknown_key_is_taken_and_recorded_by_ssh_and_known_from_then_on(here: Home, farm: Farm) -> None:
    far = farm.host("box", installed=False, known=False)
    here.write(".ssh/known_hosts", "other ssh-ed25519 AAAA\n")
    way = next(carriers(Destination("box"), Stop(), []))
    way.close()
    assert type(way) is Carrier
    with open(farm.known_hosts, encoding="utf-8") as file:
        lines = file.read().splitlines()
    assert lines == ["other ssh-ed25519 AAAA", f"[127.0.0.1]:{far.port} {far.sshd.host_key}"]
    master.close(Destination("box"))
    before = farm.connections()
    again = next(carriers(Destination("box"), Stop(), []))
    again.close()
    assert (type(again).__name__, farm.connections()) == ("FabricCarrier", before)


def test_r30_a_changed_key_is_refused_in_one_line(here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch) -> None:
    far = farm.host("box", installed=False)
    farm.change_key(far)
    monkeypatch.setenv("SESH_EVENT_LOG", os.path.join(here.path, "events"))
    with open(farm.known_hosts, encoding="utf-8") as file:
        before = file.read()
    assert re.search("Host key for .* has changed", refused("box", "connect", "unreachable")["message"])
    assert not far.exists(".local/share/sesh")
    with open(farm.known_hosts, encoding="utf-8") as file:
        assert file.read() == before
    assert [(event["event"], event.get("step")) for event in events(here)] == [
        ("deploy_start", None),
        ("deploy_failed", "connect"),
    ]


@pytest.mark.soak
@pytest.mark.usefixtures("light")
def test_a_host_that_is_silent_holds_up_no_other_and_is_given_up(home: Home, farm: Farm) -> None:
    farm.host("box")  # where another sesh is, which is not replaced
    gone = farm.host("gone", installed=False, proxied=True, config={"ConnectTimeout": "3"})
    gone.proxy.silence()
    terminal = home.terminal("deploy", "@box", "@gone", columns=100)
    assert terminal.exit_code(60) == 1
    text = terminal.text()
    assert "sesh: box failed (switch): " in text
    assert "sesh: gone failed (connect): cannot reach gone" in text
