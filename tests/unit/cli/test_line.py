"""A command line is split into hosts, the verb, its words, and those after `--`."""

from __future__ import annotations

import re
from collections import deque

import pytest
import typer
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from typer.core import TyperCommand

from sesh.cli.app import built
from sesh.cli.line import split
from sesh.cli.verbs import GO, VALUED, VERBS, Verb

GROUPED = re.compile("-[^-].", re.DOTALL)
ANY_WORD = st.one_of(
    st.sampled_from(["-", "--kill", "kill", "-k", "@gpu", "--json", "-C", "--label", "a=b", "web", "--help", "-A", ""]),
    st.text(max_size=8).filter(lambda word: word not in ("--", "--hook") and not GROUPED.match(word)),
)


@given(st.lists(ANY_WORD, max_size=5), st.lists(ANY_WORD | st.just("--"), max_size=5))
def test_words_after_two_dashes_are_never_touched(before: list[str], after: list[str]) -> None:
    line, alone = split([*before, "--", *after]), split(before)
    assert line.tail == after
    assert (line.verb, line.hosts, line.words) == (alone.verb, alone.hosts, alone.words)


@given(st.lists(ANY_WORD, max_size=6))
def test_each_word_is_a_flag_a_host_the_verb_or_one_of_the_verbs_words_in_their_order(argv: list[str]) -> None:
    line = split(argv)
    words = deque(line.words)
    rest = [word for word in argv if not (words and word == words[0] and words.popleft() is word)]
    assert not words
    assert [word[1:] for word in rest if word[:1] == "@"] == line.hosts
    others = [word for word in rest if word[:1] != "@" and word not in ("--json", "--local")]
    assert len(others) <= 1
    assert (line.verb.name == GO) == (others in ([], [GO]))


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_a_verb_is_the_same_with_dashes_without_and_in_short(verb: Verb) -> None:
    spellings = [verb.name, f"--{verb.word}" if verb.word else GO, verb.short or verb.name]
    assert [split([word, "web"]) for word in spellings] == [split([verb.name, "web"])] * 3


@pytest.mark.parametrize(
    ("argv", "verb", "words"),
    [
        ("", GO, ""),
        ("web", GO, "web"),
        ("-", GO, "-"),
        ("-A kill", GO, "kill"),
        ("-r web", GO, "-r web"),
        ("web kill", GO, "web kill"),
        ("@gpu @box kill web", "kill", "web"),
        ("kill @gpu web", "kill", "web"),
        ("--json kill web", "kill", "web"),
        ("kill web --json", "kill", "web"),
        ("ls", "list", ""),
        ("-v", "version", ""),
        ("send web @all", "send", "web @all"),
        ("--timeout 5 exec web", GO, "--timeout 5 exec web"),
        ("-nd web", "new", "-d web"),
        ("-Ar kill", GO, "-r kill"),
        ("-rn web", GO, "-rn web"),
        ("---K", GO, "---K"),
        ("hook claude", GO, "hook claude"),
        ("--hook claude", "hook", "claude"),
    ],
)
def test_the_verb_and_its_words_are_found(argv: str, verb: str, words: str) -> None:
    line = split(argv.split())
    assert (line.verb.name, line.words) == (verb, words.split())


@pytest.mark.parametrize(
    ("argv", "hosts", "words"),
    [
        ("@gpu grep @Override", "gpu", "@Override"),
        ("grep @Override build", "", "@Override build"),
        ("grep -i -C 2 @Override", "", "-i -C 2 @Override"),
        ("send @a text", "", "@a text"),
        ("send --enter web @a", "", "--enter web @a"),
        ("state @a", "", "@a"),
        ("import @a", "", "@a"),
        ("label @a x=y", "", "@a x=y"),
        ("wait --for @a @b web", "b", "--for @a web"),
        ("wait --idle 5 --for=x @b web", "b", "--idle 5 --for=x web"),
        ("send web --question @a", "", "web --question @a"),
        ("kill -y @a @b web", "a b", "-y web"),
        ("kill -y web @a", "", "-y web @a"),
        ("logs -f @a web", "a", "-f web"),
        ("--read-only @a web", "a", "--read-only web"),
        ("exec -dC @x @a", "a", "-dC @x"),
        ("exec -C@x @a", "a", "-C@x"),
        ("list --label a=b @a", "a", "--label a=b"),
        ("attach - @a", "", "- @a"),
        ("deploy @a --force @b", "a b", "--force"),
        ("forget x @b", "b", "x"),
    ],
)
def test_a_word_is_a_host_before_the_first_other_word_and_nowhere_where_words_are_text(
    argv: str, hosts: str, words: str
) -> None:
    """`grep @Override` made a connection to a host of that name, and `kill -y @a web` was refused."""
    line = split(argv.split())
    assert (line.hosts, line.words) == (hosts.split(), words.split())


def parsed_by_typer(verb: Verb, words: list[str]) -> list[str]:
    """Return which words typer takes for arguments."""
    options = [each for each in built(verb.name).params if each.param_type_name == "option"]
    command = TyperCommand("options", params=options, add_help_option=False)
    context = typer.Context(command, allow_extra_args=True, resilient_parsing=True)
    command.parse_args(context, [*words])
    return context.args


@pytest.mark.parametrize("verb", VERBS, ids=lambda verb: verb.name)
def test_the_arguments_of_a_line_are_those_that_typer_finds(verb: Verb) -> None:
    names = [name for each in built(verb.name).params if each.param_type_name == "option" for name in each.opts]
    flags = [name for name in names if name not in VALUED]
    given_words = [*names, *(f"{name}=@v" for name in names if name[:2] == "--" and name in VALUED), "@a", "web", "-"]
    given_words += [f"-{a[1]}{b[1]}" for a in flags for b in names if a[1] != "-" != b[1]]  # -fC is -f -C

    @settings(max_examples=30)
    @given(st.lists(st.sampled_from(given_words), max_size=6))
    def finds_the_same(words: list[str]) -> None:
        line = split([verb.name, *words])
        assume(not line.lacks_value)
        assert line.arguments == parsed_by_typer(verb, line.words)

    finds_the_same()


def test_an_options_value_is_no_flag(monkeypatch: pytest.MonkeyPatch) -> None:
    """`wait web --for --json` printed JSON."""
    monkeypatch.delenv("SESH_JSON", raising=False)
    line = split(["wait", "web", "--for", "--json", "--question", "--local"])
    assert (line.words, line.json, line.local) == (["web", "--for", "--json", "--question", "--local"], False, False)


def test_the_words_of_options_with_a_value_are_known() -> None:
    """A host behind an option is told from its value before the verb is loaded."""
    flags = {True: set[str](), False: set[str]()}
    for verb in VERBS:
        for each in built(verb.name).params:
            if each.param_type_name == "option":
                flags[bool(getattr(each, "is_flag", False))] |= {*each.opts, *each.secondary_opts}
    assert flags[False] <= VALUED
    assert not flags[True] & VALUED


def test_json_is_wanted_before_two_dashes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SESH_JSON", raising=False)
    assert split(["run", "x", "--json"]).json
    assert not split(["run", "x", "--", "--json"]).json
    monkeypatch.setenv("SESH_JSON", "1")
    assert split([]).json
