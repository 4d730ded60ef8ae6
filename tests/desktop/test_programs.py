"""Real programs, each in a session of a machine without a display, reach the clipboard and the browser of this one."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from bench.agents.model_service import ANSWER
from bench.agents.real_agents import AGENTS, prepare
from tests.desktop.displays import X11, picture
from tests.desktop.machines import Machine, Person, need_npm, need_python
from tests.support import need, wait_until

pytestmark = pytest.mark.soak
PORT = 8730
WORD = "Look"
#: gemini asks for a picture only if this says of which kind the display is, which a login over ssh does not.
X11_SESSION = {"XDG_SESSION_TYPE": "x11"}


@dataclass
class Agent:
    """An agent that runs in the person's session, and takes keys."""

    person: Person
    log: Path

    def prompts(self) -> list[dict[str, Any]]:
        """Return what its model has been told, one by one."""
        return [json.loads(line) for line in self.log.read_text().splitlines()] if self.log.exists() else []


Start = Callable[..., Agent]


@pytest.fixture
def agent(far: Machine, person: Person) -> Iterator[Start]:
    """`agent("claude")` starts one, with a stand-in for its model on the other machine."""
    log = Path(far.root, "prompts")
    service = far.begin(sys.executable, "-m", "bench.agents.model_service", str(PORT), str(log))

    def start(name: str, **variables: str) -> Agent:
        need_npm(AGENTS[name].program.removeprefix("node_modules/"))
        words, needed, folder = prepare(name, far.path, PORT)
        person.runs(*words, folder=folder, **needed, **variables)
        person.terminal.wait_for(re.compile(AGENTS[name].ready))
        for end in range(len(WORD)):
            # What is shown has been taken: some lose the keys of their first seconds, some take a burst for a paste.
            person.terminal.type(WORD[end])
            person.terminal.wait_for(re.compile(rf"[>›❯┃]\s+{WORD[: end + 1]}"))
        return Agent(person, log)

    yield start
    service.terminate()
    service.wait()


@pytest.mark.parametrize(
    ("name", "shown", "variables"),
    [
        pytest.param("claude", "[Image #1]", {}, id="claude"),
        pytest.param("opencode", "[Image 1]", {}, id="opencode"),
        pytest.param("gemini", "[Image ", X11_SESSION, id="gemini-in-an-x11-session"),
        pytest.param("gemini", "[Image ", {"XDG_SESSION_TYPE": "wayland"}, id="gemini-in-a-wayland-session"),
    ],
)
def test_an_agent_gets_the_picture_of_the_clipboard_by_ctrl_v(
    agent: Start, x11: X11, name: str, shown: str, variables: dict[str, str]
) -> None:
    data = picture(64)
    x11.put(data, "image/png")
    began = agent(name, **variables)
    terminal = began.person.terminal
    terminal.type("\x16")
    terminal.wait_for(shown)
    digest = hashlib.sha256(data).hexdigest()
    if name == "claude":
        terminal.type("\r")
        wait_until(lambda: any(digest in each["pictures"] for each in began.prompts()), "its model has the picture")
    elif name == "gemini":
        (saved,) = Path(began.person.far.path, ".gemini/tmp/project/images").iterdir()
        assert hashlib.sha256(saved.read_bytes()).hexdigest() == digest


@pytest.mark.parametrize("name", ["opencode", "gemini"])
def test_an_agent_gets_the_text_of_the_clipboard_by_ctrl_v(agent: Start, x11: X11, name: str) -> None:
    terminal = agent(name).person.terminal
    terminal.type("\x16")
    terminal.wait_for("Lookof another program")


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("claude", ["Copy the last response"]),
        ("gemini", ["Copy the last result"]),
        ("codex", ["copy the last response", "Copy whole response"]),
    ],
)
def test_what_an_agent_copies_reaches_the_terminal(agent: Start, name: str, shown: list[str]) -> None:
    """Over ssh it does that by OSC 52 alone."""
    began = agent(name)
    terminal = began.person.terminal
    terminal.type("\r")
    terminal.wait_for(re.compile(rf"(?m)^\W*{re.escape(ANSWER)}"))
    terminal.type("/copy")
    for text in shown:
        terminal.wait_for(text)
        terminal.type("\r")
    terminal.wait_for_raw(b"\x1b]52;c;" + base64.b64encode(ANSWER.encode()))


# -- without an agent


def test_neovim_copies_and_pastes_by_its_own_registers(person: Person, x11: X11) -> None:
    terminal = person.terminal
    person.runs(need("nvim"), "--clean", "-i", "NONE", "notes")
    terminal.wait_for("notes")
    terminal.type('"+p')
    terminal.wait_for("nvim on @far asks for your clipboard (text, 18 bytes): Ctrl-V or Alt-V gives it")
    terminal.type("\x16")
    terminal.wait_for(re.compile("(?m)^of another program"))
    terminal.type('ccfrom neovim\x1b"+yy')
    terminal.wait_until(lambda: x11.content() == b"from neovim\n", "it is on the clipboard")
    terminal.type('"+p')  # what the session has put there needs no key
    terminal.wait_for("from neovim\nfrom neovim")


def test_pillow_gets_the_picture_of_the_clipboard(person: Person, x11: X11) -> None:
    need_python("PIL")
    data = picture(64)
    x11.put(data, "image/png")
    for prompt, found in (("key", "<PIL.PngImagePlugin.PngImageFile image mode=RGB size=64x64"), ("again", "None")):
        # None is for an empty clipboard: of a tool that is broken it would make an exception.
        code = f"from PIL import ImageGrab\ninput({prompt!r})\nprint('got', ImageGrab.grabclipboard())\n"
        person.runs_python(code)
        person.terminal.wait_for(prompt)
        person.terminal.type("\x1bv\r")
        person.terminal.wait_for(f"got {found}")
        x11.put(b"a text", "text/plain")


@pytest.mark.parametrize("variable", ["DISPLAY", "WAYLAND_DISPLAY"])
def test_pyperclip_copies_and_pastes_if_its_person_says_that_there_is_a_display(
    person: Person, x11: X11, variable: str
) -> None:
    need_python("pyperclip")
    person.runs_python("import pyperclip\npyperclip.copy('from there')\nprint(pyperclip.paste() + '!')\n")
    person.terminal.wait_for("PyperclipException")  # out of reach as it is: it calls no tool
    person.runs_python(
        "import pyperclip\npyperclip.copy('from there')\nprint(pyperclip.paste() + '!')\n", **{variable: "none"}
    )
    person.terminal.wait_for("from there!")
    assert x11.content() == b"from there"


# -- pages

_PAGE = "https://example.org/page?of=them&all=1"


def test_gh_opens_a_page_here(person: Person) -> None:
    person.runs(need("gh"), "browse", "-R", "cli/cli", GH_TOKEN="dummy")  # noqa: S106 - it asks for one
    assert person.opened() == "https://github.com/cli/cli"


@pytest.mark.parametrize("program", ["python", "node", "xdg-open", "sensible-browser"])
def test_a_program_opens_a_page_here(person: Person, program: str) -> None:
    if program == "python":
        person.runs_python(f"import webbrowser\nprint('found', webbrowser.open({_PAGE!r}))\n")
    elif program == "node":  # whose package has an xdg-open of its own, which runs BROWSER
        module = need_npm("open/index.js")
        person.runs(need("node"), "-e", f"import({module!r}).then(found => found.default({_PAGE!r}))")
    else:
        person.runs(program, _PAGE)
    assert person.opened() == _PAGE
