"""The ops: each stands in the bridge's table under the name that hosts of any version know it by."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest

from sesh import bridge, ops
from sesh.errors import UsageError
from sesh.ops import create
from sesh.reach import arguments, op_shapes
from sesh.shapes import fits

if TYPE_CHECKING:
    from sesh.reach.op import Op

WIRE_NAMES = [
    "checks.all_", "dormant.restore", "enter.attach", "enter.go", "enter.job", "enter.new", "follow.all_events",
    "follow.ended", "follow.log", "follow.sessions", "jobs.ended", "jobs.result", "layout.make", "layout.sessions",
    "leftovers.clear", "leftovers.find", "places.here", "search.grep", "sessions.detach", "sessions.job",
    "sessions.kill", "sessions.kill_all", "sessions.label", "sessions.new", "sessions.open_",
    "sessions.reload", "sessions.rename", "sessions.restart", "sessions.resume_with", "sessions.summaries",
    "sessions.there", "shell.history", "shell.history_output", "undeploy.remove", "views.logs", "views.overview",
    "views.screen", "views.status",
]  # fmt: skip
"""They never change: a host asks for an op by its name, and is asked by it."""
_LEAD_TO_A_SESSION = {"enter.attach", "enter.go", "enter.job", "enter.new"}


def declared() -> Iterator[tuple[str, Op[..., Any]]]:
    """The module and the function of each op, where it is defined."""
    for module in pkgutil.iter_modules(ops.__path__):
        for each in vars(importlib.import_module(f"sesh.ops.{module.name}")).values():
            if isinstance(getattr(each, "wire_name", None), str) and each.__module__ == f"sesh.ops.{module.name}":
                yield module.name, each


def test_every_op_is_found_by_the_table_of_modules_and_nothing_else_is() -> None:
    assert all(bridge.op_named(op.wire_name) is op for _, op in declared())
    assert {module for module, _ in declared()} == set(bridge.MODULES.values())
    for name in ("sessions", "sessions.find", "sessions.op", "os.system", "", "child.fork"):
        with pytest.raises(UsageError, match="has no op"):
            bridge.op_named(name)


def test_only_ops_that_lead_to_a_session_create_one_for_a_lost_link_to_come_back_to() -> None:
    assert {op.wire_name for _, op in declared() if op.creates} == _LEAD_TO_A_SESSION - {"enter.attach"}


def test_every_answer_has_a_shape_for_the_gate() -> None:
    assert op_shapes._SHAPES.keys() == set(WIRE_NAMES) - _LEAD_TO_A_SESSION


def test_every_type_that_an_op_declares_is_checked_and_the_table_has_no_other() -> None:
    """A new op, or a new kind of argument, has to stand in the table."""
    kinds = set()
    for _, op in declared():
        code = op.__code__
        assert not code.co_posonlyargcount
        assert not code.co_flags & 0x0C, f"{op.wire_name} takes *args or **kwargs"
        for name in code.co_varnames[1 : code.co_argcount + code.co_kwonlyargcount]:
            kind, _nullable = arguments.kind(op.__annotations__[name])
            assert kind in arguments.KINDS, (op.wire_name, name)
            kinds.add(kind)
    assert kinds == arguments.KINDS.keys()
    assert fits(arguments.KINDS["Spec"], dict.fromkeys(create.launch_spec.__kwdefaults__ or ()))
