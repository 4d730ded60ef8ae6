"""The page of what `--json` prints, made from the types that the verbs note with `prints`."""

from __future__ import annotations

import types
import typing
from typing import Annotated, Any, Union, get_args, get_origin, get_type_hints

from sesh.cli.printed import PRINTED, PrintedFailure
from sesh.cli.verbs import VERBS
from sesh.schema import facts
from sesh.schema.facts import Moment

_HEAD = """\
# What --json prints

With `--json` (or `SESH_JSON=1`) a verb prints one JSON value on stdout. `events`, `watch`, `logs -f` and
`exec --follow` print one value per line. Later versions only add keys: ignore those that you do not know.

An error is `{"error": {"code": "…", "message": "…"}}`. The codes are `not_found`, `exists`, `busy`, `timeout`,
`interrupted`, `invalid_name`, `invalid_host`, `usage`, `unreachable`, `not_deployed`, `refused`, `protocol` and
`internal`. If a verb acts on several sessions or hosts and some fail, `ok` is false, the results of the others stand as
always, and `"failed": {NAME: {"code": "…", "message": "…"}}` has the error of each that failed; in a list, each of them
has an element. The error of the only session is `error` alone. Verbs that attach print errors only. `sesh --json`
without a verb is `sesh list --json`.

On several hosts a verb prints one list:

- It has one value per host, in the order of the hosts, each with its `host` and `exit_code` (for `status`, that of
  the session). For `list`, `grep` and `history` it holds the rows of all hosts, each with its `host`.
- `export` prints one layout.
- A host that failed has `{"error": …, "host": "…", "exit_code": 1}`, for `run` and `exec` 125.
- Output of one value per line comes as it happens, each value with its `host`.

`wait` of several sessions, or with `--any` or `--label`, prints a list in the order of the names.

A session's name is `session` in what tells of something in it (a run, a condition, an event, a hit), `name` elsewhere;
`open` and `new` have both.

In the tables a *time* is RFC 3339 in UTC. An *optional* key may be missing. A key with *or null* is always there; null
means that nothing is known.
"""
_FOOT = """\
See also: [AUTOMATION.md](AUTOMATION.md) · [API.md](API.md) · [the MCP server](ACTIVITY.md#the-mcp-server)
"""
_MANY = 5
"""Keys of one type that another refers to instead of repeating them."""
_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}


_SIMPLE = {str: "string", int: "integer", float: "number", bool: "boolean", type(None): "null"}


def prints() -> dict[str, object]:
    """Return the type of what each verb prints, by the verb's name."""
    kinds = {verb.name: PRINTED.get(verb.load()) for verb in VERBS}
    return {name: kind for name, kind in kinds.items() if kind is not None}


def json_schema(hint: Any, defs: dict[str, dict[str, Any]]) -> dict[str, Any]:
    """Return the JSON Schema of a type, whose `$ref` names objects in `defs`."""
    origin, words = get_origin(hint), get_args(hint)
    if origin is Annotated:
        return json_schema(words[0], defs) | ({"format": words[1]} if hint == Moment else {})
    if origin in (Union, types.UnionType):
        return {"anyOf": [json_schema(each, defs) for each in sorted(words, key=lambda each: each is type(None))]}
    if origin is list:
        return {"type": "array", "items": json_schema(words[0], defs)}
    if origin is dict:
        return {"type": "object", "additionalProperties": json_schema(words[1], defs)}
    if not typing.is_typeddict(hint):
        return {"type": _SIMPLE[hint]} if hint is not object else {}
    name = hint.__name__.removeprefix("Printed")
    if name not in defs:
        defs[name] = {"type": "object", "description": " ".join((hint.__doc__ or "").split())}
        hints = get_type_hints(hint, vars(facts), include_extras=True)
        defs[name]["properties"] = {key: json_schema(each, defs) for key, each in hints.items()}
        defs[name]["required"] = [key for key in hints if key in hint.__required_keys__]
    return {"$ref": f"#/$defs/{name}"}


def word(shown: Any) -> str:
    """A schema in words."""
    if not shown:
        return "any value"
    if "$ref" in shown:
        name = shown["$ref"].rpartition("/")[2]
        return f"[{title(name)}](#{anchor(name)})"
    if "anyOf" in shown:
        return " or ".join(dict.fromkeys(map(word, shown["anyOf"])))
    if "items" in shown:
        return f"list of {word(shown['items'])}"
    if "additionalProperties" in shown:
        return f"object of {word(shown['additionalProperties'])} by name"
    return "time" if shown.get("format") == "date-time" else _WORDS[shown["type"]]


def anchor(name: str) -> str:
    """The anchor of the heading of a type."""
    return title(name).lower().replace(" ", "-")


def title(name: str) -> str:
    """The name of a type in words."""
    return "".join(f" {each.lower()}" if each.isupper() else each for each in name).strip().capitalize()


def rows(kind: dict[str, Any], earlier: dict[str, dict[str, Any]]) -> list[str]:
    """Return lines for the keys of an object, without those of a similar earlier object."""
    keys: dict[str, Any] = kind["properties"]
    base = {name: each["properties"] for name, each in earlier.items() if each["properties"].items() < keys.items()}
    name = max(base, key=lambda name: len(base[name]), default="")
    lines = ["| key | type | |", "|---|---|---|"]
    if name and len(base[name]) >= _MANY:
        lines = [f"All keys of [{title(name)}](#{anchor(name)}), and:\n", *lines]
        keys = {key: shown for key, shown in keys.items() if key not in base[name]}
    for key, shown in keys.items():
        lines.append(f"| `{key}` | {word(shown)} | {'' if key in kind['required'] else 'optional'} |")
    return lines


def page() -> str:
    """The whole page."""
    defs: dict[str, dict[str, Any]] = {}
    parts = [_HEAD, "## Verbs\n", "| verb | prints |", "|---|---|"]
    for name, kind in prints().items():
        parts.append(f"| `{name}` | {word(json_schema(kind, defs)).replace(' or ', ', or ')} |")
    json_schema(PrintedFailure, defs)
    parts.append("\n## Types\n")
    earlier: dict[str, dict[str, Any]] = {}
    for name, kind in defs.items():
        parts += [f"### {title(name)}\n", f"{kind['description']}\n", *rows(kind, earlier), ""]
        earlier[name] = kind
    return "\n".join([*parts, _FOOT])
