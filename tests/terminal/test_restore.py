"""`restore` and `resume-with`: after a reboot all sessions are back, and nothing runs unasked."""

from __future__ import annotations

import json
import os
import re
import signal
from pathlib import Path
from typing import Any

import pytest

from sesh.errors import UsageError
from sesh.names import MAX_RESUME
from sesh.reach import find
from sesh.system import processes
from sesh.wire import messages
from tests.support import Home, need, wait_until

AGENT = '#!/bin/sh\necho "$(basename "$0") $* in $PWD" >> ~/runs\necho "ready $*"\nexec cat\n'
"""A program that notes each of its starts, and then waits for input."""


@pytest.fixture(autouse=True)
def programs(home: Home) -> None:
    for name in ("agent", "server", "make"):
        home.write(f"bin/{name}", AGENT, mode=0o755)


def runs(home: Home) -> list[str]:
    """The starts that the programs have noted since the last call."""
    path, read = Path(home.path, "runs"), Path(home.path, "read")
    before = int(read.read_text(encoding="utf-8")) if read.exists() else 0
    lines = path.read_text(encoding="utf-8").replace(home.path, "~").splitlines() if path.exists() else []
    read.write_text(str(len(lines)), encoding="utf-8")
    return sorted(lines[before:])


def started(home: Home, *lines: str) -> None:
    """Waits for these starts, and no others."""
    found: list[str] = []

    def all_there() -> bool:
        found.extend(runs(home))
        return len(found) >= len(lines)

    wait_until(all_there, f"{len(lines)} programs have started")
    assert sorted(found) == sorted(lines)


def lose(home: Home, *names: str, boot: str = "before") -> None:
    """Kill these sessions' daemons and programs, as a reboot does, and record another boot id."""
    known = {name: home.record(name) for name in names}
    for each in known.values():
        os.kill(each["daemon_pid"], signal.SIGKILL)
    for each in known.values():
        wait_until(lambda each=each: not processes.start_time(each["daemon_pid"]), "the daemon has ended")  # type: ignore[misc]
        for group in processes.groups_of_session(each["pid"]):
            os.killpg(group, signal.SIGKILL)
        wait_until(
            lambda each=each: not processes.groups_of_session(each["pid"]),  # type: ignore[misc]
            "the programs of the session have ended",
        )
    for name, each in known.items():
        home.write(f".sesh/{name}.json", json.dumps({**each, "boot": boot or each["boot"]}), mode=0o600)


def states(home: Home) -> dict[str, str]:
    return {name: home.summary(name)["state"] for name in home.names()}


def shown(home: Home, name: str, text: str) -> None:
    """Wait until the session's checkpoint holds this text."""
    folder, own = Path(home.directory), home.record(name)["id"]
    wait_until((folder / f".checkpoint.{own}").exists, f"a checkpoint of {name} is written")
    wait_until(
        lambda: text.encode() in (folder / f".screen.{own}").read_bytes(), f"the checkpoint of {name} holds '{text}'"
    )


def open_agent(home: Home, name: str) -> None:
    assert home.sesh("open", name, "--", "agent").code == 0
    started(home, "agent  in ~")
    assert home.sesh("resume-with", name, "--", "agent", "--resume", name).code == 0


def opened(home: Home) -> list[str]:
    """Open shells, an editor, two servers, an agent, an agent in a shell, a job."""
    os.makedirs(os.path.join(home.path, "docs"))
    for name, folder in (("shell", "src"), ("etc", "deep/er")):
        os.makedirs(os.path.join(home.path, folder))
        assert home.sesh("open", name, folder).code == 0
        assert home.sesh("run", name, "--", f"echo remembered in {name}").code == 0
    open_agent(home, "ada")
    home.sesh("open", "vim", "docs", "--", need("vim"), "-u", "NONE", "notes")
    home.sesh("open", "web", "src", "--label", "team=web", "--", "server", "8000")
    home.sesh("open", "dee", "src")
    home.sesh("run", "dee", "--", "sesh resume-with -- agent --resume dee")
    home.sesh("send", "dee", "agent", "--enter")
    home.sesh("exec", "job", "-C", f"{home.path}/src", "-d", "--", "make", "-j8")
    home.sesh("open", "10", "--", "server", "10")
    names = home.names()
    assert len(names) == 8
    started(home, "agent  in ~/src", "make -j8 in ~/src", "server 8000 in ~/src", "server 10 in ~")
    for name in ("shell", "etc"):
        shown(home, name, f"remembered in {name}")
    for name in set(names) - {"shell", "etc", "vim"}:
        shown(home, name, "ready")
    shown(home, "vim", "~")
    return names


def test_all_sessions_are_back_after_a_reboot_and_nothing_runs_unasked(home: Home) -> None:
    names = opened(home)
    before = home.sesh("list", "--json").json()
    lose(home, *names)
    assert set(states(home).values()) == {"lost"}
    done = home.sesh("restore")
    assert done.code == 0, done.stderr
    editor = need("vim")
    assert (
        done.stdout
        == f"""10 waits for Enter to run again: server 10
started ada: agent --resume ada
started dee: agent --resume dee
started etc: bash
job waits for Enter to run again: make -j8
started shell: bash
vim waits for Enter to run again: {os.path.basename(editor)} -u NONE notes
web waits for Enter to run again: server 8000
"""
    )
    started(home, "agent --resume ada in ~", "agent --resume dee in ~/src")
    after = home.sesh("list", "--json").json()
    assert [row["state"] for row in after] == ["running"] * 8
    for key in ("name", "cwd", "command", "labels", "resume"):
        assert [row[key] for row in after] == [row[key] for row in before], key
    layout = {entry["name"]: entry for entry in home.sesh("export").json()["sessions"]}
    assert layout["web"]["command"] == ["server", "8000"]
    assert (layout["ada"]["command"], layout["ada"]["resume"]) == (["agent"], ["agent", "--resume", "ada"])
    assert (layout["dee"]["command"], layout["dee"]["resume"]) == (None, ["agent", "--resume", "dee"])
    for row in after:
        if row["name"] in ("web", "job", "vim", "10"):
            assert row["foreground"]["command"] == row["command"]
    for name in ("shell", "etc"):
        assert home.sesh("run", name, "--", "pwd").stdout == f"{row_of(before, name)['cwd']}\n"
        assert f"remembered in {name}" in home.sesh("logs", name).stdout
    lines = home.sesh("logs", "web").stdout.splitlines()
    assert lines[0] == "ready 8000"
    assert lines[1].startswith("── web was lost when its machine restarted; last active ")
    assert lines[2] == "press Enter to run again: server 8000"
    assert runs(home) == []


def row_of(rows: list[dict[str, Any]], name: str) -> dict[str, Any]:
    return next(row for row in rows if row["name"] == name)


def test_of_two_at_once_one_starts_each(home: Home) -> None:
    """This holds even if the session has ended before the other `restore` reaches it."""
    names = ["a", "b"]
    for name in names:
        open_agent(home, name)
        if name == "b":
            home.sesh("resume-with", name, "--", "sh", "-c", f"echo {name} >> ~/runs; exit 3")
    lose(home, *names)
    both = [home.start("restore", "--json") for _ in range(2)]
    answers = [json.loads(each.communicate(timeout=30)[0]) for each in both]
    assert [each.returncode for each in both] == [0, 0], answers
    assert sorted(row["name"] for answer in answers for row in answer["sessions"] if row["created"]) == names
    started(home, "agent --resume a in ~", "b")


# -- what is started, and how


def test_only_the_named_ones_are_started_and_each_outcome_is_said(home: Home) -> None:
    for name in ("a", "b"):
        home.sesh("open", name)
    home.sesh("open", "runs", "--", "sleep", "60")
    home.sesh("open", "ended", "--", "sh", "-c", "exit 3")
    wait_until(lambda: home.summary("ended")["state"] == "exited", "the session ended has ended")
    lose(home, "a", "b")
    done = home.sesh("restore", "a", "runs")
    assert (done.code, done.stdout) == (0, "started a: bash\nruns already runs\n")
    assert states(home)["b"] == "lost"
    done = home.sesh("restore", "nosuch", "b", "ended")
    assert (done.code, done.stdout) == (1, "started b: bash\n")
    assert "nosuch was not started: no session nosuch" in done.stderr
    assert "ended was not started: ended exited 3" in done.stderr
    assert "`sesh open ended` starts it again" in done.stderr
    home.sesh("exec", "job", "-d", "--keep", "--", "false")
    assert home.sesh("wait", "job", "--exit", "--timeout", "30").code == 1
    assert "`sesh kill job` forgets it" in home.sesh("restore", "job").stderr, "open refuses it"
    rows = home.sesh("restore", "a", "nosuch", "--json").json()
    assert (rows["ok"], rows["sessions"][1]["error"]["code"]) == (False, "not_found")
    error = home.sesh("restore", "nosuch", "--json")
    assert (error.code, error.json()["error"]["code"]) == (1, "not_found")
    done = home.sesh("restore")
    assert (done.code, done.stdout, done.stderr) == (0, "no session is lost\n", "")
    assert states(home)["ended"] == "exited", "what ended by itself is passed over"
    assert home.sesh("restore", "--json").json() == {"ok": True, "sessions": []}


def test_a_lost_job_is_a_job_again(home: Home) -> None:
    """A restored job must stay a job, or the next `exec` finds the name taken."""
    home.sesh("exec", "nightly", "-d", "--keep", "--", "server")
    started(home, "server  in ~")
    lose(home, "nightly")
    assert home.sesh("restore").stdout == "nightly waits for Enter to run again: server\n"
    assert home.record("nightly")["job"] is home.record("nightly")["keep"] is True
    lose(home, "nightly")
    assert home.sesh("exec", "nightly", "-d", "--", "server").code == 0
    started(home, "server  in ~")


@pytest.mark.soak
def test_what_cannot_start_is_said_and_stays_lost_and_a_directory_that_has_gone_too(home: Home) -> None:
    command = home.write("bin/gone", AGENT, mode=0o755)
    for name in ("a", "b"):
        home.sesh("open", name, "--", "gone" if name == "a" else "agent")
        shown(home, name, "ready")
    os.mkdir(f"{home.path}/src")
    home.sesh("open", "c", "src")
    lose(home, "a", "b", "c")
    os.unlink(command)
    os.rmdir(f"{home.path}/src")
    done = home.sesh("restore")
    assert (done.code, done.stdout) == (1, "b waits for Enter to run again: agent\nstarted c: bash\n")
    assert "a was not started: " in done.stderr
    assert f"c: there is no directory {home.path}/src any more; starting in your home directory" in done.stderr
    assert states(home) == {"a": "lost", "b": "running", "c": "running"}
    assert home.sesh("logs", "a").stdout.startswith("ready")


def test_variables_of_env_are_kept_by_name_alone_and_that_is_said(home: Home) -> None:
    home.sesh("open", "a", "--env", "TOKEN=secret", "--env", "MODE=fast", "--", "agent")
    for file in Path(home.directory).glob("*a.json"):
        assert "secret" not in file.read_text(encoding="utf-8")
    lose(home, "a")
    done = home.sesh("restore", "--run", env={"MODE": "mine"})
    assert done.stderr == "sesh: a: no value for TOKEN, MODE: what --env gives is kept in no file\n"
    lose(home, "a")
    done = home.sesh("restore", "--run", env={"MODE": "mine"})
    assert "no value for TOKEN, MODE" in done.stderr, "lost a second time"
    home.sesh("open", "b", "--env", "TOKEN=secret")
    lose(home, "b")
    done = home.sesh("open", "b", "--env", "TOKEN=again")
    assert "TOKEN" not in done.stderr
    assert home.sesh("run", "b", "--", "echo $TOKEN").stdout == "again\n"


def test_a_text_with_enter_does_not_start_the_waiting_command_and_ctrl_c_ends_it_unrun(home: Home) -> None:
    home.sesh("open", "web", "--", "server", "80")
    started(home, "server 80 in ~")
    lose(home, "web")
    assert home.sesh("restore").code == 0
    assert home.sesh("send", "web", "hello", "--enter").code == 0
    person = home.terminal("web")
    person.wait_for("press Enter to run again: server 80")
    person.wait_for("hello")
    assert runs(home) == []
    person.type("\x03")
    assert person.exit_code() == 130
    person.wait_for("[web ended by SIGINT]")
    assert (runs(home), home.names()) == ([], [])


@pytest.mark.soak
def test_what_a_full_screen_program_showed_stands_above_it_too(home: Home) -> None:
    """Text that an editor had not saved must survive in the scrollback."""
    home.sesh("open", "notes", "--", need("vim"), "-u", "NONE", "notes")
    shown(home, "notes", "~")
    home.sesh("send", "notes", "iwritten, not saved")
    shown(home, "notes", "written, not saved")
    lose(home, "notes")
    assert home.sesh("restore").code == 0
    lines = home.sesh("logs", "notes").stdout.splitlines()
    assert lines[0] == "written, not saved"
    assert lines[-1].startswith("press Enter to run again: vim")
    assert home.sesh("screen", "notes").stdout.rstrip().endswith(lines[-1])


def test_a_waiting_command_runs_at_enter_and_its_old_output_is_no_part_of_the_question(home: Home) -> None:
    home.sesh("open", "build", "--", "make", "-j8")
    shown(home, "build", "ready -j8")
    started(home, "make -j8 in ~")
    for _ in range(2):  # lost a second time, it waits a second time
        lose(home, "build")
        assert home.sesh("restore").stdout == "build waits for Enter to run again: make -j8\n"
    assert home.sesh("list", "--json").json()[0]["foreground"]["command"] == ["make", "-j8"]
    person = home.terminal("build")
    person.wait_for("press Enter to run again: make -j8")
    assert home.sesh("wait", "build", "--waiting", "--json").json()["match"] == "press Enter to run again: make -j8"
    assert home.sesh("screen", "build").stdout.startswith("ready -j8\n")
    assert runs(home) == []
    person.type("\r")
    started(home, "make -j8 in ~")
    person.wait_for(re.compile("again: make -j8\nready -j8"))
    person.type("\x04")
    assert person.exit_code() == 0


def test_a_list_tells_a_person_how_many_sessions_were_lost(home: Home) -> None:
    for name in ("a", "b"):
        home.sesh("open", name)
    lose(home, "a", boot="")
    assert "sesh: sessions lost: 1; `sesh restore` starts them again" in home.sesh().stderr, "that was a crash"
    assert home.sesh("restore").code == 0
    lose(home, "a", "b")
    for words in (("--json",), ("list",), ("list", "--label", "k=v")):
        assert home.sesh(*words).stderr == "", "as one in a shell's start file, or of cron"
    assert "sessions lost at the reboot: 2;" in home.sesh().stderr, "typed alone, it is a person's"
    person = home.terminal("list")
    assert person.exit_code() == 0
    assert b"sessions lost" in person.raw


# -- the resume command


def test_a_resume_command_is_kept_shown_and_forgotten(home: Home) -> None:
    home.sesh("open", "a", "--", "agent")
    done = home.sesh("resume-with", "a", "--", "agent", "--resume", "x y\x1b[2J")
    assert (done.code, done.stdout, done.stderr) == (0, "", "")
    words = ["agent", "--resume", "x y\x1b[2J"]
    assert home.record("a")["resume"] == words
    assert home.sesh("status", "a", "--json").json()["resume"] == words
    assert "resume:        agent --resume $'x y\\033[2J'\n" in home.sesh("status", "a").stdout
    answer = home.sesh("resume-with", "a", "--json", "--", "agent", "-r").json()
    assert answer == {"ok": True, "name": "a", "resume": ["agent", "-r"]}
    written = os.stat(f"{home.directory}/a.json").st_mtime_ns
    home.sesh("resume-with", "a", "--", "agent", "-r")
    assert os.stat(f"{home.directory}/a.json").st_mtime_ns == written, "a hook says the same each time"
    assert home.sesh("reload", "a").code == 0
    assert home.sesh("rename", "a", "b").code == 0
    assert home.sesh("status", "b", "--json").json()["resume"] == ["agent", "-r"]
    assert home.sesh("resume-with", "b", "--json", "--").json() == {"ok": True, "name": "b", "resume": None}
    assert home.sesh("status", "b", "--json").json()["resume"] is None
    assert "resume" not in home.sesh("status", "b").stdout


def test_a_program_inside_says_it_of_its_own_session_and_outside_it_takes_a_name(home: Home) -> None:
    home.sesh("open", "a")
    home.sesh("open", "b", "--", "sleep", "60")
    assert home.sesh("run", "a", "--", "sesh resume-with -- agent --resume 1").stdout == ""
    assert home.summary("a")["resume"] == ["agent", "--resume", "1"]
    assert home.summary("b")["resume"] is None
    hook = "hook() { setsid -w sesh resume-with -- agent --resume 2 </dev/null; }; hook"
    home.sesh("run", "a", "--", hook)
    assert home.summary("a")["resume"] == ["agent", "--resume", "2"], "agents run hooks without a terminal"
    done = home.sesh("resume-with", "--", "agent")
    assert done.code == 1, "2 would be a veto to an agent that called a hook"
    assert "resume-with works only inside a session" in done.stderr
    assert home.terminal("resume-with", "--", "agent", env={"SESH_SESSION": "a"}).exit_code() == 1
    assert home.summary("a")["resume"] == ["agent", "--resume", "2"]
    done = home.sesh("resume-with", "nosuch", "--json", "--", "agent")
    assert (done.code, done.json()["error"]["code"]) == (1, "not_found")


def test_a_resume_command_is_bounded_and_a_list_of_words(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    home.sesh("open", "a")
    home.sesh("resume-with", "a", "--", "agent")
    done = home.sesh("resume-with", "a", "--json", "--", "agent", "x" * MAX_RESUME)
    assert (done.code, done.json()["error"]["code"]) == (1, "refused")
    assert f"at most {MAX_RESUME:,} bytes" in done.json()["error"]["message"]
    assert home.sesh("resume-with", "a", "--", "").code == 1
    monkeypatch.setenv("SESH_DIR", home.directory)
    for command in ("agent", ["agent", 1], [["agent"]], {"agent": 1}, None, ["a\0b"], 5):
        with pytest.raises(UsageError, match=r"\.command"):
            find.request("a", messages.RESUME, command=command)
    assert home.record("a")["resume"] == ["agent"]


@pytest.mark.parametrize(("way", "shell"), [("open", True), ("person", False)])
def test_a_lost_session_runs_it_in_place_of_its_command(home: Home, way: str, shell: bool) -> None:
    home.sesh("open", "a", *(() if shell else ("--", "agent")))
    home.sesh("resume-with", "a", "--", "agent", "--resume", "1")
    own = home.summary("a")["command"]
    if not shell:
        started(home, "agent  in ~")
    for _ in range(2 if shell else 1):
        runs(home)
        lose(home, "a")
        if way == "person":
            person = home.terminal("a")
            person.wait_for("Start again")
            person.type("s")
            person.wait_for("ready --resume 1")
            person.type(b"\x1c")
            assert person.exit_code() == 0
        else:
            assert home.sesh(way, "a").code == 0
        started(home, "agent --resume 1 in ~")
        assert home.summary("a")["resume"] == ["agent", "--resume", "1"]
        assert home.summary("a")["command"] == own
        assert home.record("a")["shell"] is shell
    assert home.sesh("resume-with", "a", "--").code == 0
    if shell:
        home.sesh("reload", "a")
    lose(home, "a")
    assert home.sesh("open", "a").code == 0
    if shell:
        assert home.sesh("run", "a", "--", "echo a shell again").stdout == "a shell again\n"
        assert runs(home) == []
    else:
        started(home, "agent  in ~")


def test_a_resume_command_that_fails_can_be_changed_and_forgotten(home: Home) -> None:
    """Otherwise each `open` would run the failing command, and no verb could change that."""
    home.sesh("open", "a", "--label", "k=v", "--", "agent")
    home.sesh("resume-with", "a", "--", "sh", "-c", "echo no such conversation; exit 1")
    started(home, "agent  in ~")
    lose(home, "a")
    assert home.sesh("restore", "a").code == 0
    wait_until(lambda: home.summary("a")["state"] == "exited", "the session a has ended")
    assert home.sesh("resume-with", "a", "--", "nosuchprogram").code == 0
    done = home.sesh("open", "a")
    assert (done.code, "to forget how a resumes: sesh resume-with a --" in done.stderr) == (127, True)
    done = home.sesh("resume-with", "a", "--json", "--", "agent", "x" * MAX_RESUME)
    assert (done.code, done.json()["error"]["code"]) == (1, "refused")
    assert home.sesh("resume-with", "a", "--json", "--").json() == {"ok": True, "name": "a", "resume": None}
    assert home.sesh("open", "a").code == 0
    started(home, "agent  in ~")
    assert home.summary("a")["labels"] == {"k": "v"}
    assert "no such conversation" in home.sesh("logs", "a").stdout


def test_a_layout_carries_the_resume_command(home: Home) -> None:
    open_agent(home, "a")
    layout = home.sesh("export").raw
    (entry,) = json.loads(layout)["sessions"]
    assert entry["resume"] == ["agent", "--resume", "a"]
    lose(home, "a")
    assert home.sesh("export").json()["sessions"] == [entry], "a lost one too"
    assert home.sesh("import", input=layout).stdout == "started a again\n"
    started(home, "agent --resume a in ~")
    none = json.dumps([{**entry, "name": "d", "resume": []}])
    assert home.sesh("import", input=none).stdout == "created d\n", "as an empty command is none"
    assert home.summary("d")["resume"] is None
