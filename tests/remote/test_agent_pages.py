"""Each command of the page for agents works as it stands in the raw file, in the order in which it stands there."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.remote.farm import Farm
from tests.support import ROOT, Home

PAGE = "docs/AGENTS.md"
INSIDE = "sesh --state "
"""What is typed in a session of the agent's own."""
SAYS = {
    "sesh --run work -- 'echo \"$PWD $x\"'": "/ 1\n",
    "sesh --wait ask --waiting --timeout 60": "waiting: go on?\n",
    "sesh --wait --label team=mine --waiting --any --timeout 60": "task-3: waiting: may I run: make test?\n",
    "sesh --wait build --exit --timeout 60": "exit: 0\n",
    "sesh --wait work --for '^42$' --timeout 60": "for: 42\n",
    "sesh @gpu --run train -- uname": f"{os.uname().sysname}\n",
}
"""What a remark beside the command, or the text before it, promises."""


def commands() -> list[str]:
    """The commands of the page as they stand in it: the lines of its blocks, and what its text shows as a command."""
    with open(os.path.join(ROOT, PAGE), encoding="utf-8") as file:
        text = file.read()
    found: list[str] = []
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced:
            found += [line.strip()] if line.strip() else []
        else:
            found += [each for each in re.findall(r"`(sesh [^`]*)`", line) if re.search(r" [-@]", each)]
    return found


def test_no_command_is_written_for_readers_of_the_rendered_page_alone() -> None:
    """In a table a bar is written as `\\|`, which a shell takes for the character."""
    found = commands()
    assert len(found) > 20
    assert [line for line in found if "\\|" in line or "…" in line or not re.match(r"(timeout \d+ )?sesh ", line)] == []


def test_the_skill_is_named_and_described_as_skills_are(home: Home) -> None:
    """agentskills.io/specification: a name as that of its folder, and a description of at most 1,024 characters."""
    text = home.sesh("--skill").stdout
    with open(os.path.join(ROOT, PAGE), encoding="utf-8") as page:
        assert text == page.read()
    head = re.match(r"---\nname: (.*)\ndescription: (.*)\n---\n\n# ", text)
    assert head is not None
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", head[1])
    assert 100 < len(head[2]) <= 1024
    assert ": " not in head[2]  # or YAML would want quotes
    assert len(text.splitlines()) < 150
    assert home.sesh("--skill", "--json").json() == {"skill": text}
    os.symlink(home.command[-1], f"{home.path}/bin/sesh-mux")
    other = subprocess.run(["sesh-mux", "--skill"], env=home.env, capture_output=True, text=True, check=True).stdout
    assert other == re.sub(r"\bsesh (?=[-@])", "sesh-mux ", text)
    assert "sesh-mux --open work" in other


@pytest.mark.timeout(300)
@pytest.mark.usefixtures("light")
def test_every_command_works_as_it_stands_in_the_raw_file(home: Home, farm: Farm) -> None:
    for word in ("gpu", "a", "b"):
        farm.host(word, installed=word != "gpu")
    home.sesh("--open", "own")
    failed, said = {}, {}
    for line in commands():
        own = line.startswith(INSIDE)
        words = [*home.command, "--run", "own", "--", line] if own else ["bash", "-c", f"set -o pipefail; {line}"]
        done = subprocess.run(
            words, env=home.env, cwd=home.path, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=120,
            check=False,
        )  # fmt: skip
        said[re.split(r"\s{2,}#|\s#\s", line)[0].strip()] = done.stdout
        if done.returncode not in ((0, 124, 141) if " | grep -" in line else (0,)):
            failed[line] = f"{done.returncode}: {done.stdout[-500:]}{done.stderr}"
    assert failed == {}
    assert {line: said[line] for line in SAYS} == SAYS
