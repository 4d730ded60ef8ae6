"""What sesh shows users: verbs with their options, keys of JSON, settings and variables.

`python -m tests.contract.shown` writes it to `shown.json`. Run this after you have changed something on purpose, and
read the diff before you commit: each line that is removed or changed is a change that users see.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer.core import TyperOption

from sesh.cli.app import built
from sesh.cli.verbs import VERBS, Verb
from tests.support import ROOT

FILE = Path(__file__).with_name("shown.json")
Part = dict[str, str]
"""Words, each with its kind, type or default."""


def verb_part(verb: Verb) -> Part:
    """Return the names and options of a verb, without those of every verb."""
    names = dict.fromkeys(filter(None, (verb.name, verb.word and f"--{verb.word}", verb.short)), "name")
    options = [each for each in built(verb.name).params if isinstance(each, TyperOption) and each.expose_value]
    kinds = {spelled: "flag" if each.is_flag else "value" for each in options for spelled in each.opts}
    return {**names, **kinds}


def tables(page: str) -> dict[str, Part]:
    """Return the words of a page's tables by section, with their neighbours."""
    parts = re.split(r"^##+ (.+)\n", Path(ROOT, page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, Part] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        rows = re.findall(r"^\| (`.+?) \| (.*?) \|", text, re.MULTILINE)
        found[name] = {word: beside for words, beside in rows for word in re.findall(r"`([\w-]+)`", words)}
    return {name: part for name, part in found.items() if part}


def shown() -> dict[str, Part]:
    """Return all that sesh shows, by place."""
    settings = Path(ROOT, "docs/CONFIG.md").read_text(encoding="utf-8").partition("```toml\n")[2].partition("\n\n")[0]
    return {
        **{f"verb {verb.name}": verb_part(verb) for verb in VERBS},
        **{f"JSON: {name}": part for name, part in tables("docs/JSON.md").items()},
        "settings": dict(re.findall(r"^(\w+) = (.+?) +#", settings, re.MULTILINE)),
        "variables": dict.fromkeys(tables("docs/CONFIG.md")["Environment"], "variable"),
    }


if __name__ == "__main__":
    FILE.write_text(json.dumps(shown(), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
