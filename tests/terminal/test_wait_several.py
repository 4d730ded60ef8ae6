"""`wait` for several sessions: for all or for the first, by name or by label."""

from __future__ import annotations

import json
import os
import signal
import socket
from functools import partial

from tests.support import Home, Sesh, wait_until


def opened(sesh: Sesh, *names: str, words: tuple[str, ...] = ()) -> None:
    for name in names:
        assert sesh("open", name, *words, "--", "sh", "-c", "read code; exit $code").code == 0


def typed(sesh: Sesh, **codes: int) -> None:
    for name, code in codes.items():
        assert sesh("send", name, str(code), "--enter").code == 0


def test_all_are_waited_for_and_the_first_code_that_is_not_0_counts(sesh: Sesh, home: Home) -> None:
    opened(sesh, "a", "b", "c")
    waiting = home.start("wait", "c", "a", "b", "--exit", "--json")
    typed(sesh, a=3, b=4)
    wait_until(lambda: all(home.summary(name)["state"] == "exited" for name in "ab"), "a and b have ended")
    assert waiting.poll() is None
    typed(sesh, c=0)
    assert waiting.wait(30) == 3
    assert waiting.stdout is not None
    answers = json.loads(waiting.stdout.read())
    assert [(answer["session"], answer["host"], answer["met"], answer["exit_code"]) for answer in answers] == [
        ("c", None, "exit", 0),
        ("a", None, "exit", 3),
        ("b", None, "exit", 4),
    ]
    again = sesh("wait", "a", "c")
    assert (again.code, again.stdout) == (3, "a: exit: 3\nc: exit: 0\n")


def test_the_first_is_enough_with_any_and_an_error_of_one_stands_in_its_place(sesh: Sesh, home: Home) -> None:
    opened(sesh, "a", "b", "c")
    waiting = home.start("wait", "a", "b", "c", "--exit", "--any", "--json")
    typed(sesh, b=5)
    assert waiting.wait(30) == 5
    assert waiting.stdout is not None
    assert [(answer["session"], answer["exit_code"]) for answer in json.loads(waiting.stdout.read())] == [("b", 5)]
    wait_until(lambda: home.summary("a")["activity"]["state"] == "waiting", "a waits for a person")
    asked = sesh("wait", "a", "nosuch", "--any", "--waiting", "--timeout", "30")
    assert (asked.code, asked.stdout) == (0, "a: waiting\n")
    done = sesh("wait", "nosuch", "a", "--exit", "--timeout", "0.3", "--json")
    missing, late = done.json()
    assert (done.code, missing["session"], missing["error"]["code"], missing["exit_code"]) == (
        1, "nosuch", "not_found", 1,
    )  # fmt: skip
    assert (late["session"], late["error"]["code"], late["exit_code"]) == ("a", "timeout", 124)


def test_sessions_are_waited_for_by_their_label(sesh: Sesh, home: Home) -> None:
    opened(sesh, "a", "b", words=("--label", "team=x"))
    opened(sesh, "other")
    waiting = home.start("wait", "--label", "team=x", "--exit", "--json")
    wait_until(partial(waits, waiting.pid), "the command waits for the sessions")
    typed(sesh, a=0, b=6)
    assert waiting.wait(30) == 6
    assert waiting.stdout is not None
    assert [answer["session"] for answer in json.loads(waiting.stdout.read())] == ["a", "b"]
    none = sesh("wait", "--label", "team=y", "--waiting")
    assert (none.code, none.stderr.startswith("sesh: no running session has the label team=y")) == (1, True)


def test_jobs_that_ended_before_are_waited_for_by_their_label(sesh: Sesh, home: Home) -> None:
    """Ended jobs must not be left out, or a failure among them is missed."""
    label = ["--label", "batch=7"]
    for name, code in [("again", 4), ("bad", 3), ("other", 5), ("later", 6)]:
        words = label if name != "other" else ["--label", "batch=8"]
        assert sesh("exec", name, *words, "--", "sh", "-c", f"exit {code}").code == code
    assert sesh("exec", "again", *label, "--", "true").code == 0, "a job supersedes an older one of its name"
    assert sesh("status", "bad", "--json").json()["labels"] == {"batch": "7"}
    opened(sesh, "later")
    assert sesh("exec", "runs", *label, "-d", "--", "sh", "-c", "read code; exit $code").code == 0
    typed(sesh, runs=0)
    with socket.socket(socket.AF_UNIX) as left:  # of a job whose files are just being removed
        left.bind(os.path.join(home.directory, "bad.sock"))
        os.chmod(left.getsockname(), 0o600)
    done = sesh("wait", *label, "--exit", "--json")
    codes = {answer["session"]: answer["exit_code"] for answer in done.json()}
    assert (done.code, list(codes.items())) == (3, [("again", 0), ("bad", 3), ("runs", 0)])
    none = sesh("wait", "--label", "batch=8", "--idle", "0.1")
    assert (none.code, none.stderr.startswith("sesh: no running session has the label")) == (1, True), (
        "its end is no condition"
    )


def waits(pid: int) -> bool:
    """Tell whether the process has a waiting thread for each of two sessions."""
    return len(os.listdir(f"/proc/{pid}/task")) == 3


def test_a_signal_ends_who_waits_for_several_as_one(sesh: Sesh, home: Home) -> None:
    """SIGTERM must not print an error of sesh for each session."""
    opened(sesh, "a", "b")
    for words, number, code in ((["--exit"], signal.SIGINT, 130), (["--exit", "--json"], signal.SIGTERM, -15)):
        waiting = home.start("wait", "a", "b", *words)
        wait_until(partial(waits, waiting.pid), "the command waits for the sessions")
        waiting.send_signal(number)
        out, said = waiting.communicate(timeout=30)
        assert (waiting.returncode, out, said.count(b"sesh")) == (code, b"", int(code > 0)), said
    assert home.names() == ["a", "b"]
