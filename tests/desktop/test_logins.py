"""Logins of programs on a machine without a browser come home: to the port on which each listens there."""

from __future__ import annotations

import re
import shlex
import urllib.error
import urllib.request
from pathlib import Path
from threading import Thread

import pytest

from bench.agents.real_agents import prepare
from tests.desktop.machines import Person, need_npm, redirection
from tests.support import PROMPT

pytestmark = pytest.mark.soak


def answer(person: Person, address: str) -> str:
    """Return what the listener of a login says to a browser that comes back; meanwhile the person's terminal lives."""
    got: list[str] = []

    def ask() -> None:
        try:
            with urllib.request.build_opener(_Stays).open(address, timeout=60) as page:
                got.append(f"{page.status} {page.read().decode()}")
        except urllib.error.HTTPError as error:
            got.append(f"{error.code} {error.headers.get('Location', '')} {error.read().decode()}")
        except OSError as error:
            got.append(str(error))

    Thread(target=ask, daemon=True).start()
    return person.terminal.wait_until(lambda: got[0] if got else "", f"an answer from {address}")


class _Stays(urllib.request.HTTPRedirectHandler):
    """Follows no redirection: it leads to a page of the world."""

    def redirect_request(self, *_: object) -> None:
        return None


def test_claude_code_hears_of_its_login(person: Person) -> None:
    person.runs(need_npm(".bin/claude"), "auth", "login")
    address = person.opened()
    assert address.startswith("https://claude.com/")
    assert answer(person, redirection(address, code="1234")).startswith("200 Sign-in was")
    person.terminal.wait_for("Couldn't log in: getaddrinfo")  # it has the code, and asks its maker


def test_codex_hears_of_its_login(person: Person) -> None:
    person.runs(need_npm(".bin/codex"), "login")
    address = person.opened()
    assert address.startswith("https://auth.openai.com/")
    assert "<title>Codex Sign-in Error" in answer(person, redirection(address, code="1234"))


def test_gemini_cli_hears_of_its_login(person: Person) -> None:
    need_npm(".bin/gemini")
    words, variables, folder = prepare("gemini", person.far.path, 1)
    settings = Path(person.far.path, ".gemini/settings.json")
    settings.write_text(settings.read_text().replace("gemini-api-key", "oauth-personal"))
    own = {name: value for name, value in variables.items() if "GEMINI_API" not in name and "BASE_URL" not in name}
    person.runs(*words, folder=folder, **own)
    person.terminal.wait_for("Sign in with Google")
    person.terminal.type("\r")
    person.terminal.wait_for("Do you want to continue?")
    person.terminal.type("\r")
    address = person.opened()
    assert address.startswith("https://accounts.google.com/")
    assert answer(person, redirection(address, code="1234")).startswith("301 https://developers.google.com/")
    person.terminal.wait_for("Failed to exchange authorization code")


def test_a_login_that_opencode_only_prints_comes_home_by_a_verb(person: Person) -> None:
    """It opens no page itself: its person has `sesh browse` open the address, in another session of that machine."""
    terminal = person.terminal
    person.runs(need_npm("opencode-linux-x64/bin/opencode"), "auth", "login")
    terminal.wait_for("Select provider")
    terminal.type("openai")
    terminal.wait_for("● OpenAI")
    terminal.type("\r")
    terminal.wait_for("(browser)")
    terminal.type("\r")
    found = terminal.wait_for_raw(re.compile(rb"https://auth\.openai\.com/\S+originator=opencode"))
    address = found[0].decode()
    other = person.near.terminal("@far", "other", env=person.variables, columns=110, answers=True)
    other.wait_for(PROMPT)
    other.type(f"{shlex.join([*person.far.command, 'browse', address])}\r")
    assert person.opened() == address
    other.wait_until(lambda: answer(person, redirection(address, code="1234")), "the listener of OpenCode answers")
