"""What a command line from another machine knows of that machine, and what is asked and said there."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh.cli import prompts
from sesh.ops import caller
from sesh.ops.caller import Near

PART = st.text(min_size=1).filter(lambda part: "/" not in part and "\0" not in part and part not in (".", ".."))


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """This process has got a command line from a machine where the host is called box."""
    for name, value in (("known", True), ("near", Near({"host": "box"})), ("answers", None), ("entering", False)):
        monkeypatch.setattr(caller._Asked, name, value)


@given(st.lists(PART, max_size=4))
def test_a_directory_under_the_other_home_is_the_same_under_this_one(parts: list[str]) -> None:
    home = os.path.expanduser("~")
    near = Near({"home": "/Users/somebody"})
    assert near.directory("/".join(["/Users/somebody", *parts])) == os.path.normpath("/".join([home, *parts]))


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
    assert os.path.normpath(Near({"home": "/Users/somebody"}).directory(word)) == os.path.normpath(meant)


def test_a_home_of_root_s_is_no_prefix_of_everything() -> None:
    assert Near({"home": ""}).directory("/usr") == "/usr"
    assert Near({}).directory("/usr") == "/usr"


def test_the_locale_is_the_other_machine_s_where_it_exists_here() -> None:
    here = {"LANG": "de_DE.UTF-8", "LC_TIME": "C", "PATH": "/bin", "SESH_FAR": "x"}
    assert Near({}).surroundings(here) == {"LANG": "de_DE.UTF-8", "LC_TIME": "C", "PATH": "/bin"}
    told = {"locale": {"LANG": "xx_YY.UTF-8", "LC_ALL": "C", "LC_TIME": "zz_ZZ", "PATH": "/evil"}}
    assert Near(told).surroundings(here) == {"LANG": "C.UTF-8", "LC_ALL": "C", "PATH": "/bin"}
    assert Near({"locale": {"LC_TIME": "zz_ZZ"}}).surroundings(here) == {"LANG": "C.UTF-8", "PATH": "/bin"}


@given(
    st.dictionaries(
        st.sampled_from(["host", "home", "size", "term", "colorterm", "locale"]),
        st.none()
        | st.text()
        | st.integers()
        | st.lists(st.integers() | st.text(), max_size=5)
        | st.dictionaries(st.text(), st.text(), max_size=2),
    )
)
def test_whatever_the_other_machine_says_of_itself_harms_nothing(told: dict[str, object]) -> None:
    near = Near(told)
    assert len(near.size) == 4
    assert all(isinstance(each, int) for each in near.size)
    near.surroundings({})
    near.directory("x")


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize(
    ("here", "there"),
    [
        (
            "no session x; `sesh` lists what there is, `sesh x` creates it",
            "no session x; `sesh @box` lists what there is, `sesh @box x` creates it",
        ),
        ("write: sesh --kill x, or sesh --exec -- y", "write: sesh @box --kill x, or sesh @box --exec -- y"),
        ("did you mean sesh --kill web?", "did you mean sesh @box --kill web?"),
        ("for the host: sesh @user@x", "for the host: sesh @user@x"),
        ("this is sesh 0.1.0", "this is sesh 0.1.0"),
        ("sesh: an error of sesh itself", "sesh: an error of sesh itself"),
    ],
)
def test_words_to_type_are_those_that_are_right_where_the_person_sits(here: str, there: str) -> None:
    assert caller.worded(here) == there


def test_words_to_type_stay_as_they_are_for_a_line_typed_here() -> None:
    assert caller.worded("`sesh x` creates it") == "`sesh x` creates it"


@pytest.mark.usefixtures("asked")
def test_a_question_goes_to_the_person_over_there_and_the_answer_comes_with_the_next_try() -> None:
    answers = [("a", "Apple"), ("b", "Bread"), ("c", "Cake")]
    caller.expect(None)
    assert (caller.entering(), caller.asks()) == (True, False)
    caller.expect([])
    with pytest.raises(caller.Question) as question:
        prompts.ask("which one?", answers, "b")
    assert (question.value.text, question.value.answers, question.value.default) == ("which one?", answers, "b")
    caller.expect(["a", "", 3])
    assert [prompts.ask("which one?", answers, "b") for _ in range(3)] == ["a", "", "3"]
    with pytest.raises(caller.Question):
        prompts.ask("and now?", prompts.YES_NO, "n")


@pytest.mark.usefixtures("asked")
@pytest.mark.parametrize("answers", [{"a": 1}, "yes", 3, True])
def test_answers_that_are_no_list_are_none(answers: object) -> None:
    caller.expect(answers)
    assert not caller.asks()
