"""`--pick`: this terminal attached to a session that is chosen from a list."""

from __future__ import annotations

from sesh.cli import attach, printing
from sesh.cli.tui import picker
from sesh.errors import ExitCode, Refused
from sesh.names import check_label

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from typing_extensions import Unpack

    from sesh.cli.attach import ViewWords
    from sesh.cli.invocation import Invocation


def pick(cli: Invocation, *, label: Sequence[str] = (), **view: Unpack[ViewWords]) -> int:
    """`--pick [--label K=V]… [OPTIONS]`: attach to the chosen session; return the exit code of attaching.

    1 if nothing is chosen. Raises Refused without a terminal, NotFound if there is nothing to choose from.
    """
    wanted = dict(map(check_label, label))
    attach.check(view)
    if not printing.on_terminal():
        raise Refused("--pick needs a terminal", hint="use `$sesh --list` and `$sesh --attach NAME`")
    hosts = cli.hosts or None
    chosen, running = picker.choose(cli.caller, hosts, wanted)
    if chosen is None:
        return ExitCode.FAILED
    host, name = chosen
    if host == picker.DIRECTORY:
        return attach.into_directory(cli, name, **view)
    if host == picker.NEW:
        host = hosts[0] if hosts else None
    cli.set_host(host)
    if host is None and name in running:
        return attach.attach_to(cli, name, view)
    return attach.go(cli, [name], **view)
