"""Messages of ssh and `via` commands reach the waiting person; no password is tried unasked."""

from __future__ import annotations

import os
import re
import subprocess
import time

import pytest

from sesh.errors import Unreachable
from sesh.remote import known
from sesh.remote.ssh import master, ssh
from sesh.remote.ssh.destination import Destination
from sesh.remote.ssh.master import LoginOptions
from tests.remote.accounts import ROOT
from tests.remote.farm import Farm
from tests.support import PROMPT, Home, need, processes, wait_until

PAGE = "https://login.example.com/a/abc123"
ADDRESS = f"an additional check is required; to authenticate, visit: {PAGE}"
BY_PASSWORD = {"PasswordAuthentication": "yes", "PubkeyAuthentication": "no"}


@pytest.fixture
def behind(here: Home, farm: Farm) -> str:
    """Return a file; until it exists, the ProxyCommand of @box names a login and waits."""
    go = os.path.join(here.path, "go")
    script = f'#!/bin/sh\necho "{ADDRESS}" >&2\nuntil test -e {go}; do sleep 0.05; done\nexec "$@"\n'
    farm.host("hop")
    farm.host("box", config={"ProxyCommand": f"{here.write('check', script, 0o755)} ssh -W %h:%p hop"})
    return go


@pytest.mark.soak
@pytest.mark.usefixtures("hurried")
def test_lines_of_a_via_command_are_shown_too(here: Home) -> None:
    script = here.write("check", f'#!/bin/sh\necho "{ADDRESS}" >&2\nexec sleep 60\n', 0o755)
    here.write(".config/sesh/config.toml", f'[remotes.box]\nvia = "{script}"\n')
    terminal = here.terminal("@box", "work", columns=120)
    terminal.wait_for(ADDRESS)
    terminal.type(b"\x03")
    assert terminal.exit_code() == 130
    known.record("box", "")
    assert ADDRESS in here.sesh("list").stdout


@pytest.mark.soak
def test_a_board_shows_an_address_to_log_in_at_also_where_its_link_was_lost(
    home: Home, farm: Farm, behind: str
) -> None:
    home.write("go", "")
    assert home.sesh("@box", "open", "work", "--", "sleep", "1000").code == 0
    for lost in (False, True):
        os.unlink(behind)
        processes.kill(farm.masters())
        if not lost:
            board = home.terminal("watch")
        board.wait_for(PAGE)
        home.write("go", "")
        board.wait_for(re.compile(r"\A(?!.*does not answer).*@box work", re.DOTALL))
    board.type(b"\x1b")
    assert board.exit_code() == 0


def test_an_address_to_log_in_at_is_shown_while_ssh_waits_and_so_it_is_when_the_link_was_lost(
    home: Home, farm: Farm, behind: str
) -> None:
    terminal = home.terminal("@box", "work", columns=100)
    terminal.wait_for(PAGE)
    home.write("go", "")
    terminal.wait_for(PROMPT)
    os.unlink(behind)
    processes.kill(farm.masters())
    terminal.wait_for(re.compile(f"no link .*{PAGE}"))
    home.write("go", "")
    terminal.type("echo b''ack\r")
    terminal.wait_for(re.compile("^back", re.MULTILINE))
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0


@pytest.mark.soak
@pytest.mark.usefixtures("farm")
def test_a_line_of_ssh_is_the_reason_for_a_late_host_where_nobody_is_asked(here: Home, behind: str) -> None:
    heard: list[str] = []
    for count in (1, 2):  # the next caller hears the address too, from the same ssh
        with pytest.raises(Unreachable, match="box does not answer") as late:
            master.ensure(Destination("box"), LoginOptions(deadline=time.monotonic() + 3, show_line=heard.append))
        assert (heard, late.value.reason) == ([ADDRESS] * count, ADDRESS)
    here.write("go", "")
    master.ensure(Destination("box"))


def test_the_words_of_what_leads_to_a_host_are_the_reason_of_its_failure(home: Home, farm: Farm) -> None:
    fails = home.write("fails", "#!/bin/sh\necho token expired >&2\nexit 1\n", 0o755)
    farm.host("box", config={"ProxyCommand": fails})
    done = home.sesh("@box", "list")
    assert (done.code, "token expired" in done.stderr) == (1, True)


@pytest.mark.skipif(not ROOT, reason="a login with a password takes root")
@pytest.mark.parametrize("named", [False, True])
def test_jump_hosts_at_any_depth_are_sent_no_empty_passwords(farm: Farm, named: bool) -> None:
    """Each list sent three wrong passwords, with SESH_SSH too: jump hosts get no options."""
    gate = farm.host("gate", sshd=BY_PASSWORD)
    near = farm.host("near")
    ways = {"gate": f"HostName 127.0.0.1\n Port {gate.port}", "mid": "ProxyJump gate", "deep": "ProxyJump mid"}
    rest = "StrictHostKeyChecking no\n User nobody"
    config = "".join(f"Host {word}\n {way}\n {rest}\n" for word, way in ways.items())
    near.write(".ssh/config", config, 0o600)
    before = len(gate.sshd.messages())  # messages of other tests, which share this sshd
    done = near.sesh("@deep", "list", env={"SESH_SSH": need("ssh") if named else ""})
    assert (done.code, "@127.0.0.1: Permission denied (" in done.stderr) == (1, True), done.stderr
    wait_until(lambda: "Connection closed by" in gate.sshd.messages()[before:], "sshd has logged the end of the login")
    assert "Failed password" not in gate.sshd.messages()[before:]


def test_a_connection_forwards_the_agent_that_came_last(
    here: Home, farm: Farm, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An earlier login opened the connection, and the agent of that login is gone."""
    need("ssh-agent")
    farm.host("box", config={"ForwardAgent": "yes"})
    monkeypatch.setenv("SSH_AUTH_SOCK", os.path.join(here.path, "gone"))
    master.ensure(Destination("box"))
    monkeypatch.setenv("SSH_AUTH_SOCK", path := os.path.join(here.path, "agent"))
    with subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL) as agent:
        try:
            wait_until(
                lambda: subprocess.run(["ssh-add", "-l"], capture_output=True, check=False).returncode != 2,
                "the ssh agent answers",
            )
            subprocess.run(["ssh-add", "-q", farm.ground.identity], check=True, capture_output=True)
            argv, env = ssh.command(Destination("box"), "ssh-add -l"), ssh.environment(may_prompt=False)
            assert b"ED25519" in subprocess.run(argv, env=env, capture_output=True, check=True).stdout
        finally:
            agent.terminate()
    assert len(farm.masters()) == 1


SET = {"SetEnv": "TERM=screen-256color COLORTERM=16 LANG=POSIX LC_MINE=kept", "SendEnv": "LC_OWN"}
SHOWN = 'echo "TERM=$TERM COLORTERM=$COLORTERM LANG=$LANG LC_MINE=$LC_MINE LC_OWN=$LC_OWN."'


@pytest.mark.parametrize("accepted", ["COLORTERM LANG LC_*", "NONE"])
def test_what_ssh_config_sets_for_a_host_wins_over_what_sesh_carries(here: Home, farm: Farm, accepted: str) -> None:
    """The usual remedy for a terminal that a host does not know (SetEnv TERM=…) had no effect."""
    farm.host("box", config=SET, sshd={"AcceptEnv": accepted})
    own = {"COLORTERM": "truecolor", "LC_OWN": "sent", "LANG": "C.UTF-8"}
    plain = subprocess.run(
        ["ssh", "-tt", "box", SHOWN],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        env={**os.environ, **own},
    )
    (wanted,) = re.findall(r"TERM=screen.*\.", plain.stdout.decode())
    assert ("LANG=POSIX" in wanted) == ("LANG" in accepted)
    assert here.sesh("@box", "exec", "--print", "--", "sh", "-c", SHOWN, env=own).stdout == f"{wanted}\n"
    terminal = here.terminal("@box", "work", columns=100, env=own)
    terminal.wait_for(PROMPT)
    terminal.type(f"{SHOWN}\r")
    terminal.wait_for(re.compile(f"^{re.escape(wanted)}", re.MULTILINE))
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
