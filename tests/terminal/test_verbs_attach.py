"""Sessions from a real terminal: create, attach, switch, return, and the questions on the way."""

from __future__ import annotations

import os
import re
import socket
import threading

import pytest

from sesh.cli import attach
from sesh.reach import find
from sesh.wire import messages
from tests.support import PROMPT, Home, Open, Sesh, Terminal, wait_until
from tests.support.waiting import PATIENCE
from tests.terminal.looking import screen

LEAVE = b"\x1c"


def inside(opened: Terminal) -> Terminal:
    opened.wait_for(PROMPT)
    return opened


def left(opened: Terminal, name: str) -> None:
    opened.type(LEAVE)
    opened.wait_for(f"[detached from {name}")
    assert opened.exit_code() == 0


def test_a_session_is_created_with_a_line_on_how_to_leave_it_left_and_found_again(terminal: Open, sesh: Sesh) -> None:
    line = "new session work · Ctrl-\\ leaves"
    first = inside(terminal("work"))
    first.wait_until(lambda: first.screen()[-1].strip() == line, "the last row says how to leave")
    first.type("echo mark-$((40+2))\n")
    first.wait_for("mark-42")
    first.wait_until(
        lambda: line not in first.text(), f"the terminal no longer shows '{line}'"
    )  # a key removes the line
    left(first, "work")
    second = inside(terminal("work"))
    second.wait_for("mark-42")
    assert line not in second.text()
    (session,) = sesh("list", "--json").json()
    assert (session["name"], session["attached"], session["state"]) == ("work", 1, "running")
    left(second, "work")
    assert sesh("list", "--json").json()[0]["attached"] == 0


@pytest.mark.needs_fork("a count that may take longer than 0.2 s")
def test_leaving_says_what_goes_on_how_to_return_and_how_many_wait(
    terminal: Open, sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attach, "_COUNT_TIMEOUT", PATIENCE)
    sesh("open", "asks", "--", "sh", "-c", "sesh state waiting 'which?'; exec sleep 600")
    wait_until(lambda: home.summary("asks")["activity"]["state"] == "waiting", "asks waits for a person")
    opened = terminal("work", "--", "sh", "-c", "exec cat", columns=120)
    opened.type("up\n")
    opened.wait_for("up\nup")
    opened.type(LEAVE)
    opened.wait_for("[detached from work: cat runs on; sesh work returns; 1 waiting: sesh next]")
    assert opened.exit_code() == 0


def test_leaving_by_the_verb_names_what_runs_on_and_not_the_verb_itself(terminal: Open, home: Home) -> None:
    """The line said `python runs on`, of the process that had just asked to leave."""
    opened = inside(terminal("work", columns=120))
    shell = os.path.basename(home.summary("work")["command"][0])
    opened.type("sesh detach\r")
    opened.wait_for(f"[detached from work: {shell} runs on; sesh work returns]")
    assert opened.exit_code() == 0


def test_a_session_that_bears_the_name_of_a_verb_is_reached_by_its_option(terminal: Open, sesh: Sesh) -> None:
    opened = terminal("-A", "kill", "--", "cat")
    opened.wait_for("kill is a verb")
    opened.type("\x1c")
    opened.wait_for("[detached from kill: cat runs on; sesh -A kill returns]")
    assert opened.exit_code() == 0
    assert sesh("kill", "kill").code == 0


def test_whoever_creates_a_session_with_the_name_of_a_verb_is_told(terminal: Open, sesh: Sesh, home: Home) -> None:
    """Only `-A`, `open` and `new -d` said so."""
    told = "is a verb, too: `sesh -A {}` goes to the session"
    home.write("watch/file", "")
    for name, words in (("list", ["new", "list"]), ("watch", ["here", "watch"])):
        opened = terminal(*words, columns=120)
        opened.wait_for(told.format(name))
        left(opened, name)
    for name, words in (
        ("wait", ["new", "-d", "wait"]),
        ("open", ["open", "open"]),
        ("run", ["exec", "run", "-d", "--", "sleep", "600"]),
        ("grep", ["rename", "open", "grep"]),
    ):
        assert told.format(name) in sesh(*words).stderr
    opened = inside(terminal("work", columns=120))
    opened.type("sesh new logs\r")
    wait_until(
        lambda: told.format("logs") in sesh("screen", "work").stdout, "work shows that logs is a verb, too"
    )  # the terminal shows `logs` by now


def test_a_directory_s_session_runs_the_command_that_made_it(terminal: Open, home: Home) -> None:
    home.write("app/file", "")
    for command in (["cat"], ["false"]):
        opened = terminal("here", "app", "--", *command)
        wait_until(lambda: home.summary("app").get("attached") == 1, "a terminal is attached to app")
        opened.type("x")
        opened.wait_for("x")  # detaching before the daemon has answered gives another exit code
        left(opened, "app")
    assert home.summary("app")["command"] == ["cat"]


def test_a_new_session_has_the_terminals_size_directory_and_kind(terminal: Open, home: Home) -> None:
    home.write("here/file", "")
    opened = inside(terminal("work", "here", "--env", "X=a b", columns=91, rows=17))
    opened.type('echo "$(stty size) $TERM $X $SESH_SESSION"; pwd\n')
    opened.wait_for("17 91 xterm-256color a b work")
    opened.wait_for(f"{home.path}/here")


@pytest.mark.parametrize(
    ("script", "code", "line"),
    [("exit 3", 3, "work ended: 3"), ("kill -9 $$", 137, "work was killed, perhaps for memory")],
)
def test_a_program_that_ends_gives_its_code(terminal: Open, script: str, code: int, line: str) -> None:
    opened = terminal("work", "--", "sh", "-c", script)
    assert opened.exit_code() == code
    opened.wait_for(f"[{line}]")


def test_a_kept_job_is_shown_by_attaching_and_gives_its_code(terminal: Open, sesh: Sesh) -> None:
    """The end is reported at once, even if this terminal reuses the job's pty number."""
    sesh("exec", "build", "--keep", "--", "sh", "-c", "echo over; exit 5")
    opened = terminal("build")
    opened.wait_for("over")
    assert opened.exit_code() == 5


def test_directory_and_command_are_not_applied_to_what_runs(terminal: Open, sesh: Sesh) -> None:
    sesh("open", "work")
    opened = terminal("work", "/nowhere", "--", "false")
    opened.wait_for_raw(b"work already runs; the directory /nowhere and the command are ignored")
    opened.wait_for(" work already runs; ")  # the first screen covers the printed line
    inside(opened)
    left(opened, "work")


def test_dash_goes_to_the_session_attached_last(terminal: Open, sesh: Sesh) -> None:
    left(inside(terminal("one")), "one")
    left(inside(terminal("two")), "two")
    left(inside(terminal("-")), "two")
    sesh("kill", "two")
    left(inside(terminal("-")), "one")
    sesh("rename", "one", "uno")
    left(inside(terminal("-")), "uno")


def test_replace_detaches_the_others_and_read_only_types_nothing(terminal: Open) -> None:
    first = inside(terminal("work"))
    watcher = inside(terminal("-r", "work"))
    watcher.type("echo never\n")
    first.type("echo seen\n")
    watcher.wait_for(re.compile("^seen", re.MULTILINE))
    assert "never" not in watcher.text()
    third = inside(terminal("work", "--replace"))
    for replaced in (first, watcher):
        replaced.wait_for("[detached from work: replaced by another client]")
        assert replaced.exit_code() == 0
    left(third, "work")


def test_the_detach_key_is_chosen_or_given_to_the_program(terminal: Open, home: Home) -> None:
    home.env["SESH_DETACH_KEY"] = "C-b d"
    opened = inside(terminal("work"))
    opened.type(b"\x02d")
    assert opened.exit_code() == 0
    home.env["SESH_DETACH_KEY"] = "nonsense"
    wrong = terminal("work")
    wrong.wait_for("SESH_DETACH_KEY is ignored: nonsense is not a key")
    left(inside(wrong), "work")
    del home.env["SESH_DETACH_KEY"]
    loop = "trap 'echo got-it' QUIT; echo up; while :; do sleep 0.05; done"
    held = terminal("held", "--no-detach-key", "--", "sh", "-c", loop)
    held.wait_for("up")
    held.type(LEAVE)
    held.wait_for("got-it")


def test_detach_from_outside_detaches_every_client(terminal: Open, sesh: Sesh) -> None:
    clients = [inside(terminal("work")) for _ in range(2)]
    assert sesh("detach", "work", "--json").json()["detached"] == 2
    for client in clients:
        assert client.exit_code() == 0


# -- typed inside


def test_inside_a_session_another_one_is_switched_to_and_this_one_is_not(terminal: Open, home: Home) -> None:
    opened = inside(terminal("one"))
    opened.type("sesh one; echo code-$?\n")
    opened.wait_for(re.compile("in one already.*code-1", re.DOTALL))
    opened.type("sesh two\n")
    opened.wait_until(lambda: _attached(home) == {"one": 0, "two": 1}, "the switch to two")
    opened.type("echo in-$SESH_SESSION\n")
    opened.wait_for("in-two")
    opened.type("sesh -\n")
    opened.wait_until(lambda: _attached(home) == {"one": 1, "two": 0}, "the switch back")
    opened.type("echo in-$SESH_SESSION\n")
    opened.wait_for("in-one")
    left(opened, "one")


def test_a_terminal_whose_next_session_is_gone_goes_on_with_the_one_that_it_left(
    terminal: Open, sesh: Sesh, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SESH_DIR", home.directory)
    opened = inside(terminal("one"))
    opened.type("seq -f line-%g 40\n")
    opened.wait_for("line-40")
    find.request("one", messages.SWITCH, to="gone")
    opened.wait_for("no session gone")
    opened.type("echo still-$SESH_SESSION\n")
    opened.wait_for("still-one")
    assert opened.text().count("line-7\n") == 1
    left(opened, "one")


def test_what_a_program_prints_behind_a_switch_repeats_no_line_on_the_way_back(
    terminal: Open, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The daemon knew how far it had sent; the client stops earlier."""
    monkeypatch.setenv("SESH_DIR", home.directory)
    dots = "for each in $(seq 300); do printf .; sleep 0.001; done; read line"
    opened = terminal("one", "--", "sh", "-c", f"stty -echo; seq -f line-%g 40; {dots}")
    opened.wait_for(re.compile("line-40\n[.]"))
    find.request("one", messages.SWITCH, to="gone")
    opened.wait_for("no session gone")
    assert opened.text().count("line-7\n") == 1


def _attached(home: Home) -> dict[str, int]:
    return {name: home.summary(name)["attached"] for name in home.names()}


def test_a_session_that_is_not_there_cannot_be_watched(terminal: Open, home: Home) -> None:
    """`-r` must not create a session that takes no keys."""
    watching = terminal("-r", "zork")
    assert watching.exit_code() == 1
    watching.wait_for("no session zork")
    assert home.names() == []


def test_inside_a_session_verbs_need_no_name(terminal: Open, sesh: Sesh, home: Home) -> None:
    opened = inside(terminal("one", columns=120))
    opened.type("sesh\n")
    opened.wait_for(re.compile(r"\* one +attached .* bash$", re.MULTILINE))  # not `sesh`, which was in the foreground
    opened.type("sesh rename uno && sesh status uno\n")
    opened.wait_for(re.compile(r"state: +attached \(this one\)"))
    other = inside(terminal("uno", columns=120))
    opened.type("sesh detach\n")
    assert opened.exit_code() == 0
    assert other.alive
    other.type("sesh kill\n")
    other.wait_for("end uno, this session, and all that runs in it?")
    other.type("y")
    other.wait_for("[uno was killed]")
    assert home.names() == []


def test_an_inherited_variable_is_not_inside(terminal: Open, sesh: Sesh, home: Home) -> None:
    """An inherited SESH_SESSION must not make `sesh kill` end another terminal's session."""
    sesh("open", "work")
    for words in (["kill"], ["detach"], ["rename", "x"]):
        assert sesh(*words, env={"SESH_SESSION": "work"}).code == 2
    home.env["SESH_SESSION"] = "work"
    left(inside(terminal("new", "work", "--join")), "work")
    left(inside(terminal("-")), "work")


def test_what_cannot_be_switched_to_is_not_created_either(terminal: Open, sesh: Sesh, home: Home) -> None:
    """`sesh -r other` typed inside must be refused before it creates the session."""
    opened = inside(terminal("one"))
    opened.type("sesh -r two; sesh new three --no-replay; echo code-$?\n")
    opened.wait_for("code-1")
    assert opened.text().count("detach first") == 2
    left(opened, "one")
    sesh("send", "one", "clear; sesh four", "--enter")
    wait_until(lambda: "no attached client of one" in screen(home, "one"), "one shows 'no attached client of one'")
    assert home.names() == ["one"]


def test_inside_a_session_a_kept_job_is_not_gone_to_and_nothing_is_left(terminal: Open, sesh: Sesh, home: Home) -> None:
    """The client must not switch to the ended job and end with it."""
    sesh("exec", "build", "--keep", "--", "sh", "-c", "echo over; exit 5")
    opened = inside(terminal("one"))
    opened.type("sesh build; echo code-$?\n")
    opened.wait_for("sesh: build has ended; see: sesh screen build\ncode-1\n")
    assert _attached(home) == {"build": 0, "one": 1}
    left(opened, "one")


# -- questions


def test_new_on_a_name_that_runs_asks_what_is_meant(terminal: Open, sesh: Sesh, home: Home) -> None:
    sesh("open", "work")
    pid = home.summary("work")["pid"]
    for answer in ("\r", "r\r"):
        opened = terminal("new", "work")
        opened.wait_for(
            re.compile(r"work already runs \[J/r/n/q\]\s+Join +Replace, ending it +New: work-2 +Cancel", re.DOTALL)
        )
        opened.type(answer)
        left(inside(opened), "work")
        assert (home.summary("work")["pid"] == pid) == (answer == "\r")


def test_kill_all_asks_on_a_terminal(terminal: Open, sesh: Sesh, home: Home) -> None:
    for name in ("a", "b"):
        sesh("open", name, "--", "sleep", "60")
    opened = terminal("kill-all")
    opened.wait_for("end 2 sessions (a, b)?")
    opened.type("\r")
    assert opened.exit_code() == 1
    stopped = terminal("kill-all")
    stopped.wait_for("y/N")
    stopped.type(b"\x03")
    assert stopped.exit_code() == 130
    stopped.wait_for("sesh: interrupted")
    assert home.names() == ["a", "b"]
    agreed = terminal("-K")
    agreed.wait_for("end 2 sessions")
    agreed.type("y\r")
    assert agreed.exit_code() == 0
    wait_until(lambda: home.names() == [], "no session is left")


def test_sessions_are_ended_by_their_label(terminal: Open, sesh: Sesh, home: Home) -> None:
    for name in ("one", "two"):
        sesh("open", name, "--label", "team=shop", "--", "sleep", "60")
    sesh("open", "other", "--label", "team=web", "--", "sleep", "60")
    assert sesh("kill", "--label", "team=none").code == 1
    declined = terminal("kill", "--label", "team=shop")
    declined.wait_for("end one, two?")
    declined.type("n")
    assert declined.exit_code() == 1
    assert home.names() == ["one", "other", "two"]
    assert sesh("kill", "--label", "team=shop").code == 0
    assert home.names() == ["other"]


def test_after_a_rename_the_client_says_so(terminal: Open, sesh: Sesh) -> None:
    opened = inside(terminal("old"))
    sesh("rename", "old", "new")
    opened.wait_for("old is called new now")
    left(opened, "new")


def test_a_session_that_ends_while_somebody_knocks_is_created_anew(home: Home, terminal: Open) -> None:
    """A client that connects to an ending daemon must create a new session."""
    path = os.path.join(home.directory, "work.sock")
    ending = socket.socket(socket.AF_UNIX)
    ending.bind(path)
    os.chmod(path, 0o600)
    ending.listen()
    knocks = []

    def end() -> None:
        knock, _ = ending.accept()
        os.unlink(path)
        knocks.append(knock)
        knock.close()
        ending.close()

    last = threading.Thread(target=end)
    last.start()
    with terminal("work") as window:
        window.wait_for(PROMPT)
        assert home.names() == ["work"]
        last.join(30)
        assert len(knocks) == 1


def test_the_settings_say_how_much_scrollback_is_shown_again(home: Home, sesh: Sesh, terminal: Open) -> None:
    home.write(".config/sesh/config.toml", "replay_lines = 5\n")
    assert sesh("open", "work", "--", "sh", "-c", "seq 1 200; exec sleep 1000").code == 0
    wait_until(lambda: "200" in sesh("logs", "work", "1").stdout, "work has printed 200")
    with terminal("work") as window:
        window.wait_for("200")
        shown = [row for row in window.text().split() if row.isdecimal()]
        assert shown[-1] == "200"
        assert len(shown) == 5 + 23
