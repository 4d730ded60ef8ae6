"""Gathers what sesh shows to users, from its pages and the output of commands."""

from __future__ import annotations

import io
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Iterable, Iterator
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest

import sesh.__main__
from sesh.cli import printing
from tests.remote.via import Beside
from tests.support import PROMPT, ROOT, Home, Result, wait_until

Structure = dict[str, str]
"""For each place of a JSON value the kinds of values there, joined by `|`; `$` is the whole value."""
FIXTURES = Path(__file__).parent
EVERYWHERE = {"--json", "--local", "--help"}
"""Options of every verb."""

_OPTION = re.compile(r"--?[A-Za-z][\w-]*")
_METAVAR = re.compile(r"(?!A\b|I\b)[\[<]?[A-Z][A-Z=|]*(xROWS)?[\]>]?…?|<.+>|\[.+\]")
_KINDS = {dict: "object", list: "list", str: "str", bool: "bool", int: "number", float: "number", type(None): "null"}


def fixture(name: str) -> Any:
    """Return what is frozen under a name."""
    return json.loads((FIXTURES / f"{name}.json").read_text(encoding="utf-8"))


# -- options


def rows(listed: str) -> Iterator[tuple[set[str], str]]:
    """Yield each listed option's spellings, and whether it is a "flag" or takes a "value"."""
    for line in listed.splitlines():
        words = line.strip(" │*").replace(",", " ").split()
        spellings = list(takewhile(_OPTION.fullmatch, words))
        if spellings:
            following = words[len(spellings) : len(spellings) + 1]
            yield set(spellings), "value" if any(map(_METAVAR.fullmatch, following)) else "flag"


def overview(home: Home) -> str:
    """Return the page that lists all verbs."""
    return home.sesh("--help", env={"COLUMNS": "200"}).stdout


def help_of(*words: str) -> str:
    """Return the printed help of a verb; empty if sesh refuses the verb."""
    printed = io.StringIO()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(printing, "write", lambda data, *_: printed.write(data.decode()))
        patch.setattr(sys, "argv", ["sesh", *words, "--help"])
        patch.setenv("COLUMNS", "200")
        code = sesh.__main__.main()
    return printed.getvalue() if code == 0 else ""


def options(page: str) -> list[tuple[set[str], str]]:
    """Return the options that the help of a verb lists, without those of every verb."""
    return [row for row in rows(page.partition("Options")[2]) if not row[0] & EVERYWHERE]


# -- JSON


def structure(values: Iterable[object]) -> Structure:
    """Return the structure of all these values together."""
    found: dict[str, set[str]] = {}

    def walk(value: object, at: str) -> None:
        found.setdefault(at, set()).add(_KINDS[type(value)])
        if isinstance(value, dict):
            for key, each in value.items():
                walk(each, f"{at}.{key}")
        elif isinstance(value, list):
            for each in value:
                walk(each, f"{at}[*]")

    for value in values:
        walk(value, "$")
    return {at: "|".join(sorted(kinds)) for at, kinds in found.items()}


def lost(frozen: Structure, now: Structure) -> list[str]:
    """Return frozen places that are gone or of another kind; null counts as any."""
    found = []
    for at, kinds in frozen.items():
        before, after = (set(each.split("|")) - {"null", ""} for each in (kinds, now.get(at, "")))
        if at not in now and not any(now.get(above) == "null" for above in _above(at)):
            found.append(f"{at} is gone: {kinds}")
        elif before and after - before:
            found.append(f"{at} was {kinds}, is {now[at]}")
    return found


def _above(at: str) -> Iterator[str]:
    while at != "$":
        at = re.sub(r"(\.[^.\[]*|\[\*\])$", "", at)
        yield at


_FILES = {
    "bin/rings": "#!/bin/sh\nprintf '\\a\\033]9;hello\\a\\033]2;title\\a'\n",
    "bin/asks": "#!/bin/sh\nprintf '\\033]7501;state=blocked:kind=question:app=x\\a'; exec cat\n",
    "layout.json": json.dumps(
        {
            "version": 1,
            "sessions": [
                {"name": name, "host": None, "directory": where, "command": ["cat"], "resume": None, "labels": {}}
                for name, where in (("work", "~"), ("more", "~"), ("not", "/no/such"))
            ],
        }
    ),
}
"""Files in the home of the commands: a program that rings, a program that asks, and a layout."""
_ANSWERS = (
    "--open asks -- asks",
    "--new -d",
    "--list",
    "--status work",
    "--detach work",
    "--exec kept --keep -- sh -c 'exit 3'",
    "--exec -- printf '\\377'",
    "--exec loose -d -- true",
    "--exec -f -- echo line",
    "--run work -- 'echo true'",
    "--open ends",
    "--wait ends --prompt --timeout 20",
    "--run ends -- exit",
    "--logs work -f",
    "--run work --no-wait -- true",
    "--run work -- 'sesh --state idle --json'",
    "--send work --enter",
    "--send work --key C-c",
    "--run work -- rings",
    "--history work",
    "--history work 1",
    "--wait work nosuch --prompt --timeout 20",
    "--wait asks --waiting --timeout 20",
    "--status asks",
    "--wait kept",
    "--screen work",
    "--screen work --format ansi",
    "--screen work --format json",
    "--logs work",
    "--grep true work -C 1",
    "--label asks team=web",
    "--resume-with asks -- agent",
    "--integrate claude",
    "--export",
    "--import layout.json",
    "--reload asks",
    "--status kept",
    "--sweep --dry-run --older 0s",
    "--status lost",
    "--restore lost asks nosuch",
    "--doctor",
    "--shell-init bash",
    "--completions bash",
    "--skill",
    "--help",
    "--version",
    "@near --open far -- cat",
    "@near --status far",
    "@near @gone --list",
    "--list",
    "@near --kill far",
    "--forget @near",
    "--watch",
    "--deploy @gone",
    "--upgrade",
    "--rename work play",
    "--kill play nosuch",
)
"""Commands that print JSON, in this order."""
_FOLLOWED = {"--watch", "--logs work -f"}
"""The commands of `_ANSWERS` that print a value at once, and keep running."""


def answers(home: Home) -> dict[str, Structure]:
    """Return the structure of each command's JSON, and of each kind of event."""
    with pytest.MonkeyPatch.context() as patch:
        beside = Beside(home, patch)
        _prepare(home, beside("near").way)
        try:
            return _answers(home)
        finally:
            beside.close()


def _answers(home: Home) -> dict[str, Structure]:
    home.sesh("--open", "work", "--label", "team=web")
    home.sesh("--wait", "work", "--prompt", "--timeout", "30")
    home.sesh("--open", "lost", "--", "cat")
    os.kill(home.sesh("--status", "lost", "--json").json()["daemon_pid"], signal.SIGKILL)
    wait_until(lambda: home.sesh("--status", "lost", "--json").json()["state"] == "lost")
    events = home.start("--events", "work", "--since", "0", "--json")
    home.terminal("work").wait_for(PROMPT)
    printed = {line: _first(home, line) if line in _FOLLOWED else _run(home, line).raw for line in _ANSWERS}
    found = {line: structure(_values(text)) for line, text in printed.items()}
    told = _values(events.communicate(timeout=30)[0])
    for kind in sorted({event["event"] for event in told}):
        found[f"--events ({kind})"] = structure(event for event in told if event["event"] == kind)
    return found


def _prepare(home: Home, near: list[str]) -> None:
    """Write programs into the home, and three hosts, one of which this command reaches."""
    hosts = {"near": shlex.join(near), "gone": "false", "bare": "env -i PATH=/usr/bin:/bin HOME=/nonexistent"}
    lines = [f"[remotes.{host}]\nvia = {json.dumps(via)}\n" for host, via in hosts.items()]
    for name, content in {**_FILES, ".config/sesh/config.toml": "".join(lines)}.items():
        home.write(name, content, 0o755 if name.startswith("bin/") else 0o644)


def _run(home: Home, line: str) -> Result:
    words = shlex.split(line)
    return home.sesh(*words if "--json" in line else ("--json", *words))


def _first(home: Home, line: str) -> bytes:
    with home.start(*shlex.split(line), "--json") as following:
        assert following.stdout is not None
        printed: bytes = following.stdout.readline()
        following.terminate()
    return printed


def _values(printed: bytes) -> list[Any]:
    return [json.loads(line) for line in printed.splitlines()]


# -- exit codes, and the codes of errors

_OUTCOMES = (
    "--exec -- true",
    "--exec -- sh -c 'exit 3'",
    "--exec -- sh -c 'kill -TERM $$'",
    "--exec -- sh -c 'kill -KILL $$'",
    "--exec -- /no/such",
    "--exec -- /",
    "--exec --timeout 0.2 -- cat",
    "--exec",
    "--exec work -- true",
    "--exec job --keep -- sh -c 'exit 4'",
    "--wait job",
    "--wait job --exit",
    "--wait work --prompt --timeout 20",
    "--wait asks --timeout 0.1",
    "--wait asks --for nothing --timeout 0.1",
    "--wait nosuch",
    "--wait",
    "--wait asks --idle soon",
    "--status work",
    "--status job",
    "--status nosuch",
    "--status",
    "--run work -- '(exit 5)'",
    "--run work -- false",
    "--run work --timeout 0.5 -- cat",
    "--run asks -- true",
    "--run nosuch -- true",
    "--grep nothing",
    "--send nosuch text",
    "--kill nosuch",
    "--attach nosuch",
    "--new -d asks",
    "--rename asks job",
    "--open a/b",
    "--list --nonsense",
    "--import nosuch.json",
    "--state idle",
    "--forget @nosuch",
    "@-x --list",
    "@gone --list",
    "@bare --list",
)
"""Commands that succeed or fail, in this order."""


def outcomes(home: Home) -> dict[str, list[int | str]]:
    """Return each command's exit code, and the code of the error that it prints."""
    _prepare(home, ["false"])
    for name, command in (("work", ()), ("asks", ("--", "asks"))):
        home.sesh("--open", name, *command)
    return {line: [done.code, error_code(done)] for line in _OUTCOMES for done in [_run(home, line)]}


def error_code(done: Result) -> str:
    """Return the code of the error that a command has printed; empty without one."""
    for value in _values(done.raw):
        if isinstance(value, dict) and isinstance(error := value.get("error"), dict):
            return str(error["code"]) if error["message"] else "an error without words"
    return ""


# -- pages and settings


def sections(page: str) -> dict[str, list[str]]:
    """Return the words in each section's tables, with those that `All keys of` adds."""
    parts = re.split(r"^##+ (.+)\n", (Path(ROOT) / page).read_text(encoding="utf-8"), flags=re.MULTILINE)
    found: dict[str, list[str]] = {}
    for name, text in zip(parts[1::2], parts[2::2], strict=True):
        base = re.findall(r"^All keys of \[(.+?)\]", text, re.MULTILINE)
        cells = re.findall(r"^\| (`.+?) \|", text, re.MULTILINE)
        found[name] = [word for each in base for word in found[each]] + re.findall(r"`([\w-]+)`", " ".join(cells))
    return {name: words for name, words in found.items() if words}


def settings() -> tuple[dict[str, str], list[str]]:
    """Return the settings that a page shows, with their defaults, and its tables."""
    text = (Path(ROOT) / "docs/CONFIG.md").read_text(encoding="utf-8")
    first, *tables = re.findall(r"^```toml\n(.+?)\n```", text, re.MULTILINE | re.DOTALL)[0].split("\n\n")
    return dict(re.findall(r"^(\w+) = (.+?) +#", first, re.MULTILINE)), tables


def faults(home: Home, text: str) -> list[str]:
    """Return what `--doctor`, and a command that starts a session, say about these settings."""
    home.write(".config/sesh/config.toml", text)
    checks = home.sesh("--doctor", "--json").json()["checks"]
    said = [check["message"] for check in checks if check["state"] != "ok"]
    said += home.sesh("--exec", "--", "true").stderr.splitlines()
    return [line for line in said if "config.toml" in line]
