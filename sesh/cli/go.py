"""`sesh NAME`, `sesh -`, and the functions that all attaching verbs share. Loads no typer."""

from __future__ import annotations

from sesh.about import SESH
from sesh.cli import printing
from sesh.cli.attach import NO_OPTIONS, View, attach_terminal, contains_this_terminal
from sesh.cli.invocation import Invocation
from sesh.cli.verbs import find_verb, similar_verb, words_for
from sesh.errors import NotFound, Unreachable, UsageError
from sesh.messages import Hello
from sesh.names import check_name
from sesh.ops import enter, sessions
from sesh.reach import find
from sesh.reach.op import Entered
from sesh.reach.target import Target
from sesh.schema import Spec


def go(cli: Invocation, name: str, spec: Spec | None = None, view: View = NO_OPTIONS) -> int:
    """Attach to NAME, here or on a known remote, else create it here; `-` is the session attached last."""
    spec = cli.spec() if spec is None else spec
    bare = spec["directory"] is None and spec["command"] is None
    if name == "-":
        if not bare:
            raise UsageError(f"`{SESH} -` attaches to the last session, and creates no new one; omit DIR and CMD")
        return back(cli, view)
    check_name(name)
    if view.read_only and bare:
        return attach(cli, name, view)  # a new shell has nothing to watch
    similar = similar_verb(name) if bare and not cli.line.create else ""
    if find_verb(name) is not None:
        cli.remember(f"{name} is a verb, too: `{SESH} {words_for(name)}` returns to this session")

    target = cli.find(name, creates=True)

    def entered(hello: Hello | None) -> Entered:
        return target.enter(enter.go, hello, name=name, spec=spec, near=similar)

    try:
        return attach_terminal(cli, target, name, entered, view)
    except Unreachable:
        if target.host is not None or find.running(name) is not None:
            raise
        # The session ended while sesh connected to it: the second call creates it again.
        return attach_terminal(cli, target, name, entered, view)


def attach(cli: Invocation, name: str, view: View = NO_OPTIONS) -> int:
    """Attach to a session that must exist; `-` is the one attached last. Raises NotFound."""
    if name == "-":
        return back(cli, view)
    check_name(name)
    return _attach_to(cli, cli.find(name), name, view)


def _attach_to(cli: Invocation, target: Target, name: str, view: View) -> int:
    if not printing.on_terminal() and name != "-":
        target.call(sessions.there, name=name, required=True)  # raises NotFound
    return attach_terminal(cli, target, name, lambda hello: target.enter(enter.attach, hello, name=name), view)


def back(cli: Invocation, view: View) -> int:
    """Attach to the last attached session that still runs and that this terminal is not in. Raises NotFound."""
    if cli.host is not None:
        return _attach_to(cli, cli.target, "-", view)
    for host, name in enter.recent():
        if host is None and contains_this_terminal(name):
            continue
        cli.host = host
        try:
            return _attach_to(cli, cli.target, name, view)
        except NotFound:
            continue  # the session has ended, or was lost
    cli.host = None
    raise NotFound("there is no previous session on this machine", hint=f"`{SESH}` lists the sessions")
