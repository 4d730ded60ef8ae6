"""An op's knowledge of the caller's machine, and its questions to the caller."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.about import SESH
from sesh.bridge.bridge import LinkCaller
from sesh.errors import NotFound, SeshError
from sesh.reach.caller import YES_NO, Question
from sesh.reach.origin import Origin

PART = st.text(min_size=1).filter(lambda part: "/" not in part and "\0" not in part and part not in (".", ".."))


@given(st.lists(PART, max_size=4))
def test_a_directory_under_the_other_home_is_the_same_under_this_one(parts: list[str]) -> None:
    home = os.path.expanduser("~")
    origin = Origin({"home": "/Users/somebody"})
    assert origin.directory("/".join(["/Users/somebody", *parts])) == os.path.normpath("/".join([home, *parts]))


@pytest.mark.parametrize(
    ("word", "meant"),
    [
        ("/Users/somebodyelse/x", "/Users/somebodyelse/x"),
        ("/usr", "/usr"),
        ("x/y", "~/x/y"),
        (".", "~/."),
        ("/Users/somebody/", "~"),
        ("/Users/somebody/a b/", "~/a b"),
    ],
)
def test_other_directories_are_taken_as_they_are_or_from_home(word: str, meant: str) -> None:
    meant = meant.replace("~", os.path.expanduser("~"))
    assert os.path.normpath(Origin({"home": "/Users/somebody"}).directory(word)) == os.path.normpath(meant)


def test_the_locale_is_the_other_machine_s_where_it_exists_here() -> None:
    here = {"LANG": "de_DE.UTF-8", "LC_TIME": "C", "PATH": "/bin", "TERM": "dumb"}
    rest = {"PATH": "/bin", "TERM": ""}
    assert Origin({}).environment(here) == {"LANG": "de_DE.UTF-8", "LC_TIME": "C", **rest}
    facts = {"locale": {"LANG": "xx_YY.UTF-8", "LC_ALL": "C", "LC_TIME": "zz_ZZ", "PATH": "/evil"}}
    assert Origin(facts).environment(here) == {"LANG": "C.UTF-8", "LC_ALL": "C", **rest}
    assert Origin({"locale": {"LC_TIME": "zz_ZZ"}}).environment(here) == {"LANG": "C.UTF-8", **rest}


def test_what_ssh_has_set_is_neither_replaced_nor_taken_away() -> None:
    """SetEnv had no effect on LANG, LC_… and COLORTERM, and a variable of one's own called LC_… was lost."""
    facts = {"locale": {"LANG": "C", "LC_ALL": "C"}, "term": "xterm", "colorterm": "truecolor"}
    there = {"LANG": "xx_YY", "LC_TIME": "C.UTF-8", "LC_PROJECT": "sesh", "COLORTERM": "16"}
    kept = {"LANG": "xx_YY", "LC_PROJECT": "sesh", "TERM": "xterm"}
    left = Origin({**facts, "set_by_ssh": ["LANG", "COLORTERM"]})
    assert left.environment(there) == {**kept, "COLORTERM": "16", "LC_ALL": "C"}
    assert left.environment({}) == {"TERM": "xterm", "LC_ALL": "C"}, "the host does not accept it"


@pytest.mark.parametrize(
    ("error", "here", "there"),
    [
        (
            NotFound("no session x", hint=f"`{SESH}` lists sessions, `{SESH} x` creates it"),
            "no session x; `sesh` lists sessions, `sesh x` creates it",
            "no session x; `sesh @box` lists sessions, `sesh @box x` creates it",
        ),
        (
            SeshError(f"write: {SESH} kill x, or {SESH} exec -- y"),
            "write: sesh kill x, or sesh exec -- y",
            "write: sesh @box kill x, or sesh @box exec -- y",
        ),
        (SeshError("for the host: sesh @user@x"), "for the host: sesh @user@x", "for the host: sesh @user@x"),
        (SeshError("this sesh 0.1.0"), "this sesh 0.1.0", "this sesh 0.1.0"),
    ],
)
def test_commands_in_an_error_are_those_that_are_right_where_the_person_sits(
    error: SeshError, here: str, there: str
) -> None:
    assert str(error) == here
    assert str(error.told_by("box")) == there


def test_a_question_goes_to_the_person_over_the_link_and_the_answer_comes_with_the_next_try() -> None:
    answers = [("a", "Apple"), ("b", "Bread"), ("c", "Cake")]
    with pytest.raises(Question) as question:
        LinkCaller(Origin({}), can_answer=True, answers=[]).ask("which one?", answers, "b")
    assert question.value.response == {"question": "which one?", "answers": answers, "default": "b", "above": ""}
    caller = LinkCaller(Origin({}), can_answer=True, answers=["a", "", "3"])
    assert [caller.ask("which one?", answers, "b") for _ in range(3)] == ["a", "", "3"]
    with pytest.raises(Question):
        caller.ask("and now?", YES_NO, "n")
