"""Sessions on other hosts at a person's terminal: they behave like sessions of this machine."""

from __future__ import annotations

import json
import os
import re

import pytest

from tests.remote.farm import Farm
from tests.remote.test_cuts import DETACH, attached, shows
from tests.remote.via import Beside
from tests.support import PROMPT, Home, wait_until


def test_a_session_is_left_and_found_again(home: Home, beside: Beside) -> None:
    far = beside("box")
    fresh = home.terminal(command=["true"]).termios()
    with attached(home, "@box", "work", columns=91, rows=17) as terminal:
        terminal.type("echo mark-$HOME; stty size\r")
        shows(terminal, f"mark-{far.path}")
        terminal.wait_for("17 91")
        terminal.resize(70, 20)
        terminal.type("stty size\r")
        terminal.wait_for("20 70")
        status = home.sesh("@box", "status", "work", "--json").json()
        assert (status["columns"], status["rows"], status["attached"], status["link"]) == (70, 20, 1, "up")
        terminal.type(DETACH)
        assert terminal.exit_code() == 0
        assert "[detached from work@box" in terminal.text()
        assert terminal.termios() == fresh
    with home.terminal("@box", "work", columns=100, rows=30) as terminal:
        shows(terminal, f"mark-{far.path}")
        terminal.type("exit 255\r")
        assert terminal.exit_code() == 255, "which ssh says when it fails, too"
        assert "[work ended: 255]" in terminal.text()
    assert far.names() == []


def test_a_terminal_that_comes_back_gets_no_line_a_second_time(home: Home, beside: Beside) -> None:
    beside("box")
    terminal = home.terminal(command=["sh"], env={"PS1": "outside> "})

    def at(prompt: str) -> bool:
        return next((row for row in reversed(terminal.screen()) if row and "new session" not in row), "") == prompt

    for turn in range(2):
        terminal.type("sesh @box work\r")
        terminal.wait_until(lambda: at(PROMPT), "the session's prompt")
        terminal.type(f"seq -f 'line-{turn}-%g' 60\r")
        shows(terminal, f"line-{turn}-60")
        terminal.type(DETACH)
        terminal.wait_until(lambda: at("outside>"), "the outer shell's prompt")
    lines = [line.rstrip() for line in terminal.text().splitlines()]
    assert [lines.count(f"line-{turn}-1") for turn in range(2)] == [1, 1]


def test_two_clients_see_the_same_and_one_may_only_watch(home: Home, beside: Beside) -> None:
    beside("box")
    one = attached(home, "@box", "work")
    two = attached(home, "@box", "work", "--read-only")
    one.type("echo typed-$((40+2))\r")
    shows(two, "typed-42")
    two.type("echo refused\r")
    two.wait_for("keys are not passed on")
    one.type("echo typed-again\r")
    one.wait_for(re.compile("^typed-again", re.MULTILINE))
    assert "refused" not in one.text()
    three = attached(home, "@box", "attach", "work", "--replace")
    assert one.exit_code() == 0
    assert two.exit_code() == 0
    assert "replaced" in one.text()
    assert home.sesh("@box", "detach", "work").code == 0
    assert three.exit_code() == 0
    assert "[detached from work@box" in three.text()


def test_a_client_goes_to_a_host_and_switching_there_stays_on_it(home: Home, beside: Beside) -> None:
    far = beside("box")
    far.write(".bashrc", far.read(".bashrc") + "PATH=~/bin:$PATH\n")  # the PATH of a login shell lacks sesh

    def on(name: str, before: str = "") -> None:
        terminal.wait_until(
            lambda: far.summary(name).get("attached") == 1 and not (before and far.summary(before).get("attached")),
            f"it shows {name} alone",
        )

    terminal = attached(home, "one")
    terminal.type("sesh @box away\r")
    on("away")
    terminal.type("sesh two\r")
    on("two", before="away")
    terminal.type("sesh -\r")
    on("away", before="two")
    terminal.type("echo on=$HOME in=$SESH_SESSION\r")
    shows(terminal, f"on={far.path} in=away")
    terminal.type(DETACH)
    assert terminal.exit_code() == 0
    assert "[detached from away@box" in terminal.text()
    assert (home.names(), far.names()) == (["one"], ["away", "two"])


def test_a_new_session_s_number_and_a_name_that_is_taken(home: Home, beside: Beside) -> None:
    """A question that the host would ask is asked at this terminal."""
    far = beside("box")
    terminal = attached(home, "@box", "new")
    terminal.type(DETACH)
    assert terminal.exit_code() == 0
    assert far.names() == ["1"]
    asked = home.terminal("@box", "new", "1")
    asked.wait_for(re.compile(r"1 already runs.*Join +Replace.*New: 1-2 +Cancel", re.DOTALL))
    asked.type("n\r")
    asked.wait_for(PROMPT)
    assert far.names() == ["1", "1-2"]


def test_the_session_attached_last_may_be_on_a_host(home: Home, beside: Beside) -> None:
    far = beside("box")
    for words in (["@box", "other"], ["near"], ["@box", "away"]):
        with attached(home, *words) as terminal:
            terminal.type(DETACH)
            assert terminal.exit_code() == 0
    far.write(".sesh/.recent", "@web other\naway\n", 0o600)  # the other one's namesake on @web, which @box went to
    over_there = attached(home, "@box", "-")
    over_there.type("echo in=$SESH_SESSION\r")
    shows(over_there, "in=away")
    over_there.type(DETACH)
    assert over_there.exit_code() == 0
    back = attached(home, "-")
    back.type("echo in=$SESH_SESSION\r")
    shows(back, "in=away")
    back.type("exit\r")
    assert back.exit_code() == 0
    back = attached(home, "-")  # a session that has ended is skipped
    back.type("echo in=$SESH_SESSION\r")
    shows(back, "in=near")


def test_what_a_session_of_a_host_ignores_is_said_on_its_first_screen(home: Home, beside: Beside) -> None:
    beside("box").sesh("open", "work")
    home.terminal("@box", "-A", "work", "--env", "X=1").wait_for("work already runs; --env is ignored")


def test_all_is_ended_over_there_only_with_consent(home: Home, beside: Beside) -> None:
    far = beside("box")
    for place, name in ((home, "near"), (far, "a"), (far, "b")):
        place.sesh("open", name, "--", "sleep", "1000")
    for answer, code, left in (("n", 1, ["a", "b"]), ("y", 0, [])):
        asked = home.terminal("@box", "kill-all")
        asked.wait_for(re.compile(r"2 sessions on @box \(a, b\)"))
        asked.type(f"{answer}\r")
        assert asked.exit_code() == code
        assert far.names() == left
    assert home.names() == ["near"]


def test_the_display_that_ssh_forwards_is_the_session_s(home: Home, farm: Farm) -> None:
    """ssh gives each link a display; shells take that of the newest client."""
    far = farm.host("box", config={"ForwardX11": "yes"}, sshd={"X11Forwarding": "yes"})
    far.write(".bashrc", far.read(".bashrc") + '[ "$PS1" ] && eval "$(sesh shell-init bash)"\n')
    home.env["DISPLAY"] = "127.0.0.1:77"
    first = attached(home, "@box", "work")
    first.type("echo shown-on=$DISPLAY\r")
    displays = [first.wait_for(re.compile(r"^shown-on=(localhost:\d+\.0)$", re.MULTILINE))[1]]
    second = attached(home, "@box", "work")
    second.type("clear\recho now-on=$DISPLAY\r")
    displays.append(second.wait_for(re.compile(r"^now-on=(localhost:\d+\.0)$", re.MULTILINE))[1])
    assert len(set(displays)) == 2, displays


@pytest.mark.usefixtures("light")
def test_who_has_no_sesh_there_is_offered_it_and_may_decline(home: Home, beside: Beside) -> None:
    far = beside("box", path="/usr/bin:/bin")
    os.unlink(far.launcher)
    declined = home.terminal("@box", "work")
    declined.wait_for("@box has no sesh; deploy it there? [Y/n]")
    declined.type("n\r")
    assert declined.exit_code() == 1
    assert "sesh deploy @box" in declined.text()
    assert not far.exists(".local/bin/sesh")
    agreed = home.terminal("@box", "work")
    agreed.wait_for("deploy it there? [Y/n]")
    agreed.type("\r")
    agreed.wait_for("installed sesh")
    agreed.wait_for(PROMPT)
    assert far.names() == ["work"]
    agreed.type(b"\x1c")
    assert agreed.exit_code() == 0


def test_a_line_is_not_run_again_once_it_has_reached_the_host(home: Home, beside: Beside) -> None:
    """A job whose host had no sesh after an outage ran twice."""
    far = beside("box", path="/usr/bin:/bin")
    running = home.terminal("@box", "exec", "--", "sh", "-c", "echo ran >>marks; sleep 60", columns=120)
    wait_until(lambda: far.read("marks"), "the job has run")
    os.unlink(far.launcher)
    far.cut()
    running.wait_for("sesh deploy @box")
    assert running.exit_code() != 0
    assert "[Y/n]" not in running.text()
    assert far.read("marks") == "ran\n"


@pytest.mark.needs("vim")
def test_a_reload_under_an_editor_costs_its_two_terminals_nothing(home: Home, beside: Beside) -> None:
    far = beside("box")
    near = home.terminal("@box", "work", "--", "vim", "-n", "--clean", "notes", columns=80, rows=24)
    near.wait_for("~")
    local = far.terminal("work", columns=80, rows=24)
    local.wait_for("~")
    near.type("ione")
    local.wait_for("one")
    reloading = home.start("@box", "reload", "work", "--json")
    near.type(" two")
    local.type(" three")
    assert json.loads(reloading.communicate(timeout=30)[0]) == {"ok": True, "reloaded": ["work"]}
    for terminal in (near, local):
        terminal.wait_for(re.compile(r"one(?=.* two)(?=.* three)"))
    near.type(" four\x1b:wq\r")
    assert near.exit_code() == 0
    assert local.exit_code() == 0
    assert sorted(far.read("notes").split()) == ["four", "one", "three", "two"]
