"""Every command of the README works as it is printed, in the order in which it is printed."""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess

import pytest

from sesh.cli import parser
from tests.remote.farm import Far, Farm
from tests.support import ROOT, Home, Terminal

FOLLOWING = ("--events", "--record", "--watch")
"""Verbs that go on until they are stopped."""
PROJECT = {
    "Makefile": "all:\n\t@echo made\nserve:\n\t@echo listening on port 8000; exec sleep 600\n",
    "src/main.c": "int main(void) { return 0; }\n",
}


def lines(last: str) -> list[str]:
    """The commands in the README's blocks, all or up to that one, each without its remark; without installing."""
    with open(os.path.join(ROOT, "README.md"), encoding="utf-8") as page:
        text = page.read()
    blocks = re.findall(r"^```(\w*)\n(.*?)^```$", text.partition("\n## Start\n")[2], re.DOTALL | re.MULTILINE)
    typed = "".join(block for language, block in blocks if not language)
    found = [re.split(r"\s{2,}#", line)[0].strip() for line in typed.splitlines()]
    wanted = [line for line in found if line]
    return wanted[: wanted.index(last) + 1] if last else wanted


def argv(line: str) -> list[str]:
    return shlex.split(line.partition(" > ")[0])[1:]


def project(place: Home | Far) -> None:
    """A repository in the home of a person."""
    for name, text in PROJECT.items():
        place.write(f"src/project/{name}", text)


def rest(terminal: Terminal) -> None:
    """Waits until the terminal shows something, and nothing more comes."""
    terminal.wait_until(lambda: terminal.text().strip() and not terminal.pump(0.3), timeout=20)


def carry_out(home: Home, line: str) -> str:
    """Types a command as a person does, and leaves what it leads to; why it did not work, empty where it did."""
    words = argv(line)
    split = parser.split(words)
    if split.verb == "--pick" or (split.row.attaches and (split.words or split.verb in ("--new", "--here"))):
        terminal = home.terminal(command=["sh", "-c", line])
        if split.verb == "--pick":
            rest(terminal)
            terminal.type("\r")
        rest(terminal)
        terminal.type("\x1c")
        return "" if terminal.exit_code(20) == 0 else terminal.text()
    if split.verb in FOLLOWING:
        following = home.terminal(command=["sh", "-c", f"exec {line}"])
        following.wait_until(lambda: not following.pump(0.5))
        assert following.alive, following.text()
        following.type("\x03")
        return "" if following.exit_code() in (0, 130, 128 + signal.SIGINT) else following.text()
    done = subprocess.run(
        ["sh", "-c", line], env=home.env, cwd=home.path, stdin=subprocess.DEVNULL, capture_output=True, text=True,
        timeout=90, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else f"{done.returncode}: {done.stdout}{done.stderr}"


@pytest.mark.parametrize(
    "last",
    [
        "sesh --kill web",
        # Each line starts a whole sesh, with a whole deploy among them; what the verbs do has tests of its own.
        pytest.param("", id="all", marks=[pytest.mark.thorough, pytest.mark.timeout(300)]),
    ],
)
def test_every_command_of_the_readme_works_as_it_is_printed(home: Home, farm: Farm, last: str) -> None:
    wanted = lines(last)
    project(home)
    if any("@" in line for line in wanted):
        prepare(home, farm)
    failed = {line: why for line in wanted if (why := carry_out(home, line))}
    assert failed == {}


def prepare(home: Home, farm: Farm) -> None:
    """The hosts of the README, and what its lines take for granted there and here."""
    farm.strict = home.strict = False
    gpu = farm.host("gpu", installed=False)
    hosts = [gpu, farm.host("a"), farm.host("b")]
    for far in hosts:
        project(far)
    subprocess.run(["git", "init", "-q", f"{home.path}/src/project"], check=True, env=home.env)
    for far in hosts[1:]:
        far.run("git init -q src/project")
        far.sesh("--open", "work", f"{far.home}/src/project")
    gpu.write("repo/train.sh", "#!/bin/sh\necho trained\n", 0o755)
    home.write("Makefile", PROJECT["Makefile"])
    home.write(".config/sesh/config.toml", '[groups]\nweb = ["@a", "@b"]\n')
