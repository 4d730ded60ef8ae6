"""The commands on the pages about hosts work as they are printed, in the order in which they are printed."""

from __future__ import annotations

import re
import shlex
import signal
import subprocess

import pytest

from sesh.cli import parser
from sesh.cli.verbs import VERBS
from tests.house.source import read
from tests.remote.farm import Far, Farm
from tests.support import Home, Terminal

FOLLOWING = {"--events"}
"""Verbs that go on until they are stopped."""
GROUPS = re.search(r"```toml\n(.*?)```", read("docs/HOSTS.md"), re.DOTALL)
FAILS_ONCE = "#!/bin/sh\n! mkdir tried 2>/dev/null\n"


def section(page: str, heading: str) -> str:
    """A section of a page, up to the next heading of its level."""
    return read(page).partition(f"\n## {heading}\n")[2].partition("\n## ")[0]


def blocks(text: str) -> list[list[str]]:
    """The commands of each block, without their remarks."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)
    commands = [
        [re.split(r"\s{2,}#", line)[0].strip() for line in block.splitlines()] for lang, block in found if not lang
    ]
    return [[line for line in lines if line] for lines in commands]


def needs_a_terminal(line: str) -> bool:
    """Whether a command attaches, or follows."""
    if not line.startswith("sesh ") or "$" in line:
        return False
    split = parser.split(shlex.split(line)[1:])
    return (split.verb in FOLLOWING and "--log" not in split.words) or (split.row.attaches and bool(split.words))


def rest(terminal: Terminal) -> None:
    """Waits until the terminal shows something, and nothing more comes."""
    terminal.wait_until(lambda: terminal.text().strip() and not terminal.pump(0.3), timeout=30)


def stopped(home: Home, line: str) -> str:
    """Types a command that goes on, and leaves; why it did not work, empty if it did."""
    terminal = home.terminal(command=["sh", "-c", f"exec {line}"])
    rest(terminal)
    follows = any(verb in line for verb in FOLLOWING)
    terminal.type("\x03" if follows else "\x1c")
    good = (0, 130, 128 + signal.SIGINT) if follows else (0,)
    return "" if terminal.exit_code(20) in good else terminal.text()


def script(home: Home, lines: list[str]) -> str:
    """Types commands one after the other into one shell; why one did not work, empty if all did."""
    done = subprocess.run(
        ["sh", "-exc", "\n".join(lines)], env=home.env, cwd=home.path, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=200, check=False,
    )  # fmt: skip
    return "" if done.returncode == 0 else f"{done.returncode}: {done.stdout}{done.stderr}"


def failures(home: Home, commands: list[list[str]]) -> list[str]:
    """Types all commands of some blocks; what did not work."""
    found = []
    for block in commands:
        plain: list[str] = []
        for line in block:
            if not needs_a_terminal(line):
                plain.append(line)
                continue
            found += [script(home, plain), stopped(home, line)]
            plain = []
        found.append(script(home, plain))
    return [why for why in found if why]


def made(farm: Farm, *words: str) -> list[Far]:
    """Hosts on which no sesh has been yet, with what the pages' commands need."""
    farm.strict = farm.home.strict = False
    hosts = [farm.host(word, installed=False) for word in words]
    for far in hosts:
        far.write("src/project/Makefile", "test:\n\t@echo tested\n")
        far.write("repo/train.sh", "#!/bin/sh\necho trained\n", 0o755)
        far.write("update.sh", FAILS_ONCE, 0o755)
        far.write("backup.sh", "#!/bin/sh\necho saved\n", 0o755)
    return hosts


def gone(far: Far) -> bool:
    """Whether nothing that a deploy or a session has put on a host is there any more."""
    return not any(
        map(far.exists, (".sesh", ".local/bin/sesh", ".local/share/sesh/versions", ".local/state/sesh", ".cache/sesh"))
    )


# Each line starts a whole sesh, with deploys among them; what the verbs do has tests of its own.
@pytest.mark.soak
@pytest.mark.timeout(300)
def test_the_first_commands_for_a_host_and_its_removal_work_as_printed(home: Home, farm: Farm) -> None:
    [gpu] = made(farm, "gpu")
    commands = [block for heading in ("Deploy", "Use") for block in blocks(section("docs/REMOTE.md", heading))]
    assert sum(map(len, commands)) > 8
    assert failures(home, commands) == []
    assert gpu.exists(".local/bin/sesh")
    assert failures(home, blocks(section("docs/UNINSTALL.md", "On a host"))) == []
    assert gone(gpu)


@pytest.mark.soak
@pytest.mark.needs("jq")
@pytest.mark.timeout(400)
def test_the_commands_for_many_hosts_and_their_removal_work_as_printed(home: Home, farm: Farm) -> None:
    hosts = made(farm, "web1", "web2", "gpu")
    assert GROUPS is not None
    home.write(".config/sesh/config.toml", GROUPS[1])
    home.write("hosts.txt", "web1\nweb2\n")
    commands = blocks(read("docs/HOSTS.md"))
    assert sum(map(len, commands)) > 15
    assert failures(home, commands) == []
    assert failures(home, blocks(section("docs/UNINSTALL.md", "On all hosts"))) == []
    assert all(map(gone, hosts))


def test_the_page_names_each_verb_that_takes_several_hosts() -> None:
    text = section("docs/HOSTS.md", "Which verbs take several hosts").partition("\n\n")[0]
    assert set(re.findall(r"`(--[\w-]+)`", text)) == {verb.name for verb in VERBS if verb.several}
