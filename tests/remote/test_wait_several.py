"""`--wait` of several sessions on hosts."""

from __future__ import annotations

import json

from tests.remote.via import Beside
from tests.support import Home, wait_until


def test_sessions_of_several_hosts_are_waited_for_by_name_and_by_label(home: Home, beside: Beside) -> None:
    one, other = beside("one"), beside("other")
    far = [one.at, other.at]
    words = ["--label", "team=x", "--", "sh", "-c", "read code; exit $code"]
    assert home.sesh(*far, "--open", "a", *words).code == 0
    assert home.sesh("--open", "here", *words).code == 0
    first = home.start(*far, "--wait", "a", "--any", "--json")
    everywhere = home.start("--wait", "--label", "team=x", "--exit", "--json")
    wait_until(lambda: all(far.links()[-1:] == far.held()[-1:] != [] for far in (one, other)))
    assert home.sesh(other.at, "--send", "a", "7", "--enter").code == 0
    assert first.wait(20) == 7
    assert first.stdout is not None
    assert [(answer["host"], answer["exit_code"]) for answer in json.loads(first.stdout.read())] == [("other", 7)]
    assert home.sesh("--send", "here", "0", "--enter").code == 0
    assert home.sesh(one.at, "--send", "a", "0", "--enter").code == 0
    assert everywhere.wait(20) == 7
    assert everywhere.stdout is not None
    answers = json.loads(everywhere.stdout.read())
    assert {(answer["host"], answer["session"], answer["exit_code"]) for answer in answers} == {
        (None, "here", 0),
        ("one", "a", 0),
        ("other", "a", 7),
    }
    done = home.sesh(*far, "--wait", "a")
    assert (done.code, done.stdout) == (7, "@one a: exit: 0\n@other a: exit: 7\n")


def test_a_known_remote_that_does_not_answer_is_said_and_the_others_are_waited_for(home: Home, beside: Beside) -> None:
    gone, one = beside("gone"), beside("one")
    for far in (gone, one):
        assert home.sesh(far.at, "--open", "a", "--label", "team=x", "--", "cat").code == 0
        assert home.sesh(far.at, "--list").code == 0
    gone.away()
    done = home.sesh("--wait", "--label", "team=x", "--idle", "0.1", "--timeout", "20", "--json")
    assert (done.code, [answer["host"] for answer in done.json()]) == (0, ["one"])
    assert done.stderr == "sesh: @gone does not answer (no route): its sessions are not waited for\n"
