"""The verbs for the desktop of a session's person: `copy`, `paste`, `browse`."""

from __future__ import annotations

import base64
import os
from typing import Annotated

from typer import Argument, Option

from sesh.cli.parameters import Context, refuse_unused
from sesh.cli.printed import PrintedBrowsed, PrintedCopied, PrintedPasted, PrintedTypes, prints
from sesh.cli.printing import STDOUT
from sesh.desktop.targets import is_text
from sesh.errors import Refused
from sesh.ops import desktop
from sesh.system import descriptors
from sesh.text.safe import plain

Type = Annotated[
    str,
    Option("--type", "-t", metavar="TYPE", help="The type, such as image/png; or text, or image.", show_default=False),
]


@prints(PrintedCopied)
def copy(
    ctx: Context,
    text: Annotated[
        list[str] | None, Argument(metavar="TEXT…", help="What to copy; by default stdin.", show_default=False)
    ] = None,
    *,
    type: Type = "",  # noqa: A002 (the word of the command line)
) -> int:
    """Put TEXT, or stdin, on the clipboard of the machine at which you sit.

    It works in a session. The words of TEXT are joined by spaces. The type of stdin is guessed: a picture, or text.

    Examples:
      git diff | sesh copy
      sesh copy -t image/png < plot.png
      sesh copy -- "$url"
    """
    cli = ctx.obj
    data = os.fsencode(" ".join(text)) if text else descriptors.whole_stdin(desktop.MAX_BYTES, cli.stdin)
    return cli.out.done(type=desktop.copy(data, type), bytes=len(data))


@prints(PrintedPasted | PrintedTypes)
def paste(
    ctx: Context,
    *,
    type: Type = "",  # noqa: A002 (the word of the command line)
    list_: Annotated[bool, Option("--list", help="Print the types of what there is. (forward prints ports.)")] = False,
) -> int:
    """Print what is on the clipboard of the machine at which you sit.

    It works in a session, and needs your key: press Ctrl-V or Alt-V when a line asks for it.

    Examples:
      sesh paste
      sesh paste -t image/png > shot.png
      sesh paste --list
    """
    cli = ctx.obj
    if list_:
        refuse_unused("--list prints all types", {"--type": type or None})
        types = desktop.types()
        return cli.out.show({"types": types}, "\n".join(types)) if types or cli.line.json else cli.out.nothing_found()
    pasted = desktop.paste(type)
    data, is_shown = pasted.data, is_text(pasted.type)
    if cli.line.json:
        text = data.decode("utf-8", "replace") if is_shown else None
        encoded = None if is_shown else base64.b64encode(data).decode()
        return cli.out.done(type=pasted.type, bytes=len(data), text=text, base64=encoded)
    if not is_shown and os.isatty(STDOUT):
        what = f"the clipboard has {plain(pasted.type)}, which a terminal does not show"
        raise Refused(what, hint="write it to a file: > FILE")
    cli.out.write(data)
    return 0


@prints(PrintedBrowsed)
def browse(
    ctx: Context,
    url: Annotated[str, Argument(metavar="URL", help="An address of http or https.", show_default=False)],
) -> int:
    """Open a page in the browser of the machine at which you sit.

    It works in a session. An address on this machine, such as http://localhost:8000, is carried there.

    Examples:
      sesh browse https://example.org/
      sesh browse http://localhost:8000
    """
    return ctx.obj.out.done(url=desktop.browse(url))
