"""The page of what `--json` prints, generated from the schemas that `sesh --schema` prints: `make man` writes
docs/JSON.md."""

from __future__ import annotations

import os
from typing import Any

from sesh import json_schema
from sesh.cli.printed import PRINTS, PrintedFailure
from sesh.cli.verbs import BY_NAME

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "JSON.md")

ATTACHES = {"", "--attach", "--pick", "--next", "--here", "--mcp"}
"""The verbs that lead to an attachment or speak a protocol of their own."""

_HEAD = """\
# What --json prints

`sesh --schema VERB` prints the same as JSON Schema, `sesh --schema` that of all verbs.

With `--json` (or `SESH_JSON=1`) a verb prints one JSON value on stdout. `--events`, `--watch` and `--logs -f` print one
value per line; a line of `--logs -f` is `{"line": "…"}`. Keys are only ever added: ignore those that you do not know.
`sesh NAME` without a terminal, and verbs that attach, print errors only; a bare `sesh --json` is `sesh --list --json`.

An error is `{"error": {"code": "…", "message": "…"}}`. For several sessions or hosts, what went well stands
beside `error`, or in a row of its own, and `ok` is false.

On several hosts a verb prints one list: with one value per host, in the order of the hosts, each with its `host` and
its `exit_code` (of `--status` the session's). Of `--list` and `--grep` it holds the rows of all hosts. A host that
failed has `{"error": …, "host": "…", "exit_code": 1}` there. What is printed a value a line (`--events`, `--logs -f`,
`--exec --follow`) comes as it happens, each value with its `host`. `--wait` of several sessions, or with `--any` or
`--label`, prints a list in the order of the names.

A *time* is RFC 3339 in UTC. An *optional* key may be missing; *or null*: the key is there, and nothing is known.
"""
_WORDS = {
    "string": "text",
    "integer": "whole number",
    "number": "number",
    "boolean": "true or false",
    "null": "null",
}


def word(shown: Any) -> str:
    """A schema in words."""
    if not shown:
        return "any value"
    if "$ref" in shown:
        name = title(shown["$ref"].rpartition("/")[2])
        return f"[{name}](#{name.lower().replace(' ', '-')})"
    if "anyOf" in shown:
        return " or ".join(dict.fromkeys(map(word, shown["anyOf"])))
    if "items" in shown:
        return f"list of {word(shown['items'])}"
    if "additionalProperties" in shown:
        return f"object of {word(shown['additionalProperties'])} by name"
    return "time" if shown.get("format") == "date-time" else _WORDS[shown["type"]]


def title(name: str) -> str:
    """The name of a type in words."""
    return "".join(f" {each.lower()}" if each.isupper() else each for each in name).strip().capitalize()


def rows(kind: dict[str, Any]) -> list[str]:
    """The keys of an object, a line each."""
    lines = ["| key | type | |", "|---|---|---|"]
    for key, shown in kind["properties"].items():
        lines.append(f"| `{key}` | {word(shown)} | {'' if key in kind['required'] else 'optional'} |")
    return lines


def page() -> str:
    """The whole page."""
    defs: dict[str, dict[str, Any]] = {}
    parts = [_HEAD]
    for name, kind in PRINTS.items():
        printed_as = word(json_schema.of(kind, defs)).replace(" or ", ", or ")
        parts += [f"## {name}\n", f"{BY_NAME[name].summary}.\n", f"Prints: {printed_as}\n"]
    json_schema.of(PrintedFailure, defs)
    parts.append("## Types\n")
    for name, kind in defs.items():
        parts += [f"### {title(name)}\n", f"{kind['description']}\n", *rows(kind), ""]
    return "\n".join(parts).rstrip("\n") + "\n"
