"""Ops: typed functions that run on this machine, or by their names on a host.

`target.call(sessions.kill, names=[…])` calls the function, or sends its name and arguments to the host, as JSON with
bytes as `{"$bytes": base64}`; the result comes back in the same way. Each side checks data from the link against the
function's annotations (`sesh.schema.check`).
"""

from __future__ import annotations

import inspect
import json
from binascii import b2a_base64
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar, get_args, get_origin, get_type_hints

from sesh.reach.caller import Caller
from sesh.schema import codec
from sesh.text import safe
from sesh.wire.connection import Connection

if TYPE_CHECKING:
    from typing_extensions import Concatenate, ParamSpec
else:
    ParamSpec = TypeVar  # Python 3.9 has no other; only mypy looks closer

Arguments = ParamSpec("Arguments")
Result = TypeVar("Result")
Result_co = TypeVar("Result_co", covariant=True)


class Connected(NamedTuple):
    """What an op has connected to; `created`: it has created the session."""

    name: str
    connection: Connection
    created: bool


class Op(Protocol[Arguments, Result_co]):
    wire_name: str  # `module.function`, by which a bridge finds it
    creates: bool
    reads: bool
    syncs: bool
    frees: Callable[[Any], tuple[Sequence[str], str]]

    def __call__(self, caller: Caller, /, *args: Arguments.args, **kwargs: Arguments.kwargs) -> Result_co: ...


def op(
    *,
    creates: bool = False,
    reads: bool = False,
    syncs: bool = False,
    frees: Callable[[Any], tuple[Sequence[str], str]] = lambda _result: ((), ""),
) -> Callable[[Callable[Concatenate[Caller, Arguments], Result]], Op[Arguments, Result]]:
    """Mark a function as an op, which a host may call, too.

    `creates`: it may create a session. `reads`: it changes nothing, so its request may be sent twice. `syncs`:
    it may start or enter a session, so the user's files are pushed to the host first. `frees`: returns the names that a
    result has freed, and the name that the session has now, for the caller's cache of a host's sessions.

    A host finds the op by its module and function, also if its sesh is another version: an op that was released is
    never renamed or moved.
    """

    def marked(function: Callable[Concatenate[Caller, Arguments], Result]) -> Op[Arguments, Result]:
        module = function.__module__.rpartition(".")[2]
        function.wire_name = f"{module}.{function.__name__}"  # type: ignore[attr-defined]
        function.creates, function.reads = creates, reads  # type: ignore[attr-defined]
        function.syncs, function.frees = syncs, frees  # type: ignore[attr-defined]
        return function  # type: ignore[return-value]

    return marked


def by_name(op: Op[..., object], args: Sequence[object], kwargs: Mapping[str, object]) -> dict[str, object]:
    """Return the arguments of a call by name, for a request."""
    _caller, *bound = inspect.signature(op).bind(None, *args, **kwargs).arguments.items()
    return dict(bound)


def decode_result(op: Op[..., object], data: bytes) -> Any:
    """Return an op's result, or an item that it yields. Raises ProtocolError."""
    return safe.checked_from_host(result_type(op), codec.value(data), op.wire_name)


def result_type(op: Op[..., object]) -> Any:
    hint = get_type_hints(op, include_extras=True)["return"]
    return get_args(hint)[0] if get_origin(hint) is Iterator else hint


def encoded(result: Any) -> bytes:
    return json.dumps(result, default=_packed, separators=(",", ":")).encode()


def _packed(value: object) -> dict[str, str]:
    if not isinstance(value, bytes):
        raise TypeError(f"a {type(value).__name__} does not go over a link")
    return {"$bytes": b2a_base64(value, newline=False).decode()}
