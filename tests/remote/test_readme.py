"""Every command of the README works as it is printed, in the order in which it is printed, on a fresh account."""

from __future__ import annotations

import importlib.metadata
import os
import re
import shlex
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sesh.cli import parser
from tests.remote.farm import Farm
from tests.support import PROMPT, ROOT, Home, Terminal
from tests.support.distribution import NOWHERE, copied, pack, wheelhouse

FOLLOWING = ("--events", "--record", "--watch")
"""Verbs that go on until they are stopped."""
CHOOSING = {"--pick": "\r"}
"""Verbs that ask, with the answer."""
DETACH = "\x1c"
FOUND = 'export PATH="$HOME/.local/bin:$PATH"'
"""What stands before the path of programs from then on."""
SUITE = "make test"
"""The one line that is left out: it runs this test."""


def blocks() -> list[str]:
    """The command blocks of the README, in their order."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as page:
        return re.findall(r"^```\n(.*?)^```$", page.read(), re.DOTALL | re.MULTILINE)


def lines(block: str) -> list[str]:
    """The commands of a block, each without its remark."""
    commands = [re.split(r"\s{2,}#", line)[0].strip() for line in block.splitlines()]
    return [command for command in commands if command]


def rest(terminal: Terminal) -> None:
    """Waits until the terminal shows something, and nothing more comes."""
    terminal.wait_until(lambda: terminal.text().strip() and not terminal.pump(0.3), timeout=20)


def carry_out(home: Home, line: str, cwd: str) -> str:
    """Types a command as a person does, and leaves what it leads to; why it did not work, empty where it did."""
    if line.startswith("make run"):
        terminal = home.terminal(command=["sh", "-c", line], cwd=cwd)
        terminal.wait_until(lambda: PROMPT in terminal.text(), timeout=300)
        terminal.type(DETACH)
        return "" if terminal.exit_code(20) == 0 else terminal.text()
    words = shlex.split(line)[1:] if line.startswith("sesh") else ["--list"]
    split = parser.split(words)
    if split.verb in CHOOSING or (split.row.attaches and (split.words or split.verb in ("--next", "--here"))):
        terminal = home.terminal(command=["sh", "-c", line], cwd=cwd)
        rest(terminal)
        if split.verb in CHOOSING:
            terminal.type(CHOOSING[split.verb])
            rest(terminal)
        terminal.type(DETACH)
        return "" if terminal.exit_code(20) == 0 else terminal.text()
    if split.verb in FOLLOWING:
        following = home.terminal(command=["sh", "-c", f"exec {line}"], cwd=cwd)
        following.wait_until(lambda: not following.pump(0.5))
        assert following.alive, following.text()
        following.type("\x03")
        return "" if following.exit_code() in (0, 130, 128 + signal.SIGINT) else following.text()
    done = subprocess.run(
        ["sh", "-c", line], env=home.env, cwd=cwd, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=600, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else f"{done.returncode}: {done.stdout}{done.stderr}"


def carry_out_all(home: Home, commands: list[str], cwd: str) -> dict[str, str]:
    """Carries out commands one after the other; why each that did not work did not."""
    failed = {}
    for command in commands:
        if command.startswith("cd "):
            cwd = os.path.join(cwd, command[3:])
        elif command == FOUND:
            home.env["PATH"] = f"{home.path}/.local/bin:{home.env['PATH']}"
        elif why := carry_out(home, command, cwd):
            failed[command] = why
    return failed


def hosts(farm: Farm, home: Home) -> None:
    """The hosts that the README names, as they are before sesh has been there."""
    farm.strict = home.strict = False
    for name in ("gpu", "a", "b"):
        farm.host(name, installed=False)


def test_the_five_commands_of_the_readme_work_as_they_are_printed(home: Home) -> None:
    home.write("Makefile", "all:\n\t@echo made\n")
    assert carry_out_all(home, lines(blocks()[1]), home.path) == {}


# Each line starts a whole sesh, with deploys among them; what the verbs do has tests of its own.
@pytest.mark.soak
@pytest.mark.timeout(600)
def test_every_command_of_the_readme_works_on_a_fresh_account(home: Home, farm: Farm, tmp_path: Path) -> None:
    clone, *others = (lines(block) for block in blocks())
    hosts(farm, home)
    published(home, clone[0], tmp_path)
    offline(home, tmp_path / "wheels")
    home.command = [f"{home.path}/.local/bin/sesh"]
    os.unlink(f"{home.path}/bin/sesh")
    del home.env["SESH_DIR"]
    commands = [command for command in clone if command != SUITE]
    assert len(commands) == len(clone) - 1
    assert carry_out_all(home, commands, home.path) == {}
    for block in others:
        assert carry_out_all(home, block, f"{home.path}/sesh") == {}


def published(home: Home, line: str, folder: Path) -> None:
    """A repository with this checkout, which git finds at the address of the README's line."""
    address = re.fullmatch(r"git clone (https://\S+/sesh)", line)
    assert address is not None
    source = copied(folder / "published")
    found_here = f'[url "{source}"]\n\tinsteadOf = {address[1]}\n'
    home.write(".gitconfig", f"{found_here}[user]\n\tname = x\n\temail = x@localhost\n")
    for words in (["init", "-q"], ["add", "--all"], ["commit", "-q", "-m", "sesh"]):
        subprocess.run(["git", *words], cwd=source, env=home.env, check=True)


def offline(home: Home, folder: Path) -> None:
    """The packages that sesh needs, without a network."""
    folder.mkdir()
    pack(importlib.metadata.distribution("setuptools"), wheelhouse(folder))
    home.env |= {
        "PIP_CONFIG_FILE": os.devnull, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "https_proxy": NOWHERE,
        "PYTHON": sys.executable,
    }  # fmt: skip
