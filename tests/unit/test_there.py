"""Lines for another host: as they are sent there, and which of them need this terminal."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import protocol
from sesh.cli import parser, there

WORD = st.binary(max_size=8).filter(lambda word: b"\0" not in word).map(os.fsdecode)
PLAIN = WORD.filter(lambda word: word[:1] not in ("-", "@"))


@given(st.lists(WORD, max_size=6), st.lists(PLAIN, max_size=3), st.booleans())
def test_a_line_is_sent_as_it_was_written_without_its_hosts(tail: list[str], plain: list[str], json: bool) -> None:
    argv = ["@box", *(["--json"] if json else []), "--send", "work", *plain, "--", *tail]
    line = parser.split(argv)
    again = parser.split(there.spelled(line))
    assert again.hosts == []
    assert (again.verb, again.words, again.tail, again.json) == ("--send", ["work", *plain], tail, json)


@given(st.lists(WORD, max_size=6))
def test_words_of_any_bytes_survive_the_frames(argv: list[str]) -> None:
    """Bytes that are no UTF-8, controls, quotes, empty words: no shell over there ever reads them."""
    frame = protocol.message(protocol.REQUEST, {"id": 1, "verb": "command", "argv": argv})
    (kind, payload), *_ = protocol.Decoder().feed(frame)
    assert kind == protocol.REQUEST
    assert protocol.parse(payload)["argv"] == argv


@pytest.mark.parametrize(
    ("argv", "sent"),
    [
        (["@box"], []),
        (["@box", "work"], ["work"]),
        (["--kill", "@box", "work"], ["--kill", "work"]),
        (["@box", "-nd", "work"], ["--new", "-d", "work"]),
        (["@box", "-A", "list"], ["list"]),
        (["@box", "--send", "work", "@all", "--enter"], ["--send", "work", "@all", "--enter"]),
        (["@box", "--label", "a=b", "--open", "x"], ["--open", "--label", "a=b", "x"]),
        (["@box", "-e", "-C", "/x", "--", "@y", "--json"], ["--exec", "-C", "/x", "--", "@y", "--json"]),
        (["@box", "--list", "--json"], ["--list", "--json"]),
    ],
)
def test_lines_in_their_long_form(argv: list[str], sent: list[str]) -> None:
    """`@all` behind a name used to be taken for a host, and left out of the text."""
    assert there.spelled(parser.split(argv)) == sent


@pytest.mark.parametrize(
    ("argv", "wanted"),
    [
        (["work"], True),
        (["-"], True),
        ([], False),
        (["--list"], False),
        (["--attach", "work"], True),
        (["--new"], True),
        (["--new", "-d"], False),
        (["--new", "--json"], False),
        (["--open", "work"], False),
        (["--exec", "--", "x"], False),
    ],
)
def test_which_lines_end_with_this_terminal_attached(argv: list[str], wanted: bool) -> None:
    assert there.attaches(parser.split(argv)) == wanted
