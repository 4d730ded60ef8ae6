"""Text for a composer on a host is submitted once, wherever the link breaks."""

from __future__ import annotations

import os
from contextlib import closing

import pytest

from sesh.daemon.requests import delivery, typed_text
from tests.remote.via import Beside
from tests.support import Home, processes, says_who_reads, wait_until
from tests.support.composers.kinds import composer, logged, slow_box
from tests.support.composers.pairs import KINDS, Box, Shell
from tests.support.composers.stepping import AT_EACH_STEP_OF_A_TEXT, READY, Stepper

pytestmark = says_who_reads

TEXT = " ".join(f"word{number}" for number in range(900))


@pytest.mark.parametrize("step", ["typed", "submitted"])
def test_a_text_is_submitted_once_whichever_step_the_cut_comes_at(home: Home, beside: Beside, step: str) -> None:
    far = beside("box")
    proof = os.path.join(far.path, "proof")
    opened = home.sesh("@box", "open", "agent", "--", *composer(proof, window=0.04))
    assert opened.code == 0, opened.stderr
    far.prints("agent", "shortcuts")
    before = far.summary("agent")
    process = home.start("@box", "send", "agent", TEXT, "--enter", "--json")
    if step == "typed":
        wait_until(lambda: far.summary("agent")["position"] > before["position"], "the agent has shown the text")
    else:
        wait_until(lambda: logged(proof), "the agent has logged a prompt")
    far.cut()
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0, err
    assert b'"typed": true' in out
    wait_until(lambda: logged(proof) == [TEXT], "the agent has logged the prompt once")


@pytest.mark.soak
def test_each_enter_is_alone_over_a_link_too(home: Home, beside: Beside) -> None:
    far = beside("box")
    proof = os.path.join(far.path, "proof")
    assert home.sesh("@box", "open", "agent", "--", *slow_box(proof, "pastes")).code == 0
    far.prints("agent", "box reads")
    for line in ("one --enter", "two", "--key Enter", "three --enter --key x --key Enter", "four --enter"):
        assert home.sesh("@box", "send", "agent", *line.split()).code == 0, line
    wait_until(lambda: far.read("proof").endswith("four\n"), "the box has taken the last text")
    assert far.read("proof").split() == ["one", "two", "three", "x", "four"]


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", KINDS)
def test_a_box_on_a_host_takes_what_each_of_two_calls_says(home: Home, beside: Beside, first: str) -> None:
    far = beside("box")
    proof = far.write("proof", "")
    assert home.sesh("@box", "open", "box", "--", *slow_box(proof, "pastes")).code == 0
    far.prints("box", "box reads")
    Box(home, ["@box"]).call_in_pairs(first, lambda: far.read("proof").splitlines())


@pytest.mark.soak
@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", KINDS)
def test_a_shell_on_a_host_runs_what_each_of_two_calls_says(home: Home, beside: Beside, first: str) -> None:
    far = beside("box")
    far.write("log", "")
    assert home.sesh("@box", "open", "box").code == 0
    Shell(home, ["@box"]).call_in_pairs(first, lambda: far.read("log").splitlines())


@pytest.mark.needs_fork("a daemon that leaves a program all the time that it takes")
@AT_EACH_STEP_OF_A_TEXT
def test_two_texts_whose_links_break_are_typed_once_and_in_their_order(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch, before: list[str]
) -> None:
    for module in (delivery, typed_text):
        monkeypatch.setattr(module, "STALLED", 1000.0)
    far = beside("box")
    with closing(Stepper(far)) as box:
        first = home.start("@box", "send", "box", "one", "--enter")
        box.takes(*before)
        second = home.start("@box", "send", "box", "two", "--enter")
        wait_until(lambda: len(far.links()) == 2 and processes.rested([second.pid]), "both wait")
        far.cut()
        box.takes(*[*READY, *READY][len(before) :])
        box.may_take("await")
        wait_until(lambda: second.poll() is not None or box.is_done, "the second text is typed, or refused")
        if not box.is_done:  # its link broke before its request was there
            assert b"before its answer; try again" in second.communicate()[1]
            second = home.start("@box", "send", "box", "two", "--enter")
        box.takes("read", "show", *READY)
        assert (first.wait(60), second.wait(60)) == (0, 0)
        assert box.read == ["one", "|", "two", "|"]
