"""An answer is typed only if the session still asks the answered question."""

from __future__ import annotations

import os
import re
import shutil
import signal
import time

import pytest

from sesh.api import Session
from sesh.errors import Busy, ExitCode, Refused, Unreachable
from sesh.ops import send
from sesh.reach import find
from sesh.reach.caller import Caller
from sesh.reach.target import Target
from sesh.text.describe import activity_facts
from sesh.wire import messages
from sesh.wire.connection import connect, hello_frame, request_frames
from sesh.wire.messages import RequestKeys
from tests.support import PROMPT, Home, Open, Sesh, says_who_reads, wait_until

pytestmark = [
    says_who_reads,
    pytest.mark.usefixtures("inside"),
]


ASKS = "printf 'may I run: make test? '; read x; echo got=$x; printf 'may I push? [y] '; read x; echo got=$x; sleep 60"


def asking(sesh: Sesh, source: str = ASKS) -> None:
    sesh("open", "job", "--", "sh", "-c", source)
    assert sesh("wait", "job", "--waiting", "--timeout", "30").code == 0


def asks(home: Home, question: str) -> None:
    """Wait until the session asks this question."""
    wait_until(lambda: home.summary("job")["activity"]["question"] == question, f"job asks '{question}'")


def got(sesh: Sesh) -> list[str]:
    """What the program has read so far."""
    return re.findall("got=(.*)", sesh("screen", "job").stdout)


def test_another_question_is_not_answered_and_is_named(sesh: Sesh, home: Home) -> None:
    asking(sesh)
    sesh("send", "job", "y", "--enter", "--question", "make test")
    asks(home, "may I push? [y]")
    refused = sesh("send", "job", "y", "--enter", "--question", "make test")
    assert (refused.code, refused.stderr.count("\n")) == (1, 1)
    assert 'job is waiting, but asks "may I push? [y]", not' in refused.stderr
    error = sesh("send", "job", "--key", "y", "--question", "make test", "--json")
    assert (error.code, error.json()["error"]["code"]) == (1, "refused")
    assert got(sesh) == ["y"]
    assert sesh("send", "job", "n", "--enter", "--question", "may I push? [y]").code == 0, "its text will do"
    wait_until(lambda: got(sesh) == ["y", "n"], "the program has read y, then n")


@pytest.mark.parametrize(("shell", "integrated"), [("bash", False), ("zsh", True)])
def test_an_answer_to_a_question_is_not_typed_into_the_menu_below_it(
    sesh: Sesh, home: Home, shell: str, integrated: bool
) -> None:
    """An answered question above a menu must not count as part of the menu's question."""
    program = shutil.which(shell)
    if program is None:
        pytest.skip(f"{shell} is not installed")
    sesh("open", "job", "--", program, env={"SHELL": program})
    assert sesh("wait", "job", "--prompt", "--timeout", "30").code == 0
    if integrated:
        home.write("init", sesh("shell-init", shell).raw)
        sesh("send", "job", ". ~/init", "--enter")
        assert sesh("wait", "job", "--prompt", "--timeout", "30").code == 0
    read = "read -p 'Delete all? [y/N] ' a" if shell == "bash" else "read 'a?Delete all? [y/N] '"
    line = f"{read}; select x in keep remove; do if test $x; then printf 'g%s' ot=$x; break; fi; done"
    sesh("send", "job", line, "--enter")
    asks(home, "Delete all? [y/N]")
    sesh("send", "job", "n", "--enter")
    menu = "1) keep 2) remove" if shell == "bash" else "1) keep    2) remove"
    asks(home, menu)
    sesh("send", "job", "9", "--enter")
    asks(home, "#?" if shell == "bash" else "?#")  # the shell does not print the menu again
    refused = sesh("send", "job", "2", "--enter", "--question", "Delete all")
    assert (refused.code, got(sesh)) == (1, [])


def test_the_daemon_itself_compares_when_it_types(sesh: Sesh, home: Home) -> None:
    """The question may change after the caller has read it, before the daemon notices."""
    ask = "printf 'Keep? '; (until [ -e next ]; do :; done; printf '\\nDELETE ALL? '; : >printed) & read x; echo got=$x"
    asking(sesh, f"{ask}; sleep 60")
    with connect("job") as connection:
        connection.send(hello_frame("request"))
        connection.expect_welcome()
        _, since, _ = activity_facts(connection.request(messages.STATUS)[0])
        daemon = sesh("status", "job", "--json").json()["daemon_pid"]
        os.kill(daemon, 19)
        home.write("next", "")
        wait_until(lambda: os.path.exists(os.path.join(home.path, "printed")), "the file 'printed' exists")
        words: RequestKeys = {"since": since, "question": "Keep?", "enter": True}
        connection.send(request_frames("send", 9, b"y", **words))
        os.kill(daemon, 18)
        with pytest.raises(Refused, match="nothing was typed"):
            connection.await_response(messages.SEND, 9)
    asks(home, "DELETE ALL?")
    assert got(sesh) == []


def test_an_answer_that_was_given_up_is_not_typed(sesh: Sesh) -> None:
    asking(sesh)
    daemon = sesh("status", "job", "--json").json()["daemon_pid"]
    with connect("job") as connection:
        connection.send(hello_frame("request"))
        connection.expect_welcome()
        os.kill(daemon, signal.SIGSTOP)
        with pytest.raises(Unreachable) as unknown:
            connection.request(messages.SEND, b"y\n", time.monotonic() + 0.05)
        assert unknown.value.exit_code == ExitCode.UNKNOWN
        os.kill(daemon, signal.SIGCONT)
    assert sesh("screen", "job").stdout.strip() == "may I run: make test?"
    assert got(sesh) == []


def test_two_answers_at_once_are_one(sesh: Sesh) -> None:
    asking(sesh, "while :; do printf 'next? '; read x; echo got=$x; done")
    with connect("job") as connection:
        connection.send(hello_frame("request"))
        connection.expect_welcome()
        words: RequestKeys = {
            "since": activity_facts(connection.request(messages.STATUS)[0])[1],
            "question": "next?",
            "enter": True,
        }
        connection.send(request_frames("send", 8, b"a", **words) + request_frames("send", 9, b"b", **words))
        connection.await_response(messages.SEND, 8)
        with pytest.raises(Refused, match="job asks nothing now"):
            connection.await_response(messages.SEND, 9)
    wait_until(lambda: got(sesh) == ["a"], "the program has read a")


def test_the_api_answers_what_was_asked(sesh: Sesh, home: Home) -> None:
    asking(sesh)
    job = Session("job")
    with pytest.raises(Refused, match='asks "may I run: make test\\?", not push'):
        job.send("y", enter=True, if_waiting="push")
    assert job.send("y", enter=True, if_waiting="make") is not None
    asks(home, "may I push? [y]")
    assert job.send("n", enter=True, if_waiting=True) is not None
    wait_until(lambda: got(sesh) == ["y", "n"], "the program has read y, then n")


def test_a_line_that_somebody_has_begun_is_not_entered_by_an_answer(terminal: Open, sesh: Sesh, home: Home) -> None:
    """A background job may report a question; Enter would then execute a half-typed line."""
    opened = terminal("work")
    opened.wait_for(PROMPT)
    opened.type("set +m; (until [ -e go ]; do sleep 0.02; done; printf '\\033]9;agent waits\\007') &\r")
    opened.type("echo ru''n")
    opened.wait_for(f"{PROMPT} echo ru''n")
    home.write("go", "")
    wait_until(lambda: home.summary("work")["activity"]["state"] == "waiting", "work waits for a person")
    asked = sesh("status", "work", "--json").json()["activity"]
    assert (asked["why"], asked["question"]) == ("hook", "agent waits")
    for words in (["--enter"], ["y"], ["--key", "Enter"]):
        refused = sesh("send", "work", *words, "--question", ".")
        assert (refused.code, "somebody has typed in work" in refused.stderr) == (1, True), refused.stderr
    for text in ("", "y", "a line"):
        with pytest.raises(Busy, match="somebody has typed in work"):
            send.answer(Target(Caller()), "work", text, asked["since"], "agent waits")
    assert "\nrun" not in opened.text()
    assert sesh("send", "work", "z", "--question", ".", "--force").code == 0
    opened.wait_for(f"{PROMPT} echo ru''nz")
    opened.type("\x15")
    opened.wait_until(
        lambda: f"{PROMPT} echo ru''n" not in opened.text(), f"the terminal no longer shows '{PROMPT} echo ru''n'"
    )
    find.request("work", messages.STATE, state="waiting", question="agent waits")
    assert sesh("send", "work", "echo en''tered", "--enter", "--question", "agent").code == 0
    opened.wait_for("\nentered")
