"""A detach restores the terminal as it was, wherever it interrupts the program's output.

Three emulators judge, none of which knows `TerminalReset`: ours, the harness's, and @xterm/headless if installed.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
from pathlib import Path

import pytest

from sesh.client.terminal_reset import TerminalReset
from tests.fidelity.rest import unrest
from tests.fidelity.test_programs import COLUMNS, ROWS, STREAMS, cuts
from tests.fidelity.vte import Vte
from tests.fidelity.xterm import Xterm
from tests.support import Home, Open, Terminal, rounds
from tests.unit.client.test_terminal_reset import SAVED

WAYS = ("key", "SIGTERM", "daemon killed")
LEFT = [
    (path, way) for at, path in enumerate(STREAMS) for turn, way in enumerate(WAYS) if rounds(at % 6 == 2 * turn, True)
]
"""The programs, and how each is left: two in each way, or all in every way."""


def undone(data: bytes) -> bytes:
    """Return a stream, and after it what a client writes that leaves at its end."""
    follower = TerminalReset()
    follower.feed(data)
    return data + follower.reset_bytes(COLUMNS)


@pytest.mark.parametrize("path", STREAMS, ids=lambda path: path.stem)
def test_a_program_left_at_any_point_leaves_the_terminal_at_rest(path: Path, maybe_xterm: Xterm | None) -> None:
    data = path.read_bytes()
    for end in cuts(data, rounds(3, 25)):
        assert not unrest(undone(data[:end]), COLUMNS, ROWS, maybe_xterm), end


@pytest.mark.parametrize("more", [b"", b"\x1b8"])
@pytest.mark.parametrize("data", SAVED, ids=repr)
def test_what_a_saved_cursor_brings_back_leaves_the_terminal_at_rest(
    data: bytes, more: bytes, maybe_xterm: Xterm | None
) -> None:
    assert not unrest(undone(data) + more, COLUMNS, ROWS, maybe_xterm)


@pytest.mark.soak
@pytest.mark.parametrize("data", SAVED, ids=repr)
def test_what_a_saved_cursor_brings_back_is_reset_in_vte(data: bytes, vte: Vte) -> None:
    """What is printed afterwards shows whether origin, wrapping, insert or new line mode are still set."""
    for more in (b"", b"\x1b8"):
        printed = b"\x1b[H\x1b[2J\x1b[3;5r\x1b[1;1HX\x1b[r\x1b[6;1Hab\rc\x1b[8;78Hwrap\n!"
        parts = vte.differing(COLUMNS, ROWS, b"\x1b[r" + printed, b"\x1b[r" + undone(data) + more + printed)
        assert not set(parts) - {"rows"}, more


def within_a_sequence(data: bytes) -> int:
    """A point in the second half where a sequence has begun and not ended."""
    at = data.find(b"\x1b[", len(data) // 2)
    return at + 2 if at >= 0 else len(data)


OWN_QUERIES = re.compile(rb"\x1bP\$q q\x1b\\|\x1b\[(?:2\$w|\?u)|\x1b\][0-9;a-z_]+[;=]\?\x1b\\")


def play(home: Home, terminal: Open, data: bytes) -> Terminal:
    """A terminal with a session in it whose program has written `data`, and nothing more."""
    path = home.write("stream", data)
    player = f"stty raw -echo; printf go; head -c 1 >/dev/null; cat {shlex.quote(path)}; sleep 1000"
    window = terminal("work", "--", "sh", "-c", player, columns=COLUMNS, rows=ROWS)
    window.wait_for_raw(b"go")
    window.type("x")
    # A change whose beginning has come is held back, and sesh asks the terminal before one.
    shown = OWN_QUERIES.sub(b"", data.removesuffix(b"\x1b["))
    window.wait_until(
        lambda: OWN_QUERIES.sub(b"", bytes(window.raw).removesuffix(b"\x1b[")).endswith(shown), "the stream"
    )
    return window


def daemon_of(home: Home) -> int:
    record = json.loads(Path(home.directory, "work.json").read_bytes())
    return int(record["daemon_pid"])


@pytest.mark.soak
@pytest.mark.parametrize(("path", "way"), [pytest.param(path, way, id=f"{path.stem}-{way}") for path, way in LEFT])
def test_a_real_terminal_is_given_back(
    home: Home, terminal: Open, maybe_xterm: Xterm | None, path: Path, way: str
) -> None:
    """Half of the streams are whole, the others end within a sequence."""
    data = path.read_bytes()
    whole = STREAMS.index(path) < len(STREAMS) // 2
    window = play(home, terminal, data if whole else data[: within_a_sequence(data)])
    if way == "key":
        window.type(b"\x1c")
    elif way == "daemon killed":
        home.strict = False
        os.kill(daemon_of(home), signal.SIGKILL)
    else:
        window.signal(signal.SIGTERM)
    assert window.exit_code() == {"key": 0, "SIGTERM": 128 + signal.SIGTERM, "daemon killed": 1}[way]
    assert not unrest(bytes(window.raw), COLUMNS, ROWS, maybe_xterm)
    said = [row for row in window.screen() if row][-1]
    closing = {
        "daemon killed": "[work was lost: its daemon died; sesh work restarts it]",
        "key": "[detached from work",
    }
    assert way not in closing or said.startswith(closing[way])
