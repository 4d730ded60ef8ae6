"""`--watch`: the list, kept up to date on a terminal, or as lines of JSON."""

from __future__ import annotations

import os
import select

from sesh.cli import printing
from sesh.cli.tui import console, watcher
from sesh.cli.tui.live import await_change, entries
from sesh.errors import ExitCode, Refused
from sesh.names import check_label
from sesh.ops.index import SessionIndex

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from sesh.cli.invocation import Invocation
    from sesh.schema import Summary


def watch(cli: Invocation, *, label: Sequence[str] = ()) -> int:
    """`--watch [--label K=V]…`: draw the list again with each change; with `--json` print it in a line each time.

    Sessions that wait can be answered. q, Escape or Ctrl-C leave, and the last list stays on the terminal. Raises
    Refused without a terminal.
    """
    wanted = dict(map(check_label, label))
    hosts = cli.hosts or None
    if cli.json:
        return _follow(cli, hosts, wanted)
    if not printing.on_terminal() or console.dumb():
        raise Refused(
            "--watch needs a terminal that can move its cursor",
            hint="use $sesh --watch --json, or $sesh --list",
        )
    chosen = watcher.watch(cli.caller, hosts, wanted)
    if chosen is None:
        return 0
    from sesh.cli import attach

    cli.set_host(chosen[0])
    return attach.attach(cli, chosen[1])


def _follow(cli: Invocation, hosts: list[str] | None, wanted: dict[str, str]) -> int:
    """Print the sessions as `--list --json` does, a line for each change; return the exit code after Ctrl-C."""
    from sesh.reach.cancelling import Interrupts

    before: list[Summary] | None = None
    with Interrupts(tie=False, message="") as interrupts, SessionIndex(cli.caller, hosts) as index:
        while True:
            sessions: list[Summary] = [{**session, "host": key[0]} for key, session in entries(index, wanted).items()]
            if sessions != before and not (before is None and index.pending):
                printing.value(sessions)
                before = sessions
            ready = await_change(index, others={interrupts.inbound: select.POLLIN, printing.STDOUT: 0})
            if printing.STDOUT in ready:
                raise BrokenPipeError  # nobody reads it any more
            if interrupts.inbound in ready:
                os.read(interrupts.inbound, 16)
                return ExitCode.INTERRUPTED
