"""Verbs of the setup: shell scripts, help, version."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated

from typer import Argument

from sesh.about import SESH
from sesh.cli import app, scripts
from sesh.cli.invocation import Invocation
from sesh.cli.parameters import Context, offering
from sesh.cli.printed import PrintedHelp, PrintedScript, PrintedVersion, prints
from sesh.cli.verbs import VERBS, find_verb
from sesh.errors import UsageError
from sesh.names import printable

Shell = Annotated[scripts.Shell, Argument(metavar="bash|zsh|fish", help="Whose script to print.", show_default=False)]


@prints(PrintedScript)
def completions(ctx: Context, shell: Shell) -> int:
    """Print the completion script for a shell.

    `make install` installs it; otherwise evaluate it in your shell's startup file.

    Examples:
      eval "$(sesh completions bash)"
      sesh completions fish | source
    """
    return scripts.print_completions(ctx.obj, shell)


@prints(PrintedScript)
def shell_init(ctx: Context, shell: Shell) -> int:
    """Print the shell integration, for your shell's startup file.

    It adds typed commands to history, and keeps DISPLAY and the session's name up to date.

    Examples:
      eval "$(sesh shell-init bash)"
      sesh shell-init fish | source
    """
    return scripts.print_integration(ctx.obj, shell)


@prints(PrintedHelp)
def help_(
    ctx: Context,
    verb: Annotated[
        str | None,
        Argument(
            metavar="VERB",
            help="The verb to explain.",
            show_default=False,
            autocompletion=offering(lambda: (verb.name for verb in VERBS)),
        ),
    ] = None,
) -> int:
    """Show the overview; `sesh VERB --help` shows the help of one verb.

    Examples:
      sesh help
      sesh exec --help
    """
    cli = ctx.obj
    if verb is None:
        app.show_help(ctx.parent)
        return 0
    if (found := find_verb(verb)) not in VERBS:
        raise UsageError(f"there is no verb {printable(verb)}", hint=f"see: {SESH} --help")
    return app.run_verb(Invocation(replace(cli.line, verb=found, words=["--help"])))


@prints(PrintedVersion)
def version(ctx: Context) -> int:
    """Print the version.

    Examples:
      sesh --version
    """
    return scripts.print_version(ctx.obj)
