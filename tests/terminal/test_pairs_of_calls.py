"""Whatever two calls type one behind the other, each Enter is alone, and what is refused was not typed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support import PROMPT, Home, need, says_who_reads, wait_until
from tests.support.composers.kinds import slow_box
from tests.support.composers.pairs import KINDS, Box, Shell
from tests.terminal.looking import screen

pytestmark = [says_who_reads, pytest.mark.soak]


@pytest.mark.timeout(300)
@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("features", [(), ("pastes",), ("asks",), ("asks", "pastes")], ids=" ".join)
def test_a_box_that_reads_now_and_then_takes_what_each_call_says(
    home: Home, first: str, features: tuple[str, ...]
) -> None:
    proof = home.write("proof", "")
    assert home.sesh("open", "box", "--", *slow_box(proof, *features)).code == 0
    wait_until(lambda: "box reads" in screen(home, "box"), "box shows 'box reads'")
    Box(home, asks="asks" in features).call_in_pairs(first, lambda: Path(proof).read_text().splitlines())


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("name", ["bash", "zsh", "fish", "dash"])
def test_a_shell_runs_what_each_call_says(home: Home, first: str, name: str) -> None:
    home.write("log", "")
    assert home.sesh("open", "box", "--env", f"PS1={PROMPT} ", "--", need(name)).code == 0
    wait_until(lambda: PROMPT in screen(home, "box"), "box shows its prompt")
    Shell(home).call_in_pairs(first, lambda: Path(home.path, "log").read_text().splitlines())
