"""`--skill` and `--schema`: what an agent reads before it uses sesh, and what it checks answers against."""

from __future__ import annotations

import os
import re
from typing import get_args

from sesh import json_schema
from sesh.about import CALLED, PROGRAM, SESH
from sesh.cli import misread, printing
from sesh.cli.invocation import Invocation
from sesh.cli.printed import PRINTS, PrintedFailure
from sesh.cli.verbs import VERBS, Verb


def skill(cli: Invocation) -> int:
    """`--skill`: print the page, its commands by the name that this sesh was called by."""
    with open(os.path.join(os.path.dirname(__file__), "skill.md"), encoding="utf-8") as file:
        text = file.read()
    if CALLED != PROGRAM:
        text = re.sub(rf"\b{PROGRAM} (?=[-@])", f"{CALLED} ", text)
    if cli.json:
        return cli.value({"skill": text})
    printing.write(text.encode())
    return 0


def schema(cli: Invocation, verb: str | None = None) -> int:
    """`--schema [VERB]`: print the JSON Schema of what VERB prints, or all verbs; its dashes may be missing."""
    name = f"--{(verb or '').lstrip('-')}"
    defs: dict[str, dict[str, object]] = {}
    shown = {row.name: _printed(row, defs) for row in VERBS if row.name and (not verb or name == row.name)}
    if verb and not shown:
        raise misread.no_verb(verb, f"{SESH} --schema {{}}")
    body = shown[name] if verb else {"type": "object", "properties": shown}
    title = f"{PROGRAM} {name if verb else '--VERB'} --json"
    return cli.value({"$schema": json_schema.DIALECT, "title": title, **body, "$defs": defs})


def _printed(row: Verb, defs: dict[str, dict[str, object]]) -> dict[str, object]:
    """The schema of what a verb prints: a value, a failure, or for several hosts a list of both."""
    kind = PRINTS.get(row.name)
    forms = [json_schema.of(each, defs) for each in (kind, PrintedFailure) if each]
    if row.several:
        each = [json_schema.of(part, defs) for part in (*(get_args(kind) or (kind,)), PrintedFailure) if part]
        forms.append({"type": "array", "items": {"anyOf": each}})
    return {"description": row.summary, "anyOf": forms}
