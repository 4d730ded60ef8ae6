"""Clients that vanish, stall, return and resize leave the session and other clients undisturbed."""

from __future__ import annotations

import contextlib
import os
import re
import time
from typing import Any

import pytest

from sesh.daemon.base.due import NEVER
from sesh.daemon.server import Server
from sesh.schema import codec
from sesh.vt.emulator import Emulator
from sesh.wire import protocol
from sesh.wire.window import MIN_WINDOW
from tests.faults.daemons import Client, Daemons, resident
from tests.support import Glass, Home, wait_until
from tests.support.waiting import PATIENCE

# Numbered lines for ever, so that a gap would show.
FLOOD = "exec seq -f 'line %.0f of a flood that nobody can stop at all' 1 1000000000"


def steady(client: Client) -> None:
    """Read on, and check that the client gets the lines in order."""
    start = len(client.output)
    deadline = time.monotonic() + PATIENCE
    while len(client.output) < start + (1 << 19):
        client.step()
        assert time.monotonic() < deadline, f"{len(client.output) - start} bytes only"
    numbers = [int(number) for number in re.findall(rb"\nline (\d+) of a flood that nobody", client.output[start:])]
    assert numbers == list(range(numbers[0], numbers[0] + len(numbers)))


def shown(client: Client) -> str:
    """Return the text that a terminal shows after all that came."""
    glass = Glass(80, 24)
    glass.feed(bytes(client.shows))
    return glass.text()


def reads_on(client: Client, end: str) -> str:
    """Let a client read until its terminal's text ends with `end`; return the text."""

    def shows_it() -> str | None:
        while client.step(0.02):
            continue
        text = shown(client).rstrip()
        return text if text.endswith(end) else None

    return wait_until(shows_it, f"a text that ends with {end!r}")


def test_r15_a_client_that_does_not_read_costs_bounded_memory_and_holds_nobody_up(daemons: Daemons) -> None:
    pid = daemons.sh("work", f"read go; {FLOOD}")
    sleeper = daemons.attach("work")
    reader = daemons.attach("work")
    reader.type(b"\n")
    steady(reader)
    for _ in range(2):
        daemons.ask("work", "summary")
        daemons.show("work")
        daemons.show("work", "logs", lines=100)
        steady(reader)
    assert resident(pid) < 160 << 20
    clients = {each["mode"] for each in daemons.ask("work", "status")["clients"]}
    assert clients == {"raw", "aside"}
    sleeper.close()


@pytest.mark.soak
def test_a_sleeper_that_reads_again_is_shown_the_present(daemons: Daemons) -> None:
    daemons.sh("work", "read go; seq 1 200000; echo the end; exec cat")
    sleeper = daemons.attach("work")
    reader = daemons.attach("work")
    reader.type(b"\n")
    reader.wait_output(b"the end")
    wait_until(
        lambda: "aside" in {each["mode"] for each in daemons.ask("work", "status")["clients"]},
        "the sleeper is set aside",
    )
    sleeper.wait(protocol.SCREEN)
    text = reads_on(sleeper, "200000\nthe end")
    numbers = [int(line) for line in text.split("the end")[0].split() if line.isdecimal()]
    tail = numbers[-900:]
    assert tail == list(range(tail[0], 200_001))
    reader.type(b"both\n")
    sleeper.wait_output(b"both")


@pytest.mark.soak
def test_a_sleeper_gets_each_line_once_although_the_emulator_has_overtaken_it(daemons: Daemons) -> None:
    lines = f"seq -f '%.0f {'x' * 200}'"
    daemons.sh("work", f"read go; {lines} 1 3000; echo half of it; read go; {lines} 3001 9000; echo the end; exec cat")
    sleeper = daemons.attach("work", lines=9000)
    reader = daemons.attach("work")
    reader.type(b"\n")
    reader.wait_output(b"half of it")
    daemons.show("work")  # the emulator has all of it, the sleeper's socket has not
    reader.type(b"\n")
    reader.wait_output(b"the end")
    wait_until(
        lambda: "aside" in {each["mode"] for each in daemons.ask("work", "status")["clients"]},
        "the sleeper is set aside",
    )

    def has_read() -> bool:
        while sleeper.step(0.02):
            continue
        return b"the end" in sleeper.shows

    wait_until(has_read, "the end")
    terminal = Emulator(80, 24)
    terminal.feed(bytes(sleeper.shows))
    numbers = [int(line.split()[0]) for line in terminal.last_lines(10_000) if line[:1].isdigit()]
    assert numbers == list(range(1, 9001))


@pytest.mark.soak
def test_the_program_goes_on_after_the_client_that_sets_the_pace_fell_asleep(daemons: Daemons) -> None:
    daemons.sh("work", f"read go; {FLOOD}")
    other = daemons.attach("work")
    leader = daemons.attach("work")
    leader.type(b"\n")
    steady(leader)
    start = len(leader.output)

    def goes_on() -> bool:
        """More was printed than what the leader has read and what waits for it together."""
        while other.step(0.01):
            continue
        return int(daemons.ask("work", "status")["position"]) > start + (6 << 20)

    wait_until(goes_on, "the program goes on")
    # The other client may lag for a moment, too, as nobody waits for it.
    assert "aside" in {each["mode"] for each in daemons.ask("work", "status")["clients"]}


def test_a_client_that_comes_back_gets_exactly_the_bytes_that_it_missed(daemons: Daemons) -> None:
    daemons.quiet("work")
    client = daemons.attach("work", client="token")
    number = codec.parse(client.wait(protocol.WELCOME))["id"]
    client.type(b"seen\n")
    client.wait_output(b"seen\r\n")
    client.close()
    wait_until(lambda: daemons.ask("work", "summary")["attached"] == 0, "no terminal is attached to work")
    missed = b"".join(b"missed %d\n" % each for each in range(5000))
    daemons.ask("work", "send", missed)
    wait_until(
        lambda: daemons.ask("work", "status")["position"] >= client.position + len(missed) + 5000,
        "the program has printed all",
    )
    back = daemons.attach("work", client="token", position=client.position, id=number)
    back.position = client.position
    back.wait_output(b"missed 4999\r\n")
    assert bytes(back.output) == missed.replace(b"\n", b"\r\n")
    assert protocol.SCREEN not in back.kinds()
    assert codec.parse(back.wait(protocol.WELCOME))["last_input"] == 1


@pytest.mark.parametrize("change", ["id", "size", "future"])
def test_a_return_that_cannot_be_exact_gets_a_screen(daemons: Daemons, change: str) -> None:
    daemons.quiet("work")
    client = daemons.attach("work", client="token")
    number = codec.parse(client.wait(protocol.WELCOME))["id"]
    client.type(b"seen\n")
    client.wait_output(b"seen\r\n")
    client.close()
    hello: dict[str, Any] = {"client": "token", "id": number, "columns": 80, "position": client.position}
    changes: dict[str, dict[str, Any]] = {
        "id": {"id": "another"},
        "size": {"columns": 90},
        "future": {"position": 10**9},
    }
    back = daemons.attach("work", **hello | changes[change])
    back.wait(protocol.SCREEN)
    assert back.output == b""


def test_input_that_is_sent_twice_is_typed_once(daemons: Daemons) -> None:
    daemons.quiet("work")
    client = daemons.attach("work", client="token")
    client.type(b"one\n")
    client.type(b"one\n", 1)
    client.type(b"two\n", 2)
    client.wait_output(b"two\r\n")
    client.close()
    wait_until(lambda: daemons.ask("work", "summary")["attached"] == 0, "no terminal is attached to work")
    back = daemons.attach("work", client="token")
    assert codec.parse(back.wait(protocol.WELCOME))["last_input"] == 2
    for number, line in ((1, b"one\n"), (2, b"two\n"), (3, b"three\n")):
        back.type(line, number)
    back.wait_output(b"three\r\n")
    assert daemons.show("work", "logs") == "ready\none\ntwo\nthree\n"


def test_one_that_returns_before_its_old_link_is_known_to_be_dead_is_the_same_client(daemons: Daemons) -> None:
    """The client was taken for another one, so that it sent all input again."""
    daemons.quiet("work")
    client = daemons.attach("work", client="token")
    client.type(b"once\n")
    client.wait_output(b"once\r\n")
    back = daemons.attach("work", client="token")
    assert codec.parse(back.wait(protocol.WELCOME))["last_input"] == 1
    client.drain()
    assert daemons.ask("work", "summary")["attached"] == 1
    other = daemons.attach("work", client="another token")
    assert codec.parse(other.wait(protocol.WELCOME))["last_input"] == 0
    assert daemons.ask("work", "summary")["attached"] == 2


def test_r33_a_size_beyond_bounds_is_held_within_them(daemons: Daemons) -> None:
    daemons.sh("work", "while read -r line; do stty size; done")
    client = daemons.attach("work")
    for size, expected in (((0, 0), b"24 80"), ((1, 1), b"1 1"), ((10_000, 10_000), b"1000 1000")):
        client.send(protocol.frame(protocol.RESIZE, protocol.size_payload(*size)))
        client.type(b"\n")
        client.wait_output(expected)
        daemons.show("work")


ASKS = (
    r"stty raw opost -echo; printf '\033]2;evil; rm\007'; head -c1 > /dev/null; printf 'ask%s'; exec od -An -c -v -w1"
)


def typed(output: bytes) -> str:
    """Return what a program that prints its input by `od` has read."""
    return "".join(line.strip() for line in output.decode().partition("ask")[2].split("\n")).replace("033", "^")


def test_r22_a_question_that_a_client_sees_is_answered_by_its_terminal_alone_and_once(daemons: Daemons) -> None:
    daemons.quiet("work", ASKS % r"\033[5n", "raw opost -echo")
    client = daemons.attach("work")
    client.wait(protocol.SCREEN)
    client.type(b"g")
    client.wait_output(b"ask\x1b[5n")
    for reply in (b"\x1b[0n", b"\x1b[0n", b"\x1b[?62c", b"end"):
        client.type(reply)
    client.wait_output(b"d\r\n")
    assert typed(bytes(client.output).replace(b"\x1b[5n", b"")) == "^[0nend"


def test_an_escape_that_waited_for_the_rest_of_a_reply_counts_as_a_key_of_its_client(daemons: Daemons) -> None:
    """The session's state stayed, because the escape counted as nobody's key."""
    daemons.quiet("work", ASKS % r"\033[5n", "raw opost -echo")
    client = daemons.attach("work")
    client.type(b"g")
    client.wait_output(b"ask\x1b[5n")
    daemons.attach("work", columns=90)
    daemons.ask("work", "state", state="working")
    client.type(b"\x1b")
    wait_until(
        lambda: daemons.ask("work", "summary")["activity"]["why"] != "hook", "the Escape has ended the reported state"
    )
    assert daemons.ask("work", "summary")["columns"] == 80


def test_a_key_that_waits_for_the_rest_of_a_reply_is_typed_though_its_client_leaves(daemons: Daemons) -> None:
    daemons.quiet("work", ASKS % r"\033[5n", "raw opost -echo")
    client, other = daemons.attach("work"), daemons.attach("work")
    client.type(b"g")
    client.wait_output(b"ask\x1b[5n")
    client.type(b"\x1b")
    client.close()
    other.wait_output(b"033")


def test_a_client_that_comes_back_over_another_link_has_not_typed(daemons: Daemons) -> None:
    """A session counted as watched when its link had healed by itself."""
    daemons.quiet("work")
    hello: dict[str, Any] = {"client": "token", "columns": 90}
    idle = daemons.attach("work", **hello)
    idle.wait(protocol.SCREEN)
    came = daemons.ask("work", "typed")
    leader = daemons.attach("work")
    idle.close()
    wait_until(lambda: daemons.ask("work", "summary")["attached"] == 1, "one terminal is attached to work")
    number = codec.parse(idle.wait(protocol.WELCOME))["id"]
    daemons.attach("work", position=idle.position, id=number, **hello)
    assert daemons.ask("work", "summary")["columns"] == 80
    leader.close()
    wait_until(lambda: daemons.ask("work", "summary")["columns"] == 90, "work has 90 columns")
    assert daemons.ask("work", "typed") == came


def test_r23_a_title_of_a_megabyte_with_controls_is_harmless(daemons: Daemons) -> None:
    daemons.sh("work", r"printf '\033]2;ti\001t\033le\007\033]2;a\tb\302\205c\007'; echo; exec cat")
    wait_until(lambda: daemons.ask("work", "summary")["title"], "the session has a title")
    assert str(daemons.ask("work", "summary")["title"]).isprintable()
    daemons.sh("long", r"printf '\033]2;'; head -c 1000000 /dev/zero | tr '\0' x; printf '\007'; echo done; exec cat")
    daemons.wait_for("long", "done")
    assert len(str(daemons.ask("long", "summary")["title"])) <= 1024


def test_r24_the_clipboard_is_written_live_and_never_again(daemons: Daemons) -> None:
    daemons.quiet("work", r"read go; printf '\033]52;c;c2VjcmV0\007done'; exec cat")
    live = daemons.attach("work")
    live.type(b"\n")
    live.wait_output(b"\x1b]52;c;c2VjcmV0\x07done")
    late = daemons.attach("work")
    late.wait(protocol.SCREEN)
    assert "done" in shown(late)
    assert b"52;" not in b"".join(payload for _, payload in late.frames)


@pytest.mark.soak
@pytest.mark.needs_fork("a daemon that notes that it sleeps")
def test_a_daemon_sleeps_while_nothing_happens_whoever_is_attached(
    daemons: Daemons, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The file `asleep` exists while the daemon waits without a timeout."""
    asleep = os.path.join(home.path, "asleep")
    next_due = Server._next_due

    def noted(server: Server) -> float:
        due = next_due(server)
        if due == NEVER:
            open(asleep, "w", encoding="ascii").close()
        else:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(asleep)
        return due

    monkeypatch.setattr(Server, "_next_due", noted)
    daemons.quiet("work", "read go; seq 1 200000; echo over; exec cat")
    daemons.attach("work", columns=40, rows=10, read_only=True)
    daemons.attach("work")
    leader = daemons.attach("work")
    leader.type(b"\n")
    leader.wait_output(b"over")
    daemons.wait_for("work", "over")
    # First the daemon gives up clients that lag, packs what it holds, and writes a checkpoint.
    wait_until(lambda: os.path.exists(asleep), "the daemon is asleep")


def test_keys_that_cause_no_output_are_acknowledged(daemons: Daemons) -> None:
    """Otherwise the client says after an outage that a password may not have arrived."""
    daemons.quiet("silent", "exec cat >/dev/null")
    client = daemons.attach("silent")
    client.type(b"secret\r")
    client.wait(protocol.ACK)


@pytest.mark.needs_fork("an acknowledgement without a pause")
def test_input_is_acknowledged_once_the_program_has_room_for_all_of_it(
    daemons: Daemons, home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sesh.daemon.clients.acks.ACK_AFTER", 0.0)
    go = f"{home.path}/go"
    os.mkfifo(go)
    daemons.quiet("late", f"read line <{go}; exec cat >/dev/null", "raw -echo")
    client = daemons.attach("late")
    client.type(bytes(200_000))
    client.send(protocol.frame(protocol.PING))
    client.wait(protocol.PONG)
    assert protocol.ACK not in client.kinds()
    open(go, "w").close()
    client.wait(protocol.ACK)


def test_a_client_that_lacks_output_at_its_detach_is_not_told_where_its_cursor_stands(daemons: Daemons) -> None:
    """Its last line was written over."""
    size = MIN_WINDOW // 16  # bytes at once
    piece = f"read go; head -c {size} /dev/zero | tr '\\0' x"
    daemons.sh("work", f"for piece in $(seq 32); do {piece}; done; echo; echo end; exec cat")
    client = daemons.attach("work", remote=True)
    client.wait(protocol.SCREEN)
    for least in range(size, MIN_WINDOW // 2, size):
        client.type(b"\r")
        wait_until(
            lambda least=least: not client.step() and len(client.output) >= least,  # type: ignore[misc]
            f"the client has read {least} bytes and rests",
        )
    client.type(b"\r" * 32)  # more than the window, as the client acknowledges nothing
    daemons.wait_for("work", "end")
    daemons.ask("work", "detach")
    message = codec.parse(client.wait(protocol.DETACH))
    assert message["used_rows"] is None
