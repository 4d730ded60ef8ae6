"""Settings: what is wrong in the file is said, and keeps nobody from a session; the page about it is right."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

import pytest

from sesh import config
from tests.support import PROMPT, Home, Result

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
Sesh = Callable[..., Result]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("relay = 5\n", "config.toml:1:1: unknown key relay"),
        ("persist = true\n[hooks]\n  on_bel = 'x'\n", "config.toml:3:3: unknown key on_bel"),
        ("detach_key = 'C-b d\n", "config.toml:"),
        ("persist = 'no'\n[groups]\nweb = 3\n", "config.toml:1:1: persist must be true or false"),
    ],
)
def test_a_mistake_is_one_line_with_its_place_and_no_failure_to_attach(home: Home, text: str, place: str) -> None:
    home.write(".config/sesh/config.toml", text)
    terminal = home.terminal("work")
    terminal.wait_for(PROMPT)
    # The first screen covers the lines, and this one goes again after seconds.
    terminal.wait_for_raw(b" config.toml has errors; `sesh --doctor` shows them")
    terminal.type("echo here $((1+1))\r")
    terminal.wait_for("here 2")
    assert terminal.raw.count(place.encode()) == 1
    terminal.type("exit\r")
    assert terminal.exit_code() == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ("--open work -- cat", 0),
        ("--new -d -- cat", 0),
        ("--exec --print --json -- true", 0),
        ("@all --run work -- true", 1),
        ("--deploy @all", 1),
    ],
)
def test_a_mistake_is_said_once_by_each_verb_that_reads_the_file(sesh: Sesh, home: Home, words: str, code: int) -> None:
    remotes = "".join(f'[remotes.{name}]\nvia = "false"\n' for name in ("one", "two"))
    home.write(".config/sesh/config.toml", f'relay = 5\n[groups]\nall = ["one", "two"]\n{remotes}')
    done = sesh(*words.split(), timeout=30)
    assert (done.code, done.stderr.count("config.toml:1:1: unknown key relay")) == (code, 1), done.stderr
    assert done.stdout.count("config.toml") == 0


def test_the_page_names_every_key_with_its_default_and_its_example_holds(home: Home) -> None:
    with open(os.path.join(ROOT, "docs", "CONFIG.md"), encoding="utf-8") as page:
        text = page.read()
    example = re.findall(r"```toml\n(.*?)```", text, re.DOTALL)[0]
    path = home.write("config.toml", example)
    found, default = config.load(path), config.Config(path)
    assert found.warnings == []
    assert found.detach_key == "C-\\"
    assert (found.replay_lines, found.persist) == (default.replay_lines, default.persist)
    assert set(found.hooks) == set(config.HOOKS)
    assert all(key in text for key in (*config.KEYS, *config.HOOKS))
