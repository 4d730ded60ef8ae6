"""The hosts of the tests themselves: what every test of the remote room stands on."""

from __future__ import annotations

import os
import pwd
import socket
import subprocess
from pathlib import Path

import pytest

from tests.remote import runtime
from tests.remote.accounts import COMMENT, FOLDER, PREFIX, ROOT, Accounts
from tests.remote.farm import Farm, Ground
from tests.remote.patches import patch_host
from tests.remote.sshd import Sshd
from tests.support import PROMPT, Home, need, processes, wait_until, warm

pytestmark = pytest.mark.soak
SHELLS = ["bash", "zsh", "fish", "dash", "tcsh"]


def ssh(home: Home, *words: str, timeout: float = 20) -> subprocess.CompletedProcess[str]:
    """ssh as the test's home has it."""
    return subprocess.run(
        ["ssh", *words],
        env=home.env,
        executable=os.path.join(home.path, "bin", "ssh"),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
        start_new_session=True,
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_a_host_is_a_login_of_its_own_with_the_shell_that_was_asked_for(home: Home, farm: Farm, shell: str) -> None:
    far = farm.host("box", user_shell=shell)
    done = ssh(home, "box", "echo $HOME; echo $SHELL; pwd; id -un")
    assert done.stdout.split() == [far.home, far.shell, far.home, far.user], done.stderr
    assert os.path.realpath(far.shell) == os.path.realpath(need(shell))


def test_two_hosts_have_nothing_in_common(home: Home, farm: Farm) -> None:
    one, two = farm.host("one"), farm.host("two")
    one.write("here", "1")
    assert one.home != two.home
    assert one.user != two.user or not ROOT
    assert ssh(home, "one", "ls").stdout == "here\n"
    assert ssh(home, "two", "ls").stdout == ""


def test_two_words_may_lead_to_the_same_login(home: Home, farm: Farm) -> None:
    one = farm.host("one")
    two = farm.host("two", same_user=one)
    assert (one.user, one.home, one.port) == (two.user, two.home, two.port)


@pytest.mark.parametrize("shell", SHELLS)
def test_the_sesh_under_test_runs_over_there(home: Home, farm: Farm, shell: str) -> None:
    far = farm.host("box", user_shell=shell)
    done = ssh(home, "box", ".local/bin/sesh --open work")
    assert (done.returncode, done.stderr) == (0, "")
    assert far.names() == ["work"]
    assert [row["name"] for row in far.sesh("--list", "--json", "--local").json()] == ["work"]
    assert os.stat(far.directory).st_uid == far.account.uid


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish", "tcsh"])
def test_login_files_print_before_whatever_is_run(home: Home, farm: Farm, shell: str) -> None:
    far = farm.host("box", user_shell=shell)
    far.login_files('Welcome!\n\0\x1b[31m {"json": 1}\n')
    done = ssh(home, "box", "echo done")
    assert done.stdout.endswith('Welcome!\n\0\x1b[31m {"json": 1}\ndone\n')


@pytest.mark.skipif(not ROOT, reason="sshd that is not root's cannot give terminals away")
@pytest.mark.parametrize("shell", SHELLS)
def test_a_login_over_there_has_the_prompt_that_tests_wait_for(home: Home, farm: Farm, shell: str) -> None:
    farm.host("box", user_shell=shell)
    terminal = home.terminal(command=["ssh", "box"])
    terminal.wait_for(PROMPT)
    terminal.type("command -v sesh || which sesh\n")
    terminal.wait_for(".local/bin/sesh")


def test_files_over_there_are_the_user_s_own(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    far.write("a/b/c", "text", 0o600)
    assert far.run("cat a/b/c; echo more >>a/b/c; touch a/new").stdout == "text"
    assert far.read("a/b/c") == "textmore\n"
    assert far.exists("a/new")
    assert os.stat(os.path.join(far.home, "a")).st_uid == far.account.uid


def test_a_home_over_there_is_as_new_for_each_test(ground: Ground, home: Home) -> None:
    first = Farm(ground, home)
    far = first.host("box")
    far.write("left", "")
    far.login_files("left")
    first.close()
    second = Farm(ground, home)
    again = second.host("box", installed=False)
    assert again.user == far.user
    assert not again.exists("left")
    assert not again.exists(".local/bin/sesh")
    assert ssh(home, "box", "echo clean").stdout == "clean\n"
    second.close()


def test_what_runs_over_there_is_seen_and_ended_with_the_test(ground: Ground, home: Home) -> None:
    farm = Farm(ground, home)
    far = farm.host("box")
    assert far.sesh("--open", "work").code == 0
    ssh(home, "box", "nohup sleep 1000 >/dev/null 2>&1 &")
    wait_until(lambda: any("sleep 1000" in processes.describe(pid) for pid in far.processes()))
    farm.patience = 0.2
    with pytest.raises(AssertionError, match="sleep 1000"):
        farm.close()
    assert far.processes() == []


def test_sessions_that_a_test_left_are_no_complaint(ground: Ground, home: Home) -> None:
    farm = Farm(ground, home)
    far = farm.host("box")
    assert far.sesh("--open", "work").code == 0
    farm.close()
    assert far.processes() == []


def test_a_proxy_stands_between_ssh_and_the_host(home: Home, farm: Farm) -> None:
    far = farm.host("box", proxied=True)
    assert ssh(home, "box", "echo through").stdout == "through\n"
    assert far.proxy.accepted == 1
    far.proxy.refuse()
    assert ssh(home, "box", "true").returncode == 255
    far.proxy.restore()
    assert ssh(home, "box", "true").returncode == 0


def test_the_calls_of_ssh_and_scp_are_written_down_word_by_word(home: Home, farm: Farm) -> None:
    farm.host("box")
    home.write("some file", "text")
    assert farm.calls() == []
    ssh(home, "box", "printf '%s\n' 'a  b'\n")
    ssh(home, "-G", "box")
    assert farm.calls() == [["ssh", "box", "printf '%s\n' 'a  b'\n"], ["ssh", "-G", "box"]]
    scp = os.path.join(home.path, "bin", "scp")
    subprocess.run([scp, "-q", os.path.join(home.path, "some file"), "box:"], check=True, env=home.env, timeout=20)
    assert [call[0] for call in farm.calls()[2:]] == ["scp", "ssh"]
    assert len(farm.connections()) == 3


@pytest.mark.needs("rsync")
def test_rsync_goes_through_the_same_configuration(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    home.write("some file", "text")
    words = ["rsync", "-a", os.path.join(home.path, "some file"), "box:"]
    subprocess.run(words, check=True, env=home.env, timeout=20)
    assert far.read("some file") == "text"


def test_host_keys_are_known_unknown_or_changed_as_the_test_wants(home: Home, farm: Farm) -> None:
    strict = {"StrictHostKeyChecking": "yes"}
    assert ssh(home, farm.host("known", config=strict).word, "true").returncode == 0
    unknown = farm.host("unknown", known=False, config=strict, proxied=True)
    assert "No ED25519 host key is known" in ssh(home, "unknown", "true").stderr
    farm.know(unknown)
    assert ssh(home, "unknown", "true").returncode == 0
    farm.change_key(unknown)
    assert "IDENTIFICATION HAS CHANGED" in ssh(home, "unknown", "true").stderr


def test_a_server_has_the_settings_that_a_test_wants_and_is_kept_for_the_next(farm: Farm) -> None:
    one = farm.host("one", sshd={"MaxSessions": "3"})
    assert farm.host("again", sshd={"MaxSessions": "3"}, same_user=one).sshd is one.sshd
    assert farm.host("other", same_user=one).sshd is not one.sshd
    with open(one.sshd.config, encoding="utf-8") as file:
        assert "MaxSessions 3\n" in file.read()


def test_a_server_can_be_stopped_with_all_that_it_serves_and_started_again(home: Home, ground: Ground) -> None:
    server = Sshd(os.path.join(ground.folder, "own"), {"AuthorizedKeysFile": f"{ground.identity}.pub"})
    try:
        port = server.port
        with socket.create_connection(("127.0.0.1", port), 5) as asked:
            assert asked.recv(4) == b"SSH-"
            server.stop()
            assert server.connections() == []
            while asked.recv(100):
                pass
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 5)
        server.start()
        assert server.port == port
        socket.create_connection(("127.0.0.1", port), 5).close()
    finally:
        server.remove()
    assert not os.path.exists(server.folder)


@pytest.mark.skipif(not ROOT, reason="useradd takes root")
def test_users_of_a_run_that_was_killed_are_swept_away(ground: Ground) -> None:
    with subprocess.Popen(["true"]) as gone:
        pass
    folder = f"{FOLDER}left"
    os.makedirs(f"{folder}/{PREFIX}999")
    words = ["useradd", "--system", "--no-create-home", "--home-dir", f"{folder}/{PREFIX}999"]
    subprocess.run([*words, "--comment", f"{COMMENT} {gone.pid}", f"{PREFIX}999"], check=True, capture_output=True)
    Accounts(ground.folder)
    names = [entry.pw_name for entry in pwd.getpwall()]
    assert f"{PREFIX}999" not in names
    assert not os.path.exists(folder)


def test_another_interpreter_is_found_or_made_where_this_one_is_private(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a machine where everything lies under /root, other users get copies of what they need."""
    public = {"/usr/bin/env"}
    monkeypatch.setattr(runtime, "reachable", lambda path: path in public)
    copied = runtime.Runtime(str(tmp_path))
    assert copied.python.startswith(str(tmp_path))
    assert all(path.startswith(str(tmp_path)) for path in copied.paths)
    done = subprocess.run([copied.launcher, "--version"], capture_output=True, text=True, check=True, env={}, cwd="/")
    assert done.stdout.startswith("sesh ")


SAYS = """
import json, os, stat, sys
facts = [sys.argv[1:], sys.path, sys.flags, sys.executable, os.getcwd(), os.getresuid(), os.getresgid()]
facts += [{key: value for key, value in os.environ.items() if key != "_" and not key.startswith("SSH_")}]
facts += [os.getgroups(), os.umask(0), os.access("/proc/self/environ", os.R_OK), sys.stdin.read()]
facts += [stat.S_IFMT(os.fstat(number).st_mode) for number in range(3)]
print(json.dumps(facts, sort_keys=True), file=sys.stderr)
print("sesh.bridge" in sys.modules, flush=True)
os._exit(7)
"""


@pytest.mark.parametrize("way", ["ssh", "direct"])
def test_what_is_forked_on_a_host_is_as_what_is_started_there(home: Home, farm: Farm, way: str) -> None:
    far = farm.host("box")
    patch_host(far, SAYS)

    def ran(program: str) -> tuple[int, str, str]:
        line = f"echo fed | {program} a 'b c'"
        done = ssh(home, "box", line) if way == "ssh" else far.run(line)
        code = done.returncode if isinstance(done, subprocess.CompletedProcess) else done.code
        return code, done.stdout, done.stderr

    started = ran(f"{farm.ground.runtime.python} -IS .local/bin/sesh")
    forked = ran(".local/bin/sesh")
    assert started[:2] == (7, "False\n")
    assert forked == (7, f"{warm.ABLE and ROOT}\n", started[2])


def test_what_is_forked_on_a_host_ends_by_a_signal_as_what_is_started_there(farm: Farm) -> None:
    far = farm.host("box")
    patch_host(far, "import os; os.kill(os.getpid(), 15)")
    assert far.run(".local/bin/sesh; echo $?").stdout == "143\n"
