"""The words of the command line: what is the verb, whose is each word, and what belongs to the command alone."""

from __future__ import annotations

import inspect

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.cli.parser import parse, split, wants_json
from sesh.cli.verbs import BY_NAME, Verb
from sesh.errors import SeshError, UsageError

ANY_WORD = st.one_of(
    st.sampled_from(
        ["--", "-", "--kill", "-k", "@gpu", "--json", "-C", "--label", "a=b", "web", "--help", "--timeout", ""]
    ),
    st.text(max_size=8),
)


@given(st.lists(ANY_WORD, max_size=5), st.lists(ANY_WORD, max_size=5))
def test_what_stands_after_two_dashes_is_never_touched(before: list[str], after: list[str]) -> None:
    own = [word for word in before if word not in ("--", "--hook")]  # an agent's hook takes all as it comes
    try:
        line = split([*own, "--", *after])
    except SeshError:
        return
    assert line.tail == after
    assert line.words == split(own).words


@given(st.lists(ANY_WORD, max_size=6))
def test_no_line_brings_the_parser_down(argv: list[str]) -> None:
    try:
        line = split(argv)
        parse(line)
    except UsageError:
        return
    assert all(word in argv or word[:1] == "-" for word in line.words)


@pytest.mark.parametrize(
    ("argv", "verb", "own"),
    [
        ("", "", ""),
        ("web", "", "web"),
        ("-", "", "-"),
        ("web dir", "", "web dir"),
        ("-A web", "", "web"),
        ("-r web", "", "-r web"),
        ("--kill web", "--kill", "web"),
        ("-k web", "--kill", "web"),
        ("-K", "--kill-all", ""),
        ("--json --kill web", "--kill", "web"),
        ("--kill --json web", "--kill", "web"),
        ("--kill web --json", "--kill", "web"),
        ("--local --list", "--list", ""),
        ("-nd web", "--new", "-d web"),
        ("-ed", "--exec", "-d"),
        ("-Ky", "--kill-all", "-y"),
        ("--label web a=b", "--label", "web a=b"),
        ("--label a=b web", "", "--label a=b web"),
        ("--label a=b --new web", "--new", "--label a=b web"),
        ("web --label a=b", "", "web --label a=b"),
        ("--list --label a=b", "--list", "--label a=b"),
        ("-v", "--version", ""),
        ("-V", "--version", ""),
        ("--timeout 5 --exec web", "--exec", "--timeout 5 web"),
        ("--exec -C /tmp web", "--exec", "-C /tmp web"),
        ("--send web @all", "--send", "web @all"),
        ("--send web --key -x", "--send", "web --key -x"),
        ("--kill --list", "--kill", "--list"),
    ],
)
def test_the_verb_and_its_words_are_found(argv: str, verb: str, own: str) -> None:
    line = split(argv.split())
    assert (line.verb, line.words) == (verb, own.split())


@pytest.mark.parametrize(
    "argv",
    [
        "@gpu --kill web",
        "--kill @gpu web",
        "--json @gpu --kill web",
        "--kill --json @gpu web",
        "@gpu --kill web --json",
    ],
)
def test_a_host_may_stand_before_the_verb_or_before_the_name(argv: str) -> None:
    line = split(argv.split())
    assert (line.hosts, line.verb, line.words) == (["gpu"], "--kill", ["web"])


def test_a_host_is_told_from_an_options_value() -> None:
    line = split(["--exec", "-C", "@home", "@gpu", "--env", "@x=1", "build", "--", "@me"])
    assert line.hosts == ["gpu"]
    assert line.words == ["-C", "@home", "--env", "@x=1", "build"]
    assert line.tail == ["@me"]


@pytest.mark.parametrize(
    "argv", ["--help", "-h", "web --help", "--exec --help", "--help --exec", "--kill web -h", "--json -h"]
)
def test_help_is_wanted_wherever_it_is_asked_for(argv: str) -> None:
    assert split(argv.split()).help


@pytest.mark.parametrize("argv", [["--send", "web", "--key", "-h"], ["--exec", "--", "--help"], ["web", "--", "-h"]])
def test_help_for_the_command_or_as_a_value_is_none_for_sesh(argv: list[str]) -> None:
    assert not split(argv).help


def test_json_is_wanted_by_word_and_by_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wants_json(["--kill", "web", "--json"])
    assert not wants_json(["--exec", "--", "x", "--json"])
    monkeypatch.setenv("SESH_JSON", "1")
    assert split(["--list"]).json
    monkeypatch.setenv("SESH_JSON", "0")
    assert not split(["--list"]).json


@pytest.mark.parametrize(
    ("argv", "found"),
    [
        ("--exec --print build -- make", {"printed": True, "words": ["build"]}),
        (
            "--exec build --timeout 5 -C d --keep -- make",
            {"timeout": "5", "directory": "d", "keep": True, "words": ["build"]},
        ),
        ("--exec --timeout=5 --env A=1 --env=B=2 -- make", {"timeout": "5", "env": ["A=1", "B=2"], "words": []}),
        ("--new -d", {"detached": True}),
        ("--new web d", {"name": "web", "directory": "d"}),
        ("--open web -- make", {"name": "web"}),
        ("--kill a b", {"names": ["a", "b"]}),
        ("--kill -- a", {"names": ["a"]}),
        ("web d -r --no-detach-key", {"name": "web", "directory": "d", "read_only": True, "no_detach_key": True}),
        ("", {}),
        ("--list", {}),
    ],
)
def test_a_line_is_parsed_without_typer(argv: str, found: dict[str, object]) -> None:
    assert parse(split(argv.split())) == found


@pytest.mark.parametrize("verb", BY_NAME.values(), ids=lambda verb: verb.name or "NAME")
def test_every_row_leads_to_a_function_that_takes_its_words(verb: Verb) -> None:
    function = verb.function()
    signature = inspect.signature(function)
    keys: dict[str, object] = {option.key: [] for option in verb.options} | {
        place.rstrip("?*+"): "x" for place in verb.words
    }
    if verb.gather:
        keys = {key: value for key, value in keys.items() if key not in {p.rstrip("?*+") for p in verb.words}}
        keys[verb.gather] = []
    signature.bind(None, **keys)
