"""Each row of the verb table names a function that is there and takes exactly the words and options of the row."""

from __future__ import annotations

import ast
import importlib
import inspect
from typing import Any

import pytest

from sesh.cli import attach
from sesh.cli.verbs import BY_NAME, FLAG, MANY, MAYBE, VALUE, Verb

_SEVERAL = {"Sequence[str]"}
_FITTING = {FLAG: {"bool"}, VALUE: {"str", "str | None"}, MAYBE: {"str | None"}, MANY: _SEVERAL}
"""The annotations that take what the parser gives for an option: True, text, text (empty for none), or texts."""
_NOT_OF_THE_LINE = {("--new", "asks")}
"""Parameters for other callers than the command line."""
_IN_ORDER = "--send"
"""Takes its words and keys from the line, in their order; only what stands by itself is a parameter."""


def given(verb: Verb) -> dict[str, set[str]]:
    """What the row gives its function: each key, and the annotations that fit it."""
    options = {each.key: _FITTING[each.kind] for each in verb.options}
    if verb.gather:
        return {verb.gather: _SEVERAL, **options}
    places = {}
    for each in verb.words:
        fits = _SEVERAL if each[-1] in "*+" else {"str | None"} if each[-1] == "?" else {"str", "str | None"}
        places[each.rstrip("?*+")] = fits
    return places | options


def taken(function: Any) -> tuple[dict[str, str], set[str]]:
    """The parameters of a verb's function with their annotations, and those that it cannot do without.

    For `**view` those of what it is passed on to.
    """
    parameters = list(inspect.signature(function).parameters.values())[1:]
    own = {each.name: each.annotation for each in parameters if each.kind != each.VAR_KEYWORD}
    needed = {each.name for each in parameters if each.kind != each.VAR_KEYWORD and each.default is each.empty}
    for each in parameters:
        if each.kind == each.VAR_KEYWORD:
            own |= _passed_on(each.annotation)
    return own, needed


def _passed_on(annotation: str) -> dict[str, str]:
    if annotation == "Unpack[ViewWords]":
        tree = ast.parse(inspect.getsource(attach))
        row = next(each for each in ast.walk(tree) if isinstance(each, ast.ClassDef) and each.name == "ViewWords")
        return {ast.unparse(e.target): ast.unparse(e.annotation) for e in row.body if isinstance(e, ast.AnnAssign)}
    assert annotation == "object"
    return {}


@pytest.mark.parametrize("verb", BY_NAME.values(), ids=lambda verb: verb.name or "NAME")
def test_a_row_gives_its_function_what_that_takes(verb: Verb) -> None:
    module, _, name = verb.run.rpartition(".")
    function = getattr(importlib.import_module(f"sesh.cli.{module}"), name)
    assert verb.function() is function
    own, needed = taken(function)
    row = given(verb)
    if verb.name == _IN_ORDER:
        assert own == {"if_waiting": "str | None", "force": "bool"}
        return
    for key, annotation in own.items():
        if (verb.name, key) not in _NOT_OF_THE_LINE:
            assert annotation in row[key], key
    assert row.keys() == own.keys() - {key for at, key in _NOT_OF_THE_LINE if at == verb.name}
    always = {each.rstrip("+") for each in verb.words if each[-1] not in "?*"} if not verb.gather else set()
    assert needed == always


def test_help_says_what_ctrl_c_does_and_what_is_read() -> None:
    """`--tie` read as if a job got no SIGINT without it, and nothing said that --run takes no input of its own."""
    run, job = BY_NAME["--run"], BY_NAME["--exec"]
    assert "never the standard input of sesh" in run.help
    assert "Ctrl-C sends SIGINT to CMD." in job.help
    assert "End it, as --kill does" in job.spelled["--tie"].help
