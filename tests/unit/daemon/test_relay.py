"""The relay: which client gets what and when, and that none waits for another."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sesh import protocol, system
from sesh.daemon.activity.program_status import Reports, parse
from sesh.daemon.clients import relay as relays
from sesh.daemon.clients.connection import ASIDE, DRAWN, RAW, REPAINT, RESYNC, Client, Reader
from sesh.daemon.clients.registry import CLIENT_LAG, STALLED, Clients
from sesh.daemon.clients.relay import ATTACH_TIME, Relay
from sesh.daemon.pty import backlog, output_log
from sesh.daemon.pty.output_log import IN_MEMORY, OutputLog
from sesh.daemon.screen import model as models
from sesh.daemon.screen.model import UNLOADED_LAG, Model
from sesh.loop.timers import Timers
from sesh.vt.render.overlay import overlay
from tests.support import Glass
from tests.unit.daemon.connections import Link

if TYPE_CHECKING:
    from sesh.bounds import Size


class Stage:
    """A relay with its parts, clients at the ends of socket pairs, and a program that is the test."""

    def __init__(self) -> None:
        self.log = OutputLog()
        self.model = Model(self.log, 80, 24)
        self.clients = Clients((80, 24, 0, 0), self._apply)
        self.timers = Timers()
        self.relay = Relay(self.log, self.model, self.clients, self.timers, lambda: 0)
        self.links: list[Link] = []

    def _apply(self, size: Size) -> None:
        self.model.resize(size[0], size[1])

    def link(self) -> Link:
        self.links.append(Link(buffer=4 << 10))
        return self.links[-1]

    def attach(self, columns: int = 80, rows: int = 24, **hello: Any) -> tuple[Link, Client]:
        link = self.link()
        client = link.attached(self.clients.last_number + 1, columns=columns, rows=rows, **hello)
        client.lines = 1000
        self.clients.add(client)
        self.serve()
        return link, client

    def follow(self) -> tuple[Link, Reader]:
        link = self.link()
        reader = link.connection.reader = Reader(link.connection, self.log.base)
        self.relay.followers.append(reader)
        return link, reader

    def serve(self) -> None:
        while self.relay.serve():
            pass
        for link in self.links:
            link.connection.feed(self.log)

    def print(self, data: bytes) -> None:
        """The program writes; what the loop does after it."""
        self.log.append(data)
        self.relay.deliver()

    def flood(self, size: int, piece: int = 256 << 10) -> None:
        for _ in range(0, size, piece):
            self.print((b"x" * 62 + b"\r\n") * (piece >> 6))

    def read_all(self, link: Link, client: Client) -> None:
        """A client reads all that there is for it, and the emulator gets no time."""
        while link.take() or link.connection.unsent:
            self.relay.writable(client)

    def flood_while_raw(self, late: Client, leader: Link, first: Client) -> bytes:
        """Prints, and one client reads, until another is no longer fed raw bytes; returns what was printed."""
        printed, line = b"", b"x" * 65_534 + b"\r\n"
        while late.mode == RAW:
            self.print(line)
            printed += line
            self.read_all(leader, first)
        return printed

    def drain(self, link: Link, client: Client | None = None) -> list[tuple[int, bytes]]:
        """A client reads until there is nothing more for it."""
        frames: list[tuple[int, bytes]] = []
        while True:
            if client is not None:
                self.relay.writable(client)
            self.serve()
            got = link.take()
            frames += got
            if not got and not link.connection.unsent:
                return frames


@pytest.fixture
def stage() -> Iterator[Stage]:
    own = Stage()
    yield own
    for link in own.links:
        link.close()


def later(monkeypatch: pytest.MonkeyPatch, seconds: float) -> None:
    """Time goes by, for everybody who looks at the clock."""
    now = time.monotonic() + seconds
    monkeypatch.setattr(time, "monotonic", lambda: now)


def shown(frames: list[tuple[int, bytes]], columns: int = 80, rows: int = 24) -> list[str]:
    """The rows of a terminal that got the frames."""
    glass = Glass(columns, rows)
    for kind, payload in frames:
        if kind in (protocol.OUTPUT, protocol.SCREEN):
            glass.feed(protocol.split_number(payload)[1])
    return [row.rstrip() for row in glass.rows()]


def test_the_first_client_gets_every_byte_from_the_birth_on_without_an_emulator(stage: Stage) -> None:
    stage.print(b"early ")
    link, _ = stage.attach()
    stage.print(b"late")
    frames = link.take()
    assert [kind for kind, _ in frames] == [protocol.SCREEN, protocol.OUTPUT, protocol.OUTPUT]
    assert [protocol.split_number(payload) for _, payload in frames[1:]] == [(0, b"early "), (6, b"late")]
    assert not stage.model.loaded


def test_a_later_client_gets_the_screen_and_then_the_bytes_from_there_on(stage: Stage) -> None:
    stage.attach()
    stage.print(b"seen before\r\n\x1b[3")
    link, client = stage.attach()
    stage.print(b"1mred\x1b[m")
    frames = link.take()
    assert frames[0][0] == protocol.SCREEN
    assert protocol.split_number(frames[-1][1]) == (16, b"1mred\x1b[m")
    assert shown(frames)[:2] == ["seen before", "red"]
    assert client.mode == RAW


def test_a_line_over_the_last_row_comes_with_the_screen_and_holds_no_output(stage: Stage) -> None:
    stage.print(b"first\r\n\x1b[31m" + b"x\r\n" * 40)
    link = stage.link()
    client = link.attached(1, columns=80, rows=24)
    client.notice = "away 3 h"
    stage.clients.add(client)
    stage.serve()
    frames = link.take()
    assert shown(frames)[-1] == " away 3 h"
    assert client.mode == RAW
    stage.print(b"more")
    frames += link.take()
    assert frames[-1][0] == protocol.OUTPUT
    assert shown(frames)[-2:] == ["x", "more"]
    glass = Glass(80, 24)
    for _, payload in frames:
        glass.feed(protocol.split_number(payload)[1])
    assert glass.buffer[23][0].fg == "red"
    assert not any("away" in line for line in glass.scrollback)
    stage.print(b"!")
    assert [kind for kind, _ in link.take()] == [protocol.OUTPUT]


def pages(frames: list[tuple[int, bytes]], columns: int = 80, rows: int = 24) -> list[str]:
    """Scrollback and screen of a terminal that got the frames; a line of sesh's own is laid over its last row."""
    glass = Glass(columns, rows)
    for kind, payload in frames:
        if kind in (protocol.OUTPUT, protocol.SCREEN):
            glass.feed(protocol.split_number(payload)[1])
        elif kind == protocol.NOTICE:
            glass.feed(overlay(protocol.parse(payload)["text"], columns))
    return [line for line in glass.text().splitlines() if line]


def test_a_held_client_that_is_behind_gets_each_line_once_around_the_line_of_sesh_s(stage: Stage) -> None:
    link, client = stage.attach()
    frames = link.take()
    lines = [b"line-%d" % number for number in range(6_000)]
    stage.print(b"".join(line + b"\r\n" for line in lines[:2_000]))
    assert client.connection.blocked
    stage.model.catch_up(5)
    stage.relay.hold(client, "lunch")
    stage.print(b"".join(line + b"\r\n" for line in lines[2_000:]))
    frames += stage.drain(link, client)
    assert frames[-1][0] == protocol.NOTICE
    assert pages(frames)[-1] == " lunch"
    stage.clients.bring_back(client)
    frames += stage.drain(link, client)
    assert pages(frames) == [line.decode() for line in lines]


def test_a_line_for_a_client_that_waits_for_its_screen_comes_with_it(stage: Stage) -> None:
    stage.print(b"first")
    link = stage.link()
    client = link.attached(1, columns=80, rows=24)
    stage.clients.add(client)
    stage.relay.hold(client, "lunch")
    assert link.take() == []
    stage.serve()
    frames = link.take()
    assert shown(frames)[-1] == " lunch"
    stage.print(b" more")
    assert pages(frames + link.take()) == ["first more"]


def test_a_client_that_comes_back_from_below_a_line_is_fed_no_bytes_over_it(stage: Stage) -> None:
    _, client = stage.attach(client="token")
    client.uncover = b"what draws the screen without the line"
    stage.clients.remove(client, client.position)
    assert stage.clients.departed["token"][2] is False


def test_a_client_of_another_size_gets_pictures(stage: Stage) -> None:
    watcher, client = stage.attach(40, 10, read_only=True)
    stage.print(b"hello\r\nworld")
    assert stage.timers.is_set("draw")
    stage.relay.draw()
    frames = watcher.take()
    assert {kind for kind, _ in frames} == {protocol.SCREEN}
    assert shown(frames, 40, 10)[:2] == ["hello", "world"]
    assert b"".join(payload for _, payload in frames).count(b"\n" * 9) == 1  # one screenful was pushed up, not two
    assert client.mode == DRAWN


def test_what_a_program_has_reported_is_put_back_into_each_terminal(stage: Stage) -> None:
    """Behind the prompt marks of the screen, as a terminal takes those for the end of what was reported."""
    reports = Reports()
    stage.relay.reports = lambda since, until, every: reports.sequences(since, until, every=every)

    def report(text: bytes) -> None:
        stage.print(b"\x1b]7501;" + text + b"\x07")
        reports.take(parse(text) or {}, 1, stage.log.head)

    def screens(link: Link) -> list[bytes]:
        return [protocol.split_number(data)[1] for kind, data in link.take() if kind == protocol.SCREEN]

    stage.attach()
    stage.print(b"\x1b]133;A\x07$ \xe2\x82")
    report(b"state=blocked:kind=auth")
    report(b"state=working:id=a")
    stage.print(b"\x1b]0;unfinished")
    blocked, child = b"\x1b]7501;state=blocked:kind=auth\x1b\\", b"\x1b]7501;state=working:id=a\x1b\\"
    link, client = stage.attach()
    (screen,) = screens(link)
    assert screen.index(b"133;A") < screen.index(blocked + child)
    assert screen.endswith(b"\x1b]0;unfinished")
    stage.print(b"\x07")
    client.need(REPAINT)
    stage.serve()
    assert blocked + child in b"".join(screens(link)), "the marks on the screen have removed it in the terminal"

    watcher, _ = stage.attach(40, 10, read_only=True)
    assert blocked + child in b"".join(screens(watcher))
    report(b"state=done:id=a")
    stage.relay.draw()
    assert screens(watcher) == [b"\x1b]7501;state=done:id=a\x1b\\"]
    report(b"state=clear:id=a")
    stage.relay.draw()
    assert screens(watcher) == [b"\x1b]7501;state=clear\x1b\\" + blocked]
    stage.print(b"x")
    stage.relay.draw()
    assert b"7501" not in b"".join(screens(watcher))


def test_nothing_is_timed_for_a_drawn_client_that_does_not_read(stage: Stage) -> None:
    """Thirty times a second the daemon woke to see that the client had still not taken its last picture."""
    watcher, client = stage.attach(40, 10, read_only=True)
    for number in range(3000):
        stage.print(b"\x1b[H" + b"%d\r\n" % number * 9)
        stage.relay.draw()
        if client.connection.blocked:
            break
    assert client.connection.blocked
    assert not stage.timers.is_set("draw")
    stage.print(b"\x1b[H\x1b[Jthe end")
    stage.relay.draw()
    assert not stage.timers.is_set("draw")
    frames = watcher.take()
    while client.connection.unsent:
        stage.relay.writable(client)
        frames += watcher.take()
    assert stage.timers.wait_time() == 0
    stage.relay.draw()
    assert shown(frames + watcher.take(), 40, 10)[0] == "the end"


def test_the_program_waits_for_a_leader_that_reads_and_not_for_one_that_does_not(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    link, client = stage.attach()
    stage.flood(CLIENT_LAG + (512 << 10))
    stage.model.catch_up(10)
    assert stage.relay.paused()
    assert stage.timers.is_set("pace")
    link.take(1 << 20)
    stage.relay.writable(client)
    later(monkeypatch, STALLED - 0.1)
    stage.relay._set_slow_aside()
    assert client.mode == RAW
    later(monkeypatch, STALLED + 0.2)
    stage.relay._set_slow_aside()
    assert client.mode == ASIDE
    assert not stage.relay.paused()


def test_a_client_set_aside_gets_the_lines_that_it_missed_and_the_screen(stage: Stage) -> None:
    stage.attach()
    leader, first = stage.attach()
    other, client = stage.attach()
    stage.clients.typed(first)
    for number in range(60_000):
        stage.print(b"line %06d of many that fill the socket of the one who sleeps\r\n" % number)
        if number % 100 == 0:
            leader.take()
    stage.drain(leader, first)
    assert (first.mode, client.mode) == (RAW, ASIDE)
    frames = stage.drain(other, client)
    assert client.mode == RAW
    last = next(at for at in range(len(frames) - 1, -1, -1) if frames[at][0] == protocol.SCREEN)
    screen = b"".join(payload[8:] for kind, payload in frames[last - 5 : last + 1] if kind == protocol.SCREEN)
    numbers = [int(word[:6]) for word in screen.split(b"line ")[1:]]
    assert numbers == list(range(numbers[0], 60_000))
    assert 1000 <= len(numbers) <= 1024
    assert [row[5:11] for row in shown(frames)[:23]] == [f"{number:06}" for number in range(59_977, 60_000)]
    stage.print(b"and on")
    assert link_bytes(other) == b"and on"


def link_bytes(link: Link) -> bytes:
    return b"".join(data for _, data in link.output())


def test_what_a_stopped_flood_left_behind_a_slow_link_is_left_out(stage: Stage) -> None:
    """Ctrl-C just before the link was found slow: a megabyte came line by line, for nine seconds, as the program wrote
    nothing any more."""
    link, client = stage.attach(remote=True, got=True)
    stage.flood(1 << 20)
    assert client.position < stage.log.head - (900 << 10)
    assert client.flow is not None
    frames: list[tuple[int, bytes]] = []
    while client.position < stage.log.head or link.connection.unsent:
        frames += link.take()
        client.flow.arrived(sum(len(protocol.split_number(payload)[1]) for _, payload in frames), time.monotonic())
        client.flow.slow, client.flow.rate = True, 125_000.0
        stage.relay.writable(client)
        stage.serve()
    assert sum(len(payload) for _, payload in frames) < 200 << 10
    assert shown(frames + link.take())[-2] == "x" * 62


def test_one_brought_back_in_a_flood_is_shown_the_screen(stage: Stage) -> None:
    """Output that came before the loop could show it set it aside for good: its socket was empty, no event came."""
    leader, first = stage.attach()
    other, client = stage.attach()
    stage.clients.typed(first)
    for _ in range(12):
        stage.flood(256 << 10)
        stage.drain(leader, first)
    assert client.mode == ASIDE
    other.take()
    while client.connection.unsent:
        client.connection.flush()
        other.take()
    stage.relay.writable(client)
    stage.flood(64 << 10, 64 << 10)
    assert (client.mode, client.needs) == (RAW, RESYNC)
    frames = stage.drain(other, client)
    assert protocol.SCREEN in {kind for kind, _ in frames}
    assert client.fed()


@pytest.mark.thorough  # hundreds of screens, for one bound
def test_one_that_asks_for_screens_and_takes_none_costs_bounded_memory(stage: Stage) -> None:
    stage.attach()
    stage.print(b"\x1b[31mcolour \x1b[32mful \x1b[m" * 100)
    link, client = stage.attach()
    for _ in range(1500):
        client.need(RESYNC)
        stage.relay.serve()
    assert client.connection.unsent < CLIENT_LAG + (256 << 10)
    assert client.mode == ASIDE
    frames = stage.drain(link, client)
    assert client.mode == RAW
    assert shown(frames)[0].startswith("colour ful")


def test_a_follower_gets_everything_and_one_that_stops_is_not_waited_for(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No timer told the loop that the follower had stopped: where nothing else happened, the program hung for good."""
    monkeypatch.setattr(relays, "FOLLOWER_LAG", 1 << 20)
    link, reader = stage.follow()
    stage.flood(2 << 20)
    stage.model.catch_up(10)
    assert stage.relay.paused()
    assert stage.timers.is_set("pace")
    later(monkeypatch, STALLED + 0.1)
    assert not stage.relay.paused()
    stage.print(b"skipped")
    assert reader.skipped > 0
    stage.relay.trim()
    assert stage.log.base > 0
    assert reader.position == stage.log.head
    link.take()


def test_the_program_waits_for_an_emulator_that_is_too_far_behind(stage: Stage) -> None:
    stage.flood(IN_MEMORY - (256 << 10))
    assert not stage.relay.paused()
    stage.print(bytes(256 << 10))
    assert stage.relay.paused()
    stage.model.step()
    assert not stage.relay.paused()


def test_what_every_reader_has_passed_is_forgotten(stage: Stage) -> None:
    link, client = stage.attach()
    other, reader = stage.follow()
    for _ in range(40):
        stage.print(b"x" * (32 << 10))
        stage.drain(link, client)
        stage.drain(other)
    stage.model.catch_up(10)
    stage.relay.trim()
    assert stage.log.head - stage.log.base < 300 << 10
    held = stage.log.head
    reader.position = held
    stage.print(b"y" * (1 << 20))
    stage.drain(link, client)
    stage.model.catch_up(10)
    stage.relay.trim()
    assert stage.log.base <= reader.position


def test_an_attach_gets_no_screen_without_the_little_that_came_last(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A command had just ended, and the terminal showed the prompt before it first."""
    stage.attach()
    stage.print(b"first\r\n")
    stage.model.catch_up(10)
    stage.print(b"second\r\n")
    link = stage.link()
    client = link.attached(9)
    stage.clients.add(client)
    with monkeypatch.context() as still:
        still.setattr(stage.model, "step", lambda: None)
        later(still, 2 * ATTACH_TIME)
        assert stage.relay.serve()
        assert link.take() == []
    assert not stage.relay.serve()
    assert shown(link.take())[:2] == ["first", "second"]


def test_an_attach_waits_for_the_emulator_and_soon_gets_screens_of_where_it_is(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage.attach()
    stage.print(b"first\r\n")
    stage.model.catch_up(10)
    with monkeypatch.context() as still:
        still.setattr(stage.model, "step", lambda: None)
        stage.print(b"second\r\n" + bytes(UNLOADED_LAG))
        link = stage.link()
        client = link.attached(9)
        stage.clients.add(client)
        assert stage.relay.serve()
        assert stage.relay.paused()
        assert link.take() == []
        later(still, ATTACH_TIME + 0.01)
        assert stage.relay.serve()
        assert shown(link.take())[:2] == ["first", ""]
        assert not client.fed()
    while stage.relay.serve():
        assert not client.fed()
    assert client.fed()
    frames = link.take()
    assert {kind for kind, _ in frames} == {protocol.SCREEN}
    assert shown(frames)[:2] == ["first", "second"]


@pytest.mark.parametrize(
    "acting",
    [
        b"\a", b"\x1b[c", b"\x1bc", b"\x1b]52;c;aGk=\a", b"\x1b]9;note\a", b"\x1b[?2026h", b"\x1b[2J", b"\x1b[3J",
        b"\x9b3J", b"\xc2\x9bc", b"\x1b[!p", b"x" * 500 + b"\a", b"\n" * 1100,
    ],
)  # fmt: skip
def test_what_acts_is_not_shown_again_to_the_first_who_comes_later(stage: Stage, acting: bytes) -> None:
    """The first client of a session that was created detached got all of its bytes since the start: the bells,
    questions and clipboard writes of the hours before, and more lines than are replayed.
    """
    stage.print(b"ready> " + acting + b" done")
    link, _ = stage.attach()
    frames = link.take()
    assert {kind for kind, _ in frames} == {protocol.SCREEN}
    whole = b"".join(protocol.split_number(payload)[1] for _, payload in frames)
    assert acting not in whole.partition(b"ready>")[2]
    assert whole.count(b"\n") < 1100


def test_what_a_prompt_prints_needs_no_emulator(stage: Stage) -> None:
    """Only this makes the first attachment to a session that was created detached as quick as the creator's."""
    prompt = "\x1b]0;~\a\x1b[?2004h\x1b[01;32mme@host\x1b[00m:\x1b[34m~/ümläut\x1b[m$ ".encode()
    stage.print(prompt)
    link, _ = stage.attach()
    assert protocol.split_number(link.take()[-1][1]) == (0, prompt)
    assert not stage.model.loaded


def test_the_creator_gets_every_byte_whatever_it_does(stage: Stage) -> None:
    stage.print(b"\a\x1b[c")
    link = stage.link()
    link.connection.creator = True
    client = link.attached(stage.clients.last_number + 1, columns=80, rows=24)
    stage.clients.add(client)
    stage.serve()
    assert protocol.split_number(link.take()[-1][1]) == (0, b"\a\x1b[c")


@pytest.fixture
def far(stage: Stage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A stage on which a megabyte is far behind, and the disk takes more."""
    monkeypatch.setenv("SESH_DIR", str(tmp_path))
    for module in (relays, models, output_log):
        monkeypatch.setattr(module, "IN_MEMORY", 1 << 20)
    monkeypatch.setattr(output_log, "MOVED", 256 << 10)
    monkeypatch.setattr(system, "on_local_disk", lambda _: True)
    monkeypatch.setattr(backlog, "RESERVE", 0)
    stage.log.on_disk = True
    return stage


def test_nobody_who_needs_a_screen_halts_the_one_who_leads_while_the_emulator_is_far_behind(far: Stage) -> None:
    """It may take the emulator a minute; until it is there, the other one is shown where it is."""
    leader, first = far.attach()
    for number in range(3 * 256):
        far.print(b"%06d\r\n" % number * 500)
        far.read_all(leader, first)
    assert far.log.base < far.log.in_memory
    link = far.link()
    newcomer = link.attached(9, read_only=True)
    far.clients.add(newcomer)
    assert not far.relay.serve()
    assert not far.relay.paused()
    leading = far.link()
    last = leading.attached(10)
    far.clients.add(last)
    assert far.relay.serve()
    assert far.relay.paused()


def test_who_attaches_far_behind_gets_a_screen_at_once_and_the_exact_one_from_the_disk(far: Stage) -> None:
    for number in range(3 * 1024):
        far.print(b"\x1b[K%06d\r\n" % number * 100)
    far.model.step()
    while far.model.near(far.log.head):
        far.model.step()
    assert far.log.base < far.log.in_memory
    link = far.link()
    client = link.attached(9)
    far.clients.add(client)
    assert far.relay.serve()
    first = link.take()
    assert {kind for kind, _ in first} == {protocol.SCREEN}
    assert not client.fed()
    assert far.relay.paused()
    frames = first + far.drain(link, client)
    assert client.fed()
    assert not far.relay.paused()
    assert shown(frames)[:23] == ["003071"] * 23
    assert {kind for kind, _ in frames} == {protocol.SCREEN}
    far.relay.trim()
    assert far.log.base == far.log.in_memory


def test_one_that_fell_behind_gets_the_bytes_it_missed_while_no_screen_can_come_soon(far: Stage) -> None:
    """Of three who read alike, two were set aside in each flood, and waited for the emulator."""
    leader, first = far.attach()
    other, client = far.attach()
    far.clients.typed(first)
    printed = far.flood_while_raw(client, leader, first)
    assert client.mode == ASIDE
    got = b""
    while client.mode == ASIDE or client.position < far.log.head or other.connection.unsent:
        got += link_bytes(other)
        far.relay.writable(client)
    got += link_bytes(other)
    assert got == printed
    assert client.fed()


def test_one_that_fell_behind_holds_nobody_up_while_the_emulator_is_not_near(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program waited for the emulator until that was 16 MiB behind, at each block that one of several took late."""
    leader, first = stage.attach()
    other, client = stage.attach()
    stage.clients.typed(first)
    printed = stage.flood_while_raw(client, leader, first)
    assert stage.model.lag < IN_MEMORY
    monkeypatch.setattr(stage.model, "near", lambda position: position <= stage.model.position)
    got = b""
    while client.mode == ASIDE or client.position < stage.log.head or other.connection.unsent:
        got += link_bytes(other)
        stage.relay.writable(client)
        assert not stage.relay.paused()
    assert got + link_bytes(other) == printed


def test_one_that_fell_behind_gets_a_screen_if_the_size_was_another_meanwhile(far: Stage) -> None:
    """The bytes were made for that size, and the program had drawn it anew only for the others."""
    leader, first = far.attach()
    other, client = far.attach()
    far.clients.typed(first)
    while client.mode == RAW:
        far.print(b"x" * 65_534 + b"\r\n")
        far.read_all(leader, first)
    own = first.size
    for size in ((100, 30, 0, 0), own[:2] + own[2:]):
        first.size = size
        far.clients.fit()
        far.print(b"x" * size[0] * 4)
    while client.mode == ASIDE:
        link_bytes(other)
        far.relay.writable(client)
    assert not client.fed()


def test_those_who_are_only_drawn_for_are_shown_nothing_old(far: Stage) -> None:
    link, drawn = far.attach(columns=40, rows=10, read_only=True)
    assert drawn.mode == DRAWN
    while far.model.lag < 1 << 20:
        assert not far.relay.paused()
        far.print(b"\x1b[K%06d\r\n" % 7 * 1000)
    assert far.relay.paused()
    link.take()
