"""One command line on several hosts at once."""

from __future__ import annotations

import json
import os
import select
import shlex
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from sesh.cli import app, fanout
from sesh.cli.invocation import Invocation
from sesh.ops import jobs
from sesh.reach.cancelling import Interrupts
from sesh.reach.target import Target
from sesh.schema.facts import JobResult, JobSpec
from sesh.system.descriptors import polled
from tests.remote.via import Beside, ViaHost
from tests.support import Home, processes, wait_until
from tests.support.waiting import PATIENCE


@pytest.fixture
def hosts(beside: Beside) -> list[ViaHost]:
    return [beside("one"), beside("other")]


BOTH = ("@one", "@other")


def test_lines_bear_their_host_and_a_summary_ends_it(home: Home, hosts: list[ViaHost]) -> None:
    """Jobs on several hosts got nothing of stdin, and no message said so."""
    done = home.sesh(*BOTH, "exec", "job", "--print", "--", "sh", "-c", "echo first; printf last")
    assert done.code == 0
    assert sorted(done.stdout.splitlines()) == ["one: first", "one: last", "other: first", "other: last"]
    assert rows(done.stderr) == [["one", "ok"], ["other", "ok"]]
    assert "\x1b" not in done.stdout
    done = home.sesh(*BOTH, "exec", "--stdin", "--print", "--", "wc", "-c", input=b"x" * 300_000)
    assert (done.code, sorted(done.stdout.splitlines())) == (0, ["one: 300000", "other: 300000"])


def test_what_stdin_has_is_typed_on_each_host(home: Home, hosts: list[ViaHost]) -> None:
    assert home.sesh(*BOTH, "open", "work", "--", "sh", "-c", "read -r line; echo read $line; cat").code == 0
    assert home.sesh(*BOTH, "send", "work", "-", input="all of it\n").code == 0
    for host in hosts:
        host.prints("work", "read all of it")
    done = home.sesh(*BOTH, "send", "work", "--file", "-", "--name", "a.txt", "--json", input="a file")
    sent = [each["path"] for each in done.json()]
    assert [Path(path).read_text() for path in sent] == ["a file", "a file"]


def test_one_that_fails_fails_the_whole_and_stops_no_other(home: Home, beside: Beside, hosts: list[ViaHost]) -> None:
    beside("gone").away()
    hosts[0].write("here", "")
    words = ("--", "sh", "-c", "echo out; [ -e here ] || exit 3")
    done = home.sesh(*BOTH, "@gone", "exec", "job", *words)
    assert (done.code, done.stdout) == (1, "")
    reason, *summary = done.stderr.splitlines()
    assert reason.startswith("sesh: gone: cannot reach gone")
    assert rows("\n".join(summary)) == [["one", "ok"], ["other", "failed", "(3)"], ["gone", "failed", "(125)"]]
    done = home.sesh("@other", "@gone", "--json", "exec", "job", *words)
    assert (done.code, done.stderr) == (1, "")
    other, gone = done.json()
    assert (other["host"], other["session"], other["exit_code"], other["output"]) == ("other", "job", 3, "out\n")
    assert (gone["host"], gone["exit_code"], gone["error"]["code"]) == ("gone", 125, "unreachable")


def test_an_empty_group_is_no_host_and_not_this_machine(home: Home) -> None:
    home.write(".config/sesh/config.toml", '[groups]\nempty = []\nnest = ["empty"]\n')
    home.sesh("open", "work")
    for group in ("@empty", "@nest"):
        assert home.sesh(group, "kill-all", "-y").code == 2
    assert home.names() == ["work"]


def test_groups_name_hosts_and_groups_and_a_circle_has_the_hosts_of_all(home: Home, hosts: list[ViaHost]) -> None:
    def group(line: str) -> None:
        with open(os.path.join(home.path, ".config/sesh/config.toml"), encoding="utf-8") as file:
            remotes = file.read().partition("[groups]")[0]
        home.write(".config/sesh/config.toml", f"{remotes}[groups]\n{line}\n")

    group('all = ["@web", "@one"]\nweb = ["other"]\nsingle = ["@one"]\nwrong = 5')
    done = home.sesh("@all", "@one", "open", "work", "--json")
    assert [each["host"] for each in done.json()] == ["other", "one"]
    assert done.stderr.count("wrong") == 1, "each child complained of the settings again"
    alone = home.sesh("@single", "exec", "--json", "--", "true")
    assert alone.json()["host"] == "one"
    group('all = ["@web", "@one"]\nweb = ["@all"]')
    assert home.sesh("@all", "exec", "--json", "--", "true").json()["host"] == "one"


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_lines_of_a_host_come_in_their_order_and_json_is_in_the_order_of_the_names(
    home: Home, hosts: list[ViaHost]
) -> None:
    script = "seq -f 'text %0200g' 400; echo end; cat"  # more than a pipe holds
    assert home.sesh(*BOTH, "open", "work", "--", "sh", "-c", script).code == 0
    for host in hosts:
        host.prints("work", "end")
    numbers = [*(f"text {number:0200}" for number in range(1, 401)), "end"]
    shown = home.sesh(*BOTH, "logs", "work", "401").stdout.splitlines()
    assert sorted(shown) == sorted(f"{host.word}: {line}" for host in hosts for line in numbers)
    assert [line for line in shown if line[:4] == "one:"] == [f"one: {line}" for line in numbers]
    drawn = home.sesh("@other", "@one", "screen", "work", "--format", "json").json()
    assert [(row["host"], row["format"]) for row in drawn] == [("other", "json"), ("one", "json")]


def test_lists_of_several_hosts_are_one_list(home: Home, beside: Beside, hosts: list[ViaHost]) -> None:
    one, other = hosts
    beside("gone").away()
    assert home.sesh(*BOTH, "open", "work", "--", "sh", "-c", "echo needle; cat").code == 0
    assert home.sesh("@one", "open", "more", "--", "cat").code == 0
    one.prints("work", "needle")
    other.prints("work", "needle")
    lines = home.sesh("@other", "@gone", "@one").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", "@other", "work", "@gone", "@one", "more", "work"]
    assert "cannot reach gone" in lines[3]
    found = home.sesh("@other", "@one", "grep", "needle", "-C", "1")
    assert (found.code, {*found.stdout.splitlines()}) == (0, {"other: work:1:needle", "one: work:1:needle"})
    hits = home.sesh("@other", "@gone", "grep", "needle", "--json")
    assert (hits.code, hits.stderr) == (1, "")
    assert [row.get("line") or row["error"]["code"] for row in hits.json()] == [1, "unreachable"]


def test_what_is_followed_comes_from_all_hosts_as_it_happens(home: Home, hosts: list[ViaHost]) -> None:
    assert home.sesh(*BOTH, "open", "work", "--", "cat").code == 0
    events = home.start(*BOTH, "events", "work", "--from", "0", "--json")
    logs = home.terminal(*BOTH, "logs", "work", "-f")
    assert home.sesh(*BOTH, "send", "work", "hello", "--enter").code == 0
    for host in hosts:
        logs.wait_for(f"{host.word}: hello")
    logs.type(b"\x03")
    assert logs.exit_code() == 130
    assert "lost the link" not in logs.text(), "a follower that was stopped opened another link"
    assert events.stdout is not None
    for kind in ("created", "exited"):
        told: set[str] = set()
        while told != {"one", "other"}:
            event = json.loads(events.stdout.readline())
            told |= {event["host"]} if event["event"] == kind else set()
        if kind == "created":
            assert home.sesh(*BOTH, "kill", "work", "-y").code == 0
    assert events.wait(30) == 0


def begun(hosts: list[ViaHost], name: str = "begun") -> bool:
    """Return whether the job has begun on each host, and its waiter knows that."""
    return all(far.exists(name) and far.settled() for far in hosts)


@pytest.mark.soak
def test_a_signal_that_ends_it_ends_its_children_and_leaves_the_jobs(home: Home, hosts: list[ViaHost]) -> None:
    """The children and their links outlived a SIGKILL to the started process."""
    process = home.start(*BOTH, "exec", "job", "--", "sh", "-c", "touch begun; sleep 1000")
    tied = home.start(*BOTH, "exec", "tied", "--tie", "--", "sh", "-c", "touch tied; sleep 1000")
    wait_until(lambda: begun(hosts) and begun(hosts, "tied"), "both jobs have begun on all hosts")
    children = [pid for each in (process, tied) for pid in processes.descendants(each.pid)]
    for each, number, code in ((process, signal.SIGKILL, -9), (tied, signal.SIGTERM, 143)):
        each.send_signal(number)
        assert each.wait(30) == code
    wait_until(lambda: not any(map(processes.exists, children)), "no child is left")
    wait_until(lambda: [far.names() for far in hosts] == [["job"], ["job"]], "only the untied job is left on each host")


def test_ctrl_c_reaches_all_of_them_as_do_questions_the_person(home: Home, hosts: list[ViaHost]) -> None:
    """A question of a job is shown at once."""
    script = "trap 'exit 4' INT; printf 'Password: '; while :; do read x; done"
    terminal = home.terminal(*BOTH, "exec", "job", "--", "bash", "-c", script)
    for far in hosts:
        terminal.wait_for(f"{far.word}: job waits: Password:")
    terminal.type(b"\x03")
    wait_until(lambda: not any(far.names() for far in hosts), "no session is left on any host")
    assert terminal.exit_code() == 1
    assert terminal.text().count("failed (4)") == 2


def test_a_command_runs_in_the_live_shells_of_all_of_them(home: Home, hosts: list[ViaHost]) -> None:
    for far in hosts:
        assert home.sesh(far.at, "open", "work", "--env", f"A={far.word}").code == 0
    done = home.sesh(*BOTH, "run", "work", "--", "echo in $A; [ $A = one ]")
    assert (done.code, sorted(done.stdout.splitlines())) == (1, ["one: in one", "other: in other"])
    answers = home.sesh(*BOTH, "run", "work", "--json", "--", "echo $A").json()
    assert [(each["host"], each["output"]) for each in answers] == [("one", "one\n"), ("other", "other\n")]


def test_nothing_is_left_running_where_nobody_reads_any_more(home: Home, hosts: list[ViaHost]) -> None:
    hosts[1].write("quiet", "")  # its follower has nothing to write, and must end all the same
    script = "echo line; [ -e quiet ] && exec sleep 1000; while sleep 0.01; do echo line; done"
    following = home.start(*BOTH, "exec", "job", "--follow", "--", "sh", "-c", script)
    assert following.stdout is not None
    awaited = {b"one: line\n", b"other: line\n"}  # a host whose job has not begun yet would have none
    while awaited:
        awaited.discard(following.stdout.readline())
    following.stdout.close()
    wait_until(lambda: not home.processes() and not any(far.held() for far in hosts), "no process and no link is left")
    assert [host.names() for host in hosts] == [["job"], ["job"]]


def test_a_link_that_is_lost_and_comes_back_is_told_as_it_happens(home: Home, hosts: list[ViaHost]) -> None:
    """The loss was not told, and the summary gave `reconnected` as the failure's reason."""
    script = "touch begun; until [ -e go ]; do sleep 0.02; done; exit 3"
    jobs = home.start(*BOTH, "exec", "job", "--follow", "--", "sh", "-c", script)
    wait_until(lambda: begun(hosts), "the job has begun on all hosts")
    hosts[0].cut()
    assert jobs.stderr is not None
    assert jobs.stderr.readline().startswith(b"sesh: one: lost the link")
    assert jobs.stderr.readline().startswith(b"sesh: one: reconnected")
    for host in hosts:
        host.write("go", "")
    summary = jobs.communicate(timeout=30)[1].decode()
    assert rows(summary) == [["one", "failed", "(3)"], ["other", "failed", "(3)"]]


@pytest.mark.soak
def test_hosts_that_hang_make_no_other_late_and_end_at_ctrl_c(home: Home, beside: Beside) -> None:
    """Hosts outnumber threads, so that the last ones begin as others end."""
    hosts = [beside(f"h{number}") for number in range(40)]
    hanging, healthy = hosts[:5], hosts[5:]
    for far in hanging:
        far.fall_silent()
    done = home.start(*[host.at for host in hosts], "open", "work", "--", "cat")
    wait_until(lambda: all(host.names() for host in healthy), "each healthy host has its session")
    wait_until(lambda: len(processes.descendants(done.pid)) == len(hanging), "only those that hang are still asked")
    done.send_signal(signal.SIGINT)
    _, said = done.communicate(timeout=30)
    summary = rows(said.decode())[-len(hosts) :]
    stopped = [[far.word, "interrupted", "(130)"] for far in hanging]
    assert summary == [*stopped, *([far.word, "ok"] for far in healthy)]
    assert done.returncode == 130
    wait_until(lambda: not home.processes(), "no process is left")


def test_ctrl_c_ends_what_types_into_a_session_whose_daemon_hangs(home: Home, hosts: list[ViaHost]) -> None:
    """`send` went on, and was left alone after a second."""
    assert home.sesh(*BOTH, "open", "work", "--", "cat").code == 0
    daemons = [far.summary("work")["daemon_pid"] for far in hosts]
    for daemon in daemons:
        os.kill(daemon, signal.SIGSTOP)
    sends = home.start(*BOTH, "send", "work", "text", "--json")
    wait_until(lambda: processes.rested({sends.pid}), "sesh waits for the daemons")
    sends.send_signal(signal.SIGINT)
    out, _ = sends.communicate(timeout=PATIENCE)
    for daemon in daemons:
        os.kill(daemon, signal.SIGCONT)
    assert [row["exit_code"] for row in json.loads(out)] == [130, 130]


@pytest.mark.needs_fork("Ctrl-C at the begin of a host")
@pytest.mark.parametrize("line", ["status work", "doctor", "kill work play -y"])
def test_ctrl_c_while_a_host_begins_ends_all_and_no_other_begins(
    home: Home, hosts: list[ViaHost], monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    """`doctor` took it for a broken link, `kill` for an error of each session."""
    run_verb = app.run_verb

    def interrupted(cli: Invocation) -> int:
        if len(cli.line.hosts) == 1:
            os.kill(os.getpid(), signal.SIGINT)
        return run_verb(cli)

    monkeypatch.setattr(app, "run_verb", interrupted)
    monkeypatch.setattr(fanout, "_MAX_HOSTS", 1)
    for far in hosts:
        far.fall_silent()
    done = home.sesh(*BOTH, *line.split(), "--json")
    codes = [(row["host"], row["exit_code"], row["error"]["code"]) for row in done.json()]
    assert codes == [("one", 130, "interrupted"), ("other", 130, "interrupted")], done
    assert (done.code, done.stderr) == (130, "")
    wait_until(lambda: not home.processes(), "no process is left")


@pytest.mark.needs_fork("Ctrl-C before a link")
@pytest.mark.parametrize("at", [("@one",), BOTH])
def test_ctrl_c_just_before_a_link_is_opened_begins_no_job(
    home: Home, hosts: list[ViaHost], monkeypatch: pytest.MonkeyPatch, at: tuple[str, ...]
) -> None:
    """It was kept for the job, and a host that hangs was waited for."""
    run = jobs.run

    def interrupted(target: Target, data: JobSpec, interrupts: Interrupts, **more: Any) -> tuple[str, JobResult, bytes]:
        if target.host == "one":
            os.kill(os.getpid(), signal.SIGINT)
            polled([(interrupts.inbound, select.POLLIN)], None)
        return run(target, data, interrupts, **more)

    monkeypatch.setattr(jobs, "run", interrupted)
    for far in hosts:
        far.fall_silent()
    done = home.sesh(*at, "exec", "job", "--", "true")
    assert (done.code, "does not answer" in done.stderr) == (130, False)
    wait_until(lambda: not home.processes(), "no process is left")


def test_ctrl_c_ends_the_reading_of_stdin_within_a_second_and_begins_no_job(home: Home, hosts: list[ViaHost]) -> None:
    jobs = home.start(*BOTH, "exec", "--stdin", "job", "--", "cat", stdin=subprocess.PIPE)
    assert jobs.stdin is not None
    jobs.stdin.write(b"unfinished")
    jobs.stdin.flush()
    wait_until(lambda: processes.rested({jobs.pid}), "sesh waits for its input")
    began = time.monotonic()
    jobs.send_signal(signal.SIGINT)
    _, said = jobs.communicate(timeout=30)
    assert (jobs.returncode, said) == (130, b"sesh: interrupted\n")
    assert time.monotonic() - began < 2.5
    assert [far.names() for far in hosts] == [[], []]


def test_a_sweep_of_several_hosts_clears_what_is_old(home: Home, hosts: list[ViaHost]) -> None:
    assert home.sesh(*BOTH, "exec", "done", "--keep", "--", "true").code == 0
    young = home.sesh(*BOTH, "sweep", "--json").json()
    assert [(row["host"], row["exit_code"], row["ok"], row["pieces"]) for row in young] == [
        ("one", 0, True, []),
        ("other", 0, True, []),
    ], "nobody can be asked, and they are new"
    swept = home.sesh(*BOTH, "sweep", "--older", "0")
    assert (swept.code, swept.stdout.count("1 of 1 cleared")) == (0, 2)
    assert [far.names() for far in hosts] == [[], []]


def test_sessions_end_on_several_hosts_only_if_that_was_said(home: Home, hosts: list[ViaHost]) -> None:
    assert home.sesh(*BOTH, "open", "work", "--label", "a=b", "--", "cat").code == 0
    for words in (("kill-all",), ("kill", "--label", "a=b")):
        done = home.sesh(*BOTH, *words)
        assert (done.code, "add -y" in done.stderr) == (2, True)
    assert [far.names() for far in hosts] == [["work"], ["work"]]
    assert home.sesh(*BOTH, "kill", "--label", "a=b", "-y").code == 0
    assert [far.names() for far in hosts] == [[], []]
    assert home.sesh(*BOTH, "rename", "a", "b").code == 2


def test_a_host_without_a_session_of_the_label_has_not_failed(home: Home, hosts: list[ViaHost]) -> None:
    assert home.sesh("@one", "open", "work", "--label", "a=b", "--", "cat").code == 0
    ended = home.sesh(*BOTH, "kill", "--label", "a=b", "-y")
    assert (ended.code, rows(ended.stderr)) == (0, [["one", "ok"], ["other", "nothing", "found"]])
    none = home.sesh(*BOTH, "kill", "--label", "a=b", "-y", "--json")
    assert (none.code, [(row["host"], row["killed"]) for row in none.json()]) == (1, [("one", []), ("other", [])])


def test_verbs_that_do_not_attach_take_several_hosts(home: Home, hosts: list[ViaHost]) -> None:
    """`label`, `history`, `detach`, `resume-with` and `export` took one host, though they do the same on each."""
    assert home.sesh(*BOTH, "open", "work").code == 0
    assert home.sesh(*BOTH, "label", "work", "team=web").code == 0
    labelled = home.sesh(*BOTH, "label", "work", "tier=a", "--json").json()
    assert [(row["host"], row["labels"]) for row in labelled] == [
        (host.word, {"team": "web", "tier": "a"}) for host in hosts
    ]
    assert home.sesh(*BOTH, "resume-with", "work", "--", "cat", "a b").code == 0
    left = home.sesh(*BOTH, "detach", "work", "--json").json()
    assert [(row["host"], row["detached"]) for row in left] == [("one", 0), ("other", 0)]
    assert home.sesh(*BOTH, "run", "work", "--", "true").code == 0
    listed = home.sesh(*BOTH, "history", "work", "--json").json()
    assert [(row["host"], row["command"], row["exit_code"]) for row in listed] == [
        ("one", ["true"], 0),
        ("other", ["true"], 0),
    ]
    shown = home.sesh(*BOTH, "history", "work").stdout.splitlines()
    assert [line.split()[0] for line in sorted(shown)] == ["one:", "other:"]
    layout = home.sesh("@other", "@one", "export").json()
    assert [(row["host"], row["name"], row["resume"], row["labels"]) for row in layout["sessions"]] == [
        (host, "work", ["cat", "a b"], {"team": "web", "tier": "a"}) for host in ("other", "one")
    ]


def test_a_layout_of_several_hosts_says_which_one_is_missing(home: Home, beside: Beside, hosts: list[ViaHost]) -> None:
    beside("gone").away()
    assert home.sesh("@one", "open", "work").code == 0
    done = home.sesh("@gone", "@one", "export")
    assert (done.code, [row["name"] for row in done.json()["sessions"]]) == (1, ["work"])
    assert done.stderr.startswith("sesh: gone: cannot reach gone")
    failed = home.sesh("@gone", "@one", "export", "--json").json()["failed"]
    assert (list(failed), failed["gone"]["code"]) == (["gone"], "unreachable")


def test_verbs_of_one_host_say_why_they_refuse_several(home: Home, hosts: list[ViaHost]) -> None:
    """The message listed the verbs that take several hosts, and no reason."""
    for words, reason in (
        (("rename", "a", "b"), "if NEW were free on some hosts only, half of the sessions would have it"),
        (("import", "-"), "the layout says on which host each session starts"),
        (("attach", "a"), "a terminal shows one session"),
        (("new", "a"), "a terminal shows one session"),
        (("a",), "a terminal shows one session"),
        (("here",), "a terminal shows one session"),
    ):
        done = home.sesh(*BOTH, *words)
        assert (done.code, done.stdout) == (2, "")
        assert f"takes one host: {reason}" in done.stderr, done.stderr
    assert [far.names() for far in hosts] == [[], []]


def test_a_host_where_nothing_is_found_has_not_failed(home: Home, beside: Beside, hosts: list[ViaHost]) -> None:
    """The summary said `failed (1)` of a host where `grep` found nothing, and the exit code was 1."""
    for host, text in zip(hosts, ("needle", "hay"), strict=True):
        assert home.sesh(host.at, "open", "work", "--", "sh", "-c", f"echo {text}; cat").code == 0
        host.prints("work", text)
    found = home.sesh(*BOTH, "grep", "needle")
    assert (found.code, found.stdout) == (0, "one: work:1:needle\n")
    assert rows(found.stderr) == [["one", "ok"], ["other", "nothing", "found"]]
    assert home.sesh(*BOTH, "grep", "needle", "--json").code == 0
    nowhere = home.sesh(*BOTH, "grep", "pin")
    assert (nowhere.code, rows(nowhere.stderr)) == (1, [["one", "nothing", "found"], ["other", "nothing", "found"]])
    beside("gone").away()
    missing = home.sesh(*BOTH, "@gone", "grep", "needle")
    assert (missing.code, rows(missing.stderr)[-1]) == (1, ["gone", "failed", "(1)"])


def test_the_names_of_a_host_that_is_away_share_one_line(home: Home, beside: Beside, hosts: list[ViaHost]) -> None:
    """The line of a host that does not answer stood once for each name, without the names."""
    beside("gone").away()
    for name in ("a", "b"):
        assert home.sesh("@one", "open", name, "--", "sleep", "60").code == 0
    done = home.sesh("@gone", "kill", "a", "b")
    assert (done.code, done.stderr.count("\n")) == (1, 1)
    assert done.stderr.startswith("sesh: a, b: cannot reach gone")
    one, gone = home.sesh("@one", "@gone", "kill", "a", "b", "c", "--json").json()
    assert (one["host"], one["killed"], list(one["failed"]), one["exit_code"]) == ("one", ["a", "b"], ["c"], 1)
    assert (gone["host"], gone["killed"], {name: error["code"] for name, error in gone["failed"].items()}) == (
        "gone",
        [],
        dict.fromkeys("abc", "unreachable"),
    )
    lines = {line.partition(";")[0] for line in home.sesh("@one", "@gone", "kill", "a", "b").stderr.splitlines()}
    assert {
        "sesh: one: no session a",
        "sesh: one: no session b",
        "sesh: gone: a, b: cannot reach gone: no route",
    } < lines


def test_two_names_of_one_machine_list_its_sessions_once(home: Home, beside: Beside) -> None:
    """Each session was listed under both names."""
    far, other = beside("one"), beside("other")
    ways = {"one": far.way, "two": far.way, "other": other.way}
    text = "".join(f"[remotes.{word}]\nvia = {json.dumps(shlex.join(way))}\n" for word, way in ways.items())
    home.write(".config/sesh/config.toml", text)
    for host in (far, other):
        host.sesh("open", "work", "--", "cat")
    far.sesh("open", "more", "--", "cat")
    lines = home.sesh("@one", "@two", "@other", "list").stdout.splitlines()
    assert [" ".join(line.split()[:5]) for line in lines[1:]] == [
        "@one",
        *(" ".join(line.split()[:5]) for line in lines[2:4]),
        "@two",
        "the same machine as @one",
        "@other",
        " ".join(lines[-1].split()[:5]),
    ]
    assert [line.split()[0] for line in (lines[2], lines[3], lines[-1])] == ["more", "work", "work"]
    listed = home.sesh("@two", "@one", "list", "--json").json()
    assert [(row["host"], row["name"]) for row in listed] == [("two", "more"), ("two", "work")]
    shown = home.sesh("list").stdout.splitlines()
    assert shown[-2:] == ["@two", "  the same machine as @one"]
    assert [line.split()[0] for line in shown].count("more") == 1


def test_a_name_of_this_machine_lists_its_sessions_once(home: Home) -> None:
    """A known remote that is this machine listed them once more."""
    home.write(".config/sesh/config.toml", "[remotes.self]\nvia = 'env'\n")
    home.sesh("open", "work", "--", "cat")
    assert home.sesh("@self", "list").code == 0
    lines = home.sesh("list").stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["NAME", "work", "@self", "the"]
    assert lines[-1] == "  the same as this machine"
