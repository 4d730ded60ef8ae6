"""A session that a verb has created, or found, without attaching to it."""

from __future__ import annotations

from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.invocation import Invocation
from sesh.cli.verbs import named
from sesh.ops import enter
from sesh.schema import Spec


def new_detached(cli: Invocation, name: str | None, spec: Spec, choice: str) -> int:
    """`--new -d`, and `--new --json`: create a session and print its name."""
    target = cli.target
    target.sync()
    answer = target.call(enter.new_detached, name=name, spec=spec, choice=choice, quiet=cli.json)
    if not cli.json:
        printing.text(answer["name"])
    return report_session(cli, answer["name"], created=answer["created"])


def report_session(cli: Invocation, name: str, *, created: bool) -> int:
    """Print as JSON the session that is there now; return 0. A new name that is a verb is remarked on."""
    if created and named(name) is not None:
        cli.note(f"{name} is a session now; `{SESH} {name}` is a verb: `{SESH} -A {name}` attaches to it")
    return cli.done(name=name, session=name, host=cli.host, created=created)
