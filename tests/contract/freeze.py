"""Freeze what sesh shows from outside: `python -m tests.contract.freeze` writes the fixtures of `test_contract`.

Run this after you have added something on purpose, and read the diff before you commit: it has only what you added. A
line that is removed is a change that users see; if you mean the removal, put the line into `dropped.json`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from tests.contract import gathering
from tests.support import Home

Found = TypeVar("Found")
OTHERS = {
    "detach_key": '"C-b d"',
    "replay_lines": "0",
    "scrollback": "1000000",
    "persist": "false",
    "keep": '"never"',
    "pick": "true",
    "renew": '["MY_TICKET"]',
    "hook": '"true"',
    "quiet": '"22:00-07:00"',
    "predict": '"always"',
}
"""For each setting, an allowed value that is not the default."""


def in_order(spellings: set[str]) -> list[str]:
    """Return the long form before the short ones."""
    return sorted(spellings, key=lambda word: (-len(word), word))


def options(home: Home) -> dict[str, dict[str, object]]:
    """Return the names of each verb in the overview, and the options in its help."""
    shown = re.findall(r"^  ([a-z][a-z-]*)(?:, (-\w))?  ", gathering.overview(home), re.MULTILINE)
    verbs = [[f"--{word}", *filter(None, [short])] for word, short in shown if word != "sesh"]
    found: dict[str, dict[str, object]] = {}
    frozen = gathering.fixture("options")
    for names in [["NAME", "-A"], *verbs]:
        taken = gathering.options(gathering.help_of(names[0]))
        listed = {", ".join(in_order(spellings)): kind for spellings, kind in taken}
        unlisted = [name for name in frozen.get(names[0], {"names": []})["names"] if name not in names]
        found[names[0]] = {"names": [*names, *unlisted], "options": listed}
    gone = set(frozen) - set(found) - set(gathering.fixture("dropped")["verbs"])
    assert not gone, f"the overview is no longer read as it is printed: {gone}"
    return found


def settings() -> dict[str, object]:
    """Return the settings with their defaults and other values, their tables, and the variables."""
    values, tables = gathering.settings()
    return {
        "values": {name: [value, OTHERS[name]] for name, value in values.items()},
        "tables": tables,
        "variables": gathering.sections("docs/CONFIG.md")["Environment"],
    }


def at_home(gather: Callable[[Home], Found]) -> Found:
    """Gather something in a new home, and return it."""
    home = Home()
    try:
        return gather(home)
    finally:
        home.close()


def written(content: Mapping[str, object]) -> str:
    """Return a fixture as JSON, with a line for each entry or place."""
    entries = []
    for name, entry in content.items():
        text = json.dumps(entry, ensure_ascii=False)
        if isinstance(entry, dict) and "$" in entry:
            text = json.dumps(entry, indent=2).replace("\n}", "\n }")
        entries.append(f" {json.dumps(name)}: {text}")
    return "{\n" + ",\n".join(entries) + "\n}\n"


def main() -> None:
    found: dict[str, Mapping[str, object]] = {
        "options": at_home(options),
        "answers": at_home(gathering.answers),
        "outcomes": at_home(gathering.outcomes),
        "keys": gathering.sections("docs/JSON.md"),
        "settings": settings(),
    }
    for name, content in found.items():
        Path(gathering.FIXTURES, f"{name}.json").write_text(written(content), encoding="utf-8")


if __name__ == "__main__":
    main()
