"""Hosts as the user names them and as ssh resolves them; ssh is faked."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.errors import Interrupted, Unreachable, UsageError
from sesh.link.opening import open_link
from sesh.remote.ssh import aliases as room
from sesh.remote.ssh import master, ssh
from sesh.remote.ssh.destination import Destination, option
from sesh.remote.ssh.master import LoginOptions
from sesh.system.workers import Stop
from tests.support import Home

Fake = Callable[[str], None]


@pytest.fixture
def calls(tmp_path: Path) -> Path:
    """The file in which the test's ssh notes the words of each call."""
    return tmp_path / "calls"


@pytest.fixture
def fake(tmp_path: Path, calls: Path, monkeypatch: pytest.MonkeyPatch) -> Fake:
    """Install an ssh that notes its words; return a function that sets its shell code."""
    folder = tmp_path / "bin"
    folder.mkdir()

    def become(line: str) -> None:
        (folder / "ssh").write_text(f'#!/bin/sh\necho "$@" >>{calls}\n{line}\n')
        (folder / "ssh").chmod(0o755)

    become("")
    for name in ("SESH_SSH", "SESH_IDENTITY", "SESH_PROXYJUMP"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", f"{folder}:{os.environ['PATH']}")
    return become


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("box", ["--", "box"]),
        ("ann@box", ["--", "ann@box"]),
        ("box:2222", ["-p", "2222", "--", "box"]),
        ("ann@box:22", ["-p", "22", "--", "ann@box"]),
        ("ann@realm@box", ["--", "ann@realm@box"]),
        ("[::1]", ["--", "::1"]),
        ("ann@[fe80::1%eth0]:2222", ["-p", "2222", "--", "ann@fe80::1%eth0"]),
        ("root@db:SSH:me@gate:2222", ["-p", "2222", "--", "root@db:SSH:me@gate"]),
        ("me#web%1@gate", ["--", "me#web%1@gate"]),
    ],
)
def test_a_word_reaches_ssh_behind_the_end_of_its_options(word: str, words: list[str]) -> None:
    assert Destination(word).words == words


@pytest.mark.parametrize(
    "value",
    [
        "plain",
        "a b",
        "o'brien",
        'a"b',
        "a#b",
        "# b",
        "a\\",
        "a\\b",
        "a\\'b",
        'a b\\"c',
        "\\\\",
        "'",
        '"',
        "a\tb",
        "=a",
        "ü",
    ],
)
def test_ssh_reads_a_value_as_it_was_written(value: str) -> None:
    """No host could be reached from a home with a quote."""
    words = ["ssh", "-F", "none", *option("HostKeyAlias", value), "-G", "box"]
    done = subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert f"\nhostkeyalias {value}\n" in done.stdout, done


@given(st.lists(st.text(st.sampled_from("ab-$'\"\\!~#%;& \n"), max_size=8), min_size=1, max_size=4))
@settings(max_examples=30)
def test_words_for_the_shell_of_a_proxy_command_come_through_ssh_and_the_shell(words: list[str]) -> None:
    line = ssh._shell_line(["printf", "%s\\0", *words])
    assert subprocess.run(["sh", "-c", line], capture_output=True, check=True).stdout.decode().split("\0")[:-1] == words
    if "\n" not in line:
        asked = ["ssh", "-F", "none", *option("ProxyCommand", line), "-G", "box"]
        done = subprocess.run(asked, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
        assert f"\nproxycommand {line.rstrip()}\n" in done.stdout, done


def test_what_ssh_says_of_jump_hosts_is_no_word_of_a_person(fake: Fake) -> None:
    """The user of a bastion in ProxyJump was refused; and what a jump host's own settings say was not followed."""
    fake(
        'echo hostname x; case "$*" in *gate) echo proxyjump none;; *mid) echo proxyjump gate;; *::1) ;; '
        '*) echo "proxyjump me~a#1@mid,x:y@[::1]:22";; esac'
    )
    hops = [hop.words for hop in Destination("box").hops]
    assert hops == [["-p", "22", "--", "x:y@::1"], ["--", "me~a#1@mid"], ["--", "gate"]]
    fake("echo hostname x; echo proxyjump box")
    assert Destination("box").hops == [], "they lead in a circle, which ssh itself tells"


def test_ssh_is_asked_once_and_its_keywords_are_in_lower_case(fake: Fake, calls: Path) -> None:
    fake("printf 'hostname 10.0.0.7\\nUser ann\\nport 2222\\nidentityfile ~/a b\\nidentityfile ~/c\\nproxyjump\\n'")
    box = Destination("box")
    assert box.setting("hostname") == "10.0.0.7"
    assert box.setting("user") == "ann"
    assert box.settings["identityfile"] == ["~/a b", "~/c"]
    assert box.setting("proxyjump") == ""
    assert box.setting("nosuchthing") == ""
    assert calls.read_text() == "-G -- box\n"


def test_a_host_that_another_command_reaches_is_none_of_ssh_s(fake: Fake, calls: Path) -> None:
    box = Destination("box", ["docker", "exec", "-i", "box"])
    assert box.settings == {}
    assert not calls.exists()


def test_an_ssh_that_hangs_over_its_configuration_is_given_up(fake: Fake) -> None:
    fake("exec sleep 30")
    with pytest.raises(Unreachable, match=r"ssh -G box did not end within 0\.2 s; a `Match exec`"):
        Destination("box").resolve(0.2)


def test_the_deadline_of_a_link_is_also_that_of_its_configuration(fake: Fake) -> None:
    """A list waited longer for a `Match exec` than for a silent host."""
    fake("exec sleep 30")
    with pytest.raises(Unreachable, match="ssh -G box did not end"):
        open_link(Destination("box"), LoginOptions(deadline=time.monotonic() + 0.2))


def test_what_is_printed_for_a_login_that_waited_for_another_one_is_shown(
    home: Home, fake: Fake, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An address to log in at was not shown if the other had printed more."""
    monkeypatch.setenv("SESH_CTRL_DIR", os.path.join(home.path, "control"))
    fake('case "$*" in *-G*) echo hostname box;; *) echo visit | tee -a "$SESH_CTRL_DIR"/*.start; exec sleep 30;; esac')
    box, shown, stop = Destination("box"), list[str](), Stop()
    with open(f"{ssh.own_path(box)}.start", "w", encoding="utf-8") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        other.write("Warning: of the other one\n")
        other.flush()

        def show(line: str) -> None:
            shown.append(line)
            if len(shown) == 1:
                fcntl.flock(other, fcntl.LOCK_UN)
            else:
                stop.stop()

        with pytest.raises(Interrupted):
            master.ensure(box, LoginOptions(may_prompt=True, deadline=time.monotonic() + 9, stop=stop, show_line=show))
    assert shown == ["Warning: of the other one", "visit"]


def test_ssh_does_not_read_what_is_typed_into_sesh(fake: Fake) -> None:
    fake('read -r line; echo "hostname box"; echo "user ${line:-nobody}"')
    assert Destination("box").setting("user") == "nobody"


def test_a_variable_overrides_ssh_config_which_overrides_what_sesh_sets(monkeypatch: pytest.MonkeyPatch) -> None:
    box = Destination("box", settings={"serveraliveinterval": ["0"], "controlpersist": ["60"], "compression": ["no"]})
    monkeypatch.setenv("SESH_COMPRESSION", "no")
    keywords = "ServerAliveInterval", "ControlPersist", "Compression"
    given = [word for word in ssh.options(box, may_prompt=True) if word.startswith(keywords)]
    assert given == ["Compression=no", "ServerAliveInterval=30"]
    monkeypatch.setenv("SESH_PERSIST", "no")
    assert "ControlPersist=5" in ssh.options(box, may_prompt=True)


@pytest.mark.parametrize("jump", ["-oProxyCommand=x", "one,-l", "one,", "a b", "one;two"])
def test_a_jump_host_that_is_no_host_is_refused_before_anything_runs(
    fake: Fake, calls: Path, monkeypatch: pytest.MonkeyPatch, jump: str
) -> None:
    monkeypatch.setenv("SESH_PROXYJUMP", jump)
    with pytest.raises(UsageError):
        _ = Destination("box").settings
    assert not calls.exists()


def test_the_hosts_of_ssh_config_are_those_that_are_no_patterns(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", home.path)
    home.write(".ssh/config", 'Host one two *.com !three ?\n host = "four"  # five\nInclude conf.d/* ~/extra none\n')
    home.write(".ssh/conf.d/a", "Include conf.d/a config\nHost six\n\tHost\tseven\nHost -bad $(evil) a/b\n")
    home.write("extra", "HOST eight\nHostName nine\n")
    assert room.aliases() == {"one", "two", "four", "six", "seven", "eight"}
