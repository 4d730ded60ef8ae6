"""What each verb prints with `--json` has the keys and types that docs/JSON.md shows."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support import ROOT, Home
from tests.support.desk import AttachedDesk
from tests.support.typed import of_command_line
from tools.json_page import prints


def printed(home: Home, *words: str) -> list[Any]:
    """Run a verb to its end, and return its one value in a list."""
    done = home.sesh("--json", *words)
    values = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(values) == 1, done
    return values


def first(home: Home, *words: str) -> list[Any]:
    """The first value of a verb that keeps printing."""
    following = home.start(*words, "--json")
    assert following.stdout is not None
    with following:
        value = json.loads(following.stdout.readline())
        following.terminate()
    return [value]


def lines(home: Home, *words: str) -> list[Any]:
    """Return the values of a verb that prints one per line until it ends."""
    return [json.loads(line) for line in home.sesh("--json", *words).stdout.splitlines()]


def imported(home: Home) -> list[Any]:
    """Return what `import` prints for an existing, a new and an impossible session."""
    layout = home.sesh("export", "--json").json()
    entry = layout["sessions"][0]
    layout["sessions"] = [entry, {**entry, "name": "more"}, {**entry, "name": "not", "directory": "/no/such"}]
    home.write("layout.json", json.dumps(layout))
    return printed(home, "import", f"{home.path}/layout.json")


def lost(home: Home) -> list[Any]:
    """Return what `restore` prints for a lost, a running and a missing session."""
    home.sesh("open", "lost", "--", "cat")
    home.crash("lost")
    return printed(home, "restore", "lost", "work", "nosuch")


def attached(home: Home, line: str) -> list[object]:
    """Return what a verb prints in a session to which a person with a desktop is attached."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SESH_DIR", home.directory)
        with AttachedDesk("work"):
            return [json.loads(home.sesh("run", "work", "--", f"{shlex.join(home.command)} {line} --json").stdout)]


CASES: dict[str, Callable[[Home], list[Any]]] = {
    "open": lambda home: printed(home, "open", "work"),
    "new": lambda home: printed(home, "new", "-d"),
    "list": lambda home: printed(home, "list"),
    "watch": lambda home: first(home, "watch"),
    "exec": lambda home: [
        *printed(home, "exec", "job", "--", "printf", "\\377"),
        *printed(home, "exec", "job2", "-d", "--", "true"),
        *lines(home, "exec", "--follow", "--", "echo", "line"),
    ],
    "run": lambda home: [
        *printed(home, "run", "work", "--", "printf '\\377'"),
        *printed(home, "run", "work", "--no-wait", "--", "true"),
    ],
    "send": lambda home: printed(home, "send", "work", "--enter"),
    "wait": lambda home: [
        *printed(home, "wait", "work", "--prompt", "--timeout", "30"),
        *printed(home, "wait", "work", "nosuch", "--prompt", "--timeout", "30"),
    ],
    "state": lambda home: [
        json.loads(home.sesh("run", "work", "--", f"{' '.join(home.command)} state waiting why --json").stdout)
    ],
    "copy": lambda home: attached(home, "copy text"),
    "paste": lambda home: [*attached(home, "paste"), *attached(home, "paste --list")],
    "browse": lambda home: attached(home, "browse https://example.org"),
    "integrate": lambda home: printed(home, "integrate", "claude"),
    "status": lambda home: [*printed(home, "status", "work"), *printed(home, "status", "kept")],
    "events": lambda home: first(home, "events", "work", "--from", "0"),
    "screen": lambda home: [
        each for form in ("text", "ansi", "json") for each in printed(home, "screen", "work", "--format", form)
    ],
    "logs": lambda home: [*printed(home, "logs", "work"), *first(home, "logs", "work", "-f")],
    "grep": lambda home: printed(home, "grep", "true", "-C", "1"),
    "history": lambda home: [*printed(home, "history", "work"), *printed(home, "history", "work", "1")],
    "resume-with": lambda home: [
        json.loads(home.sesh("resume-with", "work", "--json", "--", *words).stdout) for words in ((), ("agent",))
    ],
    "restore": lost,
    "label": lambda home: printed(home, "label", "work", "team=web"),
    "detach": lambda home: printed(home, "detach", "work"),
    "rename": lambda home: printed(home, "rename", "work", "play") + printed(home, "rename", "play", "work"),
    "export": lambda home: printed(home, "export"),
    "import": imported,
    "reload": lambda home: printed(home, "reload", "work"),
    "kill": lambda home: [*printed(home, "kill", "work"), *printed(home, "kill", "kept", "nosuch")],
    "kill-all": lambda home: printed(home, "kill-all", "-y"),
    "sweep": lambda home: printed(home, "sweep", "--all", "--older", "0s"),
    "doctor": lambda home: printed(home, "doctor"),
    "shell-init": lambda home: printed(home, "shell-init", "bash"),
    "completions": lambda home: printed(home, "completions", "bash"),
    "upgrade": lambda home: printed(home, "upgrade", "-y"),
    "hosts": lambda home: printed(home, "hosts"),
    "skill": lambda home: printed(home, "skill"),
    "help": lambda home: printed(home, "--help"),
    "version": lambda home: printed(home, "--version"),
}
"""For each verb, a function that returns the values that the verb prints."""


def test_every_verb_that_prints_a_value_is_tried() -> None:
    """Here, or by a test that reads what the verb prints: `home.sesh("deploy", …, "--json").json()`."""
    words = "|".join(prints().keys() - CASES.keys())
    call = re.compile(rf'sesh\([^\n]*"(?:--)?({words})"[^\n]*(?:"--json"|\.json\(\))')
    read = {verb for path in Path(ROOT, "tests").rglob("test_*.py") for verb in call.findall(path.read_text("utf-8"))}
    assert prints().keys() - CASES.keys() - read == set(), "some test reads what a verb prints with --json"


@pytest.mark.soak
@pytest.mark.usefixtures("inside")
def test_each_verb_prints_what_its_type_says(home: Home) -> None:
    home.sesh("open", "work")
    home.sesh("exec", "kept", "--keep", "--", "sh", "-c", "exit 3")
    home.sesh("run", "work", "--", "echo true")
    values = [(verb, value) for verb, tried in CASES.items() for value in tried(home)]
    assert [wrong for verb, value in values for wrong in of_command_line([verb], value)] == []


def test_a_failure_is_an_error_of_its_type(home: Home) -> None:
    for verb in ("list", "exec", "send", "kill"):
        done = home.sesh(verb, "--nonsense", "--json")
        assert done.code == 2, verb
        assert done.json()["error"]["code"] == "usage"
