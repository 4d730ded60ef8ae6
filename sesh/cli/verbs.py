"""The verbs as typer knows them: their words and their help. What they do stands in the module of each family.

A command only says what is to be done: it is done when typer, which has its own ideas of Ctrl-C, has returned.
"""

# ruff: noqa: ARG001, PLR0913, PLR0917 (typer reads the words of a verb from its function's signature)
from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import typer
from typer.core import TyperGroup
from typer.main import get_command

from sesh.cli import deploying, end, enter, events, group, job, look, say, shell, waiting, words
from sesh.cli.group import VERBLESS, Verb, Verbs
from sesh.cli.run import version as say_version

Work = Callable[[], int]

_CONTEXT = {"help_option_names": ["-h", "--help"], "max_content_width": 100}
_ENDING = """Ctrl-\\ leaves a session, and it goes on; `sesh NAME` comes back. All after -- is the command, untouched.

Exit codes: 0 success; 1 refused or not found; 2 usage; 124 timed out; 125 --exec or --run refused, or sesh itself
failed; 126 or 127 the command cannot be executed, or is not there; 128+N ended by signal N; else the command's own.

Environment: SESH_DIR (~/.sesh), SESH_DETACH_KEY (C-\\), SESH_JSON=1, SESH_DEBUG=1; for ssh SESH_SSH, SESH_IDENTITY,
SESH_PROXYJUMP. Settings: ~/.config/sesh/config.toml."""

app = typer.Typer(
    cls=Verbs,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings=_CONTEXT,
    help="Keep named shell sessions alive: leave them, come back to them, drive them from scripts.",
    epilog=_ENDING,
)


def _example(*lines: str) -> str:
    """The end of a verb's help; the \\b keeps typer from joining its lines."""
    return "\n".join(["\b", "For example:", *(f"  {line}" for line in lines)])


def _verb(name: str, usage: str, *examples: str) -> Callable[[Callable[..., Work]], Callable[..., Work]]:
    return app.command(name, cls=Verb, options_metavar=usage, epilog=_example(*examples), context_settings=_CONTEXT)


Name = Annotated[str, typer.Argument(metavar="NAME", show_default=False)]
MaybeName = Annotated[str | None, typer.Argument(metavar="[NAME]", show_default=False)]
Directory = Annotated[str | None, typer.Argument(metavar="[DIR]", show_default=False)]
Env = Annotated[list[str] | None, typer.Option("--env", metavar="K=V", help="A variable for the program; repeatable.")]
Label = Annotated[list[str] | None, typer.Option("--label", metavar="K=V", help="A label; repeatable.")]
Join = Annotated[bool, typer.Option("--join", help="Attach beside other clients (so it is without any option).")]
Replace = Annotated[bool, typer.Option("--replace", help="Detach the other clients.")]
ReadOnly = Annotated[bool, typer.Option("--read-only", "-r", help="Only watch.")]
NoReplay = Annotated[bool, typer.Option("--no-replay", help="Show the screen without the lines above it.")]
NoKey = Annotated[bool, typer.Option("--no-detach-key", "-C", help="Let the program have the detach key.")]
Detached = Annotated[bool, typer.Option("-d", help="Do not attach, do not wait; print the name.")]


def _work(verb: Callable[..., int], ctx: typer.Context) -> Work:
    """A verb with the words that were given, by the names that they have in its declaration; carried out later."""
    given = {key: value for key, value in ctx.params.items() if value not in (None, False, [])}
    return lambda: verb(group.of(ctx), **given)


@_verb(VERBLESS, "[DIR] [OPTIONS] [-- CMD…]", "sesh work", "sesh dev ~/project", "sesh build -- make -j8", "sesh -")
def _go(
    ctx: typer.Context,
    places: Annotated[list[str] | None, typer.Argument(metavar="[NAME [DIR]]", show_default=False)] = None,
    join: Join = False,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoKey = False,
    env: Env = None,
    label: Label = None,
) -> Work:
    """Attach to NAME; where there is none, create it in DIR with CMD or your shell. `-` is the one attached last."""
    return _work(enter.go, ctx)


@_verb("--attach", "NAME [OPTIONS]", "sesh --attach work", "sesh --attach --read-only work")
def _attach(
    ctx: typer.Context,
    name: Name,
    join: Join = False,
    replace: Replace = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoKey = False,
) -> Work:
    """Attach to NAME, which must be there (-A NAME creates it where it is not, as plain NAME does)."""
    return _work(enter.attach, ctx)


@_verb(
    "--open",
    "NAME [DIR] [OPTIONS] [-- CMD…]",
    "sesh --open work",
    "sesh --open web ~/site --label team=web -- make serve",
)
def _open(ctx: typer.Context, name: Name, directory: Directory = None, env: Env = None, label: Label = None) -> Work:
    """Make sure that NAME runs, without attaching; a success where it runs already."""
    return _work(enter.open_, ctx)


@_verb(
    "--new",
    "[NAME] [DIR] [OPTIONS] [-- CMD…]",
    "sesh --new",
    "sesh --new -d web ~/site -- make serve",
    "sesh --new web --new-name",
)
def _new(
    ctx: typer.Context,
    name: MaybeName = None,
    directory: Directory = None,
    detached: Detached = False,
    join: Join = False,
    replace: Annotated[bool, typer.Option("--replace", help="End the session that has the name.")] = False,
    new_name: Annotated[bool, typer.Option("--new-name", help="Take the next free NAME-2.")] = False,
    read_only: ReadOnly = False,
    no_replay: NoReplay = False,
    no_detach_key: NoKey = False,
    env: Env = None,
    label: Label = None,
) -> Work:
    """Create a session; without NAME under the lowest free number. Asks, or fails, where NAME runs already."""
    return _work(enter.new, ctx)


@_verb("--list", "[--label K=V]…", "sesh", "sesh --list --json", "sesh --list --label team=web")
def _list(ctx: typer.Context, label: Label = None) -> Work:
    """List the sessions; the one that it is typed in bears a *. --label lists those that bear it."""
    return _work(look.list_, ctx)


@_verb("--detach", "[NAME]", "sesh --detach", "sesh --detach work")
def _detach(ctx: typer.Context, name: MaybeName = None) -> Work:
    """Detach every client of NAME; without NAME the client that typed it."""
    return _work(end.detach, ctx)


@_verb("--kill", "[NAME…]", "sesh --kill work", "sesh --kill build test", "sesh --kill")
def _kill(
    ctx: typer.Context,
    names: Annotated[list[str] | None, typer.Argument(metavar="[NAME]…", show_default=False)] = None,
) -> Work:
    """End sessions and what runs in them: SIGHUP, and SIGKILL after 2 s. Without NAME the one that it is typed in."""
    return _work(end.kill, ctx)


@_verb("--kill-all", "[-y]", "sesh --kill-all", "sesh --kill-all -y")
def _kill_all(ctx: typer.Context, yes: Annotated[bool, typer.Option("-y", help="Do not ask.")] = False) -> Work:
    """End all sessions here; asks first on a terminal."""
    return _work(end.kill_all, ctx)


@_verb("--rename", "[OLD] NEW", "sesh --rename work play", "sesh --rename play")
def _rename(
    ctx: typer.Context,
    one: Annotated[str, typer.Argument(metavar="NEW", show_default=False)],
    other: Annotated[str | None, typer.Argument(metavar="NEW", show_default=False)] = None,
) -> Work:
    """Give a session another name; without OLD the one that it is typed in."""
    return _work(end.rename, ctx)


@_verb(
    "--exec",
    "[NAME] [OPTIONS] -- CMD…",
    "sesh --exec build -- make -j8",
    "sesh --exec --print --timeout 60 -- ./check.sh",
    "sesh -e job -d -- backup",
)
def _exec(
    ctx: typer.Context,
    places: Annotated[list[str] | None, typer.Argument(metavar="[NAME]", show_default=False)] = None,
    directory: Annotated[str | None, typer.Option("-C", metavar="DIR", help="Where it runs.")] = None,
    printed: Annotated[bool, typer.Option("--print", help="Print its output when it has ended.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Print its output as it comes.")] = False,
    keep: Annotated[bool, typer.Option("--keep", help="Keep the session to be looked at, until --kill.")] = False,
    timeout: Annotated[str | None, typer.Option("--timeout", metavar="S", help="End it after so many seconds.")] = None,
    stdin: Annotated[bool, typer.Option("--stdin", help="Its standard input is sesh's.")] = False,
    tie: Annotated[bool, typer.Option("--tie", help="SIGINT, SIGTERM and SIGHUP to sesh end it.")] = False,
    detached: Detached = False,
    env: Env = None,
    label: Label = None,
) -> Work:
    """Run CMD in a session of its own, wait, and exit with its code; `sesh NAME` watches it meanwhile."""
    return _work(job.exec_, ctx)


@_verb(
    "--run",
    "NAME [OPTIONS] -- CMD…",
    "sesh --run work -- make test",
    "sesh --run work --timeout 60 -- 'cd src && ls | wc -l'",
    "sesh --run work --json -- ./check.sh",
)
def _run(
    ctx: typer.Context,
    name: Name,
    timeout: Annotated[
        str | None, typer.Option("--timeout", metavar="S", help="124 after so many seconds; the command goes on.")
    ] = None,
    no_wait: Annotated[bool, typer.Option("--no-wait", help="Return when it has begun.")] = False,
    ansi: Annotated[bool, typer.Option("--ansi", help="Leave escape sequences in its output.")] = False,
) -> Work:
    """Run CMD in NAME's live shell, print exactly its output, exit with its code. One word is shell source."""
    return _work(shell.run, ctx)


@_verb(
    "--send",
    "NAME [TEXT…] [--enter] [--key KEY]…",
    "sesh --send work 'make test' --enter",
    "sesh --send work --key C-c",
    "sesh --send work - < notes.txt",
)
def _send(
    ctx: typer.Context,
    name: Name,
    text: Annotated[list[str] | None, typer.Argument(metavar="[TEXT]…", show_default=False)] = None,
    enter: Annotated[bool, typer.Option("--enter", help="Press Enter after the text.")] = False,
    key: Annotated[list[str] | None, typer.Option("--key", metavar="KEY", help="C-c M-x Enter Tab Up F5 …")] = None,
) -> Work:
    """Type TEXT, its words joined by a blank, and keys into a session, in the order of the words. TEXT - is stdin."""
    return lambda: say.send(group.of(ctx))  # the order matters, and only the line knows it


@_verb(
    "--wait",
    "NAME [OPTIONS]",
    "sesh --wait build --exit",
    "sesh --wait work --prompt --timeout 60",
    "sesh --wait web --for 'listening on port [0-9]+' --idle 30",
)
def _wait(
    ctx: typer.Context,
    name: Name,
    exit_: Annotated[
        bool, typer.Option("--exit", help="It has ended; its code is sesh's. (Without any option.)")
    ] = False,
    prompt: Annotated[bool, typer.Option("--prompt", help="Its shell is at the prompt.")] = False,
    idle: Annotated[str | None, typer.Option("--idle", metavar="S", help="It printed nothing for S seconds.")] = None,
    pattern: Annotated[str | None, typer.Option("--for", metavar="REGEX", help="A line holds it.")] = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="POS", help="What counts: from the position of --send --json on.")
    ] = None,
    since_start: Annotated[bool, typer.Option("--since-start", help="What counts: all that is kept.")] = False,
    timeout: Annotated[str | None, typer.Option("--timeout", metavar="S", help="124 after so many seconds.")] = None,
) -> Work:
    """Wait until one of the conditions holds, and say which. Output counts from the last --send on, else from now."""
    return _work(waiting.wait, ctx)


@_verb("--events", "[NAME] [--since N]", "sesh --events work", "sesh --events --json", "sesh --events work --since 0")
def _events(
    ctx: typer.Context,
    name: MaybeName = None,
    since: Annotated[
        str | None, typer.Option("--since", metavar="N", help="Those behind event number N first; 0: all kept.")
    ] = None,
) -> Work:
    """Follow what happens to NAME until it ends; without NAME to all sessions, new ones too."""
    return _work(events.events, ctx)


@_verb("--screen", "NAME [--format F]", "sesh --screen work", "sesh --screen work --format svg > work.svg")
def _screen(
    ctx: typer.Context,
    name: Name,
    form: Annotated[str, typer.Option("--format", metavar="F", help="text, ansi, json, svg or html.")] = "text",
) -> Work:
    """Print what the screen shows now."""
    return _work(look.screen, ctx)


@_verb(
    "--logs",
    "NAME [N] [-f] [--ansi]",
    "sesh --logs work 50",
    "sesh --logs work -f",
    "sesh --logs work --ansi | less -R",
)
def _logs(
    ctx: typer.Context,
    name: Name,
    count: Annotated[str | None, typer.Argument(metavar="[N]", show_default=False)] = None,
    follow: Annotated[bool, typer.Option("-f", help="Then those that come, until it ends.")] = False,
    ansi: Annotated[bool, typer.Option("--ansi", help="With their colours.")] = False,
) -> Work:
    """Print the last N lines of scrollback and screen; without N 300."""
    return _work(look.logs, ctx)


@_verb("--history", "NAME [N]", "sesh --history work", "sesh --history work 3")
def _history(
    ctx: typer.Context,
    name: Name,
    count: Annotated[str | None, typer.Argument(metavar="[N]", show_default=False)] = None,
    ansi: Annotated[bool, typer.Option("--ansi", help="Leave escape sequences in the output.")] = False,
) -> Work:
    """List the commands that --run ran in NAME; with N print that one's output."""
    return _work(shell.history, ctx)


@_verb("--status", "NAME", "sesh --status work", "sesh --status work --json")
def _status(ctx: typer.Context, name: Name) -> Work:
    """Print everything known of a session."""
    return _work(look.status, ctx)


@_verb("--message", "NAME TEXT…", "sesh --message work 'the build is done'")
def _message(
    ctx: typer.Context, name: Name, texts: Annotated[list[str], typer.Argument(metavar="TEXT", show_default=False)]
) -> Work:
    """Show TEXT to the attached clients; the program never sees it."""
    return _work(say.message, ctx)


@_verb("--label", "NAME K=V…", "sesh --label work team=web", "sesh --label work team=")
def _label(
    ctx: typer.Context, name: Name, labels: Annotated[list[str], typer.Argument(metavar="K=V…", show_default=False)]
) -> Work:
    """Set labels; K= removes one."""
    return _work(say.label, ctx)


@_verb("--deploy", "@HOST… [--force]", "sesh --deploy @box", "sesh --deploy @web1 @web2")
def _deploy(
    ctx: typer.Context,
    hosts: Annotated[list[str] | None, typer.Argument(metavar="@HOST…", show_default=False)] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also in place of a ~/.local/bin/sesh that is not ours.")
    ] = False,
) -> Work:
    """Put this very sesh on other hosts."""
    return _work(deploying.deploy, ctx)


@_verb("--upgrade", "", "sesh --upgrade")
def _upgrade(ctx: typer.Context) -> Work:
    """Deploy again to every known remote."""
    return _work(deploying.upgrade, ctx)


@_verb("--help", "", "sesh --help", "sesh --exec --help")
def _help(ctx: typer.Context) -> Work:
    """Show help, of a verb too."""
    raise AssertionError(f"help is shown before {ctx.command.name} is parsed")


@_verb("--version", "", "sesh --version")
def _version(ctx: typer.Context) -> Work:
    """Print the version."""
    return _work(say_version, ctx)


def _group() -> TyperGroup:
    built = get_command(app)
    if not isinstance(built, TyperGroup):
        raise TypeError("typer made no group of the verbs")
    return built


def run(argv: list[str]) -> int:
    """Parses and carries out a line; the exit code. Raises SeshError."""
    return group.run(_group(), argv)


def help_of(line: words.Line) -> str:
    """The help that a line asks for."""
    return group.helped(_group(), line)
