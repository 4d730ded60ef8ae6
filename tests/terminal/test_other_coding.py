"""In a locale whose coding is not UTF-8, keys arrive and output shows as without sesh."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import Home, Terminal

pytestmark = pytest.mark.needs("locale-gen", "localedef")
SHELL = "outside>"
LEAVE = b"\x1c"
TEXTS = {
    "ISO-8859-1": ("en_US", "caf\xe9 \xfcber"),
    "ISO-8859-15": ("de_DE", "\u20ac 5"),
    "KOI8-R": ("ru_RU", "\u043f\u0440\u0438\u0432\u0435\u0442"),
    "EUC-JP": ("ja_JP", "\u65e5\u672c"),
    "GBK": ("zh_CN", "\u4e2d\u6587"),
}
"""By the coding: a language, and words in it."""


EACH = [name if name in ("ISO-8859-1", "EUC-JP") else pytest.param(name, marks=pytest.mark.soak) for name in TEXTS]


@pytest.fixture(params=EACH)
def place(request: pytest.FixtureRequest, home: Home) -> Iterator[Place]:
    place = Place(home, request.param)
    yield place
    place.terminal.close()


class Place:
    """A terminal in a locale, with a shell that is no session."""

    def __init__(self, home: Home, charset: str) -> None:
        source, self.text = TEXTS[charset]
        self.home = home
        self.bytes = self.text.encode(charset)
        self.locale = f"{source}.{charset}"
        folder = Path(home.path, "locales")
        folder.mkdir()
        subprocess.run(
            ["localedef", "-i", source, "-f", charset, str(folder / self.locale)], capture_output=True, check=False
        )
        start = home.write("outer", f"PS1='{SHELL} '\nunset HISTFILE PROMPT_COMMAND\n")
        env = {**home.env, "LOCPATH": str(folder), "LC_ALL": self.locale}
        self.terminal = Terminal(["bash", "--noprofile", "--rcfile", start], env=env, cwd=home.path)
        self.terminal.wait_for(SHELL)

    def type(self, keys: bytes, until: bytes) -> bytes:
        """Type keys; return what is printed up to what is waited for, without what it is printed for."""
        before = len(self.terminal.raw)
        self.terminal.type(keys)
        self.terminal.wait_for_raw(until, start=before)
        return bytes(self.terminal.raw[before:])


def test_keys_arrive_and_output_shows_as_in_the_plain_terminal(place: Place) -> None:
    line = b"printf '%s' '" + place.bytes + b"' | od -An -tx1; echo '" + place.bytes + b"' beh''ind\r"
    plain = place.type(line, b"behind\r\n")
    place.terminal.type("sesh work\r")
    place.terminal.wait_for("ready>")
    inside = place.type(line, b"behind\r\n")
    for shown in (place.bytes.hex(" ").encode(), b"\n" + place.bytes + b" behind"):
        assert shown in plain
        assert shown in inside
    place.type(LEAVE, SHELL.encode())
    back = place.type(b"sesh work\r", b"behind")
    assert place.bytes + b" behind" in back


def test_a_line_says_what_a_terminal_cannot_show(place: Place) -> None:
    place.home.sesh("open", "utf", "--", "sh", "-c", f"printf 'begun {place.text} \u26c4 end'; exec cat")
    shown = place.type(b"sesh utf\r", b"shown as ?")
    assert b"begun " + place.bytes + b" ?? end" in shown


def test_verbs_and_other_terminals_have_the_text(place: Place) -> None:
    command = b"echo " + place.bytes
    told = place.type(b"sesh open work; sesh run work -- '" + command + b"'; echo e''nd\r", b"end\r\n")
    assert b"\r" + place.bytes + b"\r\n" in told
    place.home.write("long", (place.bytes + b"\n") * 20_000)
    told = place.type(b"sesh exec -f -- cat long | cmp - long && echo sa''me\r", b"same\r\n")
    told = place.type(b"sesh exec --print -- printf %s '" + place.bytes + b"'; echo e''nd\r", b"end\r\n")
    assert place.bytes + b"end" in told
    told = place.type(b"sesh screen work; sesh logs work; sesh history work; echo e''nd\r", b"end\r\n")
    assert told.count(place.bytes) >= 3
    assert place.text in place.home.sesh("screen", "work").stdout  # in a locale with UTF-8
    assert place.text in place.home.sesh("history", "work").stdout
    assert place.home.sesh("run", "work", "--", f"echo {place.text}").stdout == f"{place.text}\n"
    assert place.home.sesh("grep", place.text, "work").code == 0
    place.home.sesh("send", "work", f"printf '%s' '{place.text}' | od -An -tx1", "--enter")
    assert place.home.sesh("wait", "work", "--for", place.bytes.hex(" "), "--from", "0").code == 0
