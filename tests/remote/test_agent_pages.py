"""Each command of the pages for agents works as it stands in the raw file, in the order in which it stands there."""

from __future__ import annotations

import os
import re
import subprocess

import pytest

from tests.remote.farm import Farm
from tests.support import ROOT, Home

SKILL, AGENTS = "sesh/cli/skill.md", "docs/AGENTS.md"
CLAUDE = "#!/bin/sh\nwhile :; do printf 'may I run: make test? '; read answer; echo answered $answer; done\n"
MAKEFILE = (
    "test:\n\t@echo tested\nall:\n\t@echo made\nserve:\n\t@echo listening on port 8000; exec sleep 600\n"
    ".PHONY: test all serve\n"
)
INSIDE = "sesh --state "
"""What is typed in a session of the agent's own."""
SAYS = {
    "sesh --run work --timeout 120 -- 'cd src && make test'": "tested\n",
    "sesh --run work -- 'echo \"$PWD $x\"'": "/ 1\n",
    "sesh --wait ask --waiting --timeout 60": "waiting: go on?\n",
    "sesh --wait task-3 --waiting --timeout 60": "waiting: may I run: make test?\n",
    "sesh --wait build --exit --timeout 60": "exit: 0\n",
    "sesh --wait work --for '^42$' --timeout 60": "for: 42\n",
    "sesh @gpu --run train -- nvidia-smi": "one card\n",
}
"""What a remark beside the command, or the text before it, promises."""


def commands(page: str) -> list[str]:
    """The commands of a page as they stand in it: the lines of its blocks, and what its text shows as a command."""
    with open(os.path.join(ROOT, page), encoding="utf-8") as file:
        text = file.read()
    found: list[str] = []
    fenced = False
    for line in text.splitlines():
        if line.startswith("```"):
            fenced = not fenced
        elif fenced or line.startswith("    "):
            found += [line.strip()] if line.strip() else []
        else:
            found += [each for each in re.findall(r"`(sesh [^`]*)`", line) if re.search(r" [-@]", each)]
    return found


@pytest.mark.parametrize("page", [SKILL, AGENTS])
def test_no_command_is_written_for_readers_of_the_rendered_page_alone(page: str) -> None:
    """In a table a bar is written as `\\|`, which a shell takes for the character."""
    found = commands(page)
    assert len(found) > 20
    assert [line for line in found if "\\|" in line or "…" in line or not re.match(r"(timeout \d+ )?sesh ", line)] == []


def test_the_skill_is_named_and_described_as_skills_are(home: Home) -> None:
    """agentskills.io/specification: a name as that of its folder, and a description of at most 1,024 characters."""
    text = home.sesh("--skill").stdout
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


@pytest.mark.needs("jq", "make")
@pytest.mark.timeout(300)
@pytest.mark.usefixtures("light")
@pytest.mark.parametrize("page", [SKILL, AGENTS])
def test_every_command_works_as_it_stands_in_the_raw_file(home: Home, farm: Farm, page: str) -> None:
    for word in ("gpu", "a", "b"):
        far = farm.host(word, installed=word != "gpu" or page == AGENTS)
        far.write("check.sh", "#!/bin/sh\necho checked\n", 0o755)
        far.write(".bashrc", f"{far.read('.bashrc')}nvidia-smi() {{ echo one card; }}\n")
    home.write("bin/claude", CLAUDE, 0o755)
    home.write("repo/src/Makefile", MAKEFILE)
    home.sesh("--open", "own")
    failed, said = {}, {}
    for line in commands(page):
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
    for line, text in SAYS.items():
        assert said.get(line, text) == text, line
    assert sum(line in said for line in SAYS) >= 3
