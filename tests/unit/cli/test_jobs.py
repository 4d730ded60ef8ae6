"""Waiting for a job: its output, its code, and what Ctrl-C means, against a daemon that is played by the test."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import threading
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import protocol, wire
from sesh.cli.invocation import Invocation
from sesh.cli.jobs import FollowedOutput, report
from sesh.cli.parser import split
from sesh.errors import InternalError, Interrupted, NotFound
from sesh.reach.cancelling import Interrupts
from sesh.schema import JobResult
from tests.support import wait_until
from tests.support.data import job_result
from tests.unit.ops.job_daemon import Daemon, interrupts, waiting


@pytest.fixture
def ends() -> Iterator[tuple[wire.Connection, Daemon]]:
    daemon = Daemon()
    yield daemon.connection, daemon
    daemon.close()


def played(daemon: Daemon, part: object) -> threading.Thread:
    assert callable(part)
    thread = threading.Thread(target=part, daemon=True)
    thread.start()
    return thread


def test_the_code_comes_with_the_answer_and_the_output_that_is_wanted_before_it(
    ends: tuple[wire.Connection, Daemon],
) -> None:
    connection, daemon = ends

    def part() -> None:
        asked = daemon.welcome()
        assert (asked["verb"], asked["exit"], asked["follow"]) == ("wait", True, True)
        daemon.end.sendall(protocol.numbered(protocol.OUTPUT, 0, b"one\r\n"))
        daemon.end.sendall(protocol.numbered(protocol.OUTPUT, 5, b"two"))
        daemon.ended(3)

    thread = played(daemon, part)
    with waiting(connection, interrupts(tie=False)) as waiter:
        result, retained = waiter.result(None, wanted=True)
    thread.join(10)
    assert (result["exit_code"], retained) == (3, b"one\r\ntwo")


def test_three_presses_of_ctrl_c_stop_the_waiting_and_the_job_goes_on(ends: tuple[wire.Connection, Daemon]) -> None:
    connection, daemon = ends
    seen: list[object] = []

    def part() -> None:
        daemon.welcome()
        for _ in range(2):
            os.kill(os.getpid(), signal.SIGINT)
            seen.append(daemon.next()[1]["verb"])
        os.kill(os.getpid(), signal.SIGINT)

    thread = played(daemon, part)
    ways = "watch it: sesh job; end it: sesh --kill job; its output, for a week after its end: sesh --logs job"
    with (
        waiting(connection, interrupts(tie=False)) as waiter,
        pytest.raises(Interrupted, match=f"job goes on; {ways}$"),
    ):
        waiter.result(None, wanted=False)
    thread.join(10)
    assert seen == ["interrupt", "interrupt"]


def test_what_is_pressed_before_there_is_a_job_is_told_to_it(ends: tuple[wire.Connection, Daemon]) -> None:
    """Between a job's start and its waiter's handlers a Ctrl-C used to end sesh alone, and the job went on."""
    connection, daemon = ends
    seen = []

    def part() -> None:
        daemon.welcome()
        seen.append(daemon.next()[1]["verb"])
        daemon.ended(130)

    with Interrupts(tie=False, message="") as noted:
        os.kill(os.getpid(), signal.SIGINT)
        thread = played(daemon, part)
        with waiting(connection, noted) as waiter:
            assert waiter.result(None, wanted=False)[0]["exit_code"] == 130
    thread.join(10)
    assert seen == ["interrupt"]


def test_nobody_is_kept_by_a_job_that_does_not_begin() -> None:
    def pressed(times: int) -> None:
        for _ in range(times):
            os.kill(os.getpid(), signal.SIGINT)

    with Interrupts(tie=False, message="it may have started"), pytest.raises(Interrupted, match="may have started"):
        pressed(3)


def test_a_ctrl_c_after_two_seconds_is_a_first_one_again() -> None:
    with Interrupts(tie=False, message="") as noted:
        for moment in (0.0, 1.0, 2.5, 3.0, 5.0, 6.9):
            noted.pressed(moment)
        with pytest.raises(Interrupted):
            noted.pressed(6.95)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_tied_job_is_ended_by_signals_and_its_own_code_is_waited_for(
    ends: tuple[wire.Connection, Daemon], number: int
) -> None:
    connection, daemon = ends

    def part() -> None:
        daemon.welcome()
        os.kill(os.getpid(), number)
        _, asked = daemon.next()
        assert asked["verb"] == "kill"
        daemon.say(protocol.RESPONSE, id=asked["id"], ok=True)
        daemon.ended(129)

    thread = played(daemon, part)
    before = signal.getsignal(number)
    with waiting(connection, interrupts(tie=True)) as waiter:
        assert waiter.result(None, wanted=False)[0]["exit_code"] == 129
    thread.join(10)
    assert signal.getsignal(number) == before


def test_a_daemon_that_dies_takes_the_code_with_it(ends: tuple[wire.Connection, Daemon]) -> None:
    connection, daemon = ends

    def part() -> None:
        daemon.welcome()
        daemon.end.shutdown(socket.SHUT_RDWR)

    played(daemon, part)
    with (
        waiting(connection, interrupts(tie=False)) as waiter,
        pytest.raises(InternalError, match="died") as raised,
    ):
        waiter.result(None, wanted=False)
    assert raised.value.exit_code == 255


def test_an_error_of_the_daemon_is_the_waiters(ends: tuple[wire.Connection, Daemon]) -> None:
    connection, daemon = ends

    def part() -> None:
        daemon.welcome()
        daemon.say(protocol.RESPONSE, id=1, error={"code": "not_found", "message": "gone"})

    played(daemon, part)
    with waiting(connection, interrupts(tie=False)) as waiter, pytest.raises(NotFound, match="gone"):
        waiter.result(None, wanted=False)


def test_followed_output_reaches_stdout_before_the_end(
    ends: tuple[wire.Connection, Daemon], capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    connection, daemon = ends
    whole = b"".join(b"line %d\r\n" % number for number in range(50000))

    def part() -> None:
        daemon.welcome()
        for frame in protocol.pieces(protocol.OUTPUT, 0, whole, advance=True):
            daemon.end.sendall(frame)
        daemon.ended(0)

    thread = played(daemon, part)
    with waiting(connection, interrupts(tie=False)) as waiter:
        waiter.result(FollowedOutput(lines=False), wanted=False)
    thread.join(10)
    assert capfdbinary.readouterr().out == whole.replace(b"\r\n", b"\n")


def test_a_reader_that_stops_does_not_keep_ctrl_c_from_the_job(
    ends: tuple[wire.Connection, Daemon], monkeypatch: pytest.MonkeyPatch
) -> None:
    """While stdout took nothing more, a blocked write kept the waiter from its signals."""
    connection, daemon = ends
    inbound, outbound = os.pipe()
    saved = os.dup(1)
    os.dup2(outbound, 1)
    try:

        def part() -> None:
            daemon.welcome()
            daemon.end.sendall(protocol.numbered(protocol.OUTPUT, 0, b"x" * 200000))
            wait_until(lambda: not select.select([], [outbound], [], 0)[1], what="a pipe that takes nothing more")
            for _ in range(2):
                os.kill(os.getpid(), signal.SIGINT)
                assert daemon.next()[1]["verb"] == "interrupt"
            os.kill(os.getpid(), signal.SIGINT)

        played(daemon, part)
        with waiting(connection, interrupts(tie=False)) as waiter, pytest.raises(Interrupted):
            waiter.result(FollowedOutput(lines=False), wanted=False)
    finally:
        os.dup2(saved, 1)
        for descriptor in (saved, inbound, outbound):
            os.close(descriptor)


@given(st.lists(st.sampled_from([b"\r", b"\n", b"a", b"\r\n", b"\xff", b"bc"])), st.data())
def test_line_ends_come_out_as_the_program_wrote_them_in_any_chunking(parts: list[bytes], data: st.DataObject) -> None:
    whole = b"".join(parts)
    output, lines = FollowedOutput(lines=False), FollowedOutput(lines=True)
    while whole:
        size = data.draw(st.integers(1, len(whole)))
        output.take(whole[:size])
        lines.take(whole[:size])
        whole = whole[size:]
    expected = b"".join(parts).replace(b"\r\n", b"\n")
    output.end()
    lines.end()
    assert output.pending == expected
    rows = b"".join(parts).split(b"\n")
    count = len(rows) if rows[-1] else len(rows) - 1
    assert lines.pending.count(b'{"line": ') == count


@pytest.mark.parametrize("text", ["xyz", "aä€😀", "\udc80"])
def test_a_line_of_json_without_an_end_comes_in_pieces_and_is_not_kept(text: str) -> None:
    """All of it was kept, and copied for each block."""
    output, whole = FollowedOutput(lines=True), text.encode("utf-8", "surrogateescape") * 50_000
    for start in range(0, len(whole), 7_001):
        output.take(whole[start : start + 7_001])
    assert output.pending.count(b"\n") == len(whole) // (1 << 16)
    output.take(b"\r\nend")
    output.end()
    *pieces, end = [json.loads(line)["line"] for line in output.pending.splitlines()]
    assert ("".join(pieces), end) == (whole.decode("utf-8", "replace"), "end")


@pytest.mark.parametrize(
    ("result", "code"),
    [
        (job_result(), 0),
        (job_result(exit_code=137), 137),
        (job_result(exit_code=129, timed_out=True), 124),
        (job_result(exit_code=3), 3),
    ],
)
def test_the_jobs_code_is_seshs_own(result: JobResult, code: int) -> None:
    assert report(Invocation(split(["--exec", "--", "x"])), "job", result, b"", printed=False) == code


def test_bytes_that_are_no_text_are_in_the_json_twice(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    import base64
    import json

    line = Invocation(split(["--exec", "--json", "--", "x"]))
    report(line, "job", job_result(duration=1.5), b"a\r\n\xff", printed=False)
    answer = json.loads(capfdbinary.readouterr().out)
    assert answer["output"] == "a\n\ufffd"
    assert base64.b64decode(answer["output_base64"]) == b"a\n\xff"
    keys = ["session", "host", "command", "exit_code", "output", "duration", "timed_out", "truncated", "output_base64"]
    assert list(answer) == [*keys, "signal", "reason"]


@pytest.mark.parametrize(
    ("position", "without"),
    [
        (10 + 999_600, ", without about 1 MB"),
        (10 + 999, ", without about 1 kB"),
        (10 + 1, ", without about 1 byte"),
        (10 + 2_449_000, ", without about 2.4 MB"),
    ],
)
def test_what_is_missing_of_a_jobs_output_is_told_in_the_unit_of_the_rounded_number(
    capfd: pytest.CaptureFixture[str], position: int, without: str
) -> None:
    result = job_result(truncated=True, position=position)
    report(Invocation(split(["--exec", "--print", "--", "x"])), "job", result, b"0123456789", printed=True)
    assert f"only the end was kept{without}; --follow prints all" in capfd.readouterr().err
