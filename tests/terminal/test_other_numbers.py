"""Sessions and hosts with another protocol number, and hosts whose sesh cannot serve."""

from __future__ import annotations

import json
import os
import shlex
import sys

import pytest

from tests.support import Home, Sesh
from tests.terminal.test_reload import other

NEXT = "PROTOCOL += 1\n"
"""For wire/protocol.py: the next protocol number."""


@pytest.mark.soak
def test_a_session_of_another_number_is_an_error_in_one_line_and_reload_moves_it(sesh: Sesh, home: Home) -> None:
    mine, home.command = home.command, other(home, "next", "wire/protocol.py", NEXT)
    assert sesh("open", "work").code == 0
    before = home.record("work")
    home.command = mine
    for words in (["send", "work", "x"], ["attach", "work"]):
        window = home.terminal(*words)
        assert window.exit_code() == 1
        assert "sesh reload work" in window.text()
        assert len(window.text().split("\n")) <= 2
    (row,) = sesh("list", "--json").json()
    assert (row["state"], row["responding"]) == ("running", False)
    assert sesh("reload", "work").code == 0
    after = home.summary("work")
    assert (after["daemon_pid"], after["pid"]) == (before["daemon_pid"], before["pid"])
    assert sesh("run", "work", "--", "echo on").stdout == "on\n"


class ViaHost:
    """`@there`: another home on this machine, with a program as its sesh."""

    def __init__(self, home: Home, program: str | None) -> None:
        self.home = home
        self.path = os.path.join(home.root, "there")
        os.makedirs(os.path.join(self.path, ".sesh"), mode=0o700)
        if program is not None:
            home.write("../there/.local/bin/sesh", program, 0o755)
        there = f"env HOME={self.path} SESH_DIR={self.path}/.sesh PATH={os.environ['PATH']}"
        home.write(".config/sesh/config.toml", f"[remotes.there]\nvia = {json.dumps(there)}\n")

    def names(self) -> list[str]:
        """Return the files of the host's sessions."""
        return [name for name in os.listdir(os.path.join(self.path, ".sesh")) if name[:1] != "."]


def test_a_host_of_another_number_is_an_error_in_one_line_and_begins_nothing(sesh: Sesh, home: Home) -> None:
    there = ViaHost(home, f'#!/bin/sh\nexec {shlex.join(other(home, "next", "wire/protocol.py", NEXT))} "$@"\n')
    done = sesh("@there", "exec", "--", "sleep", "100")
    assert (done.code, done.stdout, done.stderr.count("\n")) == (125, "", 1)
    assert done.stderr.endswith("sesh deploy @there\n")
    assert sesh("@there", "open", "work", "--json").json()["error"]["code"] == "protocol"
    assert there.names() == []


def test_what_keeps_a_host_from_serving_is_one_line_with_the_command(sesh: Sesh, home: Home) -> None:
    there = ViaHost(home, None)
    for program, code in (
        (None, "not_deployed"),
        ("#!/bin/sh\n# by sesh --deploy\necho it broke >&2; exit 3\n", "unreachable"),
        (f"#!{sys.executable}\nimport gone, sesh.__main__\n", "unreachable"),
        ("#!/bin/sh\n# by sesh --deploy\nexec head -c 100 /dev/zero\n", "unreachable"),
        ("#!/bin/sh\nexit 1\n", "not_deployed"),
        ("#!/bin/sh\necho usage: sesh SESSION; exit 64\n", "not_deployed"),
    ):
        if program is not None:
            home.write("../there/.local/bin/sesh", program, 0o755)
        done = sesh("@there", "list")
        assert (done.code, done.stdout, done.stderr.count("\n")) == (1, "", 1), program
        assert done.stderr.endswith(" @there\n"), program
        assert "sesh deploy " in done.stderr, program
        assert sesh("@there", "list", "--json").json()["error"]["code"] == code, program
    assert there.names() == []
