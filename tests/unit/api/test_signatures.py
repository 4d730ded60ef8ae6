"""The words that a session and a job take: named by `help` and by types, and no others are taken."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Callable
from typing import Any

import pytest

from sesh import Session, execute

SPEC: dict[str, object] = {"directory": None, "env": None, "labels": None, "size": None}
JOB: dict[str, object] = {**SPEC, "timeout": None, "keep": False}
STOP = {"stop": None}
TAKEN: list[tuple[Callable[..., Any], dict[str, object]]] = [
    (Session.open, {"command": None, **SPEC}),
    (Session("work").ensure, {"command": None, **SPEC}),
    (Session("work").exec, {**STOP, **JOB}),
    (Session.job, JOB),
    (execute, {**STOP, **JOB}),
]


@pytest.mark.parametrize(("function", "words"), TAKEN)
def test_help_and_types_name_each_keyword_with_its_default(
    function: Callable[..., Any], words: dict[str, object]
) -> None:
    parameters = inspect.signature(function, eval_str=True).parameters.values()
    keywords = {each.name: each.default for each in parameters if each.kind is each.KEYWORD_ONLY}
    assert keywords == words
    assert not any(each.kind is each.VAR_KEYWORD for each in parameters)
    assert typing.get_type_hints(function).keys() >= words.keys()


@pytest.mark.parametrize("function", [function for function, _ in TAKEN])
def test_a_word_that_is_none_is_a_type_error(function: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
        function(*(["work"] if function is not TAKEN[1][0] else []), colour="red")
