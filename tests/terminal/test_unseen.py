"""Sessions that ended while nobody was attached are listed, readable and restartable for a week."""

from __future__ import annotations

import json
import os
import re
import signal
import time

import pytest

from sesh.reach import find
from sesh.schema.facts import Summary
from sesh.system import processes as product
from tests.support import PROMPT, Home, Terminal, processes, wait_until
from tests.terminal.looking import screen

CRASH = ("sh", "-c", "echo boom; exit 3")


def crashed(home: Home, name: str = "srv", *command: str) -> None:
    assert home.sesh("open", name, "--", *(command or CRASH)).code == 0
    ended(home, name)


def state(home: Home, name: str) -> str:
    return str(home.summary(name).get("state", "gone"))


def ended(home: Home, name: str) -> None:
    wait_until(lambda: state(home, name) != "running", f"{name} has ended")


def test_a_program_that_ends_unseen_leaves_its_session(home: Home) -> None:
    """The session must not vanish, or `sesh srv` would open a fresh shell."""
    crashed(home)
    row = home.sesh("list", "--json").json()[0]
    assert (row["state"], row["exit_code"], row["command"], row["attached"]) == ("exited", 3, list(CRASH), 0)
    assert row["ended"].endswith("Z")
    assert re.search(r"exited 3 \(\d+s ago\)", home.sesh("list").stdout)
    assert home.sesh("screen", "srv").stdout.startswith("boom\n")
    assert home.sesh("logs", "srv").stdout == "boom\n"
    status = home.sesh("status", "srv", "--json").json()
    assert (status["state"], status["exit_code"], status["clients"]) == ("exited", 3, [])
    assert home.sesh("wait", "srv", "--exit").code == 3
    assert home.sesh("send", "srv", "x").code == 1
    assert home.sesh("kill", "srv").code == 0
    assert (home.names(), home.sesh("screen", "srv").code) == ([], 1)


@pytest.mark.soak
@pytest.mark.needs("bash")
def test_a_shell_that_ends_at_its_prompt_by_itself_is_kept_and_one_that_was_left_is_not(home: Home) -> None:
    """TMOUT ends a shell with code 0, maybe with last words, as `exit` does."""
    os.mkfifo(go := f"{home.path}/go")
    for name in ("idle", "left", "shown"):
        home.sesh("open", name, "--env", "TMOUT=60", "--", "bash", "--norc")
        assert home.sesh("run", name, "--", "echo precious").stdout == "precious\n"
    home.terminal("shown").wait_for("precious")
    home.sesh("send", "left", "exit", "--enter")
    wait_until(lambda: state(home, "left") == "gone", "left is forgotten")
    assert home.sesh("run", "shown", "--", "TMOUT=3").code == 0
    assert home.sesh("run", "idle", "--", f"trap 'echo bye; read go <{go}' EXIT; TMOUT=3").code == 0
    wait_until(
        lambda: home.summary("idle")["activity"]["why"] == "output", "the shell's time is over, and its trap prints"
    )
    with open(go, "w"):
        pass
    for name in ("idle", "shown"):
        ended(home, name)
        assert "precious" in home.sesh("logs", name).stdout


def test_an_exit_that_was_typed_before_the_prompt_is_a_persons(home: Home) -> None:
    """A shell that has yet to read a typed `exit` does not wait for input."""
    prompt = r"printf '\033]133;A\007prompt\n'"
    home.sesh("open", "shell", "--", "sh", "-c", f"{prompt}; read line; {prompt}; kill -STOP $$; read line")
    pid = wait_until(
        lambda: home.summary("shell")["activity"]["why"] == "prompt" and home.summary("shell")["pid"],
        "the shell is at its prompt",
    )
    home.sesh("send", "shell", "first\nexit", "--enter")
    wait_until(lambda: processes.stopped(pid), "the process is stopped")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: state(home, "shell") == "gone", "the shell is forgotten")


def test_an_exit_whose_command_mark_comes_late_is_a_persons(home: Home) -> None:
    """A busy shell may be found at its prompt after it has read the command."""

    def why() -> str:
        return str(home.summary("shell")["activity"]["why"])

    mark, halt = r"printf '\033]133;%s\007'", "kill -STOP $$"
    home.sesh("open", "shell", "--", "sh", "-c", f"read a; {halt}; {mark} A; read b; {halt}; {mark} C")
    pid = home.summary("shell")["pid"]
    home.sesh("send", "shell", "first\nexit", "--enter")
    wait_until(lambda: processes.stopped(pid), "the process is stopped")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: why() == "prompt", "the shell is at its prompt")
    wait_until(lambda: processes.stopped(pid), "the process is stopped")
    os.kill(pid, signal.SIGCONT)
    wait_until(lambda: state(home, "shell") == "gone", "the shell is forgotten")


def test_one_that_a_person_has_interrupted_has_not_failed(home: Home) -> None:
    """Ctrl-C must not make a session count as failed."""
    home.sesh("open", "srv", "--", "sh", "-c", "trap 'exit 130' INT; echo up; while :; do sleep 0.05; done")
    assert home.sesh("wait", "srv", "--for", "up", "--since-start", "--timeout", "30").code == 0
    assert home.sesh("send", "srv", "--key", "C-c").code == 0
    ended(home, "srv")
    (row,) = wait_until(
        lambda: [row for row in home.sesh("list", "--json").json() if row["state"] == "exited"],
        "the list shows its end",
    )
    assert (row["exit_code"], row["activity"]["state"]) == (130, "done")
    assert not re.search("failed", home.sesh("list").stdout)


def test_its_last_words_are_kept_though_somebody_looked_before(home: Home) -> None:
    """The last checkpoint includes output that came after somebody looked at the session."""
    home.sesh("open", "srv", "--", "sh", "-c", "echo start; read x; echo the last; exit 3")
    wait_until(lambda: "start" in screen(home, "srv"), "srv shows 'start'")
    home.sesh("send", "srv", "", "--enter")
    ended(home, "srv")
    assert home.sesh("logs", "srv").stdout.splitlines()[-1] == "the last"
    assert "the last" in home.sesh("screen", "srv").stdout


def test_an_end_that_was_seen_or_wanted_leaves_nothing(home: Home) -> None:
    home.sesh("open", "zero", "--", "true")
    wait_until(lambda: home.names() == [], "no session is left")
    home.sesh("open", "killed", "--", "sleep", "1000")
    assert home.sesh("kill", "killed").code == 0
    assert home.sesh("exec", "job", "--", "false").code == 1
    terminal = home.terminal("gone", "--", "sh", "-c", "exit 5")
    assert terminal.exit_code() == 5
    terminal = home.terminal("typed")
    terminal.wait_for(PROMPT)
    terminal.type("exit 6\r")
    assert terminal.exit_code() == 6
    wait_until(lambda: home.names() == [], "no session is left")


def test_a_shell_that_a_command_ends_is_kept_if_it_fails(home: Home) -> None:
    for name, code in (("failed", 3), ("done", 0)):
        home.sesh("open", name, "--", "bash", "--norc")
        wait_until(lambda name=name: home.summary(name)["activity"]["why"] == "prompt", f"{name} is at its prompt")  # type: ignore[misc]
        assert home.sesh("run", name, "--", f"exit {code}").code == code
    wait_until(lambda: home.names() == ["failed"], "failed is the only session")
    assert home.summary("failed")["state"] == "exited"


def test_which_are_kept_is_a_setting(home: Home) -> None:
    home.write(".config/sesh/config.toml", 'keep = "always"\n')
    home.sesh("open", "bad", "--", "false")
    home.sesh("open", "good", "--", "true")
    for code in (0, 3):
        home.sesh("open", f"shell{code}")
        home.sesh("send", f"shell{code}", f"exit {code}", "--enter")
    wait_until(lambda: {state(home, name) for name in home.names()} <= {"exited", "gone"}, "all shells have ended")
    assert home.names() == ["bad", "good", "shell3"]


def test_without_checkpoints_its_daemon_keeps_it(home: Home) -> None:
    home.write(".config/sesh/config.toml", "persist = false\n")
    crashed(home)
    assert home.sesh("logs", "srv").stdout == "boom\n"
    assert not [each for each in os.listdir(home.directory) if each.startswith(".checkpoint")]


def test_a_script_s_open_starts_it_again_and_says_so(home: Home) -> None:
    home.write("go", "")
    crashed(home, "srv", "sh", "-c", "echo out; [ ! -e go ] || exit 3; exec cat")
    home.sesh("label", "srv", "a=b")
    os.unlink(os.path.join(home.path, "go"))
    done = home.sesh("open", "srv")
    assert done.code == 0
    assert done.stderr.startswith("sesh: srv exited 3 (")
    assert done.stderr.endswith("; started again\n")
    wait_until(lambda: home.sesh("logs", "srv").stdout.count("out\n") == 2, "the program has printed again")
    assert "── srv exited 3 (" in home.sesh("logs", "srv").stdout
    assert state(home, "srv") == "running"


def test_nothing_takes_its_place_in_silence(home: Home) -> None:
    crashed(home)
    job = home.sesh("exec", "srv", "--", "true", "--json")
    assert (job.code, "srv exited 3" in job.stderr) == (125, True)
    new = home.sesh("new", "srv", "-d", "--json")
    assert (new.code, new.json()["error"]["code"]) == (1, "exists")
    assert home.sesh("new", "srv", "-d", "--new-name").stdout == "srv-2\n"
    taken = home.sesh("rename", "srv-2", "srv")
    assert (taken.code, "srv exited 3" in taken.stderr) == (1, True)
    other = home.sesh("open", "srv", "--", "cat")
    assert (other.code, "created a new one" in other.stderr) == (0, True)
    assert state(home, "srv") == "running"


@pytest.mark.needs_fork("a session that ends between two looks")
def test_what_ends_after_the_name_was_looked_at_keeps_the_name(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    """A job took the name of a session that had just ended."""
    crashed(home)
    looks: list[str] = []
    dormant = find.dormant

    def late(name: str) -> Summary | None:
        looks.append(name)
        return dormant(name) if len(looks) > 1 else None

    monkeypatch.setattr(find, "dormant", late)
    job = home.sesh("exec", "srv", "--", "true")
    assert (job.code, "srv exited 3" in job.stderr) == (125, True)
    assert state(home, "srv") == "exited"


def asked_about(home: Home, name: str = "srv") -> Terminal:
    terminal = home.terminal(name)
    terminal.wait_for("Start again")
    return terminal


def test_a_person_sees_its_last_screen_and_is_asked(home: Home) -> None:
    crashed(home, "srv", "sh", "-c", "echo boom; read -t 1 x; exit 3")
    again = asked_about(home)
    assert "boom" in again.text()
    assert "srv exited 3" in again.text()
    again.type("s")
    again.wait_until(lambda: "[srv ended: " in again.text(), "the terminal shows '[srv ended:'")


@pytest.mark.parametrize("key", ["\r", "n", "c", "q", "\x1b"])
def test_a_key_that_declines_other_questions_keeps_an_ended_session(home: Home, key: str) -> None:
    """`n` began a new session in its place, without another question, and Enter started the old one again."""
    crashed(home)
    kept = asked_about(home)
    record = home.record("srv")
    kept.type(key)
    assert kept.exit_code() == 1
    kept.wait_for("srv is kept as it is")
    assert home.sesh("logs", "srv").stdout == "boom\n"
    assert home.record("srv") == record


def test_an_ended_session_is_replaced_and_discarded_by_letters_of_their_own_at_once(home: Home) -> None:
    crashed(home)
    replaced = asked_about(home)
    replaced.type("r")
    replaced.wait_for(PROMPT)
    assert "boom" not in home.sesh("logs", "srv").stdout
    assert home.sesh("kill", "srv").code == 0
    crashed(home)
    discarded = asked_about(home)
    discarded.type("d")
    assert discarded.exit_code() == 3
    discarded.wait_for("srv is discarded")
    assert home.names() == []


def test_after_a_week_it_is_forgotten(home: Home) -> None:
    crashed(home)
    crashed(home, "recent")
    old = time.time() - 8 * 86400
    path = os.path.join(home.directory, "srv.json")
    with open(path, encoding="utf-8") as file:
        record = json.load(file)
    wait_until(lambda: product.start_time(record["daemon_pid"]) != record["daemon_start"], "the daemon has ended")
    os.utime(path, (old, old))
    crashed(home, "newest")
    wait_until(lambda: home.names() == ["newest", "recent"], "its daemon forgets the oldest as it ends")
    wait_until(
        lambda: len([each for each in os.listdir(home.directory) if each.startswith(".checkpoint")]) == 2,
        "two checkpoints are left",
    )
