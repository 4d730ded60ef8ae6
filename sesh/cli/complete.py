"""Completion of a command line: typer's, extended by `@HOST`, dashed verbs, and bash's word breaks."""

from __future__ import annotations

import os

# typer exports no completion class: the public `typer.completion` only writes scripts and calls these.
from typer._click.shell_completion import CompletionItem, add_completion_class
from typer._completion_classes import FishComplete
from typer.completion import shell_complete

from sesh.about import PROGRAM
from sesh.cli import app
from sesh.cli.invocation import Invocation
from sesh.cli.line import split
from sesh.cli.parameters import first_words

VARIABLE = "_SESH_COMPLETE"


class _Fish(FishComplete):
    """Completes the words before the cursor; fish and zsh show descriptions."""

    def get_completions(self, args: list[str], incomplete: str) -> list[CompletionItem]:
        """Return the candidates for the last word."""
        line, self.incomplete = split(args), incomplete
        if line.tail is not None and line.verb.takes_command:
            return []  # a word of CMD: the shell offers files
        self.cli = app.built(line.verb.name)
        self.ctx_args = {"obj": Invocation(line)}
        option = incomplete[: incomplete.find("=") + 1] if incomplete[:2] == "--" else ""
        found = [(f"{option}{item.value}", item.help) for item in super().get_completions(line.words, incomplete)]
        return [CompletionItem(word, help=text) for word, text in [*found, *first_words(line, incomplete)]]

    def format_completion(self, item: CompletionItem) -> str:
        """Return a candidate and its description; typer's method would load rich."""
        return f"{item.value}\t{item.help or ''}"


class _Bash(_Fish):
    """Completes the part after the last `@`, `=` or `:`, where bash splits words."""

    name = "bash"

    def format_completion(self, item: CompletionItem) -> str:
        """Return the part of a candidate after its last break; a word includes its `@`."""
        last = self.incomplete
        return str(item.value)[max(last.rfind("=") + 1, last.rfind(":") + 1, last.rfind("@"), 0) :]


def print_candidates() -> int:
    """Print the words that may complete the line, for a shell; return the exit code."""
    for shell in (_Fish, _Bash):
        add_completion_class(shell, shell.name)
    return shell_complete(app.group(), {}, PROGRAM, VARIABLE, os.environ[VARIABLE])
