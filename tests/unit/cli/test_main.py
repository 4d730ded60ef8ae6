"""The lines that are carried out without typer have no option."""

from __future__ import annotations

from pathlib import Path

import pytest

from sesh.cli import app, attach, main
from sesh.cli import list as listed
from sesh.cli.invocation import Invocation
from sesh.errors import Refused

LINES = [
    ("", "list"),
    ("@box", "list"),
    ("@a @b", "list"),
    ("work", "go"),
    ("@box work", "go"),
    ("-", "last"),
    ("--json", "typer"),
    ("--local", "typer"),
    ("@a @b --json", "typer"),
    ("--local work", "typer"),
    ("work --json", "typer"),
    ("-r work", "typer"),
    ("-A work", "typer"),
    ("work -- ls", "typer"),
    ("@a @b work", "typer"),
    ("kill work", "typer"),
]


@pytest.mark.parametrize(("line", "way"), LINES)
def test_a_line_with_any_option_goes_to_typer(
    line: str, way: str, sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sesh --json` and `sesh --local` did not."""
    ways = []
    monkeypatch.setattr(listed, "show", lambda *_: ways.append("list"))
    monkeypatch.setattr(attach, "attach_or_create", lambda *_: ways.append("go"))
    monkeypatch.setattr(attach, "attach_last", lambda *_: ways.append("last"))
    monkeypatch.setattr(app, "run_verb", lambda *_: ways.append("typer"))
    main.run_line(line.split())
    assert ways == [way]


@pytest.mark.parametrize("line", [line for line, way in LINES if way == "typer"])
def test_where_typer_does_not_run_such_a_line_says_what_it_needs(
    line: str, sessions: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(main, "HAS_TYPER", False)
    what = "kill" if line == "kill work" else "this line"
    with pytest.raises(Refused, match=f"^{what} needs Python 3.10 here, and this is 3[.].*sesh @HOST"):
        main.run_line(line.split())


@pytest.mark.parametrize("line", ["--json", "--local", "@a @b --json"])
def test_typer_gives_the_list_that_such_a_line_had(line: str, sessions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    given: list[tuple[list[str], bool, bool]] = []

    def show(cli: Invocation) -> int:
        given.append((cli.line.hosts, cli.line.json, cli.line.local))
        return 0

    monkeypatch.setattr(listed, "show", show)
    words = line.split()
    assert main.run_line(words) == 0
    hosts = [word[1:] for word in words if word[0] == "@"]
    assert given == [(hosts, "--json" in words, "--local" in words)]
