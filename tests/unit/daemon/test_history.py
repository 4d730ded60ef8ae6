"""The commands that marks report and their output, whatever bytes a program prints."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.daemon.clients.connection import PeerRequest
from sesh.daemon.shell.command_marks import own_output, parse_command, parse_mark
from sesh.daemon.shell.history import MAX_COMMAND, MAX_ENTRIES, Command, History
from sesh.daemon.shell.integration import Announcement, Integration
from sesh.daemon.shell.marked_shells import Mark
from sesh.errors import NotFound
from sesh.schema.facts import CheckpointFacts, RunFacts
from sesh.store import checkpoints
from sesh.text.integration import Lack
from sesh.wire import protocol
from tests.unit.daemon.connections import Link

_FISH_BEGINS = b"\x1b[?2004l\x1b]0;echo one /root\x07\x1b[30m\x1b(B\x1b[m\r"
_ZSH_ENDS = b"\x1b[1m\x1b[7m%\x1b[27m\x1b[1m\x1b[0m" + b" " * 79 + b"\r \r"
_FISH_ENDS = b"\x1b[2m\xe2\x8f\x8e\x1b(B\x1b[m" + b" " * 78 + b"\r\xe2\x8f\x8e \r\x1b[K"


@given(st.binary(max_size=60))
def test_no_mark_of_a_shell_raises(body: bytes) -> None:
    for mark in (body, b"A;sesh=" + body, b"C;sesh=7;h=" + body, b"D;" + body, b"D;1;sesh=" + body):
        parsed = parse_mark(mark)
        assert parsed.shell_id == "" or parsed.shell_id.isdigit()
        assert parsed.code is None or 0 <= parsed.code < 1000
    Announcement.parse(body)
    Announcement.parse(b"bash;" + body)


def test_marks_say_what_their_shell_knows() -> None:
    assert parse_mark(b"D;7;sesh=12") == Mark("D", "12", 7)
    assert parse_mark(b"D;sesh=12") == Mark("D", "12")
    assert parse_mark(b"D;1;aid=x") == Mark("D", "", 1)
    assert parse_mark(b"A;sesh=12;h=3;code=130") == Mark("A", "12", 130, 3)
    assert parse_mark(b"A;sesh=12;h=3;${__sesh_shell:(__sesh_next=3)*0:0}") == Mark("A", "12", None, 3, expanded=False)
    assert parse_mark(b"C;sesh=12;report=2;cmdline_url=a%3Bb") == Mark("C", "12", None, None, "a;b", 2)
    assert parse_mark(b"C;sesh=12;mixed=1;cmdline_url=a") == Mark("C", "12", text="a", mixed=True)
    assert parse_mark(b"C;sesh=12;h=4;") == Mark("C", "12", None, 4)
    assert Announcement.parse(b"zsh;readonly,of-later;34") == Announcement(Integration("zsh", (Lack.READONLY,)), "34")
    assert Announcement.parse(b"csh;;34") is None


@given(st.binary(max_size=200))
def test_no_mark_raises_or_tells_what_a_terminal_acts_upon(body: bytes) -> None:
    for mark in (body, b"C;cmdline_url=" + body, b"C;aid=1;cmdline_url=" + body):
        command = parse_command(mark)
        assert command is None or all(each.isprintable() or each in "\n\t" for each in command)


def test_commands_are_decoded_and_bounded() -> None:
    assert parse_command(b"C") is None
    assert parse_command(b"C;cmdline_url=") is None
    assert parse_command(b"C;cmdline_url=echo%20a%3B%0Als%20100%25%zz") == "echo a;\nls 100%%zz"
    history = History()
    history.end(history.begin(["x" * (1 << 20), "y"], "/"), 0, b"")
    assert history.commands[0].facts["command"] == ["x" * MAX_COMMAND + "…"]


@pytest.mark.parametrize("words", [["\U0001f600" * 5000], [""] * 20_000])
def test_the_facts_of_a_checkpoint_can_be_read_whatever_was_run(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A session was restored without its history and directory."""
    monkeypatch.setenv("SESH_DIR", str(tmp_path))
    history = History()
    for _ in range(MAX_ENTRIES):
        history.end(history.begin(words, "/there"), 0, b"")
    facts: CheckpointFacts = {"cwd": "/there", "history": [command.facts for command in history.commands]}
    checkpoints.write_facts("00ff", facts)
    assert checkpoints.facts("00ff") == facts


def _without_pens(ends: bytes) -> bytes:
    """Return what a shell prints on a terminal without colours."""
    return re.sub(rb"\x1b\[[0-9;]*m|\x1b\(B", b"", ends)


@pytest.mark.parametrize(
    "ends",
    [
        *(b"", _ZSH_ENDS, _ZSH_ENDS.replace(b"%", b"#"), _without_pens(_ZSH_ENDS)),
        *(_FISH_ENDS, _FISH_ENDS[:-3], _without_pens(_FISH_ENDS)),
    ],
)
@pytest.mark.parametrize("begins", [b"", _FISH_BEGINS, _FISH_BEGINS.replace(b"\x1b(B\x1b[m", b"\x1b[m\x0f")])
def test_what_a_shell_prints_around_a_command_is_not_its_output(begins: bytes, ends: bytes) -> None:
    for printed in (b"", b"100 %\r \r", b"one\r\n\x1b[31mtwo\x1b[m!"):
        assert own_output(begins + printed + ends, translated=False) == printed
    assert own_output(begins + b"one\r\n" + ends, translated=True) == b"one\n"


def test_nothing_is_taken_from_an_output_that_sesh_marks_itself() -> None:
    for printed in (_ZSH_ENDS, _FISH_ENDS, b"\x1b[30m\r", b"100 %\r \r", b"\r\x1b[m\r"):
        assert own_output(printed, translated=False, fish=False, late=False) == printed
    for begins in (b"\x1b]0;ls\x1b\\\x1b[m\r", b"\x1b[m\r", _FISH_BEGINS):
        assert own_output(begins + b"\rone" + _FISH_ENDS, translated=False, late=False) == b"\rone" + _FISH_ENDS
    marked = b"\x1b]133;C\x07one\x1b]133;D;0\x1b\\\x1b]633;D\x07"
    assert own_output(marked, translated=False, fish=False, late=False) == b"one"


def test_a_command_that_ran_others_stands_before_them_and_is_kept_as_long() -> None:
    history = History()
    outer = history.begin(["bash"], "/")
    for _ in range(MAX_ENTRIES):
        history.end(history.begin(["ls"], "/"), 0, None)
    history.end(outer, 3, b"")
    assert [command.facts["n"] for command in history.commands] == [1, *range(3, MAX_ENTRIES + 2)]
    for whole, why, look in (
        (True, "a hook, a trap or the shell itself", "logs work"),
        (False, "where it ends", "doctor"),
    ):
        with pytest.raises(NotFound, match=f"the output of command 3 is not known.*{why}") as error:
            history.find(3, "work", whole=whole)
        assert look in error.value.hint


def test_an_output_that_is_not_known_is_not_called_cut_though_the_log_has_dropped_its_beginning() -> None:
    history = History()
    history.end(history.begin(["seq"], "/"), 0, None, dropped=None)
    with pytest.raises(NotFound, match="is not known exactly"):
        history.find(1, "work")


def test_an_output_whose_beginning_is_not_kept_is_never_told_as_all_of_it() -> None:
    history = History()
    for dropped in (0, 5, None):
        history.end(history.begin(["seq"], "/"), 0, b"end", dropped=dropped)
    assert [command.facts["output_bytes"] for command in history.commands] == [3, 8, None]
    assert [history.find(number, "work").is_cut for number in (1, 2, 3)] == [False, True, True]
    history.shorten(2)
    assert [(history.find(number, "work").is_cut, history.find(number, "work").output) for number in (1, 2, 3)] == [
        (True, b"nd")
    ] * 3
    restored = History(3, [Command(command.facts) for command in history.commands])
    for number in (1, 2, 3):
        with pytest.raises(NotFound, match=f"the output of command {number} is not kept any more"):
            restored.find(number, "work")


def test_who_comes_back_gets_the_rest_of_an_output_whose_beginning_was_dropped() -> None:
    """It got the same bytes again, since positions were counted from the first byte that is kept."""
    history = History()
    begun = history.begin(["seq"], "/")
    history.end(begun, 0, b"56789", dropped=5)
    response: RunFacts = {"exit_code": 0, "truncated": False, "n": begun.number}
    link = Link()
    for since, truncated, rest in ((0, True, b"56789"), (7, False, b"789"), (10, False, b"")):
        link.connection.open_requests += 1
        history.repeat_response(response, PeerRequest(link.connection, 1, b""), since)
        link.connection.flush()
        frames = link.take()
        assert b"".join(body for kind, body in frames if kind == protocol.DATA) == rest
        assert json.loads(frames[-1][1])["result"]["truncated"] == truncated
    link.close()
