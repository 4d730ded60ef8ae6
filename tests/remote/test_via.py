"""Hosts that another command than ssh reaches."""

from __future__ import annotations

import json
import os
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from sesh.about import __version__
from sesh.link import opening
from sesh.text import times
from tests.support import PROMPT, Home, processes, wait_until
from tests.support.waiting import PATIENCE


def configure_via(home: Home, command: str) -> None:
    """Configure the command that reaches `@there`."""
    home.write(".config/sesh/config.toml", f"[remotes.there]\nvia = {json.dumps(command)}\n")


@pytest.fixture
def there() -> Iterator[Home]:
    own = Home()
    yield own
    own.close()


def within(far: Home, name: str = "") -> str:
    """Return a `via` command for a home, or for the home `name` inside that home."""
    path = os.path.join(far.path, name) if name else far.path
    return f"env HOME={path} SESH_DIR={path}/.sesh TEST_HOME={far.root}"


def test_sessions_there_are_as_any_others(home: Home, there: Home) -> None:
    configure_via(home, f"{within(there)}  'SESH_ODD=a b'")
    terminal = home.terminal("@there", "work")
    terminal.wait_for(PROMPT)
    terminal.type("echo on=$HOME with=$SESH_ODD\r")
    terminal.wait_for(f"on={there.path} with=")
    terminal.type(b"\x1c")
    assert terminal.exit_code() == 0
    assert (there.names(), home.names()) == (["work"], []), "this machine's own settings are not those over there"


@pytest.mark.parametrize("words", [("list",), ("work",), ("deploy",)])
def test_the_error_for_a_container_that_is_gone_has_its_commands_words(home: Home, words: tuple[str, ...]) -> None:
    """sesh said `has no sesh`, because a shell's error for a missing program is similar."""
    configure_via(home, "sh -c 'cd /proc/99999999/ns'")
    done = home.terminal(*(("deploy", "@there") if words == ("deploy",) else ("@there", *words)), columns=160)
    assert done.exit_code() != 0
    assert re.search(r"(cannot reach there|failed \(connect\)): .*99999999/ns", done.text()), done.text()
    assert "deploy it" not in done.text()


def test_a_pattern_reaches_every_host_that_it_matches(home: Home, there: Home) -> None:
    for name in ("h1", "h2"):
        there.write(f"{name}/.sesh/.keep", "")
        os.chmod(os.path.join(there.path, name, ".sesh"), 0o700)
    home.write(".config/sesh/config.toml", f'[remotes."h?"]\nvia = "{within(there, "{name}")}"\n')
    done = home.sesh("@h1", "@h2", "exec", "--json", "--", "pwd")
    assert [(row["host"], row["output"].strip()) for row in done.json()] == [
        (name, os.path.join(there.path, name)) for name in ("h1", "h2")
    ]


def test_ctrl_c_at_a_terminal_costs_no_link(home: Home, there: Home) -> None:
    """The key reached the command of `via` too, and broke the link."""
    configure_via(home, within(there))
    script = "trap 'echo caught; exit 4' INT; echo ready; while :; do sleep 0.02; done"
    terminal = home.terminal("@there", "exec", "job", "--follow", "--", "sh", "-c", script)
    terminal.wait_for("ready")
    terminal.type("\x03")
    assert (terminal.exit_code(), terminal.text().split()) == (4, ["ready", "^Ccaught"])


@pytest.mark.soak
def test_a_command_that_does_not_answer_ends_with_its_children(home: Home) -> None:
    configure_via(home, "sh -c 'sleep 600; true'")
    assert home.sesh("@there", "list").code == 1
    wait_until(lambda: not home.processes(), "the command and its children have ended")


@pytest.mark.needs_fork("a command that no signal ends")
def test_a_command_that_hangs_in_the_kernel_is_not_waited_for(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    configure_via(home, "sh -c 'exec sleep 600'")
    with monkeypatch.context() as patch:
        patch.setattr(opening, "START_TIMEOUT", 1.0)
        patch.setattr(os, "kill", lambda *_: None)
        patch.setattr(os, "killpg", lambda *_: None)
        patch.setattr(subprocess.Popen, "kill", lambda _: None)
        listing = home.start("@there", "list")
    try:
        assert listing.communicate(timeout=PATIENCE)[1] == b"sesh: there does not answer\n"
    finally:
        processes.kill(home.processes())


def test_ctrl_c_while_a_terminal_connects_ends_the_command_with_its_children(home: Home) -> None:
    def connecting() -> bool:
        return any("sleep 600" in processes.describe(pid) for pid in home.processes())

    configure_via(home, "sh -c 'sleep 600; true'")
    terminal = home.terminal("outer")
    terminal.wait_for(PROMPT)
    terminal.type("sesh @there work; echo code=$?\r")
    wait_until(connecting, "the command that connects runs")
    terminal.type("\x03")
    terminal.wait_for("\ncode=130")
    wait_until(lambda: not connecting(), "the command and its children have ended")


@pytest.mark.needs_fork("another clock")
def test_known_hosts_are_listed_with_what_was_last_known_of_them(
    home: Home, there: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    none = home.sesh("hosts")
    assert (none.code, none.stdout, "there are no known hosts" in none.stderr) == (0, "", True)
    configure_via(home, within(there))
    home.sesh("@there", "open", "work")
    home.sesh("list")
    (row,) = home.sesh("hosts", "--json").json()
    first = row.pop("used")
    assert row == {
        "host": "there", "version": __version__, "via": within(there).split(), "sessions": 1, "failure": None,
    }  # fmt: skip
    assert abs((times.seconds(first) or 0.0) - time.time()) < 60
    heading, line = home.sesh("hosts").stdout.splitlines()
    assert heading.split() == ["HOST", "VERSION", "USED", "SESSIONS", "REACHED"]
    assert line.split()[:6] == ["@there", __version__, "just", "now", "1", "env"]
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 3600)
    home.sesh("list")
    assert home.sesh("hosts", "--json").json()[0]["used"] == first, "a list is no use of a host"
    home.sesh("@there", "list")
    assert home.sesh("hosts", "--json").json()[0]["used"] > first
    configure_via(home, "sh -c 'exit 7'")
    home.sesh("list")
    assert home.sesh("hosts", "--json").json()[0]["failure"]
    assert home.sesh("@there", "hosts").code == 2
    assert home.sesh("forget", "@there").code == 0
    assert home.sesh("hosts", "--json").json() == []


def test_names_counts_and_signals_are_of_the_machine_that_has_the_session(home: Home, there: Home) -> None:
    configure_via(home, within(there))
    trap = "trap 'echo got it' USR1; echo ready; while :; do sleep 0.05; done"
    home.sesh("@there", "open", "far", "--", "sh", "-c", trap)
    home.sesh("open", "near", "--", "sleep", "60")
    assert home.sesh("@there", "wait", "far", "--for", "ready", "--from", "0", "--timeout", "30").code == 0
    assert home.sesh("list", "-q").stdout == "near\n@there far\n"
    assert home.sesh("@there", "list", "-q").stdout == "far\n"
    assert home.sesh("list", "-q", "--local").stdout == "near\n"
    assert home.sesh("@there", "grep", "-l", "read").stdout == "@there far\n"
    assert home.sesh("@there", "grep", "--count", "read", "--json").json() == [
        {"session": "far", "host": "there", "count": 1}
    ]
    assert home.sesh("@there", "kill", "-s", "USR1", "far", "--json").json()["signalled"] == ["far"]
    assert home.sesh("@there", "wait", "far", "--for", "^got it$", "--from", "0", "--timeout", "30").code == 0
    configure_via(home, "sh -c 'exit 7'")
    silent = home.sesh("list", "-q")
    assert (silent.code, silent.stdout) == (0, "near\n"), "what is only remembered is no name to act on"
    assert silent.stderr.startswith("sesh: @there: ")
