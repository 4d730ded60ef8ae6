"""The tools of a person's display, real ones, give and take what programs of another machine paste and copy."""

from __future__ import annotations

import hashlib
import os
import sys
from collections.abc import Iterator

import pytest

from tests.desktop.displays import X11, Display, Sway, picture
from tests.desktop.machines import Machine, Person
from tests.support import need

pytestmark = pytest.mark.soak
#: As an agent: it asks for the clipboard when a key is pressed, and says what it got.
_ASKS = """
import hashlib, subprocess, sys, tty
tty.setraw(0)
while True:
    print("waits", end="\\r\\n", flush=True)
    if sys.stdin.buffer.raw.read(1) != b"\\x16":
        break
    types = subprocess.run(["xclip", "-selection", "clipboard", "-o", "-t", "TARGETS"], capture_output=True).stdout
    target = "image/png" if b"image/png" in types else "UTF8_STRING"
    got = subprocess.run(["xclip", "-selection", "clipboard", "-o", "-t", target], capture_output=True).stdout
    print("got", target, len(got), hashlib.sha256(got).hexdigest()[:12], end="\\r\\n", flush=True)
"""


@pytest.fixture(scope="module")
def sway() -> Iterator[Sway]:
    display = Sway()
    yield display
    display.close()


@pytest.fixture(params=["xclip", "wl-clipboard"])
def display(request: pytest.FixtureRequest) -> Iterator[Display]:
    found: Display = request.getfixturevalue("screen" if request.param == "xclip" else "sway")
    yield found
    found.put(b"at last", "text/plain")  # with which the tool ends that holds what a session has copied


def got(data: bytes, target: str) -> str:
    return f"got {target} {len(data)} {hashlib.sha256(data).hexdigest()[:12]}"


@pytest.mark.parametrize("side", [64, 1300, 1825], ids=["small", "5-MB", "10-MB"])
def test_a_picture_goes_there_and_back(far: Machine, display: Display, side: int) -> None:
    data = picture(side)
    display.put(data, "image/png")
    person = Person(far, display.variables)
    person.runs_python(_ASKS)
    person.terminal.wait_for("waits")
    person.terminal.type("\x16")
    person.terminal.wait_for(got(data, "image/png"))
    person.terminal.type("q")
    other = picture(side)
    person.runs("sh", "-c", f"xclip -selection clipboard -t image/png -i {far.write('other.png', other)}")
    person.terminal.wait_until(lambda: display.content("image/png") == other, "the clipboard has the other picture")


@pytest.mark.parametrize("text", ["Grüße, 你好 🙂\n\n", "x" * 3_000_000], ids=["short", "3-MB"])
def test_a_text_goes_there_and_back(far: Machine, display: Display, text: str) -> None:
    data = text.encode()
    display.put(data, "text/plain")
    person = Person(far, display.variables)
    person.runs_python(_ASKS)
    person.terminal.wait_for("waits")
    person.terminal.type("\x16")
    person.terminal.wait_for(got(data, "UTF8_STRING"))
    person.terminal.type("q")
    other = text.upper().encode()
    person.runs("sh", "-c", f"wl-copy <{far.write('other', other)}")
    person.terminal.wait_until(lambda: display.content() == other, "the clipboard has the other text")


def test_xsel_alone_gives_and_takes_text(far: Machine, x11: X11) -> None:
    few = os.path.join(far.near.path, "few")
    os.mkdir(few)
    for tool in ("xsel", "sh", "cat", "env"):
        os.symlink(need(tool), os.path.join(few, tool))
    path = f"{far.near.path}/bin:{few}:{os.path.dirname(sys.executable)}"
    person = Person(far, {**x11.variables, "PATH": path})
    person.runs_python(_ASKS)
    person.terminal.wait_for("waits")
    person.terminal.type("\x16")
    person.terminal.wait_for(got(b"of another program", "UTF8_STRING"))
    person.terminal.type("q")
    person.runs("sh", "-c", "printf copied | xclip -selection clipboard")
    person.terminal.wait_until(lambda: x11.content() == b"copied", "the clipboard has what was copied")
