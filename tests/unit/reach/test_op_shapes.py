"""The gate and the types say the same of what hosts answer: keys, kinds, and where null may stand."""

from __future__ import annotations

import collections.abc
import inspect
import types
import typing
from collections.abc import Iterator, Mapping
from typing import Any, Union, get_args, get_origin, get_type_hints

import pytest

from sesh import bridge, gate, messages, protocol, schema, session_shapes, shapes
from sesh.reach import op_shapes
from sesh.vt.render import screen_data

_NAMES = {**vars(schema), **vars(screen_data), **vars(typing), **vars(collections.abc), "Caller": object}
_PLAIN: dict[str, type] = {
    "number": float, "moment": float, "word": str, "text": str, "styled": str, "unstyled": str, "octets": bytes,
}  # fmt: skip
"""The kinds of values without parts, by the function that is their shape or makes it; `simple` is given one."""


_MANY: dict[str, type] = {"items": list, "rows": list, "mapping": dict, "several": tuple}
"""The same for values with parts."""
_SHARED = shapes.FACTS.keys() | schema.Status.__optional_keys__
"""Keys that stand in the shape of several answers, each of which has some of them; `FACTS` may be null in any."""
_LOOSE = {"started": str | float, "ended": str | float}
"""What a shape in `FACTS` lets pass beside what any one type says: it serves several."""


def parts(shape: shapes.Shape) -> tuple[str, Mapping[str, Any]]:
    """What a shape is: the name of the function that is it or has made it, and what that was given."""
    assert isinstance(shape, types.FunctionType)
    return shape.__qualname__.partition(".")[0], inspect.getclosurevars(shape).nonlocals


def options(hint: Any) -> tuple[set[Any], bool]:
    """The types that an annotation names, and whether null is one."""
    every = set(get_args(hint)) if get_origin(hint) in (Union, types.UnionType) else {hint}
    return every - {type(None)}, type(None) in every


def differences(shape: shapes.Shape, hint: Any, place: str) -> Iterator[str]:
    """Where a shape and an annotation are not the same."""
    kinds, nullable = options(hint)
    maker, given = parts(shape)
    passes_null = maker == "optional"
    if passes_null:
        maker, given = parts(given["shape"])
    if passes_null != nullable:
        yield f"{place}: null {'passes, and is not' if passes_null else 'is refused, and is'} of the type"
    if maker == "either":
        for each in given["shapes"]:
            if all(any(True for _ in differences(each, kind, place)) for kind in kinds):
                yield f"{place}: {parts(each)[0]} passes, and is not of the type"
        return
    kind = max(kinds, key=lambda each: len(getattr(each, "__annotations__", ())))
    if any(not typing.is_typeddict(each) for each in kinds - {kind}):
        yield f"{place}: {maker}, {kinds}"
        return
    origin = get_origin(kind)
    if maker == "_cells":
        yield from differences(op_shapes._screen, kind, place)
    elif maker == "table" and kind == dict[str, object]:
        return
    elif maker == "table" and typing.is_typeddict(kind):
        yield from fields(given["shapes"], given["required"], kind, place)
    elif maker in _MANY and origin is _MANY[maker]:
        inside = given.get("shapes") or [given[each] for each in ("key", "shape") if each in given]
        for at, (each, inner) in enumerate(zip(inside, get_args(kind), strict=True)):
            yield from differences(each, inner, f"{place}[{at}]")
    elif (plain := _PLAIN.get(maker, given.get("kind"))) is not kind and (plain, kind) != (int, float):
        yield f"{place}: {maker}, {kind}"


def fields(table: shapes.Fields, required: Any, kind: Any, place: str) -> Iterator[str]:
    """Where the keys of an object, and of its type, are not the same."""
    hints = get_type_hints(kind, _NAMES)
    for key in sorted(hints.keys() | table.keys()):
        if key not in hints:
            if key not in _SHARED:
                yield f"{place}.{key}: no key of {kind.__name__}"
        elif key not in table:
            yield f"{place}.{key}: not checked"
        else:
            shape, hint = table[key], hints[key]
            shared = shape is shapes.FACTS.get(key)
            if shared:
                hint = hint | _LOOSE.get(key, hint)
            if shared and parts(shape)[0] == "optional":
                hint = hint | None
            yield from differences(shape, hint, f"{place}.{key}")
    for key in sorted(set(required) - kind.__required_keys__):
        yield f"{place}.{key}: refused without it, and may be missing"


_ANSWERED = {**op_shapes._SHAPES, **{f"views.screen {form}": shape for form, shape in op_shapes._SCREENS.items()}}
_SCREENS = {"text": screen_data.ScreenText, "ansi": screen_data.ScreenText, "json": screen_data.Screen}
_OF_REPLIES = {"session_id", "question", "daemon_pid"}
"""Facts that stand in the RESPONSE of a daemon, and in no answer of an op."""


def answer(name: str) -> Any:
    """The type of what an op answers, or yields."""
    name, _, form = name.partition(" ")
    if form:
        return _SCREENS[form]
    op = bridge.op_named(name)
    hint = get_type_hints(op, {**vars(inspect.getmodule(op)), **_NAMES})["return"]
    return get_args(hint)[0] if get_origin(hint) is collections.abc.Iterator else hint


@pytest.mark.parametrize("name", sorted(_ANSWERED.keys() - {"views.screen"}))
def test_what_the_gate_lets_in_of_an_answer_is_what_its_type_says(name: str) -> None:
    assert list(differences(_ANSWERED[name], answer(name), name)) == []


_OTHERWISE = {
    "WELCOME.protocol: not checked",  # another one than ours is told by its own error, whatever it is
    "RESPONSE.session: simple passes, and is not of the type",  # what a creator is told
}


@pytest.mark.parametrize(
    ("kind", "type_"),
    [
        (protocol.WELCOME, messages.Welcome),
        (protocol.RESPONSE, messages.Answer),
        (protocol.DATA, schema.Event),
    ],
)
def test_what_the_gate_lets_in_of_a_frame_is_what_its_type_says(kind: int, type_: Any) -> None:
    name, shape = {**gate._messages, **gate.messages_of_sessions()}[kind]
    assert set(differences(shape, type_, name)) <= _OTHERWISE


def test_what_the_gate_lets_in_for_an_attached_client_is_what_its_type_says() -> None:
    kinds = (protocol.NOTICE, protocol.TITLE, protocol.TELL, protocol.EXIT, protocol.DETACH, protocol.SWITCH)
    tables = [(name, parts(shape)[1]["shapes"]) for name, shape in map(gate._messages.__getitem__, kinds)]
    hints = get_type_hints(messages.Message)
    for name, keys in tables:
        for key, shape in keys.items():
            assert list(differences(shape, hints[key], f"{name}.{key}")) == []
    assert hints.keys() == {key for _, keys in tables for key in keys}


def test_the_facts_of_replies_are_those_of_jobs_commands_and_waits() -> None:
    typed = set[str]()
    for each in (schema.JobResult, schema.RunFacts, schema.Condition):
        typed |= get_type_hints(each, _NAMES).keys()
    assert shapes.FACTS.keys() - typed == _OF_REPLIES
    assert list(differences(session_shapes.ended, schema.JobResult, "ended")) == []
    assert list(differences(shapes.table(session_shapes.RUN), schema.RunFacts, "run")) == []


def test_a_difference_is_seen() -> None:
    shape = shapes.table(
        {"name": shapes.optional(shapes.line), "created": shapes.line, "new": shapes.flag}, ("name", "new")
    )
    assert list(differences(shape, schema.Made, "x")) == [
        "x.again: not checked",
        "x.awaits_enter: not checked",
        "x.command: not checked",
        "x.created: word, <class 'bool'>",
        "x.error: not checked",
        "x.host: not checked",
        "x.name: null passes, and is not of the type",
        "x.new: no key of Made",
        "x.new: refused without it, and may be missing",
    ]
