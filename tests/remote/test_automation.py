"""What a program drives sessions with, over `@host`: waiting, events, lines that are followed."""

from __future__ import annotations

import hashlib
import json
import signal

from tests.remote.farm import Farm
from tests.support import Home, processes, wait_until


def test_waits_are_met_over_there(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    home.sesh("@box", "--open", "work")
    assert home.sesh("@box", "--wait", "work", "--prompt", "--timeout", "20").stdout == "prompt\n"
    home.sesh("@box", "--send", "work", "sleep 0.3; echo do''ne", "--enter")
    answer = home.sesh("@box", "--wait", "work", "--for", "^done$", "--timeout", "20", "--json").json()
    assert (answer["met"], answer["match"], answer["host"]) == ("for", "done", "box")
    assert home.sesh("@box", "--wait", "work", "--for", "never", "--timeout", "0.3").code == 124
    home.sesh("@box", "--send", "work", "exit 5", "--enter")
    assert home.sesh("@box", "--wait", "work", "--exit").code == 5
    assert far.sesh("--status", "work", "--json").json()["state"] == "exited"  # nobody was attached
    assert home.sesh("@box", "--wait", "work", "--exit").code == 5


def test_a_session_that_is_not_here_is_waited_for_where_it_is(home: Home, farm: Farm) -> None:
    farm.host("box")
    home.sesh("@box", "--open", "work")
    waiting = home.start("--wait", "--exit", "work")
    home.sesh("@box", "--send", "work", "sleep 1; exit 6", "--enter")
    out, err = waiting.communicate(timeout=30)
    assert (waiting.returncode, out) == (6, b"exit: 6\n"), err


def test_events_and_lines_come_while_they_happen(home: Home, farm: Farm) -> None:
    farm.host("box")
    home.sesh("@box", "--open", "work", "--", "sh", "-c", "echo begun; read line; echo got $line; exit 4")
    events = home.start("@box", "--events", "work", "--since", "0", "--json")
    lines = home.start("@box", "--logs", "work", "-f")
    assert events.stdout is not None
    assert lines.stdout is not None
    assert json.loads(events.stdout.readline())["event"] == "created"
    assert lines.stdout.readline() == b"begun\n"
    home.sesh("@box", "--send", "work", "this", "--enter")
    last = [json.loads(line) for line in events.stdout.read().splitlines()][-1]
    assert (last["event"], last["exit_code"], last["host"]) == ("exited", 4, "box")
    assert lines.stdout.read() == b"this\ngot this\n"
    assert (events.wait(20), lines.wait(20)) == (0, 0)


def test_lines_from_over_there_that_nobody_reads_any_more_are_followed_no_longer(home: Home, farm: Farm) -> None:
    farm.host("box")
    home.sesh("@box", "--open", "work", "--", "sh", "-c", "echo begun; exec sleep 1000")
    following = [
        home.start("@box", *words) for words in (("--logs", "work", "-f"), ("--events", "work", "--since", "0"))
    ]
    for each in following:
        assert each.stdout is not None
        assert each.stdout.readline()
        each.stdout.close()
    assert [each.wait(20) for each in following] == [141, 141]
    home.sesh("@box", "--kill", "work")


def test_who_stops_following_leaves_nothing_running_over_there(home: Home, farm: Farm) -> None:
    far = farm.host("box")
    home.sesh("@box", "--open", "work", "--", "sh", "-c", "echo begun; exec sleep 1000")
    process = home.start("@box", "--logs", "work", "-f")
    assert process.stdout is not None
    assert process.stdout.readline() == b"begun\n"
    process.send_signal(signal.SIGINT)
    assert process.wait(20) == 130
    wait_until(
        lambda: not any("--logs" in line for line in far.run("ps -o args= -u $(id -u)").stdout.splitlines()[:-1])
    )
    assert far.names() == ["work"]


def test_a_job_over_there_reads_what_is_here(home: Home, farm: Farm) -> None:
    farm.host("box")
    data = bytes(range(256)) * 4000
    done = home.sesh("@box", "--exec", "job", "--stdin", "--print", "--", "sha256sum", input=data, timeout=40)
    assert (done.code, done.stdout.split()[:1]) == (0, [hashlib.sha256(data).hexdigest()])


def test_events_say_which_machine_they_are_of_where_others_are_known(home: Home, farm: Farm) -> None:
    """Nothing said that those of hosts are not among them."""
    hint = "these are the events of this machine; of another one: sesh @HOST --events"
    home.sesh("--open", "work")
    daemon = home.summary("work")["daemon_pid"]
    alone = home.terminal("--events")
    alone.wait_until(lambda: processes.connections(daemon) == 1, what="it follows")
    alone.type("\x03")
    assert alone.exit_code() == 130
    assert hint not in alone.text()
    farm.host("box")
    assert home.sesh("@box", "--list").code == 0
    following = home.terminal("--events", columns=100)
    following.wait_for(hint)
    following.type("\x03")
    assert following.exit_code() == 130
