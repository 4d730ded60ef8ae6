"""What a person sees of other hosts: completed names, the board."""

from __future__ import annotations

import re

import pytest

from sesh.bridge import bridge
from sesh.link import health
from sesh.reach import host_target
from sesh.reach.beside import BesideCalls
from sesh.tui import preview
from tests.remote.test_lookup import known
from tests.remote.via import Beside
from tests.support import PROMPT, Home, wait_until


def offered(home: Home, line: str) -> list[str]:
    """Return the words that Tab offers at the end of a line."""
    asks = {
        "_SESH_COMPLETE": "complete_fish",
        "_TYPER_COMPLETE_FISH_ACTION": "get-args",
        "_TYPER_COMPLETE_ARGS": f"sesh {line}",
    }
    return [offer.partition("\t")[0] for offer in home.sesh(env=asks).stdout.splitlines() if offer]


def test_names_on_a_host_are_completed_from_what_it_said_last(home: Home, beside: Beside) -> None:
    far = beside("box")
    far.sesh("open", "work", "--", "cat")
    known(home, far)
    far.fall_silent()
    for line in ("@box kill wo", "kill wo", "wo", "@box forward wo"):
        assert offered(home, line) == ["work"], line
    for line in ("forget ", "forget --remove ", "forget @", "deploy ", "deploy --force @b"):
        assert offered(home, line) == ["@box"], line
    assert offered(home, "forget @box ") == offered(home, "forget wo") == []


@pytest.mark.soak
def test_the_board_shows_other_hosts_for_watch_and_pick(home: Home, beside: Beside) -> None:
    far = beside("box")
    known(home, far)
    home.sesh("open", "here", "--", "sleep", "60")
    far.sesh("open", "work", "--", "sh", "-c", "echo seen from afar; sleep 60")
    watched = home.terminal("watch")
    watched.wait_for(re.compile(r"\n here +detached .*\n @box work +detached"))
    watched.type("\x1b")
    assert watched.exit_code() == 0
    alone = home.terminal("@box", "list", "--watch")
    alone.wait_for(re.compile(r" @box work +detached"))
    assert "here" not in alone.text()
    alone.type("\x03")
    assert alone.exit_code() == 0
    picked = home.terminal("pick")
    picked.wait_for("@box work")
    picked.type("box")
    picked.wait_for(re.compile(r"^ @box work .*│ seen from afar", re.MULTILINE))
    picked.type("\r")
    picked.wait_until(lambda: "\n".join(picked.screen()).strip() == "seen from afar", "the session alone")
    assert far.summary("work")["attached"] == 1
    picked.type("\x1c")
    assert picked.exit_code() == 0
    created = home.terminal("@box", "pick")
    created.wait_for("1/1")
    created.type("fresh\r")
    created.wait_for(PROMPT)
    assert far.names() == ["fresh", "work"]


@pytest.mark.needs_fork("a short interval of previews")
@pytest.mark.parametrize("shares", [True, False])
def test_a_board_holds_one_link_for_each_host_for_its_previews_too(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch, shares: bool
) -> None:
    """Each preview had a link of its own, every four seconds; an older host still wants that."""
    monkeypatch.setattr(preview, "_REMOTE_INTERVAL", 0.1)
    if not shares:
        monkeypatch.setattr(BesideCalls, "usable", False)
    far = beside("box")
    known(home, far)
    far.sesh("open", "work", "--", "sh", "-c", "stty -echo; while read -r line; do echo got $line; done")
    before = len(far.links())
    board = home.terminal("@box", "pick", columns=120)
    board.wait_for("1/1")
    for word in ("first", "second", "third"):
        far.sesh("send", "work", word, "--enter")
        board.wait_for(f"got {word}")
    assert (len(far.links()) == before + 1) == shares
    far.cut()
    far.sesh("send", "work", "fourth", "--enter")
    board.wait_for("got fourth")
    if shares:
        wait_until(lambda: len(far.held()) == 1, "one link is held again")
    board.type("\x1b")
    assert board.exit_code() == 1
    wait_until(lambda: not far.held(), "no link is left")


@pytest.mark.needs_fork("silence that loses no link")
def test_an_answer_over_a_host_goes_to_the_question_that_was_shown(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next question got the answer, because the list of a host lags behind."""
    monkeypatch.setattr(host_target, "LIST_DOUBTED_AFTER", 99.0)  # a silent link is not doubted
    monkeypatch.setattr(health, "LOST_AFTER", 99.0)
    far = beside("box")
    later = "(until [ -e next ]; do sleep 0.02; done; printf '\\nDELETE ALL? ') &"
    asks = f"{later} printf 'Keep a copy? '; read x; echo got=$x; sleep 60"
    home.sesh("@box", "open", "job", "--", "sh", "-c", asks)
    assert home.sesh("@box", "wait", "job", "--waiting", "--timeout", "30").code == 0
    opened = home.terminal("@box", "watch")
    opened.wait_for(re.compile(r" @box job +waiting +\d+s +Keep a copy\?"))
    opened.type("\ty")
    opened.wait_for("answer @box job: y")
    wait_until(lambda: far.held() and far.settled(), "a link is held for the list, and the echo is known")
    far.strand()
    far.write("next", "")
    far.prints("job", "DELETE ALL")
    refused = home.sesh("@box", "send", "job", "y", "--enter", "--question", "Keep")
    assert (refused.code, "nothing was typed" in refused.stderr) == (1, True), refused.stderr
    opened.type("\r")
    opened.wait_for("nothing was typed")
    far.cut()  # the next link shows the question that is asked now
    opened.wait_for(re.compile(r" @box job +waiting +\d+s +DELETE ALL\?"))
    assert "got" not in home.sesh("@box", "screen", "job").stdout
    sent = home.sesh("@box", "send", "job", "n", "--enter", "--question", "DELETE")
    assert sent.code == 0, sent.stderr
    far.prints("job", "got=n")


@pytest.mark.needs_fork("a small limit of a frame")
def test_a_preview_that_is_too_large_for_the_held_link_comes_over_another_one(
    home: Home, beside: Beside, monkeypatch: pytest.MonkeyPatch
) -> None:
    far = beside("box")
    known(home, far)
    far.sesh("open", "work", "--", "sh", "-c", "echo seen; exec cat")
    far.prints("work", "seen")
    monkeypatch.setattr(bridge, "MAX_BESIDE", 10)
    board = home.terminal("@box", "pick", columns=120)
    board.wait_for("│ seen")
    board.type("\x1b")
    assert board.exit_code() == 1
