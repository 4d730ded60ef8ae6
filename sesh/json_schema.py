"""JSON Schema, draft 2020-12, of the types in `sesh.schema`: for docs/JSON.md and the tools of MCP."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from sesh import schema
from sesh.schema import Moment

_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def of(hint: Any, defs: dict[str, dict[str, object]] | None = None) -> dict[str, object]:
    """The schema of a type. Those of objects go into `defs` by name, and `$ref` leads there.

    Without `defs` they stand where they are used, and require no key: a host with another version may lack some.
    """
    origin, words = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return of(words[0], defs) | ({"format": words[1]} if hint == Moment else {})
    if origin in (Union, types.UnionType):
        return {"anyOf": [of(each, defs) for each in sorted(words, key=lambda each: each is type(None))]}
    if origin is list:
        return {"type": "array", "items": of(words[0], defs)}
    if origin is dict:
        return {"type": "object", "additionalProperties": of(words[1], defs)}
    if not typing.is_typeddict(hint):
        return {"type": _SIMPLE[hint]} if hint is not object else {}
    name = hint.__name__.removeprefix("Printed")
    if defs is not None and name in defs:
        return {"$ref": f"#/$defs/{name}"}
    shown: dict[str, object] = {"type": "object", "description": " ".join((hint.__doc__ or "").split())}
    if defs is not None:
        defs[name] = shown
    hints = get_type_hints(hint, vars(schema), include_extras=True)
    shown["properties"] = {key: of(each, defs) for key, each in hints.items()}
    if defs is None:
        return shown
    shown["required"] = [key for key in hints if key in hint.__required_keys__]
    return {"$ref": f"#/$defs/{name}"}
