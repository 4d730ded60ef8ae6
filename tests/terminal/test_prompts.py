"""The segments for prompts in docs/SHELL.md do what it says: the session's name inside, nothing outside, no process."""

from __future__ import annotations

import os
import re

import pytest

from tests.support import PROMPT, ROOT, Home, Terminal, need

STARTUP = {"bash": ".bashrc", "zsh": ".zshrc", "fish": ".config/fish/config.fish"}


def segment(shell: str) -> str:
    """The page's first block for a shell."""
    with open(os.path.join(ROOT, "docs", "SHELL.md"), encoding="utf-8") as page:
        found = re.search(rf"```{shell}\n(.*?)```", page.read(), re.DOTALL)
    assert found is not None
    return found[1]


@pytest.mark.parametrize("shell", list(STARTUP))
def test_the_prompt_names_the_session_inside_and_nothing_outside(home: Home, shell: str) -> None:
    home.env["SHELL"] = need(shell)
    path = os.path.join(home.path, STARTUP[shell])
    with open(path, "a", encoding="utf-8") as file:
        file.write("\n" + segment(shell))
    terminal = home.terminal("work")
    terminal.wait_for(f"[work] {PROMPT}")
    terminal.type("exit\r")
    assert terminal.exit_code() == 0
    with Terminal([home.env["SHELL"], "-i"], env=home.env, cwd=home.path) as outside:
        outside.wait_for(PROMPT)
        assert "[" not in outside.text().partition(PROMPT)[0]


def test_no_segment_starts_a_process() -> None:
    for shell in STARTUP:
        assert not re.search(r"\$\((?!\()|`|\(sesh|\bsesh ", segment(shell)), shell
