"""`--open`, and `--new` without attaching: sessions created, nothing attached."""

from __future__ import annotations

from sesh.cli import printing
from sesh.ops import sessions
from sesh.reach import find

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.cli.invocation import Invocation
    from sesh.schema import Spec


def open_(
    cli: Invocation, name: str, directory: str | None = None, *, env: Sequence[str] = (), label: Sequence[str] = ()
) -> int:
    """`--open NAME [DIR] [-- CMD…]`: make sure that the session runs."""
    find.checked(name, "--open")
    target = cli.target
    target.sync()
    created = target.call(sessions.open_, name=name, spec=cli.spec(directory, env, label))
    return report(cli, name, created=created)


def new_detached(cli: Invocation, name: str | None, spec: Spec, choice: str) -> int:
    """`--new -d`, and `--new --json`: create a session and print its name."""
    target = cli.target
    target.sync()
    answer = target.call(sessions.new, name=name, spec=spec, choice=choice, quiet=cli.json)
    if not cli.json:
        printing.text(answer["name"])
    return report(cli, answer["name"], created=answer["created"])


def report(cli: Invocation, name: str, *, created: bool) -> int:
    """Print as JSON the session that is there now; return 0. A new name that looks like a verb is remarked on."""
    if created and name.isalpha():
        from sesh.cli import suggestions

        if other := suggestions.other_line(name):
            cli.note(f"{name} is a session now; did you mean: {other}?")
    if cli.json:
        printing.value({"ok": True, "name": name, "session": name, "host": cli.host, "created": created})
    return 0
