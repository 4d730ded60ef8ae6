"""`copy`, `paste` and `browse` ask the desktop, and say in one line what was not done."""

from __future__ import annotations

from contextlib import nullcontext
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from sesh import api
from sesh.desktop import install
from sesh.errors import Refused, SeshError, UsageError
from sesh.ops import desk, desktop, doctor, listening
from sesh.reach.caller import Caller
from sesh.store import listing
from sesh.wire import protocol
from sesh.wire.messages import Why, Wish


class Clipboard:
    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.opened: list[str] = []
        self.refusal = ""

    def ask(self, _name: str, wish: Wish, data: bytes = b"", *, type_: str = "", url: str = "") -> desk.Answer:
        if self.refusal:
            return desk.Answer({"ok": False, "why": Why.NONE.value, "words": self.refusal})
        if wish is Wish.WRITE:
            self.content = {type_: data}
        if wish is Wish.OPEN:
            self.opened.append(url)
        if wish is Wish.READ and type_ not in self.content:
            return desk.Answer({"ok": False, "why": Why.EMPTY.value, "words": ""})
        return desk.Answer({"ok": True, "types": [*self.content]}, self.content.get(type_, b""))


@pytest.fixture
def clipboard(monkeypatch: pytest.MonkeyPatch) -> Clipboard:
    made = Clipboard()
    monkeypatch.setattr(desk, "own_session", lambda: "work")
    monkeypatch.setattr(desk, "ask", made.ask)
    return made


def test_what_is_copied_can_be_pasted(clipboard: Clipboard) -> None:
    picture = b"\x89PNG\r\n\x1a\n"
    assert desktop.copy(b"text") == "text/plain"
    assert desktop.paste() == desktop.paste("UTF8_STRING") == ("text/plain", b"text")
    assert desktop.copy(picture) == "image/png"
    assert desktop.paste() == desktop.paste("image") == ("image/png", picture)
    assert desktop.copy(b"<b>", "text/html") == "text/html"
    assert desktop.types() == ["text/html"]
    api.copy("text")
    assert api.paste() == b"text"


def test_a_page_opens_as_it_was_judged(clipboard: Clipboard) -> None:
    api.browse("HTTP://example.org")
    assert clipboard.opened == ["http://example.org/"]
    with pytest.raises(UsageError, match="not opened"):
        desktop.browse("file:///etc/passwd")


@pytest.mark.parametrize("type_", ["a b", "\x1b", "ä", "a" * 200])
def test_what_is_no_type_is_refused(clipboard: Clipboard, type_: str) -> None:
    for act in (lambda: desktop.copy(b"", type_), lambda: desktop.paste(type_)):
        with pytest.raises(UsageError, match="no type"):
            act()
    assert clipboard.content == {}


def test_what_was_not_done_is_said(clipboard: Clipboard) -> None:
    def said(act: Any, *words: Any) -> str:
        with pytest.raises(SeshError) as caught:
            act(*words)
        return str(caught.value)

    assert said(desktop.paste) == "the clipboard is empty"
    clipboard.content = {"text/plain": b"a"}
    assert said(desktop.paste, "image") == "the clipboard has text/plain"
    assert said(desktop.paste, "image/png") == "the clipboard has nothing of that type"
    assert "20 MiB" in said(desktop.copy, bytes((20 << 20) + 1))
    clipboard.refusal = "nobody is attached"
    for act, words in (
        (desktop.paste, []),
        (desktop.copy, [b"a"]),
        (desktop.types, []),
        (desktop.browse, ["http://a"]),
    ):
        assert said(act, *words) == "nobody is attached"


def test_doctor_says_in_a_session_where_the_programs_lead(
    sessions: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "of_asker", lambda: None)
    assert list(doctor._desktop(Caller())) == [], "outside of sessions there is nothing to say"
    monkeypatch.setattr(listing, "of_asker", lambda: {"name": "work", "id": "0123"})
    monkeypatch.setenv("BROWSER", f"{sessions}/bin/sesh-browser")
    monkeypatch.setenv("PATH", f"{sessions}/bin:{tmp_path}")
    install.install("/opt/sesh")

    def said() -> list[tuple[str, str]]:
        return [(row["state"], row["message"]) for row in doctor._desktop(Caller())]

    assert [state for state, _ in said()] == ["ok", "ok"]
    assert said()[1][1] == "programs open pages in your browser"
    (sessions / ".display.0123").touch()
    assert "its own xclip" in said()[0][1]
    program = tmp_path / "xclip"
    program.write_text("")
    program.chmod(0o700)
    monkeypatch.setenv("PATH", f"{tmp_path}:{sessions}/bin")
    monkeypatch.setenv("BROWSER", "firefox")
    message = f"xclip: found in {tmp_path}, not in {sessions}/bin, so they do not reach your desktop"
    assert said()[0] == ("warning", message)
    assert said()[-1] == ("ok", "BROWSER is your own, firefox")


def test_a_session_of_an_older_sesh_says_what_renews_it(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = (protocol.RESPONSE, b'{"id": 1}')
    unknown = UsageError("sesh 0.1, which work runs, has no request desk")
    connection = Mock(next_number=lambda: 1, receive=lambda *_: answer, decode_response=Mock(side_effect=unknown))
    for module in (desk, listening):
        monkeypatch.setattr(module, "connect", lambda _: nullcontext(connection))
    monkeypatch.setattr(desk, "own_session", lambda: "work")
    for asked in (lambda: desktop.copy(b"text"), desktop.paste, lambda: listening.listen(8080, print)):
        with pytest.raises(Refused) as caught:
            asked()
        assert str(caught.value) == "work runs an older sesh, which reaches no desktop; run: sesh reload work"
