"""Sessions created, listed, renamed and ended by verbs, without a terminal."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess

import pytest

from sesh.system import platforms
from tests.support import Home, Sesh


def test_open_makes_sure_that_a_session_runs(sesh: Sesh, home: Home) -> None:
    home.write("site/index", "")
    first = sesh("open", "web", "site", "--label", "team=a", "--env", "X=1", "--json", "--", "sleep", "60")
    assert first.json() == {"ok": True, "name": "web", "session": "web", "host": None, "created": True}
    again = sesh("open", "web", "/tmp", "--json", "--", "true")
    assert again.json()["created"] is False
    assert "web already runs; the directory /tmp and the command are ignored" in again.stderr
    (session,) = sesh("list", "--json").json()
    assert session["cwd"] == f"{home.path}/site"
    assert session["command"] == ["sleep", "60"]
    assert session["labels"] == {"team": "a"}
    assert (session["columns"], session["rows"], session["host"]) == (80, 24, None)


def test_a_session_without_a_terminal_has_the_size_that_was_asked_for(sesh: Sesh, home: Home) -> None:
    """80x24 is too small for the tables and diffs of agents."""
    sesh("open", "web", "--size", "200x50", env={"COLUMNS": "155"})
    assert sesh("run", "web", "--", "stty size").stdout == "50 200\n"
    assert sesh("exec", "--print", "--size", "132x43", "--", "stty", "size").stdout == "43 132\n"
    assert sesh("new", "other", "-d", "--size", "1000x1").code == 0
    assert [(row["columns"], row["rows"]) for row in sesh("list", "--json").json()] == [(1000, 1), (200, 50)]
    again = sesh("open", "web", "--size", "10x10")
    assert (again.code, "--size is ignored" in again.stderr) == (0, True)
    home.crash("web")
    assert sesh("open", "web").code == 0
    assert sesh("run", "web", "--", "stty size").stdout == "50 200\n"


def test_labels_of_a_session_that_runs_are_set_and_what_is_not_applied_is_said(sesh: Sesh) -> None:
    """Neither labels nor ignored options may be dropped in silence, even malformed ones."""
    sesh("open", "web", "--label", "team=a", "--label", "old=1", "--", "sleep", "60")
    answer = sesh("open", "web", "--label", "team=b", "--label", "old=", "--env", "X=1")
    assert answer.code == 0
    assert "--env is ignored" in answer.stderr
    (session,) = sesh("list", "--json").json()
    assert session["labels"] == {"team": "b"}
    both = sesh("new", "web", "--join", "-d", "--label", "team=c", "--env", "X=1", "--", "true")
    assert "the command and --env are ignored" in both.stderr
    assert sesh("open", "web", "--label", "team=d", "--env", "=x").code == 2
    assert sesh("list", "--json").json()[0]["labels"] == {"team": "c"}


def test_new_on_a_name_that_runs_wants_to_be_told_what_is_meant(sesh: Sesh, home: Home) -> None:
    sesh("open", "web", "--", "sleep", "60")
    pid = home.summary("web")["daemon_pid"]
    refused = sesh("new", "web", "-d")
    assert refused.code == 1
    assert "--join, --kill-old or --new-name" in refused.stderr
    assert sesh("new", "web", "--json").json()["error"]["code"] == "exists"
    assert sesh("new", "web", "-d", "--join").stdout == "web\n"
    assert home.summary("web")["daemon_pid"] == pid
    assert sesh("new", "web", "-d", "--new-name").stdout == "web-2\n"
    assert sesh("new", "web", "-d", "--new-name").stdout == "web-3\n"
    assert sesh("new", "web", "-d", "--kill-old").stdout == "web\n"
    assert home.summary("web")["daemon_pid"] != pid


def test_the_list_is_a_table_for_people_and_an_array_for_programs(sesh: Sesh) -> None:
    assert sesh().raw == b""
    assert sesh("list", "--json").json() == []
    sesh("open", "b", "--label", "k=v", "--", "sleep", "60")
    sesh("open", "a", "--", "sleep", "61")
    lines = sesh().stdout.splitlines()
    assert lines[0].split() == ["NAME", "STATE", "ACTIVITY", "AGE", "IDLE", "DIRECTORY", "COMMAND"]
    assert [line.split()[0:2] for line in lines[1:]] == [["a", "detached"], ["b", "detached"]]
    assert lines[1].endswith("sleep 61")
    assert [each["name"] for each in sesh("-l", "--json", "--label", "k=v").json()] == ["b"]
    assert sesh("-l", "--json", "--label", "k=w").json() == []


def test_each_of_several_is_killed_though_one_is_not_there(sesh: Sesh, home: Home) -> None:
    """One line held what was ended and all errors; JSON had the code of the first error alone."""
    for name in ("a", "b", "c"):
        sesh("open", name, "--", "sleep", "60")
    done = sesh("kill", "a", "nobody", "b", "noone")
    assert (done.code, done.stdout) == (1, "")
    assert [line.partition(";")[0] for line in done.stderr.splitlines()] == [
        "sesh: ended a",
        "sesh: ended b",
        "sesh: no session nobody",
        "sesh: no session noone",
    ]
    assert home.names() == ["c"]
    answer = sesh("kill", "--json", "nobody", "c", "noone").json()
    assert (answer["ok"], answer["killed"], answer["error"]["code"]) == (False, ["c"], "not_found")
    assert "ended" not in answer["error"]["message"]
    assert {name: error["code"] for name, error in answer["failed"].items()} == {
        "nobody": "not_found",
        "noone": "not_found",
    }
    assert answer["failed"]["noone"]["message"].startswith("no session noone;")
    assert home.names() == []


def test_each_verb_of_several_names_tells_what_became_of_each(sesh: Sesh, home: Home) -> None:
    """Only `wait` and `restore` had an element for each name."""
    sesh("open", "a", "--", "sh", "-c", "echo needle; sleep 60")
    sesh("wait", "a", "--for", "needle", "--since-start")
    reloaded = sesh("reload", "a", "nobody", "noone", "--json").json()
    assert (reloaded["ok"], reloaded["reloaded"], list(reloaded["failed"])) == (False, ["a"], ["nobody", "noone"])
    lines = sesh("reload", "nobody", "noone").stderr.splitlines()
    assert [line.partition(";")[0] for line in lines] == ["sesh: no session nobody", "sesh: no session noone"]
    restored = sesh("restore", "a", "nobody", "--json").json()
    assert [row["name"] for row in restored["sessions"]] == ["a", "nobody"]
    assert restored["failed"] == {"nobody": restored["sessions"][1]["error"]}
    hit, missing = sesh("grep", "needle", "a", "nobody", "--json").json()
    assert (hit["session"], hit["line"]) == ("a", 1)
    assert (missing["session"], missing["host"], missing["error"]["code"]) == ("nobody", None, "not_found")
    hosts = sesh("forget", "@one.invalid", "@two.invalid", "--json").json()
    assert (hosts["hosts"], list(hosts["failed"])) == ([], ["one.invalid", "two.invalid"])


@pytest.mark.soak
def test_a_daemon_that_hangs_is_listed_and_can_be_killed(sesh: Sesh, home: Home) -> None:
    sesh("open", "web", "--", "sleep", "60")
    os.kill(home.summary("web")["daemon_pid"], signal.SIGSTOP)
    assert "not answering" in sesh().stdout
    assert sesh("kill", "web").code == 0
    assert home.names() == []


def test_a_session_of_another_machine_is_shown_and_left_alone(sesh: Sesh, home: Home) -> None:
    record = {
        "name": "far",
        "machine": "other",
        "machine_name": "gpu",
        "daemon_pid": 1,
        "command": ["bash"],
        "cwd": "/x",
    }
    path = home.write(".sesh/far.json", json.dumps(record), mode=0o600)
    assert "on gpu" in sesh().stdout
    for words in (["attach", "far"], ["kill", "far"], ["open", "far"], ["send", "far", "x"]):
        done = sesh(*words, "--json")
        assert done.code == 1
        assert "gpu" in done.json()["error"]["message"]
    assert sesh("exec", "far", "--", "true").code == 125
    assert sesh("kill-all", "-y").code == 0
    assert platforms.name() != "other"
    assert os.path.exists(path)
    os.unlink(path)


def test_closed_descriptors_are_not_taken_for_stdin_and_stdout(home: Home, sesh: Sesh) -> None:
    """The connection to the daemon must not get descriptor 0 or 1, stdin or stdout."""
    sesh("open", "work")

    def shell(words: str) -> subprocess.CompletedProcess[bytes]:
        line = f"exec {home.path}/bin/sesh {words}"
        return subprocess.run(["sh", "-c", line], env=home.env, capture_output=True, check=False)

    assert shell("send work - <&-").returncode == 0
    followed = shell("exec --follow -- echo hi >&-")
    assert followed.returncode == 255  # the job has run
    assert b"cannot write output" in followed.stderr


def test_what_cannot_be_written_is_not_changed(sesh: Sesh, home: Home) -> None:
    """If the record cannot be written, `rename` and `label` must change nothing."""
    sesh("open", "web", "--label", "team=a", "--", "sleep", "60")
    pid = home.summary("web")["daemon_pid"]
    for name in ("web", "site"):
        os.mkdir(os.path.join(home.directory, f".{name}.json.{pid}.sesh"))  # the temporary file of the record
    for words in (["rename", "web", "site"], ["label", "web", "team=b"]):
        refused = sesh(*words)
        assert refused.code == 1
        assert refused.stderr.startswith(f"sesh: cannot write to {home.directory}")
        assert refused.stderr.count("\n") == 1
    (session,) = sesh("list", "--json").json()
    assert (session["name"], session["labels"], session["state"]) == ("web", {"team": "a"}, "running")
    assert home.names() == ["web"]


@pytest.mark.skipif(not platforms.LINUX, reason="needs /proc/net/unix")
def test_programs_that_clean_up_know_a_session_s_socket_and_spare_its_directory(home: Home) -> None:
    """Cleaners of /var/tmp spare sockets that the kernel lists by path, and locked directories."""
    home.sesh("open", "work")
    with open("/proc/net/unix", encoding="utf-8") as table:
        assert f" {home.directory}/work.sock\n" in table.read()
    directory = os.open(home.directory, os.O_RDONLY)
    try:
        with pytest.raises(BlockingIOError):
            fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
    finally:
        os.close(directory)


def test_names_alone_are_listed_one_a_line(sesh: Sesh, home: Home) -> None:
    assert sesh("list", "-q").raw == b""
    sesh("open", "web", "--label", "k=v", "--", "sleep", "60")
    sesh("open", "10", "--", "sleep", "60")
    home.crash("10")
    assert sesh("ls", "-q").stdout.splitlines() == sorted(home.names()) == ["10", "web"]
    assert sesh("list", "--quiet", "--label", "k=v").stdout == "web\n"
    assert sesh("list", "-q", "--label", "k=v", "--json").json() == [{"name": "web", "host": None}]
    assert sesh("list", "-q", "--watch").code == 2


def test_a_signal_goes_to_the_program_in_the_foreground_and_to_nothing_else(sesh: Sesh, home: Home) -> None:
    """The shell of the session, and a job in its background, must not notice."""
    home.write("traps", 'trap "echo in-$1" USR1; echo ready-$1; while :; do sleep 0.05; done')
    sesh("open", "work", "--", "bash", "--norc", "-i")
    for line in ("trap 'echo in-shell' USR1; sh traps back &", "sh traps front"):
        sesh("send", "work", line, "--enter")
        assert sesh("wait", "work", "--for", "ready-", "--timeout", "30").code == 0
    sent = sesh("kill", "-s", "usr1", "work", "--json")
    assert sent.json() == {"ok": True, "signalled": ["work"], "signal": "SIGUSR1"}
    assert sesh("wait", "work", "--for", "^in-front$", "--timeout", "30").code == 0
    assert sesh("kill", "--signal", "SIGINT", "work").code == 0
    assert sesh("run", "work", "--", "echo", "still here").stdout == "still here\n"
    assert not {"in-back", "in-shell"} & set(sesh("logs", "work").stdout.splitlines())


def test_a_signal_that_ends_a_session_is_no_end_by_the_kernel(sesh: Sesh) -> None:
    sesh("exec", "job", "-d", "--", "sleep", "60")
    assert sesh("kill", "-s", "9", "job").raw == b""
    end = sesh("wait", "job", "--exit", "--json")
    assert (end.code, end.json()["exit_code"], end.json()["reason"]) == (137, 137, "exited")


def test_no_signal_is_sent_to_what_is_not_named_or_has_no_program(sesh: Sesh) -> None:
    sesh("open", "work", "--", "sh", "-c", "exit 3")
    sesh("wait", "work", "--exit")
    refused = sesh("kill", "-s", "TERM", "work", "gone", "--json")
    assert (refused.code, refused.json()["signalled"], list(refused.json()["failed"])) == (1, [], ["work", "gone"])
    assert sesh("status", "work").code == 0, "a signal does not forget what has ended"
    nowhere = sesh("kill", "-s", "TERM")
    assert (nowhere.code, nowhere.stderr) == (2, "sesh: no session given; write: sesh kill -s TERM NAME\n")
    unknown = sesh("kill", "-s", "NOPE", "work")
    assert (unknown.code, "NOPE is no signal here" in unknown.stderr) == (2, True)
