"""`--open`, and `--new` without attaching: a session made sure of, and said which."""

from __future__ import annotations

from sesh.cli import printing
from sesh.ops import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from sesh.cli.invocation import Invocation


def open_(
    cli: Invocation, name: str, directory: str | None = None, *, env: Sequence[str] = (), label: Sequence[str] = ()
) -> int:
    """`--open NAME [DIR] [-- CMD…]`: the session runs when this returns 0, made now or there before."""
    find.checked(name, "--open")
    target = cli.target
    target.sync()
    spec = {"directory": directory, "command": cli.command, "env": list(env), "label": list(label)}
    created = target.call("sessions.open_", name=name, spec=spec)
    if not created and (directory is not None or cli.command is not None):
        cli.note(f"{name} runs already; DIR and CMD are not applied")
    return made(cli, name, created=created)


def new(cli: Invocation, data: dict[str, Any]) -> int:
    """`--new` where nothing is attached: prints the name."""
    target = cli.target
    target.sync()
    answer = target.call("sessions.new", **data, quiet=cli.json)
    name = str(answer["name"])
    if not cli.json:
        printing.text(name)
    return made(cli, name, created=bool(answer["created"]))


def made(cli: Invocation, name: str, *, created: bool) -> int:
    """Says which session there is now, in JSON; 0."""
    if cli.json:
        printing.value({"ok": True, "name": name, "session": name, "host": cli.host, "created": created})
    return 0
