"""Prediction is told what was sent to the daemon, whenever that is: its guesses wait for the echo of those numbers."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import suppress
from unittest.mock import Mock

import pytest

from sesh.client.attachment import Attachment
from sesh.client.display import Display
from sesh.client.options import AttachOptions
from sesh.config.config import Config
from sesh.wire import protocol
from sesh.wire.connection import Connection, adopt

PASTE = b"x" * (protocol.INPUT_WINDOW + 100_000)


class Typist:
    """An attachment to a daemon that only reads. `told`: numbers and data that its predictor was told."""

    def __init__(self) -> None:
        near = self._connect()
        terminal = Mock(**{"grid.return_value": (80, 24), "size.return_value": (80, 24, 0, 0), "path.return_value": ""})
        terminal.write.side_effect = len
        self.attachment = Attachment(Display(terminal), near, None, "work", "host", AttachOptions(Config("")))
        self.sent: list[tuple[int, bytes]] = []
        self.told: list[tuple[int, bytes]] = []
        predictor = self.attachment.view._predictor = Mock()
        predictor.input_sent.side_effect = self._note
        predictor.withdraw.return_value = b""
        self.passed_over: list[int] = []
        predictor.pass_over.side_effect = self.passed_over.append

    def _connect(self) -> Connection:
        near, self._daemon = socket.socketpair()
        self._daemon.setblocking(False)
        self._decoder = protocol.Decoder()
        return adopt(near)

    def _note(self, number: int, data: bytes) -> bytes:
        self.told.append((number, data))
        return b""

    def lose_link(self) -> None:
        """Go on over another link, without what is on its way over this one."""
        self._daemon.close()
        self.attachment._attach_over(self._connect())

    def close(self) -> None:
        self.attachment.close()
        self._daemon.close()

    def type(self, data: bytes) -> None:
        self.attachment.handle_input((data, False))

    def come(self, frame: bytes) -> None:
        """Have a frame of the daemon come."""
        self.attachment.channel.frames.extend(protocol.Decoder().feed(frame))
        self.attachment.handle_frames()

    def welcome(self, last_input: int = 0) -> None:
        welcome = {"protocol": protocol.PROTOCOL, "id": "1", "name": "work", "last_input": last_input}
        self.come(protocol.message(protocol.WELCOME, welcome))

    def read(self) -> list[tuple[int, bytes]]:
        """Return the numbers and data of all INPUT that has been sent."""
        with suppress(BlockingIOError):
            while True:
                frames = self._decoder.feed(self._daemon.recv(1 << 20))
                self.sent += [protocol.split_number(data) for kind, data in frames if kind == protocol.INPUT]
                self.attachment.channel.send()
        return self.sent


@pytest.fixture
def typist() -> Iterator[Typist]:
    typist = Typist()
    yield typist
    typist.close()


def during_a_look(typist: Typist) -> None:
    """Keys wait while the client looks whether the session shows its own terminal."""
    typist.welcome()
    typist.type(b"a")
    typist.attachment.channel.input.held = True
    typist.type(b"b")
    typist.type(b"c")
    assert typist.told == [(1, b"a")]
    typist.attachment.view.feedback.let_go()


def more_than_the_window(typist: Typist) -> None:
    typist.welcome()
    typist.type(PASTE)
    typist.type(b"b")
    typist.read()
    typist.come(protocol.numbered(protocol.ACK, typist.sent[-1][0], b""))


def before_the_welcome(typist: Typist) -> None:
    typist.type(b"a")
    typist.type(b"b")
    typist.welcome()
    typist.type(b"c")


def over_another_link(typist: Typist) -> None:
    """What is sent again is not told again."""
    typist.welcome()
    typist.type(b"a")
    typist.read()
    typist.type(b"b")
    typist.lose_link()
    typist.type(b"c")
    typist.welcome(last_input=1)


@pytest.mark.parametrize(
    ("acts", "typed"),
    [
        (during_a_look, b"abc"),
        (more_than_the_window, PASTE + b"b"),
        (before_the_welcome, b"abc"),
        (over_another_link, b"abc"),
    ],
)
def test_prediction_is_told_each_input_as_it_is_sent(
    typist: Typist, acts: Callable[[Typist], None], typed: bytes
) -> None:
    acts(typist)
    assert typist.read() == typist.told
    assert b"".join(data for _, data in typist.sent) == typed


def test_input_that_is_sent_while_a_line_of_sesh_shows_is_known_and_not_guessed(typist: Typist) -> None:
    typist.welcome()
    typist.attachment.view.pin_line("no answer")
    typist.type(b"a")
    assert typist.passed_over == [number for number, _ in typist.read()] == [1]
    typist.attachment.view.pin_line("")
    typist.type(b"b")
    assert typist.told == [(2, b"b")]


def test_behind_detach_no_input_is_sent(typist: Typist) -> None:
    typist.welcome()
    typist.type(PASTE)
    typist.attachment.handle_input((b"", True))
    sent = len(typist.read())
    typist.come(protocol.numbered(protocol.ACK, sent, b""))
    assert len(typist.read()) == sent


def test_a_key_behind_the_first_screen_is_consent(typist: Typist) -> None:
    """The part that notes it was loaded a moment after the screen showed."""
    typist.welcome()
    typist.come(protocol.screen_frame(0, 0, b"ready"))
    typist.type(b"a")
    assert typist.attachment.exchanges is not None
    assert typist.attachment.exchanges.desktop._has_typed  # type: ignore[attr-defined]
