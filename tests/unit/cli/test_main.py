"""The lines that are carried out without typer have no option."""

from __future__ import annotations

import traceback
from contextlib import nullcontext
from pathlib import Path

import pytest

from sesh.cli import app, attach, main, printing
from sesh.cli import list as listed
from sesh.cli.invocation import Invocation
from sesh.client import attach as client
from sesh.client.attachment_end import AttachmentEnd, EndKind
from sesh.reach.target import Target
from sesh.store import recent

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


@pytest.mark.parametrize("name", ["work", "-"])
def test_the_clients_loop_is_six_calls_away(name: str, sessions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`sesh -` took eight."""
    calls: list[str] = []

    def run(_: object) -> AttachmentEnd:
        calls.extend(frame.name for frame in traceback.extract_stack())
        return AttachmentEnd(EndKind.DETACHED, "work")

    recent.remember("work", None)
    monkeypatch.setattr(client, "_run", run)
    monkeypatch.setattr(client, "Display", lambda _: None)
    monkeypatch.setattr(client, "Attachment", lambda *_: None)
    monkeypatch.setattr(client, "RawTerminal", nullcontext)
    monkeypatch.setattr(Target, "connect_by", lambda *_, **__: ("work", nullcontext(), True))
    monkeypatch.setattr(printing, "on_terminal", lambda: True)
    assert main.run_line([name]) == 0
    assert len([*calls[calls.index("run_line") :], "the loop"]) <= 6
