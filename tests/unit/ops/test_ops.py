"""The ops: hosts find each by name, and each has types that can be checked."""

from __future__ import annotations

import importlib
import os
import pkgutil
import subprocess
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, get_type_hints

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sesh import errors, ops
from sesh.bridge import bridge
from sesh.errors import ConnectionLost, ExitCode, Unreachable, UsageError
from sesh.link.link import Link, LinkRequest, Stage
from sesh.ops import jobs, sessions, shell, wait
from sesh.reach.caller import Caller
from sesh.reach.host_target import HostTarget
from sesh.reach.op import Connected, by_name, encoded, result_type
from sesh.schema import check, codec

if TYPE_CHECKING:
    from sesh.reach.op import Op

WIRE_NAMES = {
    "create": "here",
    "doctor": "all_",
    "dormant": "restore",
    "enter": "attach go job new open_",
    "events": "all_events log",
    "forward": "carry ports",
    "index": "follow",
    "jobs": "ended result",
    "layout": "make sessions",
    "search": "count grep",
    "sessions": "detach kill kill_all label reload rename resume_with signal_foreground there",
    "shell": "history history_output startup_line",
    "sweep": "clear leftovers",
    "undeploy": "remove",
    "views": "cells logs logs_since overview screen status",
    "wait": "ended",
}
"""The ops by module, as another version of sesh asks for them: that version does not find a renamed op."""


def declared() -> Iterator[Op[..., Any]]:
    """Each op, from the module that defines it."""
    for module in pkgutil.iter_modules(ops.__path__):
        for each in vars(importlib.import_module(f"sesh.ops.{module.name}")).values():
            if isinstance(getattr(each, "wire_name", None), str) and each.__module__ == f"sesh.ops.{module.name}":
                yield each


def test_every_op_is_found_by_its_module_and_function_and_its_types_can_be_checked() -> None:
    found = list(declared())
    assert {op.wire_name for op in found} == {
        f"{module}.{name}" for module, functions in WIRE_NAMES.items() for name in functions.split()
    }
    for op in found:
        assert bridge.op_named(op.wire_name) is op
        hints = get_type_hints(op, include_extras=True)
        leads = hints.pop("return") == Connected
        assert leads or callable(check.test_of(result_type(op)))
        assert leads >= op.creates
        for hint in list(hints.values())[1:]:  # the first one is the caller
            check.test_of(hint)


def test_what_a_lost_request_asked_for_may_have_been_done_only_if_it_changes_something(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    target = HostTarget(Caller(), "box")

    def open_link(_: LinkRequest) -> Link:
        """Return a link whose ssh has just lost its connection."""
        pipe = subprocess.PIPE
        ssh = subprocess.Popen(["sh", "-c", "exit 255"], stdin=pipe, stdout=pipe, bufsize=0)
        link = Link(target.destination, ssh, tempfile.TemporaryFile(), open_by=0.0)
        link.stage = Stage.OPEN
        return link

    monkeypatch.setattr(target, "_open_link", open_link)
    with pytest.raises(ConnectionLost, match="try again"):
        target.call(wait.ended, name="work")
    with pytest.raises(Unreachable, match="check what was done") as unknown:
        target.call(sessions.label, name="work", labels={})
    assert unknown.value.exit_code == ExitCode.UNKNOWN


@pytest.mark.parametrize(
    "name",
    ["", "sessions", "sessions.", ".kill", "sessions._summary", "end.end_all", "no.such", "sessions.no_such",
     "os.system", "sessions.kill.x", "../x.y", "sessions.find", "sessions.op"],
)  # fmt: skip
def test_only_ops_are_carried_out_by_name(name: str) -> None:
    with pytest.raises(UsageError, match="has no op"):
        bridge.op_named(name)


@pytest.mark.parametrize(
    ("op", "data"),
    [
        (sessions.there, {}),
        (jobs.result, {}),
        (sessions.label, {"name": "x"}),
    ],
)
def test_a_request_that_lacks_arguments_of_an_op_is_refused(op: Op[..., object], data: dict[str, object]) -> None:
    with pytest.raises(errors.Malformed):
        check.arguments(op, data)


def test_arguments_go_over_a_link_by_their_names_however_they_are_given() -> None:
    assert by_name(sessions.rename, ("old", "new"), {}) == by_name(sessions.rename, (), {"name": "old", "new": "new"})
    assert by_name(sessions.rename, ("old",), {"new": "new"}) == {"name": "old", "new": "new"}
    assert by_name(shell.history_output, (), {"name": "a", "number": 1}) == {"name": "a", "number": 1}


@given(st.lists(st.binary(max_size=8).filter(lambda word: b"\0" not in word).map(os.fsdecode), max_size=6))
def test_words_of_any_bytes_survive_the_link(argv: list[str]) -> None:
    """No shell of a host reads them: controls, quotes, empty words, bytes beyond UTF-8."""
    data = {"name": "work", "command": argv}
    assert check.arguments(sessions.resume_with, codec.value(encoded(data))) == data
