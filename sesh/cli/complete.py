"""Completion of a command line: typer's, extended by `@HOST`, dashed verbs, and bash's word breaks."""

from __future__ import annotations

import os
from typing import Any, NamedTuple

import typer

# typer exports no completion class: the public `typer.completion` only writes scripts and calls these.
from typer._completion_classes import BashComplete, FishComplete, ZshComplete

from sesh.about import PROGRAM
from sesh.cli import app, printing
from sesh.cli.invocation import Invocation
from sesh.cli.line import split, split_tail
from sesh.cli.verbs import GO, VERBS
from sesh.cli.words import hosts
from sesh.errors import SeshError

VARIABLE = "_SESH_COMPLETE"
_BREAKS = "=:"  # bash starts a new word after these, and at an `@`


class _Candidate(NamedTuple):
    value: str
    help: str | None = None


class _Completion:
    """The common part of all shells."""

    cli: Any
    ctx_args: Any

    def get_completions(self, args: list[str], incomplete: str) -> list[Any]:
        """Return the candidates for the last word."""
        own, tail = split_tail(args)
        line = split(own)
        try:
            cli = Invocation(line)
            if tail is not None and line.verb.command:
                return []
            if incomplete[:1] == "@" and not line.words:
                return [_Candidate(host) for host in hosts() if host.startswith(incomplete)]
            self.cli = app.built(line.verb.name)
            self.ctx_args = {"obj": cli}
            option = incomplete[: incomplete.find("=") + 1] if incomplete[:2] == "--" else ""
            found = [
                _Candidate(f"{option}{item.value}", help=item.help)
                for item in super().get_completions(line.words, incomplete)  # type: ignore[misc]
            ]
        except (SeshError, typer.TyperException):
            return []  # the error shows when the line runs
        if line.verb.name == GO and not (line.words or line.create):  # the first word after the hosts
            dashes = "--" if incomplete[:1] == "-" else ""
            verbs = [_Candidate(dashes + verb.name, help=verb.summary) for verb in VERBS if verb.name != GO]
            found += [item for item in verbs if item.value.startswith(incomplete)]
            found += [_Candidate(host) for host in ([] if incomplete else hosts())]
        return found


class _Bash(_Completion, BashComplete):
    """Completes the line as typed, since bash splits words at `@`, `=` and `:`."""

    def get_completion_args(self) -> tuple[list[str], str]:
        """Return the words before the last one, and the last one."""
        typed = os.environ["COMP_LINE"].encode()[: int(os.environ["COMP_POINT"])].decode("utf-8", "replace")
        os.environ["COMP_WORDS"] = typed
        os.environ["COMP_CWORD"] = str(len(typed.split()) - (not typed[-1:].isspace()))
        args, self.incomplete = super().get_completion_args()
        return args, self.incomplete

    def format_completion(self, item: Any) -> str:
        """Return a candidate without the part up to the last word break, which readline keeps."""
        kept = max((self.incomplete.rfind(mark) + 1 for mark in _BREAKS), default=0)
        return str(item.value)[max(kept, self.incomplete.rfind("@")) :]


class _Zsh(_Completion, ZshComplete):
    def format_completion(self, item: Any) -> str:
        """Return a candidate and its description for `_arguments`; typer's method would load rich."""
        return ":".join(f'"{_escaped(text)}"' for text in (item.value, item.help) if text)


class _Fish(_Completion, FishComplete):
    def format_completion(self, item: Any) -> str:
        """Return a candidate and its description; typer's method would load rich."""
        return f"{item.value}\t{item.help}" if item.help else str(item.value)


_CLASSES = {"bash": _Bash, "zsh": _Zsh, "fish": _Fish}


def answer() -> int:
    """Print the completions that a shell asks for; return the exit code."""
    kind = _CLASSES.get(os.environ[VARIABLE].removeprefix("complete_"))
    if kind is None:
        return 1
    printing.write(f"{kind(app.group(), {}, PROGRAM, VARIABLE).complete()}\n".encode())  # type: ignore[abstract]
    return 0


def _escaped(text: str) -> str:
    """Return text escaped for double quotes inside single quotes, as `_arguments` reads it."""
    for mark, escaped in (("\\", "\\\\"), ('"', '""'), ("'", "''"), ("$", "\\$"), ("`", "\\`"), (":", "\\\\:")):
        text = text.replace(mark, escaped)
    return text
