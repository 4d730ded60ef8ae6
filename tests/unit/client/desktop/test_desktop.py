"""A machine serves the wishes of a session's programs: by keys, lines, and its tools."""

from __future__ import annotations

import hashlib
import os
import select
import socket
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any
from unittest.mock import Mock

import pytest

from sesh.client.desktop import desktop as module
from sesh.client.desktop import exchanges, pages
from sesh.client.desktop.consent import Consent
from sesh.client.desktop.desktop import PersonDesktop
from sesh.client.desktop.exchanges import Exchanges
from sesh.client.desktop.queries import Query
from sesh.desktop import addresses, tools
from sesh.desktop.targets import PNG, TEXT
from sesh.desktop.tools import Browser, NoTool
from sesh.schema import codec
from sesh.system import platforms, processes, workers
from sesh.wire import protocol
from sesh.wire.messages import Why
from tests.unit.client.desktop.turns import turn

CTRL_V, ALT_V = b"\x16", b"\x1bv"


class Person:
    """A desktop whose tools are a dictionary, and the frames of an attachment."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, *, consent: Consent | None = None, remote: bool = True) -> None:
        self.content: dict[str, bytes] = {}
        self.opened: list[str] = []
        self.written: list[tuple[str, bytes]] = []
        self.line, self.notices = "", list[str]()
        self.line_columns = 78
        self.looks = 0
        self.replies: list[bytes] = []  # to queries
        self.reply_room = 1 << 20
        monkeypatch.setattr(module, "WAIT", 0.2)
        monkeypatch.setattr(addresses, "leads_here", lambda host: host == "leads.example")
        monkeypatch.setattr(tools, "clipboard", lambda _: tools._XCLIP)
        monkeypatch.setattr(tools, "browser", lambda _: Browser(("xdg-open",)))
        monkeypatch.setattr(tools, "list_types", lambda *_: self._list())
        monkeypatch.setattr(tools, "read", lambda _, mime, __: self.content.get(mime, b""))
        monkeypatch.setattr(tools, "write", lambda _, mime, data: self.written.append((mime, data)))
        monkeypatch.setattr(tools, "open_page", lambda _, address: self.opened.append(address))
        self.sent = bytearray()
        self.channel = Mock(unwritten=b"")
        self.channel.send.side_effect = self.sent.extend
        self.terminal = Mock(ignores_clipboard=False)
        self.desktop = PersonDesktop(
            self,
            self.terminal,
            consent or Consent(),
            "gpu" if remote else None,
            environment={},
            reply=self._reply,
        )
        self.exchanges = Exchanges(self.channel, self.desktop, over_link=remote)
        self.desktop.exchanges = self.exchanges
        self._number = 0
        self.told: dict[int, dict[str, Any]] = {}
        self.data: dict[int, bytes] = {}
        self.asked: list[dict[str, Any]] = []  # of the daemon
        self._decoder = protocol.Decoder()

    def _reply(self, data: bytes) -> bool:
        if len(data) > self.reply_room:
            return False
        self.replies.append(data)
        return True

    def _list(self) -> list[str]:
        self.looks += 1
        return [*self.content]

    def show_notice(self, text: str) -> None:
        self.notices.append(text)

    def ask_line(self, text: str, seconds: float = 0.0) -> None:
        self.line = text

    def ask(self, wish: str, **keys: Any) -> int:
        self._number += 2
        facts = {"number": self._number, "wish": wish, "program": "vim", **keys}
        self.exchanges.handle_frame(protocol.ASK, codec.encode(facts))
        self._collect()
        return self._number

    def piece(self, number: int, data: bytes) -> None:
        self.exchanges.handle_frame(protocol.PIECE, protocol.numbered(protocol.PIECE, number, data)[5:])

    def press(self, keys: bytes) -> bytes:
        return self.desktop.keys(keys)

    def _collect(self) -> None:
        frames = self._decoder.feed(bytes(self.sent))
        self.sent.clear()
        for kind, payload in frames:
            if kind == protocol.TOLD:
                told = codec.parse(payload)
                self.told[told["number"]] = told
            elif kind == protocol.PIECE:
                number, data = protocol.split_number(payload)
                self.data[number] = self.data.get(number, b"") + data
                taken = ((number, len(self.data[number])), (0, sum(map(len, self.data.values()))))
                for of, count in taken:  # of the exchange, and of all
                    self.exchanges.handle_frame(protocol.TAKEN, protocol.taken(of, count)[5:])
            elif kind == protocol.ASK:
                self.asked.append(codec.parse(payload))

    def run_once(self, seconds: float = 0.05) -> None:
        turn(self.exchanges, seconds)
        self._collect()

    def answer(self, number: int) -> dict[str, Any]:
        """Run until an exchange is told."""
        deadline = time.monotonic() + 20
        while number not in self.told:
            assert time.monotonic() < deadline
            self.run_once()
        return self.told[number]

    def until(self, true: Callable[[], object]) -> None:
        deadline = time.monotonic() + 20
        while not true():
            assert time.monotonic() < deadline
            self.run_once()

    def until_line(self) -> None:
        self.until(lambda: self.line)


@pytest.fixture
def person(monkeypatch: pytest.MonkeyPatch) -> Iterator[Person]:
    made = Person(monkeypatch)
    yield made
    made.desktop.close()


def test_a_paste_key_gives_the_types_and_then_the_picture(person: Person) -> None:
    picture = hashlib.sha256(b"picture").digest() * (1 << 15)
    person.content = {PNG: picture, TEXT: b"text"}
    assert person.press(CTRL_V) == CTRL_V, "the program gets the key"
    assert person.answer(person.ask("list"))["types"] == [PNG, TEXT]
    number = person.ask("read", type=PNG)
    assert person.answer(number)["ok"]
    assert person.data[number] == picture
    assert person.notices == ["vim on @gpu read your clipboard (picture, 1.0 MB)"]
    assert not person.answer(person.ask("read", type=TEXT))["ok"], "one key gives once"


def test_a_type_that_is_not_there_is_refused_with_those_that_are(person: Person) -> None:
    person.content = {TEXT: b"text"}
    person.press(CTRL_V)
    told = person.answer(person.ask("read", type=PNG))
    assert (told["ok"], told["why"], told["types"]) == (False, "empty", [TEXT])
    assert person.answer(person.ask("read", type=TEXT))["ok"], "what finds nothing is free"


def test_without_a_key_a_line_asks_and_a_reader_finds_nothing(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAIT", 0.5)
    person.content = {TEXT: b"x" * 1200}
    number = person.ask("read", type=TEXT)
    begun = time.monotonic()
    person.until_line()
    assert person.line == "vim on @gpu asks for your clipboard (text, 1 KB): Ctrl-V or Alt-V gives it"
    told = person.answer(number)
    assert (told["ok"], told["why"]) == (False, "consent")
    assert time.monotonic() - begun > 0.4
    assert person.line, "it stays"


@pytest.mark.parametrize("key", [CTRL_V, ALT_V, b"\x1b[118;5u"])
def test_the_key_of_the_line_gives_it_to_the_reader_that_waits_and_not_to_the_program(
    person: Person, key: bytes
) -> None:
    person.content = {TEXT: b"text"}
    number = person.ask("read", type=TEXT)
    person.until_line()
    assert person.press(b"a" + key + b"\x1b[118;5:3u" + b"b") == b"ab"
    assert person.line == ""
    assert person.answer(number)["ok"]
    assert person.data[number] == b"text"


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (78, "vim on @gpu asks for your clipboard (text, 4 bytes): Ctrl-V or Alt-V gives it"),
        (70, "vim on @gpu asks for your clipboard (text, 4 bytes): Ctrl-V gives it"),
        (60, "vim on @gpu asks for your clipboard: Ctrl-V gives it"),
        (40, "Ctrl-V gives your clipboard to vim on @gpu"),
    ],
)
def test_a_line_says_its_key_and_what_it_gives_on_a_narrow_terminal_too(
    person: Person, columns: int, line: str
) -> None:
    person.content[TEXT] = b"text"
    person.line_columns = columns
    person.ask("read", type=TEXT)
    person.until_line()
    assert person.line == line


def test_a_program_that_polls_runs_no_tool_until_the_next_key(person: Person) -> None:
    person.content = {TEXT: b"text"}
    number = person.ask("read", type=TEXT)
    person.until_line()
    person.answer(number)
    assert person.desktop._consent.ask is not None
    person.desktop._consent.ask.until = 0.0
    looks = person.looks
    for _ in range(50):
        assert person.answer(person.ask("read", type=TEXT))["why"] == "consent"
    assert person.looks == looks


def test_a_clipboard_that_is_empty_is_refused_without_a_line_and_as_late(person: Person) -> None:
    begun = time.monotonic()
    assert not person.answer(person.ask("list"))["ok"]
    assert person.line == ""
    assert time.monotonic() - begun > 0.15


def test_what_the_session_wrote_is_given_back_at_once(person: Person) -> None:
    number = person.ask("write", type=TEXT, size=4)
    for data in (b"te", b"xt", b""):
        person.piece(number, data)
    assert person.answer(number)["ok"]
    assert person.written == [(TEXT, b"text")]
    person.content = {TEXT: b"text"}
    number = person.ask("read", type=TEXT)
    assert person.answer(number)["ok"]
    assert person.data[number] == b"text"
    assert person.answer(person.ask("list"))["types"] == [TEXT]
    person.content = {TEXT: b"of the person"}
    assert not person.answer(person.ask("read", type=TEXT))["ok"]


def test_a_host_that_has_written_does_not_hear_which_types_the_person_has_copied_since(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "WAIT", 0.3)
    number = person.ask("write", type=TEXT)
    person.piece(number, b"")
    assert person.answer(number)["ok"]
    person.content = {PNG: b"of the person"}
    person.desktop._consent._asked.add("vim")  # the line was shown
    for mime in (PNG, TEXT):
        begun = time.monotonic()
        assert person.answer(person.ask("read", type=mime))["why"] == "consent"
        assert time.monotonic() - begun > 0.25


def test_a_host_does_not_have_clipboards_without_end_held_in_memory(person: Person) -> None:
    writes = [person.ask("write", type=TEXT) for _ in range(9)]
    assert {*person.told} == {writes[-1]}
    assert not person.answer(person.ask("list"))["ok"]  # others go on
    person.piece(writes[0], b"")
    assert person.answer(writes[0])["ok"]
    person.piece(person.ask("write", type=TEXT), b"")
    assert person.answer(person._number)["ok"]


def test_more_than_20_mib_are_not_written(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exchanges, "MAX_BYTES", 10)
    number = person.ask("write", type=TEXT)
    person.piece(number, b"x" * 11)
    assert person.answer(number)["why"] == "size"
    assert person.written == []


def test_a_terminal_takes_text_where_there_are_no_tools(person: Person) -> None:
    person.desktop._clipboard = None
    number = person.ask("write", type=TEXT)
    person.piece(number, b"text")
    person.piece(number, b"")
    assert person.answer(number)["ok"]
    person.terminal.write_clipboard.assert_called_once_with(b"text")
    number = person.ask("write", type=PNG)
    person.piece(number, b"")
    told = person.answer(number)
    assert (told["why"], told["words"]) == ("tools", f"the desktop has no clipboard: {tools.missing({})}")


def test_a_page_opens_after_a_key_and_else_is_a_link(person: Person) -> None:
    told = person.answer(person.ask("open", url="https://example.org/a b"))
    assert told["why"] == "refused"
    told = person.answer(person.ask("open", url="https://example.org/a"))
    assert told["why"] == "consent"
    assert person.line == "vim on @gpu wants to open: https://example.org/a"
    person.press(b"y")
    assert person.answer(person.ask("open", url="https://example.org/a"))["ok"]
    assert person.opened == ["https://example.org/a"]
    assert person.notices == ["vim on @gpu opened https://example.org/a"]


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "javascript:1",
        "-h",
        "https://u:p@example.org/",
        "https://a/\x1b[31m",
        "https://a/\n",
        "x" * (1 << 19),
    ],
)
def test_other_addresses_are_refused_whatever_was_pressed(person: Person, url: str) -> None:
    person.press(b"y")
    assert person.answer(person.ask("open", url=url))["why"] == "refused"
    assert (person.opened, person.line) == ([], "")


def test_a_hundred_opens_open_one_page_and_show_one_link(person: Person) -> None:
    person.press(b"y")
    for _ in range(60):
        person.ask("open", url="https://example.org/")
        person.run_once(0.0)
    assert len(person.opened) <= 1
    assert person.line == "vim on @gpu wants to open: https://example.org/"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_a_login_is_listened_for_before_its_page_opens(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    port = free_port()
    listened: list[bool] = []

    def open_page(_: Browser, __: str) -> None:
        with socket.create_connection(("127.0.0.1", port)):
            listened.append(True)

    monkeypatch.setattr(tools, "open_page", open_page)
    person.press(b"y")
    url = f"https://auth.example.org/?redirect_uri=http%3A%2F%2Flocalhost%3A{port}%2Fcallback"
    assert person.answer(person.ask("open", url=url, ports=[port]))["ok"]
    assert listened == [True]
    assert [(each["wish"], each["port"]) for each in person.asked] == [("port", port)]
    with socket.create_connection(("127.0.0.1", port)) as browser:
        browser.sendall(b"GET /callback?code=1 HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % port)
        while len(person.asked) < 2:
            person.run_once()
        assert (person.asked[1]["wish"], person.asked[1]["port"]) == ("stream", port)
        person.piece(person.asked[1]["number"], b"HTTP/1.1 200 OK\r\n\r\n")
        ready, _, _ = select.select([browser], [], [], 10)
        assert ready
        assert browser.recv(100) == b"HTTP/1.1 200 OK\r\n\r\n"
    told = codec.encode({"number": person.asked[0]["number"], "ok": False, "why": "gone"})
    person.exchanges.handle_frame(protocol.TOLD, told)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_the_port_of_a_login_that_is_over_is_free_for_the_next_one(person: Person) -> None:
    """A browser keeps its connection to the first one."""
    port = free_port()
    url = f"https://auth.example.org/?redirect_uri=http%3A%2F%2Flocalhost%3A{port}%2F"
    person.press(b"y")
    assert person.answer(person.ask("open", url=url))["ok"]
    with socket.create_connection(("127.0.0.1", port)) as browser:
        browser.sendall(f"GET / HTTP/1.1\r\nHost: localhost:{port}\r\n\r\n".encode())
        while len(person.asked) < 2:
            person.run_once()
        told = codec.encode({"number": person.asked[0]["number"], "ok": False, "why": "gone"})
        person.exchanges.handle_frame(protocol.TOLD, told)
        assert not is_listened_on(port)
        person.desktop._consent._opened_at = 0.0
        assert person.answer(person.ask("open", url=url))["ok"]
        assert is_listened_on(port)


def test_nothing_opens_while_the_port_of_a_login_is_taken_here(person: Person) -> None:
    """The code would go to a stranger."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        person.press(b"y")
        url = f"https://auth.example.org/?redirect_uri=http%3A%2F%2Flocalhost%3A{port}%2F"
        told = person.answer(person.ask("open", url=url))
    assert told["why"] == "taken"
    assert person.opened == []
    holder = f"{processes.name_of(os.getpid())} (pid {os.getpid()})" if platforms.LINUX else ""
    assert person.line.startswith(f"page not opened: port {port} is taken here by {holder}")


def is_listened_on(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_what_was_listened_on_for_a_page_that_does_not_open_is_let_go(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = free_port()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        second = other.getsockname()[1]
        person.press(b"y")
        url = f"http://a/?a=http://localhost:{first}&b=http://localhost:{second}"
        assert person.answer(person.ask("open", url=url))["why"] == "taken"
        assert not is_listened_on(first)
    monkeypatch.setattr(tools, "open_page", Mock(side_effect=NoTool("no browser")))
    person.desktop._consent._opened_at = 0.0
    assert person.answer(person.ask("open", url=f"http://a/?a=http://localhost:{first}"))["why"] == "tools"
    assert is_listened_on(first), "its person may click the link"


@pytest.mark.parametrize("remote", [True, False])
def test_behind_a_plain_ssh_the_line_has_the_command_that_brings_a_login_there(
    monkeypatch: pytest.MonkeyPatch, remote: bool
) -> None:
    person = Person(monkeypatch, remote=remote)
    person.desktop.pages.browser = None
    person.desktop.pages._environment = {"SSH_CONNECTION": "10.0.0.1 50000 10.0.0.2 22"}
    port = free_port()
    person.press(b"y")
    url = f"http://a/?a=http://localhost:{port}"
    told = person.answer(person.ask("open", url=url, ports=[port]))
    command = f"run `ssh -L {port}:localhost:{port} {os.uname().nodename}` where you sit, then open"
    assert person.line == f"vim: {command} {url.replace('a/?', 'a/?')}"
    assert told["words"] == f"the desktop has no browser, and it is reached by plain ssh: {command} the address"
    assert is_listened_on(port) is remote, "on this machine the login's own program listens"
    person.desktop._consent._opened_at = 0.0
    person.answer(person.ask("open", url="https://example.org/"))
    assert person.line == f"vim{' on @gpu' if remote else ''} wants to open: https://example.org/"
    person.desktop.close()


def test_pages_without_end_do_not_listen_on_ports_without_end(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "_MAX_LISTENERS", 2)
    ports = [free_port() for _ in range(3)]
    for port in ports:
        person.press(b"y")
        person.desktop._consent._opened_at = 0.0
        assert person.answer(person.ask("open", url=f"http://a/?a=http://localhost:{port}"))["ok"]
    assert [is_listened_on(port) for port in ports] == [False, True, True]
    ended = person.asked[0]["number"]
    assert person.told[ended]["why"] == "gone", "the daemon looks at the port no more"


def test_within_a_session_nothing_is_listened_on_without_a_key_nor_after_a_refusal(
    person: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    outer = Mock(**{"watched.return_value": {}})
    for part in (person.desktop, person.desktop.pages):
        monkeypatch.setattr(part, "_outer", outer)
    port = free_port()
    url = f"http://a/?a=http://localhost:{port}"
    assert person.answer(person.ask("open", url=url))["why"] == "consent"
    assert not is_listened_on(port)
    outer.ask.assert_not_called()
    person.ask("open", url="https://example.org/")
    person.until(lambda: outer.ask.call_count == 1)  # its desktop decides
    person.press(b"y")
    person.ask("open", url=url)
    person.until(lambda: outer.ask.call_count == 2)
    assert is_listened_on(port)
    outer.ask.call_args[0][0].refuse(Why.CONSENT)
    person.exchanges.run([], time.monotonic())
    assert not is_listened_on(port)


@pytest.mark.parametrize("host", ["localhost", "127.1", "0x7f000001", "0", "[::]", "[::ffff:127.0.0.1]", "a.localhost"])
@pytest.mark.parametrize("port", ["", ":80", ":631", ":5000"])
def test_a_host_opens_no_page_of_this_machine(person: Person, host: str, port: str) -> None:
    person.press(b"y")
    told = person.answer(person.ask("open", url=f"http://{host}{port}/", ports=[]))
    assert told["why"] == "refused"
    assert person.opened == []
    assert person.line.startswith("vim on @gpu leads to this machine: http://")


def test_a_name_that_the_resolver_leads_here_is_loopback(person: Person) -> None:
    person.press(b"y")
    told = person.answer(person.ask("open", url="http://leads.example:5000/", ports=[]))
    assert told["why"] == "refused"
    assert person.opened == []
    assert person.line == "vim on @gpu leads to this machine: http://localhost:5000/"
    port = free_port()
    person.desktop._consent._opened_at = 0.0
    assert person.answer(person.ask("open", url=f"http://leads.example:{port}/", ports=[port]))["ok"]
    assert person.opened == [f"http://localhost:{port}/"]
    assert is_listened_on(port)


@pytest.mark.parametrize("host", ["box.example.org", "BOX.example.org.", "box"])
def test_a_host_opens_no_page_of_a_name_that_this_machine_has_for_its_loopback(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    hosts = b"# a comment\n127.0.0.1 localhost\n127.0.1.1\tbox.example.org box # ours\n10.0.0.1 other\n"
    monkeypatch.setattr(platforms, "content", lambda *_: hosts)
    person = Person(monkeypatch)
    person.press(b"y")
    assert person.answer(person.ask("open", url=f"http://{host}:631/", ports=[]))["why"] == "refused"
    assert person.answer(person.ask("open", url="http://other:631/", ports=[]))["ok"]
    assert person.opened == ["http://other:631/"]
    person.desktop.close()


def test_a_session_of_this_machine_opens_its_own_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(monkeypatch, remote=False)
    person.press(b"y")
    assert person.answer(person.ask("open", url="http://localhost:5000/"))["ok"]
    assert person.opened == ["http://localhost:5000/"]
    assert person.desktop.pages.listeners == {}
    person.desktop.close()


def test_settings_hold_whatever_is_pressed(monkeypatch: pytest.MonkeyPatch) -> None:
    person = Person(monkeypatch, consent=Consent("never", "never", "never"))
    person.content = {TEXT: b"text"}
    person.press(b"y" + CTRL_V)
    for wish in ("list", "read", "write"):
        assert person.answer(person.ask(wish, type=TEXT))["why"] == "consent"
    assert person.answer(person.ask("open", url="https://example.org/"))["why"] == "consent"
    assert (person.looks, person.opened, person.line) == (0, [], "")
    person.desktop.close()


def test_a_tool_that_fails_is_told_in_its_words(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> bytes:
        raise NoTool("xclip: Error: Can't open display: :0")

    for name in ("list_types", "read", "write"):
        monkeypatch.setattr(tools, name, fail)
    person.press(CTRL_V)
    for wish in ("list", "read"):
        told = person.answer(person.ask(wish, type=TEXT))
        assert (told["why"], told["words"]) == ("tools", "xclip: Error: Can't open display: :0")


def test_a_link_that_breaks_takes_the_line_away(person: Person) -> None:
    person.content = {TEXT: b"text"}
    person.ask("read", type=TEXT)
    person.until_line()
    person.exchanges.disconnected()
    assert person.line == ""
    assert person.press(CTRL_V) == CTRL_V


def test_the_name_of_a_program_is_cut_and_has_no_controls(person: Person) -> None:
    person.content = {TEXT: b"text"}
    person.ask("read", type=TEXT, program="\x1b[31m" + "x" * 1000)
    person.until_line()
    assert "[31mxxxxx" in person.line
    assert len(person.line) < 78


def test_a_key_while_the_tool_still_looks_gives_the_clipboard(person: Person, monkeypatch: pytest.MonkeyPatch) -> None:
    person.content = {TEXT: b"text"}
    number = person.ask("read", type=TEXT)
    assert person.press(CTRL_V) == CTRL_V
    assert person.answer(number)["ok"]


OSC_52 = Query(b"52;c", b"", b"\x07", (TEXT,))


def replied(person: Person, count: int = 1) -> bytes:
    """Run until queries are answered; return the last answer."""
    deadline = time.monotonic() + 20
    while len(person.replies) < count:
        assert time.monotonic() < deadline
        person.run_once()
    return person.replies[-1]


def test_a_query_of_a_program_is_answered_after_a_paste_key_and_else_as_an_empty_clipboard(person: Person) -> None:
    person.content = {TEXT: b"text"}
    person.press(b"x")
    person.desktop.query(OSC_52)
    assert replied(person) == b"\x1b]52;c;\x07"
    assert person.line.startswith("a program on @gpu asks for your clipboard (text, 4 bytes)")
    person.press(CTRL_V)
    person.desktop.query(OSC_52)
    assert replied(person, 2) == b"\x1b]52;c;dGV4dA==\x07"


def test_a_query_is_not_answered_by_a_client_in_which_nobody_has_typed(person: Person) -> None:
    person.content = {TEXT: b"text"}
    person.press(b"\x1b[I\x1b[?62;22c")
    person.desktop.query(OSC_52)
    person.run_once()
    assert (person.replies, person.line, person.looks) == ([], "", 0)


def test_a_thousand_queries_run_a_few_tools_and_each_has_an_answer(person: Person) -> None:
    person.press(b"x")
    for _ in range(1000):
        person.desktop.query(OSC_52)
    assert len(person.replies) == 992
    assert replied(person, 1000) == b"\x1b]52;c;\x07"
    assert person.looks <= 8


def test_an_answer_for_which_the_input_has_no_room_is_an_empty_one(person: Person) -> None:
    person.content = {TEXT: b"text" * 100}
    person.reply_room = 100
    person.press(CTRL_V)
    person.desktop.query(OSC_52)
    assert replied(person) == b"\x1b]52;c;\x07"


def test_kittys_query_gets_the_types_and_a_picture_in_chunks(person: Person) -> None:
    person.content = {PNG: b"x" * 5000}
    person.press(CTRL_V)
    person.desktop.query(Query(b"5522;type=read", b":id=1", b"\x1b\\", (".",)))
    assert replied(person) == (
        b"\x1b]5522;type=read:status=OK:id=1\x1b\\"
        b"\x1b]5522;type=read:status=DATA:mime=Lg==:id=1;aW1hZ2UvcG5n\x1b\\"
        b"\x1b]5522;type=read:status=DONE:id=1\x1b\\"
    )
    person.desktop.query(Query(b"5522;type=read", b"", b"\x1b\\", (PNG,)))
    assert replied(person, 2).count(b"status=DATA:mime=aW1hZ2UvcG5n;") == 2
    person.desktop.query(Query(b"5522;type=read", b"", b"\x1b\\", (TEXT,)))
    assert replied(person, 3) == b"\x1b]5522;type=read:status=EPERM\x1b\\"


def test_what_a_program_wrote_by_osc_52_is_given_back_and_gets_there_where_the_terminal_ignores_it(
    person: Person,
) -> None:
    person.content = {TEXT: b"text"}
    person.desktop.copied(b"text")
    assert person.answer(person.ask("read", type=TEXT))["ok"]
    assert person.written == []
    person.terminal.ignores_clipboard = True
    person.desktop.copied(b"more")
    deadline = time.monotonic() + 20
    while not person.written and time.monotonic() < deadline:
        person.run_once()
    assert person.written == [(TEXT, b"more")]


def test_of_a_thousand_copies_by_osc_52_the_last_one_stays_and_few_tools_run(person: Person) -> None:
    person.terminal.ignores_clipboard = True
    for number in range(1000):
        person.desktop.copied(b"%d" % number)
    deadline = time.monotonic() + 20
    while (TEXT, b"999") not in person.written and time.monotonic() < deadline:
        person.run_once()
    assert [text for _, text in person.written] == [b"0", b"999"]


def test_a_terminal_is_asked_after_a_paste_key_where_there_are_no_tools(person: Person) -> None:
    person.desktop._clipboard = None
    number = person.ask("read", type=TEXT)
    assert person.line == "vim on @gpu asks for your clipboard: Ctrl-V or Alt-V gives it"
    person.terminal.insert.assert_not_called()
    assert person.press(CTRL_V) == b""
    person.terminal.insert.assert_called_once_with(b"\x1b[?5522$p\x1b[>0q\x1b[c")
    assert person.press(b"\x1bP>|ghostty 1.2\x1b\\\x1b[?62;22c") == b""
    person.terminal.insert.assert_called_with(b"\x1b]52;c;?\x1b\\")
    assert person.press(b"\x1b]52;c;dGV4dA==\x07x") == b"x"
    assert person.answer(number)["ok"]
    assert person.data[number] == b"text"


def test_a_terminal_that_has_no_clipboard_is_told_in_one_line(person: Person) -> None:
    person.desktop._clipboard = None
    person.press(CTRL_V)
    number = person.ask("read", type=TEXT)
    person.press(b"\x1b[?62;22c")
    told = person.answer(number)
    assert (told["why"], told["words"]) == ("tools", f"the desktop has no clipboard: {tools.missing({})}")


@pytest.mark.parametrize("wish", ["read", "open"])
def test_a_tool_that_hangs_holds_up_no_detach(monkeypatch: pytest.MonkeyPatch, wish: str) -> None:
    person = Person(monkeypatch)
    ended = threading.Event()
    monkeypatch.setattr(tools, "read", lambda *_: ended.wait(20))
    monkeypatch.setattr(tools, "open_page", lambda *_: ended.wait(20))
    person.press(CTRL_V)
    person.ask(wish, type=TEXT, url="https://example.org/")
    person.run_once()
    begun = time.monotonic()
    person.desktop.close()
    assert time.monotonic() - begun < workers.LEAVING / 2
    ended.set()
