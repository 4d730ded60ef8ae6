"""A host with Python 3.9: the root of an older Debian, behind a real sshd."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator

import pytest

from tests.remote.farm import Farm, Ground, SshHost
from tests.remote.sshd import Sshd
from tests.remote.test_cuts import DETACH, attached, shows
from tests.support import PROMPT, ROOT, Home

# Looked for here, as a test has another HOME, and so another cache.
FOUND = subprocess.run(
    ["sh", f"{ROOT}/.ci/root.sh", os.environ.get("SUITE", "host"), "-n"], capture_output=True, text=True, check=False
)

# The root is seen at /mnt, as sshd wants every directory above a login's to be that of the system's root. The mounts
# end with sshd.
_WITHIN = """
mount --bind "$0" /mnt
for path in /dev /proc /tmp /etc/passwd /etc/group; do mount --rbind "$path" "/mnt$path"; done
exec "$@"
"""


@pytest.fixture
def old(farm: Farm, ground: Ground) -> Iterator[SshHost]:
    """Yield a host with Python 3.9 and no sesh, which `@old` reaches."""
    if FOUND.returncode:
        pytest.skip(FOUND.stderr.strip())
    ground.accounts.give_back(ground.accounts.lend("bash"))  # the mounted list of users has it
    within = ["unshare", "--mount", "sh", "-ec", _WITHIN, FOUND.stdout.strip()]
    settings = {
        "AuthorizedKeysFile": f"{ground.identity}.pub",
        "ChrootDirectory": "/mnt",
        "Subsystem": "sftp internal-sftp",
    }
    sshd = Sshd(os.path.join(ground.folder, "old"), settings, within)
    yield farm.host("old", installed=False, server=sshd)
    sshd.remove()


@pytest.mark.soak
def test_a_host_with_python_3_9_takes_a_deploy_and_its_sessions_do_what_they_do_elsewhere(
    home: Home, old: SshHost
) -> None:
    deployed = home.sesh("deploy", "@old", "--json", timeout=120)
    (facts,) = deployed.json()["hosts"]
    assert (facts["ok"], facts["python"]) == (True, "/usr/bin/python3.9"), deployed
    with attached(home, "@old", "work") as terminal:
        terminal.type("python3 -V; echo mark-$((6 * 7))\r")
        shows(terminal, "Python 3.9")
        shows(terminal, "mark-42")
        assert home.sesh("@old", "reload", "work").code == 0
        terminal.type("echo again-$((6 * 7))\r")
        shows(terminal, "again-42")
        terminal.type(DETACH)
        assert terminal.exit_code() == 0
    ran = home.sesh("@old", "run", "work", "--", "sh", "-c", "echo printed; exit 4")
    assert (ran.stdout, ran.code) == ("printed\n", 4), ran
    job = home.sesh("@old", "exec", "--print", "--", "sh", "-c", "echo printed; exit 3")
    assert (job.stdout, job.code) == ("printed\n", 3), job
    asked = ["status work", "logs work", "history work", "grep mark-42", "wait work --for again-42 --since-start",
             "send work --enter", "label work a=b", "sweep", "export", "doctor", "screen work"]  # fmt: skip
    for line in asked:
        done = home.sesh("@old", *line.split())
        assert done.code == 0, done
    assert PROMPT in done.stdout
    assert [row["name"] for row in home.sesh("@old", "list", "--json").json()] == ["work"]
    over_there = typed_on(home, "~/.local/bin/sesh")
    assert (over_there.returncode, "work" in over_there.stdout) == (0, True), over_there
    with home.terminal(command=["ssh", "-t", "old", "~/.local/bin/sesh work"]) as terminal:
        terminal.wait_for("again-42")
        terminal.type("echo here-$((6 * 7))\r")
        terminal.wait_for("here-42")
        terminal.type(DETACH)
        assert terminal.exit_code() == 0
    refused = typed_on(home, "~/.local/bin/sesh kill work")
    assert (refused.returncode, refused.stdout) == (1, "")
    line = (
        "sesh: kill needs Python 3.10 here, and this is 3.9; type it on your own machine (sesh @HOST kill), or install"
    )
    assert refused.stderr == f"{line} a newer Python and deploy again\n"
    assert "PROMPT_COMMAND" in typed_on(home, "~/.local/bin/sesh shell-init bash").stdout, "a startup file evaluates it"
    assert typed_on(home, "~/.local/bin/sesh --version").stdout.startswith("sesh ")
    assert home.sesh("@old", "kill", "work").code == 0
    assert home.sesh("@old", "list", "--json").json() == []


def typed_on(home: Home, line: str) -> subprocess.CompletedProcess[str]:
    """Run a line in the login shell of the host."""
    return subprocess.run(["ssh", "old", line], env=home.env, capture_output=True, text=True, check=False, timeout=30)
