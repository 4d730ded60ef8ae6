"""`--screen` and `--logs`: the screen and the lines of a session."""

from __future__ import annotations

import os
from typing import Annotated

from typer import Argument, Option

from sesh import names
from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.words import Ansi, AnyName, Context, Follow, among
from sesh.errors import NotFound, Refused, UsageError, for_host
from sesh.names import printable
from sesh.ops import views
from sesh.ops.wait import LiveLog
from sesh.store import listing

_LINES = 300
"""Lines of `--logs` without N."""


def screen(
    ctx: Context,
    name: AnyName = None,
    *,
    form: Annotated[
        str,
        Option("--format", metavar="FORMAT", autocompletion=among("text", "ansi", "json"), help="text, ansi or json."),
    ] = "text",
) -> int:
    """Print what the screen shows now; without NAME, that of the session that you are in.

    Examples:
      sesh screen work
      sesh screen work --format ansi
    """
    cli = ctx.obj
    name = cli.session(name)
    views.check_format(form)
    target = cli.find(name)
    head = {"session": name, "host": cli.host, "format": form}
    if form == "json":
        return cli.value({**head, **views.cells(target, name)})
    drawn = views.drawn(target, name, form)
    if cli.json:
        return cli.value({**head, **drawn})
    text = drawn["text"].rstrip("\n") if form == "text" else drawn["text"]
    printing.write(text.encode("utf-8", "replace") + (b"\n" if text else b""))
    return 0


def logs(
    ctx: Context,
    name: AnyName = None,
    count: Annotated[str | None, Argument(metavar="N", show_default=False)] = None,
    *,
    follow: Follow = False,
    ansi: Ansi = False,
) -> int:
    """Print the last N lines of scrollback and screen (300).

    Without NAME, those of the session that you are in. What `clear` or Ctrl-L erases in a session is no longer there;
    `sesh history NAME N` may still have it.

    Examples:
      sesh logs work 50
      sesh logs work -f
      sesh logs work --ansi | less -R
    """
    cli = ctx.obj
    name = cli.session(name)
    target, limit = cli.find(name), _LINES
    if count is not None:
        if not names.is_decimal(count) or not (int(count) or follow):
            raise UsageError(f"{printable(count)} is not a number of lines", hint=f"write: {SESH} --logs NAME 100")
        limit = int(count)
    if follow:
        _check_loop(cli, name)
        try:
            _follow(cli, name, limit, ansi=ansi)
        except KeyboardInterrupt:
            return printing.interrupted()
        return 0
    asks_more = count is None and cli.watched and not cli.json
    lines = target.call(views.logs, name=name, lines=limit + asks_more, ansi=ansi)
    if cli.json:
        return cli.value({"session": name, "host": cli.host, "lines": lines})
    _print_lines(lines[-limit:])
    if len(lines) > limit:
        cli.note(f"the last {limit} lines; more: {for_host(f'{SESH} --logs {name}', cli.host)} N")
    return 0


def _check_loop(cli: Invocation, name: str) -> None:
    """Raise Refused if followed output would be printed in the session that it comes from, and come again."""
    current = listing.current() if cli.host is None and os.isatty(printing.STDOUT) else None
    if current is not None and current["name"] == name:
        hint = f"follow it in another window, or write into a file: {SESH} --logs {name} -f > FILE"
        raise Refused(f"you are in {name}, where each line that -f prints would be printed again and again", hint=hint)


def _follow(cli: Invocation, name: str, count: int, *, ansi: bool) -> None:
    """Print the last lines, then new ones until the session ends; of a lost session only the last lines."""
    write = _print_objects if cli.json else _print_lines
    target = cli.target
    try:
        stream = target.open_stream(name)
    except NotFound:
        write(target.call(views.logs, name=name, lines=count, ansi=ansi))
        return
    with stream:
        stream.audience = cli.audience
        LiveLog(stream, count, ansi=ansi, write=write, note=cli.note).follow()


def _print_lines(lines: list[str]) -> None:
    printing.write("".join(f"{line}\n" for line in lines).encode("utf-8", "replace"))


def _print_objects(lines: list[str]) -> None:
    printing.write(b"".join(printing.json_line({"line": line}) for line in lines))
