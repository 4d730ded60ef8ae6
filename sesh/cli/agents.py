"""`--skill` and `--schema`: what an agent reads before it uses sesh, and what it checks answers against."""

from __future__ import annotations

import os
import re
from typing import get_args, get_origin

from sesh.about import CALLED, PROGRAM
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.verbs import VERBS, Verb
from sesh.errors import UsageError
from sesh.names import printable


def skill(cli: Invocation) -> int:
    """`--skill`: print the page, its commands by the name that this sesh was called by."""
    with open(os.path.join(os.path.dirname(__file__), "skill.md"), encoding="utf-8") as file:
        text = re.sub(rf"\b{PROGRAM} (?=[-@])", f"{CALLED} ", file.read())
    if cli.json:
        return cli.value({"skill": text})
    printing.write(text.encode())
    return 0


def schema(cli: Invocation, verb: str | None = None) -> int:
    """`--schema [VERB]`: print the JSON Schema of what VERB prints, or all verbs; its dashes may be missing."""
    import json

    from sesh import json_schema

    names = [row.name for row in VERBS if row.name]
    name = "" if verb is None else f"--{verb.lstrip('-')}"
    if verb is not None and name not in names:
        from sesh.cli import typer_app

        near = typer_app.verbs_near(verb)
        raise UsageError(
            f"there is no verb {printable(verb)}",
            hint=f"did you mean $sesh --schema {near[0]}?" if near else "see `$sesh --help`",
        )
    defs: dict[str, dict[str, object]] = {}
    shown = {row.name: _printed(row, defs) for row in VERBS if row.name and name in ("", row.name)}
    whole = shown[name] if name else {"type": "object", "properties": shown}
    title = f"{PROGRAM} {name or '--VERB'} --json"
    whole = {"$schema": json_schema.DIALECT, "title": title, **whole, "$defs": defs}
    if cli.json:
        return cli.value(whole)
    printing.text(json.dumps(whole, indent=2, ensure_ascii=False))
    return 0


def _printed(row: Verb, defs: dict[str, dict[str, object]]) -> dict[str, object]:
    """The schema of what a verb prints: one of its values, a failure, for several hosts a list of both."""
    from sesh import json_schema
    from sesh.cli.printed import PRINTS, PrintedFailure

    kinds = (*PRINTS.get(row.name, ()), PrintedFailure)
    forms = [json_schema.of(kind, defs) for kind in kinds]
    if row.several:
        each = [json_schema.of(get_args(kind)[0] if get_origin(kind) is list else kind, defs) for kind in kinds]
        forms.append({"type": "array", "items": {"anyOf": each}})
    return {"description": row.summary, "anyOf": forms}
