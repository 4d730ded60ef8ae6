"""The parts of `run`: quoted words, marks removed from output, and the end."""

from __future__ import annotations

import gc
import os
import subprocess
import time
import weakref
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.clients.connection import PeerRequest
from sesh.daemon.life import description
from sesh.daemon.pty.pty import Pty
from sesh.daemon.requests.typed_text import Typing
from sesh.daemon.session import Session
from sesh.daemon.shell.run import Run, RunOutput, RunState
from sesh.daemon.shell.run_marks import MarkFilter, RunMark, Wrapper, quoted, source
from sesh.daemon.shell.shells import ASH, BASH, DASH, FISH, ZSH, Shell
from sesh.ops.shell import without_sequences
from sesh.schema import codec
from sesh.wire import protocol
from tests.support import need
from tests.support.data import daemon_facts
from tests.unit.daemon.connections import Link, prints

WORDS = ["", "a b", "it's", '"', "\\", "\\'", "$HOME", "`id`", "*", "\n", "!!", "~", "#", "-n", "ä", "{a,b}", "a\\\n"]
MARK, END = b"\x1b]7373;5ec.1.1;B\x07", b"\x1b]7373;5ec.1.1;E;7\x07"


@pytest.mark.parametrize("kind", [BASH, ZSH, FISH, DASH, ASH])
def test_a_shell_reads_quoted_words_back(kind: str) -> None:
    program = [need("busybox"), "ash"] if kind == ASH else [need(kind)]
    line = "printf '%s\\0' " + " ".join(quoted(word, kind) for word in WORDS)
    done = subprocess.run([*program, "-c", line], capture_output=True, check=True)
    assert done.stdout.decode().split("\0")[:-1] == WORDS


def test_a_single_word_is_source() -> None:
    assert source(["a | b"], BASH) == "a | b"
    assert source(["a", "|"], BASH) == "a '|'"


def filtered(blocks: list[bytes], *, hold: bool = False) -> tuple[bytes, list[tuple[str, str, int | None]]]:
    """Return the bytes that pass a filter, and the marks that the filter found."""
    marks: list[tuple[str, str, int | None]] = []
    markers = MarkFilter("5ec")
    if hold:
        markers.hold()
    out = b""
    for part in (part for block in blocks for part in markers.split(block)):
        if isinstance(part, RunMark):
            marks.append(part)
            out += markers.drop() if hold else b""
        else:
            out += markers.visible(part)
    return out + markers.release() + markers.part, marks


@given(st.lists(st.integers(0, 60), max_size=6))
def test_marks_are_found_however_the_output_is_cut(cuts: list[int]) -> None:
    data = b"one\x1b[1m\x1b]7373;0ff.1;B\x07" + MARK + b"two\x1b" + END
    edges = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    blocks = [data[a:b] for a, b in pairwise(edges)]
    assert filtered(blocks) == (
        b"one\x1b[1m\x1b]7373;0ff.1;B\x07two\x1b",
        [("5ec.1.1", "B", None), ("5ec.1.1", "E", 7)],
    )


@given(st.lists(st.binary(max_size=20), max_size=5))
def test_what_holds_no_mark_passes_whole(blocks: list[bytes]) -> None:
    assert filtered(blocks) == (b"".join(blocks), [])


@pytest.mark.parametrize("mark", [b"C", b"C;sesh=12;h=3;"])
@pytest.mark.parametrize("older", [b"", b";cmdline_url=an%20older"])
def test_of_an_echo_only_the_modes_pass(mark: bytes, older: bytes) -> None:
    echo = b" . /x/y\x1b[K\r\x1b[3C\x1b[?2004l\r\r\n\x1b]133;" + mark + older + b"\x07\x1b[31m"
    passed = b"\x1b[?2004l\x1b]133;" + mark + b"\x07out"
    assert filtered([echo, MARK + b"out"], hold=True) == (passed, [("5ec.1.1", "B", None)])


@given(st.text("a\r\n", max_size=9), st.data())
def test_line_ends_are_those_of_a_pipe_however_the_output_is_cut(text: str, data: st.DataObject) -> None:
    printed = text.encode()
    shown = printed.replace(b"\n", b"\r\n")
    cut = data.draw(st.integers(0, len(shown)))
    output = RunOutput()
    for piece in (shown[:cut], shown[cut:]):
        output.add(piece, translated=True)
    assert output.rest(0) == printed


def test_escape_sequences_are_taken_out_and_nothing_else() -> None:
    output = b"\x1b[1;31mred\x1b[m\x1b]8;;http://x\x1b\\link\x1b]8;;\x07\x1b(B\x1b7\ta\r\nb\x08\x07\x1b[?25l\xff"
    assert without_sequences(output) == b"redlink\ta\r\nb\x08\x07\xff"


def test_the_output_of_a_command_that_has_ended_is_freed_at_once() -> None:
    """Output that was sent at once stayed in memory until the next full collection."""
    runs = Session(daemon_facts(pid=1), (80, 24, 0, 0), Pty()).runs
    runs.active = Run(["seq 9"], None, wait=True, key="", sent=0)
    runs.active.become(RunState.RUNNING)
    output = weakref.ref(runs.active.output)
    gc.disable()
    try:
        runs.end(0, "exited")
        assert output() is None
    finally:
        gc.enable()


def with_run(run: Run, state: RunState) -> tuple[Session, str]:
    """Return a session with this active run, and the token of the run's marks."""
    own = Session(daemon_facts(pid=1), (80, 24, 0, 0), Pty())
    own.runs.active = run
    run.become(state)
    run.wrapper = Wrapper("work", own.runs._secret, Shell(1, BASH, ready=True), "true")
    own.runs._has_typed = True
    return own, run.wrapper.token


def test_what_a_command_prints_is_told_before_its_end_also_in_one_block() -> None:
    """A bell came behind the end of its command, whose run had the next one."""
    own, token = with_run(Run(["seq 9"], None, wait=True, key=""), RunState.TYPED)
    marks = {letter: f"\x1b]7373;{token};{letter}\x07".encode() for letter in ("B", "C", "E;0")}
    output = b"\x1b]133;C\x07", marks["B"], marks["C"], b"\x07one\x1b]2;two\x07", marks["E;0"], b"\x1b]133;D\x07"
    prints(own, b"".join(output) + b"\x07\x1b]133;C;cmdline_url=ls\x07\x1b]133;D\x07")
    told = [(event["event"], event.get("command")) for event in own.events.after(1)]
    begun, ended = ("command_started", ["seq 9"]), ("command_ended", ["seq 9"])
    typed = [("command_started", ["ls"]), ("command_ended", ["ls"])]
    assert told == [begun, ("bell", None), ("title", None), ended, ("bell", None), *typed]


def test_a_caller_that_comes_back_after_the_session_learns_how_its_command_ended() -> None:
    """Only a command that ended with its session was in the result."""
    own, token = with_run(Run(["false"], None, wait=True, key="of a caller"), RunState.RUNNING)
    prints(own, f"\x1b]7373;{token};E;1\x07".encode())
    own.runs.end(0, "exited")
    last = description.result(own, 0)["run"]
    assert last is not None
    assert (last["key"], last["exit_code"], "reason" in last) == ("of a caller", 1, False)


def test_a_run_that_a_fault_keeps_from_beginning_is_answered_and_holds_no_other_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Such an error left the run unanswered, and all runs behind it waiting."""
    master, slave = os.openpty()
    pty = Pty(master, slave, os.getpid())
    os.set_blocking(master, False)
    own, link = Session(daemon_facts(), (80, 24, 0, 0), pty), Link()

    def broken(_: object) -> None:
        raise RuntimeError("it is broken")

    monkeypatch.setattr("sesh.daemon.shell.shells.foreground", broken)
    for number in (1, 2):
        own.runs.add(Run(["true"], PeerRequest(link.connection, number, b""), wait=True, key=""), None)
    for _ in range(2):
        assert own.runs.due <= time.monotonic()
        with pytest.raises(RuntimeError):
            own.runs.act(time.monotonic())
    link.connection.flush()
    answers = [codec.parse(payload) for kind, payload in link.take() if kind == protocol.RESPONSE]
    assert [(answer["id"], answer["error"]["code"]) for answer in answers] == [(1, "internal"), (2, "internal")]
    link.close()
    pty.close()


def test_a_run_that_was_interrupted_is_not_begun_for_a_caller_that_comes_back() -> None:
    """The repeated Ctrl-C counted as known, so the repeated run began, and nothing ended it."""
    own = Session(daemon_facts(), (80, 24, 0, 0), Pty())
    typing = Typing(own)
    for _ in range(2):
        link = Link()
        own.runs.add(Run(["true"], PeerRequest(link.connection, 1, b""), wait=True, key="run"), None)
        typing.run_interrupt(PeerRequest(link.connection, 2, b""), "ctrl-c")
        link.connection.flush()
        first, second = [codec.parse(payload) for kind, payload in link.take() if kind == protocol.RESPONSE]
        assert (first["error"]["code"], "result" in second, own.runs.all_runs()) == ("interrupted", True, [])
        link.close()
