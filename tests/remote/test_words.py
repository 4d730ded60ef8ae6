"""What a person is told of a link that is down: since when, why, and which keys work."""

from __future__ import annotations

import re
import time
from collections.abc import Callable

import pytest

from tests.remote.farm import Far, Farm
from tests.remote.patches import patch
from tests.support import PROMPT, Home, Terminal, processes, wait_until

DETACH = b"\x1c"
KEYS = "Enter tries now, Ctrl-\\ leaves"
RARELY = """
from sesh import link_state
link_state.PACE = link_state.LONGEST_PACE = 600.0
"""
"""One attempt, and no other unasked."""


@pytest.fixture
def box(farm: Farm) -> Far:
    return farm.host("box", proxied=True)


def attached(home: Home, *words: str, columns: int = 120) -> Terminal:
    terminal = home.terminal("@box", "work", *words, columns=columns)
    terminal.wait_for(PROMPT, 20)
    return terminal


def refuses(far: Far) -> None:
    far.proxy.refuse()
    far.proxy.cut()


def closes(far: Far) -> None:
    """Connections are taken, and reset: there is no sshd behind the proxy."""
    far.proxy.target = 1
    far.proxy.cut()


def renamed(far: Far) -> None:
    far.proxy.cut()
    config = far.farm.config
    with open(config, encoding="utf-8") as file:
        text = file.read()
    with open(config, "w", encoding="utf-8") as file:
        file.write(text.replace("HostName 127.0.0.1", "HostName nosuch.invalid"))


def told(terminal: Terminal, pattern: str) -> re.Match[str]:
    """The line over the last row, once it matches."""
    return terminal.wait_until(lambda: re.fullmatch(pattern, terminal.screen()[-1].strip()), 25, pattern)


@pytest.mark.parametrize(
    ("breaks", "why"),
    [
        (refuses, "connection refused"),
        (closes, "it closes the connection"),
        (renamed, "its name does not resolve|no name server answers"),
    ],
    ids=["refused", "closed", "unresolved"],
)
def test_the_line_says_since_when_and_why_there_is_no_link(
    home: Home, box: Far, breaks: Callable[[Far], None], why: str
) -> None:
    terminal = attached(home)
    last = time.time()
    breaks(box)
    line = told(terminal, rf"no link to box since (\d\d:\d\d:\d\d) \(({why})\); {re.escape(KEYS)}")
    now = time.time()
    moments = [time.strftime("%H:%M:%S", time.localtime(moment)) for moment in range(int(last) - 2, int(now) + 2)]
    assert line[1] in moments
    terminal.type(DETACH)
    assert terminal.exit_code() == 0
    assert "no link to" not in terminal.text()


NARROW = {
    80: r"no link since \S+ \(connection refused\); Enter tries now, Ctrl-\\ leaves",
    60: r"no link since \S+; Ctrl-\\ leaves",
    30: r"no link; Ctrl-\\ leaves",
}


@pytest.mark.parametrize(("columns", "line"), NARROW.items(), ids=map(str, NARROW))
def test_a_narrow_terminal_keeps_the_keys(home: Home, box: Far, columns: int, line: str) -> None:
    """At 80 columns the key that leaves was cut off."""
    terminal = attached(home, columns=columns)
    refuses(box)
    told(terminal, line)


def test_a_silent_host_has_given_no_answer_and_the_line_follows_what_is_found_out(home: Home, box: Far) -> None:
    terminal = attached(home)
    box.proxy.silence()
    terminal.type("x")
    since = told(terminal, rf"no answer from box since (\S+); {re.escape(KEYS)}")[1]
    box.proxy.refuse()
    box.proxy.cut()
    assert told(terminal, rf"no link to box since (\S+) \(connection refused\); {re.escape(KEYS)}")[1] == since
    box.proxy.restore()
    terminal.wait_until(lambda: [row for row in terminal.screen() if row] == [f"{PROMPT} x"], 25)
    terminal.type("\x15echo ba''ck\r")
    terminal.wait_for(re.compile("^back", re.MULTILINE))
    assert "since" not in terminal.text()


def test_ctrl_c_goes_to_the_program_while_a_silent_link_may_still_answer(home: Home, box: Far) -> None:
    terminal = attached(home)
    box.proxy.silence()
    terminal.type("x")
    told(terminal, r"no answer from box .*")
    terminal.type("\x03")
    box.proxy.restore()
    terminal.wait_until(lambda: [row for row in terminal.screen() if row][-1:] == [PROMPT], 25)
    terminal.type("echo ba''ck\r")
    terminal.wait_for(re.compile("^back", re.MULTILINE))


def test_enter_tries_at_once_and_arrives(home: Home, box: Far) -> None:
    patch(home, RARELY)
    terminal = attached(home)
    refuses(box)
    told(terminal, r"no link to box .*")
    box.proxy.restore()
    terminal.type("echo ba''ck\r")
    terminal.wait_for(re.compile("^back", re.MULTILINE), 20)
    assert "no link to" not in terminal.text()


@pytest.mark.parametrize(
    ("words", "key", "env"),
    [(("--no-detach-key",), "Ctrl-C", {}), ((), "Ctrl-b d", {"SESH_DETACH_KEY": "C-b d"})],
    ids=["none", "other"],
)
def test_the_line_names_the_key_that_leaves(
    home: Home, box: Far, words: tuple[str, ...], key: str, env: dict[str, str]
) -> None:
    home.env |= env
    terminal = attached(home, *words)
    refuses(box)
    told(terminal, rf"no link to box since .*; Enter tries now, {key} leaves")
    terminal.type(b"\x03" if key == "Ctrl-C" else b"\x02d")
    assert terminal.exit_code() == (1 if key == "Ctrl-C" else 0)


def test_verbs_say_once_that_they_reconnect_and_once_that_they_have(home: Home, box: Far) -> None:
    assert home.sesh("@box", "--open", "work").code == 0
    following = home.terminal("@box", "--events", "work", columns=120)
    daemon = box.sesh("--status", "work", "--json").json()["daemon_pid"]
    wait_until(lambda: processes.connections(daemon) > 0 and box.settled(), 20)
    refuses(box)
    following.wait_for("sesh: lost the link to @box; work keeps running, reconnecting", 20)
    while following.pump(2.0):
        continue
    box.proxy.restore()
    following.wait_for("sesh: reconnected to @box", 20)
    following.type(b"\x03")
    assert following.exit_code() == 130
    words = [line for line in following.text().splitlines() if line.startswith("sesh:")]
    assert words == ["sesh: lost the link to @box; work keeps running, reconnecting", "sesh: reconnected to @box"]
