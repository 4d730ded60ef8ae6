"""The version before this one: its sessions, its files, its hosts and its clients go on being of use."""

from __future__ import annotations

import copy
import json
import os
import re
import sys
from collections.abc import Callable

import pytest

from sesh.about import __version__
from tests.support import PROMPT, Home, Result, Terminal, older, processes, wait_until
from tests.terminal.test_lost import kept, lose

Sesh = Callable[..., Result]
Open = Callable[..., Terminal]


@pytest.fixture
def before(home: Home, tmp_path_factory: pytest.TempPathFactory) -> Home:
    """The same home, where the sesh that a test starts is the one before."""
    own = tmp_path_factory.getbasetemp()
    shared = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    other = copy.copy(home)
    other.command = [sys.executable, "-IS", older.launcher(str(shared))]
    return other


def ageless(text: str) -> str:
    """What a verb shows, without the moments of something (UTC there, local here) and the seconds since then."""
    return re.sub(r"\S*\d:\d\d:\d\d\S* \(\d+s ago\)", "THEN", text)


def leave(terminal: Terminal) -> None:
    terminal.type(b"\x1c")
    terminal.wait_for_raw(b"[detached from work]")
    assert terminal.exit_code() == 0


# -- sessions that run


def test_its_sessions_are_listed_and_shown(before: Home, sesh: Sesh, home: Home) -> None:
    opened = before.sesh("--open", "work", "--label", "team=blue", "--", "sh", "-c", "seq 40; printf last; read x")
    assert opened.code == 0, opened.stderr
    assert sesh("--wait", "work", "--waiting", "--timeout", "15").code == 0
    wait_until(lambda: "last" in sesh("--screen", "work").stdout)
    (row,) = sesh("--list", "--json").json()
    assert (row["name"], row["state"], row["labels"]) == ("work", "running", {"team": "blue"})
    (theirs,) = before.sesh("--list", "--json").json()
    assert {key: row[key] for key in theirs} == theirs
    assert " work  detached " in sesh("--list").stdout
    status, theirs = sesh("--status", "work", "--json").json(), before.sesh("--status", "work", "--json").json()
    assert {key: status[key] for key in theirs} == theirs
    for words in (["--status"], ["--screen"], ["--logs"], ["--logs", "--ansi"], ["--screen", "--format", "json"]):
        shown, theirs = sesh(*words, "work"), before.sesh(*words, "work")
        assert (shown.code, ageless(shown.stdout), shown.stderr) == (0, ageless(theirs.stdout), ""), words
    assert sesh("--grep", "^39$", "--json").json()[0]["session"] == "work"
    assert json.loads(sesh("--export").stdout)["sessions"][0]["name"] == "work"


def test_its_sessions_are_attached_left_and_gone_to_from_others(before: Home, sesh: Sesh, terminal: Open) -> None:
    before.sesh("--open", "work")
    first = terminal("work")
    first.wait_for(PROMPT)
    first.type("echo on-$((40+2))\r")
    first.wait_for("on-42")
    beside = before.terminal("work", columns=70, rows=20)
    beside.wait_for("on-42")
    assert sesh("--status", "work", "--json").json()["attached"] == 2
    assert sesh("--message", "work", "a word").code == 0
    first.wait_for("a word")
    assert sesh("--detach", "work").code == 0
    assert (first.exit_code(), beside.exit_code()) == (0, 0)
    again = terminal("-")
    again.wait_for("on-42")
    leave(again)
    replacing = terminal("--new", "work", "--join")
    replacing.wait_for("on-42")
    sesh("--open", "other")
    replacing.type("sesh other\r")
    replacing.wait_until(lambda: "on-42" not in replacing.screen() and PROMPT in replacing.screen()[0])
    assert sesh("--status", "other", "--json").json()["attached"] == 1
    replacing.type("sesh work\r")
    replacing.wait_until(lambda: "on-42" in replacing.screen())
    assert sesh("--status", "work", "--json").json()["attached"] == 1
    leave(replacing)


def test_its_sessions_are_typed_into_waited_for_and_changed(before: Home, sesh: Sesh) -> None:
    before.sesh("--open", "work")
    assert before.sesh("--run", "work", "--", "X=3; echo theirs").stdout == "theirs\n"
    ran = sesh("--run", "work", "--", "echo $X; exit_with() { return 5; }; exit_with")
    assert (ran.code, ran.stdout, ran.stderr) == (5, "3\n", "")
    sent = sesh("--send", "work", "echo se''nt", "--enter", "--json").json()
    met = sesh("--wait", "work", "--for", "sent", "--from", str(sent["position"]), "--json").json()
    assert (met["met"], met["match"]) == ("for", "sent")
    assert sesh("--wait", "work", "--prompt", "--timeout", "15").code == 0
    assert [each["n"] for each in sesh("--history", "work", "--json").json()] == [1, 2]
    assert sesh("--history", "work", "1").stdout == "theirs\n"
    assert sesh("--label", "work", "team=blue").code == 0
    assert sesh("--rename", "work", "job").code == 0
    (row,) = sesh("--list", "--json", "--label", "team=blue").json()
    assert row["name"] == "job"
    assert [row["name"] for row in before.sesh("--list", "--json").json()] == ["job"]


def test_its_sessions_are_followed_recorded_and_ended(before: Home, sesh: Sesh, home: Home) -> None:
    before.sesh("--open", "work", "--", "sh", "-c", "while read x; do echo got $x; done; exit 4")
    events = home.start("--events", "work", "--json")
    everything = home.start("--events", "--json")
    lines = home.start("--logs", "work", "-f")
    recording = home.start("--record", "work", "cast")
    wait_until(lambda: os.path.exists(os.path.join(home.path, "cast")))
    for process in (events, everything, lines):
        wait_until(lambda process=process: processes.connected(process.pid))  # type: ignore[misc]
    waiting = home.start("--wait", "work", "--exit", "--json")
    wait_until(lambda: processes.connected(waiting.pid))
    sesh("--send", "work", "one", "--enter")
    assert sesh("--wait", "work", "--for", "got one", "--since-start", "--timeout", "15").code == 0
    sesh("--send", "work", "--key", "C-d")
    assert json.loads(waiting.communicate(timeout=20)[0])["exit_code"] == 4
    seen = [json.loads(line) for line in events.communicate(timeout=20)[0].splitlines()]
    assert seen[-1]["event"] == "exited"
    assert lines.communicate(timeout=20)[0].decode().split("\n")[:2] == ["one", "got one"]
    assert recording.wait(20) == 0
    with open(os.path.join(home.path, "cast"), encoding="utf-8") as file:
        assert "got one" in file.read()
    everything.kill()
    before.sesh("--open", "a")
    before.sesh("--open", "b")
    assert sesh("--kill", "a", "--json").json() == {"ok": True, "killed": ["a"]}
    assert sesh("--kill-all", "-y").code == 0
    assert home.names() == []


def test_its_jobs_are_read_and_waited_for(before: Home, sesh: Sesh, home: Home) -> None:
    running = before.start("--exec", "job", "--", "sh", "-c", "echo begun; read x; echo ended; exit 7")
    wait_until(lambda: "begun" in sesh("--logs", "job").stdout)
    waiting = home.start("--wait", "job", "--exit", "--json")
    wait_until(lambda: processes.connected(waiting.pid))
    assert sesh("--reload", "job").code == 0
    sesh("--send", "job", "go", "--enter")
    assert json.loads(waiting.communicate(timeout=20)[0])["exit_code"] == 7
    assert running.wait(20) == 7
    assert sesh("--wait", "job", "--exit").code == 7


# -- its sessions taken over


@pytest.mark.needs("vim")
def test_a_session_with_an_editor_and_two_clients_is_taken_over(before: Home, sesh: Sesh, home: Home) -> None:
    home.write("text", "".join(f"line {number}\n" for number in range(1, 200)))
    before.sesh("--open", "work", "--", "vim", "-u", "NONE", "-i", "NONE", "-N", "text")
    theirs, ours = before.terminal("work"), home.terminal("work")
    for each in (theirs, ours):
        each.wait_for('"text" 199L')
    for terminal, keys, row in ((theirs, "5G", 4), (ours, "9G", 8)):
        terminal.type(keys)
        for each in (theirs, ours):
            each.wait_until(lambda each=each, row=row: each.cursor[0] == row)  # type: ignore[misc]
    screen, status = ours.screen(), home.summary("work")
    assert theirs.screen() == screen
    assert home.summary("work")["version"] == older.VERSION
    assert sesh("--reload", "work", "--json").json() == {"ok": True, "reloaded": ["work"]}
    assert home.summary("work")["version"] == __version__
    after = home.summary("work")
    same = ("id", "pid", "daemon_pid", "created", "clients", "columns", "rows", "scrollback", "command", "cwd")
    status["clients"] = [{"machine": None, **client} for client in status["clients"]]  # which that one did not tell
    assert {key: after[key] for key in same} == {key: status[key] for key in same}
    assert sesh("--screen", "work").stdout.splitlines() == [row.rstrip() for row in screen if row]
    for terminal, keys, text in ((theirs, "5GrT", "Tine 5"), (ours, "9GrO", "Oine 9")):
        terminal.type(keys)
        for each in (theirs, ours):
            each.wait_for(text)
    assert theirs.screen() == ours.screen()
    new = home.terminal("work")
    new.wait_for("Oine 9")
    assert new.screen() == ours.screen()
    leave(theirs)
    leave(new)
    ours.type(":wq\r")
    assert ours.exit_code() == 0
    with open(os.path.join(home.path, "text"), encoding="utf-8") as file:
        assert file.read().splitlines()[4:9] == ["Tine 5", "line 6", "line 7", "line 8", "Oine 9"]


def test_a_shell_that_is_taken_over_keeps_what_it_printed_and_ran(before: Home, sesh: Sesh, home: Home) -> None:
    before.sesh("--open", "work", "--label", "team=blue")
    assert before.sesh("--run", "work", "--", "seq 1 2000; X=3").code == 0
    waiting = before.start("--wait", "work", "--for", "magic", "--json")
    wait_until(lambda: processes.connected(waiting.pid))
    logs, history = sesh("--logs", "work", "5000").stdout, sesh("--history", "work", "--json").json()
    assert sesh("--reload").code == 0
    assert sesh("--logs", "work", "5000").stdout == logs
    assert sesh("--history", "work", "--json").json() == history
    assert sesh("--history", "work", "1").stdout.split()[-1] == "2000"
    assert sesh("--run", "work", "--", "echo $X; echo ma''gic").stdout == "3\nmagic\n"
    assert json.loads(waiting.communicate(timeout=20)[0])["match"] == "magic"
    assert sesh("--status", "work", "--json").json()["labels"] == {"team": "blue"}


# -- it asks for sessions of this one


def test_it_lists_attaches_and_kills_sessions_of_this_one(before: Home, sesh: Sesh, home: Home) -> None:
    sesh("--open", "work")
    assert [row["name"] for row in before.sesh("--list", "--json").json()] == ["work"]
    assert " work  detached " in before.sesh("--list").stdout
    terminal = before.terminal("work")
    terminal.wait_for(PROMPT)
    terminal.type("echo on-$((40+2))\r")
    terminal.wait_for("on-42")
    assert before.sesh("--run", "work", "--", "echo run").stdout == "run\n"
    assert "on-42" in before.sesh("--logs", "work").stdout
    assert before.sesh("--send", "work", "echo se''nt", "--enter").code == 0
    terminal.wait_for("sent")
    leave(terminal)
    assert before.sesh("--exec", "--print", "--", "sh", "-c", "echo done; exit 3").code == 3
    assert before.sesh("--rename", "work", "other").code == 0
    assert before.sesh("--kill", "other").code == 0
    assert home.names() == []


def test_a_session_of_this_one_goes_on_where_it_is_asked_to_become_the_one_before(
    before: Home, sesh: Sesh, home: Home, terminal: Open
) -> None:
    """An upgrade is undone by installing what was there before, and `--reload`."""
    window = terminal("work")
    window.wait_for(PROMPT)
    window.type("X=3; echo he''re\r")
    window.wait_for("here")
    back = before.sesh("--reload", "work")
    assert back.code == 0, back.stderr
    assert home.summary("work")["version"] == older.VERSION
    window.type("echo still-$X\r")
    window.wait_for("still-3")
    assert sesh("--reload", "work").code == 0
    window.type("echo again-$X\r")
    window.wait_for("again-3")


# -- its files


def test_sessions_that_it_lost_are_listed_read_and_started_again(before: Home, sesh: Sesh, home: Home) -> None:
    before.sesh("--open", "work", "--", "sh", "-c", "echo shown before; read x")
    before.sesh("--open", "shell", "--label", "team=blue")
    for name in ("work", "shell"):
        sesh("--send", name, f"# {name} was here")
        wait_until(lambda name=name: kept(home, f"# {name} was here"))  # type: ignore[misc]
    for name in ("work", "shell"):
        lose(home, name)
    rows = {row["name"]: row for row in sesh("--list", "--json").json()}
    assert {name: row["state"] for name, row in rows.items()} == dict.fromkeys(("shell", "work"), "lost")
    assert rows["shell"]["labels"] == {"team": "blue"}
    assert sesh("--screen", "work").stdout.startswith("shown before")
    assert "# shell was here" in sesh("--logs", "shell").stdout
    assert sesh("--grep", "shell was here", "--json").json()[0]["session"] == "shell"
    assert sesh("--open", "work").code == 0
    window = home.terminal("shell")
    window.type("\r")
    window.wait_for(re.compile("# shell was here.*ready>", re.DOTALL))
    assert {row["state"] for row in sesh("--list", "--json").json()} == {"running"}
    assert sesh("--logs", "work").stdout.startswith("shown before")


def test_how_its_sessions_ended_is_known(before: Home, sesh: Sesh, home: Home) -> None:
    assert before.sesh("--exec", "gone", "--", "sh", "-c", "echo of gone; exit 3").code == 3
    assert before.sesh("--exec", "kept", "--keep", "--", "sh", "-c", "echo of kept; exit 4").code == 4
    assert before.sesh("--open", "failed", "--", "sh", "-c", "echo of failed; exit 5").code == 0
    wait_until(lambda: sesh("--status", "failed", "--json").json()["state"] == "exited")
    for name, code in (("gone", 3), ("kept", 4), ("failed", 5)):
        waited = sesh("--wait", name, "--exit", "--json")
        assert (waited.code, waited.json()["exit_code"]) == (code, code), waited
    for name, code in (("kept", 4), ("failed", 5)):
        assert sesh("--logs", name).stdout == f"of {name}\n"
        assert sesh("--status", name, "--json").json()["exit_code"] == code
    states = {row["name"]: (row["state"], row["exit_code"]) for row in sesh("--list", "--json").json()}
    assert states == {"kept": ("exited", 4), "failed": ("exited", 5)}
    window = home.terminal("--attach", "kept")
    window.wait_for("of kept")
    assert window.exit_code() == 4
    assert sesh("--open", "failed").code == 0
    assert sesh("--kill", "kept").code == 0
    swept = sesh("--sweep", "--all", "--json")
    assert swept.code == 0, swept.stderr


def test_its_settings_remotes_and_names_are_read(before: Home, sesh: Sesh, home: Home) -> None:
    settings = 'detach_key = "C-b d"\nreplay_lines = 5\nkeep = "always"\n'
    There(home, sesh_of(before), settings)
    before.sesh("--open", "one")
    before.sesh("--open", "two")
    for name in ("one", "two"):
        window = before.terminal(name)
        window.wait_for(PROMPT)
        window.type(b"\x02d")
        assert window.exit_code() == 0
    assert before.sesh("@there", "--open", "far").code == 0
    assert [row["host"] for row in sesh("--list", "--json").json()] == [None, None, "there"]
    assert sesh("--status", "far", "--json").json()["host"] == "there"
    again = home.terminal("-")
    again.wait_for(PROMPT)
    again.type("echo $SESH_SESSION-here\r")
    again.wait_for("two-here")
    again.type(b"\x02d")
    assert again.exit_code() == 0
    assert sesh("@there", "--kill", "far").code == 0
    assert sesh("--forget", "@there").code == 0


# -- hosts


def sesh_of(home: Home) -> str:
    """The program that is sesh in a home."""
    with open(home.command[-1], encoding="utf-8") as file:
        return file.read()


class There:
    """`@there`: another home on this machine, with a sesh of its own, by a command that can be killed."""

    def __init__(self, home: Home, program: str | None, settings: str = "") -> None:
        self.path = os.path.join(home.root, "there")
        os.makedirs(os.path.join(self.path, ".sesh"), mode=0o700)
        if program is not None:
            home.write("../there/.local/bin/sesh", program, 0o755)
        there = f"env HOME={self.path} SESH_DIR={self.path}/.sesh PATH={os.environ['PATH']}"
        reach = home.write("bin/reach", f'#!/bin/sh\necho $$ >{self.path}/pid\nexec {there} "$@"\n', 0o755)
        home.write(".config/sesh/config.toml", f"{settings}[remotes.there]\nvia = {json.dumps(reach)}\n")

    def cut(self) -> None:
        """The newest link breaks."""
        with open(os.path.join(self.path, "pid"), encoding="utf-8") as file:
            processes.kill([int(file.read())])


@pytest.mark.parametrize("asker", ["this one", "the one before"])
def test_hosts_of_either_version_serve_the_other(before: Home, home: Home, asker: str) -> None:
    near, far = (home, before) if asker == "this one" else (before, home)
    there = There(home, sesh_of(far))
    done = near.sesh("@there", "--exec", "--print", "--", "sh", "-c", "echo done; exit 3")
    assert (done.code, done.stdout, done.stderr) == (3, "done\n", "")
    assert near.sesh("@there", "--open", "work", "--label", "team=blue").code == 0
    (row,) = near.sesh("@there", "--list", "--json").json()
    assert (row["name"], row["host"], row["labels"]) == ("work", "there", {"team": "blue"})
    assert near.sesh("--status", "work", "--json").json()["host"] == "there"
    ran = near.sesh("@there", "--run", "work", "--", "PS1=ready; echo run; (exit 5)")
    assert (ran.code, ran.stdout, ran.stderr) == (5, "run\n", "")
    window = near.terminal("@there", "work")
    window.wait_for("ready")
    window.type("echo on-$((40+2))\r")
    window.wait_for("on-42")
    there.cut()
    window.type("echo back-$((40+2))\r")
    window.wait_for("back-42", timeout=15)
    window.type(b"\x1c")
    assert window.exit_code() == 0
    assert near.sesh("@there", "--wait", "work", "--prompt", "--timeout", "15").code == 0
    assert near.sesh("@there", "--send", "work", "echo se''nt", "--enter").code == 0
    assert near.sesh("@there", "--wait", "work", "--for", "^sent", "--timeout", "15").code == 0
    assert "back-42" in near.sesh("@there", "--logs", "work").stdout
    assert [each["n"] for each in near.sesh("@there", "--history", "work", "--json").json()] == [1]
    assert near.sesh("@there", "--rename", "work", "other").code == 0
    checked = near.sesh("@there", "--doctor")
    assert re.search(
        r"warning +version +@there has sesh \S+, this is \S+;.*\n +-> sesh --deploy @there", checked.stdout
    )
    assert near.sesh("@there", "--kill", "other").code == 0
    if near is home:
        for words in (["--open", "wide"], ["--new", "-d"], ["--exec"]):
            done = near.sesh("@there", *words, "--size", "200x50", "--", "true")
            assert (done.code in (1, 125), "has an older sesh" in done.stderr) == (True, True), done
    assert near.sesh("@there", "--list", "--json").json() == []


INCOMPATIBLE = """
from sesh import protocol
protocol.PROTOCOL += 1
from sesh.__main__ import start"""


@pytest.mark.parametrize(
    ("what", "said"),
    [
        (
            "incompatible",
            rf"@there has sesh {__version__}, which is incompatible with this sesh {__version__}; install",
        ),
        ("absent", "there has no sesh; install it with"),
        (
            "#!/bin/sh\n# by sesh --deploy\necho it broke >&2; exit 3\n",
            r"sesh on there did not start \(exit 3\): it broke; if it is broken, ",
        ),
        (
            f"#!{sys.executable}\nimport gone, sesh.__main__\n",
            r"sesh on there did not start \(exit 1\): ModuleNotFoundError: .*; if it",
        ),
        (
            "#!/bin/sh\n# by sesh --deploy\nexec head -c 100 /dev/zero\n",
            r"sesh on there did not start \(exit 0\); if it is broken, install",
        ),
        *(
            (
                f"#!/bin/sh\n{body}\n",
                r"there has no sesh, and \S+/\.local/bin/sesh there is another program \(exit \d+\).*; to replace",
            )
            for body in ("exit 1", "exec head -c 100 /dev/zero", "echo usage: sesh SESSION; exit 64")
        ),
    ],
    ids=["incompatible", "absent", "broken", "incomplete", "empty", "silent", "no text", "usage"],
)
def test_what_keeps_a_host_from_serving_is_one_line_with_the_command(home: Home, what: str, said: str) -> None:
    program = (
        sesh_of(home).replace("\nfrom sesh.__main__ import start", INCOMPATIBLE) if what == "incompatible" else what
    )
    There(home, None if what == "absent" else program)
    done = home.sesh("@there", "--list")
    assert (done.code, done.stdout) == (1, "")
    force = "--force " if "another" in said else ""
    assert re.fullmatch(f"sesh: {said}.*: sesh --deploy {force}@there\n", done.stderr), done.stderr


def test_a_host_that_has_an_older_sesh_since_the_last_time_is_asked_as_before(before: Home, home: Home) -> None:
    """It is known to take what it does not: a list in the line of its shell, the greeting of a terminal."""
    There(home, sesh_of(home))
    assert home.sesh("@there", "--list").code == 0
    home.write("../there/.local/bin/sesh", sesh_of(before), 0o755)
    assert home.sesh("@there", "--list").code == 0
    home.write("../there/.local/bin/sesh", sesh_of(home), 0o755)
    assert home.sesh("@there", "--list").code == 0
    home.write("../there/.local/bin/sesh", sesh_of(before), 0o755)
    window = home.terminal("@there", "work")
    window.wait_for("new session work")
    window.type("echo on-$((40+2))\r")
    window.wait_for("on-42")
    window.type(b"\x1c")
    assert window.exit_code() == 0
    assert home.sesh("@there", "--kill", "work").code == 0


def test_a_watched_list_asks_an_older_host_as_before_and_says_why(before: Home, home: Home) -> None:
    There(home, sesh_of(before))
    assert home.sesh("@there", "--open", "work", "--", "sleep", "1000").code == 0
    watched = home.terminal("--watch")
    watched.wait_for(re.compile(r"@there +older sesh: asked now and then\n work +detached"), timeout=20)
    assert home.sesh("@there", "--open", "more", "--", "sleep", "1000").code == 0
    watched.type("r")
    watched.wait_for(re.compile(r"\n more +detached"))
    watched.type("q")
    assert watched.exit_code() == 0
    assert home.sesh("@there", "--kill", "work", "more").code == 0
