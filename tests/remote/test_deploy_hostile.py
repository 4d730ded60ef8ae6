"""Hosts that lie while they are deployed to: their words are text, what is malformed fails that host alone."""

from __future__ import annotations

import json
import os
import platform
import sys

import pytest

from sesh.errors import ProtocolError
from sesh.remote.deploy.deploy import connect
from sesh.remote.ssh.destination import Destination
from tests.remote.farm import Farm
from tests.support import Home

PROGRAM = """#!{python} -IS
import base64, json, re, sys
line = sys.argv[-1]
if "uname" in line:
    token = re.search('echo "([0-9a-f]{{16}}) system', line)[1]
    rows = {survey!r}
else:
    token = json.loads(base64.b64decode(line.split()[-1].strip("'\\"")))["token"]
    rows = {answers!r}
for row in rows:
    print(token, row)
"""
ATTACK = "\x1b]52;c;cHdu\x1b\\\x1b]0;PWN\x07[link=https://evil/]here[/link][/nope]"
VERSION = platform.python_version()
SURVEY = [
    f"system {os.uname().sysname}",
    f"machine {os.uname().machine}",
    f"python Python {VERSION}|fit {VERSION} /usr/bin/python3|/usr/bin/python3",
    "end",
]
LOOKED = {"path": "/x", "whole": False, "program": "missing", "scratch": "/x"}


def host(home: Home, word: str, survey: list[str], answers: list[object] | None = None) -> None:
    """Name a host that gives these rows for answers."""
    rows = [each if isinstance(each, str) else json.dumps(each) for each in answers or []]
    text = PROGRAM.format(python=sys.executable, survey=survey, answers=rows)
    path = home.write(f"bin/via-{word}", text, 0o755)
    settings = os.path.join(home.path, ".config/sesh/config.toml")
    before = ""
    if os.path.exists(settings):
        with open(settings, encoding="utf-8") as file:
            before = file.read()
    home.write(".config/sesh/config.toml", f'{before}[remotes.{word}]\nvia = "{path}"\n')


@pytest.mark.parametrize(
    ("survey", "answers"),
    [
        ([*SURVEY[:-2], f"python {ATTACK}|{ATTACK}|{ATTACK}", "end"], []),
        (SURVEY, [{"failed": {"step": "unpack", "reason": ATTACK, "stderr": ATTACK}}]),
        (SURVEY, [{"failed": {"step": "unpack", "reason": "x" * 10_000, "stderr": ""}}]),
        (SURVEY, [{"failed": {"step": ATTACK, "reason": "full", "stderr": ""}}]),
        (SURVEY, [{"done": {**LOOKED, "scratch": f"/{ATTACK}"}}]),
    ],
    ids=["python", "reason", "long", "step", "path"],
)
def test_a_hosts_words_are_one_line_of_text_in_the_progress_display(
    home: Home, survey: list[str], answers: list[object]
) -> None:
    host(home, "box", survey, answers)
    terminal = home.terminal("--deploy", "@box", columns=300)
    assert terminal.exit_code() == 1
    for sequence in (b"\x1b]", b"PWN\x07", b"internal error"):
        assert sequence not in terminal.raw
    rows = [row for row in terminal.text().splitlines() if row.strip()]
    assert len(rows) == 1
    assert "failed (" in rows[0]
    assert len(rows[0]) < 280


MALFORMED: list[list[object]] = [
    ["no json"],
    ["[1]"],
    ["9" * 5_000],
    ["[" * 5_000],
    [{"failed": {"step": "unpack"}}],
    [{"failed": "full"}],
    [{"failed": {"step": "reboot", "reason": "full", "stderr": ""}}],
    [{"failed": {"step": ["unpack"], "reason": "full", "stderr": ""}}],
    [{"done": {"path": "/x"}}],
    [{"done": {**LOOKED, "whole": "no"}}],
    [{"done": {**LOOKED, "program": ["none"]}}],
    [{"done": None}],
]


def test_a_malformed_answer_fails_that_host_alone(home: Home) -> None:
    for number, answers in enumerate(MALFORMED):
        host(home, f"bad{number}", SURVEY, answers)
    host(home, "poor", [*SURVEY[:2], "end"])
    hosts = [f"@bad{number}" for number in range(len(MALFORMED))]
    done = home.sesh("--deploy", *hosts, "@poor", "--json", timeout=60)
    assert done.code == 1
    *bad, poor = done.json()["hosts"]
    said = [(each["error"]["code"], each["error"]["step"]) for each in bad]
    assert said == [("protocol", "python")] * len(MALFORMED)
    assert poor["error"]["step"] == "python"
    assert "no Python" in poor["error"]["message"]


@pytest.mark.parametrize(("rows", "length"), [(60_000, 12), (1, 2_000_000)], ids=["lines", "line"])
def test_a_host_that_prints_without_end_is_not_read_to_the_end(home: Home, rows: int, length: int) -> None:
    host(home, "bad", ["x" * length] * rows)
    done = home.sesh("--deploy", "@bad", "--json", timeout=30)
    (row,) = done.json()["hosts"]
    assert (row["error"]["code"], row["error"]["step"]) == ("protocol", "detect_platform")
    assert "bad printed more than 1 MiB" in row["error"]["message"]


def test_fabric_reads_no_more_than_ssh_does(here: Home, farm: Farm) -> None:
    farm.host("box", installed=False)
    way = connect(Destination("box"))
    try:
        assert way.name == "fabric"
        with pytest.raises(ProtocolError, match="box printed more than"):
            way.run("yes >&2 & exec yes")
    finally:
        way.close()
