"""The verbs on a Python that typer does not run on, as a host may have."""

from __future__ import annotations

import sys

from sesh.about import PROGRAM
from sesh.cli import scripts
from sesh.cli.invocation import Invocation
from sesh.errors import Refused


def run_verb(cli: Invocation) -> int:
    """Print what a shell's startup file evaluates, or the version. Raises Refused for any other verb."""
    name, words = cli.line.verb.name, cli.line.words
    if name == "version" and not words:
        return scripts.print_version(cli)
    if len(words) == 1 and words[0] in scripts.SHELLS:
        if name == "shell-init":
            return scripts.print_integration(cli, words[0])
        if name == "completions":
            return scripts.print_completions(cli, words[0])
    raise refusal(cli.line.verb.word)


def refusal(what: str) -> Refused:
    """Return the error of a verb that needs typer."""
    which = "{}.{}".format(*sys.version_info)
    there = f"{PROGRAM} @HOST {what}".rstrip()
    hint = f"type it on your own machine ({there}), or install a newer Python and deploy again"
    return Refused(f"{what or 'this line'} needs Python 3.10 here, and this is {which}", hint=hint)
