"""An op: a typed function `(caller, …) -> data` that is carried out here, or on a host that is asked for it by name.

`target.call(sessions.kill, names=[…])` calls the function here, and over a link sends its name and its arguments. A
host's answer and a link's arguments are checked against its annotations (`sesh.check`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sesh.reach.caller import Caller
from sesh.wire import Connection

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)
Entered = tuple[str, Connection]
"""The answer of an op that leads to a session: its name, and a connection to its daemon."""
ATTACH = "enter.attach"
"""The wire name of the op that leads to an existing session."""


class Op(Protocol[Arguments, Result_co]):
    """A function marked by `op`. `wire_name`: its name to hosts, `module.function`."""

    wire_name: str
    creates: bool
    reads: bool

    def __call__(self, caller: Caller, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result_co: ...


def op(
    *, creates: bool = False, reads: bool = False
) -> Callable[[Callable[Concatenate[Caller, Arguments], Result]], Op[Arguments, Result]]:
    """Mark a function as an op: a host carries out no other.

    `creates`: it may create a session. `reads`: it changes nothing, and may be asked for twice.
    """

    def marked(function: Callable[Concatenate[Caller, Arguments], Result]) -> Op[Arguments, Result]:
        module = function.__module__.rpartition(".")[2]
        function.wire_name = f"{module}.{function.__name__}"  # type: ignore[attr-defined]
        function.creates, function.reads = creates, reads  # type: ignore[attr-defined]
        return function  # type: ignore[return-value]

    return marked


def named(op: Op[..., object], args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments of a call as they go over a link, each by its name."""
    _caller, *bound = inspect.signature(op).bind(None, *args, **kwargs).arguments.items()
    return dict(bound)
