"""Lies of a host during a deploy are shown as text, and fail it alone."""

from __future__ import annotations

import json
import os
import sys

import pytest

from sesh.errors import ProtocolError
from sesh.remote.deploy.deploy import carriers
from sesh.remote.ssh.destination import Destination
from sesh.system.workers import Stop
from tests.remote.farm import Farm
from tests.support import Home

PROGRAM = """#!{python} -IS
import re, sys
(token,) = re.findall("echo (.*) none", sys.argv[-1])
for row in {rows!r}:
    print(token, row)
"""
ATTACK = ":bug:\x1b]52;c;cHdu\x1b\\\x1b]0;PWN\x07[link=https://evil/]here[/link][/nope]"
STATE = {
    "python": "/usr/bin/python3",
    "platform": "Linux x86_64",
    "path": "/x",
    "step": "upload",
    "reason": "",
    "foreign": False,
    "integration": "",
}
FAILURE = {**STATE, "step": "unpack", "reason": "full"}


def host(home: Home, word: str, answers: list[object]) -> None:
    """Configure a host that answers with these rows."""
    rows = [each if isinstance(each, str) else json.dumps(each) for each in answers]
    text = PROGRAM.format(python=sys.executable, rows=rows)
    path = home.write(f"bin/via-{word}", text, 0o755)
    settings = os.path.join(home.path, ".config/sesh/config.toml")
    before = ""
    if os.path.exists(settings):
        with open(settings, encoding="utf-8") as file:
            before = file.read()
    home.write(".config/sesh/config.toml", f'{before}[remotes.{word}]\nvia = "{path}"\n')


@pytest.mark.parametrize(
    "answer",
    [
        f"none; {ATTACK}: {ATTACK}",
        {**FAILURE, "reason": ATTACK},
        {**FAILURE, "reason": "x" * 10_000},
        {**FAILURE, "step": ATTACK},
        {**STATE, "platform": ATTACK},
    ],
)
def test_a_hosts_words_are_one_line_of_text_in_the_progress_display(home: Home, answer: object) -> None:
    host(home, "box", [answer])
    terminal = home.terminal("deploy", "@box", columns=300)
    assert terminal.exit_code() == 1
    for sequence in (b"\x1b]", b"PWN\x07", b"internal error", "\N{BUG}".encode()):
        assert sequence not in terminal.raw
    rows = [row for row in terminal.text().splitlines() if row.strip()]
    assert len(rows) == 1
    assert "failed (" in rows[0]
    assert len(rows[0]) < 280


def test_the_line_that_a_host_names_is_one_line_of_text(home: Home) -> None:
    host(home, "box", [{**STATE, "step": "done", "integration": f"{ATTACK}\n{'x' * 10_000}"}])
    terminal = home.terminal("deploy", "@box", columns=300)
    assert terminal.exit_code() == 0
    assert b"\x1b]" not in terminal.raw
    rows = [row for row in terminal.text().splitlines() if row.strip()]
    assert [row.split()[2] for row in rows] == ["has", "to"]


MALFORMED: list[list[object]] = [
    ["no json"],
    ["[" * 5_000],
    [{"step": "unpack", "reason": "full"}],
    [{**FAILURE, "step": "reboot"}],
    [{**FAILURE, "step": ["unpack"]}],
    [{**STATE, "python": None}],
    [{**STATE, "foreign": ["none"]}],
    [{**STATE, "integration": None}],
    ["null"],
]


def test_a_malformed_answer_fails_that_host_alone(home: Home) -> None:
    for number, answers in enumerate(MALFORMED):
        host(home, f"bad{number}", answers)
    host(home, "poor", ["none"])
    hosts = [f"@bad{number}" for number in range(len(MALFORMED))]
    done = home.sesh("deploy", *hosts, "@poor", "--json", timeout=60)
    assert done.code == 1
    *bad, poor = done.json()["hosts"]
    said = [(each["error"]["code"], each["error"]["step"]) for each in bad]
    assert said == [("protocol", "detect_platform")] * len(MALFORMED)
    assert poor["error"]["step"] == "python"
    assert "no Python" in poor["error"]["message"]


@pytest.mark.parametrize(("rows", "length"), [(60_000, 12), (1, 2_000_000)], ids=["lines", "line"])
def test_a_host_that_prints_without_end_is_not_read_to_the_end(home: Home, rows: int, length: int) -> None:
    host(home, "bad", ["x" * length] * rows)
    done = home.sesh("deploy", "@bad", "--json", timeout=30)
    (row,) = done.json()["hosts"]
    assert (row["error"]["code"], row["error"]["step"]) == ("protocol", "detect_platform")
    assert "bad printed more than 1 MiB" in row["error"]["message"]


@pytest.mark.soak
def test_fabric_reads_no_more_than_ssh_does(here: Home, farm: Farm) -> None:
    farm.host("box", installed=False)
    way = next(carriers(Destination("box"), Stop(), []))
    try:
        assert type(way).__name__ == "FabricCarrier"
        with pytest.raises(ProtocolError, match="box printed more than"):
            way.run("yes >&2 & exec yes", 30)
    finally:
        way.close()
