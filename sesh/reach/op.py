"""An op: a typed function `(caller, …) -> data` that is carried out here, or on a host that is asked for it by name.

`target.call(sessions.kill, names=[…])` calls the function here, and over a link sends its name and its arguments.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import CodeType
from typing import Concatenate, ParamSpec, Protocol, TypeVar

from sesh.reach.caller import Caller
from sesh.wire import Connection

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)
Entered = tuple[str, Connection]
"""The answer of an op that leads to a session: its name, and a connection to its daemon."""


class Op(Protocol[Arguments, Result_co]):
    """A function marked by `op`."""

    wire_name: str
    creates: bool
    reads: bool
    __code__: CodeType
    __defaults__: tuple[object, ...] | None
    __kwdefaults__: dict[str, object] | None

    def __call__(self, caller: Caller, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result_co: ...


def op(
    wire_name: str, *, creates: bool = False, reads: bool = False
) -> Callable[[Callable[Concatenate[Caller, Arguments], Result]], Op[Arguments, Result]]:
    """Marks a function as an op.

    `wire_name`: its name to hosts; it never changes. `creates`: it may create a session. `reads`: it
    changes nothing, so that it may be asked for again if its answer is lost.
    """

    def marked(function: Callable[Concatenate[Caller, Arguments], Result]) -> Op[Arguments, Result]:
        function.wire_name, function.creates = wire_name, creates  # type: ignore[attr-defined]
        function.reads = reads  # type: ignore[attr-defined]
        return function  # type: ignore[return-value]

    return marked


def named(op: Op[..., object], args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
    """The arguments of a call as they go over a link, each by its name."""
    return {**dict(zip(op.__code__.co_varnames[1:], args, strict=False)), **kwargs}
