"""Text with `--enter` where a program asks for text gets its Enter, whatever stands around the place."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from tests.support import Result, menus, wait_until

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/syscall"), reason="this kernel does not say who reads")

Sesh = Callable[..., Result]


def _opened(sesh: Sesh, shown: str, *command: str) -> None:
    assert sesh("--open", "asks", "--", *command).code == 0
    wait_until(lambda: shown.rstrip() in sesh("--screen", "asks").stdout)


@pytest.mark.parametrize("kind", ["gum", "secret"])
def test_a_prompt_for_text_gets_its_enter(sesh: Sesh, kind: str) -> None:
    _opened(sesh, menus.TEXTS[kind], sys.executable, menus.__file__, f"text: {kind}")
    sent = sesh("--send", "asks", "my-app", "--enter", "--json")
    assert sent.code == 0
    wait_until(lambda: "GOT [my-app]" in sesh("--screen", "asks").stdout)


def test_a_line_that_a_program_asks_for_gets_its_enter(sesh: Sesh) -> None:
    """It reads by readline, and what it shows looks like an entry of a menu."""
    _opened(sesh, ">", "bash", "-c", "read -e -p '> ' x; echo \"GOT [$x]\"; cat")
    assert sesh("--send", "asks", "red", "--enter").code == 0
    wait_until(lambda: "GOT [red]" in sesh("--screen", "asks").stdout)
