"""A command line is split into hosts, the verb, its words, and those after `--`."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.cli.line import split
from sesh.cli.verbs import GO, VERBS, Verb

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
def test_each_word_is_a_host_the_verb_or_one_of_the_verbs_words(argv: list[str]) -> None:
    line = split(argv)
    before = argv[: len(argv) - len(line.words)]
    assert argv[len(before) :] == line.words
    rest = [word for word in before if word[:1] != "@" and word not in ("--json", "--local")]
    assert len(rest) <= 1
    assert (line.verb.name == GO) == (rest in ([], [GO]))


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
        ("kill web --json", "kill", "web --json"),
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


def test_json_is_wanted_before_two_dashes_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SESH_JSON", raising=False)
    assert split(["run", "x", "--json"]).json
    assert not split(["run", "x", "--", "--json"]).json
    monkeypatch.setenv("SESH_JSON", "1")
    assert split([]).json
