"""What a client that predicts is told of its keys, and that it costs hardly any bytes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sesh import protocol
from sesh.daemon.clients import echoes
from sesh.daemon.clients.echoes import DOUBT_TIME, ECHO_TIME, LATE_TIME, RIDE_TIME, SLOW_TIME
from sesh.daemon.clients.registry import Clients
from sesh.daemon.clients.relay import Relay
from sesh.daemon.pty.output_log import OutputLog
from sesh.daemon.screen.model import Model
from sesh.loop import timers
from tests.unit.daemon.connections import Link

ECHOES = protocol.ECHOES


class Clock:
    """The time, as the test has it."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now


class Session:
    """A client of a session that predicts, and a program that is the test."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.link = Link()
        self.log = OutputLog()
        self.flags = ECHOES
        clients = Clients((80, 24, 0, 0), lambda _: None)
        self.timers = timers.Timers()
        self.relay = Relay(self.log, Model(self.log, 80, 24), clients, self.timers, lambda: self.flags)
        self.echoes = self.relay.get_echoes()
        self.client = self.link.attached(1, remote=True, brief=True)
        clients.add(self.client)
        self.relay.serve()
        self.number = 0
        self.type(b"x")
        self.prints(b"x")
        self.echoes.model(self.client)
        self.passes(1.0)
        self.link.take()

    def type(self, keys: bytes) -> None:
        """The program gets keys."""
        self.number += 1
        self.client.last_input = self.number
        self.echoes.taken(self.client, self.number, keys)

    def prints(self, data: bytes) -> None:
        """The program writes."""
        self.log.append(data)
        self.relay.deliver(data)

    def passes(self, seconds: float) -> list[tuple[int, bytes]]:
        """Time goes by: the frames that came meanwhile."""
        end = self.clock.now + seconds
        while (wait := self.timers.wait_time()) is not None and self.clock.now + wait <= end:
            self.clock.now += wait + 1e-9
            self.timers.run()
        self.clock.now = end
        return self.link.take()


@pytest.fixture
def session(monkeypatch: pytest.MonkeyPatch) -> Iterator[Session]:
    clock = Clock()
    monkeypatch.setattr(echoes, "time", clock)
    monkeypatch.setattr(timers, "time", clock)
    started = Session(clock)
    yield started
    started.link.close()


def test_text_that_was_echoed_is_acknowledged_along_with_the_next_output(session: Session) -> None:
    session.type(b"a")
    session.prints(b"a")
    assert session.passes(ECHO_TIME + 0.06) == [(protocol.MORE, b"a")]
    session.type(b"b")
    session.prints(b"b")
    assert session.passes(0) == [(protocol.ECHOED, b""), (protocol.MORE, b"b")]


def test_it_does_not_wait_for_ever(session: Session) -> None:
    session.type(b"a")
    session.prints(b"a")
    assert (protocol.ECHOED, b"") not in session.passes(ECHO_TIME + RIDE_TIME / 2)
    assert session.passes(RIDE_TIME) == [(protocol.ECHOED, b"")]
    assert session.timers.wait_time() is None


def test_it_waits_as_long_for_a_key_after_which_nothing_is_guessed(session: Session) -> None:
    """Guesses after such a key are drawn once one has come true: what tells so takes the frame along."""
    for key in (b"\r", b"\x1b", b"\x1b[B", b""):
        session.type(key)
        session.prints(b"\x1b[H")
    session.type(b"j")
    assert (protocol.ECHOED, b"") not in session.passes(ECHO_TIME + 0.01)
    session.prints(b"\x1b[B")
    assert [kind for kind, _ in session.passes(0)] == [protocol.ECHOED, protocol.MORE]


@pytest.mark.parametrize("keys", [b"\x7f", b" ", "ä".encode(), b"q", b"q\r"])
def test_a_key_of_which_a_wrong_guess_may_be_shown_is_acknowledged_at_once(session: Session, keys: bytes) -> None:
    session.type(keys)
    assert session.passes(ECHO_TIME) == [(protocol.ECHOED, b"")]


@pytest.mark.parametrize(
    ("keys", "output"), [(b"q", b"\x1b[5;5Hq"), (b"q", b"/etq"), (b"\x1b[D", b"\a"), (b"\x7f", b"rest\b\b\b\b")]
)
def test_a_key_of_which_a_wrong_guess_is_hardly_shown_is_acknowledged_soon(
    session: Session, keys: bytes, output: bytes
) -> None:
    session.type(keys)
    session.prints(output)
    assert (protocol.ECHOED, b"") not in session.passes(ECHO_TIME + DOUBT_TIME / 2)
    assert session.passes(DOUBT_TIME) == [(protocol.ECHOED, b"")]


def test_keys_in_a_hurry_are_acknowledged_soon(session: Session) -> None:
    """The guesses that follow a cursor key began from the echo of the letter behind it, and stood for two seconds."""
    session.type(b"\x1b[B")
    session.prints(b"\x1b[B")
    session.passes(ECHO_TIME / 2)
    session.type(b"j")
    session.prints(b"j")
    assert session.passes(ECHO_TIME * 1.5)[-1] == (protocol.MORE, b"j")
    ((kind, _),) = session.passes(DOUBT_TIME)
    assert kind == protocol.ECHOED


def test_a_key_that_cannot_wait_takes_those_along_that_could(session: Session) -> None:
    session.type(b"a")
    session.prints(b"a")
    session.passes(ECHO_TIME)
    session.type(b"q")
    frames = session.passes(ECHO_TIME)
    assert [kind for kind, _ in frames] == [protocol.ECHOED, protocol.ECHOED]
    assert session.passes(2 * RIDE_TIME) == []


def test_frames_that_wait_are_one(session: Session) -> None:
    session.type(b"\r")
    session.passes(ECHO_TIME)
    for _ in range(3):
        session.type(b"\x1b")
        session.passes(ECHO_TIME)
    (echoed,) = session.passes(RIDE_TIME)
    assert protocol.split_echoed(echoed[1]) == (session.number, session.log.head, ECHOES)


def test_text_after_text_that_was_not_echoed_is_not_urgent(session: Session) -> None:
    session.type(b"j")
    session.prints(b"\x1b[B")
    session.passes(1)
    session.type(b"j")
    session.prints(b"\x1b[B")
    assert session.passes(ECHO_TIME + 0.01) == [(protocol.MORE, b"\x1b[B")]
    assert session.passes(DOUBT_TIME) == [(protocol.ECHOED, b"")]


def test_text_that_a_program_takes_as_commands_waits_on_where_no_guess_is_drawn(session: Session) -> None:
    session.type(b"\x1b")
    session.prints(b"\x1b[H")
    session.passes(2 * ECHO_TIME)
    for key in (b"d", b"d"):
        session.type(key)
        assert protocol.ECHOED not in [kind for kind, _ in session.passes(ECHO_TIME + 2 * DOUBT_TIME)]
    session.prints(b"\x1b[M")
    assert [kind for kind, _ in session.passes(0)] == [protocol.ECHOED, protocol.MORE]


def test_a_slow_program_is_given_time_and_what_is_told_goes_along_with_the_echo(session: Session) -> None:
    """On a busy machine each late echo used to cost a frame of its own, and a guess that was right its place."""
    session.type(b"a")
    assert [kind for kind, _ in session.passes(ECHO_TIME * 1.5)] == [protocol.ECHOED], "nobody knew that it is slow"
    session.prints(b"a")
    session.passes(ECHO_TIME)
    for key in (b"b", b"c"):
        session.type(key)
        assert protocol.ECHOED not in [kind for kind, _ in session.passes(ECHO_TIME * 1.5)]
        session.prints(key)
        session.passes(LATE_TIME)
    session.type(b"q")
    assert protocol.ECHOED in [kind for kind, _ in session.passes(LATE_TIME)], "but no more than that"
    session.passes(SLOW_TIME)
    session.type(b"q")
    session.prints(b"q")
    session.passes(2 * RIDE_TIME)
    session.type(b"q")
    assert [kind for kind, _ in session.passes(ECHO_TIME)] == [protocol.ECHOED], "nor for long"


def test_what_the_client_cannot_tell_stands_in_the_frame(session: Session) -> None:
    session.type(b"a")
    session.prints(b"a")
    session.passes(ECHO_TIME)
    session.flags = 0
    session.prints(b"Password: ")
    frames = session.passes(0)
    assert frames[0] == (protocol.ECHOED, b"")
    assert protocol.split_echoed(frames[1][1]) == (0, session.log.head, 0)
    assert frames[2] == (protocol.MORE, b"Password: ")
    session.number += 1  # one INPUT was taken unseen
    session.type(b"b")
    (echoed,) = session.passes(ECHO_TIME)
    assert protocol.split_echoed(echoed[1]) == (session.number, session.log.head, 0)


def test_a_client_that_does_not_know_short_frames_gets_whole_ones(session: Session) -> None:
    session.client.brief = False
    session.type(b"a")
    session.prints(b"a")
    (output, echoed) = session.passes(2 * RIDE_TIME)
    assert output == (protocol.OUTPUT, (session.log.head - 1).to_bytes(8, "big") + b"a")
    assert protocol.split_echoed(echoed[1]) == (session.number, session.log.head, ECHOES)


def test_who_has_left_is_told_nothing(session: Session) -> None:
    session.type(b"a")
    session.prints(b"a")
    session.passes(ECHO_TIME)
    session.type(b"b")
    session.echoes.forget(session.client)
    assert session.passes(1) == []
