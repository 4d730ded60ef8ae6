"""`sesh`, `sesh NAME` and `--here`: the list; or a session to attach to, which is created if there is none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sesh.about import SESH
from sesh.cli import attach, printing
from sesh.cli.attach import ViewWords
from sesh.cli.invocation import Invocation
from sesh.cli.list import show
from sesh.cli.verbs import load, named, near_verb, typed
from sesh.errors import NotFound, Unreachable
from sesh.names import check_name
from sesh.ops import create, enter
from sesh.ops.create import checked_directory
from sesh.reach import find
from sesh.reach.op import Entered
from sesh.reach.target import Target

if TYPE_CHECKING:
    from typing_extensions import Unpack


def go(
    cli: Invocation,
    name: str,
    directory: str | None = None,
    *,
    create: bool = False,
    env: Sequence[str] = (),
    label: Sequence[str] = (),
    **view: Unpack[ViewWords],
) -> int:
    """`sesh NAME [DIR] [-- CMD…]` and `sesh -`: attach to NAME, here or on a known remote, else create it here.

    `create`: `-A` was written, so NAME is no slip of a verb.
    """
    if name == "-":
        return attach.back(cli, view, directory)
    check_name(name)
    spec = cli.spec(directory, env, label)
    if view.get("read_only") and directory is None and cli.tail is None:
        return attach.attach(cli, name, **view)  # a new shell has nothing to watch
    if not printing.on_terminal():
        raise attach.without_terminal(name)
    near = "" if create else near_verb(name)
    if named(name) is not None:
        cli.remember(f"{name} is a verb, too: `{SESH} {typed(name)}` returns to this session")

    def entered(target: Target) -> Entered:
        return target.enter(enter.go, name=name, spec=spec, near=near)

    target = cli.find(name, creates=True)
    try:
        return attach.attach_terminal(cli, target, name, view, entered)
    except Unreachable:
        if target.host is not None or find.running(name) is not None:
            raise
        # The session ended between our connection and its answer: now it is created.
        return attach.attach_terminal(cli, target, name, view, entered)


def sessions(cli: Invocation) -> int:
    """`sesh` alone: show the sessions, as a board to pick from if the settings say so."""
    if printing.on_terminal() and not (cli.json or printing.dumb()) and cli.settings().pick:
        try:
            return int(load("choose.pick")(cli))
        except NotFound:
            pass  # the list says that there is nothing to pick from
    return show(cli)


def here(cli: Invocation, directory: str | None = None, **view: Unpack[ViewWords]) -> int:
    """`--here [DIR] [-- CMD…] [OPTIONS]`: attach to the session of a directory's repository, created if missing."""
    directory = checked_directory(cli, ".") if directory is None else directory
    target = cli.target
    session = target.call(create.here, directory=directory)
    name, spec = session["name"], cli.spec(None if session["there"] else session["directory"], (), ())
    if not printing.on_terminal():
        raise attach.without_terminal(name)
    return attach.attach_terminal(cli, target, name, view, lambda target: target.enter(enter.go, name=name, spec=spec))
