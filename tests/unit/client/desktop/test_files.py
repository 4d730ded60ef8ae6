"""Files that are dropped on the terminal are sent to the session's machine, if they are here and not there."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterator
from math import inf
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from sesh.client.desktop import files as module
from sesh.client.desktop import uploads
from sesh.client.desktop.consent import AskingLine, Consent
from sesh.client.desktop.desktop import PersonDesktop
from sesh.client.desktop.exchanges import Exchanges
from sesh.client.desktop.files import PersonFiles
from sesh.desktop import tools
from sesh.desktop.targets import FILES, PNG, TEXT
from sesh.schema import codec
from sesh.system import workers
from sesh.wire import protocol
from sesh.wire.pieces import MAX_FILE
from tests.unit.client.desktop.turns import turn

START, END = b"\x1b[200~", b"\x1b[201~"
CTRL_V, ALT_V, ENTER, ESCAPE = b"\x16", b"\x1bv", b"\r", b"\x1b"


def pasted(*paths: Path | str) -> bytes:
    return START + b" ".join(os.fsencode(path) for path in paths) + END


class Desk:
    """A person's desktop, and a daemon: `there` has the paths that it finds, `answers` changes what it tells.

    `passed`: the input that the program gets.
    """

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, old: bool = False) -> None:
        self.line, self.lines, self.notices = "", list[str](), list[str]()
        self.there, self.old = set[str](), old
        self.told: dict[str, Any] = {"pasted": True}  # of a put, besides what follows from it
        self.answers = self.reads = True  # the daemon answers, and takes pieces
        self.asked: list[dict[str, Any]] = []
        self.files: dict[str, bytes] = {}
        self.refused: list[int] = []  # exchanges that the client has ended
        self.passed = b""
        self.clipboard: dict[str, bytes] = {}
        monkeypatch.setattr(module, "PICTURE_AFTER", 0.05)
        monkeypatch.setattr(module, "HERE_TIME", 20.0)  # a machine may be busy
        monkeypatch.setattr(tools, "clipboard", lambda _: tools._XCLIP)
        monkeypatch.setattr(tools, "list_types", lambda *_: [*self.clipboard])
        monkeypatch.setattr(tools, "read", lambda _, mime, __: self.clipboard.get(mime, b""))
        self.sent = bytearray()
        self.line_columns = 78
        self.channel = Mock(unwritten=b"", takes_input=True)
        self.channel.send.side_effect = self.sent.extend
        self.consent = Consent()
        self.desktop = PersonDesktop(self, Mock(ignores_clipboard=False), self.consent, "gpu", environment={})
        self.desktop.exchanges = self.exchanges = Exchanges(self.channel, self.desktop, over_link=True)
        self.desktop.files = PersonFiles(self, self.consent, self.exchanges, "gpu", self._pass, clipboard=tools._XCLIP)
        self._decoder = protocol.Decoder()
        self._puts: dict[int, tuple[str, bytearray]] = {}
        self._arrived = 0

    def _pass(self, data: bytes) -> None:
        self.passed += data

    def show_notice(self, text: str) -> None:
        self.notices.append(text)

    line_columns = 78

    def ask_line(self, text: str, seconds: float = 0.0) -> None:
        self.line = text
        self.lines += [text] * (text != "")

    def type(self, *writes: bytes) -> None:
        for data in writes:
            self.passed += self.desktop.keys(data)

    # -- the daemon

    def _handle(self, kind: int, payload: bytes) -> None:
        if kind == protocol.ASK:
            ask = codec.parse(payload)
            if ask["wish"] == "shims":
                return
            self.asked.append(ask)
            if not self.answers:
                return
            if self.old:
                self._tell(ask["number"], ok=False, why="refused")
            elif ask["wish"] == "find":
                self._tell(ask["number"], found=[path for path in ask["paths"] if path in self.there])
            else:
                self._puts[ask["number"]] = ask["name"], bytearray()
        elif kind == protocol.TOLD:
            self.refused.append(codec.parse(payload)["number"])
        elif kind == protocol.PIECE:
            number, data = protocol.split_number(payload)
            name, content = self._puts[number]
            content += data
            self._arrived += len(data)
            self._take(0, self._arrived)
            if self.reads and data:
                self._take(number, len(content))
            elif self.reads:
                self.files[name] = bytes(content)
                self._tell(number, path=f"/there/{name}", **self.told)

    def _take(self, number: int, count: int) -> None:
        self.exchanges.handle_frame(protocol.TAKEN, protocol.taken(number, count)[5:])

    def _tell(self, number: int, **facts: Any) -> None:
        self.exchanges.handle_frame(protocol.TOLD, codec.encode({"number": number, "ok": True, **facts}))

    # -- the loop

    def run_once(self, seconds: float = 0.05) -> None:
        turn(self.exchanges, seconds)
        frames = self._decoder.feed(bytes(self.sent))
        self.sent.clear()
        for kind, payload in frames:
            self._handle(kind, payload)

    def until(self, condition: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not condition():
            assert time.monotonic() < deadline
            self.run_once()

    def until_line(self, text: str) -> None:
        self.until(lambda: text in self.line)

    def puts(self) -> list[dict[str, Any]]:
        return [ask for ask in self.asked if ask["wish"] == "put"]


@pytest.fixture
def desk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    made = Desk(monkeypatch)
    yield made
    made.desktop.close()


@pytest.fixture
def shot(tmp_path: Path) -> Path:
    path = tmp_path / "shot.png"
    path.write_bytes(b"picture" * 4_000)
    return path


@pytest.mark.parametrize("key", [CTRL_V, ALT_V])
def test_a_dropped_file_is_sent_by_a_paste_key(desk: Desk, shot: Path, key: bytes) -> None:
    desk.type(pasted(shot))
    desk.until_line("shot.png (28 KB) is here, not on @gpu: Ctrl-V or Alt-V sends it")
    desk.type(key)
    assert desk.line == ""
    desk.until(lambda: desk.files)
    assert desk.files == {"shot.png": shot.read_bytes()}
    assert (desk.puts()[0]["size"], desk.puts()[0]["paste"]) == (28_000, True)
    desk.run_once()
    assert (desk.passed, desk.line) == (b"", "")


def test_the_release_of_the_key_is_not_the_programs_and_the_page_of_a_login_may_open(desk: Desk, shot: Path) -> None:
    desk.type(pasted(shot))
    desk.until_line("Ctrl-V")
    desk.type(b"\x1b[118;5u", b"\x1b[118;5:3u", b"\x1b[118;5:3u")
    assert desk.passed == b"\x1b[118;5:3u"
    assert not desk.consent.delivers(time.monotonic()), "the key was for the file, not for the clipboard"


def test_several_files_are_sent_one_after_the_other(desk: Desk, shot: Path) -> None:
    other = shot.with_name("b c.txt")
    other.write_bytes(b"")
    desk.type(pasted(str(shot).replace(" ", "\\ "), str(other).replace(" ", "\\ ")))
    desk.until_line("shot.png and 1 more (28 KB) are here, not on @gpu: Ctrl-V or Alt-V sends them")
    desk.type(CTRL_V)
    desk.until(lambda: len(desk.files) == 2)
    assert [*desk.files.items()] == [("shot.png", shot.read_bytes()), ("b c.txt", b"")]


def test_a_name_that_is_not_utf8_is_sent_as_it_is(desk: Desk, tmp_path: Path) -> None:
    path = os.fsencode(tmp_path) + b"/gr\xfc\xdfe.png"
    with open(path, "wb") as file:
        file.write(b"data")
    desk.type(START + path + END)
    desk.until_line("gre.png (4 bytes) is here")
    desk.type(CTRL_V)
    desk.until(lambda: desk.files)
    assert os.fsencode(desk.puts()[0]["name"]) == b"gr\xfc\xdfe.png"


def test_a_path_that_exists_over_there_passes_at_once_and_the_host_is_asked_once(desk: Desk, shot: Path) -> None:
    desk.there.add(str(shot))
    desk.type(pasted(shot))
    desk.until(lambda: desk.passed)
    assert desk.passed == pasted(shot)
    assert len(desk.asked) == 1
    assert desk.lines == []


def test_a_path_that_is_not_here_passes_and_no_host_is_asked(desk: Desk, tmp_path: Path) -> None:
    desk.type(pasted(tmp_path / "none.png"))
    desk.until(lambda: desk.passed)
    assert (desk.passed, desk.asked) == (pasted(tmp_path / "none.png"), [])


def test_what_is_no_file_or_is_protected_passes(desk: Desk, shot: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = shot.parent
    os.mkfifo(folder / "fifo")
    (folder / ".ssh").mkdir()
    (folder / ".ssh/id").write_bytes(b"key")
    os.symlink(folder / ".ssh/id", folder / "link")
    os.symlink("nowhere", folder / "dangling")
    monkeypatch.setenv("HOME", str(folder))
    for path in (folder, folder / "fifo", folder / ".ssh/id", folder / "link", folder / "dangling", "/dev/null"):
        desk.passed = b""
        desk.type(pasted(path))
        desk.until(lambda: desk.passed)
        assert desk.passed == pasted(path)
        desk.passed = b""
        desk.type(pasted(shot, path))
        desk.until(lambda: desk.passed)
        assert desk.passed == pasted(shot, path), "with a file, too"
    assert desk.asked == []


def test_a_link_to_a_file_is_sent_as_that_file_by_its_own_name(desk: Desk, shot: Path) -> None:
    os.symlink(shot, shot.with_name("link.png"))
    desk.type(pasted(shot.with_name("link.png")))
    desk.until_line("link.png (28 KB) is here")
    desk.type(CTRL_V)
    desk.until(lambda: desk.files)
    assert desk.files == {"link.png": shot.read_bytes()}


def test_an_older_daemon_has_the_paste_passed(monkeypatch: pytest.MonkeyPatch, shot: Path) -> None:
    desk = Desk(monkeypatch, old=True)
    desk.type(pasted(shot))
    desk.until(lambda: desk.passed)
    assert (desk.passed, desk.lines) == (pasted(shot), [])
    desk.desktop.close()


@pytest.mark.parametrize("stuck", ["realpath", "stat"])
def test_a_dead_mount_has_the_paste_passed_and_stops_no_later_drop(
    desk: Desk, shot: Path, monkeypatch: pytest.MonkeyPatch, stuck: str
) -> None:
    monkeypatch.setattr(module, "HERE_TIME", 0.05)
    monkeypatch.setattr(workers, "LEAVING", inf)  # who leaves would wait for the thread for ever
    real, answers = getattr(os.path if stuck == "realpath" else os, stuck), threading.Event()

    def call(path: str) -> Any:
        if "/dead/" in path:
            answers.wait(20)
        return real(path)

    monkeypatch.setattr(os.path if stuck == "realpath" else os, stuck, call)
    for _ in range(6):
        desk.passed = b""
        desk.type(pasted("/dead/shot.png"))
        desk.until(lambda: desk.passed)
        assert desk.passed == pasted("/dead/shot.png")
    monkeypatch.setattr(module, "HERE_TIME", 20.0)
    desk.type(pasted(shot))
    desk.until_line("is here")
    assert desk.desktop.files is not None
    desk.desktop.files.close()
    desk.desktop.files = None
    answers.set()


def test_a_link_that_is_lost_has_the_paste_passed_at_any_time(desk: Desk, shot: Path) -> None:
    desk.answers = False
    desk.type(pasted(shot))
    desk.until(lambda: desk.asked)
    assert desk.passed == b""
    desk.exchanges.disconnected()
    assert desk.passed == pasted(shot)
    desk.answers = True
    desk.type(pasted(shot))
    desk.until_line("is here")
    desk.exchanges.disconnected()
    assert (desk.passed, desk.line) == (pasted(shot) * 2, "")
    desk.type(CTRL_V)
    assert desk.passed == pasted(shot) * 2 + CTRL_V


def test_any_other_key_takes_the_line_away_and_follows_the_paste(desk: Desk, shot: Path) -> None:
    desk.type(pasted(shot))
    desk.until_line("is here")
    desk.type(ENTER)
    assert (desk.passed, desk.line) == (pasted(shot) + ENTER, "")


def test_a_program_that_asks_for_the_clipboard_takes_the_line(desk: Desk, shot: Path) -> None:
    desk.clipboard = {TEXT: b"text"}
    desk.type(pasted(shot))
    desk.until_line("is here")
    ask = {"number": 2, "wish": "read", "program": "vim", "type": TEXT}
    desk.exchanges.handle_frame(protocol.ASK, codec.encode(ask))
    desk.until_line("vim on @gpu asks for your clipboard")
    assert desk.passed == pasted(shot)
    desk.type(pasted(shot))
    desk.until(lambda: len(desk.passed) > len(pasted(shot)))
    assert desk.passed == pasted(shot) * 2, "one line asks at a time"


def test_a_file_that_is_too_large_passes_and_a_line_says_so(desk: Desk, shot: Path) -> None:
    os.truncate(shot, MAX_FILE + 1)
    desk.type(pasted(shot))
    desk.until(lambda: desk.passed)
    assert desk.passed == pasted(shot)
    assert desk.notices == ["shot.png is here, not on @gpu: more than the 64 MiB that can be sent"]


def test_paths_that_make_too_long_a_question_pass(desk: Desk, tmp_path: Path) -> None:
    """The daemon takes 64 KiB of JSON, in which a byte may take six, and a longer question ended the client."""
    folder = os.path.join(tmp_path, *["\u00fc" * 100] * 4)
    os.makedirs(folder)
    paths = [os.path.join(folder, f"{number}.png") for number in range(16)]
    for path in paths:
        Path(path).write_bytes(b"data")
    desk.type(pasted(*paths))
    desk.until_line("0.png and 15 more")
    desk.type(b"a")
    folder = os.path.join(folder, *["\u00fc" * 100] * 4)
    os.makedirs(folder)
    paths = [os.path.join(folder, f"{number}.png") for number in range(16)]
    for path in paths:
        Path(path).write_bytes(b"data")
    desk.passed = b""
    desk.type(pasted(*paths))
    desk.until(lambda: desk.passed)
    assert desk.passed == pasted(*paths)
    assert len(desk.asked) == 1


def test_a_long_name_is_cut_so_that_the_line_says_what_to_press(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / f"{'n' * 251}.png"
    path.write_bytes(b"data")
    desk.type(pasted(path))
    desk.until_line("nnn.png (4 bytes) is here, not on @gpu: Ctrl-V or Alt-V sends it")
    assert len(desk.line) == 78


# -- on their way


def begun(desk: Desk, *paths: Path) -> None:
    """Have files on their way, of which the daemon takes nothing more."""
    desk.reads = False
    desk.type(pasted(*paths))
    desk.until_line("Ctrl-V")
    desk.type(CTRL_V)
    desk.until(desk.puts)


def test_a_line_shows_how_far_a_file_is_and_escape_ends_it(
    desk: Desk, shot: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "PROGRESS_AFTER", 0.05)
    begun(desk, shot, shot)
    desk.until_line("shot.png (1 of 2) goes to @gpu: ")
    assert desk.line.endswith(" % of 28 KB; Escape ends it")
    desk.type(b"a")
    assert "goes to" in desk.line, "a key does not take it away"
    desk.type(ESCAPE)
    desk.until_line("shot.png was not sent to @gpu, nor 1 more: you have ended it")
    desk.until(lambda: desk.refused)
    assert desk.passed == b"a", "that Escape is not the program's"
    desk.type(ESCAPE)
    assert desk.passed == b"a" + ESCAPE


def test_escape_is_the_programs_before_a_line_says_otherwise(desk: Desk, shot: Path) -> None:
    begun(desk, shot)
    desk.type(ESCAPE)
    assert desk.passed == ESCAPE
    assert desk.refused == []


def test_keys_pass_while_a_file_is_on_its_way_and_later_paths_are_not_pasted_between_them(
    desk: Desk, shot: Path
) -> None:
    begun(desk, shot, shot, shot)
    desk.type(b"ls\r")
    assert desk.passed == b"ls\r"
    desk.reads = True
    desk.told["pasted"] = False
    number = desk.puts()[0]["number"]
    desk._tell(number, path="/there/shot.png", pasted=False)
    desk.until(lambda: len(desk.puts()) == 3)
    assert [put["paste"] for put in desk.puts()] == [True, False, False]
    desk.until_line("shot.png and 2 more are on @gpu, in /there")


def test_a_path_that_was_not_pasted_is_shown_and_stays_under_keys(desk: Desk, shot: Path) -> None:
    desk.told["pasted"] = False
    desk.type(pasted(shot))
    desk.until_line("Ctrl-V")
    desk.type(CTRL_V)
    desk.until_line("shot.png is on @gpu: /there/shot.png")
    desk.type(b"a")
    assert "is on @gpu" in desk.line


def test_a_refusal_is_told_in_the_hosts_words_on_one_line(desk: Desk, shot: Path) -> None:
    begun(desk, shot)
    number = desk.puts()[0]["number"]
    desk._tell(number, ok=False, why="refused", words="the disk of gpu is full\x1b[31m\n: remove files")
    desk.until_line("shot.png was not sent to @gpu: the disk of gpu is full[31m: remove files")


def test_a_lost_link_is_told_once_there_is_one_again(desk: Desk, shot: Path) -> None:
    begun(desk, shot)
    desk.channel.takes_input = False
    desk.exchanges.disconnected()
    desk.run_once()
    assert desk.line == ""
    desk.channel.takes_input = True
    desk.until_line("shot.png was not sent to @gpu: the link was lost")


def test_a_file_that_grows_is_sent_as_it_was(desk: Desk, tmp_path: Path) -> None:
    data = os.urandom(3 << 20)
    path = tmp_path / "log"
    path.write_bytes(data)
    begun(desk, path)
    with open(path, "ab") as file:
        file.write(b"more")
    number = desk.puts()[0]["number"]
    desk.reads = True
    del desk.asked[:]
    desk._tell(number, ok=False, why="size")  # the pieces before were not taken
    desk.until_line("it is too large")
    desk.type(pasted(path))
    desk.until_line("Ctrl-V")
    desk.type(CTRL_V)
    with open(path, "ab") as file:
        file.write(b"more")
    desk.until(lambda: desk.files)
    assert hashlib.sha256(desk.files["log"][: len(data)]).digest() == hashlib.sha256(data).digest()
    assert len(desk.files["log"]) == desk.puts()[0]["size"]


def test_a_file_that_becomes_shorter_is_not_sent(desk: Desk, tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_bytes(bytes(8 << 20))
    begun(desk, path)
    os.truncate(path, 1 << 10)
    desk.reads = True
    desk.until_line("log was not sent to @gpu: it has become shorter meanwhile")
    assert desk.files == {}


def test_a_file_that_has_gone_meanwhile_is_told(desk: Desk, shot: Path) -> None:
    desk.type(pasted(shot))
    desk.until_line("Ctrl-V")
    shot.unlink()
    desk.type(CTRL_V)
    desk.until_line("shot.png was not sent to @gpu: cannot read it: No such file or directory")
    assert desk.puts() == []


# -- an empty paste


def test_a_picture_on_the_clipboard_is_offered_after_an_empty_paste(desk: Desk) -> None:
    desk.clipboard = {TEXT: b"text", PNG: b"picture"}
    desk.type(START, END)
    assert desk.passed == START + END
    desk.until_line("picture.png (7 bytes) is here, not on @gpu: Ctrl-V or Alt-V sends it")
    desk.type(CTRL_V)
    desk.until(lambda: desk.files)
    assert desk.files == {"picture.png": b"picture"}
    assert desk.passed == START + END


def test_a_file_whose_address_was_copied_is_offered_if_it_is_not_over_there(desk: Desk, shot: Path) -> None:
    desk.clipboard = {FILES: shot.as_uri().encode() + b"\r\n", PNG: b"its icon"}
    desk.type(START + END)
    desk.until_line("shot.png (28 KB) is here")
    desk.type(b"a")
    assert (desk.passed, desk.line) == (START + END + b"a", "")
    desk.there.add(str(shot))
    del desk.asked[:], desk.lines[:]
    desk.type(START + END)
    desk.until(lambda: desk.asked)
    desk.run_once()
    assert desk.lines == []


def test_a_program_that_reads_the_picture_itself_gets_no_offer(desk: Desk) -> None:
    desk.clipboard = {PNG: b"picture"}
    desk.type(START + END)
    ask = {"number": 2, "wish": "read", "program": "claude", "type": PNG}
    desk.exchanges.handle_frame(protocol.ASK, codec.encode(ask))
    assert desk.desktop.files is not None
    assert desk.desktop.files.due > time.monotonic() + 60


@pytest.mark.parametrize("then", [b"a", pasted("text")])
def test_a_key_behind_the_empty_paste_has_no_picture_offered(desk: Desk, then: bytes) -> None:
    desk.clipboard = {PNG: b"picture"}
    desk.type(START + END, then)
    assert desk.passed == START + END + then
    assert desk.desktop.files is not None
    assert desk.desktop.files.due > time.monotonic() + 60


def test_text_on_the_clipboard_is_not_offered(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    desk.clipboard = {TEXT: b"text"}
    looked: list[object] = []
    assert desk.desktop.files is not None
    monkeypatch.setattr(desk.desktop.files, "_found_on_clipboard", looked.append)
    desk.type(START + END)
    desk.until(lambda: looked)
    assert looked == [[]]


def test_a_program_that_asks_takes_the_place_of_a_line_about_a_file_and_its_answer_takes_it_away(
    desk: Desk, shot: Path
) -> None:
    desk.told["pasted"] = False
    desk.clipboard = {TEXT: b"text"}
    desk.type(pasted(shot))
    desk.until_line("Ctrl-V")
    desk.type(CTRL_V)
    desk.until_line("shot.png is on @gpu")
    ask = {"number": 2, "wish": "read", "program": "vim", "type": TEXT}
    desk.exchanges.handle_frame(protocol.ASK, codec.encode(ask))
    desk.until_line("vim on @gpu asks for your clipboard")
    desk.type(CTRL_V)
    assert desk.line == ""


def test_a_line_of_a_program_that_asks_is_not_covered(desk: Desk, shot: Path) -> None:
    desk.told["pasted"] = False
    desk.type(pasted(shot))
    desk.until_line("Ctrl-V")
    desk.type(CTRL_V)
    desk.consent.ask = AskingLine("vim", time.monotonic() + 10)
    desk.until(lambda: desk.files)
    desk.run_once()
    assert "is on @gpu" not in desk.line
    desk.consent.ask = None
    desk.until_line("shot.png is on @gpu")
