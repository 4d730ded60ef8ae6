"""Hosts that another command than ssh reaches."""

from __future__ import annotations

import json
import re

import pytest

from tests.remote.accounts import ROOT
from tests.remote.farm import Far, Farm
from tests.support import PROMPT, Home, need

pytestmark = pytest.mark.skipif(not ROOT, reason="another user's programs take root")


def reached(home: Home, far: Far, command: str) -> None:
    """`@there` is the far user, by a command."""
    home.write(".config/sesh/config.toml", f"[remotes.there]\nvia = {json.dumps(command)}\n")


@pytest.fixture
def there(home: Home, farm: Farm) -> Far:
    """A user whose programs run by a command with odd words."""
    far = farm.host("box")
    command = f"setpriv --reuid {far.account.uid} --regid {far.account.gid} --clear-groups "
    reached(home, far, f"{command} env HOME={far.home} USER={far.user} 'SESH_ODD=a b'")
    return far


def test_sessions_there_are_as_any_others(home: Home, farm: Farm, there: Far) -> None:
    done = home.sesh("@there", "--exec", "--print", "--", "sh", "-c", "id -un; pwd; echo $HOME; exit 3")
    assert (done.code, done.stdout.split()) == (3, [there.user, there.home, there.home])
    opened = home.sesh("@there", "--open", "work", "--json")
    assert (opened.code, opened.json()["host"]) == (0, "there")
    assert (there.names(), home.names()) == (["work"], []), "this machine's own settings are not the other user's"
    assert [row["host"] for row in home.sesh("--list", "--json").json()] == ["there"]
    terminal = home.terminal("@there", "work")
    terminal.wait_for(PROMPT)
    terminal.type("echo on=$(id -un)\r")
    terminal.wait_for(f"on={there.user}")
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    assert farm.calls() == []


@pytest.mark.parametrize("words", [("--list",), ("work",), ("--deploy",)])
def test_a_container_that_is_gone_is_told_of_in_its_commands_own_words(
    home: Home, farm: Farm, words: tuple[str, ...]
) -> None:
    """It was `has no sesh`: No such file or directory is what a shell says of a missing program too."""
    reached(home, farm.host("box"), "sh -c 'cd /proc/99999999/ns'")
    done = home.terminal(*(("--deploy", "@there") if words == ("--deploy",) else ("@there", *words)), columns=160)
    assert done.exit_code() != 0
    assert re.search(r"(cannot reach there|failed \(connect\)): .*99999999/ns", done.text()), done.text()
    assert "deploy it" not in done.text()


def test_no_verb_runs_on_the_machine_between(home: Home, farm: Farm) -> None:
    """ssh joins the words, and the shell of the machine between ran all behind the first semicolon, with code 0."""
    box = farm.host("box")
    reached(home, box, "ssh box ssh -o BatchMode=yes gpu")
    assert box.sesh("--open", "keep").code == 0
    terminal = home.terminal("@there", "work", columns=200)
    assert terminal.exit_code() == 1
    said = [terminal.text()]
    for words in (("--exec", "job", "--print", "--", "id", "-un"), ("--kill", "keep")):
        done = home.sesh("@there", *words)
        assert (done.code, done.stdout, done.stderr.count("\n")) == (125 if words[0] == "--exec" else 1, "", 1)
        said.append(done.stderr)
    assert all("cannot reach there: via changes the words that it is given; " in each for each in said)
    assert box.names() == ["keep"]
    assert not box.exists("sent")


def test_a_pattern_reaches_every_host_that_it_matches(home: Home, farm: Farm) -> None:
    users = [farm.host("one").user, farm.host("other").user]
    text = f'[remotes."{users[0].rstrip("0123456789")}*"]\nvia = "{need("runuser")} -u {{name}} --"\n'
    home.write(".config/sesh/config.toml", text)
    done = home.sesh(*(f"@{user}" for user in users), "--exec", "--json", "--", "id", "-un")
    assert [(row["host"], row["output"].strip()) for row in done.json()] == [(user, user) for user in users]
    listed = home.sesh("--list", "--json")
    assert (listed.code, listed.stderr, farm.calls()) == (0, "", [])
