"""`--status`: it says the same whether or not an emulator is loaded, and loads none."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sesh.daemon.description import status
from sesh.daemon.screen import model
from sesh.daemon.session import Session
from tests.support import wait_until, warm
from tests.unit.daemon.sessions import session

PIECES = st.sampled_from([
    b"a line\r\n", b"\x1b[1;31mred\x1b[m", b"\x1b]0;title\x07", "界é".encode(), b"\x1b[?2004h$ ", b"\r\n" * 9,
    b"x" * 95, b"\x1b[?2004l", b"\x1b[?25;2004h", b"\x1b[?2004;1l", b"2004", b"\x1bc",
    b"\t" * 11, b"\x1b[5B", b"\x1b[24;1H", b"\x1b[?1049h", b"\x1b[3S", b"\x1b[K", b"\b", b"\x1b[2J", b"\x1b[c",
])  # fmt: skip


@pytest.fixture(autouse=True, scope="module")
def patient() -> Iterator[None]:
    """On a busy machine too the scrollback is counted by a child process: otherwise the emulator is loaded for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(model, "MEASURE_TIME", 30.0)
        yield


def scrollback_lines(own: Session) -> int:
    counted = status(own)["scrollback"]
    assert counted is not None
    return counted["lines"]


@settings(max_examples=40, deadline=None)
@given(st.lists(PIECES, max_size=20), st.booleans())
def test_scrollback_and_modes_are_known_without_an_emulator(output: list[bytes], resized: bool) -> None:
    own = session()
    for at, block in enumerate(output):
        own.log.append(block)
        if resized and at == len(output) // 2:
            own.model.resize(40, 5)
    counted, modes = status(own)["scrollback"], status(own)["modes"]
    assert not own.model.loaded
    own.model.catch_up(10)
    scrollback = own.model.emulator.scrollback
    assert status(own)["modes"] == modes
    assert counted == {"lines": scrollback.lines, "bytes": scrollback.bytes}
    assert status(own)["scrollback"] == counted


def test_a_flood_is_counted_too() -> None:
    own = session()
    own.log.append(b"".join(b"line %d\r\n" % number for number in range(30_000)))
    assert scrollback_lines(own) == 10_000
    assert not own.model.loaded


@pytest.mark.parametrize("output", [b"$ ", b"line\\r\\n" * 100, b"\\x1b[?1049h\\x1b[c"])
def test_a_status_loads_no_emulator_for_good(output: bytes) -> None:
    """Each `--status`, and each `exists()` of the API, left its modules in the daemon: most of a small one's memory."""
    code = f"""
import sys
sys.path += {warm.PATHS!r}
from sesh.daemon.screen import model
from sesh.daemon.description import status
from tests.unit.daemon.sessions import session
model.MEASURE_TIME = 30.0
before = {{name for name in sys.modules if name.startswith("sesh.vt")}}
own = session()
own.log.append(b"{output.decode()}")
assert status(own)["scrollback"]["lines"] >= 0
own.log.append(b"more\\r\\n" * 99)
assert status(own)["scrollback"]["lines"] > 0 or {b"1049" in output}
print(sorted(name for name in sys.modules if name in ("sesh.vt.emulator", "sesh.vt.screen", "pyte")))
"""
    done = subprocess.run([sys.executable, "-ISc", code], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


LEAVING = f"""
import sys
sys.path += {warm.PATHS!r}
import socket
from sesh.daemon.clients.connection import Connection
from sesh.daemon.handler import ClientHandler
from sesh.queries import QueryScanner
from tests.unit.daemon.sessions import session
own = session()
own.log.append(b"a line\\r\\n\\x1b[?2004h$ ")
assert not QueryScanner().find(own.log.bytes(0))
ours, theirs = socket.socketpair()
connection, handler = Connection(theirs), ClientHandler(own)
handler.hello(connection, {{"role": "attach", "protocol": 1, "columns": 100, "rows": 30}})
assert not own.relay.serve()
handler.detach(own.clients.all[0], "detached")
assert not own.clients.all
print(sorted(name for name in sys.modules if name in ("sesh.vt.emulator", "sesh.vt.screen", "pyte", "re")))
"""


def test_a_client_that_leaves_a_session_of_lines_loads_no_emulator_nor_re() -> None:
    """To say how many rows stand below the cursor, each detach loaded it: 2 MiB, for as long as the session lives. `re`
    was one more, and made the first attachment wait."""
    done = subprocess.run([sys.executable, "-ISc", LEAVING], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("[]\n", "")


def test_where_no_process_can_be_made_the_values_are_right_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_process() -> int:
        raise BlockingIOError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(os, "fork", no_process)
    own = session()
    own.log.append(b"line\r\n" * 100)
    wait_until(lambda: scrollback_lines(own) == 77)  # the emulator gets a part of a second each time
