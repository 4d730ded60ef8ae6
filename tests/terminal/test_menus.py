"""Text with `--enter` where a menu stands: it gets no Enter, which would choose an entry; a prompt for text gets it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest

from tests.support import Result, menus, wait_until

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/syscall"), reason="this kernel does not say who reads")

Sesh = Callable[..., Result]
OFTEN = ("inquirer", "prompts, one entry", "clack", "gum")


def _opened(sesh: Sesh, shown: str, *command: str) -> None:
    assert sesh("--open", "asks", "--", *command).code == 0
    wait_until(lambda: shown.rstrip() in sesh("--screen", "asks").stdout)


@pytest.mark.parametrize(
    "kind", [pytest.param(kind, marks=[] if kind in OFTEN else pytest.mark.soak) for kind in menus.MENUS]
)
def test_a_menu_gets_no_enter(sesh: Sesh, kind: str) -> None:
    """Its first entry was chosen, with exit code 0, whatever the text named."""
    _opened(sesh, menus.MENUS[kind], sys.executable, menus.__file__, kind)
    sent = sesh("--send", "asks", "Vue", "--enter", "--json")
    error = sent.json()["error"]
    assert (sent.code, error["code"], error["typed"]) == (1, "refused", True)
    assert "it shows a menu, and not the text, and it got no Enter" in error["message"]
    assert "CHOSEN" not in sesh("--screen", "asks").stdout
    assert sesh("--send", "asks", "--key", "Enter").code == 0
    wait_until(lambda: "CHOSEN" in sesh("--screen", "asks").stdout)


@pytest.mark.parametrize("kind", menus.TEXTS)
def test_a_prompt_for_text_gets_its_enter(sesh: Sesh, kind: str) -> None:
    _opened(sesh, menus.TEXTS[kind], sys.executable, menus.__file__, f"text: {kind}")
    sent = sesh("--send", "asks", "my-app", "--enter", "--json")
    assert (sent.code, sent.json()["submitted"]) == (0, None if kind == "secret" else True)
    assert "GOT [my-app]" in sesh("--screen", "asks").stdout


@pytest.mark.parametrize(
    "command",
    [
        ("bash", "-c", "read -p '? Name: ' x; echo \"GOT [$x]\"; cat"),
        ("bash", "-c", "read -e -p '> ' x; echo \"GOT [$x]\"; cat"),
        (sys.executable, "-c", "print('Choose:\\n> red\\n  blue'); print(f'GOT [{input()}]'); input()"),
    ],
    ids=["read", "read -e", "input"],
)
def test_a_line_that_a_program_asks_for_gets_its_enter(sesh: Sesh, command: tuple[str, ...]) -> None:
    _opened(sesh, "", *command)
    assert sesh("--wait", "asks", "--waiting", "--timeout", "20").code == 0
    assert sesh("--send", "asks", "red", "--enter").code == 0
    wait_until(lambda: "GOT [red]" in sesh("--screen", "asks").stdout)
