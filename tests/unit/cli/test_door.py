"""A shim's call asks the desktop of the session's person, and its caller hears what the real tool says."""

from __future__ import annotations

import errno
import os
import pty
import tty
from pathlib import Path
from typing import Any

import pytest

from sesh.cli import door
from sesh.desktop import targets
from sesh.errors import NotFound, Refused
from sesh.ops import desk
from sesh.store import listing, records
from sesh.system import files
from sesh.wire.messages import Told, Why, Wish
from sesh.wire.pieces import MAX_BYTES

PNG = b"\x89PNG\r\n\x1a\n\0\n"
NOBODY = "nobody is attached"


class Desktop:
    """A desktop whose clipboard has `content` by type, or refuses with `why`."""

    def __init__(self) -> None:
        self.content: dict[str, bytes] = {}
        self.why: Why | None = None
        self.empty: Told = {}  # what else it says where there is nothing
        self.asked: list[tuple[Wish, str, bytes, str]] = []

    def ask(
        self, name: str, wish: Wish, data: bytes = b"", *, type_: str = "", url: str = "", program: str
    ) -> desk.Answer:
        assert name == "work"
        assert program
        self.asked.append((wish, type_, data, url))
        if self.why is not None:
            return desk.Answer({"ok": False, "why": self.why.value, "words": NOBODY})
        if wish is Wish.LIST:
            return desk.Answer({"ok": True, "types": [*self.content]})
        if wish is Wish.READ and type_ not in self.content:
            return desk.Answer({**self.empty, "ok": False, "why": Why.EMPTY.value, "words": "there is nothing"})
        return desk.Answer({"ok": True, "type": type_}, self.content.get(type_, b""))


@pytest.fixture
def desktop(sessions: Path, monkeypatch: pytest.MonkeyPatch) -> Desktop:
    made = Desktop()
    record: dict[str, Any] = {"name": "work", "id": "0123"}
    monkeypatch.setattr(listing, "of_asker", lambda: record)
    monkeypatch.setattr(records, "here", lambda _: True)
    monkeypatch.setattr(records, "alive", lambda _: True)
    monkeypatch.setattr(desk, "ask", made.ask)
    return made


Said = tuple[str, str, int]


@pytest.fixture
def call(capfd: pytest.CaptureFixture[str]) -> Any:
    def call(line: str, stdin: bytes = b"") -> Said:
        read, write = os.pipe()
        os.write(write, stdin)
        os.close(write)
        before = os.dup(0)
        os.dup2(read, 0)
        try:
            code = door.run(f"/shims/{line}".split())
        finally:
            os.dup2(before, 0)
            os.close(before)
            os.close(read)
        out, error = capfd.readouterr()
        return out, error, code

    return call


def test_a_reader_gets_what_the_clipboard_has(desktop: Desktop, capfdbinary: Any) -> None:
    desktop.content = {targets.TEXT: b"some text\n"}
    assert door.run(["/shims/xclip", "-o", "-sel", "c"]) == 0
    assert capfdbinary.readouterr() == (b"some text\n", b"")
    assert desktop.asked == [(Wish.READ, targets.TEXT, b"", "")], "one way to the desktop and back"
    desktop.content = {"image/jpeg": b"", "image/png": PNG}
    assert door.run(["/shims/wl-paste", "-t", "image"]) == 0
    assert capfdbinary.readouterr() == (PNG, b"")


def test_a_list_is_of_what_is_there(desktop: Desktop, call: Any) -> None:
    desktop.content = {"image/png": PNG}
    assert call("xclip -o -sel c -t TARGETS") == ("TARGETS\nimage/png\n", "", 0)
    assert call("wl-paste -l") == ("image/png\n", "", 0)
    assert call("wl-paste -t text") == ("", "No suitable type of content copied\n", 1)


def test_an_empty_clipboard_is_no_trouble(desktop: Desktop, call: Any) -> None:
    assert call("xclip -o -sel c -t image/png") == ("", "Error: target image/png not available\n", 1)
    assert call("wl-paste") == ("", "Nothing is copied\n", 1)
    assert call("wl-paste -t image/png") == ("", "Nothing is copied\n", 1)
    assert call("xsel -ob") == ("", "", 0)


def test_what_there_is_instead_comes_with_the_answer_where_it_can(desktop: Desktop, call: Any) -> None:
    """Another request came a round trip later: a program's third one was too late for the key, on a link of 800 ms."""
    desktop.empty = {"types": [targets.TEXT]}
    said = 'Clipboard content is not available as requested type "image/png"'
    assert call("wl-paste -t image/png")[1].startswith(said)
    assert [wish for wish, *_ in desktop.asked] == [Wish.READ]


@pytest.mark.parametrize("why", [*Why])
def test_a_reader_hears_of_an_empty_clipboard_whatever_the_reason(desktop: Desktop, call: Any, why: Why) -> None:
    desktop.why = why
    said = "" if why is Why.EMPTY else f"sesh: {NOBODY}\n"
    assert call("wl-paste -n") == ("", f"Nothing is copied\n{said}", 1)
    assert call("xclip -o -sel c") == ("", f"Error: target STRING not available\n{said}", 1)
    assert call("xsel -ob") == ("", said, 0)


def test_a_writer_s_bytes_go_to_the_clipboard(desktop: Desktop, call: Any, tmp_path: Path) -> None:
    assert call("xclip -sel c", b"a\n") == ("", "", 0)
    assert call("wl-copy -n", b"a\n\n") == ("", "", 0)
    assert call("wl-copy", PNG) == ("", "", 0)
    assert call("wl-copy some words") == ("", "", 0)
    (tmp_path / "a").write_bytes(PNG)
    assert call(f"xclip -sel c -t image/png {tmp_path}/a") == ("", "", 0)
    assert [(type_, data) for _, type_, data, _ in desktop.asked] == [
        ("text/plain", b"a\n"), ("text/plain", b"a\n"), ("image/png", PNG), ("text/plain", b"some words"),
        ("image/png", PNG),
    ]  # fmt: skip
    missing = call("xclip -sel c /none")
    assert missing == ("", "xclip: /none: No such file or directory\n", 1)


def test_a_writer_without_a_person_fails_as_without_a_display(desktop: Desktop, call: Any) -> None:
    desktop.why = Why.NONE
    assert call("xclip -sel c", b"a") == ("", f"Error: Can't open display: (null)\nsesh: {NOBODY}\n", 1)
    assert call("lemonade copy", b"a") == ("", f"sesh: {NOBODY}\n", 1)


def test_more_than_a_clipboard_takes_is_not_written(
    desktop: Desktop, monkeypatch: pytest.MonkeyPatch, call: Any
) -> None:
    monkeypatch.setattr(door, "MAX_BYTES", 10)
    assert MAX_BYTES == 20 << 20
    assert call("wl-copy", b"eleven bytes")[2] == 1
    assert desktop.asked == []


def test_the_primary_selection_stays_in_the_session(desktop: Desktop, call: Any) -> None:
    assert call("wl-paste -p") == ("", "Nothing is copied\n", 1)
    assert call("xsel -i", b"chosen") == ("", "", 0)
    assert call("xclip -o") == ("chosen", "", 0)
    assert call("wl-paste -p -t image") == ("", "No suitable type of content copied\n", 1)
    assert "\nUTF8_STRING\n" in call("xclip -o -t TARGETS")[0]
    assert call("xsel -c") == ("", "", 0)
    assert call("xsel -o") == ("", "", 0)
    assert desktop.asked == []


def test_what_does_not_reach_the_primary_selection_is_no_success(
    desktop: Desktop, call: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert call("xclip", b"chosen") == ("", "", 0)
    assert call("xclip /none") == ("", "xclip: /none: No such file or directory\n", 1)
    monkeypatch.setattr(door, "MAX_PRIMARY", 10)
    said = "sesh: the primary selection of a session takes at most 1 MiB\n"
    assert call("xclip", b"eleven bytes") == ("", f"Error: Can't open display: (null)\n{said}", 1)
    assert call("xclip -o") == ("chosen", "", 0)

    def fail(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "/full")

    monkeypatch.setattr(files, "write_whole", fail)
    said = "sesh: the primary selection was not kept: No space left on device\n"
    assert call("xsel -i", b"other") == ("", f"xsel: Can't open display: (null)\n{said}", 1)


def test_a_page_opens_or_its_address_is_printed(desktop: Desktop, call: Any) -> None:
    assert call("xdg-open https://example.org/") == ("", "", 0)
    assert desktop.asked == [(Wish.OPEN, "", b"", "https://example.org/")]
    desktop.why = Why.CONSENT
    assert call("sesh-browser https://example.org/") == ("", f"https://example.org/\nsesh: {NOBODY}\n", 0)
    assert call("xdg-open https://example.org/" + "a" * 9000)[2] == 0


def test_nothing_is_printed_on_a_terminal_on_which_a_program_draws(desktop: Desktop) -> None:
    desktop.why = Why.CONSENT
    master, slave = pty.openpty()
    tty.setraw(slave)
    before = os.dup(2)
    os.dup2(slave, 2)
    try:
        assert door.run(["/shims/xdg-open", "https://example.org/"]) == 0
        assert door.run(["/shims/xclip", "-o", "-sel", "c"]) == 1
    finally:
        os.dup2(before, 2)
        os.close(before)
    os.set_blocking(master, False)
    with pytest.raises(BlockingIOError):
        os.read(master, 1)
    os.close(master)
    os.close(slave)


@pytest.mark.parametrize("error", [NotFound("it has gone"), Refused("work runs an older sesh")])
def test_a_daemon_that_cannot_be_asked_is_an_empty_clipboard(
    desktop: Desktop, call: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(desk, "ask", refuse)
    out, said, code = call("wl-paste")
    assert (out, code) == ("", 1)
    assert said.startswith("Nothing is copied\nsesh: ")


@pytest.mark.parametrize("line", ["xclip -version", "xdg-open a.html"])
def test_what_is_not_ours_is_handed_on(desktop: Desktop, tmp_path: Path, line: str) -> None:
    name, *words = line.split()
    path = tmp_path / name
    path.write_text('#!/bin/sh\n[ "$SESH_HANDED" = $$ ] && echo handed "$@"\n')
    path.chmod(0o700)
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.dup2(write, 1)
        door.run([str(path), *words])
        os._exit(99)
    os.close(write)
    with open(read) as said:
        assert said.read() == " ".join(["handed", *words]) + "\n"
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
