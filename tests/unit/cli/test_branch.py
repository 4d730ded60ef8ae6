"""Children that carry one line out at once: what they print, how they fail, and how they are ended."""

from __future__ import annotations

import errno
import os
import resource
import signal
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.cli import branch, fanout, printing
from sesh.cli.branch import Branch, Branches, LastLine, Lines, Values
from sesh.cli.invocation import Invocation
from sesh.cli.parser import split
from sesh.errors import Refused
from tests.support import processes


def host(name: str, work: Callable[[], int] = lambda: 0, *, verb: str = "--exec", as_json: bool = False) -> Branch:
    return Branch(Invocation(split([verb])), name, {"host": name}, work, as_json=as_json)


def sleeps() -> int:
    while True:
        signal.pause()


def printed(patch: pytest.MonkeyPatch) -> list[bytes]:
    written: list[bytes] = []
    patch.setattr(printing, "write", lambda data, _=1: written.append(bytes(data)))
    return written


@given(st.lists(st.binary(max_size=12)))
def test_every_line_comes_whole_under_its_host(pieces: list[bytes]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        written, sink = printed(patch), Lines(b"box: ")
        for piece in pieces:
            sink.take(piece)
        sink.end()
    whole = b"".join(pieces)
    lines = whole.split(b"\n")
    if not lines[-1]:
        lines.pop()
    assert b"".join(written) == b"".join(b"box: " + line + b"\n" for line in lines)


def test_output_without_a_line_feed_is_printed_in_pieces_and_not_kept() -> None:
    """All of it was kept, and copied for each block."""
    with pytest.MonkeyPatch.context() as patch:
        written, sink = printed(patch), Lines(b"box: ")
        for number in range(64):
            sink.take(b"x" * 65_000)
            assert 65_000 * (number + 1) - sum(map(len, written)) <= printing.LONGEST
        sink.take(b"y\nend")
        sink.end()
    *lines, end = b"".join(written).splitlines()
    assert end == b"box: end"
    assert {len(line) for line in lines[:-1]} == {len(b"box: ") + printing.LONGEST}
    assert b"".join(line.removeprefix(b"box: ") for line in lines) == b"x" * 65_000 * 64 + b"y"


def test_a_piece_of_a_long_line_ends_with_a_whole_character() -> None:
    """Every second piece began, and ended, with half of one: broken text, and a file that is no UTF-8."""
    with pytest.MonkeyPatch.context() as patch:
        written, sink = printed(patch), Lines(b"box: ")
        sink.take(b"x" + "é".encode() * 40_000)
        sink.take("é\n".encode())
    lines = b"".join(written).decode().splitlines()
    assert len(lines) == 2
    assert "".join(line.removeprefix("box: ") for line in lines) == f"x{'é' * 40_001}"


@given(st.lists(st.sampled_from([b"a", b"bc", b"\n", b"d\n", b"e\nf"]), min_size=1))
def test_of_what_is_not_printed_the_last_line_is_kept(pieces: list[bytes]) -> None:
    sink = LastLine()
    for piece in pieces:
        sink.take(piece)
    assert bytes(sink.line) == b"".join(pieces).splitlines(keepends=True)[-1]


@given(st.lists(st.tuples(st.sampled_from("abc"), st.binary(min_size=1, max_size=6)), max_size=20))
def test_hosts_have_their_turns_in_their_order(pieces: list[tuple[str, bytes]]) -> None:
    with pytest.MonkeyPatch.context() as patch:
        written = printed(patch)
        sinks = {name: Lines(f"{name}: ".encode(), held=True) for name in "abc"}
        for name, data in pieces:
            sinks[name].take(data)
        sinks["b"].end()
        for name in "abc":
            sinks[name].release()
            sinks[name].end()
    own = {name: b"".join(data for other, data in pieces if other == name) for name in "abc"}
    lines = [(name, line) for name in "abc" for line in own[name].removesuffix(b"\n").split(b"\n") if own[name]]
    assert b"".join(written) == b"".join(b"%s: %s\n" % (name.encode(), line) for name, line in lines)


def test_values_that_are_followed_bear_their_host() -> None:
    written: list[object] = []
    sink = Values({"host": "box"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "value", written.append)
        for piece in (b'{"li', b'ne": "a"}\n{"line": ', b'"b"}\n{"event": "x", "host": "y"}\n'):
            sink.take(piece)
    assert written == [{"host": "box", "line": "a"}, {"host": "box", "line": "b"}, {"host": "y", "event": "x"}]


@pytest.mark.parametrize(
    ("output", "notes", "code", "value"),
    [
        (b'{"exit_code": 3, "host": "x"}\n', b"", 3, {"exit_code": 3, "host": "x"}),
        (b'{"line": "a"}\n{"exit_code": 0}\n', b"", 0, {"exit_code": 0, "host": "box"}),
        (
            b'{"error": {"code": "unreachable", "message": "m"}}\n',
            b"",
            125,
            {"error": {"code": "unreachable", "message": "m"}, "host": "box", "exit_code": 125},
        ),
        (
            b"",
            b"warning\nsesh: it broke\n",
            1,
            {"error": {"code": "internal", "message": "it broke"}, "host": "box", "exit_code": 1},
        ),
    ],
)
def test_a_host_s_answer_bears_its_name(output: bytes, notes: bytes, code: int, value: object) -> None:
    one = host("box")
    one.code = code
    one.sink.take(output)
    one.note(notes)
    assert one.value() == value


def test_the_summary_says_why() -> None:
    one, other = host("box"), host("other-box")
    other.note(b"sesh: other-box cannot be \x1b[31mreached\n")
    other.code = 125
    lines = printing.aligned([fanout._row(one), fanout._row(other)])
    assert lines == ["box        ok", "other-box  failed (125)  other-box cannot be [31mreached"]


def test_the_summary_says_why_also_where_notes_came_as_they_happened(capfd: pytest.CaptureFixture[str]) -> None:
    """The reason stood above, maybe pages away, and nothing behind `failed (125)`."""
    one = host("box")
    one.follows, one.code = True, 125
    one.note(b"sesh: box cannot be reached\n")
    assert capfd.readouterr().err == "sesh: box: box cannot be reached\n"
    assert fanout._row(one)[2] == "box cannot be reached"


def test_a_note_of_this_machine_stands_behind_no_name(capfd: pytest.CaptureFixture[str]) -> None:
    """It began with a colon."""
    one = host("")
    one.note(b"sesh: this record cannot be read\nsesh: x\n")
    assert capfd.readouterr().err == "sesh: this record cannot be read\n"


@pytest.mark.parametrize(
    ("verb", "error", "code", "words"),
    [
        ("--exec", ZeroDivisionError("that is odd"), 255, "internal error: ZeroDivisionError: that is odd"),
        ("--run", OSError(errno.EMFILE, "no room"), 125, "too many files open"),
        ("--list", ZeroDivisionError("that is odd"), 1, "internal error: ZeroDivisionError: that is odd"),
        ("--list", Refused("not now"), 1, "not now"),
    ],
)
def test_what_fails_in_a_child_is_told_as_by_a_process_of_its_own(
    verb: str,
    error: Exception,
    code: int,
    words: str,
    capfd: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It ended with 1 and no word; in JSON it had printed nothing."""

    def fails() -> int:
        raise error

    monkeypatch.delenv("SESH_DEBUG", raising=False)
    text, value = host("box", fails, verb=verb), host("box", fails, verb=verb, as_json=True)
    with Branches([text, value]) as running:
        running.run()
    assert (text.code, words in text.reason) == (code, True)
    assert words in value.value()["error"]["message"]
    assert value.value()["exit_code"] == code
    monkeypatch.setenv("SESH_DEBUG", "1")
    monkeypatch.setattr(sys, "stderr", open(2, "w", buffering=1, closefd=False))
    again = host("box", fails, verb=verb)
    with Branches([again]) as running:
        running.run()
    assert "sesh: box: Traceback" in capfd.readouterr().err


def test_a_child_that_does_not_heed_its_end_is_ended_by_force(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who had ended it waited for it for ever."""

    def stays() -> int:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.write(1, b"ready")
        return sleeps()

    monkeypatch.setattr(branch, "_PATIENCE", 1.0)
    one, other = host("box", stays), host("other", sleeps)
    with Branches([one, other]) as running:
        pids = [one.pid, other.pid]
        assert os.read(one.stdout, 64) == b"ready"
        os.kill(other.pid, signal.SIGSTOP)
    assert (one.code, other.code) == (137, 143)
    assert not any(map(processes.exists, pids))
    assert running.ended_by == 0


def test_a_child_ends_with_its_parent_however_that_ends(tmp_path_factory: pytest.TempPathFactory) -> None:
    """In a process group of its own it waited on, with its links to hosts, after SIGKILL to all that it belonged to."""
    held = str(tmp_path_factory.mktemp("held") / "fifo")
    os.mkfifo(held)

    def holds() -> int:
        os.write(os.open(held, os.O_WRONLY), b"x")
        return sleeps()

    parent = os.fork()
    if not parent:
        try:
            with Branches([host("box", holds), host("other", holds)]) as running:
                running.run()
        finally:
            os._exit(1)
    with open(held, "rb") as fifo:
        assert fifo.read(2) == b"xx"
        os.kill(parent, signal.SIGKILL)
        os.waitpid(parent, 0)
        assert fifo.read() == b"", "both have closed it"


def test_a_signal_while_a_child_ends_is_sent_to_no_other_process() -> None:
    """It was sent to a pid that was free again: an internal error, or another's process."""
    one = host("box", lambda: 0)
    with Branches([one]) as running:
        real = os.waitpid

        def ended(pid: int, options: int) -> tuple[int, int]:
            answer = real(pid, options)
            os.kill(os.getpid(), signal.SIGINT)
            return answer

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "waitpid", ended)
            running.run()
    assert one.code == 0


def test_children_have_exit_codes_also_where_their_ends_are_ignored() -> None:
    """A program that starts sesh may have it so: it was an internal error, no such process."""
    one, other = host("box", lambda: 3), host("other", lambda: 0)
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with Branches([one, other]) as running:
            running.run()
        assert signal.getsignal(signal.SIGCHLD) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGCHLD, before)
    assert (one.code, other.code) == (3, 0)


def open_descriptors() -> set[int]:
    return {number for number in range(256) if _is_open(number)}


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_children_that_cannot_start_leave_no_descriptor_and_no_process(monkeypatch: pytest.MonkeyPatch) -> None:
    before, real, made = open_descriptors(), os.pipe, list[int]()

    def pipe() -> tuple[int, int]:
        made.append(1)
        if len(made) == 5:
            raise OSError(errno.EMFILE, "Too many open files")
        return real()

    monkeypatch.setattr(os, "pipe", pipe)
    branches = [host("box", sleeps), host("other", sleeps)]
    with pytest.raises(OSError, match="Too many"), Branches(branches):
        pass
    assert open_descriptors() == before
    assert [one.pid for one in branches] == [-1, -1]
    assert signal.getsignal(signal.SIGINT) == signal.default_int_handler


def test_more_than_can_run_at_once_are_refused_before_the_first_starts() -> None:
    with pytest.raises(Refused, match="257 at once are too many: 256 are the most"), Branches([host("box")] * 257):
        pass
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        with pytest.raises(Refused, match=r"21 at once are too many: 20 are the most.*ulimit -n"):
            Branches([host("box")] * 21).__enter__()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_a_note_that_names_its_host_is_printed_without_the_name_before_it(capfd: pytest.CaptureFixture[str]) -> None:
    """The host was named twice in each line about a file that is not synced."""
    web = host("web1")
    web.follows = True
    web.note(b"sesh: nothere is not synced to web1: does not exist\nsesh: syncing files to web1 \xe2\x80\xa6\n")
    web.note(b"sesh: work of web10 is gone\n")
    assert capfd.readouterr().err.splitlines() == [
        "sesh: nothere is not synced to web1: does not exist",
        "sesh: syncing files to web1 …",
        "sesh: web1: work of web10 is gone",
    ]
